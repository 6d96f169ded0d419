"""Head, middle, tail: documents by how well a language model of good text predicts them.

CCNet's cut-offs are frozen: percentiles 30 and 60 of its own crawl for its own models. A model trained otherwise needs
cut-offs of its own, which `perplexity_buckets` takes from the run's documents, language by language.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import pyarrow as pa

from gristmill import storage
from gristmill.commit import Commit
from gristmill.dataset import Batch, LayerWriter, ShardRef, drop_reasons, layer_schema
from gristmill.stage import GlobalStage, Phase, Scope, Task, setting

COLUMNS = ("perplexity.perplexity", "language.code")
BUCKETS = ("head", "middle", "tail", "all")
Bucket = Literal["head", "middle", "tail", "all"]
CCNET = {
    "en": (340, 520), "de": (370, 590), "fr": (180, 330), "es": (180, 290), "it": (220, 360), "pt": (170, 270),
    "pl": (160, 260), "nl": (430, 650), "ro": (180, 270), "cs": (820, 1140),
}  # fmt: skip
"""Head below the first, tail from the second on: those of cc_net's table that were at hand, which has 48 languages [A]."""

STEPS = 1000  # bins of perplexity to a factor of e: cut-offs are right to 0.1 %
BINS = 64 * STEPS


def bucket_numbers(
    perplexities: np.ndarray, languages: Sequence[str | None], cutoffs: Mapping[str, Sequence[float]]
) -> np.ndarray:
    """Places in BUCKETS, int16 (rows,): head below the first cut-off of the language, middle below the second, tail; all
    without perplexity or cut-offs, as in CCNet."""
    nothing = (np.nan, np.nan)
    limits = np.array([cutoffs.get(code or "", nothing)[:2] for code in languages], np.float64).reshape(-1, 2)
    found = np.where(perplexities < limits[:, 0], 0, np.where(perplexities < limits[:, 1], 1, 2))
    return np.where(np.isnan(perplexities) | np.isnan(limits[:, 0]), 3, found).astype(np.int16)


class PerplexityBuckets(GlobalStage):
    """Sort documents into head, middle and tail by perplexity, and keep the buckets named.

    Cut-offs are percentiles of the documents that are left, language by language, right to 0.1 %; or given.
    """

    kind = "perplexity_buckets"
    rules = BUCKETS
    provides = pa.schema([("bucket", pa.string())])
    head: float = setting(
        30, "head ends here", unit="percentile", source="cc_net's code; its paper has thirds", ge=0, le=100
    )
    tail: float = setting(
        60, "tail begins here", unit="percentile", source="cc_net's code; its paper has thirds", ge=0, le=100
    )
    cutoffs: Literal["percentiles", "ccnet"] | dict[str, tuple[float, float]] = setting(
        "percentiles",
        "percentiles of this run; ccnet: its frozen table, only for its own models; or perplexities per language",
        source="CCNet takes percentiles once and freezes them",
    )
    keep: list[Bucket] = setting(
        factory=lambda: list(BUCKETS),
        doc="buckets that stay; all: languages without a model",
        source="CCNet keeps all apart",
    )

    def also_reads(self) -> tuple[str, ...]:
        return COLUMNS

    def phases(self, scope: Scope) -> Iterator[Phase]:
        counted: tuple[str, ...] = ()
        if self.cutoffs == "percentiles":
            counts = scope.phase("counts", [CountPerplexities(_task_name(shard), shard) for shard in scope.shards])
            yield counts
            counted = tuple(storage.join(counts.folder, f"{task.name}.json") for task in counts.tasks)
        decide = scope.phase("cutoffs", [TakePercentiles("cutoffs", counted, self)])
        yield decide
        location = storage.join(decide.folder, "cutoffs.json")
        for source in dict.fromkeys(shard.source for shard in scope.shards):
            shards = [shard for shard in scope.shards if shard.source == source]
            tasks = tuple(WriteBuckets(shard.name, shard, location, self) for shard in shards)
            yield Phase(f"layers.{source}", scope.layer_folder(shards[0]), tasks)


def _task_name(shard: ShardRef) -> str:
    return f"{shard.source}@{shard.name}"


@dataclass(frozen=True)
class CountPerplexities(Task):
    """A histogram of the survivors' perplexities per language: bin k begins at e^(k / STEPS)."""

    name: str
    shard: ShardRef
    units: ClassVar[str] = "shards"

    def run(self, commit: Commit) -> None:
        found: dict[str, dict[int, int]] = {}
        for batch in self.shard.batches(COLUMNS):
            numbers, codes = _columns(batch)
            for row in np.flatnonzero(batch.keep & ~np.isnan(numbers)):
                place = min(BINS, int(np.log(max(1.0, numbers[row])) * STEPS))
                bins = found.setdefault(str(codes[row]), {})
                bins[place] = bins.get(place, 0) + 1
        with open(commit.path(f"{self.name}.json"), "w") as stream:
            json.dump({code: sorted(bins.items()) for code, bins in sorted(found.items())}, stream)


def _columns(batch: Batch) -> tuple[np.ndarray, list[str | None]]:
    numbers, codes = COLUMNS
    return np.asarray(batch.numbers(numbers), np.float64), batch.column(codes).to_pylist()


@dataclass(frozen=True)
class TakePercentiles(Task):
    """Cut-offs per language from the histograms of all shards, or as set."""

    name: str
    files: tuple[str, ...]
    stage: PerplexityBuckets

    def run(self, commit: Commit) -> None:
        given = self.stage.cutoffs
        found: dict[str, Any] = {}
        if isinstance(given, dict):
            found = {code: list(limits) for code, limits in given.items()}
        elif given == "ccnet":
            found = {code: list(limits) for code, limits in CCNET.items()}
        else:
            bins: dict[str, np.ndarray] = {}
            for file in self.files:
                for code, pairs in json.loads(storage.read_bytes(file)).items():
                    mine = bins.setdefault(code, np.zeros(BINS + 1, np.int64))
                    for place, amount in pairs:
                        mine[place] += amount
            for code, mine in sorted(bins.items()):
                below = np.cumsum(mine)
                places = [
                    int(np.searchsorted(below, below[-1] * share / 100)) for share in (self.stage.head, self.stage.tail)
                ]
                found[code] = [round(float(np.exp(place / STEPS)), 2) for place in places]
                commit.count(**{f"documents.{code}": int(below[-1])})
        with open(commit.path("cutoffs.json"), "w") as stream:
            stream.write(json.dumps(found, indent=1, sort_keys=True) + "\n")


@dataclass(frozen=True)
class WriteBuckets(Task):
    """The layer of one shard: every document's bucket, and drops of buckets that are not kept."""

    name: str
    shard: ShardRef
    cutoffs: str
    stage: PerplexityBuckets
    units: ClassVar[str] = "shards"

    def run(self, commit: Commit) -> None:
        cutoffs = json.loads(storage.read_bytes(self.cutoffs))
        schema = layer_schema(pa.schema([(f"{self.stage.name}.bucket", pa.string())]), drops=True, cuts=False)
        writer = LayerWriter(commit.path(f"{self.name}.parquet"), schema)
        dropped = np.array([bucket not in self.stage.keep for bucket in BUCKETS])
        for batch in self.shard.batches(COLUMNS):
            numbers = bucket_numbers(*_columns(batch), cutoffs)
            kept = batch.keep
            for place, bucket in enumerate(BUCKETS):
                commit.count(**{f"{bucket}": int((numbers[kept] == place).sum())})
            reasons = drop_reasons(self.stage.name, BUCKETS, np.where(dropped[numbers], numbers, -1))
            buckets = pa.array(BUCKETS).take(pa.array(numbers))
            writer.write({f"{self.stage.name}.bucket": buckets, "drop": reasons})
        writer.close()
