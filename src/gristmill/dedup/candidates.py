"""Candidate pairs for verification: every document with the first few that share a key, not with the very first alone.

match: a task per range of keys → <range>.edges, <range>.groups

Where no pair is verified, an edge to the first document with the key is enough: a shared key connects. Where pairs are, the
first may be no duplicate and the second one may; so each document meets the `most` first ones with its key, and in a bucket
of up to `most` + 1 documents every pair is looked at.

`<range>.groups` (int64, groups + 1) says where the edges of each group of shards begin.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gristmill.commit import Commit
from gristmill.dedup.records import RangeReader, row_type
from gristmill.stage import Task


@dataclass(frozen=True)
class MatchCandidates(Task):
    """Pairs of rows that share a key of one range, as edges ascending by their left row."""

    name: str
    records: RangeReader
    most: int  # earlier documents that each one is compared with, by key
    held: int  # records in memory at a time
    bounds: tuple[int, ...]  # first row of each group, then all rows

    def run(self, commit: Commit) -> None:
        from gristmill.kernels.hashing import leader_pairs, run_ranks

        kind = row_type(self.records.all_rows)
        lefts = [np.empty(0, np.int64)]
        keys, rows = np.empty(0, np.uint64), np.empty(0, kind)
        with open(commit.path(self.name + ".edges"), "wb") as stream:
            for new_keys, new_rows in self._chunks():
                carried = len(keys)
                keys, rows = np.concatenate([keys, new_keys]), np.concatenate([rows, new_rows])
                order = np.argsort(keys, kind="stable")
                ranks = run_ranks(keys, order)
                pairs = leader_pairs(keys, rows.astype(np.int64), order, carried, self.most)
                pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
                stream.write(pairs.astype(kind).tobytes())
                lefts.append(pairs[:, 0])
                commit.count(records=len(new_keys), candidates=len(pairs))
                first = np.zeros(len(keys), bool)
                first[order] = ranks < self.most
                keys, rows = keys[first], rows[first]
        index = np.searchsorted(np.concatenate(lefts), self.bounds)
        with open(commit.path(self.name + ".groups"), "wb") as stream:
            stream.write(index.astype("<i8").tobytes())

    def _chunks(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Keys and rows in row order, a limited number at a time, so that a key that many documents share does no harm."""
        most = max(1, self.held // max(1, self.most // 4))
        keys: list[np.ndarray] = []
        rows: list[np.ndarray] = []
        held = 0
        kind = row_type(self.records.all_rows)
        for piece in self.records.pieces():
            for start in range(0, len(piece.keys), most):
                part = piece.part(start, start + most)
                keys.append(part.keys)
                rows.append(part.global_rows(kind))
                held += len(keys[-1])
                if held >= most:
                    yield np.concatenate(keys), np.concatenate(rows)
                    keys, rows, held = [], [], 0
        if held:
            yield np.concatenate(keys), np.concatenate(rows)
