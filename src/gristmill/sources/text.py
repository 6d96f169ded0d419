"""Plain text files: a file a document, or many documents in a file.

sources:
  books: {kind: text, input: books/*.txt}
  notes: {kind: text, input: notes.txt.gz, document: separator, separator: "\\n=====\\n"}
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import model_validator

from gristmill import storage
from gristmill.documents import QUARANTINE_BYTES, Outcome, Record
from gristmill.extract.charset import decode
from gristmill.sources.compressed import pieces
from gristmill.sources.fields import well_formed
from gristmill.sources.lines import Line, divided, lines, paragraphs
from gristmill.stage import InputFile, Source, setting


class PlainText(Source):
    """Documents from plain text files, whole or split."""

    kind = "text"
    suffixes: ClassVar[tuple[str, ...]] = tuple(
        stem + packed for stem in (".txt", ".text", ".md") for packed in ("", ".gz", ".zst", ".xz", ".bz2", ".lz4")
    )

    document: Literal["file", "line", "blank_line", "separator"] = setting(
        "file",
        "what one document is: a file, a line, a paragraph between blank lines, what `separator` divides",
    )
    separator: str = setting("", "string between two documents when document is separator; \\n is a line end")
    encoding: str = setting(
        "utf-8",
        "encoding of the files; where the bytes do not fit it, UTF-8 and then a guess is taken",
    )
    max_document_bytes: int = setting(100_000_000, "largest document that is read", unit="bytes", source="ours", gt=0)

    @model_validator(mode="after")
    def _separator_when_split(self) -> PlainText:
        if (self.document == "separator") != bool(self.separator):
            raise ValueError("`separator` is needed with document: separator, and only there")
        return self

    @model_validator(mode="after")
    def _encoding_fits(self) -> PlainText:
        name = _text_codec(self.encoding)
        if name is None:
            raise ValueError(f"unknown encoding {self.encoding!r}; use one Python knows, such as utf-8 or cp1252")
        if self.document != "file" and name.startswith(("utf-16", "utf-32")):
            raise ValueError(f"files in {name} can only be read whole; use document: file")
        return self

    def records(self, file: InputFile) -> Iterator[Record]:
        """One record per document that is not blank; offset and length are bytes of the decompressed file."""
        with storage.open_input(file.location) as stream:
            for part in self._parts(pieces(stream)):
                if self.document == "file" or part.too_long or part.damage is not None or part.data.strip():
                    yield self._record(file.name, part)

    def _parts(self, stream: Iterator[bytes]) -> Iterator[Line]:
        if self.document == "line":
            return lines(stream, self.max_document_bytes)
        if self.document == "blank_line":
            return paragraphs(lines(stream, self.max_document_bytes), self.max_document_bytes)
        return divided(stream, self.separator.encode(self.encoding), self.max_document_bytes)

    def _record(self, name: str, part: Line) -> Record:
        record = Record(name, part.offset, part.length)
        if part.too_long or part.damage is not None:
            record.payload = part.data[:QUARANTINE_BYTES]
            if part.damage is not None:
                return record.end(Outcome.QUARANTINED, part.damage.reason, str(part.damage))
            message = f"{part.length} bytes, max_document_bytes is {self.max_document_bytes}"
            return record.end(Outcome.QUARANTINED, "too_large", message)
        text = self._decoded(part.data).replace("\r\n", "\n")
        record.text = text if self.document == "file" else text.strip("\n")
        if not text.strip():
            record.text = None
            record.end(Outcome.DROPPED, "empty")
        return record

    def _decoded(self, data: bytes) -> str:
        try:
            return well_formed(data.decode(self.encoding).removeprefix("\ufeff"))
        except UnicodeDecodeError:
            return decode(data)[0]


def _text_codec(name: str) -> str | None:
    """The codec's own name when Python knows it and it makes text, else None."""
    try:
        found = codecs.lookup(name)
        "".encode(name)
    except (LookupError, ValueError, TypeError):
        return None
    return found.name
