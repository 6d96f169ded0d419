"""Documents + layers → batches: the one way text and numbers are read back.

    dataset = Dataset("web", shards)
    for batch in dataset.to_batches(columns=["url", "text", "language.code"]):   # pyarrow RecordBatches of survivors
        ...

A *shard* is a documents file and, beside it, one thin file per stage with the same rows (its *layers*). Row group k
of a layer holds the rows of row group k of the documents, so a shard is read group by group in bounded memory. Text
passes through the cuts of every layer before a stage sees it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gristmill import storage
from gristmill.commit import read_receipt
from gristmill.documents import DOCUMENT_SCHEMA
from gristmill.errors import UserError, nearest
from gristmill.kernels.text import CUTS, Texts, apply_cuts

if TYPE_CHECKING:
    from gristmill.kernels.text_index import TextIndex

DROP = "drop"
DROP_TYPE = pa.dictionary(pa.int16(), pa.string())
BATCH_ROWS = 2048
BATCH_BYTES = 8 << 20


@dataclass(frozen=True)
class LayerRef:
    """Where one stage's layer of a shard lies and what is in it."""

    stage: str
    folder: str  # holds <shard>.parquet
    columns: tuple[str, ...] = ()  # full names, stage.value
    drops: bool = False
    cuts: bool = False


@dataclass(frozen=True)
class ShardRef:
    """One shard of one source with the layers known so far, in stage order. Small and picklable: tasks carry it."""

    source: str
    name: str
    documents: str  # folder of <name>.parquet
    layers: tuple[LayerRef, ...] = ()

    @property
    def rows(self) -> int:
        """Number of documents, from the receipt of the documents file."""
        receipt = read_receipt(self.documents, self.name)
        if receipt is None:
            raise FileNotFoundError(f"{self.documents}/{self.name}: not written yet")
        return receipt.counts.get("documents", 0)

    def batches(self, columns: Iterable[str] = (), *, texts: bool = False, rows: int = 1) -> Iterator[Batch]:
        """All rows, in order, with these columns (documents' or `stage.value`), every drop, and texts after cuts if asked.

        rows: where only numbers are wanted, row groups are read together until they are so many; less work a row.
        """
        with contextlib.ExitStack() as stack:
            documents = DocumentsReader(self, columns, stack, texts=texts)
            layers = [LayerReader(self.name, layer, columns, stack, cuts=texts) for layer in self.layers]
            for groups in documents.together(rows):
                batch = documents.read(groups)
                for layer in layers:
                    layer.read_into(batch, groups)
                yield batch


class DocumentsReader:
    """Row groups of a documents file as batches."""

    def __init__(
        self, shard: ShardRef, columns: Iterable[str], stack: contextlib.ExitStack, *, texts: bool = False
    ) -> None:
        self._file = _ParquetFile(storage.join(shard.documents, shard.name + ".parquet"), stack)
        self._names = [name for name in dict.fromkeys(columns) if name in DOCUMENT_SCHEMA.names and name != "text"]
        self._texts = texts
        counts = [self._file.rows(group) for group in range(self._file.groups)]
        self._first = np.concatenate([[0], np.cumsum(counts)]).astype(int)
        self.groups = self._file.groups

    def together(self, rows: int) -> Iterator[range]:
        """Consecutive groups, as many at a time as it takes to have so many rows."""
        start = 0
        for stop in range(1, self.groups + 1):
            if self._first[stop] - self._first[start] >= rows or stop == self.groups:
                yield range(start, stop)
                start = stop

    def read(self, groups: range) -> Batch:
        table = self._file.read(groups, [*self._names, "text"] if self._texts else self._names)
        first = int(self._first[groups.start])
        batch = Batch(first, int(self._first[groups.stop]) - first)
        for name in self._names:
            batch.add_column(name, table.column(name))
        if self._texts:
            batch.texts = Texts.from_arrow(table.column("text"))
        return batch


class LayerReader:
    """Row groups of one layer, added to the batches of its documents. Opens nothing when nothing in it is wanted."""

    def __init__(
        self,
        shard: str,
        layer: LayerRef,
        columns: Iterable[str],
        stack: contextlib.ExitStack,
        *,
        cuts: bool = False,
    ) -> None:
        self.layer = layer
        wanted = set(columns)
        self._names = [name for name in layer.columns if name in wanted]
        self._names += [DROP] if layer.drops else []
        self._names += ["cuts"] if layer.cuts and cuts else []
        if self._names:
            self._file = _ParquetFile(storage.join(layer.folder, shard + ".parquet"), stack)

    def read_into(self, batch: Batch, groups: range) -> None:
        if not self._names:
            return
        part = self._file.read(groups, self._names)
        if part.num_rows != batch.rows:
            which = f"row group {groups.start}" if len(groups) == 1 else f"row groups {groups.start}-{groups[-1]}"
            raise ValueError(f"{self.layer.folder}: {which} has {part.num_rows} rows, documents {batch.rows}")
        for name in self._names:
            if name == DROP:
                batch.add_drop(self.layer.stage, part.column(DROP))
            elif name == "cuts":
                batch.cut(part.column("cuts"))
            else:
                batch.add_column(name, part.column(name))


class _ParquetFile:
    """Row groups of a Parquet file as record batches."""

    def __init__(self, location: str, stack: contextlib.ExitStack) -> None:
        self._file = pq.ParquetFile(stack.enter_context(storage.open_columns(location)))

    @property
    def groups(self) -> int:
        return self._file.num_row_groups

    def rows(self, group: int) -> int:
        return self._file.metadata.row_group(group).num_rows

    def read(self, groups: range, columns: list[str]) -> pa.RecordBatch:
        if not columns:
            return pa.RecordBatch.from_arrays([], names=[])
        table = self._file.read_row_groups(groups, columns=columns, use_threads=False).combine_chunks()
        batches = table.to_batches()
        if batches:
            return batches[0]
        return pa.RecordBatch.from_arrays([pa.array([], field.type) for field in table.schema], schema=table.schema)


class Batch:
    """Some consecutive rows of a shard in memory: columns, drops so far, texts as the cuts so far leave them."""

    def __init__(self, first_row: int, rows: int, texts: Texts | None = None) -> None:
        self.first_row, self.rows = first_row, rows
        self._columns: dict[str, pa.Array] = {}
        self.drops: list[tuple[str, pa.Array]] = []
        self.cuts: list[pa.Array] = []  # carried out so far
        self._texts = texts

    @property
    def texts(self) -> Texts:
        if self._texts is None:
            raise KeyError("this batch was read without its texts; the stage must name 'text' among what it needs")
        return self._texts

    @texts.setter
    def texts(self, texts: Texts) -> None:
        self._texts = texts
        self.__dict__.pop("index", None)

    @cached_property
    def index(self) -> TextIndex:
        """Lines, paragraphs and words of the texts as offsets, computed once until a cut changes the texts."""
        from gristmill.kernels.text_index import TextIndex

        return TextIndex.build(self.texts)

    def column(self, name: str) -> pa.Array:
        try:
            return self._columns[name]
        except KeyError:
            raise KeyError(f"column {name!r} was not read.{nearest(name, self._columns)}") from None

    def numbers(self, name: str) -> np.ndarray:
        """A numeric column as NumPy; nulls become NaN."""
        return self.column(name).to_numpy(zero_copy_only=False)

    @property
    def column_names(self) -> list[str]:
        return list(self._columns)

    def add_column(self, name: str, values: pa.Array | pa.ChunkedArray) -> None:
        self._columns[name] = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values

    def add_drop(self, stage: str, reasons: pa.Array) -> None:
        self.drops.append((stage, reasons))

    def cut(self, cuts: pa.Array) -> None:
        self.texts = apply_cuts(self.texts, cuts)
        self.cuts.append(cuts)

    def select(self, keep: np.ndarray) -> Batch:
        """A batch of the rows where `keep` is True, bool (rows,); drops so far are left behind."""
        rows = np.flatnonzero(keep)
        chosen = Batch(self.first_row, len(rows))
        for name, values in self._columns.items():
            chosen.add_column(name, values.take(pa.array(rows)))
        if self._texts is not None:
            chosen.texts = Texts.from_arrow(self._texts.to_arrow().take(pa.array(rows)))
        return chosen

    @property
    def keep(self) -> np.ndarray:
        """True for rows that no stage so far dropped, bool (rows,)."""
        keep = np.ones(self.rows, bool)
        for _, reasons in self.drops:
            keep &= np.asarray(reasons.is_null())
        return keep


class LayerWriter:
    """Writes one layer file, a row group per batch."""

    def __init__(self, path: str, schema: pa.Schema) -> None:
        self.schema = schema
        columns = [leaf for part in schema for leaf in _leaves(part.name, part.type)]
        repeated = [path for path, kind in columns if pa.types.is_string(kind) or pa.types.is_dictionary(kind)]
        hashes = {path for path, kind in columns if pa.types.is_fixed_size_binary(kind)}
        self._writer = pq.ParquetWriter(
            path,
            schema,
            compression={path: "none" if path in hashes else "zstd" for path, _ in columns},
            compression_level={path: 1 for path, _ in columns if path not in hashes},
            use_dictionary=repeated or False,
        )  # hashes and signals hardly repeat: dictionaries would only cost, and compression of hashes alone

    def write(self, columns: Mapping[str, pa.Array | np.ndarray]) -> None:
        arrays = [as_array(columns[field.name], field.type) for field in self.schema]
        batch = pa.RecordBatch.from_arrays(arrays, schema=self.schema)
        self._writer.write_batch(batch, row_group_size=max(1, batch.num_rows))

    def close(self) -> None:
        self._writer.close()


def _leaves(path: str, kind: pa.DataType) -> Iterator[tuple[str, pa.DataType]]:
    """The columns that a field has in a Parquet file, and their types: what lies inside lists and structs has its own."""
    if pa.types.is_struct(kind):
        for number in range(kind.num_fields):
            yield from _leaves(f"{path}.{kind.field(number).name}", kind.field(number).type)
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        yield from _leaves(f"{path}.list.element", kind.value_type)
    else:
        yield path, kind


def as_array(values: pa.Array | np.ndarray, kind: pa.DataType) -> pa.Array:
    """`values` as an Arrow array of a type; a NumPy array (rows, k) becomes a fixed-size list."""
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if not isinstance(values, pa.Array):
        if isinstance(kind, pa.FixedSizeListType):
            flat = pa.array(np.ascontiguousarray(values).reshape(-1), kind.value_type)
            return pa.FixedSizeListArray.from_arrays(flat, kind.list_size)
        return pa.array(values, kind)
    return values if values.type == kind else values.cast(kind)


def layer_schema(values: pa.Schema | None, *, drops: bool, cuts: bool) -> pa.Schema:
    fields = list(values) if values is not None else []
    fields += [pa.field(DROP, DROP_TYPE)] if drops else []
    fields += [pa.field("cuts", CUTS)] if cuts else []
    return pa.schema(fields)


def drop_reasons(stage: str, rules: Sequence[str], numbers: np.ndarray) -> pa.Array:
    """The drop column of a layer from rule numbers: -1 keeps, k drops by `stage.rules[k]`."""
    names = pa.array([f"{stage}.{rule}" for rule in rules], pa.string())
    numbers = np.asarray(numbers, np.int16)
    return pa.DictionaryArray.from_arrays(pa.array(numbers, mask=numbers < 0), names)


@dataclass(frozen=True)
class Dataset:
    """One source after some of its stages: the surviving documents, cuts applied."""

    source: str
    shards: tuple[ShardRef, ...] = field(default=())

    @property
    def columns(self) -> list[str]:
        """Every column that can be asked for."""
        layers = self.shards[0].layers if self.shards else ()
        return [*DOCUMENT_SCHEMA.names, *(name for layer in layers for name in layer.columns), DROP]

    def to_batches(self, columns: Sequence[str] | None = None, *, dropped: bool = False) -> Iterator[pa.RecordBatch]:
        """Arrow record batches in input order.

        columns: names from `columns`; None means the document's own. `drop` is the first reason, null for survivors.
        dropped: yield the dropped rows too (then ask for `drop`).
        """
        schema = self.schema(columns)
        texts = "text" in schema.names
        for shard in self.shards:
            for batch in shard.batches([name for name in schema.names if name not in ("text", DROP)], texts=texts):
                rows = np.arange(batch.rows) if dropped else np.flatnonzero(batch.keep)
                if len(rows):
                    arrays = [as_array(self._column(batch, field.name), field.type) for field in schema]
                    whole = pa.RecordBatch.from_arrays(arrays, schema=schema)
                    yield whole if len(rows) == batch.rows else whole.take(pa.array(rows))

    def schema(self, columns: Sequence[str] | None = None) -> pa.Schema:
        """Names and types of these columns. Raises UserError for one that no layer has, with the nearest name."""
        known: dict[str, pa.DataType] = {field.name: field.type for field in DOCUMENT_SCHEMA} | {DROP: pa.string()}
        for layer in self.shards[0].layers if self.shards else ():
            if layer.columns and not known.keys() >= set(layer.columns):
                path = storage.join(layer.folder, self.shards[0].name + ".parquet")
                with storage.open_input(path) as stream:
                    known |= {field.name: field.type for field in pq.read_schema(stream) if field.name in layer.columns}
        wanted = list(columns) if columns is not None else list(DOCUMENT_SCHEMA.names)
        for name in wanted:
            if name not in known:
                raise UserError(f"no column {name!r} in {self.source}.{nearest(name, known)}", hint=", ".join(known))
        return pa.schema([(name, known[name]) for name in wanted])

    @staticmethod
    def _column(batch: Batch, name: str) -> pa.Array:
        if name == "text":
            return batch.texts.to_arrow()
        if name == DROP:
            return first_drop(batch)
        if name == "bytes" and batch._texts is not None:
            return pa.array(batch.texts.lengths)  # as cuts left them
        return batch.column(name)

    def reader(self, columns: Sequence[str] | None = None, *, dropped: bool = False) -> pa.RecordBatchReader:
        """The same as a RecordBatchReader, which polars, duckdb and Hugging Face datasets accept."""
        return pa.RecordBatchReader.from_batches(self.schema(columns), self.to_batches(columns, dropped=dropped))

    def to_table(self, columns: Sequence[str] | None = None, *, dropped: bool = False) -> pa.Table:
        return self.reader(columns, dropped=dropped).read_all()

    def ids_at(self, places: pa.Table) -> list[str]:
        """Ids of the documents that a table names by `source`, `shard` and `row`; rows of other sources are passed over.

        Raises UserError for a shard that is not of this dataset.
        """
        mine = places.filter(pc.equal(places.column("source").cast(pa.string()), self.source))
        names = mine.column("shard").cast(pa.string())
        known = {shard.name: shard for shard in self.shards}
        found: list[str] = []
        for name in sorted(names.unique().to_pylist()):
            if name not in known:
                raise UserError(f"{self.source} has no shard {name!r}", hint="is this the run that the table is about?")
            rows = np.sort(mine.filter(pc.equal(names, name)).column("row").to_numpy())
            for batch in known[name].batches(("id",)):
                first, stop = np.searchsorted(rows, (batch.first_row, batch.first_row + batch.rows))
                found += batch.column("id").take(pa.array(rows[first:stop] - batch.first_row)).to_pylist()
        return found

    def count_rows(self) -> int:
        """Surviving documents."""
        return sum(int(batch.keep.sum()) for shard in self.shards for batch in shard.batches())


def first_drop(batch: Batch) -> pa.Array:
    """Per row the reason of the first stage that drops it, null for survivors."""
    reasons = [column.cast(pa.string()) for _, column in batch.drops]
    return pc.coalesce(*reasons) if reasons else pa.nulls(batch.rows, pa.string())
