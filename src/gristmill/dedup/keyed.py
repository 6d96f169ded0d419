"""Dedup by shared keys: documents connected by keys they have in common are a cluster, and one survives."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import ClassVar, Literal

import numpy as np

from gristmill.dataset import Batch
from gristmill.dedup.clusters import CLUSTER_VALUES, Cluster, ClusterLayer
from gristmill.dedup.shuffle import Match, Partition, Records, ShufflePlan, numbered
from gristmill.stage import GlobalStage, Phase, Scope, Task, setting


class KeyedDedup(GlobalStage):
    """Base of the stages whose signals are keys; a subclass says what the keys are."""

    provides = CLUSTER_VALUES
    rules = ("duplicate",)
    checked: ClassVar[bool] = False  # records carry a second number that must be equal too
    survivor: Literal["first", "longest"] = setting(
        "first",
        "the document that stays: the first by source, shard and row, or the longest as first written",
        source="RefinedWeb keeps one at random, which is not reproducible [B]",
    )

    @property
    @abstractmethod
    def keys_per_row(self) -> int:
        """Most keys a document can have."""

    @property
    @abstractmethod
    def key_columns(self) -> tuple[str, ...]:
        """The columns `records` reads."""

    @abstractmethod
    def records(self, batch: Batch) -> Records:
        """The keys of every document of the batch that takes part, in row order."""

    def warm(self) -> None:
        from gristmill.kernels import hashing, union_find

        keys, rows = np.zeros(2, np.uint64), np.arange(2, dtype=np.uint32)
        places, firsts = hashing.find_repeats(keys, keys if self.checked else None)
        hashing.range_order(keys, np.zeros(len(hashing.range_counts(keys, 1)), np.int64))
        edges = np.empty((1, 2), np.uint32)
        union_find.unique_edges(rows, places, firsts, edges)
        union_find.unite(rows, np.frombuffer(edges.tobytes(), np.uint32).reshape(-1, 2))
        union_find.flatten(rows, np.empty(2, np.int32))

    def phases(self, scope: Scope) -> Iterator[Phase]:
        if not scope.shards:
            return
        plan = ShufflePlan.of(scope, self.keys_per_row)
        partition = scope.phase("partition", self._partitions(scope, plan))
        yield partition
        match = scope.phase("match", self._matches(scope, plan, partition))
        yield match
        edges = tuple((phase.folder, tuple(task.name for task in phase.tasks)) for phase in (partition, match))
        names = tuple(shard.name for shard in scope.shards)
        sources = tuple(shard.source for shard in scope.shards)
        lengths = edges[0] if self.survivor == "longest" else None
        cluster = scope.phase("cluster", [Cluster("clusters", edges, sources, names, scope.rows, lengths)])
        yield cluster
        yield from self._layers(scope, cluster)

    def _partitions(self, scope: Scope, plan: ShufflePlan) -> list[Task]:
        total, first_rows = sum(scope.rows), scope.first_rows
        return [
            Partition(
                numbered(number),
                self,
                scope.shards[start:stop],
                first_rows[start],
                scope.rows[start:stop],
                total,
                plan,
            )
            for number, (start, stop) in enumerate(plan.groups)
        ]

    def _matches(self, scope: Scope, plan: ShufflePlan, partition: Phase) -> list[Task]:
        first_rows = tuple(scope.first_rows[start] for start, _ in plan.groups)
        total = sum(scope.rows)
        return [
            Match(numbered(part), partition.folder, first_rows, part, self.checked, total)
            for part in range(plan.ranges)
        ]

    def _layers(self, scope: Scope, cluster: Phase) -> Iterator[Phase]:
        """A phase per source: its layers lie in a folder of their own."""
        tasks: dict[str, list[Task]] = {}
        folders: dict[str, str] = {}
        total = sum(scope.rows)
        for shard, first_row, rows in zip(scope.shards, scope.first_rows, scope.rows, strict=True):
            task = ClusterLayer(shard.name, self.name, self.rules[0], shard, cluster.folder, first_row, rows, total)
            tasks.setdefault(shard.source, []).append(task)
            folders[shard.source] = scope.layer_folder(shard)
        for source, layers in tasks.items():
            yield Phase("layers." + source, folders[source], tuple(layers))
