"""JSON Lines: an object a line, plain or compressed (gzip, zstd, xz, bzip2, lz4).

sources:
  dump: {kind: jsonl, input: dump/*.jsonl.zst, fields: {text: content, url: meta.url, metadata:
  [meta.licence]}}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from gristmill import storage
from gristmill.documents import QUARANTINE_BYTES, Outcome, Record
from gristmill.sources.compressed import pieces
from gristmill.sources.fields import Fields
from gristmill.sources.lines import lines
from gristmill.sources.presets import Preset, resolve
from gristmill.sources.rows import json_rows
from gristmill.stage import InputFile, Source, setting


class JsonLines(Source):
    """Documents from JSON Lines, one object a line."""

    kind = "jsonl"
    version: ClassVar[int] = 2
    suffixes: ClassVar[tuple[str, ...]] = tuple(
        stem + packed
        for stem in (".jsonl", ".ndjson", ".json")
        for packed in ("", ".gz", ".zst", ".xz", ".bz2", ".lz4")
    )

    preset: Preset | None = setting(
        None, "the fields of a published corpus; `fields` still counts where it says something", source="dataset cards"
    )
    fields: Fields = setting(doc="which fields become what", factory=Fields)
    max_line_bytes: int = setting(100_000_000, "longest line that is read", unit="bytes", source="ours", gt=0)

    @property
    def columns(self) -> Fields:
        """What is read: the preset with the recipe's own `fields` over it."""
        return resolve(self.preset, self.fields)

    def records(self, file: InputFile) -> Iterator[Record]:
        """One record per line that is not blank; offset and length are bytes of the decompressed file."""
        with storage.open_input(file.location) as stream:
            for row in json_rows(lines(pieces(stream), self.max_line_bytes), self.max_line_bytes):
                record = Record(file.name, row.offset, row.length)
                if row.problem is not None:
                    record.payload = row.data
                    yield record.end(Outcome.QUARANTINED, row.problem, row.message)
                    continue
                self.columns.fill(record, row.values)
                if record.outcome == Outcome.QUARANTINED:
                    record.payload = row.data[:QUARANTINE_BYTES]
                yield record
