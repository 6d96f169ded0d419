"""Where the first copy of everything that repeats lies, and how many copies there are: the evidence of a cut.

    copies:        a task per group of shards → <group>.records, <group>.pieces, <group>.runs.npy
    match_copies:  a task per range of keys   → <range>.answers, <range>.starts
    gather_copies: a task per group of shards → <group>.answers, <group>.starts
    copies.shards: one task                   → shards.arrow, names of all shards

A *run* is consecutive rows of a shard, as many as memory allows. Of every key in it that stands elsewhere too, or twice in it, it
has one *record*: the key, its first place in the run and how often it stands there. Text that stands everywhere thus costs a
record a run. Runs are numbered in document order through all groups; `.runs.npy`, int64 (runs, 3), says of each the shard within
its group and the rows [first, stop). Several are held and written range after range; `.pieces`, int64 (ranges, runs, 2), says
which records of the file are a run's part of a range. Answers stand in the order of the records; `.starts`, int64 (runs + 1,),
says where each run's begin, in a range's file of all runs, in a group's of its own.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from gristmill import storage
from gristmill.commit import Commit, read_receipt
from gristmill.dedup.line_index import KeyIndex
from gristmill.dedup.records import numbered
from gristmill.dedup.repeats_match import is_in
from gristmill.dedup.substring_runs import keys_in, range_bounds, runs_of
from gristmill.stage import Phase, Scope, Task

RECORD = np.dtype([("key", "<u8"), ("row", "<u4"), ("offset", "<u4"), ("count", "<u4")])
ANSWER = np.dtype([("key", "<u8"), ("copies", "<i8"), ("shard", "<i4"), ("row", "<u4"), ("offset", "<u4")])
"""shard: of all shards of the scope; -1, -2 …: the first, second … index of `against` has the key."""
HELD_BYTES = 96  # memory a record takes while runs are made, the keys it was found by included
MATCH_BYTES = 128  # and while it is matched
SHARDS = pa.schema([("source", pa.dictionary(pa.int32(), pa.string())), ("shard", pa.string())])


class CopyWriter:
    """Collects the records of one group's runs and writes them when they fill memory and at the end."""

    def __init__(self, commit: Commit, name: str, ranges: int, held: int) -> None:
        self._commit, self._name, self._most = commit, name, held
        self._bounds = range_bounds(ranges)
        self._stream = open(commit.path(name + ".records"), "wb")  # noqa: SIM115 - closed by `close`
        self._waiting: list[np.ndarray] = []
        self._rows: list[tuple[int, int, int]] = []
        self._pieces = [np.empty((0, ranges, 2), np.int64)]
        self._held = self._written = 0

    def add(self, records: np.ndarray, shard: int, first_row: int, stop_row: int) -> None:
        """A run's records, RECORD, ascending by key, each key once."""
        if self._held + len(records) > self._most:
            self._flush()
        self._waiting.append(records)
        self._held += len(records)
        self._rows.append((shard, first_row, stop_row))

    def _flush(self) -> None:
        if not self._waiting:
            return
        inner = np.stack([np.append(np.searchsorted(run["key"], self._bounds), len(run)) for run in self._waiting])
        sizes = np.diff(inner, axis=1)  # (runs, ranges)
        ends = self._written + np.cumsum(sizes.T.reshape(-1)).reshape(sizes.T.shape).T
        for part in range(len(self._bounds)):
            for run, edges in zip(self._waiting, inner, strict=True):
                self._stream.write(run[edges[part] : edges[part + 1]].tobytes())
        self._pieces.append(np.stack([ends - sizes, ends], axis=2))
        self._written += self._held
        self._waiting, self._held = [], 0

    def close(self) -> None:
        self._flush()
        self._stream.close()
        with open(self._commit.path(self._name + ".runs.npy"), "wb") as stream:
            np.save(stream, np.array(self._rows, np.int64).reshape(-1, 3))
        with open(self._commit.path(self._name + ".pieces"), "wb") as stream:
            pieces = np.concatenate(self._pieces).transpose(1, 0, 2)
            stream.write(np.ascontiguousarray(pieces).astype("<i8").data)
        self._commit.count(runs=len(self._rows), records=self._written)


def records_of(keys: np.ndarray, rows: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Records of the parts of a run in document order: uint64 (n,), and integers (n,)."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    begins = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])) if len(keys) else np.empty(0, np.int64)
    found = np.empty(len(begins), RECORD)
    found["key"], found["count"] = ordered[begins], np.diff(np.append(begins, len(keys)))
    found["row"], found["offset"] = rows[order[begins]], offsets[order[begins]]
    return found


class CopyPlan(NamedTuple):
    """Ranges of keys, and the records a task holds."""

    ranges: int
    held: int

    @classmethod
    def of(cls, scope: Scope, most: int) -> CopyPlan:
        """most: records there can be in all."""
        ranges = max(1, min(1 << 14, -(-most // keys_in(scope.memory, MATCH_BYTES, most))))
        return cls(ranges, keys_in(scope.memory, HELD_BYTES, most))


def find_copies(
    scope: Scope, noted: Phase, groups: Sequence[tuple[int, int]], ranges: int, known: tuple[KeyIndex, ...] = ()
) -> Iterator[Phase | FirstCopies]:
    """The phases after `noted`, whose tasks wrote records with a CopyWriter, then where the answers are."""
    yield noted
    names = [task.name for task in noted.tasks]
    runs = [_count(noted, name, "runs") for name in names]
    first_runs = tuple(itertools.accumulate(runs, initial=0))
    match = scope.phase(
        f"match_copies-{ranges}",
        [
            MatchCopies(
                numbered(part), noted.folder, part, ranges, first_runs, tuple(start for start, _ in groups), known
            )
            for part in range(ranges)
        ],
    )
    yield match
    gather = scope.phase(
        f"gather_copies-{ranges}",
        [GatherCopies(name, match.folder, number, ranges, first_runs) for number, name in enumerate(names)],
    )
    yield gather
    shards = tuple(shard.source for shard in scope.shards), tuple(shard.name for shard in scope.shards)
    named = scope.phase("copies.shards", [NameShards("shards", *shards)])
    yield named
    yield FirstCopies(gather.folder, noted.folder, storage.join(named.folder, "shards.arrow"))


def _count(phase: Phase, task: str, key: str) -> int:
    receipt = read_receipt(phase.folder, task)
    if receipt is None:
        raise FileNotFoundError(f"{phase.folder}/{task}: not written yet")
    return receipt.counts.get(key, 0)


@dataclass(frozen=True)
class MatchCopies(Task):
    """The first copy and the number of copies of every key in one range."""

    name: str
    folder: str  # of the records
    part: int
    ranges: int
    first_runs: tuple[int, ...] = field(repr=False)  # number of the first run of each group, then of all runs
    first_shards: tuple[int, ...] = field(repr=False)  # number of the first shard of each group
    known: tuple[KeyIndex, ...] = ()

    def run(self, commit: Commit) -> None:
        parts = [np.empty(0, RECORD)]
        shards = np.empty(self.first_runs[-1], np.int64)
        sizes = np.empty(self.first_runs[-1], np.int64)
        for group, first in enumerate(self.first_runs[:-1]):
            mine = slice(first, self.first_runs[group + 1])
            if mine.stop == first:
                continue
            shards[mine] = runs_of(self.folder, numbered(group))[:, 0] + self.first_shards[group]
            pieces = self._pieces(group, mine.stop - first)
            sizes[mine] = pieces[:, 1] - pieces[:, 0]
            parts += self._records(group, pieces)
        records = np.concatenate(parts)
        answers = self._answers(records, np.repeat(shards, sizes))
        with open(commit.path(self.name + ".answers"), "wb") as stream:
            stream.write(answers.tobytes())
        with open(commit.path(self.name + ".starts"), "wb") as stream:
            stream.write(np.concatenate([[0], np.cumsum(sizes)]).astype("<i8").data)
        commit.count(records=len(records))

    def _pieces(self, group: int, runs: int) -> np.ndarray:
        with storage.open_input(storage.join(self.folder, numbered(group) + ".pieces")) as stream:
            stream.seek(self.part * runs * 16)
            return np.frombuffer(stream.read(runs * 16), "<i8").reshape(-1, 2)

    def _records(self, group: int, pieces: np.ndarray) -> Iterator[np.ndarray]:
        """The records of the pieces; those that lie side by side are one read."""
        edges = np.flatnonzero(pieces[1:, 0] != pieces[:-1, 1]) + 1
        with storage.open_input(storage.join(self.folder, numbered(group) + ".records")) as stream:
            for start, stop in itertools.pairwise([0, *edges.tolist(), len(pieces)]):
                first, end = int(pieces[start, 0]), int(pieces[stop - 1, 1])
                stream.seek(first * RECORD.itemsize)
                yield np.frombuffer(stream.read((end - first) * RECORD.itemsize), RECORD)

    def _answers(self, records: np.ndarray, shards: np.ndarray) -> np.ndarray:
        """Runs are in document order, so that the first record of a key has its first place."""
        found = np.empty(len(records), ANSWER)
        keys = records["key"].copy()
        order = np.argsort(keys, kind="stable")
        ordered = keys[order]
        new = np.append(True, ordered[1:] != ordered[:-1])[: len(keys)]
        begins, number = np.flatnonzero(new), np.cumsum(new) - 1
        firsts = order[begins]
        copies = np.add.reduceat(records["count"][order].astype(np.int64), begins) if len(begins) else number
        found["key"] = keys
        found["copies"][order] = copies[number]
        for name, values in (("shard", shards), ("row", records["row"]), ("offset", records["offset"])):
            found[name][order] = values[firsts][number]
        low, high = (((self.part + step) << 64) // self.ranges & ~1 for step in (0, 1))
        for place in reversed(range(len(self.known))):  # the earliest wins
            for part in self.known[place].between(low, high):
                found["shard"][is_in(keys, part)] = -1 - place
        return found


@dataclass(frozen=True)
class GatherCopies(Task):
    """The answers of one group from all ranges, run after run, ascending by key within each."""

    name: str
    folder: str  # of the answers by range
    group: int
    ranges: int
    first_runs: tuple[int, ...] = field(repr=False)

    def run(self, commit: Commit) -> None:
        edges = np.stack([self._starts(part) for part in range(self.ranges)])  # (ranges, runs + 1)
        sizes = np.diff(edges, axis=1)
        begins = np.concatenate([[0], np.cumsum(sizes.sum(axis=0))])
        with open(commit.path(self.name + ".starts"), "wb") as stream:
            stream.write(begins.astype("<i8").data)
        path = commit.path(self.name + ".answers")
        with open(path, "wb") as stream:
            stream.truncate(int(begins[-1]) * ANSWER.itemsize)
        if not begins[-1]:
            return
        out = np.memmap(path, ANSWER, "r+")
        filled = begins[:-1].copy()
        for part in range(self.ranges):
            with storage.open_input(storage.join(self.folder, numbered(part) + ".answers")) as stream:
                stream.seek(int(edges[part, 0]) * ANSWER.itemsize)
                answers = np.frombuffer(stream.read(int(sizes[part].sum()) * ANSWER.itemsize), ANSWER)
            for run in np.flatnonzero(sizes[part]).tolist():
                start, count = int(edges[part, run] - edges[part, 0]), int(sizes[part, run])
                out[filled[run] : filled[run] + count] = answers[start : start + count]
                filled[run] += count
        out.flush()

    def _starts(self, part: int) -> np.ndarray:
        first, stop = self.first_runs[self.group], self.first_runs[self.group + 1]
        with storage.open_input(storage.join(self.folder, numbered(part) + ".starts")) as stream:
            stream.seek(8 * first)
            return np.frombuffer(stream.read(8 * (stop - first + 1)), "<i8")


@dataclass(frozen=True)
class NameShards(Task):
    """The names of all shards of the scope, by number."""

    name: str
    sources: tuple[str, ...] = field(repr=False)
    shards: tuple[str, ...] = field(repr=False)

    def run(self, commit: Commit) -> None:
        table = pa.table([pa.array(self.sources).dictionary_encode(), pa.array(self.shards)], schema=SHARDS)
        with pa.OSFile(commit.path("shards.arrow"), "wb") as stream, pa.ipc.new_file(stream, SHARDS) as writer:
            writer.write_table(table)


class CopyRun(NamedTuple):
    """Answers, ANSWER, about rows [first_row, stop_row) of a shard, ascending by key."""

    first_row: int
    stop_row: int
    answers: np.ndarray


@dataclass(frozen=True)
class FirstCopies:
    """The answers, as the gather tasks left them. Small: tasks carry it."""

    folder: str  # of the gather tasks
    records: str  # folder of the tasks that wrote the runs
    shards: str  # the file of names

    def runs(self, group: str, shard: int) -> Iterator[CopyRun]:
        """The runs of a shard, which is counted within its group, in order."""
        rows = runs_of(self.records, group)
        mine = np.flatnonzero(rows[:, 0] == shard)
        if not len(mine):
            return
        with storage.open_input(storage.join(self.folder, group + ".starts")) as stream:
            stream.seek(8 * int(mine[0]))
            starts = np.frombuffer(stream.read(8 * (len(mine) + 1)), "<i8").tolist()
        with storage.open_input(storage.join(self.folder, group + ".answers")) as stream:
            for number, run in enumerate(mine.tolist()):
                stream.seek(starts[number] * ANSWER.itemsize)
                data = stream.read((starts[number + 1] - starts[number]) * ANSWER.itemsize)
                yield CopyRun(int(rows[run, 1]), int(rows[run, 2]), np.frombuffer(data, ANSWER))
