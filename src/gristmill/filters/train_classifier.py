"""A quality classifier trained by the recipe: fastText on some sources as good examples and others as bad ones.

What is known to go wrong in RedPajama's reproduction of LLaMA's classifier is avoided: there the good examples have at least
1,000 characters and the bad ones any number, so that length tells them apart; and a constant in the place of the digest lets
all duplicates of good examples through.

    count:   a task per shard  → surviving documents
    sample:  a task per shard  → <shard>.arrow: some of them, chosen by a hash of seed and id
    train:   one task          → model.bin, classifier.json with precision, recall and AUC on examples held out

Both classes have as many examples as the smaller can give. Training has one thread: same examples, same bytes.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import xxhash
from pydantic import model_validator

from gristmill import storage
from gristmill.commit import Commit, read_receipt
from gristmill.dataset import ShardRef
from gristmill.errors import UserError
from gristmill.filters.classifier import MODEL, REPORT, prepared, scores
from gristmill.filters.classifier_evaluation import evaluation
from gristmill.filters.fasttext_model import LABEL_PREFIX
from gristmill.stage import Phase, Scope, SourceRef, Task, TrainedModel, setting

HASHES = 1 << 64
SPARE = 2  # times as many documents are sampled as wanted, since duplicates and short ones go
LEAST = 10  # examples of a class
SAMPLE = pa.schema(
    [("key", pa.uint64()), ("digest", pa.binary(16)), ("bytes", pa.int64()), ("line", pa.large_string())]
)


class TrainClassifier(TrainedModel):
    """Train a fastText classifier that tells the documents of some sources from those of others."""

    kind = "train_classifier"
    makes = "classifier"

    positive: list[SourceRef] = setting(..., "sources of good examples", min_length=1)
    negative: list[SourceRef] = setting(..., "sources of bad examples", min_length=1)
    positive_label: str = setting("hq", "label of good examples", source="DCLM", pattern=r"^\w+$")
    negative_label: str = setting("cc", "label of bad examples", source="DCLM; RedPajama v1", pattern=r"^\w+$")
    examples: int = setting(
        200_000, "most examples of each class", source="DCLM: about 200,000 [C]", unit="documents", ge=LEAST
    )
    min_characters: int = setting(
        200,
        "shorter documents are no examples of either class",
        source="this project's choice; RedPajama v1: 1,000, of good examples alone",
        unit="characters",
        ge=1,
    )
    max_characters: int = setting(
        100_000, "longer documents are cut to this", source="this project's choice", unit="characters", ge=1
    )
    held_out: float = setting(
        0.1, "examples kept for the evaluation", source="this project's choice", unit="share of examples", gt=0, le=0.5
    )
    word_ngrams: int = setting(
        2, "longest runs of words that are features", source="DCLM; RedPajama v1: 1", unit="words", ge=1, le=5
    )
    buckets: int = setting(
        2_000_000, "slots for runs of words; a slot takes 4 × dimensions bytes", source="fastText's default; DCLM", ge=1
    )
    dimensions: int = setting(100, "length of a feature's vector", source="fastText's default; DCLM", ge=1)
    epochs: int = setting(5, "passes over the examples", source="fastText's default; DCLM", ge=1)
    learning_rate: float = setting(0.1, "step at the beginning", source="fastText's default; DCLM", gt=0)
    min_count: int = setting(1, "rarer words are no features", source="fastText's default; DCLM", ge=1)
    seed: int = setting(1, "another seed, other examples and another start", source="this project's choice", ge=0)

    @model_validator(mode="after")
    def _classes_differ(self) -> TrainClassifier:
        if both := sorted(set(self.positive) & set(self.negative)):
            raise ValueError(f"{both[0]!r} is among the good examples and the bad ones")
        if self.positive_label == self.negative_label:
            raise ValueError(f"both classes are labelled {self.positive_label!r}")
        return self

    def phases(self, scope: Scope) -> Iterator[Phase]:
        count = scope.phase("count", [CountDocuments(_task_name(shard), shard) for shard in scope.shards])
        yield count
        documents = {True: 0, False: 0}
        for shard in scope.shards:
            receipt = read_receipt(count.folder, _task_name(shard))
            if receipt is None:
                raise FileNotFoundError(f"{count.folder}/{_task_name(shard)}: not counted yet")
            documents[shard.source in self.positive] += receipt.counts["documents"]
        limits = {
            good: min(HASHES, HASHES * SPARE * self.examples // max(1, number)) for good, number in documents.items()
        }
        sample = scope.phase(
            "sample",
            [SampleExamples(_task_name(s), s, self, limits[s.source in self.positive]) for s in scope.shards],
        )
        yield sample
        files = tuple(storage.join(sample.folder, f"{task.name}.arrow") for task in sample.tasks)
        good = tuple(shard.source in self.positive for shard in scope.shards)
        yield Phase("train", scope.folder, (FitClassifier("classifier", self, files, good, scope.memory),))


def _task_name(shard: ShardRef) -> str:
    return f"{shard.source}@{shard.name}"


@dataclass(frozen=True)
class CountDocuments(Task):
    """Surviving documents of a shard."""

    name: str
    shard: ShardRef
    units = "shards"

    def run(self, commit: Commit) -> None:
        commit.count(documents=sum(int(batch.keep.sum()) for batch in self.shard.batches()))


@dataclass(frozen=True)
class SampleExamples(Task):
    """Survivors whose hash of seed and id is below a limit and that are long enough, each as one line."""

    name: str
    shard: ShardRef
    training: TrainClassifier
    limit: int
    units = "shards"

    def run(self, commit: Commit) -> None:
        options = pa.ipc.IpcWriteOptions(compression="zstd")
        commit.count(documents=0)
        with (
            pa.OSFile(commit.path(f"{self.name}.arrow"), "wb") as stream,
            pa.ipc.new_file(stream, SAMPLE, options=options) as writer,
        ):
            for batch in self.shard.batches(["id"], texts=True):
                ids = batch.column("id").to_pylist()
                rows: list[tuple[int, bytes, int, str]] = []
                for row in np.flatnonzero(batch.keep).tolist():
                    key = xxhash.xxh3_64_intdigest(ids[row].encode(), self.training.seed)
                    line = prepared(batch.texts[row]) if key < self.limit else ""
                    if len(line) >= self.training.min_characters:
                        line = line[: self.training.max_characters]
                        data = line.encode()
                        rows.append((key, xxhash.xxh3_128_digest(data), len(data), line))
                if rows:
                    arrays = [
                        pa.array(column, kind.type)
                        for column, kind in zip(zip(*rows, strict=True), SAMPLE, strict=True)
                    ]
                    writer.write_batch(pa.record_batch(arrays, schema=SAMPLE))
                commit.count(documents=len(rows))


# -- training ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Example:
    """Where an example lies, without its text."""

    key: int
    digest: bytes
    good: bool


@dataclass(frozen=True)
class FitClassifier(Task):
    """Chooses the examples, trains, evaluates. In memory: keys and digests of the sample, a part of the texts, the model."""

    name: str
    training: TrainClassifier
    files: tuple[str, ...]
    good: tuple[bool, ...]  # of each file
    memory: int
    units = "classifiers"

    def run(self, commit: Commit) -> None:
        import fasttext_new

        settings = self.training
        chosen = chosen_examples(self._examples(), settings.examples)
        half = len(chosen) // 2
        if half < LEAST:
            raise UserError(
                f"{settings.name}: {half} examples a class are left to train on, at least {LEAST} are needed",
                hint="see what the sources' filters dropped, or lower min_characters",
            )
        held = set(held_out_examples(chosen, settings.held_out))
        with tempfile.TemporaryDirectory(prefix="gristmill-") as folder:
            train, test = Path(folder, "train.txt"), Path(folder, "test.txt")
            self._write([example for example in chosen if example not in held], train)
            self._write([example for example in chosen if example in held], test)
            model = fasttext_new.train_supervised(
                input=str(train),
                lr=settings.learning_rate,
                dim=settings.dimensions,
                epoch=settings.epochs,
                minCount=settings.min_count,
                wordNgrams=settings.word_ngrams,
                bucket=settings.buckets,
                loss="softmax",
                thread=1,
                seed=settings.seed,
                verbose=0,
            )
            model.save_model(commit.path(MODEL))
            found = self._evaluate(fasttext_new.load_model(commit.path(MODEL)), test)
        report = {
            "labels": {"positive": settings.positive_label, "negative": settings.negative_label},
            "examples_per_class": {"trained": (len(chosen) - len(held)) // 2, "held_out": len(held) // 2},
            "held_out": found,
        }
        with open(commit.path(REPORT), "w", encoding="utf-8") as stream:
            json.dump(report, stream, indent=2, sort_keys=True)
            stream.write("\n")
        commit.count(examples=len(chosen), held_out=len(held))

    def _batches(self) -> Iterator[tuple[bool, pa.RecordBatch]]:
        for file, good in zip(self.files, self.good, strict=True):
            with storage.open_input(file) as stream:
                reader = pa.ipc.open_file(stream)
                for number in range(reader.num_record_batches):
                    yield good, reader.get_batch(number)

    def _examples(self) -> list[Example]:
        return [
            Example(key, digest, good)
            for good, batch in self._batches()
            for key, digest in zip(batch.column("key").to_pylist(), batch.column("digest").to_pylist(), strict=True)
        ]

    def _write(self, examples: list[Example], path: Path) -> None:
        """Labelled lines in the order of the keys, so that the classes mix. Sorted part by part, each of bounded size."""
        wanted = {(example.key, example.digest): example.good for example in examples}
        size = sum(length for _, batch in self._batches() for length in batch.column("bytes").to_pylist())
        parts = max(1, -(-size * 4 // self.memory))
        labels = {True: self.training.positive_label, False: self.training.negative_label}
        folder = path.with_suffix(".parts")
        folder.mkdir()
        files = [folder / f"{part:05d}" for part in range(parts)]
        with contextlib.ExitStack() as stack:
            streams = [stack.enter_context(file.open("w", encoding="utf-8", newline="\n")) for file in files]
            for good, batch in self._batches():
                columns = (batch.column(name).to_pylist() for name in ("key", "digest", "line"))
                for key, digest, line in zip(*columns, strict=True):
                    if wanted.get((key, digest)) is good:
                        del wanted[key, digest]  # the same document may come by two ways
                        place = streams[key * parts // HASHES]
                        place.write(f"{key:016x}{digest.hex()} {LABEL_PREFIX}{labels[good]} {line}\n")
        with path.open("w", encoding="utf-8", newline="\n") as stream:
            for file in files:
                with file.open(encoding="utf-8", newline="\n") as part_stream:
                    stream.writelines(line.partition(" ")[2] for line in sorted(part_stream))
                file.unlink()
        folder.rmdir()

    def _evaluate(self, model: Any, test: Path) -> dict[str, float]:
        good, lines = [], []
        with test.open(encoding="utf-8", newline="\n") as stream:
            for line in stream:
                label, _, text = line.rstrip("\n").partition(" ")
                good.append(label == LABEL_PREFIX + self.training.positive_label)
                lines.append(text)
        found = scores(model, LABEL_PREFIX + self.training.positive_label, lines)
        return evaluation(np.array(good, bool), found)


def chosen_examples(examples: list[Example], most: int) -> list[Example]:
    """As many of each class, at most `most`, with the lowest keys; texts that stand in both classes are in neither."""
    first: dict[tuple[bool, bytes], Example] = {}
    for example in sorted(examples, key=lambda each: (each.key, each.digest)):
        first.setdefault((example.good, example.digest), example)
    classes = [
        [example for (good, digest), example in first.items() if good is wanted and (not wanted, digest) not in first]
        for wanted in (True, False)
    ]
    number = min(most, *map(len, classes))
    return [example for examples in classes for example in examples[:number]]


def held_out_examples(chosen: list[Example], share: float) -> list[Example]:
    """The first of each class, which are in order of their keys: any share of them is a fair sample."""
    half = len(chosen) // 2
    number = max(1, round(half * share))
    return [*chosen[:number], *chosen[half : half + number]]
