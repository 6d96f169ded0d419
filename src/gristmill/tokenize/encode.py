"""Text → token ids, once per source: what a mixture or a sequence length changes comes after this."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from gristmill import storage
from gristmill.commit import Commit
from gristmill.dataset import Batch, ShardRef
from gristmill.stage import Location, Phase, PhasedStage, Scope, Task, setting
from gristmill.tokenize import encoded, tokenizer_file
from gristmill.tokenize.encoded import EncodedWriter, Encoding
from gristmill.tokenize.engines import Name, check_agreement, open_engine
from gristmill.tokenize.tokenizer_file import TokenizerFile, Width

CALL_BYTES = 1 << 20  # text per call of the tokenizer: its results are some hundred bytes a token
CHECK_TEXTS, CHECK_CHARACTERS = 32, 4096  # of each shard, to see that a fast engine agrees with the reference


class Encode(PhasedStage):
    """Turn the surviving documents of a source into token ids, in input order."""

    kind = "encode"

    tokenizer: Location | None = setting(None, "a tokenizer.json; null: the one trained by this recipe")
    bos: str | None = setting(None, "token put before every document")
    eos: str | None = setting("<|endoftext|>", "token put after every document")
    dtype: Width = setting("auto", "how ids are stored")
    engine: Name = setting("tokenizers", "library that encodes")

    def check(self) -> None:
        if self.tokenizer is not None:
            file = TokenizerFile.read(self.tokenizer)
            describe(file, self)
            open_engine(self.engine, file)

    def phases(self, scope: Scope) -> Iterator[Phase]:
        location = tokenizer_location(self.tokenizer, scope)
        tasks: list[Task] = [
            EncodeShard(shard.name, shard, location, self, rows)
            for shard, rows in zip(scope.shards, scope.rows, strict=True)
        ]
        yield scope.phase(encoded.FOLDER, tasks)


def tokenizer_location(location: str | None, scope: Scope) -> str:
    return location or storage.join(scope.inputs["tokenizer"], tokenizer_file.FILE)


def describe(file: TokenizerFile, stage: Encode) -> Encoding:
    """Raises UserError when the file is no tokenizer, lacks a begin or end token, or exceeds the dtype."""
    return Encoding(
        file.checksum,
        file.vocabulary,
        file.dtype(stage.dtype).name,
        stage.bos,
        stage.eos,
        file.token_id(stage.bos, "bos"),
        file.token_id(stage.eos, "eos"),
    )


@dataclass(frozen=True)
class EncodeShard(Task):
    """Encodes one shard. Documents without a single token are left out and counted as `empty`."""

    name: str
    shard: ShardRef
    tokenizer: str
    stage: Encode
    weight: float
    units = "shards"

    def run(self, commit: Commit) -> None:
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # the pipeline's workers are the parallelism
        file = TokenizerFile.read(self.tokenizer)
        commit.inputs["tokenizer"] = file.checksum
        encoding = describe(file, self.stage)
        engine = open_engine(self.stage.engine, file)
        checked = self.stage.engine == "tokenizers"
        commit.count(documents=0, tokens=0, bytes=0, empty=0)
        with EncodedWriter(commit, self.name, encoding) as writer:
            for batch in self.shard.batches(["id"], texts=True):
                for rows in _calls(batch):
                    texts = [batch.texts[row] for row in rows.tolist()]
                    if not checked:
                        check_agreement(engine, file, [text[:CHECK_CHARACTERS] for text in texts[:CHECK_TEXTS]])
                        checked = True
                    ids, lengths = engine.encode(texts)
                    kept = lengths > 0
                    ids, lengths = add_ends(ids, lengths[kept], encoding)
                    size = int(batch.texts.lengths[rows].sum())
                    commit.count(documents=len(lengths), tokens=len(ids), bytes=size, empty=int((~kept).sum()))
                    if len(lengths):
                        names = batch.column("id").take(pa.array(rows[kept]))
                        writer.write(ids, lengths, batch.first_row + rows[kept], names)


def add_ends(ids: np.ndarray, lengths: np.ndarray, encoding: Encoding) -> tuple[np.ndarray, np.ndarray]:
    """The ids with the begin and end token around every document, and the documents' new lengths."""
    ends = np.cumsum(lengths)
    around = [
        (place, number)
        for place, number in ((ends - lengths, encoding.bos_id), (ends, encoding.eos_id))
        if number is not None
    ]
    if not around:
        return ids, lengths
    places = np.stack([place for place, _ in around], axis=1).reshape(-1)  # an end comes before the next begin
    return np.insert(ids, places, np.tile([number for _, number in around], len(lengths))), lengths + len(around)


def _calls(batch: Batch) -> Iterator[np.ndarray]:
    """The surviving rows in groups of about CALL_BYTES of text."""
    rows = np.flatnonzero(batch.keep)
    if len(rows):
        ends = np.cumsum(batch.texts.lengths[rows])
        yield from np.split(rows, np.flatnonzero(np.diff(ends // CALL_BYTES)) + 1)
