"""Fold a dataset's layers into plain documents: survivors only, cuts carried out."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq

from gristmill import storage
from gristmill.commit import RECEIPT, Commit, read_receipt
from gristmill.dataset import Dataset
from gristmill.documents import DOCUMENT_SCHEMA
from gristmill.errors import UserError


def compact(dataset: Dataset, folder: str) -> tuple[int, int]:
    """Write `folder`/<shard>.parquet for every shard; returns files and documents.

    Shards that are there and up to date are left alone. Shards of inputs that are gone are removed.
    Raises UserError when the folder holds shards of another dataset.
    """
    rows = 0
    storage.make_dir(folder)
    _remove_outdated(dataset, folder)
    for shard in dataset.shards:
        documents = read_receipt(shard.documents, shard.name)
        made_from = [
            shard.documents,
            documents.identity if documents else "",
            *(layer.folder for layer in shard.layers),
        ]
        identity = "+".join(made_from)
        receipt = read_receipt(folder, shard.name)
        if receipt is None or receipt.identity != identity:
            with Commit(folder, shard.name, identity, {"dataset": dataset.source}) as commit:
                writer = pq.ParquetWriter(commit.path(f"{shard.name}.parquet"), DOCUMENT_SCHEMA, compression="zstd")
                for batch in Dataset(dataset.source, (shard,)).to_batches():
                    fields = zip(batch.columns, DOCUMENT_SCHEMA, strict=True)
                    arrays: list[pa.Array] = [column.cast(field.type) for column, field in fields]
                    writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=DOCUMENT_SCHEMA))
                    commit.count(documents=batch.num_rows)
                writer.close()
            receipt = commit.receipt
        rows += receipt.counts.get("documents", 0) if receipt else 0
    return len(dataset.shards), rows


def _remove_outdated(dataset: Dataset, folder: str) -> None:
    known = {shard.name for shard in dataset.shards}
    for name in storage.list_names(folder):
        shard = name.removesuffix(RECEIPT)
        if not name.endswith(RECEIPT) or shard in known:
            continue
        receipt = read_receipt(folder, shard)
        if receipt is None or receipt.inputs.get("dataset") != dataset.source:
            raise UserError(f"{folder}: {shard} is no shard of {dataset.source}", hint="use a new folder")
        storage.remove(storage.join(folder, name))  # first, so that the file is not believed any more
        for entry in receipt.files:
            storage.remove(storage.join(folder, entry.name))
