"""Project Gutenberg: a book is a document, without what the project put around it.

    sources:
      books:
        read: {gutenberg: {catalogue: pg_catalog.csv}}
        input: gutenberg/

Reads plain text of every age, HTML and EPUB, zipped or not. `gutenberg_marks` knows the headers and footers,
`gutenberg_header` what they say.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from typing import IO, Any, ClassVar, Literal

from gristmill import storage
from gristmill.documents import Outcome, Record
from gristmill.extract.charset import decode
from gristmill.sources.compressed import Damage, pieces
from gristmill.sources.dates import parse_date
from gristmill.sources.epub import EpubPackage, is_epub, read_member
from gristmill.sources.fields import well_formed
from gristmill.sources.gutenberg_catalogue import catalogue_entry
from gristmill.sources.gutenberg_header import (
    decode_etext,
    file_number,
    language_codes,
    read_header,
    release_seconds,
)
from gristmill.sources.gutenberg_marks import Book, find_book, without_credits, without_notes
from gristmill.sources.hard_wrapping import unwrapped
from gristmill.sources.html_text import html_to_text
from gristmill.stage import InputFile, Location, Source, setting

_PACKED = ("", ".gz", ".zst", ".xz", ".bz2", ".lz4")
_HTML = re.compile(rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.{0,2000}?-->\s*)*(?:<!doctype\s+html|<html|<head)", re.I | re.S)
_PAGE_NUMBERS = ("pagenum", "pageno", "pagenumber", "page-number", "x-ebookmaker-pageno", "pgnum")
_BOILERPLATE = ("pg-boilerplate", "pgheader", "pgfooter", "pg-header", "pg-footer", "pg-machine-header")
_NOTE_LINKS = ("noteref", "backlink")  # in EPUBs: numbers of endnotes, which would stick to words
_NOTES = ("transnote", "transcribers-note", "tnote", "transnotes", "tn", "trans-note")
_IMPRINT = re.compile(r"<(?:body|section)\s[^<>]{0,300}epub:type=\"[^\"]*\b(?:imprint|colophon|copyright-page)\b")
_ILLUSTRATION = re.compile(r"^[ \t]*\[Illustration\]?:?\][ \t]*\n?|^[ \t]*\[Illustration\][ \t]*\n?", re.M)
_TITLE = re.compile(r"<title[^>]{0,200}>([^<]{1,2000})</title", re.I)
_TITLE_FRAME = re.compile(
    r"^The Project Gutenberg E-?(?:book|text) of\s+|\s*[|—-]\s*(?:A )?Project Gutenberg(?: e-?book)?$", re.I
)
_BLANK_LINES = re.compile(r"\n{4,}")
_EDITION = re.compile(r"^(?:pg)?(\d+)(-0|-8|-h)?((?:-images|-noimages)(?:-3)?)?\.(txt|htm|html|epub|zip)(?:\.utf-?8)?$")
_SUPERSEDED = re.compile(r"/\d+/old(?:/|$)")  # where mirrors keep earlier editions of a book
_NO_BOOK = re.compile(r"(?:^|/)(?:licen[cs]e|copying|readme)(?:\.\w+)?$", re.I)  # stands beside books
_HEADER_BYTES = 64 << 10


class Gutenberg(Source):
    """Books of Project Gutenberg as text, HTML or EPUB."""

    kind = "gutenberg"
    version: ClassVar[int] = 2
    suffixes: ClassVar[tuple[str, ...]] = (
        *(stem + packed for stem in (".txt", ".txt.utf-8", ".txt.utf8") for packed in _PACKED),
        ".htm",
        ".html",
        ".epub",
        ".zip",
    )

    editions: Literal["best", "all"] = setting(
        "best",
        "best: of files in the mirror's layout one per book (UTF-8 text, other text, HTML, EPUB; none in old/); or all",
        source="ours; The Pile and PG19 take one text a book",
    )
    catalogue: Location | None = setting(
        None, "pg_catalog.csv, rdf-files.tar.bz2 or a folder of RDF: metadata of books by their number"
    )
    copyrighted: Literal["drop", "keep"] = setting(
        "drop", "books the project distributes by permission of a rights holder", source="Common Pile: dropped"
    )
    require_marks: bool = setting(False, "drop files without a header or footer of the project", source="ours; off")
    credits: Literal["drop", "keep"] = setting(
        "drop",
        "paragraphs before the book that say who prepared the file (they go into the metadata), and an EPUB's imprint pages",
        source="c-w/gutenberg",
    )
    transcriber_notes: Literal["drop", "keep"] = setting(
        "drop", "notes of those who prepared the file: bracketed, or under a heading at either end", source="ours"
    )
    illustrations: Literal["drop", "keep"] = setting(
        "drop", "[Illustration] lines without a caption; captions stay", source="ours"
    )
    page_numbers: Literal["drop", "keep"] = setting("drop", "page numbers in the margin of HTML books", source="ours")
    unwrap: bool = setting(False, "join the lines of hard-wrapped paragraphs; verse stays", source="PG19: wrapped")
    max_book_bytes: int = setting(
        50_000_000, "largest book that is read, unpacked", unit="bytes", source="ours; the longest have 10 MB", gt=0
    )

    def check(self) -> None:
        """Raises UserError when the catalogue is missing."""
        if self.catalogue is not None and not storage.is_dir(self.catalogue):
            storage.stat(self.catalogue)

    def expand(self, location: str) -> list[str]:
        """Nothing for a licence or read-me, nor for an edition that another file in its folder supersedes (`editions`)."""
        if _NO_BOOK.search(location):
            return []
        if self.editions == "all":
            return [location]
        folder, _, name = location.rpartition("/")
        if _SUPERSEDED.search(folder):
            return []
        edition = _EDITION.match(name)
        if edition is None:
            return [location]
        others = storage.list_names(folder)
        if folder.endswith(f"/{edition[1]}-h"):
            others = [*others, *storage.list_names(folder.rpartition("/")[0])]
        others += [f"{name}.htm" for name in others if name == f"{edition[1]}-h"]
        better = (found for found in map(_EDITION.match, others) if found and found[1] == edition[1])
        return [] if any(_rank(found) < _rank(edition) for found in better) else [location]

    # -- records -----------------------------------------------------------------------------------------------------

    def records(self, file: InputFile) -> Iterator[Record]:
        """One record per book: the file, or each text in a zip. Offset and length are bytes of the stored file."""
        with storage.open_input(file.location) as stream:
            magic = stream.read(4)
            stream.seek(0)
            try:
                if magic == b"PK\x03\x04":
                    yield from self._zipped(file, stream)
                    return
                data = self._read(stream)
            except Damage as damage:
                yield Record(file.name, 0, file.size).end(Outcome.QUARANTINED, damage.reason, str(damage))
                return
        yield Record(file.name, 0, file.size, payload=data, hints={"name": file.name})

    def _read(self, stream: IO[bytes]) -> bytes:
        held, size = [], 0
        for piece in pieces(stream):
            size += len(piece)
            if size > self.max_book_bytes:
                raise Damage("too_large", f"more than max_book_bytes, {self.max_book_bytes}")
            held.append(piece)
        return b"".join(held)

    def _zipped(self, file: InputFile, stream: IO[bytes]) -> Iterator[Record]:
        try:
            archive = zipfile.ZipFile(stream)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise Damage("corrupt_zip", f"not a readable zip file: {error}") from error
        with archive:
            if is_epub(archive):
                yield self._epub(file, archive)
                return
            members = [m for m in archive.infolist() if _is_book(m.filename)]
            if not members:
                yield Record(file.name, 0, file.size).end(Outcome.NOT_TEXT, "zip_without_text")
            for member in members:
                record = Record(file.name, member.header_offset, member.compress_size)
                try:
                    record.payload = read_member(archive, member.filename, self.max_book_bytes)
                    record.hints["name"] = f"{file.name}/{member.filename}"
                except Damage as damage:
                    record.end(Outcome.QUARANTINED, damage.reason, str(damage))
                yield record

    def _epub(self, file: InputFile, archive: zipfile.ZipFile) -> Record:
        record = Record(file.name, 0, file.size)
        try:
            package = EpubPackage(archive, self.max_book_bytes)
            pages = [
                self._html(page) for page in package.pages() if self.credits == "keep" or not _IMPRINT.search(page)
            ]
        except Damage as damage:
            return record.end(Outcome.QUARANTINED, damage.reason, str(damage))
        known = _epub_metadata(package.metadata) | {"format": "epub"}
        self._finish(record, "\n\n\n".join(page for page in pages if page), known, file.name)
        return record

    def read_text(self, record: Record) -> None:
        """The book in a text or HTML file, with what header and catalogue say about it."""
        data = record.payload or b""
        name = str(record.hints.get("name", record.file))
        if _HTML.match(data[:4096]):
            page = decode(data)[0]
            self._finish(record, self._html(page), {"format": "html"}, name, _html_title(page))
            return
        if b"\x00" in data[:4096] and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
            record.end(Outcome.NOT_TEXT, "binary")
            return
        self._finish(record, decode_etext(data), {"format": "text"}, name)

    def _html(self, page: str) -> str:
        dropped = (*_BOILERPLATE, *_NOTE_LINKS, *(_PAGE_NUMBERS if self.page_numbers == "drop" else ()))
        dropped = (*dropped, *(_NOTES if self.transcriber_notes == "drop" else ()))
        header = _header_of_html(page)
        text = html_to_text(page, markup="plain", drop_classes=dropped)
        return f"{header}{text}"

    # -- the book ----------------------------------------------------------------------------------------------------

    def _finish(self, record: Record, text: str, known: dict[str, Any], name: str, title: str | None = None) -> None:
        """Set the record's text and metadata from all the text of a file, or end it.

        known: what the format says beside the text. title: to be used where nothing else names the book.
        """
        lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x0c", "\n").split("\n")
        book = find_book(lines)
        known = ({"title": title} if title else {}) | read_header(lines[: book.start]) | known
        number = known.get("number") or file_number(name)
        if book.copyrighted or _says_copyrighted(known):
            known["copyrighted"] = True
        if known.get("copyrighted") and self.copyrighted == "drop":
            record.end(Outcome.DROPPED, f"{self.kind}.copyrighted")
        elif self.require_marks and book.header == book.footer == "none":
            record.end(Outcome.DROPPED, f"{self.kind}.no_marks")
        body = self._body(lines, book, known)
        if record.open and not body:
            record.end(Outcome.DROPPED, f"{self.kind}.empty")
        entry = catalogue_entry(self.catalogue, number) if self.catalogue and number else {}
        if entry.get("rights", "").lower().startswith("copyrighted") and self.copyrighted == "drop" and record.open:
            record.end(Outcome.DROPPED, f"{self.kind}.copyrighted")
        self._describe(record, book, known, entry, number)
        if record.open:
            record.text = well_formed(body)

    def _body(self, lines: list[str], book: Book, known: dict[str, Any]) -> str:
        kept: list[str] = []
        at = book.start
        for start, end in [*book.without, (book.end, book.end)]:
            kept += lines[at:start]
            at = end
        kept, credits = without_credits(kept)
        if credits:
            known.setdefault("credits", " ".join(credits))
            if self.credits == "keep":
                kept = [*credits, "", *kept]
        if self.transcriber_notes == "drop":
            kept, removed = without_notes(kept)
            if removed:
                known["notes_removed"] = removed
        text = "\n".join(line.rstrip() for line in kept)
        if self.illustrations == "drop":
            text = _ILLUSTRATION.sub("", text)
        text = _BLANK_LINES.sub("\n\n\n", text).strip("\n")
        return unwrapped(text) if self.unwrap else text

    def _describe(
        self, record: Record, book: Book, known: dict[str, Any], entry: dict[str, Any], number: int | None
    ) -> None:
        """Title, language, date, address and metadata: the catalogue's word before the header's."""
        title = entry.get("title") or known.pop("title", None)
        record.title = well_formed(" ".join(str(title).split())) if title else None
        languages = entry.get("languages") or known.pop("languages", [])
        record.language = languages[0] if len(languages) == 1 else None
        released = re.split(r"\s*\[|\s+Last Updated", known.pop("release_date", ""), maxsplit=1)[0] or None
        record.date = parse_date(entry.get("issued")) if entry.get("issued") else release_seconds(released)
        if number:
            record.url = f"https://www.gutenberg.org/ebooks/{number}"
        author = known.pop("author", None)
        found: dict[str, Any] = {
            "ebook": number,
            "authors": entry.get("authors") or ([author] if author else None),
            "languages": languages if len(languages) > 1 else None,
            "released": released,
            "header": book.header,
            "footer": book.footer,
        }
        found |= {name: value for name, value in known.items() if name not in ("number", "title", "languages")}
        found |= {name: entry[name] for name in ("subjects", "bookshelves", "locc", "rights") if name in entry}
        record.metadata = {
            name: well_formed(value) if isinstance(value, str) else value for name, value in found.items() if value
        }


def _is_book(name: str) -> bool:
    return name.lower().endswith((".txt", ".htm", ".html")) and not _NO_BOOK.search(name)


def _header_of_html(page: str) -> str:
    """The project's header block of a modern HTML page as text, for what it says; "" when there is none.

    The block is an element that conversion drops by its class; its fields are wanted all the same.
    """
    start = page.find('id="pg-header"')
    if start < 0:
        return ""
    end = page.find("*** START OF", start)
    stop = page.find("***", end + 12) if end > 0 else -1
    if stop < 0 or stop - start > _HEADER_BYTES:
        return ""
    block = page[page.find(">", start) + 1 : stop + 3]
    return html_to_text(block, markup="plain") + "\n\n"


def _html_title(page: str) -> str | None:
    """The title element without the project's name around the book's."""
    found = _TITLE.search(page[:_HEADER_BYTES])
    title = " ".join(html_to_text(found[1], markup="plain").split()) if found else ""
    return _TITLE_FRAME.sub("", title).strip() or None


def _epub_metadata(metadata: dict[str, list[str]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if titles := metadata.get("title"):
        found["title"] = titles[0]
    if creators := metadata.get("creator"):
        found["author"] = "; ".join(creators)
    if languages := metadata.get("language"):
        found["languages"] = [code for name in languages for code in language_codes(name.split("-")[0])]
    if subjects := metadata.get("subject"):
        found["subjects"] = subjects
    if rights := metadata.get("rights"):
        found["rights_statement"] = rights[0]
    for address in (*metadata.get("source", ()), *metadata.get("identifier", ())):
        number = re.search(r"gutenberg\.org/(?:ebooks/|files/|etext/)?(\d+)", address)
        if number:
            found["number"] = int(number[1])
    return found


def _says_copyrighted(known: dict[str, Any]) -> bool:
    return str(known.get("rights_statement", "")).lower().startswith("copyrighted")


def _rank(edition: re.Match[str]) -> tuple[int, bool]:
    """How good an edition is, best lowest: UTF-8 text, any text, 8-bit, ASCII, HTML, EPUB; the zipped one after the same."""
    mark, kind = edition[2] or "", edition[4]
    if mark == "-h" or kind in ("htm", "html"):
        form = 4
    elif kind == "epub":
        form = 5
    else:
        form = {"-0": 0, "-8": 2}.get(mark, 1 if edition[0].startswith("pg") else 3)
    return form, kind == "zip"
