"""The tasks that match the keys of all groups of shards, range by range, and bring the marks back to each group.

What they read and write is described in `repeats`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from gristmill import storage
from gristmill.commit import Commit
from gristmill.dedup.line_index import KeyIndex
from gristmill.dedup.records import numbered
from gristmill.stage import Task

RECORD_BYTES = 12
REPEAT, FIRST = 1, 2  # marks: a repeat; only the first of several, which is noted where they are counted
CHUNK = 1 << 20  # marks copied at a time

FirstCopy = Literal["keep", "cut"]


def repeats_among(keys: np.ndarray, first_copy: FirstCopy) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions to mark, ascending; bool (keys,), False for all but the first of equal keys; and where these stand, ascending."""
    from gristmill.kernels.key_repeats import find_repeats

    places, firsts = find_repeats(keys)
    passed = np.ones(len(keys), bool)
    passed[places] = False
    if first_copy == "cut":
        places = np.union1d(places, firsts)
    return places, passed, np.unique(firsts)


@dataclass(frozen=True)
class RecordRange:
    """The records of all groups in one range of keys."""

    folder: str  # of the partition phase
    runs: tuple[int, ...]  # of each group
    start: int  # first slice
    stop: int  # and the slice after the last
    slices: int
    held: int

    @property
    def bounds(self) -> tuple[int, int]:
        """The smallest key of the range and the one after the greatest."""
        return (self.start << 64) // self.slices, (self.stop << 64) // self.slices

    def read(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Keys and ordinals, group after group and run after run, and where each group begins, int64 (groups + 1,)."""
        pieces = [self._pieces(group) for group in range(len(self.runs))]
        counts = [int((piece[:, 1] - piece[:, 0]).sum()) for piece in pieces]
        bounds = np.cumsum([0, *counts])
        keys, ordinals = np.empty(bounds[-1], np.uint64), np.empty(bounds[-1], np.int64)
        for group, piece in enumerate(pieces):
            part = slice(bounds[group], bounds[group + 1])
            self._read(group, piece, keys[part], ordinals[part])
        return keys, ordinals, bounds

    def _pieces(self, group: int) -> np.ndarray:
        """Of each run the first record of the range, the one after the last, and the same of the run, int64 (runs, 4)."""
        rows = []
        with storage.open_input(storage.join(self.folder, numbered(group) + ".index")) as stream:
            for place in (self.start, self.stop, 0, self.slices):
                stream.seek(place * self.runs[group] * 8)
                rows.append(np.frombuffer(stream.read(self.runs[group] * 8), "<i8"))
        return np.stack(rows, axis=1)

    def _read(self, group: int, pieces: np.ndarray, keys: np.ndarray, ordinals: np.ndarray) -> None:
        if not len(keys):
            return
        filled = 0
        with storage.open_input(storage.join(self.folder, numbered(group) + ".records")) as stream:
            for run, (start, stop, first, end) in enumerate(pieces.tolist()):
                part = slice(filled, filled + stop - start)
                begin = first * RECORD_BYTES
                stream.seek(begin + (start - first) * 8)
                keys[part] = np.frombuffer(stream.read((stop - start) * 8), "<u8")
                stream.seek(begin + (end - first) * 8 + (start - first) * 4)
                ordinals[part] = np.frombuffer(stream.read((stop - start) * 4), "<u4")
                ordinals[part] += run * self.held
                filled = part.stop


@dataclass(frozen=True)
class KeyMatch(Task):
    """Repeats among the records of all groups in one range of keys, and of what stands in earlier runs."""

    name: str
    records: RecordRange
    first_copy: FirstCopy
    known: tuple[KeyIndex, ...] = ()
    note_firsts: bool = False

    def run(self, commit: Commit) -> None:
        keys, ordinals, bounds = self.records.read()
        marked, _, firsts = repeats_among(keys, self.first_copy)
        if self.known:
            earlier = np.zeros(len(keys), bool)
            for index in self.known:
                for part in index.between(*self.records.bounds):
                    earlier |= is_in(keys, part)
            commit.count(seen_earlier=int(earlier.sum()))
            marked = np.union1d(marked, np.flatnonzero(earlier))
        listed = np.union1d(marked, firsts) if self.note_firsts else marked
        repeated = np.ones(len(listed), bool)
        repeated[np.searchsorted(listed, np.setdiff1d(listed, marked))] = False
        with open(commit.path(self.name + ".repeats"), "wb") as stream:
            stream.write((ordinals[listed].astype("<i8") * 2 + ~repeated).data)
        with open(commit.path(self.name + ".index"), "wb") as stream:
            stream.write(np.searchsorted(listed, bounds).astype("<i8").data)
        commit.count(records=len(keys), repeats=len(marked))


def is_in(keys: np.ndarray, ascending: np.ndarray) -> np.ndarray:
    """Which keys stand in an ascending array, bool (keys,)."""
    if not len(ascending):
        return np.zeros(len(keys), bool)
    places = np.searchsorted(ascending, keys)
    return ascending[np.minimum(places, len(ascending) - 1)] == keys


@dataclass(frozen=True)
class WriteIndex(Task):
    """The distinct keys of one range, ascending, with those of earlier runs where they are carried on."""

    name: str
    records: RecordRange
    carried: tuple[KeyIndex, ...]

    def run(self, commit: Commit) -> None:
        keys = np.unique(self.records.read()[0])
        for index in self.carried:
            for part in index.between(*self.records.bounds):
                keys = np.union1d(keys, part)
        with open(commit.path(self.name + ".keys"), "wb") as stream:
            stream.write(keys.astype("<u8").data)
        commit.count(keys=len(keys))


@dataclass(frozen=True)
class Gather(Task):
    """All marks of one group of shards."""

    name: str
    group: int
    partition: str  # folders
    match: str
    ranges: int

    def run(self, commit: Commit) -> None:
        path = commit.path(self.name + ".marks")
        with (
            storage.open_input(storage.join(self.partition, self.name + ".marks")) as stream,
            open(path, "wb") as copy,
        ):
            while data := stream.read(CHUNK):
                copy.write(data)
            size = copy.tell()
        if size:
            marks = np.memmap(path, np.uint8, "r+", shape=(size,))
            for part in range(self.ranges):
                for listed in self._repeats(numbered(part)):
                    marks[listed >> 1] |= np.where(listed & 1, FIRST, REPEAT).astype(np.uint8)
            marks.flush()
        with storage.open_input(storage.join(self.partition, self.name + ".shards.npy")) as stream:
            firsts = np.load(stream)
        with open(commit.path(self.name + ".shards.npy"), "wb") as shards:
            np.save(shards, firsts)

    def _repeats(self, part: str) -> Iterator[np.ndarray]:
        with storage.open_input(storage.join(self.match, part + ".index")) as stream:
            stream.seek(self.group * 8)
            start, stop = np.frombuffer(stream.read(16), "<i8").tolist()
        if start == stop:
            return
        with storage.open_input(storage.join(self.match, part + ".repeats")) as stream:
            stream.seek(start * 8)
            while start < stop:
                count = min(CHUNK, stop - start)
                yield np.frombuffer(stream.read(count * 8), "<i8")
                start += count
