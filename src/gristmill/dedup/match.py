"""Rows that share a key, once records lie together by range of key: edges between them.

    match: a task per range of keys → <range>.edges, <range>.hits

`<range>.edges` are pairs of a row and the smallest row found with the same key; `<range>.hits` are pairs (int64) of a row and the
row of an earlier run's index that has the same key (`key_index`). A scope whose records fit the memory of one task is matched by
that one, in place of all partition and match tasks, and its records are never written.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO

import numpy as np

from gristmill import storage
from gristmill.commit import Commit
from gristmill.dedup.key_index import IndexPart, KeyIndex
from gristmill.dedup.records import Piece, RangeReader, row_type
from gristmill.dedup.shuffle import ALL_IN_CACHE, Columns, Partition, Records, by_range, write_group_edges
from gristmill.stage import Task

EDGE_ROWS = 1 << 20  # edges read at a time
CROWDED = 8 * ALL_IN_CACHE  # records in a range that hashes alone do not bring together


@dataclass(frozen=True)
class Match(Task):
    """Edges between the rows of all groups that share a key of one range, and hits in the indexes of earlier runs."""

    name: str
    records: RangeReader
    known: tuple[KeyIndex, ...] = ()

    def run(self, commit: Commit) -> None:
        reader = self.records
        known = [part for index in self.known for part in index.part(reader.part, reader.tasks)]
        candidates = Candidates(reader.checked, row_type(reader.all_rows))
        with contextlib.ExitStack() as stack:
            edges = stack.enter_context(open(commit.path(self.name + ".edges"), "wb"))
            hits = stack.enter_context(open(commit.path(self.name + ".hits"), "wb")) if self.known else None
            for number, pieces in enumerate(reader.by_range(), reader.part * reader.together):
                commit.count(records=sum(len(piece.keys) for piece in pieces))
                earlier = [part.range(number, reader.ranges) for part in known]
                keys, checks, rows, before = candidates.of(pieces, earlier)
                self._match(keys, checks, rows, before, edges, hits, commit)

    def _match(
        self,
        keys: np.ndarray,
        checks: np.ndarray,
        rows: np.ndarray,
        known_rows: np.ndarray,
        edges: IO[bytes],
        hits: IO[bytes] | None,
        commit: Commit,
    ) -> None:
        """Compare the candidates of one range, of which those in earlier indexes come first and are no row of this run."""
        from gristmill.kernels.key_repeats import find_repeats_among

        before = len(known_rows)
        places, firsts = find_repeats_among(keys, checks)
        if hits is not None:
            mine = places >= before  # a key of several indexes stands first in the earliest
            places, firsts = places[mine] - before, firsts[mine]
            hit = firsts < before
            found = np.stack([rows[places[hit]].astype(np.int64), known_rows[firsts[hit]]], axis=1)
            hits.write(found.astype("<i8").tobytes())
            commit.count(hits=len(found))
            places, firsts = places[~hit], firsts[~hit] - before
        write_edges(edges, rows, places, firsts, commit)


@dataclass(frozen=True)
class MatchAll(Partition):
    """Edges between all rows that share a key, found in memory."""

    def run(self, commit: Commit) -> None:
        from gristmill.kernels.key_repeats import find_repeats_among

        self._write_scores(commit)
        pieces, starts, filled = [], [], 0
        room = Columns.room(
            sum(self.rows) * self.stage.keys_per_row, self.stage.checked
        )  # taken up as far as it is filled
        for run in self._runs(commit):
            records = sum(len(part.keys) for part in run)
            place = room.part(filled, filled + records)
            starts.append(by_range(run, self.plan.ranges, place).tolist())
            pieces.append(Piece(place.keys, place.checks if self.stage.checked else None, place.rows, self.first_row))
            filled += records
        candidates = Candidates(self.stage.checked, row_type(self.all_rows))
        with open(commit.path(self.name + ".edges"), "wb") as edges:
            for number in range(self.plan.ranges):
                parts = [piece.part(its[number], its[number + 1]) for piece, its in zip(pieces, starts, strict=True)]
                if sum(len(part.keys) for part in parts) > CROWDED:
                    parts = [self._without_repeats(part, edges, commit) for part in parts]
                keys, checks, rows, _ = candidates.of(parts, [])
                write_edges(edges, rows, *find_repeats_among(keys, checks), commit)
        commit.count(records=filled)

    def _without_repeats(self, piece: Piece, edges: IO[bytes], commit: Commit) -> Piece:
        """The piece with one record a key, and edges for the others: no boilerplate makes memory grow."""
        from gristmill.kernels.key_repeats import drop_repeats

        starts = np.array([0, len(piece.keys)])
        checks = np.empty(0, np.uint64) if piece.checks is None else piece.checks
        pairs = np.unique(drop_repeats(piece.keys, checks, piece.rows, starts))
        write_group_edges(edges, pairs, self.first_row, row_type(self.all_rows), commit)
        return piece.part(0, int(starts[-1]))


class Candidates:
    """The records of a range whose keys may stand in it twice; memory that is used again for every range."""

    def __init__(self, checked: bool, kind: np.dtype) -> None:
        self._checked, self._kind = checked, kind
        self._bits = np.empty(0, np.uint64)
        self._room(0)

    def of(self, pieces: list[Piece], known: list[IndexPart]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Keys and checks (empty where there are none), those of earlier indexes first; rows of the others; rows of the first."""
        from gristmill.kernels.key_repeats import filter_words, mark, take_marked

        total = sum(len(part.keys) for part in known) + sum(len(piece.keys) for piece in pieces)
        self._room(total)
        bits = self._bits[: filter_words(total)]
        bits[:] = 0
        some = [mark(keys, bits) for keys in [*(part.keys for part in known), *(piece.keys for piece in pieces)]]
        count = before = 0
        known_rows = np.empty(0, np.int64)
        none = np.empty(0, np.uint64)
        if any(some):
            known_rows = np.empty(1 + sum(len(part.keys) for part in known), np.int64)
            for part in known:
                checks = none if part.checks is None else part.checks
                before = take_marked(
                    part.keys, checks, part.rows, 0, bits, self._keys, self._checks, known_rows, before
                )
            count = before
            for piece in pieces:
                checks = none if piece.checks is None else piece.checks
                count = take_marked(
                    piece.keys, checks, piece.rows, piece.first_row, bits, self._keys, self._checks, self._rows, count
                )
        checks = self._checks[:count] if self._checked else none
        return self._keys[:count], checks, self._rows[before:count], known_rows[:before]

    def _room(self, records: int) -> None:
        from gristmill.kernels.key_repeats import filter_words

        if filter_words(records) > len(self._bits):
            self._bits = np.empty(filter_words(records), np.uint64)
            room = 4 * len(self._bits) + 1  # as many keys as such a filter is for
            self._keys = np.empty(room, np.uint64)
            self._checks = np.empty(room if self._checked else 0, np.uint64)
            self._rows = np.empty(room, self._kind)


def write_edges(stream: IO[bytes], rows: np.ndarray, places: np.ndarray, firsts: np.ndarray, commit: Commit) -> None:
    """Append the edges of repeated keys as pairs of global rows, ascending, each once."""
    from gristmill.kernels.union_find import unique_edges

    edges = np.empty((len(places), 2), rows.dtype)
    edges = edges[: unique_edges(rows, places, firsts, edges)]
    stream.write(edges.tobytes())
    commit.count(edges=len(edges))


def read_edges(folder: str, names: Iterable[str], all_rows: int) -> Iterator[np.ndarray]:
    """Edges of the named tasks, a limited number at a time, each (m, 2)."""
    kind = row_type(all_rows)
    for name in names:
        with storage.open_input(storage.join(folder, name + ".edges")) as stream:
            while data := stream.read(EDGE_ROWS * 2 * kind.itemsize):
                yield np.frombuffer(data, kind).reshape(-1, 2)


def warm_match(checked: bool) -> None:
    """Compile what partition and match tasks use."""
    from gristmill.kernels.key_repeats import drop_repeats, find_repeats_among
    from gristmill.kernels.union_find import unique_edges

    given = np.zeros(2, np.uint64)
    read = np.frombuffer(given.tobytes(), np.uint64)  # as columns of a file are: not to be changed
    for numbers in (given, read):
        run = [Records(np.arange(2), numbers, numbers if checked else None)]
        room = Columns.room(2, checked)
        starts = by_range(run, 1, room)
    drop_repeats(*room, starts)
    piece = Piece(read, read if checked else None, np.frombuffer(room.rows.tobytes(), np.uint32), 0)
    known = IndexPart(read, piece.checks, np.zeros(2, np.int64))
    keys, checks, rows, _ = Candidates(checked, row_type(2)).of([piece], [known])
    places, firsts = find_repeats_among(keys, checks)
    unique_edges(rows, places[:0], firsts[:0], np.empty((0, 2), rows.dtype))
