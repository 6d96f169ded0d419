"""Runs one stage by itself: on texts in memory, or over shards on disk as the pipeline would.

batch = run_filter(GopherQuality(), ["some text", "another"])
batch.column("drop").to_pylist()
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from gristmill.commit import Commit
from gristmill.dataset import Batch, LayerRef, LayerWriter, ShardRef, drop_reasons, layer_schema
from gristmill.documents import DOCUMENT_SCHEMA, document_id
from gristmill.kernels.text import Texts
from gristmill.stage import Filter, GlobalStage, PhasedStage, Scope, ShardStage


def make_batch(texts: Sequence[str], columns: Mapping[str, Sequence] | None = None) -> Batch:
    batch = Batch(0, len(texts), Texts.from_strings(list(texts)))
    batch.add_column("url", pa.array([f"http://site.example/{n}" for n in range(len(texts))]))
    for name, values in (columns or {}).items():
        batch.add_column(name, values if isinstance(values, pa.Array) else pa.array(values))
    return batch


def add_signals(stage: ShardStage, batch: Batch) -> None:
    schema = stage.value_schema()
    if len(schema):
        found = stage.signals(batch)
        for field in schema:
            values = found[field.name]
            batch.add_column(f"{stage.name}.{field.name}", values if isinstance(values, pa.Array) else pa.array(values))


def run_filter(stage: Filter, texts: Sequence[str], columns: Mapping[str, Sequence] | None = None) -> Batch:
    """The batch after the stage, with its values and a `drop` column of reasons."""
    batch = make_batch(texts, columns)
    add_signals(stage, batch)
    batch.add_column("drop", drop_reasons(stage.name, stage.rule_names(), stage.decide(batch)))
    return batch


def write_shard(
    folder: Path,
    source: str,
    name: str,
    texts: Sequence[str],
    dropped: Sequence[int] = (),
    batch_rows: int = 100,
    **columns,
) -> ShardRef:
    """A documents file, and one layer that drops the rows named, committed with receipts."""
    rows = len(texts)
    table = pa.table(
        {
            "id": [document_id(source, name, n) for n in range(rows)],
            "url": [f"http://{name}.example/{n}" for n in range(rows)],
            "text": pa.array(texts, pa.large_string()),
            "bytes": [len(text.encode()) for text in texts],
            "title": pa.nulls(rows, pa.string()),
            "source": pa.array([source] * rows).dictionary_encode(),
            "language": pa.nulls(rows, pa.string()),
            "language_score": pa.nulls(rows, pa.float32()),
            "date": pa.nulls(rows, pa.timestamp("s", tz="UTC")),
            "file": pa.array([name] * rows).dictionary_encode(),
            "offset": list(range(rows)),
            "length": [1] * rows,
            "metadata": pa.nulls(rows, pa.string()),
            **columns,
        }
    ).select(DOCUMENT_SCHEMA.names)
    documents, layer = str(folder / source / "documents"), str(folder / source / "planted")
    with Commit(documents, name) as commit:
        with pq.ParquetWriter(commit.path(f"{name}.parquet"), DOCUMENT_SCHEMA) as documents_file:
            if rows:
                documents_file.write_table(table.cast(DOCUMENT_SCHEMA), row_group_size=batch_rows)
        commit.count(documents=rows)
    with Commit(layer, name) as commit:
        writer = LayerWriter(commit.path(f"{name}.parquet"), layer_schema(None, drops=True, cuts=False))
        for start in range(0, rows, batch_rows):
            numbers = [0 if n in set(dropped) else -1 for n in range(start, min(rows, start + batch_rows))]
            writer.write({"drop": drop_reasons("planted", ("dropped",), numbers)})
        writer.close()
    return ShardRef(source, name, documents, (LayerRef("planted", layer, drops=True),))


def write_signals(stage: ShardStage, shard: ShardRef, folder: Path) -> ShardRef:
    """The shard with the value layer of `stage` written beside it, as the pipeline does before a phased stage begins."""
    schema = pa.schema([pa.field(f"{stage.name}.{f.name}", f.type) for f in stage.value_schema()])
    target = str(folder / shard.source / f"{stage.name}.signals")
    with Commit(target, shard.name) as commit:
        writer = LayerWriter(commit.path(f"{shard.name}.parquet"), schema)
        columns = [name for name in stage.needs if name != "text"]
        for batch in shard.batches(columns, texts="text" in stage.needs):
            found = stage.signals(batch)
            writer.write({f"{stage.name}.{name}": values for name, values in found.items()})
        writer.close()
    layer = LayerRef(stage.name, target, tuple(schema.names))
    return ShardRef(shard.source, shard.name, shard.documents, (*shard.layers, layer))


def run_phases(
    stage: PhasedStage, shards: Sequence[ShardRef], folder: Path, memory: int = 1 << 30, inputs=None
) -> Scope:
    """All phases of a stage, every task committed in this process."""
    scope = Scope(tuple(shards), tuple(shard.rows for shard in shards), str(folder), memory, dict(inputs or {}))
    for phase in stage.phases(scope):
        for task in phase.tasks:
            with Commit(phase.folder, task.name) as commit:
                task.run(commit)
    return scope


def read_layer(stage: GlobalStage, scope: Scope, shard: ShardRef) -> pa.Table:
    return pq.read_table(f"{scope.layer_folder(shard)}/{shard.name}.parquet")
