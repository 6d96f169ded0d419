"""Rows that share a key, found over all shards in bounded memory: split by range of keys, then matched.

    partition: a task per group of shards → <group>.records, <group>.index, <group>.edges, <group>.scores
    match:     a task per range of keys   → <range>.edges, <range>.hits

A *record* is a key and the row that has it; an *edge* is a row and the smallest row found with the same key.
Rows have global numbers (`Scope.first_rows`). A partition task matches its own records first and passes on
one per key, so boilerplate that stands in every shard is a record per group, not per document.

`<group>.records` is a sequence of runs, each as many records as memory allows; a run is split by range, and
each piece is its keys (uint64), its checks (uint64, only where keys alone are not proof enough) and its rows
(uint32, counted from the group's first row). `<group>.index` holds, int64 (ranges + 1, runs), the record number where
each piece begins, so that a task reads the lines of its ranges. `<group>.scores` is what speaks for every document
(int64), where another than the first is to survive. `<range>.hits` are pairs (int64) of a row and the row of an earlier
run's index that has the same key (`key_index`). All little-endian.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import IO, ClassVar, NamedTuple, Protocol

import numpy as np

from gristmill import storage
from gristmill.commit import Commit
from gristmill.dataset import Batch, ShardRef
from gristmill.dedup.key_index import KeyIndex
from gristmill.stage import Scope, Task

MATCH_BYTES = 64  # memory one record takes while it is matched, sorting and hash table included
MOST_IN_MEMORY = 1 << 24  # records matched at a time even where memory allows more: smaller tasks spread better,
FEWEST_TASKS = 512  # unless that made more tasks than this: every one reads a piece of every group
IN_CACHE = 1 << 20  # records whose bit filters fit a processor's cache: a task does its range in parts of this size
MOST_GROUPS = 512  # partition tasks aimed at, so that 90,000 shards do not become as many files
LEAST_ROWS = 100_000  # documents a group is brought up to, since a task's files cost more than a small shard's keys do,
FEWEST_GROUPS = 16  # as long as there are so many groups
EDGE_ROWS = 1 << 20  # edges read at a time


class Records(NamedTuple):
    """Keys of some rows of a batch.

    rows: integers (m,), ascending, counted within the batch; keys: uint64 (m,); checks: uint64 (m,) or None.
    """

    rows: np.ndarray
    keys: np.ndarray
    checks: np.ndarray | None = None


class KeyedRows(Protocol):
    """What a partition task asks of its stage."""

    checked: ClassVar[bool]

    @property
    def survivor(self) -> str: ...

    @property
    def survivor_reads(self) -> tuple[str, ...]: ...

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

    @classmethod
    def of(cls, scope: Scope, keys_per_row: int, known: int = 0, *, whole: bool = False) -> ShufflePlan:
        """known: records of earlier runs that are matched too; whole: a task takes its keys all at once."""
        total = sum(scope.rows) * keys_per_row + known
        held = max(1024, min(max(MOST_IN_MEMORY, total // FEWEST_TASKS), scope.memory // MATCH_BYTES))
        tasks = max(1, -(-total * 9 // (8 * held)))  # an eighth spare for uneven ranges
        together = 1 if whole else max(1, total // (tasks * IN_CACHE))
        least = 0 if whole else min(LEAST_ROWS, sum(scope.rows) // FEWEST_GROUPS)
        return cls(tuple(_groups(scope.rows, least)), tasks * together, held, together)

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


def row_type(rows: int) -> np.dtype:
    """The integer type of global row numbers: 4 bytes while they fit."""
    return np.dtype("<u4") if rows < 1 << 32 else np.dtype("<i8")


def numbered(number: int) -> str:
    """Name of the task with this number in its phase."""
    return f"{number:05d}"


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
        if self.stage.survivor != "first":
            with open(commit.path(self.name + ".scores"), "wb") as scores:
                for source, _, batch in self._batches(self.stage.survivor_reads):
                    scores.write(self.stage.scores(batch, source).astype("<i8").tobytes())
        index: list[np.ndarray] = []
        with (
            open(commit.path(self.name + ".records"), "wb") as records,
            open(commit.path(self.name + ".edges"), "wb") as edges,
        ):
            for keys, checks, rows in self._runs(commit):
                index.append(self._write_run(keys, checks, rows, index, records, edges, commit))
        with open(commit.path(self.name + ".index"), "wb") as stream:
            if index:
                stream.write(np.stack(index, axis=1).astype("<i8").tobytes())

    def _runs(self, commit: Commit) -> Iterator[tuple[np.ndarray, np.ndarray | None, np.ndarray]]:
        """Keys, checks and rows of all records in row order, as many at a time as memory allows."""
        most = self.plan.run_records
        keys = np.empty(most, np.uint64)
        checks = np.empty(most, np.uint64) if self.stage.checked else None
        rows = np.empty(most, np.uint32)
        filled = 0
        for source, first, batch in self._batches(self.stage.key_columns):
            found = self.stage.records(batch)
            commit.count(**{f"documents.{source}": int(batch.keep.sum()), "keys": len(found.keys)})
            done = 0
            while done < len(found.keys):
                part = slice(done, done + min(most - filled, len(found.keys) - done))
                place = slice(filled, filled + part.stop - part.start)
                keys[place] = found.keys[part]
                rows[place] = found.rows[part] + first
                if checks is not None and found.checks is not None:
                    checks[place] = found.checks[part]
                done, filled = part.stop, place.stop
                if filled == most:
                    yield keys, checks, rows
                    filled = 0
        if filled:
            yield keys[:filled], None if checks is None else checks[:filled], rows[:filled]

    def _batches(self, columns: tuple[str, ...]) -> Iterator[tuple[str, int, Batch]]:
        """Source, number of the first row within the group, and rows."""
        first = 0
        for shard, rows in zip(self.shards, self.rows, strict=True):
            for batch in shard.batches(columns):
                yield shard.source, first + batch.first_row, batch
            first += rows

    def _write_run(
        self,
        keys: np.ndarray,
        checks: np.ndarray | None,
        rows: np.ndarray,
        index: list[np.ndarray],
        records: IO[bytes],
        edges: IO[bytes],
        commit: Commit,
    ) -> np.ndarray:
        from gristmill.kernels.hashing import find_repeats, range_counts, scatter_by_range

        if self.pass_all:
            places = np.empty(0, np.int64)
        else:
            places, firsts = find_repeats(keys, checks)
            write_edges(edges, rows, places, firsts, self.first_row, row_type(self.all_rows), commit)
        if len(places):
            single = np.ones(len(keys), bool)
            single[places] = False
            keys, rows = keys[single], rows[single]
            checks = None if checks is None else checks[single]
        starts = np.zeros(self.plan.ranges + 1, np.int64)
        np.cumsum(range_counts(keys, self.plan.ranges), out=starts[1:])
        none = np.empty(0, np.uint64)
        ordered = scatter_by_range(keys, none if checks is None else checks, rows, starts[:-1].copy())
        columns = [column for column in ordered if len(column)]
        for start, stop in itertools.pairwise(starts.tolist()):
            for column in columns:
                records.write(column[start:stop].data)
        commit.count(records=len(keys))
        return starts + (index[-1][-1] if index else 0)


@dataclass(frozen=True)
class RangeReader:
    """The records of one range of keys, from all groups."""

    folder: str  # of the partition phase
    first_rows: tuple[int, ...]  # of each group
    ranges: int  # as in the plan
    together: int
    part: int  # number of the task
    checked: bool
    all_rows: int

    @property
    def tasks(self) -> int:
        return self.ranges // self.together

    def read(self) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
        """Keys, checks and global rows of the task's ranges, one range after another, in row order within each."""
        parts = [tuple(None if c is None else c.copy() for c in columns) for columns in self.by_range()]
        checks = [part[1] for part in parts if part[1] is not None]
        return (
            np.concatenate([part[0] for part in parts]),
            np.concatenate(checks) if self.checked else None,
            np.concatenate([part[2] for part in parts]),
        )

    def by_range(self) -> Iterator[tuple[np.ndarray, np.ndarray | None, np.ndarray]]:
        """Keys, checks and global rows of each range, in row order as groups and runs are; good until the next are asked for."""
        pieces: list[list[tuple[np.ndarray, np.ndarray | None, np.ndarray]]] = [[] for _ in range(self.together)]
        for number, *piece in self._pieces():
            pieces[number].append(tuple(piece))  # type: ignore[arg-type]
        most = max(sum(len(piece[0]) for piece in found) for found in pieces)
        keys, rows = np.empty(most, np.uint64), np.empty(most, row_type(self.all_rows))  # filled again for every range:
        checks = (
            np.empty(most, np.uint64) if self.checked else None
        )  # memory that is new costs more than what is done in it
        for number in range(self.together):
            filled = 0
            for some_keys, some_checks, some_rows in pieces[number]:
                place = slice(filled, filled + len(some_keys))
                keys[place], rows[place] = some_keys, some_rows
                if checks is not None and some_checks is not None:
                    checks[place] = some_checks
                filled = place.stop
            pieces[number] = []
            yield keys[:filled], None if checks is None else checks[:filled], rows[:filled]

    def parts(self) -> Iterator[tuple[np.ndarray, np.ndarray | None, np.ndarray]]:
        """The same of a single range, a piece of a run at a time."""
        return ((keys, checks, rows) for _, keys, checks, rows in self._pieces())

    def _pieces(self) -> Iterator[tuple[int, np.ndarray, np.ndarray | None, np.ndarray]]:
        """Number of the range within the task, keys, checks and rows; the task's ranges of a run lie together: one read."""
        size, kind = 20 if self.checked else 12, row_type(self.all_rows)
        for group, first_row in enumerate(self.first_rows):
            with storage.open_input(storage.join(self.folder, numbered(group) + ".index")) as stream:
                runs = stream.seek(0, 2) // (8 * (self.ranges + 1))
                if not runs:
                    continue
                stream.seek(8 * runs * self.part * self.together)
                index = np.frombuffer(stream.read(8 * runs * (self.together + 1)), "<i8").reshape(-1, runs).T
            if (index[:, 0] == index[:, -1]).all():
                continue
            with storage.open_input(storage.join(self.folder, numbered(group) + ".records")) as stream:
                for starts in index.tolist():
                    stream.seek(starts[0] * size)
                    data = stream.read((starts[-1] - starts[0]) * size)
                    for number, (start, stop) in enumerate(itertools.pairwise(starts)):
                        count, at = stop - start, (start - starts[0]) * size
                        if count:
                            keys = np.frombuffer(data, "<u8", count, at)
                            checks = np.frombuffer(data, "<u8", count, at + 8 * count) if self.checked else None
                            rows = np.frombuffer(data, "<u4", count, at + (size - 4) * count)
                            yield number, keys, checks, rows + kind.type(first_row)


@dataclass(frozen=True)
class Match(Task):
    """Edges between the rows of all groups that share a key of one range, and hits in the indexes of earlier runs."""

    name: str
    records: RangeReader
    known: tuple[KeyIndex, ...] = ()

    def run(self, commit: Commit) -> None:
        from gristmill.kernels.hashing import find_repeats

        reader = self.records
        kind = row_type(reader.all_rows)
        known = KeyIndex.read_all(self.known, reader.part, reader.tasks) if self.known else None
        with contextlib.ExitStack() as stack:
            edges = stack.enter_context(open(commit.path(self.name + ".edges"), "wb"))
            hits = stack.enter_context(open(commit.path(self.name + ".hits"), "wb")) if self.known else None
            for number, (keys, checks, rows) in enumerate(reader.by_range()):
                commit.count(records=len(keys))
                before = 0
                if known is not None and hits is not None:
                    part = known.range(reader.part * reader.together + number, reader.ranges)
                    before = len(part.keys)
                    keys = np.concatenate([part.keys, keys])
                    checks = None if checks is None or part.checks is None else np.concatenate([part.checks, checks])
                places, firsts = find_repeats(keys, checks)
                if known is not None and hits is not None:
                    mine = places >= before  # a key of several indexes stands first in the earliest
                    places, firsts = places[mine] - before, firsts[mine]
                    hit = firsts < before
                    found = np.stack([rows[places[hit]].astype(np.int64), part.rows[firsts[hit]]], axis=1)
                    hits.write(found.astype("<i8").tobytes())
                    commit.count(hits=len(found))
                    places, firsts = places[~hit], firsts[~hit] - before
                write_edges(edges, rows, places, firsts, 0, kind, commit)


def write_edges(
    stream: IO[bytes],
    rows: np.ndarray,
    places: np.ndarray,
    firsts: np.ndarray,
    first_row: int,
    kind: np.dtype,
    commit: Commit,
) -> None:
    """Append the edges of repeated keys as pairs of global rows, ascending, each once."""
    from gristmill.kernels.union_find import unique_edges

    edges = np.empty((len(places), 2), kind)
    edges = edges[: unique_edges(rows, places, firsts, edges)]
    edges += kind.type(first_row)
    stream.write(edges.tobytes())
    commit.count(edges=len(edges))


def read_edges(folder: str, names: Iterable[str], all_rows: int) -> Iterator[np.ndarray]:
    """Edges of the named tasks, a limited number at a time, each (m, 2)."""
    kind = row_type(all_rows)
    for name in names:
        with storage.open_input(storage.join(folder, name + ".edges")) as stream:
            while data := stream.read(EDGE_ROWS * 2 * kind.itemsize):
                yield np.frombuffer(data, kind).reshape(-1, 2)
