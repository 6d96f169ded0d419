"""From edges between rows to clusters: who survives for whom, how many they are, and which are known from earlier runs.

    cluster: one task → clusters (the survivor of every row), sizes, known, joint, shards.arrow, known.arrow

`clusters`, `sizes` and `known` are plain little-endian arrays over all rows in global order, memory-mapped while they
are made, so that a shard's part is one short read. `known` is there only where earlier indexes are: the row, in their numbering,
of the document of theirs that survives for this one, or -1. `joint` is as `known_clusters` says.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from gristmill import storage
from gristmill.commit import Commit
from gristmill.dedup.key_index import INDEX_SHARDS, NAME_TYPE, KeyIndex
from gristmill.dedup.match import read_edges
from gristmill.dedup.records import row_type
from gristmill.stage import Task

SHARDS_SCHEMA = pa.schema([("source", NAME_TYPE), ("shard", pa.string()), ("first_row", pa.int64())])
CHUNK = 1 << 20  # rows or edges handled at a time
SIZE_TYPE = np.dtype("<i4")
KNOWN_TYPE = np.dtype("<i8")


@dataclass(frozen=True)
class Scores:
    """Where the scores of all rows lie, in row order."""

    folder: str
    names: tuple[str, ...]

    def read(self) -> Iterator[tuple[int, np.ndarray]]:
        """The first row, and scores from it on."""
        first = 0
        for name in self.names:
            with storage.open_input(storage.join(self.folder, name + ".scores")) as stream:
                while data := stream.read(CHUNK * 8):
                    scores = np.frombuffer(data, "<i8")
                    yield first, scores
                    first += len(scores)


@dataclass(frozen=True)
class Cluster(Task):
    """Connected components of all edges. One task: a pass of union-find does 40–50 million edges a second."""

    name: str
    edges: tuple[tuple[str, tuple[str, ...]], ...]  # folders, and names of the tasks that wrote edges there
    sources: tuple[str, ...]  # of each shard
    shards: tuple[str, ...]  # names
    rows: tuple[int, ...]  # documents in each shard
    scores: Scores | None = None  # where another than the first survives
    known: tuple[KeyIndex, ...] = ()
    hits: tuple[str, tuple[str, ...]] | None = None  # folder and tasks that wrote hits in the known indexes
    bridges: bool = False  # whether rows may connect documents of the indexes that share no key
    joins: tuple[str, tuple[str, ...]] | None = None  # folder and tasks that wrote what several indexes share

    def run(self, commit: Commit) -> None:
        from gristmill.kernels.union_find import flatten, unite

        parents = mapped(commit.path("clusters"), row_type(sum(self.rows)), sum(self.rows))
        for start in range(0, len(parents), CHUNK):
            parents[start : start + CHUNK] = np.arange(start, min(len(parents), start + CHUNK))
        for folder, names in self.edges:
            for edges in read_edges(folder, names, len(parents)):
                unite(parents, edges)
        sizes = mapped(commit.path("sizes"), SIZE_TYPE, len(parents))
        flatten(parents, sizes)
        if self.scores is not None:
            self._choose_best(parents, self.scores, commit)
        known = None
        if self.known:
            known = self._joint(parents, commit) if self.bridges else self._known(parents, commit)
        count_losses(parents, sizes, known, self.sources, self.rows, commit)
        self._write_shards(commit)
        for array in (parents, sizes, known):
            if isinstance(array, np.memmap):
                array.flush()

    def _choose_best(self, parents: np.ndarray, scores: Scores, commit: Commit) -> None:
        from gristmill.kernels.union_find import best_rows, replace_roots

        scratch = ("best.rows", "best.scores")  # beside the output, where there is room
        best = mapped(commit.path(scratch[0]), parents.dtype, len(parents))
        best_scores = mapped(commit.path(scratch[1]), np.dtype("<i8"), len(parents))
        for start in range(0, len(parents), CHUNK):
            best[start : start + CHUNK] = np.arange(start, min(len(parents), start + CHUNK))
            best_scores[start : start + CHUNK] = np.iinfo(np.int64).min
        for first, found in scores.read():
            best_rows(parents, first, found, best, best_scores)
        replace_roots(parents, best)
        for name in scratch:
            commit.forget(name)

    def _joint(self, parents: np.ndarray, commit: Commit) -> np.ndarray:
        """The first row of all that each row is connected with, if it is of an index."""
        from gristmill.dedup.known_clusters import joint_clusters

        assert self.hits is not None
        joint = joint_clusters(commit.path("joint"), self.known, parents, self.hits, self.joins)
        before = len(joint) - len(parents)
        known = mapped(commit.path("known"), KNOWN_TYPE, len(parents))
        for start in range(0, len(known), CHUNK):
            roots = joint[before + start : before + start + CHUNK][: len(known) - start].astype(np.int64)
            known[start : start + len(roots)] = np.where(roots < before, roots, -1)
        if isinstance(joint, np.memmap):
            joint.flush()
        return known

    def _known(self, parents: np.ndarray, commit: Commit) -> np.ndarray:
        """The first known row each row's cluster meets; parents are the first rows of their clusters."""
        assert self.hits is not None
        known = mapped(commit.path("known"), KNOWN_TYPE, len(parents))
        for start in range(0, len(known), CHUNK):
            known[start : start + CHUNK] = -1
        folder, names = self.hits
        for name in names:
            with storage.open_input(storage.join(folder, name + ".hits")) as stream:
                while data := stream.read(CHUNK * 16):
                    hits = np.frombuffer(data, "<i8").reshape(-1, 2)
                    roots = parents[hits[:, 0]].astype(np.int64)
                    order = np.lexsort((hits[:, 1], roots))
                    roots, rows = roots[order], hits[order, 1]
                    first = np.ones(len(roots), bool)
                    first[1:] = roots[1:] != roots[:-1]
                    roots, rows = roots[first], rows[first]
                    old = known[roots]
                    known[roots] = np.where((old < 0) | (rows < old), rows, old)
        for start in range(0, len(known), CHUNK):
            known[start : start + CHUNK] = known[parents[start : start + CHUNK]]
        return known

    def _write_shards(self, commit: Commit) -> None:
        first_rows = np.cumsum([0, *self.rows])[:-1]
        columns = [
            pa.array(self.sources).dictionary_encode(),
            pa.array(self.shards),
            pa.array(first_rows, pa.int64()),
        ]
        _write_table(commit.path("shards.arrow"), pa.Table.from_arrays(columns, schema=SHARDS_SCHEMA))
        if self.known:
            tables = [index.shards() for index in self.known]
            table = pa.concat_tables(tables).unify_dictionaries().combine_chunks()
            _write_table(commit.path("known.arrow"), table.cast(INDEX_SHARDS))


def count_losses(
    parents: np.ndarray,
    sizes: np.ndarray,
    known: np.ndarray | None,
    sources: tuple[str, ...],
    rows: tuple[int, ...],
    commit: Commit,
) -> None:
    """Count documents that fall, by source: what the loss alarm looks at before any layer is written."""
    largest = clusters = first = 0
    for source, count in zip(sources, rows, strict=True):
        for start in range(first, first + count, CHUNK):
            stop = min(first + count, start + CHUNK)
            survives = parents[start:stop] == np.arange(start, stop)
            clusters += int((survives & (sizes[start:stop] > 1)).sum())
            if known is not None:
                survives &= known[start:stop] < 0
            commit.count(**{f"lost.{source}": stop - start - int(survives.sum()), "rows": stop - start})
            largest = max(largest, int(sizes[start:stop].max()))
        first += count
    commit.count(clusters=clusters, largest=largest)


def mapped(path: str, kind: np.dtype, rows: int) -> np.ndarray:
    """A file of `rows` numbers as an array; the system writes it out when memory is short."""
    if rows == 0:
        open(path, "wb").close()
        return np.empty(0, kind)
    return np.memmap(path, kind, "w+", shape=(rows,))


def read_rows(folder: str, name: str, kind: np.dtype, first_row: int, rows: int) -> np.ndarray:
    """Part of an array over all rows."""
    with storage.open_input(storage.join(folder, name)) as stream:
        stream.seek(first_row * kind.itemsize)
        return np.frombuffer(stream.read(rows * kind.itemsize), kind)


def _write_table(path: str, table: pa.Table) -> None:
    with pa.OSFile(path, "wb") as stream, pa.ipc.new_file(stream, table.schema) as writer:
        writer.write_table(table)
