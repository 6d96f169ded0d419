"""Dedup by shared keys: documents connected by keys they have in common are a cluster, and one survives."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar, Literal, Self

import numpy as np
from pydantic import field_validator, model_validator

from gristmill.dataset import Batch
from gristmill.dedup.cluster_layer import CLUSTER_VALUES, ClusterLayer, Evidence
from gristmill.dedup.clusters import Cluster, Scores
from gristmill.dedup.index_tasks import DescribeIndex, WriteIndex
from gristmill.dedup.key_index import KeyIndex, find_index
from gristmill.dedup.known_clusters import JoinIndexes, WriteClusters, WriteSuperseded
from gristmill.dedup.loss import LossLimit, counts_by_source
from gristmill.dedup.match import Match, MatchAll, warm_match
from gristmill.dedup.records import RangeReader, numbered
from gristmill.dedup.shuffle import Partition, Records, ShufflePlan
from gristmill.dedup.survivor import SurvivorRule
from gristmill.stage import GlobalStage, Location, LocationText, Phase, Scope, Task, setting

Edges = tuple[tuple[str, tuple[str, ...]], ...]


class KeyedDedup(SurvivorRule, LossLimit, GlobalStage):
    """Base of the stages whose signals are keys; a subclass says what the keys are."""

    provides = CLUSTER_VALUES
    rules = ("duplicate",)
    version: ClassVar[int] = 3
    checked: ClassVar[bool] = False  # records carry a second number that must be equal too
    index: Literal["none", "own", "all"] = setting(
        "none",
        "leave an index behind for later runs: of the keys of this run's documents, or also of those it was checked against",
    )
    against: tuple[Location, ...] = setting(
        (),
        "indexes of earlier runs, the oldest first: what they have is dropped here. An index folder, a copy of one, or the "
        "root of the run that left it",
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

    @property
    def bridges(self) -> bool:
        """Whether a document may connect others that share no key: it then has several keys."""
        return self.keys_per_row > 1

    @property
    def leaves_clusters(self) -> bool:
        """Whether its index says which documents were connected; only where shared keys alone decide about that."""
        return self.bridges

    @property
    def method(self) -> str:
        """What the evidence says of how two documents belong together."""
        return self.kind

    @field_validator("against")
    @classmethod
    def _find_indexes(cls, locations: tuple[str, ...]) -> tuple[str, ...]:
        """Each as its index.json, which names the checksums of all: that is what makes the fingerprint."""
        return tuple(LocationText(find_index(location, cls.kind)) for location in locations)

    @model_validator(mode="after")
    def _first_wins_over_indexes(self) -> Self:
        if self.against and self.survivor != "first":
            raise ValueError(
                f"`against` goes with `survivor: first` only: documents of earlier runs are already kept, so that "
                f"{self.survivor!r} could not choose among all"
            )
        return self

    def also_reads(self) -> tuple[str, ...]:
        return self.survivor_reads

    def indexes(self) -> tuple[KeyIndex, ...]:
        """The indexes of `against`, numbered one after another. Raises UserError for one that does not fit."""
        found: list[KeyIndex] = []
        first = 0
        for location in self.against:
            index = KeyIndex.open(location, self.kind, self.key_settings(), self.checked)
            found.append(replace(index, first_row=first))
            first += index.rows
        return tuple(found)

    def key_settings(self) -> dict[str, Any]:
        """The settings that say what a key is, and the version of the code that makes them."""
        settings = {name: getattr(self, name) for name in self.signal_settings}
        return {**settings, "version": self.version}

    def check(self) -> None:
        self.indexes()

    def warm(self) -> None:
        warm_match(self.checked)
        from gristmill.kernels import union_find

        rows, edges = np.arange(2, dtype=np.uint32), np.zeros((1, 2), np.uint32)
        union_find.unite(rows, np.frombuffer(edges.tobytes(), np.uint32).reshape(-1, 2))
        union_find.flatten(rows, np.empty(2, np.int32))
        if self.against and self.bridges:
            union_find.unite(rows, np.zeros((1, 2), np.int64))
            union_find.find_roots(rows)

    # -- phases -------------------------------------------------------------------------------------------------------

    def phases(self, scope: Scope) -> Iterator[Phase]:
        if not scope.shards:
            return
        known = self.indexes()
        plan = self._plan(scope, sum(index.records for index in known))
        partition = scope.phase("match" if plan.in_memory else "partition", self._partitions(scope, plan))
        yield partition
        readers = () if plan.in_memory else self._readers(scope, plan, partition)
        edges = _written((partition,))
        hits: tuple[str, tuple[str, ...]] | None = None
        for phase in () if plan.in_memory else self._edges(scope, plan, partition, readers, known):
            yield phase
            names = tuple(task.name for task in phase.tasks)
            if phase.name == "match":
                edges = _written((partition, phase))
                hits = (phase.folder, names) if known else None
            if phase.name == "verify":
                edges = _written((phase,))
        names = tuple(shard.name for shard in scope.shards)
        sources = tuple(shard.source for shard in scope.shards)
        scores = None
        if self.survivor != "first":
            scores = Scores(partition.folder, tuple(task.name for task in partition.tasks))
        joins = None
        if known and self.bridges and len(known) > 1:
            parts = [JoinIndexes(numbered(reader.part), known, reader.part, len(readers)) for reader in readers]
            phase = scope.phase("joins", list(parts))
            yield phase
            joins = (phase.folder, tuple(task.name for task in parts))
        clusters = Cluster("clusters", edges, sources, names, scope.rows, scores, known, hits, self.bridges, joins)
        cluster = scope.phase("cluster", [clusters])
        yield cluster
        evidence, settled = Evidence(self.method), cluster
        for step in self._evidence(scope, plan, cluster):
            if isinstance(step, Evidence):
                evidence = step
            else:
                yield step
                settled = step if step.name == "settle" else settled
        self.stop_on_loss(counts_by_source(partition, "documents."), counts_by_source(settled, "lost."))
        if known and self.bridges:
            rows = sum(scope.rows) + sum(index.rows for index in known)
            yield scope.phase("superseded", [WriteSuperseded("documents", cluster.folder, known, rows)])
        if self.index != "none":
            yield from self._index(scope, readers, known, cluster)
        yield from self._layers(scope, plan, settled, evidence)

    def _plan(self, scope: Scope, known: int) -> ShufflePlan:
        written = self.index != "none" or bool(self.against)
        return ShufflePlan.of(scope, self.keys_per_row, known, written=written)

    def _edges(
        self,
        scope: Scope,
        plan: ShufflePlan,
        partition: Phase,
        readers: tuple[RangeReader, ...],
        known: tuple[KeyIndex, ...],
    ) -> Iterator[Phase]:
        """The phases between partition and cluster: `match`, and `verify` where candidates are verified."""
        yield scope.phase("match", [Match(numbered(reader.part), reader, known) for reader in readers])

    def _evidence(self, scope: Scope, plan: ShufflePlan, cluster: Phase) -> Iterator[Phase | Evidence]:
        """The phases between cluster and layers, and what they come to. Keys that are equal need none."""
        yield Evidence(self.method)

    def _partitions(self, scope: Scope, plan: ShufflePlan, *, pass_all: bool = False) -> list[Task]:
        total, first_rows = sum(scope.rows), scope.first_rows
        if plan.in_memory:
            return [MatchAll(numbered(0), self, scope.shards, 0, scope.rows, total, plan)]
        return [
            Partition(
                numbered(number),
                self,
                scope.shards[start:stop],
                first_rows[start],
                scope.rows[start:stop],
                total,
                plan,
                pass_all,
            )
            for number, (start, stop) in enumerate(plan.groups)
        ]

    def _readers(self, scope: Scope, plan: ShufflePlan, partition: Phase) -> tuple[RangeReader, ...]:
        first_rows, total = plan.bounds(scope.rows)[:-1], sum(scope.rows)
        return tuple(
            RangeReader(partition.folder, first_rows, plan.ranges, plan.together, part, self.checked, total)
            for part in range(plan.ranges // plan.together)
        )

    def _index(
        self, scope: Scope, readers: tuple[RangeReader, ...], known: tuple[KeyIndex, ...], cluster: Phase
    ) -> Iterator[Phase]:
        carried = known if self.index == "all" else ()
        first_row = sum(index.rows for index in carried)
        tasks: list[Task] = [WriteIndex(numbered(reader.part), reader, carried, first_row) for reader in readers]
        if self.leaves_clusters:
            tasks.append(WriteClusters("clusters", cluster.folder, sum(scope.rows), known, bool(carried)))
        written = scope.phase("index", tasks)
        yield written
        describe = DescribeIndex(
            "index",
            written.folder,
            tuple(task.name for task in tasks),
            self.kind,
            json.dumps(self.key_settings(), sort_keys=True, default=str),
            self.checked,
            scope.folder.rstrip("/").rpartition("/")[2],
            len(readers),
            carried,
            tuple(shard.source for shard in scope.shards),
            tuple(shard.name for shard in scope.shards),
            scope.rows,
        )
        yield Phase("index.json", written.folder, (describe,))

    def _layers(self, scope: Scope, plan: ShufflePlan, cluster: Phase, evidence: Evidence) -> Iterator[Phase]:
        """A phase per source: its layers lie in a folder of their own."""
        tasks: dict[str, list[Task]] = {}
        folders: dict[str, str] = {}
        total, first_rows = sum(scope.rows), scope.first_rows
        for group, (start, stop) in enumerate(plan.groups):
            for number in range(start, stop):
                shard = scope.shards[number]
                task = ClusterLayer(
                    shard.name,
                    self.name,
                    self.rules[0],
                    shard,
                    cluster.folder,
                    evidence,
                    numbered(group),
                    first_rows[number] - first_rows[start],
                    first_rows[number],
                    scope.rows[number],
                    total,
                    bool(self.against),
                )
                tasks.setdefault(shard.source, []).append(task)
                folders[shard.source] = scope.layer_folder(shard)
        for source, layers in tasks.items():
            yield Phase("layers." + source, folders[source], tuple(layers))


def _written(phases: tuple[Phase, ...]) -> Edges:
    return tuple((phase.folder, tuple(task.name for task in phase.tasks)) for phase in phases)
