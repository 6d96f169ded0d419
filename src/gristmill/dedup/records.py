"""The files in which partition tasks leave records and match tasks find those of their ranges of keys.

    <group>.records, <group>.index

A *record* is a key, perhaps a check (where keys alone are not proof enough) and the row that has it. `<group>.records` is a
sequence of runs, each as many records as memory allowed, by range of key and in row order within: all keys of the run (uint64),
all checks (uint64), all rows (uint32, counted from the group's first row). A run begins at an even record, so that numbers lie at
multiples of their size. `<group>.index` holds, int64 (ranges + 2, runs), the record at which each run ends, then the record at
which each of its ranges begins, and the end again. All little-endian.
"""

from __future__ import annotations

import contextlib
import mmap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, NamedTuple

import numpy as np

from gristmill import storage

KEY, ROW = np.dtype("<u8"), np.dtype("<u4")


def row_type(rows: int) -> np.dtype:
    """The integer type of global row numbers: 4 bytes while they fit."""
    return np.dtype("<u4") if rows < 1 << 32 else np.dtype("<i8")


def numbered(number: int) -> str:
    """Name of the task with this number in its phase."""
    return f"{number:05d}"


class RecordsWriter:
    """Writes the runs of one group."""

    def __init__(self, records: IO[bytes]) -> None:
        self._records = records
        self._index: list[np.ndarray] = []
        self._end = 0

    def write(self, keys: np.ndarray, checks: np.ndarray | None, rows: np.ndarray, starts: np.ndarray) -> None:
        """One run. starts: int64 (ranges + 1,), where its ranges begin, from 0."""
        columns = [keys, rows] if checks is None else [keys, checks, rows]
        for column in columns:
            self._records.write(column.data)
        first, self._end = self._end, self._end + len(keys)
        self._index.append(np.concatenate([starts[-1:], starts]) + first)
        if self._end % 2:
            self._records.write(bytes(sum(column.itemsize for column in columns)))
            self._end += 1

    def index(self) -> bytes:
        return np.stack(self._index, axis=1).astype("<i8").tobytes() if self._index else b""


class Piece(NamedTuple):
    """Records of one run: keys, checks or None, rows counted from the group's first, and that row's global number."""

    keys: np.ndarray
    checks: np.ndarray | None
    rows: np.ndarray
    first_row: int

    def part(self, start: int, stop: int) -> Piece:
        checks = None if self.checks is None else self.checks[start:stop]
        return Piece(self.keys[start:stop], checks, self.rows[start:stop], self.first_row)

    def global_rows(self, kind: np.dtype) -> np.ndarray:
        return self.rows + kind.type(self.first_row)


@dataclass(frozen=True)
class RangeReader:
    """The records of one task's ranges of keys, from all groups."""

    folder: str  # of the partition phase
    first_rows: tuple[int, ...]  # of each group
    ranges: int  # as in the plan
    together: int  # ranges of this task
    part: int  # number of the task
    checked: bool
    all_rows: int

    @property
    def tasks(self) -> int:
        return self.ranges // self.together

    def read(self) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
        """Keys, checks and global rows of all the task's records; those with the same key in row order."""
        pieces, kind = list(self.pieces()), row_type(self.all_rows)
        checks = [piece.checks for piece in pieces if piece.checks is not None]
        return (
            np.concatenate([np.empty(0, KEY), *(piece.keys for piece in pieces)]),
            np.concatenate([np.empty(0, KEY), *checks]) if self.checked else None,
            np.concatenate([np.empty(0, kind), *(piece.global_rows(kind) for piece in pieces)]),
        )

    def by_range(self) -> Iterator[list[Piece]]:
        """The records of each range, in row order as groups and runs are."""
        pieces = list(self._pieces())
        for number in range(self.together):
            yield [piece.part(starts[number], starts[number + 1]) for piece, starts in pieces]

    def pieces(self) -> Iterator[Piece]:
        """All records, a run of a group at a time."""
        return (piece for piece, _ in self._pieces())

    def _pieces(self) -> Iterator[tuple[Piece, list[int]]]:
        """Records of each run that has any, and where the task's ranges begin in them."""
        for group, first_row in enumerate(self.first_rows):
            ends, index = self._index(group)
            if not (index[:, 0] < index[:, -1]).any():
                continue
            with _numbers(storage.join(self.folder, numbered(group) + ".records")) as read:
                for (first, end), starts in zip(ends, index, strict=True):
                    if starts[0] < starts[-1]:
                        yield self._piece(read, first, end, starts, first_row), (starts - starts[0]).tolist()

    def _index(self, group: int) -> tuple[np.ndarray, np.ndarray]:
        """By run: its first record and its end, int64 (runs, 2); where the task's ranges begin, int64 (runs, together + 1)."""
        with storage.open_input(storage.join(self.folder, numbered(group) + ".index")) as stream:
            runs = stream.seek(0, 2) // (8 * (self.ranges + 2))
            stream.seek(0)
            ends = np.frombuffer(stream.read(16 * runs), "<i8").reshape(2, runs)[::-1].T
            stream.seek(8 * runs * (1 + self.part * self.together))
            index = np.frombuffer(stream.read(8 * runs * (self.together + 1)), "<i8").reshape(self.together + 1, runs).T
        return ends, index

    def _piece(self, read: _Read, first: int, end: int, starts: np.ndarray, first_row: int) -> Piece:
        size, before, count = 20 if self.checked else 12, starts[0] - first, starts[-1] - starts[0]
        column, width = first * size, 8 * (end - first)
        keys = read(KEY, count, column + 8 * before)
        checks = read(KEY, count, column + width + 8 * before) if self.checked else None
        rows = read(ROW, count, column + (2 if self.checked else 1) * width + 4 * before)
        return Piece(keys, checks, rows, first_row)


_Read = Callable[[np.dtype, int, int], np.ndarray]  # kind, count and first byte → numbers that are not to be changed


@contextlib.contextmanager
def _numbers(location: str) -> Iterator[_Read]:
    """Numbers from anywhere in a file: mapped where it is local, so that nothing is copied and memory can be reclaimed."""
    with storage.open_input(location) as stream:
        if not storage.is_remote(location):
            mapped = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)

            def look(kind: np.dtype, count: int, start: int) -> np.ndarray:
                page = start - start % mmap.PAGESIZE
                if hasattr(
                    mmap, "MADV_WILLNEED"
                ):  # a task wants these pages soon: they are fetched while others are worked on
                    mapped.madvise(mmap.MADV_WILLNEED, page, start - page + int(count) * kind.itemsize)
                return np.frombuffer(mapped, kind, count, start)

            yield look
            return

        def fetch(kind: np.dtype, count: int, start: int) -> np.ndarray:
            stream.seek(start)
            return np.frombuffer(stream.read(int(count) * kind.itemsize), kind)

        yield fetch
