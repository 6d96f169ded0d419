"""Dedup whose documents are compared two by two: candidates before they are connected, members with their survivor after."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gristmill.dedup.candidates import MatchCandidates
from gristmill.dedup.cluster_layer import Evidence
from gristmill.dedup.compare import Measure, Settle, Similarities, Verify
from gristmill.dedup.fetch import Answer, Ask, AskCandidates, AskSurvivors, Group
from gristmill.dedup.key_index import KeyIndex
from gristmill.dedup.keyed import KeyedDedup
from gristmill.dedup.records import RangeReader, numbered
from gristmill.dedup.shuffle import ShufflePlan
from gristmill.stage import Phase, Scope, Task


class ComparedDedup(KeyedDedup):
    """Base of the keyed stages for which sharing a key is a hint, no proof."""

    @property
    @abstractmethod
    def measure(self) -> Measure:
        """How two documents are compared."""

    @property
    def survivor_measure(self) -> Measure:
        """How a document is compared with its survivor."""
        return self.measure

    @property
    @abstractmethod
    def candidates(self) -> int | None:
        """Earlier documents that each one is compared with, by key they share; None connects without comparing."""

    @property
    @abstractmethod
    def least_likeness(self) -> float | None:
        """A member less like its survivor than this stays; None lets all fall."""

    def _plan(self, scope: Scope, known: int) -> ShufflePlan:
        if self.candidates is None:
            return super()._plan(scope, known)
        return ShufflePlan.of(scope, self.keys_per_row, known, whole=True)

    def _partitions(self, scope: Scope, plan: ShufflePlan, *, pass_all: bool = False) -> list[Task]:
        return super()._partitions(scope, plan, pass_all=self.candidates is not None)

    def _edges(
        self,
        scope: Scope,
        plan: ShufflePlan,
        partition: Phase,
        readers: tuple[RangeReader, ...],
        known: tuple[KeyIndex, ...],
    ) -> Iterator[Phase]:
        if self.candidates is None:
            yield from super()._edges(scope, plan, partition, readers, known)
            return
        bounds, most = plan.bounds(scope.rows), self.candidates
        tasks: list[Task] = [
            MatchCandidates(numbered(reader.part), reader, most, plan.run_records, bounds) for reader in readers
        ]
        match = scope.phase("match", tasks)
        yield match
        parts = tuple(task.name for task in match.tasks)
        compared = Comparison(scope, plan, self.measure)
        asks = [AskCandidates(name, bounds, match.folder, parts) for name in compared.names]
        yield from compared.phases("verify", Verify, asks)

    def _evidence(self, scope: Scope, plan: ShufflePlan, cluster: Phase) -> Iterator[Phase | Evidence]:
        bounds = plan.bounds(scope.rows)
        compared = Comparison(scope, plan, self.survivor_measure)
        asks = [AskSurvivors(name, bounds, cluster.folder) for name in compared.names]
        measured = cluster
        for phase in compared.phases("similarity", Similarities, asks):
            yield phase
            measured = phase
        yield Evidence(self.method, folder=measured.folder)
        if self.least_likeness is not None:
            sources = tuple(shard.source for shard in scope.shards)
            least = self.least_likeness
            settle = Settle("clusters", cluster.folder, measured.folder, least, bounds, sources, scope.rows)
            yield scope.phase("settle", [settle])


@dataclass(frozen=True)
class Comparison:
    """The three phases in which pairs are compared, wherever their documents lie."""

    scope: Scope
    plan: ShufflePlan
    measure: Measure

    @property
    def names(self) -> list[str]:
        return [numbered(number) for number in range(len(self.plan.groups))]

    def phases(self, name: str, kind: type[Verify] | type[Similarities], asks: Sequence[Ask]) -> Iterator[Phase]:
        scope, count, total = self.scope, len(self.plan.groups), sum(self.scope.rows)
        first_rows = scope.first_rows
        groups = [
            Group(scope.shards[start:stop], first_rows[start], scope.rows[start:stop])
            for start, stop in self.plan.groups
        ]
        ask = scope.phase(f"{name}.ask", list(asks))
        yield ask
        answers = [
            Answer(numbered(number), group, self.measure.payload, ask.folder, count, scope.memory)
            for number, group in enumerate(groups)
        ]
        answer = scope.phase(f"{name}.answer", list(answers))
        yield answer
        tasks: list[Task] = [
            kind(numbered(number), group, self.measure, ask.folder, answer.folder, count, total)
            for number, group in enumerate(groups)
        ]
        yield scope.phase(name, tasks)
