"""How alike the documents of pairs are: candidates that are verified, and the evidence of those that fall.

verify:  a task per group of shards → <group>.edges: the pairs that pass
measure: a task per group of shards → <group>.similarity, <group>.band: of every document and its survivor
settle:  one task → clusters and sizes without the members that are too far from their survivor
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gristmill import storage
from gristmill.commit import Commit
from gristmill.dedup.clusters import CHUNK, SIZE_TYPE, count_losses, mapped, read_rows
from gristmill.dedup.fetch import Group, Payload, read_answers
from gristmill.dedup.records import numbered, row_type
from gristmill.stage import Task


class Likeness(NamedTuple):
    """Of n pairs: similarity float32, first band shared int16 (-1: none), whether the pair passes, each (n,)."""

    similarity: np.ndarray
    band: np.ndarray
    passes: np.ndarray


class Measure(ABC):
    """A way to compare two documents by a payload. Small and picklable."""

    payload: Payload

    @abstractmethod
    def compare(
        self, left: np.ndarray, left_places: np.ndarray, right: np.ndarray, right_places: np.ndarray
    ) -> Likeness:
        """left, right: payload bytes; places: first byte and the one after the last of each pair's, int64 (n, 2)."""


@dataclass(frozen=True)
class Compare(Task):
    """Base: the pairs of one group, with what both documents say."""

    name: str
    group: Group
    measure: Measure
    asked: str  # folder of the ask phase
    answers: str  # folder of the answer phase
    groups: int
    all_rows: int

    def _compare(self, commit: Commit) -> Iterator[tuple[np.ndarray, Likeness]]:
        """Pairs int64 (n, 2) and their likeness, a number of pairs at a time, in the order of `.pairs`."""
        with storage.open_input(storage.join(self.asked, self.name + ".pairs")) as stream:
            pairs = np.frombuffer(stream.read(), "<i8").reshape(-1, 2)
        lefts, offsets, data = self._own(np.unique(pairs[:, 0]), commit)
        for rows, answer_offsets, answers in read_answers(self.answers, self.groups, int(self.name)):
            start = int(np.searchsorted(pairs[:, 1], rows[0]))
            stop = int(np.searchsorted(pairs[:, 1], rows[-1], "right"))
            for first in range(start, stop, CHUNK):
                part = pairs[first : min(stop, first + CHUNK)]
                left, right = np.searchsorted(lefts, part[:, 0]), np.searchsorted(rows, part[:, 1])
                left_places = np.stack([offsets[left], offsets[left + 1]], axis=1)
                right_places = np.stack([answer_offsets[right], answer_offsets[right + 1]], axis=1)
                yield part, self.measure.compare(data, left_places, answers, right_places)
        commit.forget(self.name + ".own")

    def _own(self, wanted: np.ndarray, commit: Commit) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rows, offsets and payload of this group's documents; the payload is a scratch file mapped into memory."""
        lengths = [np.zeros(1, np.int64)]
        path, done = commit.path(self.name + ".own"), 0
        with open(path, "wb") as stream:
            for first, batch in self.group.batches(self.measure.payload) if len(wanted) else ():
                stop = int(np.searchsorted(wanted, first + batch.rows))
                if stop > done:
                    data, sizes = self.measure.payload.read(batch, wanted[done:stop] - first)
                    stream.write(data.tobytes())
                    lengths.append(sizes)
                done = stop
        offsets = np.cumsum(np.concatenate(lengths))
        empty = np.empty(0, np.uint8)
        return wanted, offsets, np.memmap(path, np.uint8, "r") if offsets[-1] else empty


@dataclass(frozen=True)
class Verify(Compare):
    """Candidate pairs that pass, as edges."""

    def run(self, commit: Commit) -> None:
        found = [np.empty((0, 2), np.int64)]
        for pairs, likeness in self._compare(commit):
            found.append(pairs[likeness.passes])
            commit.count(candidates=len(pairs), passed=int(likeness.passes.sum()))
        edges = np.concatenate(found)
        edges = edges[np.lexsort((edges[:, 1], edges[:, 0]))]
        with open(commit.path(self.name + ".edges"), "wb") as stream:
            stream.write(edges.astype(row_type(self.all_rows)).tobytes())


@dataclass(frozen=True)
class Similarities(Compare):
    """The likeness of every document of the group to its survivor: NaN and -1 for those that have none."""

    def run(self, commit: Commit) -> None:
        rows = sum(self.group.rows)
        similarity, band = np.full(rows, np.nan, np.float32), np.full(rows, -1, np.int16)
        for pairs, likeness in self._compare(commit):
            place = pairs[:, 0] - self.group.first_row
            similarity[place], band[place] = likeness.similarity, likeness.band
            commit.count(measured=len(pairs))
        for suffix, numbers in (("similarity", similarity), ("band", band)):
            with open(commit.path(f"{self.name}.{suffix}"), "wb") as stream:
                stream.write(numbers.tobytes())


@dataclass(frozen=True)
class Settle(Task):
    """Members that are less like their survivor than the limit stay, each for itself."""

    name: str
    folder: str  # of the cluster phase
    measured: str  # folder of the similarities
    least: float
    bounds: tuple[int, ...]
    sources: tuple[str, ...]  # of each shard
    rows: tuple[int, ...]  # documents in each shard

    def run(self, commit: Commit) -> None:
        all_rows = sum(self.rows)
        clusters = mapped(commit.path("clusters"), row_type(all_rows), all_rows)
        sizes = mapped(commit.path("sizes"), SIZE_TYPE, all_rows)
        for start in range(0, all_rows, CHUNK):
            count = min(CHUNK, all_rows - start)
            clusters[start : start + count] = read_rows(self.folder, "clusters", clusters.dtype, start, count)
            sizes[start : start + count] = 0
        for group, first in enumerate(self.bounds[:-1]):
            count = self.bounds[group + 1] - first
            similarity = read_rows(self.measured, numbered(group) + ".similarity", np.dtype("<f4"), 0, count)
            far = first + np.flatnonzero(similarity < self.least)
            clusters[far] = far
            commit.count(too_far=len(far))
        for start in range(0, all_rows, CHUNK):
            places, counts = np.unique(clusters[start : start + CHUNK], return_counts=True)
            sizes[places] += counts.astype(SIZE_TYPE)
        for start in range(0, all_rows, CHUNK):  # a survivor keeps what it has; its members read it there
            part = slice(start, start + CHUNK)
            sizes[part] = sizes[clusters[part]]
        with open(commit.path("shards.arrow"), "wb") as stream:
            stream.write(storage.read_bytes(storage.join(self.folder, "shards.arrow")))
        count_losses(clusters, sizes, None, self.sources, self.rows, commit)
        for array in (clusters, sizes):
            if isinstance(array, np.memmap):
                array.flush()


__all__ = ["Likeness", "Measure", "Settle", "Similarities", "Verify"]
