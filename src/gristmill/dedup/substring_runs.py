"""Keys of gram occurrences, written by groups of shards and split by range, and which of them stand twice.

    write:  a task per group of shards → <group>.keys, <group>.runs.npy, <group>.pieces
    match:  a task per range of keys   → <range>.keys, <range>.starts
    gather: a task per group of shards → <group>.keys, <group>.starts

A *run* is the sorted distinct keys of consecutive documents of one shard, as many as memory allows, or of a piece of a
document that is too large for one; runs are numbered in document order through all groups. A key (uint64) has its
lowest bit set where it stands twice in its run, so that a text that stands everywhere costs a key a run.
`<group>.runs.npy`, int64 (runs, 5), says of each run which shard of the group and which rows [first, stop) it is of,
and of a piece which bytes [begin, end) of its row, else zeros; `<group>.pieces`, int64 (ranges, runs, 2), which keys
of the file are its part of each range. Several runs are held and written range after range, so that a range of a group
is few reads, and one of the pieces.

What a match task writes are the keys of its range that stand twice anywhere, run after run, the lowest bit now set
where an earlier run has the key too. Its `.starts` says where each run begins: int64, the number of passes, then
(passes, runs + 1). A range that does not fit into memory takes several passes, each over part of it. What gather tasks
write are the same keys run after run, and where each run of the group begins, int64 (runs + 1,): what a shard needs is
a read of each. All little-endian.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from gristmill import storage
from gristmill.commit import Commit
from gristmill.dedup.records import numbered
from gristmill.stage import Task

MATCH_BYTES = 40  # memory a key takes while it is matched: itself, a sorted copy, a hash table of the repeated
HELD_BYTES = 64  # memory a key takes while runs are made: unsorted, sorted, and the table it was chosen with
MOST_IN_MEMORY = 1 << 24  # keys a task holds even where memory allows more: smaller tasks spread better
FEWEST_TASKS = 1 << 10  # unless there are so many tasks anyway: larger ones then mean fewer and larger reads
FEWEST_IN_MEMORY = 1 << 12


def keys_in(memory: int, bytes_a_key: int, expected: float = 0) -> int:
    """Keys that a task may hold in `memory` bytes, where about so many are expected in all."""
    return max(FEWEST_IN_MEMORY, min(max(MOST_IN_MEMORY, int(expected) // FEWEST_TASKS), memory // bytes_a_key))


def range_bounds(ranges: int, parts: int = 1) -> np.ndarray:
    """Where each part of each of `ranges` equal ranges of keys begins, uint64 (ranges * parts,), even."""
    whole = ranges * parts
    return np.array([(number << 64) // whole & ~1 for number in range(whole)], np.uint64)


class RunWriter:
    """Collects the runs of one group and writes them when they fill memory and at the end."""

    def __init__(self, commit: Commit, name: str, ranges: int, most_keys: int) -> None:
        self._commit, self._name, self._ranges = commit, name, ranges
        self._stream = open(commit.path(name + ".keys"), "wb")  # noqa: SIM115 - closed by `close`
        self._most, self._held, self._written = most_keys, 0, 0
        self._waiting: list[np.ndarray] = []
        self._rows: list[tuple[int, int, int, int, int]] = []
        self._pieces: list[np.ndarray] = []

    def add(self, keys: np.ndarray, shard: int, first_row: int, stop_row: int, piece: tuple[int, int] = (0, 0)) -> None:
        """A run from all keys of these rows, or of a piece of a row, in any order; `keys` is overwritten."""
        from gristmill.kernels.key_table import merge_equal

        self._commit.count(keys=len(keys))
        keys.sort()
        run = keys[: merge_equal(keys)]
        if self._held + len(run) > self._most:
            self._flush()
        self._waiting.append(run.copy())
        self._held += len(run)
        self._rows.append((shard, first_row, stop_row, *piece))

    def _flush(self) -> None:
        if not self._waiting:
            return
        bounds = range_bounds(self._ranges)
        inner = np.stack([np.append(np.searchsorted(run, bounds), len(run)) for run in self._waiting])
        sizes = np.diff(inner, axis=1)  # (runs, ranges)
        pieces = np.empty((*sizes.shape, 2), np.int64)
        ends = self._written + np.cumsum(sizes.T.reshape(-1)).reshape(sizes.T.shape).T
        pieces[:, :, 0], pieces[:, :, 1] = ends - sizes, ends
        for part in range(self._ranges):
            self._stream.write(
                b"".join(
                    run[edges[part] : edges[part + 1]].data for run, edges in zip(self._waiting, inner, strict=True)
                )
            )
        self._pieces.append(pieces)
        self._written += self._held
        self._waiting, self._held = [], 0

    def close(self) -> None:
        self._flush()
        self._stream.close()
        with open(self._commit.path(self._name + ".runs.npy"), "wb") as stream:
            np.save(stream, np.array(self._rows, np.int64).reshape(-1, 5))
        pieces = np.concatenate([np.empty((0, self._ranges, 2), np.int64), *self._pieces])
        with open(self._commit.path(self._name + ".pieces"), "wb") as stream:
            stream.write(np.ascontiguousarray(pieces.transpose(1, 0, 2)).astype("<i8").data)
        self._commit.count(runs=len(self._rows), distinct_keys=self._written)


def runs_of(folder: str, group: str) -> np.ndarray:
    """Shard in the group, rows [first, stop) and bytes [begin, end) of every run, int64 (runs, 5)."""
    with storage.open_input(storage.join(folder, group + ".runs.npy")) as stream:
        return np.load(stream)


@dataclass(frozen=True)
class MatchRuns(Task):
    """The keys of one range that stand twice: in two runs, or in one."""

    name: str
    folder: str  # of the tasks that wrote runs
    part: int  # number of the range
    ranges: int
    first_runs: tuple[int, ...] = field(repr=False)  # number of the first run of each group, then of all runs
    most_keys: int = MOST_IN_MEMORY

    def run(self, commit: Commit) -> None:
        from gristmill.kernels.key_table import keep_repeated, make_table, repeated_keys

        pieces = [self._pieces(number) for number in range(len(self.first_runs) - 1)]
        total = sum(int((piece[:, 1] - piece[:, 0]).sum()) for piece in pieces)
        passes = -(-total // self.most_keys)
        bounds = np.append(range_bounds(self.ranges, max(1, passes)), np.uint64(2**64 - 1))
        written = 0
        with (
            open(commit.path(self.name + ".keys"), "wb") as stream,
            open(commit.path(self.name + ".starts"), "wb") as starts_stream,
        ):
            starts_stream.write(np.int64(passes).astype("<i8").tobytes())
            for number in range(self.part * passes, (self.part + 1) * passes):
                keys, starts = self._load(pieces, bounds[number], bounds[number + 1], number + 2 == len(bounds))
                ordered = np.sort(keys)
                table = make_table(ordered[: repeated_keys(ordered)])
                del ordered
                count = keep_repeated(keys, starts, table)
                stream.write(keys[:count].data)
                starts_stream.write((starts + written).astype("<i8").tobytes())
                written += count
        commit.count(keys=total, repeated=written, passes=passes)

    def _pieces(self, group: int) -> np.ndarray:
        """First key and the one after the last of this range in each run of the group, int64 (runs, 2)."""
        size = (self.first_runs[group + 1] - self.first_runs[group]) * 16
        with storage.open_input(storage.join(self.folder, numbered(group) + ".pieces")) as stream:
            stream.seek(self.part * size)
            return np.frombuffer(stream.read(size), "<i8").reshape(-1, 2)

    def _load(
        self, pieces: list[np.ndarray], low: np.uint64, high: np.uint64, last: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """Keys from `low` up to `high` (with it, if last), run after run, and where each run begins, int64 (runs + 1,)."""
        found: list[np.ndarray] = []
        starts = np.zeros(self.first_runs[-1] + 1, np.int64)
        run = 0
        for group, of_group in enumerate(pieces):
            with storage.open_input(storage.join(self.folder, numbered(group) + ".keys")) as stream:
                for runs in _joined(of_group):
                    first, stop = int(of_group[runs.start, 0]), int(of_group[runs.stop - 1, 1])
                    stream.seek(first * 8)
                    block = np.frombuffer(stream.read((stop - first) * 8), "<u8")
                    for start, end in of_group[runs] - first:
                        piece = block[start:end]
                        begin = np.searchsorted(piece, low)
                        finish = len(piece) if last else np.searchsorted(piece, high)
                        if finish - begin < len(piece):
                            piece = piece[begin:finish].copy()  # a view would hold the whole block
                        found.append(piece)
                        run += 1
                        starts[run] = starts[run - 1] + len(piece)
        return np.concatenate([np.empty(0, np.uint64), *found]), starts


def _joined(pieces: np.ndarray) -> Iterator[slice]:
    """Slices of consecutive pieces that lie side by side in the file."""
    edges = np.flatnonzero(pieces[1:, 0] != pieces[:-1, 1]) + 1
    for start, stop in itertools.pairwise([0, *edges.tolist(), len(pieces)]):
        if stop > start:
            yield slice(start, stop)


@dataclass(frozen=True)
class GatherRuns(Task):
    """The repeated keys of one group from all ranges, run after run."""

    name: str
    folder: str  # of the match tasks
    group: int
    ranges: int
    first_runs: tuple[int, ...] = field(repr=False)

    def run(self, commit: Commit) -> None:
        passes = [found for part in range(self.ranges) for found in self._starts(part)]
        counts = [np.diff(starts) for _, starts in passes]
        runs = self.first_runs[self.group + 1] - self.first_runs[self.group]
        sizes = np.sum(counts, axis=0, dtype=np.int64) if counts else np.zeros(runs, np.int64)
        begins = np.concatenate([[0], np.cumsum(sizes)])
        with open(commit.path(self.name + ".starts"), "wb") as stream:
            stream.write(begins.astype("<i8").data)
        path = commit.path(self.name + ".keys")
        with open(path, "wb") as stream:
            stream.truncate(int(begins[-1]) * 8)
        commit.count(keys=int(begins[-1]))
        if not begins[-1]:
            return
        out = np.memmap(path, "<u8", "r+")
        filled = begins[:-1].copy()
        for part, of_part in itertools.groupby(passes, key=lambda found: found[0]):
            with storage.open_input(storage.join(self.folder, numbered(part) + ".keys")) as stream:
                for _, starts in of_part:
                    stream.seek(int(starts[0]) * 8)
                    keys = np.frombuffer(stream.read(int(starts[-1] - starts[0]) * 8), "<u8")
                    for run in np.flatnonzero(np.diff(starts)).tolist():
                        piece = keys[starts[run] - starts[0] : starts[run + 1] - starts[0]]
                        out[filled[run] : filled[run] + len(piece)] = piece
                        filled[run] += len(piece)
        out.flush()

    def _starts(self, part: int) -> Iterator[tuple[int, np.ndarray]]:
        """The range, and where in it each run of the group begins, int64 (runs + 1,), for each pass of the range."""
        first, runs = self.first_runs[self.group], self.first_runs[self.group + 1] - self.first_runs[self.group]
        with storage.open_input(storage.join(self.folder, numbered(part) + ".starts")) as stream:
            passes = int(np.frombuffer(stream.read(8), "<i8")[0])
            for number in range(passes):
                stream.seek(8 * (1 + number * (self.first_runs[-1] + 1) + first))
                yield part, np.frombuffer(stream.read(8 * (runs + 1)), "<i8")


class Run(NamedTuple):
    """Repeated keys of some rows of a shard, or of bytes [begin, end) of one row where end is not 0.

    keys: uint64, the lowest bit set where an earlier run has the key too.
    """

    first_row: int
    stop_row: int
    begin: int
    end: int
    keys: np.ndarray


@dataclass(frozen=True)
class RepeatedKeys:
    """The keys of each run that stand twice, as the gather tasks left them."""

    folder: str  # of the gather tasks
    runs_folder: str  # of the tasks that wrote the runs

    def runs(self, group: int, shard: int) -> Iterator[Run]:
        """The runs of a shard, which is counted within its group; those without any such keys are left out."""
        rows = runs_of(self.runs_folder, numbered(group))
        mine = np.flatnonzero(rows[:, 0] == shard)
        if not len(mine):
            return
        with storage.open_input(storage.join(self.folder, numbered(group) + ".starts")) as stream:
            stream.seek(8 * int(mine[0]))
            starts = np.frombuffer(stream.read(8 * (len(mine) + 1)), "<i8").tolist()
        if starts[0] == starts[-1]:
            return
        with storage.open_input(storage.join(self.folder, numbered(group) + ".keys")) as stream:
            for number, run in enumerate(mine.tolist()):
                if starts[number + 1] > starts[number]:
                    stream.seek(8 * starts[number])
                    keys = np.frombuffer(stream.read(8 * (starts[number + 1] - starts[number])), "<u8")
                    first_row, stop_row, begin, end = rows[run, 1:].tolist()
                    yield Run(first_row, stop_row, begin, end, keys)
