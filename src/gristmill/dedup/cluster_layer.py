"""The final layer of a shard: the drops, and for every document that falls the evidence."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from gristmill import storage
from gristmill.commit import Commit
from gristmill.dataset import LayerWriter, ShardRef, drop_reasons, layer_schema
from gristmill.dedup.clusters import KNOWN_TYPE, SIZE_TYPE, read_rows
from gristmill.dedup.key_index import NAME_TYPE
from gristmill.dedup.records import row_type
from gristmill.stage import Task

CLUSTER_VALUES = pa.schema(
    [
        pa.field("cluster", pa.int64(), nullable=False),  # global row of the document that survives for this one
        pa.field(
            "size", pa.int32(), nullable=False
        ),  # documents in the cluster; 0 for those dropped before, which take no part
        pa.field("twin_source", NAME_TYPE),  # where the survivor lies: null for survivors and documents without twins
        pa.field("twin_shard", NAME_TYPE),
        pa.field("twin_row", pa.int64()),
        pa.field("twin_index", NAME_TYPE),  # the index of an earlier run that has the twin; null for twins of this run
        pa.field("method", NAME_TYPE),  # how the two are known to belong together
        pa.field("similarity", pa.float32()),  # of the two, as `method` measures it
        pa.field("band", pa.int16()),  # the first band they share; null where others connect them, or keys are no bands
    ]
)


@dataclass(frozen=True)
class Evidence:
    """Where the similarities between members and survivors lie, and what they are."""

    method: str
    similarity: float = 1.0  # of all, where no folder is given
    folder: str | None = None  # of <group>.similarity (float32) and <group>.band (int16), from the group's first row on


@dataclass(frozen=True)
class ClusterLayer(Task):
    """The final layer of one shard: who survives for whom, and the drops."""

    name: str  # of the shard
    stage: str
    rule: str
    shard: ShardRef
    folder: str  # of the cluster phase
    evidence: Evidence
    group: str
    group_row: int  # of the shard's first row in its group
    first_row: int
    rows: int
    all_rows: int
    known: bool = False

    def run(self, commit: Commit) -> None:
        clusters = self._read("clusters", row_type(self.all_rows)).astype(np.int64)
        sizes = self._read("sizes", SIZE_TYPE)
        known = self._read("known", KNOWN_TYPE) if self.known else np.full(self.rows, -1)
        moved = clusters != np.arange(self.first_row, self.first_row + self.rows)
        fallen = moved | (known >= 0)
        evidence = self._twins(clusters, fallen, known) | self._similarities(fallen, known)
        prefixed = pa.schema([field.with_name(f"{self.stage}.{field.name}") for field in CLUSTER_VALUES])
        writer = LayerWriter(commit.path(f"{self.name}.parquet"), layer_schema(prefixed, drops=True, cuts=False))
        for batch in self.shard.batches():
            part = slice(batch.first_row, batch.first_row + batch.rows)
            rules = np.where(fallen[part], 0, -1)
            columns = {
                "cluster": clusters[part],
                "size": np.where(batch.keep, sizes[part], 0).astype(np.int32),
            }
            columns |= {name: column.slice(part.start, batch.rows) for name, column in evidence.items()}
            named = {f"{self.stage}.{name}": column for name, column in columns.items()}
            writer.write({**named, "drop": drop_reasons(self.stage, (self.rule,), rules)})
            commit.count(rows=batch.rows, **{f"drop.{self.stage}.{self.rule}": int((rules == 0).sum())})
        writer.close()

    def _read(self, name: str, kind: np.dtype) -> np.ndarray:
        return read_rows(self.folder, name, kind, self.first_row, self.rows)

    def _twins(self, clusters: np.ndarray, fallen: np.ndarray, known: np.ndarray) -> dict[str, pa.Array]:
        """Index, source, shard and row of the twin of every row that falls, null for the others."""
        names = ("twin_index", "twin_source", "twin_shard", "twin_row")
        if not fallen.any():
            return {name: pa.nulls(self.rows, CLUSTER_VALUES.field(name).type) for name in names}
        old = known >= 0
        with contextlib.ExitStack() as stack:
            tables = [_shards(self.folder, "shards.arrow", stack)]
            if old.any():
                tables.append(_shards(self.folder, "known.arrow", stack))
            parts = [
                _places(tables[0], clusters, fallen & ~old),
                _places(tables[-1], known, old),
            ]
            row = np.where(old, parts[1][1], parts[0][1])
            found = {
                name: _named(
                    [(table.column(column), number) for table, (number, _) in zip(tables, parts, strict=False)]
                )
                for name, column in (("twin_source", "source"), ("twin_shard", "shard"))
            }
            index = pa.nulls(self.rows, NAME_TYPE)
            if old.any():
                index = _named([(tables[1].column("index"), parts[1][0])])
        return {**found, "twin_row": pa.array(row, mask=~fallen), "twin_index": index}

    def _similarities(self, fallen: np.ndarray, known: np.ndarray) -> dict[str, pa.Array]:
        old = known >= 0
        similarity = np.full(self.rows, self.evidence.similarity, np.float32)
        band = np.full(self.rows, -1, np.int16)
        measured = fallen.copy()
        if self.evidence.folder is not None and fallen.any():
            read = (self.evidence.folder, self.group)
            similarity = read_rows(read[0], read[1] + ".similarity", np.dtype("<f4"), self.group_row, self.rows)
            band = read_rows(read[0], read[1] + ".band", np.dtype("<i2"), self.group_row, self.rows)
            measured &= ~np.isnan(similarity)
        method = pa.DictionaryArray.from_arrays(
            pa.array(np.where(old, 1, 0), pa.int32(), mask=~fallen), pa.array([self.evidence.method, "index"])
        )
        if self.evidence.folder is None:
            method = pa.DictionaryArray.from_arrays(
                pa.array(np.zeros(self.rows), pa.int32(), mask=~fallen), pa.array([self.evidence.method])
            )
        return {
            "method": method,
            "similarity": pa.array(similarity, pa.float32(), mask=~measured),
            "band": pa.array(band, pa.int16(), mask=~(measured & (band >= 0))),
        }


def _shards(folder: str, name: str, stack: contextlib.ExitStack) -> pa.Table:
    """A table of shards: memory-mapped where it is local, since a layer needs a few of its names."""
    location = storage.join(folder, name)
    if storage.is_remote(location):
        stream = stack.enter_context(storage.open_input(location))
    else:
        stream = stack.enter_context(pa.memory_map(storage.local_path(location)))
    return pa.ipc.open_file(stream).read_all()


def _places(shards: pa.Table, rows: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number of the shard and row in it of each row that is wanted, -1 for the others."""
    first_rows = shards.column("first_row").to_numpy()
    numbers, inside = np.full(len(rows), -1), np.full(len(rows), -1)
    numbers[wanted] = np.searchsorted(first_rows, rows[wanted], side="right") - 1
    inside[wanted] = rows[wanted] - first_rows[numbers[wanted]]
    return numbers, inside


def _named(parts: list[tuple[pa.ChunkedArray, np.ndarray]]) -> pa.Array:
    """Names of NAME_TYPE from tables of names and numbers in them (-1: not from this one), with only the names used."""
    codes = np.full(len(parts[0][1]), -1)
    places: dict[str, int] = {}
    for column, numbers in parts:
        used = np.unique(numbers[numbers >= 0])
        if not len(used):
            continue
        texts = column.take(pa.array(used)).cast(pa.string()).to_pylist()
        place = np.array([places.setdefault(text, len(places)) for text in texts])
        mine = numbers >= 0
        codes[mine] = place[np.searchsorted(used, numbers[mine])]
    return pa.DictionaryArray.from_arrays(
        pa.array(codes, pa.int32(), mask=codes < 0), pa.array(list(places), pa.string())
    )
