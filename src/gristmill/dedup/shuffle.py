"""Rows that share a key, found over all shards in bounded memory: split by range of keys, then matched.

    partition: a task per group of shards → <group>.records, <group>.index, <group>.edges, <group>.scores
    match:     a task per range of keys   → <range>.edges, <range>.hits

A *record* is a key and the row that has it (`records`); an *edge* is a row and the smallest row found with the same
key. Rows have global numbers (`Scope.first_rows`). A partition task matches its own records first and passes on
one per key, so boilerplate that stands in every shard is a record per group, not per document. Where all records fit the
memory of one task, it finds the edges alone (`match.MatchAll`).

`<group>.scores` is what speaks for every document (int64), where another than the first is to survive. `<range>.hits` are pairs
(int64) of a row and the row of an earlier run's index that has the same key (`key_index`). All little-endian.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, ClassVar, NamedTuple, Protocol

import numpy as np

from gristmill.commit import Commit
from gristmill.dataset import Batch, ShardRef
from gristmill.dedup.records import RecordsWriter, row_type
from gristmill.stage import Scope, Task

MATCH_BYTES = 64  # memory one record takes while it is matched, sorting and hash table included
MOST_IN_MEMORY = 1 << 24  # records matched at a time even where memory allows more: smaller tasks spread better,
FEWEST_TASKS = 512  # unless that made more tasks than this: every one reads a piece of every group
IN_CACHE = 1 << 20  # records whose bit filters fit a processor's cache: a task does its range in parts of this size
ALL_BYTES = 32  # memory one record takes where a single task has all of them and nothing is written
MOST_AT_ONCE = 1 << 26  # records a single task does even where memory allows more: a few seconds of one processor
ALL_RUN = 1 << 20  # records that task brings together by range at a time, still in the cache from being read
ALL_IN_CACHE = 1 << 17  # its IN_CACHE: smaller, since its ranges cost no file anything
MOST_GROUPS = 512  # partition tasks aimed at, so that 90,000 shards do not become as many files
LEAST_ROWS = 100_000  # documents a group is brought up to, since a task's files cost more than a small shard's keys do,
FEWEST_GROUPS = 16  # as long as there are so many groups
ROWS_READ = 1 << 15  # documents read at a time


class Records(NamedTuple):
    """Keys of some rows of a batch, as many of each.

    rows: integers (m,), ascending, counted from first_row; keys: uint64 (m * k,), those of a row together; checks: as many, or
    None.
    """

    rows: np.ndarray
    keys: np.ndarray
    checks: np.ndarray | None = None
    first_row: int = 0

    @property
    def each(self) -> int:
        return len(self.keys) // max(1, len(self.rows))

    def split(self, rows: int) -> tuple[Records, Records]:
        """The first so many rows, and the others."""
        keys, checks = self.each * rows, self.checks
        return (
            Records(self.rows[:rows], self.keys[:keys], None if checks is None else checks[:keys], self.first_row),
            Records(self.rows[rows:], self.keys[keys:], None if checks is None else checks[keys:], self.first_row),
        )


class KeyedRows(Protocol):
    """What a partition task asks of its stage."""

    checked: ClassVar[bool]

    @property
    def survivor(self) -> str: ...

    @property
    def survivor_reads(self) -> tuple[str, ...]: ...

    @property
    def keys_per_row(self) -> int: ...

    @property
    def key_columns(self) -> tuple[str, ...]: ...

    def records(self, batch: Batch) -> Records: ...

    def scores(self, batch: Batch, source: str) -> np.ndarray: ...


@dataclass(frozen=True)
class ShufflePlan:
    """How a scope is split into groups and ranges. Results do not depend on it, only time and memory do."""

    groups: tuple[tuple[int, int], ...]  # first shard and the shard after the last
    ranges: int  # equal ranges of keys, in which records lie together
    run_records: int  # records a task may hold
    together: int = 1  # ranges that one match task does, one after another; divides their number
    in_memory: bool = False  # a single task finds all edges and no record is written; ranges are that task's

    @classmethod
    def of(
        cls, scope: Scope, keys_per_row: int, known: int = 0, *, whole: bool = False, written: bool = True
    ) -> ShufflePlan:
        """known: records of earlier runs that are matched too; whole: a task takes its keys all at once.

        written: records are needed on disk, also where they would fit the memory of one task.
        """
        total = sum(scope.rows) * keys_per_row + known
        held = max(1024, min(max(MOST_IN_MEMORY, total // FEWEST_TASKS), scope.memory // MATCH_BYTES))
        tasks = max(1, -(-total * 9 // (8 * held)))  # an eighth spare for uneven ranges
        together = 1 if whole else max(1, total // (tasks * IN_CACHE))
        least = 0 if whole else min(LEAST_ROWS, sum(scope.rows) // FEWEST_GROUPS)
        groups = tuple(_groups(scope.rows, least))
        if not written and total <= min(MOST_AT_ONCE, scope.memory // ALL_BYTES):
            return cls(groups, max(1, total // ALL_IN_CACHE), ALL_RUN, in_memory=True)
        return cls(groups, tasks * together, held, together)

    def bounds(self, rows: tuple[int, ...]) -> tuple[int, ...]:
        """The first global row of each group, then the number of all rows."""
        starts = [0, *itertools.accumulate(rows)]
        return (*(starts[start] for start, _ in self.groups), starts[-1])


def _groups(rows: tuple[int, ...], least: int = 0) -> Iterator[tuple[int, int]]:
    """Consecutive shards in groups of like row counts, about MOST_GROUPS at most, each under 2^32 rows.

    least: rows that small shards are put together to.
    """
    target = min(1 << 31, max(least, -(-sum(rows) // MOST_GROUPS)))
    start, held = 0, 0
    for shard, count in enumerate(rows):
        if shard > start and ((len(rows) <= MOST_GROUPS and not least) or held + count > target):
            yield start, shard
            start, held = shard, 0
        held += count
    if start < len(rows):
        yield start, len(rows)


@dataclass(frozen=True)
class Partition(Task):
    """Records of a group of shards, split by key range; edges between rows of the group."""

    name: str
    stage: KeyedRows
    shards: tuple[ShardRef, ...]
    first_row: int
    rows: tuple[int, ...]  # documents in each shard
    all_rows: int
    plan: ShufflePlan = field(repr=False)
    pass_all: bool = False  # leave all matching to the match tasks

    def run(self, commit: Commit) -> None:
        self._write_scores(commit)
        with (
            open(commit.path(self.name + ".records"), "wb") as records,
            open(commit.path(self.name + ".edges"), "wb") as edges,
        ):
            writer = RecordsWriter(records)
            for run in self._runs(commit):
                self._write_run(run, writer, edges, commit)
        with open(commit.path(self.name + ".index"), "wb") as stream:
            stream.write(writer.index())

    def _write_scores(self, commit: Commit) -> None:
        if self.stage.survivor != "first":
            with open(commit.path(self.name + ".scores"), "wb") as scores:
                for source, _, batch in self._batches(self.stage.survivor_reads):
                    scores.write(self.stage.scores(batch, source).astype("<i8").tobytes())

    def _runs(self, commit: Commit) -> Iterator[list[Records]]:
        """All records in row order, as many at a time as memory allows; rows counted within the group."""
        run: list[Records] = []
        free = self.plan.run_records
        for source, first, batch in self._batches(self.stage.key_columns):
            found = self.stage.records(batch)
            found = found._replace(first_row=found.first_row + first)
            commit.count(**{f"documents.{source}": int(batch.keep.sum()), "keys": len(found.keys)})
            while len(found.keys):
                part, found = found.split(max(1, free // found.each))
                run.append(part)
                free -= len(part.keys)
                if free < found.each:
                    yield run
                    run, free = [], self.plan.run_records
        if run:
            yield run

    def _batches(self, columns: tuple[str, ...]) -> Iterator[tuple[str, int, Batch]]:
        """Source, number of the first row within the group, and rows."""
        first = 0
        for shard, rows in zip(self.shards, self.rows, strict=True):
            for batch in shard.batches(columns, rows=ROWS_READ):
                yield shard.source, first + batch.first_row, batch
            first += rows

    def _write_run(self, run: list[Records], writer: RecordsWriter, edges: IO[bytes], commit: Commit) -> None:
        from gristmill.kernels.key_repeats import drop_repeats

        room = Columns.room(sum(len(part.keys) for part in run), self.stage.checked)
        starts = by_range(run, self.plan.ranges, room)
        if not self.pass_all:
            found = np.unique(drop_repeats(*room, starts))  # ascending by row, each pair once
            write_group_edges(edges, found, self.first_row, row_type(self.all_rows), commit)
        kept = int(starts[-1])
        keys, checks, rows = room.part(0, kept)
        writer.write(keys, checks if self.stage.checked else None, rows, starts)
        commit.count(records=kept)


class Columns(NamedTuple):
    """Keys, checks (as many, or none) and rows of records: uint64, uint64 and uint32."""

    keys: np.ndarray
    checks: np.ndarray
    rows: np.ndarray

    @classmethod
    def room(cls, records: int, checked: bool) -> Columns:
        return cls(
            np.empty(records, np.uint64), np.empty(records if checked else 0, np.uint64), np.empty(records, np.uint32)
        )

    def part(self, start: int, stop: int) -> Columns:
        return Columns(*(column[start:stop] for column in self))


def by_range(run: list[Records], ranges: int, room: Columns) -> np.ndarray:
    """Bring all these records together by range of key, in row order within; where the ranges begin, int64 (ranges + 1,).

    room: is filled; as long as there are keys.
    """
    from gristmill.kernels.hashing import add_range_counts, scatter_by_range

    none = np.empty(0, np.uint64)
    counts = np.zeros(ranges, np.int64)
    for part in run:
        add_range_counts(part.keys, counts)
    starts = np.concatenate([[0], np.cumsum(counts)])
    free = starts[:-1].copy()
    for part in run:
        scatter_by_range(
            part.keys, none if part.checks is None else part.checks, part.rows, part.first_row, free, *room
        )
    return starts


def write_group_edges(stream: IO[bytes], pairs: np.ndarray, first_row: int, kind: np.dtype, commit: Commit) -> None:
    """Append edges between rows of a group as pairs of global rows. pairs: as `drop_repeats` gives them."""
    edges = np.empty((len(pairs), 2), kind)
    edges[:, 0], edges[:, 1] = pairs >> np.uint64(32), pairs & np.uint64(0xFFFFFFFF)
    edges = edges[edges[:, 0] != edges[:, 1]] + kind.type(first_row)  # a row may have a key twice
    stream.write(edges.tobytes())
    commit.count(edges=len(edges))
