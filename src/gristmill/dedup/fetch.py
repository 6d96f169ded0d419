"""Pairs of documents brought together, wherever they lie: what one of them needs of the other travels in two hops.

    ask:    a task per group of shards → <group>.pairs, <group>.asked, <group>.asked.index
    answer: a task per group of shards → <group>.answers, <group>.answers.index
    and then a task per group (`compare`) that has both documents of its pairs

Nobody reads a shard for one row: each group says which rows of each other group it needs, and each group reads its own
shards once, in order, and writes the answers down by who asked. Memory is bounded by flushing answers in runs. Many
pairs with one document cost one answer a group that asks.

`.pairs` (int64, two columns) are the pairs of a group whose left row lies in it, ascending by right row, then left. `.asked`
(int64) are the right rows, each once; `.asked.index` (int64, groups + 1) says where those of each group begin.
`.answers` is pieces, by run and asking group: a count, rows and ends of data (all int64), then the data (bytes);
`.answers.index` (int64, runs × (groups + 1)) says at which byte each begins.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, NamedTuple

import numpy as np

from gristmill import storage
from gristmill.commit import Commit
from gristmill.dataset import Batch, ShardRef
from gristmill.dedup.clusters import read_rows
from gristmill.dedup.records import numbered, row_type
from gristmill.stage import Task


class Payload(ABC):
    """What one document needs of another to compare the two. Small and picklable: tasks carry it."""

    columns: tuple[str, ...] = ()
    texts: bool = False

    @abstractmethod
    def read(self, batch: Batch, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Data of the rows (counted within the batch), uint8, and the bytes each takes, int64 (rows,)."""


class Group(NamedTuple):
    """Consecutive shards that one task reads."""

    shards: tuple[ShardRef, ...]
    first_row: int
    rows: tuple[int, ...]  # documents in each shard

    def batches(self, payload: Payload) -> Iterator[tuple[int, Batch]]:
        """Global number of the first row, and rows with what the payload needs."""
        first = self.first_row
        for shard, rows in zip(self.shards, self.rows, strict=True):
            for batch in shard.batches(payload.columns, texts=payload.texts):
                yield first + batch.first_row, batch
            first += rows


@dataclass(frozen=True)
class Ask(Task):
    """Base: which rows a group needs."""

    name: str
    bounds: tuple[int, ...]  # first row of each group, then all rows
    folder: str  # where the pairs come from

    @abstractmethod
    def pairs(self) -> np.ndarray:
        """Pairs of global rows, int64 (n, 2), in any order, whose left row lies in this group."""

    def run(self, commit: Commit) -> None:
        pairs = self.pairs()
        pairs = pairs[np.lexsort((pairs[:, 0], pairs[:, 1]))]
        new = np.ones(len(pairs), bool)
        new[1:] = (pairs[1:] != pairs[:-1]).any(axis=1)
        pairs = pairs[new]
        asked = pairs[:, 1]
        first = np.ones(len(asked), bool)
        first[1:] = asked[1:] != asked[:-1]
        asked = asked[first]
        columns = (("pairs", pairs), ("asked", asked), ("asked.index", np.searchsorted(asked, self.bounds)))
        for suffix, numbers in columns:
            with open(commit.path(f"{self.name}.{suffix}"), "wb") as stream:
                stream.write(np.ascontiguousarray(numbers, "<i8").tobytes())
        commit.count(pairs=len(pairs), asked=len(asked))


@dataclass(frozen=True)
class AskSurvivors(Ask):
    """Every document that falls needs its survivor; `folder` is that of the cluster phase."""

    def pairs(self) -> np.ndarray:
        group = int(self.name)
        start, stop = self.bounds[group], self.bounds[group + 1]
        survivors = read_rows(self.folder, "clusters", row_type(self.bounds[-1]), start, stop - start).astype(np.int64)
        rows = np.arange(start, stop)
        return np.stack([rows, survivors], axis=1)[rows != survivors]


@dataclass(frozen=True)
class AskCandidates(Ask):
    """Every candidate pair; `folder` is that of the tasks `parts`, which wrote edges ascending by left row."""

    parts: tuple[str, ...] = ()

    def pairs(self) -> np.ndarray:
        group, kind = int(self.name), row_type(self.bounds[-1])
        found = [np.empty((0, 2), np.int64)]
        for part in self.parts:
            with storage.open_input(storage.join(self.folder, part + ".groups")) as stream:
                stream.seek(8 * group)
                start, stop = np.frombuffer(stream.read(16), "<i8")
            if stop > start:
                with storage.open_input(storage.join(self.folder, part + ".edges")) as stream:
                    stream.seek(int(start) * 2 * kind.itemsize)
                    data = stream.read(int(stop - start) * 2 * kind.itemsize)
                found.append(np.frombuffer(data, kind).reshape(-1, 2).astype(np.int64))
        return np.concatenate(found)


@dataclass(frozen=True)
class Answer(Task):
    """What other groups need of the documents of this one."""

    name: str
    group: Group
    payload: Payload
    folder: str  # of the ask phase
    groups: int
    memory: int

    def run(self, commit: Commit) -> None:
        rows, askers = self._asked()
        index: list[np.ndarray] = []
        with open(commit.path(self.name + ".answers"), "wb") as stream:
            held: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []  # rows, bytes each, data
            size = done = 0
            for first, batch in self.group.batches(self.payload):
                stop = int(np.searchsorted(rows, first + batch.rows))
                wanted = np.unique(rows[done:stop])
                if len(wanted):
                    data, lengths = self.payload.read(batch, wanted - first)
                    held.append((wanted, lengths, data))
                    size += len(data)
                if size > self.memory // 4:
                    start = int(np.searchsorted(rows, held[0][0][0]))
                    index.append(self._flush(stream, held, rows[start:stop], askers[start:stop]))
                    held, size = [], 0
                done = stop
            if held:
                start = int(np.searchsorted(rows, held[0][0][0]))
                index.append(self._flush(stream, held, rows[start:], askers[start:]))
        with open(commit.path(self.name + ".answers.index"), "wb") as stream:
            for line in index:
                stream.write(line.astype("<i8").tobytes())
        commit.count(answers=len(rows), runs=len(index))

    def _asked(self) -> tuple[np.ndarray, np.ndarray]:
        """All rows that are asked for, ascending, and who asks."""
        own = int(self.name)
        rows, askers = [np.empty(0, np.int64)], [np.empty(0, np.int32)]
        for asker in range(self.groups):
            with storage.open_input(storage.join(self.folder, numbered(asker) + ".asked.index")) as stream:
                stream.seek(8 * own)
                start, stop = np.frombuffer(stream.read(16), "<i8")
            if stop > start:
                with storage.open_input(storage.join(self.folder, numbered(asker) + ".asked")) as stream:
                    stream.seek(8 * int(start))
                    rows.append(np.frombuffer(stream.read(8 * int(stop - start)), "<i8"))
                askers.append(np.full(int(stop - start), asker, np.int32))
        every, who = np.concatenate(rows), np.concatenate(askers)
        order = np.argsort(every, kind="stable")
        return every[order], who[order]

    def _flush(
        self,
        stream: IO[bytes],
        held: list[tuple[np.ndarray, np.ndarray, np.ndarray]],
        rows: np.ndarray,
        askers: np.ndarray,
    ) -> np.ndarray:
        """Write what is held, by asking group; where each group's piece begins, int64 (groups + 1,)."""
        from gristmill.kernels.similarity import gather

        known = np.concatenate([part[0] for part in held])
        lengths = np.concatenate([part[1] for part in held])
        data = np.concatenate([part[2] for part in held])
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        order = np.argsort(askers, kind="stable")
        place = np.searchsorted(known, rows)[order]
        bounds = np.searchsorted(askers[order], np.arange(self.groups + 1))
        starts = np.full(self.groups + 1, stream.tell())
        for asker in range(self.groups):
            mine = place[bounds[asker] : bounds[asker + 1]]
            if len(mine):
                ends = np.cumsum(lengths[mine])
                stream.write(np.int64(len(mine)).tobytes() + known[mine].tobytes() + ends.tobytes())
                stream.write(gather(data, offsets, mine, int(ends[-1])).tobytes())
            starts[asker + 1] = stream.tell()
        return starts


def read_answers(folder: str, groups: int, asker: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Rows, ascending; offsets int64 (rows + 1,); data: what each group answered, a run at a time."""
    for group in range(groups):
        name = numbered(group)
        with storage.open_input(storage.join(folder, name + ".answers.index")) as stream:
            index = np.frombuffer(stream.read(), "<i8").reshape(-1, groups + 1)[:, asker : asker + 2]
        index = index[index[:, 1] > index[:, 0]]
        if not len(index):
            continue
        with storage.open_input(storage.join(folder, name + ".answers")) as stream:
            for start, stop in index:
                stream.seek(int(start))
                piece = stream.read(int(stop - start))
                count = int(np.frombuffer(piece, "<i8", 1)[0])
                numbers = np.frombuffer(piece, "<i8", 1 + 2 * count)
                offsets = np.concatenate([[0], numbers[1 + count :]])
                yield numbers[1 : 1 + count], offsets, np.frombuffer(piece, np.uint8, offset=8 * (1 + 2 * count))
