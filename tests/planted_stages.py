"""Stages that cut, stall, crash and die on purpose, found through entry points like any third party's.

`install(folder)` writes the distribution that names them; with that folder and the project's own on
PYTHONPATH, recipes and worker processes know the kinds `planted_*`.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gristmill.commit import Commit
from gristmill.dataset import LayerWriter, ShardRef, drop_reasons, layer_schema
from gristmill.kernels.text import CUTS
from gristmill.stage import Filter, GlobalStage, ModelRef, Phase, Scope, SourceRef, Task, TrainedModel, setting

KINDS = {
    "planted_length": "PlantedLength",
    "planted_cut": "PlantedCut",
    "planted_trouble": "PlantedTrouble",
    "planted_twins": "PlantedTwins",
    "planted_follower": "PlantedFollower",
    "planted_slow_start": "PlantedSlowStart",
    "planted_mean": "PlantedMean",
    "planted_by_mean": "PlantedByMean",
}


def install(folder: Path) -> Path:
    """Write a distribution's metadata into `folder`, as an installer would."""
    info = folder / "planted-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: planted\nVersion: 1.0\n")
    lines = [f"{kind} = tests.planted_stages:{name}" for kind, name in KINDS.items()]
    (info / "entry_points.txt").write_text("\n".join(["[gristmill.stages]", *lines, ""]))
    return folder


class PlantedLength(Filter):
    """Drop texts that are shorter or longer than wanted."""

    kind = "planted_length"
    rules = ("too_short", "too_long")
    values = pa.schema([("bytes", pa.int64())])
    signal_settings: ClassVar[tuple[str, ...]] = ("factor",)
    minimum: int = setting(0, "least bytes", unit="bytes")
    maximum: int = setting(1 << 40, "most bytes", unit="bytes")
    factor: int = setting(1, "what bytes are multiplied by in the signal")

    def signals(self, batch):
        return {"bytes": batch.texts.lengths * self.factor}

    def decide(self, batch):
        sizes = self.value(batch, "bytes")
        return self.first_rule(sizes < self.minimum, sizes > self.maximum)


class PlantedFollower(Filter):
    """Drop by the number that a stage before this one wrote."""

    kind = "planted_follower"
    rules = ("odd",)
    decides_on = ("planted_length.bytes",)

    def decide(self, batch):
        return self.first_rule(batch.numbers("planted_length.bytes") % 2 == 1)


class PlantedCut(Filter):
    """Replace every occurrence of a word, and drop texts that hold another."""

    kind = "planted_cut"
    rules = ("forbidden",)
    decides_on = ("text",)
    makes_cuts = True
    word: str = setting(..., "what is replaced")
    by: str | None = setting(None, "what stands there instead")
    forbidden: str | None = setting(None, "what drops a text")

    def decide(self, batch):
        texts = batch.texts
        return self.first_rule(
            np.array([bool(self.forbidden) and self.forbidden in texts[n] for n in range(len(texts))], bool)
        )

    def cuts(self, batch):
        rows = []
        word = self.word.encode()
        for text in batch.texts.to_arrow().to_pylist():
            data, found, at = text.encode(), [], 0
            while (at := data.find(word, at)) >= 0:
                found.append({"start": at, "end": at + len(word), "replacement": self.by})
                at += len(word)
            rows.append(found or None)
        return pa.array(rows, CUTS)


class PlantedTrouble(Filter):
    """Keep everything, but come to grief on the shards that hold a marked text."""

    kind = "planted_trouble"
    rules = ("never",)
    values = pa.schema([("seen", pa.bool_())])
    signal_settings: ClassVar[tuple[str, ...]] = ("marker", "how", "seconds", "once")
    marker: str = setting("TROUBLE", "text that sets it off; '' means every batch")
    how: Literal["kill", "raise", "sleep", "exit", "markup"] = setting("raise", "what happens")
    seconds: float = setting(0.0, "how long to sleep", unit="seconds")
    once: str | None = setting(None, "a file that remembers that it happened already")

    def signals(self, batch):
        texts = batch.texts
        if any(self.marker in texts[row] for row in range(len(texts))) and not self._happened():
            if self.how == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if self.how == "raise":
                raise ArithmeticError("planted\ntrouble of <b>two</b> lines")
            if self.how == "markup":
                raise ArithmeticError("[/red] of [bold]markup")
            if self.how == "exit":
                os._exit(7)
            time.sleep(self.seconds)
        return {"seen": np.ones(batch.rows, bool)}

    def _happened(self) -> bool:
        if self.once is None:
            return False
        try:
            Path(self.once).touch(exist_ok=False)
        except FileExistsError:
            return True
        return False

    def decide(self, batch):
        return np.full(batch.rows, -1, np.int16)


class PlantedSlowStart(PlantedLength):
    """A filter whose kernels take their time to compile."""

    kind = "planted_slow_start"
    seconds: float = setting(0.0, "how long that takes", unit="seconds")

    def warm(self):
        time.sleep(self.seconds)


class PlantedTwins(GlobalStage):
    """Keep the first of all survivors with the same text, over all sources."""

    kind = "planted_twins"
    rules = ("twin",)
    provides = pa.schema([("first", pa.int64())])
    fail: str | None = setting(None, "name of a source whose layers cannot be made")

    def phases(self, scope: Scope) -> Iterator[Phase]:
        gather = scope.phase("gather", [Gather("first", scope.shards, scope.first_rows)])
        yield gather
        for source in dict.fromkeys(shard.source for shard in scope.shards):
            mine = [(s, n) for s, n in zip(scope.shards, scope.first_rows, strict=True) if s.source == source]
            tasks = [TwinLayer(s.name, s, n, gather.folder, self.name, source == self.fail) for s, n in mine]
            yield Phase(f"layers.{source}", scope.layer_folder(mine[0][0]), tuple(tasks))


@dataclass(frozen=True)
class Gather(Task):
    """The global number of the first survivor of each row's text."""

    name: str
    shards: tuple[ShardRef, ...]
    first_rows: tuple[int, ...]

    def run(self, commit: Commit) -> None:
        first: dict[str, int] = {}
        numbers = []
        for shard, start in zip(self.shards, self.first_rows, strict=True):
            for batch in shard.batches(texts=True):
                for row, keep in enumerate(batch.keep):
                    number = start + batch.first_row + row
                    numbers.append(first.setdefault(batch.texts[row], number) if keep else number)
        pq.write_table(pa.table({"first": pa.array(numbers, pa.int64())}), commit.path("first.parquet"))


@dataclass(frozen=True)
class TwinLayer(Task):
    """The layer of one shard."""

    name: str
    shard: ShardRef
    first_row: int
    folder: str
    stage: str
    fail: bool

    def run(self, commit: Commit) -> None:
        if self.fail:
            raise ArithmeticError("planted")
        first = pq.read_table(f"{self.folder}/first.parquet").column("first").to_numpy()
        schema = layer_schema(pa.schema([(f"{self.stage}.first", pa.int64())]), drops=True, cuts=False)
        writer = LayerWriter(commit.path(f"{self.name}.parquet"), schema)
        for batch in self.shard.batches():
            start = self.first_row + batch.first_row
            mine = first[start : start + batch.rows]
            twins = mine != np.arange(start, start + batch.rows)
            drops = drop_reasons(self.stage, ("twin",), np.where(twins, 0, -1))
            writer.write({f"{self.stage}.first": mine, "drop": drops})
        writer.close()


class PlantedMean(TrainedModel):
    """A model: the mean length of the surviving texts of some sources, times a factor."""

    kind = "planted_mean"
    makes = "planted mean"
    of: list[SourceRef] = setting(..., "sources")
    factor: float = setting(1.0, "what the mean is multiplied by")

    def phases(self, scope):
        yield Phase("train", scope.folder, (MeanTask("mean", scope.shards, self.factor),))


@dataclass(frozen=True)
class MeanTask(Task):
    name: str
    shards: tuple[ShardRef, ...]
    factor: float

    def run(self, commit: Commit) -> None:
        lengths = [batch.texts.lengths[batch.keep] for shard in self.shards for batch in shard.batches(texts=True)]
        with open(commit.path("mean.txt"), "w") as stream:
            stream.write(str(float(np.concatenate(lengths).mean()) * self.factor))


class PlantedByMean(Filter):
    """Drop texts whose length, measured in means of a model, exceeds a limit."""

    kind = "planted_by_mean"
    uses_models = "planted mean"
    rules = ("too_long",)
    values = pa.schema([("means", pa.float64())])
    signal_settings: ClassVar[tuple[str, ...]] = ("model",)
    model: ModelRef = setting(..., "the mean")
    limit: float = setting(1.0, "most means")

    def model_files(self, location):
        return (location + "/mean.txt",)

    def signals(self, batch):
        with open(self.model_files(self.model_location(self.model))[0]) as stream:
            return {"means": batch.texts.lengths / float(stream.read())}

    def decide(self, batch):
        return self.first_rule(self.value(batch, "means") > self.limit)
