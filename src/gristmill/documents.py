"""The one schema every source writes, and the ledger of what it read.

A document is a row; its shard and row number are its address inside a run, its `id` is its name everywhere else. The
ledger holds one row per input record, so that a record that became no document can still be asked about.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import pyarrow as pa
import xxhash

DOCUMENT_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),  # 32 hexadecimal digits, see document_id
        pa.field("url", pa.string()),
        pa.field("text", pa.large_string(), nullable=False),
        pa.field("bytes", pa.int64(), nullable=False),  # UTF-8 bytes of text as written here
        pa.field("title", pa.string()),
        pa.field("source", pa.dictionary(pa.int32(), pa.string()), nullable=False),
        pa.field("language", pa.string()),  # as the source declares it; stages write their own columns
        pa.field("language_score", pa.float32()),
        pa.field("date", pa.timestamp("s", tz="UTC")),
        pa.field("file", pa.dictionary(pa.int32(), pa.string()), nullable=False),  # where the record lies: name,
        pa.field("offset", pa.int64(), nullable=False),  # byte offset (a row number for row formats)
        pa.field("length", pa.int64(), nullable=False),  # and bytes, compressed as stored
        pa.field("metadata", pa.string()),  # a JSON object with sorted keys, or null
    ]
)

LEDGER_SCHEMA = pa.schema(
    [
        pa.field("file", pa.dictionary(pa.int32(), pa.string()), nullable=False),
        pa.field("offset", pa.int64(), nullable=False),
        pa.field("length", pa.int64(), nullable=False),
        pa.field("url", pa.string()),
        pa.field("outcome", pa.dictionary(pa.int8(), pa.string()), nullable=False),
        pa.field("reason", pa.string()),  # null for documents
        pa.field("row", pa.int64()),  # row in the documents shard, null when there is none
    ]
)

QUARANTINE_SCHEMA = pa.schema(
    [
        pa.field("file", pa.string(), nullable=False),
        pa.field("offset", pa.int64(), nullable=False),
        pa.field("length", pa.int64(), nullable=False),
        pa.field("url", pa.string()),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("error", pa.string()),  # what was raised, or the signal that ended the process
        pa.field("content", pa.binary()),  # the record's bytes, at most QUARANTINE_BYTES of them
    ]
)

QUARANTINE_BYTES = 1 << 20


class Outcome(StrEnum):
    """Where an input record ends; every record has exactly one."""

    DOCUMENT = "document"
    DROPPED = "dropped"  # by a rule; reason is stage.rule
    NOT_TEXT = "not_text"  # requests, images, redirects, revisits …: nothing this source reads text from
    QUARANTINED = "quarantined"  # broken, too large, or its parser crashed or hung


@dataclass(slots=True)
class Record:
    """One input record on its way to a document.

    A source sets `outcome` and `reason` when it already knows that no document comes of it; else it sets `text`, or
    `payload` and leaves the text to `Source.read_text`.
    """

    file: str  # name of the input file, as in the documents
    offset: int
    length: int
    url: str | None = None
    date: int | None = None  # seconds since 1970, UTC
    title: str | None = None
    language: str | None = None
    language_score: float | None = None
    text: str | None = None
    payload: bytes | None = None
    hints: dict[str, Any] = field(default_factory=dict)  # what extraction needs: content type, charset …
    metadata: dict[str, Any] = field(default_factory=dict)
    id: str | None = None  # set only by sources whose format has ids of its own
    outcome: Outcome | None = None
    reason: str | None = None
    error: str | None = None

    def end(self, outcome: Outcome, reason: str, error: str | None = None) -> Record:
        """Close the record without a document and return it."""
        self.outcome, self.reason, self.error = outcome, reason, error
        return self

    @property
    def open(self) -> bool:
        return self.outcome is None


def document_id(source: str, file: str, offset: int) -> str:
    """32 hexadecimal digits from where the record lies, the same on every machine and in every re-run."""
    return xxhash.xxh3_128_hexdigest(f"{source}\n{file}\n{offset}".encode())
