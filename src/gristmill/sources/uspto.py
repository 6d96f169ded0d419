"""US patents from the weekly files of the Patent Office: thousands of documents one after the other, zipped or not.

sources:
  patents:
    read: {uspto: {sections: [abstract, description, claims]}}
    input: uspto/*.zip                      # ipg*.zip (2005 on), pg*.zip (2001-2004), pftaps*.zip (1976-2001), applications too
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, ClassVar, Literal

from gristmill import storage
from gristmill.documents import QUARANTINE_BYTES, Outcome, Record
from gristmill.sources.aps import from_aps
from gristmill.sources.compressed import Damage, pieces
from gristmill.sources.dates import parse_date
from gristmill.sources.fields import well_formed
from gristmill.sources.lines import Line, divided
from gristmill.sources.patents import NoPatent, Paragraph, Patent, about, background, from_xml
from gristmill.sources.xml_text import BadXml
from gristmill.stage import InputFile, Source, setting

Part = Literal["abstract", "background", "description", "claims"]

_APS, _XML = b"PATN", b"<?xml"
_CHUNK = 4 << 20
_NAMES = (".xml", ".txt", ".sgml", ".sgm")


class Uspto(Source):
    """Grants and applications; by default their background, as The Pile has it."""

    kind = "uspto"
    version: ClassVar[int] = 2
    suffixes: ClassVar[tuple[str, ...]] = (*_NAMES, *(f"{name}.gz" for name in _NAMES), ".zip", ".greenbook")

    sections: tuple[Part, ...] = setting(
        ("background",), "what becomes text, in this order; documents without any of it are dropped", source="The Pile"
    )
    heading: bool = setting(True, "the title stands before the text", source="ours; The Pile: metadata only")
    drop_kinds: tuple[str, ...] = setting(
        (), "first letters of kind codes or numbers to drop: S or D for designs, P for plants", source="ours"
    )
    max_patent_bytes: int = setting(
        50_000_000, "largest document that is read", unit="bytes", source="ours; sequence listings are larger", gt=0
    )

    def records(self, file: InputFile) -> Iterator[Record]:
        """One record per document of a weekly file. Offset and length: bytes of the unpacked file."""
        with storage.open_input(file.location) as stream:
            for source in _streams(stream):
                for part in self._documents(source):
                    yield self._record(file.name, part)

    def _documents(self, source: Iterator[bytes]) -> Iterator[Line]:
        """The stream cut before every document; what stands before the first is passed over when it is blank."""
        head = b""
        try:
            while len(head) < 4096 and (piece := next(source, b"")):
                head += piece
        except Damage as damage:
            yield Line(0, len(head), head[:QUARANTINE_BYTES], damage=damage)
            return
        divider = b"\nPATN" if _APS in head[:4096] and b"<" not in head[:64] else _XML
        for part in divided(_again(head, source), divider, self.max_patent_bytes):
            if part.offset and divider == _XML:  # the divider is the document's own beginning
                part.data, part.offset, part.length = _XML + part.data, part.offset - len(_XML), part.length + len(_XML)
            elif part.offset:
                part.data, part.offset, part.length = _APS + part.data, part.offset - len(_APS), part.length + len(_APS)
            aps_head = divider != _XML and _APS not in part.data[:64]  # the file's own header lines
            if (part.data.strip() and not aps_head) or part.damage is not None or part.too_long:
                yield part

    def _record(self, name: str, part: Line) -> Record:
        record = Record(name, part.offset, part.length)
        if part.damage is not None or part.too_long:
            record.payload = part.data[:QUARANTINE_BYTES]
            if part.damage is not None:
                return record.end(Outcome.QUARANTINED, part.damage.reason, str(part.damage))
            message = f"{part.length} bytes, max_patent_bytes is {self.max_patent_bytes}"
            return record.end(Outcome.QUARANTINED, "too_large", message)
        try:
            patent = from_aps(part.data) if part.data.lstrip()[:4] == _APS else from_xml(part.data)
        except NoPatent as root:
            return record.end(Outcome.NOT_TEXT, f"xml_{root}")
        except BadXml as error:
            record.payload = part.data[:QUARANTINE_BYTES]
            return record.end(Outcome.QUARANTINED, "bad_xml", str(error))
        self._fill(record, patent)
        return record

    def _fill(self, record: Record, patent: Patent) -> None:
        record.title = " ".join(well_formed(patent.title).split()) or None
        record.date = parse_date(patent.date)
        record.language = "en"
        record.metadata = about(patent)
        if patent.number:
            record.url = f"https://patents.google.com/patent/US{patent.number}{patent.kind}"
        if any(patent.kind.startswith(one) or patent.number.startswith(one) for one in self.drop_kinds):
            record.end(Outcome.DROPPED, f"{self.kind}.kind")
            return
        texts = [text for part in self.sections if (text := _text(patent, part))]
        if not texts:
            record.end(Outcome.DROPPED, f"{self.kind}.no_{self.sections[0] if len(self.sections) == 1 else 'text'}")
            return
        head = [f"# {record.title}"] if self.heading and record.title else []
        record.text = well_formed("\n\n".join([*head, *texts]))


def _text(patent: Patent, part: Part) -> str:
    if part == "abstract":
        return f"## Abstract\n\n{patent.abstract}" if patent.abstract else ""
    if part == "claims":
        return "\n\n".join(["## Claims", *patent.claims]) if patent.claims else ""
    paragraphs = background(patent.description) if part == "background" else patent.description
    return "\n\n".join(map(_shown, paragraphs))


def _shown(paragraph: Paragraph) -> str:
    return f"## {paragraph.text}" if paragraph.heading else paragraph.text


def _streams(stream: IO[bytes]) -> Iterator[Iterator[bytes]]:
    magic = stream.read(4)
    stream.seek(0)
    if magic != b"PK\x03\x04":
        yield pieces(stream)
        return
    try:
        archive = zipfile.ZipFile(stream)
        entries = [entry for entry in archive.infolist() if entry.filename.lower().endswith(_NAMES)]
    except (zipfile.BadZipFile, ValueError, EOFError, OSError, NotImplementedError) as error:
        yield _damaged(str(error))
        return
    for entry in entries:
        yield _unzipped(archive, entry)


def _unzipped(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    try:
        with archive.open(entry) as content:
            while data := content.read(_CHUNK):
                yield data
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        raise Damage("corrupt_zip", f"{entry.filename}: {error}") from error


def _damaged(message: str) -> Iterator[bytes]:
    raise Damage("corrupt_zip", message)
    yield b""


def _again(head: bytes, source: Iterator[bytes]) -> Iterator[bytes]:
    yield head
    yield from source
