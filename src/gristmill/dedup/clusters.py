"""From edges between rows to clusters, and from clusters to one layer per shard.

    cluster: one task                → clusters (the survivor of every row), sizes, shards.arrow
    layers:  one task per shard      → the final layer of the shard

`clusters` and `sizes` are plain little-endian arrays over all rows in global order, memory-mapped while they
are made, so that a shard's part is one short read.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from gristmill import storage
from gristmill.commit import Commit
from gristmill.dataset import LayerWriter, ShardRef, drop_reasons, layer_schema
from gristmill.dedup.shuffle import read_edges, row_type
from gristmill.stage import Task

NAME_TYPE = pa.dictionary(pa.int32(), pa.string())

CLUSTER_VALUES = pa.schema(
    [
        pa.field("cluster", pa.int64(), nullable=False),  # global row of the document that survives for this one
        pa.field(
            "size", pa.int32(), nullable=False
        ),  # documents in the cluster; 0 for those dropped before, which take no part
        pa.field("twin_source", NAME_TYPE),  # where the survivor lies: null for survivors and documents without twins
        pa.field("twin_shard", NAME_TYPE),
        pa.field("twin_row", pa.int64()),
    ]
)

SHARDS_SCHEMA = pa.schema([("source", NAME_TYPE), ("shard", pa.string()), ("first_row", pa.int64())])
CHUNK = 1 << 20  # rows or edges handled at a time


@dataclass(frozen=True)
class Cluster(Task):
    """Connected components of all edges. One task: a pass of union-find does 40–50 million edges a second."""

    name: str
    edges: tuple[tuple[str, tuple[str, ...]], ...]  # folders, and names of the tasks that wrote edges there
    sources: tuple[str, ...]  # of each shard
    shards: tuple[str, ...]  # names
    rows: tuple[int, ...]  # documents in each shard
    lengths: tuple[str, tuple[str, ...]] | None = None  # folder and tasks, when the longest is to survive

    def run(self, commit: Commit) -> None:
        from gristmill.kernels.union_find import flatten, unite

        parents = _mapped(commit.path("clusters"), row_type(sum(self.rows)), sum(self.rows))
        for start in range(0, len(parents), CHUNK):
            parents[start : start + CHUNK] = np.arange(start, min(len(parents), start + CHUNK))
        for folder, names in self.edges:
            for edges in read_edges(folder, names, len(parents)):
                unite(parents, edges)
        sizes = _mapped(commit.path("sizes"), np.dtype("<i4"), len(parents))
        flatten(parents, sizes)
        if self.lengths is not None:
            self._choose_longest(parents, commit)
        self._count(parents, sizes, commit)
        self._write_shards(commit.path("shards.arrow"))
        for array in (parents, sizes):
            if isinstance(array, np.memmap):
                array.flush()

    def _choose_longest(self, parents: np.ndarray, commit: Commit) -> None:
        from gristmill.kernels.union_find import longest, replace_roots

        assert self.lengths is not None
        folder, names = self.lengths
        scratch = ("longest.rows", "longest.bytes")  # beside the output, where there is room
        best = _mapped(commit.path(scratch[0]), parents.dtype, len(parents))
        best_lengths = _mapped(commit.path(scratch[1]), np.dtype("<i8"), len(parents))
        for start in range(0, len(parents), CHUNK):
            best[start : start + CHUNK] = np.arange(start, min(len(parents), start + CHUNK))
        first = 0
        for name in names:
            with storage.open_input(storage.join(folder, name + ".lengths")) as stream:
                while data := stream.read(CHUNK * 8):
                    lengths = np.frombuffer(data, "<i8")
                    longest(parents, first, lengths, best, best_lengths)
                    first += len(lengths)
        replace_roots(parents, best)
        for name in scratch:
            commit.forget(name)

    def _count(self, parents: np.ndarray, sizes: np.ndarray, commit: Commit) -> None:
        """Documents that fall, by source: what an alarm looks at before any layer is written."""
        largest = clusters = first = 0
        for source, rows in zip(self.sources, self.rows, strict=True):
            for start in range(first, first + rows, CHUNK):
                stop = min(first + rows, start + CHUNK)
                survives = parents[start:stop] == np.arange(start, stop)
                commit.count(**{f"duplicates.{source}": stop - start - int(survives.sum()), "rows": stop - start})
                clusters += int((survives & (sizes[start:stop] > 1)).sum())
                largest = max(largest, int(sizes[start:stop].max()))
            first += rows
        commit.count(clusters=clusters, largest=largest)

    def _write_shards(self, path: str) -> None:
        first_rows = np.cumsum([0, *self.rows])[:-1]
        columns = [
            pa.array(self.sources).dictionary_encode(),
            pa.array(self.shards),
            pa.array(first_rows, pa.int64()),
        ]
        with pa.OSFile(path, "wb") as stream, pa.ipc.new_file(stream, SHARDS_SCHEMA) as writer:
            writer.write_table(pa.Table.from_arrays(columns, schema=SHARDS_SCHEMA))


@dataclass(frozen=True)
class ClusterLayer(Task):
    """The final layer of one shard: who survives for whom, and the drops."""

    name: str  # of the shard
    stage: str
    rule: str
    shard: ShardRef
    folder: str  # of the cluster phase
    first_row: int
    rows: int
    all_rows: int

    def run(self, commit: Commit) -> None:
        clusters = self._read("clusters", row_type(self.all_rows)).astype(np.int64)
        sizes = self._read("sizes", np.dtype("<i4"))
        moved = clusters != np.arange(self.first_row, self.first_row + self.rows)
        twins = self._twins(clusters, moved)
        prefixed = pa.schema([field.with_name(f"{self.stage}.{field.name}") for field in CLUSTER_VALUES])
        writer = LayerWriter(commit.path(f"{self.name}.parquet"), layer_schema(prefixed, drops=True, cuts=False))
        for batch in self.shard.batches():
            part = slice(batch.first_row, batch.first_row + batch.rows)
            fallen = np.where(moved[part], 0, -1)
            columns = {
                "cluster": clusters[part],
                "size": np.where(batch.keep, sizes[part], 0).astype(np.int32),
            }
            columns |= {name: column.slice(part.start, batch.rows) for name, column in twins.items()}
            named = {f"{self.stage}.{name}": column for name, column in columns.items()}
            writer.write({**named, "drop": drop_reasons(self.stage, (self.rule,), fallen)})
            commit.count(rows=batch.rows, **{f"drop.{self.stage}.{self.rule}": int((fallen == 0).sum())})
        writer.close()

    def _read(self, name: str, kind: np.dtype) -> np.ndarray:
        with storage.open_input(storage.join(self.folder, name)) as stream:
            stream.seek(self.first_row * kind.itemsize)
            return np.frombuffer(stream.read(self.rows * kind.itemsize), kind)

    def _twins(self, clusters: np.ndarray, moved: np.ndarray) -> dict[str, pa.Array]:
        """Source, shard and row of the survivor of every row that falls, null for the others."""
        if not moved.any():
            return {
                name: pa.nulls(self.rows, CLUSTER_VALUES.field(name).type)
                for name in ("twin_source", "twin_shard", "twin_row")
            }
        with storage.open_input(storage.join(self.folder, "shards.arrow")) as stream:
            shards = pa.ipc.open_file(stream).read_all().combine_chunks()
        first_rows = shards.column("first_row").to_numpy()
        number = np.searchsorted(first_rows, clusters, side="right") - 1
        where = pa.array(number, mask=~moved)
        used = np.unique(number[moved])  # only the names that this shard's twins need
        place = pa.array(np.searchsorted(used, number), pa.int32(), mask=~moved)
        names = shards.column("shard").combine_chunks().take(pa.array(used))
        return {
            "twin_source": shards.column("source").combine_chunks().take(where),
            "twin_shard": pa.DictionaryArray.from_arrays(place, names),
            "twin_row": pa.array(clusters - first_rows[number], mask=~moved),
        }


def _mapped(path: str, kind: np.dtype, rows: int) -> np.ndarray:
    """A file of `rows` numbers as an array; the system writes it out when memory is short."""
    if rows == 0:
        open(path, "wb").close()
        return np.empty(0, kind)
    return np.memmap(path, kind, "w+", shape=(rows,))
