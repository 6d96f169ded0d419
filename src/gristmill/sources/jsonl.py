"""JSON Lines: an object a line, plain or compressed (gzip, zstd, xz, bzip2, lz4).

sources:
  dump: {kind: jsonl, input: dump/*.jsonl.zst, fields: {text: content, url: meta.url, metadata:
  [meta.licence]}}
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import ClassVar

from gristmill import storage
from gristmill.documents import QUARANTINE_BYTES, Outcome, Record
from gristmill.sources.compressed import pieces
from gristmill.sources.fields import Fields
from gristmill.sources.lines import Line, lines
from gristmill.stage import InputFile, Source, setting

_BOM = b"\xef\xbb\xbf"


class JsonLines(Source):
    """Documents from JSON Lines, one object a line."""

    kind = "jsonl"
    suffixes: ClassVar[tuple[str, ...]] = tuple(
        stem + packed
        for stem in (".jsonl", ".ndjson", ".json")
        for packed in ("", ".gz", ".zst", ".xz", ".bz2", ".lz4")
    )

    fields: Fields = setting(doc="which fields become what", factory=Fields)
    max_line_bytes: int = setting(100_000_000, "longest line that is read", unit="bytes", source="ours", gt=0)

    def records(self, file: InputFile) -> Iterator[Record]:
        """One record per line that is not blank; offset and length are bytes of the decompressed file."""
        with storage.open_input(file.location) as stream:
            for line in lines(pieces(stream), self.max_line_bytes):
                if line.too_long or line.damage is not None or line.data.strip():
                    yield self._record(file.name, line)

    def _record(self, name: str, line: Line) -> Record:
        record = Record(name, line.offset, line.length)
        if line.damage is not None:
            record.payload = line.data[:QUARANTINE_BYTES]
            return record.end(Outcome.QUARANTINED, line.damage.reason, str(line.damage))
        if line.too_long:
            record.payload = line.data
            message = f"{line.length} bytes, max_line_bytes is {self.max_line_bytes}"
            return record.end(Outcome.QUARANTINED, "too_large", message)
        data = line.data
        if line.offset == 0 and data.startswith(_BOM):
            data = data[len(_BOM) :]
        try:
            row = json.loads(data.decode("utf-8"))
            if not isinstance(row, dict):
                record.end(Outcome.QUARANTINED, "bad_json", f"the line is a {type(row).__name__}, not an object")
            else:
                self.fields.fill(record, row)
        except UnicodeDecodeError as error:
            record.end(Outcome.QUARANTINED, "bad_utf8", f"byte {error.start} of the line is not UTF-8")
        except RecursionError:
            record.end(Outcome.QUARANTINED, "bad_json", "objects nested too deeply")
        except ValueError as error:
            record.end(Outcome.QUARANTINED, "bad_json", str(error)[:500])
        if record.outcome == Outcome.QUARANTINED:
            record.payload = line.data[:QUARANTINE_BYTES]
        return record
