"""Web archives: WARC and ARC files, WET texts, WACZ packages, and lists of them.

    sources:
      web: {kind: warc, input: crawl/*.warc.gz}
      dump: {kind: warc, input: https://data.commoncrawl.org/crawl-data/CC-MAIN-2024-51/warc.paths.gz}

Pages are the `response` and `resource` records with status 200 and a wanted media type; every other record is
told in the ledger. `framing` finds the records, `http` opens the responses, `mime` names what is in them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import IO, ClassVar

from pydantic import field_validator

from gristmill import storage
from gristmill.documents import QUARANTINE_BYTES, Outcome, Record
from gristmill.extract import ExtractionError, ExtractSettings, extract
from gristmill.extract.charset import decode
from gristmill.extract.engines import load_engine
from gristmill.sources.compressed import Damage
from gristmill.sources.dates import parse_date
from gristmill.sources.framing import Frame, frames
from gristmill.sources.http import decoded_body, parse_response
from gristmill.sources.listing import is_list, listed
from gristmill.sources.mime import HTML, XHTML, media_type, payload_type
from gristmill.sources.wacz import archives
from gristmill.stage import InputFile, Source, setting

_NOT_PAGES = frozenset((b"warcinfo", b"request", b"metadata", b"revisit", b"continuation"))
_CONTROLS = re.compile(r"[\x00-\x20\x7f]+")
_EXTRACTED = frozenset((HTML, XHTML))


class Warc(Source):
    """Pages of web archives: WARC, ARC, WET and WACZ files, and *.paths lists of them."""

    kind = "warc"
    version: ClassVar[int] = 3
    suffixes: ClassVar[tuple[str, ...]] = (
        ".warc.gz", ".warc", ".warc.zst", ".warc.lz4", ".warc.wet.gz", ".warc.wet", ".arc.gz", ".arc",
        ".wacz",
    )  # fmt: skip

    mime_types: tuple[str, ...] = setting(
        (HTML, XHTML),
        "media types that become documents; types other than HTML and XHTML are taken as plain text",
        source="datatrove's WARC reader",
    )
    max_record_bytes: int = setting(100_000_000, "largest record that is read", unit="bytes", source="ours", gt=0)
    max_page_bytes: int = setting(
        10_000_000,
        "largest page after its content encoding is undone",
        unit="bytes",
        source="ours; Common Crawl cuts pages at 1 MiB, since 2025 at 5 MiB",
        gt=0,
    )
    prefix: str = setting(
        "https://data.commoncrawl.org/",
        "where the relative lines of a *.paths list lie when they are not beside the list",
        source="commoncrawl.org, Get Started",
    )
    extract: ExtractSettings = setting(doc="how HTML becomes text", factory=ExtractSettings)

    @field_validator("mime_types")
    @classmethod
    def _types_are_types(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if media_type(name) != name:
                raise ValueError(f"{name!r} is no media type; write it like text/html, in lower case")
        return names

    def expand(self, location: str) -> list[str]:
        """A *.paths list stands for its lines. Raises UserError when the list cannot be read."""
        return listed(location, self.prefix) if is_list(location) else [location]

    def records(self, file: InputFile) -> Iterator[Record]:
        """Every record of a web archive; offset and length as `framing` defines them."""
        gzipped = file.name.endswith(".gz")
        with storage.open_input(file.location) as stream:
            if file.name.endswith(".wacz"):
                yield from self._package(file.name, stream)
                return
            for frame in frames(stream, max_record=self.max_record_bytes, gzip_expected=gzipped):
                yield self._record(file.name, frame)

    def _package(self, name: str, stream: IO[bytes]) -> Iterator[Record]:
        """The archives inside a WACZ package; offsets are places in the package."""
        last = -1
        try:
            for inner, start, member in archives(stream):
                for frame in frames(member, max_record=self.max_record_bytes, gzip_expected=inner.endswith(".gz")):
                    frame.offset = last = max(start + frame.offset, last + 1)
                    yield self._record(name, frame)
        except Damage as damage:
            yield Record(name, last + 1, 0).end(Outcome.QUARANTINED, damage.reason, str(damage))

    # -- one record ------------------------------------------------------------------------------------------

    def _record(self, name: str, frame: Frame) -> Record:
        record = Record(name, frame.offset, frame.length)
        if frame.arc:
            self._read_arc(record, frame)
        else:
            self._read_warc(record, frame)
        if record.outcome == Outcome.QUARANTINED and record.payload is None:
            record.payload = frame.block[:QUARANTINE_BYTES]
        return record

    def _read_warc(self, record: Record, frame: Frame) -> None:
        fields = frame.fields
        url = fields.get(b"warc-target-uri")
        if url is not None:
            record.url = _url(url)
        if frame.damage is not None:
            record.end(Outcome.QUARANTINED, frame.damage.reason, str(frame.damage))
            return
        kind = fields.get(b"warc-type", b"").lower()
        if kind in _NOT_PAGES:
            record.end(Outcome.NOT_TEXT, kind.decode())
            return
        if kind not in (b"response", b"resource", b"conversion"):
            record.end(Outcome.NOT_TEXT, "unknown_record_type")
            return
        record.date = parse_date(_text(fields.get(b"warc-date")))
        metadata = record.metadata
        for key, field_name in _KEPT_FIELDS:
            if (value := fields.get(field_name)) is not None:
                metadata[key] = _text(value)
        if b"warc-segment-number" in fields:
            metadata.setdefault("truncated", "segmented")
        content_type = _text(fields.get(b"content-type"))
        if kind == b"conversion":
            self._read_text(record, frame.block, content_type)
        else:
            identified = _text(fields.get(b"warc-identified-payload-type"))
            self._read_page(record, frame.block, content_type, identified)

    def _read_arc(self, record: Record, frame: Frame) -> None:
        """An ARC record line: URL, IP, date, type, length; version 2 has status, checksum and three more
        before the length.
        """
        parts = frame.head.rsplit(b" ", 4)
        longer = frame.head.rsplit(b" ", 9)
        if len(longer) == 10 and longer[4].isdigit() and longer[7].isdigit():
            parts = [*longer[:4], longer[9]]
        url, address, date, content_type = [*parts, b"", b"", b""][:4]
        record.url = _url(url)
        if frame.damage is not None:
            record.end(Outcome.QUARANTINED, frame.damage.reason, str(frame.damage))
        elif url.startswith(b"filedesc:"):
            record.end(Outcome.NOT_TEXT, "filedesc")
        else:
            record.date = parse_date(_text(date))
            if address not in (b"", b"-", b"0.0.0.0"):
                record.metadata["ip"] = _text(address)
            self._read_page(record, frame.block, _text(content_type), None)

    def _read_page(self, record: Record, block: bytes, content_type: str | None, identified: str | None) -> None:
        """A fetched page: an HTTP response, or, for `resource` records and other protocols, the bare payload.

        content_type: of the block, from the record's own header.
        """
        if record.url is not None and record.url.startswith("dns:"):
            record.end(Outcome.NOT_TEXT, "dns")
            return
        is_http = block.startswith(b"HTTP/") or (content_type or "").lower().startswith("application/http")
        if is_http or (content_type is None and block[:64].lstrip().startswith(b"<")):
            response = parse_response(block)
            if response is None or response.status is None:
                record.end(Outcome.QUARANTINED, "bad_http", f"no HTTP response, it begins {block[:40]!r}")
                return
            record.metadata["status"] = response.status
            if response.status != 200:
                record.end(Outcome.NOT_TEXT, f"status_{response.status}")
                return
            content_type = _text(response.header(b"content-type"))
            try:
                body = decoded_body(block, response, self.max_page_bytes)
            except Damage as damage:
                record.end(Outcome.QUARANTINED, damage.reason, str(damage))
                return
        else:
            body = block
            if len(body) > self.max_page_bytes:
                record.end(
                    Outcome.QUARANTINED,
                    "too_large",
                    f"{len(body)} bytes, max_page_bytes is {self.max_page_bytes}",
                )
                return
        if content_type:
            record.metadata["content_type"] = content_type
        found = payload_type(body, identified, content_type)
        if found not in self.mime_types:
            record.end(Outcome.NOT_TEXT, found)
        elif found in _EXTRACTED:
            record.payload = body
            record.hints["content_type"] = content_type
        else:
            self._set_text(record, decode(body, content_type)[0])

    def _read_text(self, record: Record, block: bytes, content_type: str | None) -> None:
        """A WET record: text that was extracted already."""
        found = media_type(content_type)
        if found is not None and not found.startswith("text/"):
            record.end(Outcome.NOT_TEXT, found)
        elif len(block) > self.max_page_bytes:
            record.end(
                Outcome.QUARANTINED,
                "too_large",
                f"{len(block)} bytes, max_page_bytes is {self.max_page_bytes}",
            )
        else:
            self._set_text(record, decode(block, content_type)[0])

    @staticmethod
    def _set_text(record: Record, text: str) -> None:
        record.text = text
        if not text.strip():
            record.text = None
            record.end(Outcome.DROPPED, "extract.empty")

    def rough_text(self, record: Record) -> str | None:
        """The main text as the fast engine finds it, where another one is set."""
        if record.payload is None or self.extract.engine == "gristmill":
            return None
        rough = _rough(self.extract)
        try:
            return extract(record.payload, rough, content_type=record.hints.get("content_type"), url=record.url).text
        except ExtractionError:
            return None

    def rough(self) -> Warc | None:
        if self.extract.engine == "gristmill":
            return None
        copy = self.model_copy(update={"extract": _rough(self.extract)})
        copy.named(f"{self.name}, rough text")
        return copy

    @property
    def kernel_set(self) -> str:
        if self.extract.engine != "gristmill":
            return self.kind
        further = {"comments": self.extract.comments, "no_tables": not self.extract.tables}
        return ".".join((self.kind, "gristmill", *(name for name, on in further.items() if on)))

    def warm(self) -> None:
        if self.extract.engine == "gristmill":
            load_engine(self.extract)

    def read_text(self, record: Record) -> None:
        """Main text and title of an HTML page."""
        if record.payload is None:
            return
        try:
            found = extract(
                record.payload,
                self.extract,
                content_type=record.hints.get("content_type"),
                url=record.url,
            )
        except ExtractionError as error:
            record.end(Outcome.QUARANTINED, error.reason, error.message)
            return
        record.title = found.title
        if found.confidence is not None:
            record.metadata["extraction_confidence"] = round(found.confidence, 3)
        self._set_text(record, found.text)


@lru_cache(maxsize=16)
def _rough(settings: ExtractSettings) -> ExtractSettings:
    """The same with the fast engine."""
    return settings.model_copy(update={"engine": "gristmill", "favour": "balanced", "strip_urls": "none"})


_KEPT_FIELDS = (
    ("record_id", b"warc-record-id"),
    ("digest", b"warc-payload-digest"),
    ("ip", b"warc-ip-address"),
    ("truncated", b"warc-truncated"),
    ("identified_languages", b"warc-identified-content-language"),
)


def _text(value: bytes | None) -> str | None:
    """A header value as text: UTF-8, else the Latin-1 that HTTP began with."""
    if value is None:
        return None
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _url(value: bytes) -> str:
    """A target URI without the angle brackets that wget writes around it and without control characters."""
    if value[:1] == b"<" and value[-1:] == b">":
        value = value[1:-1]
    return _CONTROLS.sub(lambda found: "%20" * len(found[0]), _text(value.strip()) or "")
