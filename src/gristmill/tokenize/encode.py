"""Text → token ids, once per source: what a mixture or a sequence length changes comes after this."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from gristmill.commit import Commit
from gristmill.dataset import Batch, ShardRef
from gristmill.stage import Location, Phase, PhasedStage, Scope, Task, setting
from gristmill.tokenize import encoded
from gristmill.tokenize.encoded import EncodedWriter, Encoding
from gristmill.tokenize.engines import Engine, Name, Unusable, candidates, open_engine, require_engine, unusable
from gristmill.tokenize.tokenizer_file import AUTO, SchemeName, TokenizerFile, Width, trained_file

CALL_BYTES = 1 << 20  # text per call of the tokenizer: its results are some hundred bytes a token

REASON_CHARACTERS = 400  # a library's own words may quote all of a pattern


class Encode(PhasedStage):
    """Turn the surviving documents of a source into token ids, in input order."""

    kind = "encode"
    version = 2

    tokenizer: Location | None = setting(None, "a tokenizer's file; null: the one trained by this recipe")
    scheme: SchemeName | None = setting(None, "how a .tiktoken file splits text")
    bos: str | None = setting(AUTO, "token put before every document")
    eos: str | None = setting(AUTO, "token put after every document")
    dtype: Width = setting("auto", "how ids are stored")
    engine: Name = setting("auto", "library that encodes")

    def check(self) -> None:
        if self.tokenizer is not None:
            file = TokenizerFile.read(self.tokenizer, self.scheme)
            describe(file, self)
            require_engine(self.engine, file)

    def warm(self) -> None:
        if self.tokenizer is not None and "gristmill" in candidates(self.engine, TokenizerFile.read(self.tokenizer)):
            from gristmill.tokenize import falcon_engine

            falcon_engine.warm()

    def phases(self, scope: Scope) -> Iterator[Phase]:
        location = tokenizer_location(self.tokenizer, scope)
        tasks: list[Task] = [
            EncodeShard(shard.name, shard, location, self, rows)
            for shard, rows in zip(scope.shards, scope.rows, strict=True)
        ]
        yield scope.phase(encoded.FOLDER, tasks)


def tokenizer_location(location: str | None, scope: Scope) -> str:
    return location or trained_file(scope.inputs["tokenizer"])


def describe(file: TokenizerFile, stage: Encode) -> Encoding:
    """Raises UserError when the file is no tokenizer, lacks a begin or end token, or exceeds the dtype."""
    bos, eos = file.ends(stage.bos, stage.eos)
    return Encoding(
        file.name,
        file.checksum,
        file.scheme,
        file.vocabulary,
        file.dtype(stage.dtype).name,
        bos,
        eos,
        file.token_id(bos, "bos"),
        file.token_id(eos, "eos"),
    )


@dataclass(frozen=True)
class EncodeShard(Task):
    """Encodes one shard. Documents without a single token are left out and counted as `empty`.

    The receipt says which engine was used (`engine.<name>`), which were passed over (`passed_over.<name>.<reason>`) and why in
    words (`because.<name>.<words>`), and of how many documents the begin and end token stand in the ids exactly once.
    """

    name: str
    shard: ShardRef
    tokenizer: str
    stage: Encode
    weight: float
    units = "shards"

    def run(self, commit: Commit) -> None:
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # the pipeline's workers are the parallelism
        file = TokenizerFile.read(self.tokenizer, self.stage.scheme)
        commit.inputs["tokenizer"] = file.checksum
        encoding = describe(file, self.stage)
        passed_over: dict[str, int] = {}
        for name in candidates(self.stage.engine, file):
            try:
                counts = self._encode(commit, open_engine(name, file), encoding)
            except Unusable as error:
                if self.stage.engine != "auto":
                    raise unusable(name, file, error) from error
                passed_over[f"passed_over.{name}.{error.reason}"] = 1
                passed_over[f"because.{name}.{str(error)[:REASON_CHARACTERS]}"] = 1
                continue
            used = file.reference.package if name == "reference" else name
            commit.count(**counts, **passed_over, **{f"engine.{used}": 1})
            return

    def _encode(self, commit: Commit, engine: Engine, encoding: Encoding) -> Counter[str]:
        """Writes the whole shard, anew when another engine has begun it. Returns what to count."""
        times = 2 if encoding.bos_id == encoding.eos_id else 1  # one token in both roles
        counts = Counter(dict.fromkeys(("documents", "tokens", "bytes", "empty", "bos_once", "eos_once"), 0))
        with EncodedWriter(commit, self.name, encoding) as writer:
            for batch in self.shard.batches(["id"], texts=True):
                for rows in _calls(batch):
                    ids, lengths = engine.encode([batch.texts[row] for row in rows.tolist()])
                    kept = lengths > 0
                    ids, lengths = add_ends(ids, lengths[kept], encoding)
                    counts["documents"] += len(lengths)
                    counts["tokens"] += len(ids)
                    counts["bytes"] += int(batch.texts.lengths[rows].sum())
                    counts["empty"] += int((~kept).sum())
                    if len(lengths):
                        counts["bos_once"] += documents_with(times, encoding.bos_id, ids, lengths)
                        counts["eos_once"] += documents_with(times, encoding.eos_id, ids, lengths)
                        names = batch.column("id").take(pa.array(rows[kept]))
                        writer.write(ids, lengths, batch.first_row + rows[kept], names)
        return counts


def documents_with(times: int, token: int | None, ids: np.ndarray, lengths: np.ndarray) -> int:
    """How many documents have `token` exactly that many times among their ids."""
    if token is None:
        return 0
    places = np.flatnonzero(ids == token)
    found = np.bincount(np.searchsorted(np.cumsum(lengths), places, side="right"), minlength=len(lengths))
    return int((found == times).sum())


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
