"""What documents of a later run do to the clusters of earlier ones: where they connect two, one survivor too many was kept.

    joins:      a task per range of keys → <range>.joins      (documents of several indexes that share a key)
    cluster:    the one task             → joint              (clusters.Cluster)
    superseded: one task                 → documents.parquet

`joint` is the root of every document of all indexes, in their numbering, and then of every document of this run: the smallest row
of its connected component. An index that holds `clusters` (the same of its own documents) and `kept` (a byte each, 1 for those
its run kept) says what its run came to; of one without them only documents that share a key with others are connected.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gristmill import storage
from gristmill.commit import Commit
from gristmill.dedup.clusters import CHUNK, KNOWN_TYPE, mapped, read_rows
from gristmill.dedup.key_index import CLUSTERS, KEPT, NAME_TYPE, KeyIndex
from gristmill.dedup.records import row_type
from gristmill.stage import Task

SUPERSEDED = pa.schema(
    [
        pa.field("index", NAME_TYPE),  # the index of the earlier run that kept the document
        pa.field("source", NAME_TYPE),
        pa.field("shard", NAME_TYPE),
        pa.field("row", pa.int64()),
        pa.field("twin_index", NAME_TYPE),  # the document that stays for it
        pa.field("twin_source", NAME_TYPE),
        pa.field("twin_shard", NAME_TYPE),
        pa.field("twin_row", pa.int64()),
    ]
)
Written = tuple[str, tuple[str, ...]]  # a folder, and the names of the tasks that wrote there


@dataclass(frozen=True)
class JoinIndexes(Task):
    """Pairs of documents of several indexes that share a key of one range, int64 (m, 2)."""

    name: str
    known: tuple[KeyIndex, ...]
    part: int
    parts: int

    def run(self, commit: Commit) -> None:
        from gristmill.kernels.key_repeats import find_repeats

        found = [part for index in self.known for part in index.part(self.part, self.parts)]
        rows = np.concatenate([part.rows for part in found])
        places, firsts = find_repeats(np.concatenate([part.keys for part in found]))
        with open(commit.path(self.name + ".joins"), "wb") as stream:
            stream.write(np.stack([rows[places], rows[firsts]], axis=1).astype("<i8").data)
        commit.count(joins=len(places))


def joint_clusters(
    path: str, known: tuple[KeyIndex, ...], parents: np.ndarray, hits: Written, joins: Written | None
) -> np.ndarray:
    """The array `joint`, made at `path`.

    parents: integers (rows,), the root of every document of this run among them. hits: pairs of such a document and one of the
    indexes; joins: of two documents of indexes.
    """
    from gristmill.kernels.union_find import find_roots, unite

    before = sum(index.rows for index in known)
    joint = mapped(path, row_type(before + len(parents)), before + len(parents))
    for index in known:
        _copy_clusters(index, joint)
    for start in range(0, len(parents), CHUNK):
        part = parents[start : start + CHUNK]
        joint[before + start : before + start + len(part)] = part.astype(joint.dtype) + joint.dtype.type(before)
    for pairs in _pairs(hits, ".hits"):
        unite(joint, pairs + np.array([before, 0]))
    for pairs in _pairs(joins, ".joins") if joins is not None else ():
        unite(joint, pairs.copy())  # writable, as the kernel was compiled for
    find_roots(joint)
    return joint


def _copy_clusters(index: KeyIndex, joint: np.ndarray) -> None:
    kind = row_type(index.rows)
    for start in range(0, index.rows, CHUNK):
        count = min(CHUNK, index.rows - start)
        roots = np.arange(start, start + count)
        if index.clustered:
            roots = read_rows(index.folder, CLUSTERS, kind, start, count).astype(np.int64)
        joint[index.first_row + start : index.first_row + start + count] = roots + index.first_row


def _pairs(written: Written, suffix: str) -> Iterator[np.ndarray]:
    folder, names = written
    for name in names:
        with storage.open_input(storage.join(folder, name + suffix)) as stream:
            while data := stream.read(CHUNK * 16):
                yield np.frombuffer(data, "<i8").reshape(-1, 2)


@dataclass(frozen=True)
class WriteSuperseded(Task):
    """The documents that earlier runs kept and that would have fallen if all had been one run, each with its survivor."""

    name: str
    folder: str  # of the cluster phase
    known: tuple[KeyIndex, ...]
    all_rows: int  # of the indexes and of this run

    def run(self, commit: Commit) -> None:
        with storage.open_input(storage.join(self.folder, "known.arrow")) as stream:
            shards = pa.ipc.open_file(stream).read_all()
        commit.count(superseded=0)
        with pq.ParquetWriter(commit.path(self.name + ".parquet"), SUPERSEDED, compression="zstd") as writer:
            for index in self.known:
                for rows, survivors in self._moved(index) if index.clustered else ():
                    places = [*_places(shards, rows), *_places(shards, survivors)]
                    writer.write_table(pa.table(places, schema=SUPERSEDED))
                    commit.count(superseded=len(rows))

    def _moved(self, index: KeyIndex) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Rows that the index's run kept, and the other rows that are now their roots."""
        kind = row_type(self.all_rows)
        for start in range(0, index.rows, CHUNK):
            count = min(CHUNK, index.rows - start)
            first = index.first_row + start
            roots = read_rows(self.folder, "joint", kind, first, count).astype(np.int64)
            kept = read_rows(index.folder, KEPT, np.dtype(bool), start, count)
            moved = np.flatnonzero(kept & (roots != np.arange(first, first + count)))
            if len(moved):
                yield moved + first, roots[moved]


def _places(shards: pa.Table, rows: np.ndarray) -> list[pa.ChunkedArray | pa.Array]:
    """Index, source, shard and row in it of rows in the numbering of all indexes."""
    first_rows = shards.column("first_row").to_numpy()
    numbers = np.searchsorted(first_rows, rows, side="right") - 1
    taken = shards.take(pa.array(numbers))
    names = [taken.column(name).cast(pa.string()).dictionary_encode() for name in ("index", "source", "shard")]
    return [*names, pa.array(rows - first_rows[numbers])]


@dataclass(frozen=True)
class WriteClusters(Task):
    """`clusters` and `kept` of an index."""

    name: str
    folder: str  # of the cluster phase
    rows: int  # documents of this run
    known: tuple[KeyIndex, ...]  # what this run was checked against
    carried: bool  # whether the index numbers their documents too

    def run(self, commit: Commit) -> None:
        before = sum(index.rows for index in self.known)
        total = before + self.rows if self.carried else self.rows
        with open(commit.path(CLUSTERS), "wb") as stream, open(commit.path(KEPT), "wb") as kept:
            if self.carried:
                for index in self.known:
                    self._carry_kept(index, kept)
                for start in range(0, total, CHUNK):
                    part = read_rows(self.folder, "joint", row_type(total), start, min(CHUNK, total - start))
                    stream.write(part.tobytes())
            for start in range(0, self.rows, CHUNK):
                count = min(CHUNK, self.rows - start)
                roots = read_rows(self.folder, "clusters", row_type(self.rows), start, count)
                alone = np.full(count, -1)
                known = read_rows(self.folder, "known", KNOWN_TYPE, start, count) if self.known else alone
                kept.write(((roots == np.arange(start, start + count)) & (known < 0)).tobytes())
                if not self.carried:
                    stream.write(roots.tobytes())
        commit.count(rows=total)

    @staticmethod
    def _carry_kept(index: KeyIndex, kept) -> None:  # type: ignore[no-untyped-def]
        for start in range(0, index.rows, CHUNK):
            count = min(CHUNK, index.rows - start)
            if index.clustered:
                kept.write(read_rows(index.folder, KEPT, np.dtype(bool), start, count).tobytes())
            else:
                kept.write(bytes(count))
