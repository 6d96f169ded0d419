"""Raw records → batches of documents, with a ledger row for every record and the broken ones set aside.

What `drop_early` names is decided here: rules that need no text before the page is parsed, the others before anything
is written.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from gristmill.dataset import BATCH_BYTES, BATCH_ROWS, Batch, ShardRef, as_array, first_drop
from gristmill.documents import (
    DOCUMENT_SCHEMA,
    LEDGER_SCHEMA,
    QUARANTINE_BYTES,
    QUARANTINE_SCHEMA,
    Outcome,
    Record,
    document_id,
)
from gristmill.kernels.text import Texts
from gristmill.stage import Filter, InputFile, ShardStage, Source

EARLY_COLUMNS = ("url", "title", "language")  # what stages that drop early may read beside text and one another
_BEFORE_TEXT = {"url", "language"}  # of them, what is known before a page is parsed
CHUNK_RECORDS = 256
CHUNK_BYTES = 16 << 20  # of raw payload waiting to be parsed


@dataclass
class Reading:
    """Some records that have all come to an end: their documents as columns, and their traces."""

    batch: Batch  # the documents' rows, with the values early stages computed
    documents: pa.RecordBatch
    ledger: pa.RecordBatch
    quarantine: pa.RecordBatch
    counts: dict[str, int] = field(default_factory=dict)


def read_documents(
    source_name: str, reader: Source, files: Sequence[InputFile], early: Sequence[Filter]
) -> Iterator[Reading]:
    """Everything the files hold, in order, a few MB of text at a time."""
    before_text = [stage for stage in early if stage.reads <= _BEFORE_TEXT]
    with_text = [stage for stage in early if stage not in before_text]
    on_rough = [stage for stage in with_text if stage.judges_rough_text]
    waiting: list[Record] = []
    rows = size = row = 0
    for chunk in _chunks(record for file in files for record in reader.records(file)):
        _drop(chunk, before_text, None)
        for record in chunk:
            if record.open:
                if record.text is None:
                    if not (on_rough and _reject_rough(record, reader, on_rough)):
                        reader.read_text(record)
                    if record.open:
                        record.payload = None
                if record.open and not record.text:
                    record.end(Outcome.DROPPED, "empty")
                if record.open:
                    rows, size = rows + 1, size + len(record.text or "")
        waiting += chunk
        if rows >= BATCH_ROWS or size >= BATCH_BYTES or len(waiting) >= 16 * BATCH_ROWS:
            reading = _close(source_name, waiting, with_text, row)
            row += reading.documents.num_rows
            yield reading
            waiting, rows, size = [], 0, 0
    if waiting:
        yield _close(source_name, waiting, with_text, row)


def read_upstream(source_name: str, upstream: ShardRef) -> Iterator[Reading]:
    """The survivors of another source's shard as new documents; what it dropped is in the ledger with the first reason."""
    row = 0
    for batch in upstream.batches(DOCUMENT_SCHEMA.names, texts=True):
        keep = batch.keep
        kept = batch.select(keep)
        kept.first_row = row
        columns: dict[str, Any] = {name: kept.column(name) for name in DOCUMENT_SCHEMA.names if name != "text"}
        columns |= {
            "text": kept.texts.to_arrow(),
            "bytes": kept.texts.lengths,
            "source": _constant(source_name, kept.rows),
        }
        documents = _batch(columns, DOCUMENT_SCHEMA)
        reasons = first_drop(batch)
        outcomes = pa.array([str(Outcome.DOCUMENT if good else Outcome.DROPPED) for good in keep], pa.string())
        rows = np.where(keep, row + np.cumsum(keep) - 1, -1)
        ledger = {
            "file": batch.column("file"),
            "offset": batch.column("offset"),
            "length": batch.column("length"),
            "url": batch.column("url"),
            "outcome": outcomes.dictionary_encode(),
            "reason": reasons,
            "row": pa.array(rows, mask=~keep),
        }
        counts = {"records": batch.rows, "documents": kept.rows, "bytes": int(kept.texts.lengths.sum())}
        for reason in reasons.drop_null().to_pylist():
            counts[f"dropped.{reason}"] = counts.get(f"dropped.{reason}", 0) + 1
        kept.add_column("bytes", documents.column("bytes"))
        row += kept.rows
        yield Reading(kept, documents, _batch(ledger, LEDGER_SCHEMA), _quarantine([]), counts)


def _chunks(records: Iterable[Record]) -> Iterator[list[Record]]:
    chunk: list[Record] = []
    size = 0
    for record in records:
        chunk.append(record)
        size += len(record.payload or b"")
        if len(chunk) >= CHUNK_RECORDS or size >= CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _reject_rough(record: Record, reader: Source, stages: Sequence[Filter]) -> bool:
    """End the record when a rough text of its page is enough to drop it."""
    text = reader.rough_text(record)
    for stage in stages if text else ():
        if text and (rule := stage.reject_rough(text)):
            record.end(Outcome.DROPPED, f"{stage.name}.{rule}")
            return True
    return False


def _drop(records: list[Record], stages: Sequence[Filter], texts: Texts | None) -> Batch:
    """End the records that the stages drop; returns the batch of those that were open before, in order."""
    opened = [record for record in records if record.open]
    batch = Batch(0, len(opened), texts)
    for name in EARLY_COLUMNS:
        batch.add_column(name, pa.array([getattr(record, name) for record in opened], pa.string()))
    for stage in stages if opened else ():
        compute_signals(stage, batch)
        numbers = np.asarray(stage.decide(batch))
        rules = stage.rule_names()
        for row in np.flatnonzero(numbers >= 0):
            if opened[row].open:
                opened[row].end(Outcome.DROPPED, f"{stage.name}.{rules[numbers[row]]}")
    return batch


def compute_signals(stage: ShardStage, batch: Batch) -> None:
    """Add the stage's values to the batch unless they are there already."""
    schema = stage.value_schema()
    names = [f"{stage.name}.{field.name}" for field in schema]
    if not names or set(names) <= set(batch.column_names):
        return
    values = stage.signals(batch)
    for name, column in zip(names, schema, strict=True):
        batch.add_column(name, as_array(values[column.name], column.type))


def _close(source: str, records: list[Record], stages: Sequence[Filter], first_row: int) -> Reading:
    texts = Texts.from_strings([record.text or "" for record in records if record.open])
    opened = [record for record in records if record.open]
    batch = _drop(records, stages, texts)
    if any(not record.open for record in opened):
        batch = batch.select(np.array([record.open for record in opened]))
    kept = [record for record in opened if record.open]
    batch.first_row = first_row
    documents = _documents(source, kept, batch.texts)
    for name in ("id", "url", "title", "language", "bytes", "file", "offset", "length", "date", "metadata"):
        batch.add_column(name, documents.column(name))
    counts = _counts(records)
    counts["bytes"] = int(batch.texts.lengths.sum())
    return Reading(batch, documents, _ledger(records, first_row), _quarantine(records), counts)


def _documents(source: str, records: list[Record], texts: Texts) -> pa.RecordBatch:
    columns = {
        "id": [r.id or document_id(source, r.file, r.offset) for r in records],
        "url": [r.url for r in records],
        "text": texts.to_arrow(),
        "bytes": texts.lengths,
        "title": [r.title for r in records],
        "source": _constant(source, len(records)),
        "language": [r.language for r in records],
        "language_score": [r.language_score for r in records],
        "date": [r.date for r in records],
        "file": pa.array([r.file for r in records], pa.string()).dictionary_encode(),
        "offset": [r.offset for r in records],
        "length": [r.length for r in records],
        "metadata": [_json(r.metadata) for r in records],
    }
    return _batch(columns, DOCUMENT_SCHEMA)


def _ledger(records: list[Record], row: int) -> pa.RecordBatch:
    rows: list[int | None] = []
    for record in records:
        rows.append(row if record.open else None)
        row += record.open
    columns = {
        "file": pa.array([r.file for r in records], pa.string()).dictionary_encode(),
        "offset": [r.offset for r in records],
        "length": [r.length for r in records],
        "url": [r.url for r in records],
        "outcome": pa.array([str(r.outcome or Outcome.DOCUMENT) for r in records], pa.string()).dictionary_encode(),
        "reason": [r.reason for r in records],
        "row": rows,
    }
    return _batch(columns, LEDGER_SCHEMA)


def _quarantine(records: list[Record]) -> pa.RecordBatch:
    bad = [record for record in records if record.outcome == Outcome.QUARANTINED]
    columns = {
        "file": [r.file for r in bad],
        "offset": [r.offset for r in bad],
        "length": [r.length for r in bad],
        "url": [r.url for r in bad],
        "reason": [r.reason for r in bad],
        "error": [r.error for r in bad],
        "content": [_content(r) for r in bad],
    }
    return _batch(columns, QUARANTINE_SCHEMA)


def _content(record: Record) -> bytes | None:
    if record.payload is not None:
        return bytes(record.payload[:QUARANTINE_BYTES])
    return record.text.encode("utf-8", "replace")[:QUARANTINE_BYTES] if record.text else None


def _counts(records: list[Record]) -> dict[str, int]:
    counts: dict[str, int] = {"records": len(records)}
    for record in records:
        outcome = record.outcome or Outcome.DOCUMENT
        key = "documents" if outcome == Outcome.DOCUMENT else f"{outcome}.{record.reason}"
        counts[key] = counts.get(key, 0) + 1
    return counts


def _constant(value: str, rows: int) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array([value]))


def _json(fields: dict) -> str | None:
    return json.dumps(fields, sort_keys=True, ensure_ascii=False, default=str) if fields else None


def _batch(columns: dict, schema: pa.Schema) -> pa.RecordBatch:
    arrays = []
    for column in schema:
        values = columns[column.name]
        if not isinstance(values, pa.Array):
            values = pa.array(values, column.type)
        arrays.append(values if values.type == column.type else values.cast(column.type))
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
