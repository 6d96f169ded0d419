"""Training a tokenizer on a seeded sample of the surviving documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
import pyarrow as pa
import xxhash

from gristmill import storage
from gristmill.commit import Commit, read_receipt
from gristmill.dataset import ShardRef
from gristmill.errors import UserError
from gristmill.stage import Phase, PhasedStage, Scope, Task, setting
from gristmill.tokenize import falcon
from gristmill.tokenize.sentencepiece_model import train_sentencepiece
from gristmill.tokenize.settings import TrainSettings
from gristmill.tokenize.tokenizer_file import FILES

HASHES = 1 << 64


class TrainTokenizer(PhasedStage):
    """Train a tokenizer on documents sampled from every source."""

    kind = "train_tokenizer"
    version = 2

    train: TrainSettings = setting(factory=TrainSettings, doc="how")

    def check(self) -> None:
        if self.train.style == "llama" and find_spec("sentencepiece") is None:
            raise UserError(
                "tokenize.train: style llama needs sentencepiece, which is not installed",
                hint="pip install sentencepiece",
            )

    def warm(self) -> None:
        if self.train.style == "falcon":  # what comes of it is encoded by our own kernels
            from gristmill.tokenize import falcon_engine

            falcon_engine.warm()

    def phases(self, scope: Scope) -> Iterator[Phase]:
        measure = scope.phase(
            "measure",
            [MeasureShard(_task_name(shard), shard, self.train.document_bytes) for shard in scope.shards],
        )
        yield measure
        sizes: dict[str, int] = {}
        for shard in scope.shards:
            receipt = read_receipt(measure.folder, _task_name(shard))
            if receipt is None:
                raise FileNotFoundError(f"{measure.folder}/{_task_name(shard)}: not measured yet")
            sizes[shard.source] = sizes.get(shard.source, 0) + receipt.counts["bytes"]
        if not any(sizes.values()):
            raise UserError(
                "no document is left to train a tokenizer on",
                hint="see what the filters dropped, or give a tokenizer.json as tokenize.tokenizer",
            )
        chosen = chosen_bytes(sizes, self.train.sample_bytes, self.train.balance)
        sample = scope.phase(
            "sample",
            [
                SampleShard(
                    _task_name(shard),
                    shard,
                    self.train,
                    HASHES * chosen[shard.source] // max(1, sizes[shard.source]),
                )
                for shard in scope.shards
            ],
        )
        yield sample
        files = tuple(storage.join(sample.folder, f"{task.name}.arrow") for task in sample.tasks)
        yield Phase("train", scope.folder, (TrainOnSample("tokenizer", files, self.train),))


def _task_name(shard: ShardRef) -> str:
    return f"{shard.source}@{shard.name}"


def chosen_bytes(sizes: Mapping[str, int], budget: int, balance: str) -> dict[str, int]:
    """Bytes to sample from each source, `budget` in all or everything there is.

    equal: as much of each source; what a small one cannot give, the others do.
    """
    if sum(sizes.values()) <= budget:
        return dict(sizes)
    if balance == "proportional":
        return {source: budget * size // sum(sizes.values()) for source, size in sizes.items()}
    chosen: dict[str, int] = {}
    left = budget
    for number, (source, size) in enumerate(sorted(sizes.items(), key=lambda entry: (entry[1], entry[0]))):
        chosen[source] = min(size, left // (len(sizes) - number))
        left -= chosen[source]
    return chosen


@dataclass(frozen=True)
class MeasureShard(Task):
    """Counts a shard's surviving documents and bytes, each document up to `document_bytes`."""

    name: str
    shard: ShardRef
    document_bytes: int
    units = "shards"

    def run(self, commit: Commit) -> None:
        commit.count(documents=0, bytes=0)
        for batch in self.shard.batches(["bytes"]):
            sizes = batch.numbers("bytes")[batch.keep]
            commit.count(documents=len(sizes), bytes=int(np.minimum(sizes, self.document_bytes).sum()))


@dataclass(frozen=True)
class SampleShard(Task):
    """Writes the texts of the surviving documents whose 64-bit hash of seed and id is below `threshold`."""

    name: str
    shard: ShardRef
    train: TrainSettings
    threshold: int
    units = "shards"

    def run(self, commit: Commit) -> None:
        schema = pa.schema([("text", pa.large_string())])
        options = pa.ipc.IpcWriteOptions(compression="zstd")
        commit.count(documents=0, bytes=0)
        with (
            pa.OSFile(commit.path(f"{self.name}.arrow"), "wb") as stream,
            pa.ipc.new_file(stream, schema, options=options) as writer,
        ):
            for batch in self.shard.batches(["id"], texts=True):
                kept = np.flatnonzero(batch.keep)
                names = batch.column("id").take(pa.array(kept)).to_pylist()
                rows = [row for row, name in zip(kept.tolist(), names, strict=True) if self._chosen(name)]
                if rows:
                    texts = [self._head(batch.texts.data, *batch.texts.offsets[row : row + 2]) for row in rows]
                    writer.write_batch(pa.record_batch([pa.array(texts, pa.large_string())], schema=schema))
                    commit.count(documents=len(rows), bytes=sum(len(text) for text in texts))

    def _chosen(self, document: str) -> bool:
        return xxhash.xxh3_64_intdigest(document.encode(), self.train.seed) < self.threshold

    def _head(self, data: np.ndarray, start: int, end: int) -> bytes:
        """The first `document_bytes` of a text, without a torn last character."""
        if end - start <= self.train.document_bytes:
            return data[start:end].tobytes()
        cut = data[start : start + self.train.document_bytes].tobytes()
        return cut.decode("utf-8", "ignore").encode()


@dataclass(frozen=True)
class TrainOnSample(Task):
    """Trains on the sample files in their order: same sample, same tokenizer, byte for byte."""

    name: str
    files: tuple[str, ...]
    train: TrainSettings
    units = "tokenizers"

    def run(self, commit: Commit) -> None:
        if self.train.style == "llama":
            model = train_sentencepiece(_texts(self.files), self.train.entries, self.train.tokens)
            with open(commit.path(FILES["sentencepiece"]), "wb") as file:
                file.write(model)
            commit.count(vocabulary=self.train.entries)
            return
        tokenizer = train_byte_bpe(_texts(self.files), self.train)
        with open(commit.path(FILES["json"]), "w", encoding="utf-8") as stream:
            stream.write(tokenizer.to_str(pretty=True) + "\n")
        commit.count(vocabulary=tokenizer.get_vocab_size())


def _texts(files: tuple[str, ...]) -> Iterator[list[str]]:
    for file in files:
        with storage.open_input(file) as stream:
            reader = pa.ipc.open_file(stream)
            for number in range(reader.num_record_batches):
                yield reader.get_batch(number).column("text").to_pylist()


def word_pattern(digits: str) -> str:
    """How text is split into words: as GPT-2 does, or, where numbers are split too, as GPT-4 (threes) and Qwen 2 (single).

    Published patterns to the letter, and one pattern each: fast encoders know them and have a short way for them.
    """
    if digits == "none":
        return r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
    numbers = {"single": r"\p{N}", "groups_of_three": r"\p{N}{1,3}"}[digits]
    words = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+"
    return "|".join([words, numbers, r" ?[^\s\p{L}\p{N}]+[\r\n]*", r"\s*[\r\n]+", r"\s+(?!\S)", r"\s+"])


def train_byte_bpe(texts: Iterator[list[str]], train: TrainSettings) -> Any:
    """A byte-level BPE tokenizer like GPT-2's or Falcon's. Nothing is normalised, so text comes back whole."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = falcon.pre_tokenizer()
    if train.style != "falcon":
        split = pre_tokenizers.Split(Regex(word_pattern(train.digits or "single")), "isolated")
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
        )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=train.entries,
        min_frequency=train.minimum_frequency,
        special_tokens=list(train.tokens),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer
