"""Pages of a MediaWiki XML export, found in a stream of bytes without holding more than one page.

Text in these exports is escaped, so `<page>` can only be the tag: pages are found by searching bytes, and fields by
searching within a page. That is several times as fast as an XML parser, and a broken page costs only itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from gristmill.sources.compressed import Damage
from gristmill.sources.mediawiki_streams import Piece

_OPEN, _CLOSE = b"<page>", b"</page>"
_REVISION, _REVISION_END = b"<revision>", b"</revision>"
SHOWN_OF_BROKEN = 4096  # bytes of a page too large or broken that are kept
_CHECK_BYTES = 8 << 20  # how much an open page grows before older revisions are let go
_ENTITY = re.compile(r"&(lt|gt|quot|apos|amp|#[0-9]{1,7}|#x[0-9a-fA-F]{1,6});")
_NAMED = {"lt": "<", "gt": ">", "quot": '"', "apos": "'", "amp": "&"}
_NAMESPACE = re.compile(rb'<namespace key="(-?\d+)"[^>]*>([^<]*)</namespace>')
_LANGUAGE = re.compile(rb'<mediawiki[^>]*?\sxml:lang="([A-Za-z0-9-]+)"')


@dataclass(frozen=True)
class Site:
    """What <siteinfo> says of the wiki: database, address of its main page, namespaces by number."""

    database: str = ""
    base: str = ""
    language: str = ""  # xml:lang of the export, else ""
    namespaces: dict[int, str] = field(default_factory=dict)


def parse_site(head: bytes) -> Site:
    """Site facts from the beginning of a dump; empty ones where it has none."""
    end = head.find(b"</siteinfo>")
    head = head[: end if end >= 0 else max(head.find(_OPEN), 0)]
    language = _LANGUAGE.search(head)
    return Site(
        unescape(_element(head, b"dbname") or b""),
        unescape(_element(head, b"base") or b""),
        language[1].decode() if language else "",
        {int(key): unescape(name) for key, name in _NAMESPACE.findall(head)},
    )


@dataclass(slots=True)
class PageBytes:
    """One `<page>` element as it stands, or its beginning and what is wrong with it."""

    offset: int
    length: int  # bytes of the whole element, also where `data` is less
    data: bytes
    damage: Damage | None = None


class PageReader:
    """Pages that begin before `end`, one after the other.

    by_stream: addresses of pieces are those of their bzip2 streams. Then a page's offset is the stream's place in the
    stored file plus the page's number in the stream; else it is the byte of XML at which the page begins.
    """

    def __init__(self, pieces: Iterable[Piece], *, end: int | None, by_stream: bool, max_bytes: int) -> None:
        self._pieces = iter(pieces)
        self._end, self._by_stream, self._max_bytes = end, by_stream, max_bytes
        self._data = b""
        self._base = 0  # address of _data[0], unless by_stream
        self._streams: list[tuple[int, int]] = []  # by_stream: index into _data from which on a stream reaches
        self._ordinal = 0
        self._last = -1  # offset given last
        self._too_large = False  # a revision of the open page was
        self._passed = 0  # bytes of the open page that are no longer held
        self._damage: Damage | None = None
        self._over = False

    def pages(self) -> Iterator[PageBytes]:
        """Damage comes as pages that have it; it is never raised."""
        while True:
            start = self._find(_OPEN, 0)
            if self._damage is not None:
                yield self._broken()
                continue
            if start < 0:
                return
            self._discard(start)
            address = self._address(0)
            if self._end is not None and address >= self._end:
                return
            offset = self._next_offset(address)
            yield self._page(offset)

    def _page(self, offset: int) -> PageBytes:
        """The page that begins at the first byte held."""
        self._passed, self._too_large = 0, False
        close = self._find(_CLOSE, len(_OPEN), of_page=True)
        if close < 0:
            length = self._passed + len(self._data)
            shown = self._data[:SHOWN_OF_BROKEN]
            damage = self._damage or Damage("truncated", "the dump ends inside a page")
            self._discard(len(self._data))
            self._damage = None
            return PageBytes(offset, length, shown, damage)
        again = self._data.find(_OPEN, len(_OPEN), close)
        if again >= 0:
            shown = self._data[: min(again, SHOWN_OF_BROKEN)]
            self._discard(again)
            return PageBytes(offset, again, shown, Damage("unclosed_page", "another page begins inside this one"))
        close += len(_CLOSE)
        data, length = self._data[:close], self._passed + close
        self._discard(close)
        if len(data) > self._max_bytes or self._too_large:
            message = f"a page of {length} bytes, max_page_bytes is {self._max_bytes}"
            return PageBytes(offset, length, data[:SHOWN_OF_BROKEN], Damage("too_large", message))
        return PageBytes(offset, length, data)

    def _find(self, tag: bytes, at: int, of_page: bool = False) -> int:
        """Index of the tag, reading on as far as needed; -1 at the end or at damage."""
        while (found := self._data.find(tag, at)) < 0:
            at = max(at, len(self._data) - len(tag) + 1)
            if not of_page:
                self._discard(at)
                at = 0
            elif len(self._data) >= _CHECK_BYTES:
                at -= self._let_go()
            if not self._read(at_page=of_page):
                return -1
        return found

    def _let_go(self) -> int:
        """Drop all but the last revision begun of the page held, or all but its beginning where that is too large.

        Returns how many bytes fewer there are now. Histories run from old to new.
        """
        first, last = self._data.find(_REVISION), self._data.rfind(_REVISION)
        if 0 <= first < last:
            drop = slice(first, last)
        elif len(self._data) > self._max_bytes or self._too_large:
            self._too_large = True
            drop = slice(SHOWN_OF_BROKEN, len(self._data) - len(_CLOSE))
        else:
            return 0
        count = drop.stop - drop.start
        self._data = self._data[: drop.start] + self._data[drop.stop :]
        self._streams = [(max(at - count, 0), address) for at, address in self._streams]
        self._passed += count
        return count

    def _read(self, at_page: bool) -> bool:
        """Take in the next piece; False at the end, at damage, or where only pages of others begin."""
        if self._over or self._damage is not None:
            return False
        piece = next(self._pieces, None)
        if piece is None:
            self._over = True
            return False
        if not at_page and self._end is not None and piece.address >= self._end and not self._tag_begun():
            self._over = True
            return False
        if piece.damage is not None:
            self._damage = piece.damage
            self._damaged_at = piece.address
            return False
        if self._by_stream and (not self._streams or self._streams[-1][1] != piece.address):
            self._streams.append((len(self._data), piece.address))
        elif not self._by_stream and not self._data:
            self._base = piece.address
        self._data = self._data + piece.data if self._data else piece.data
        return True

    def _tag_begun(self) -> bool:
        """Whether what is held ends with the beginning of a page's tag."""
        return any(self._data.endswith(_OPEN[:n]) for n in range(1, len(_OPEN)))

    def _broken(self) -> PageBytes:
        """A record for damage that lies outside any page."""
        assert self._damage is not None
        damage, self._damage = self._damage, None
        self._discard(len(self._data))
        offset = self._last = max(self._damaged_at, self._last + 1)
        return PageBytes(offset, 0, b"", damage)

    def _discard(self, count: int) -> None:
        self._data = self._data[count:]
        if self._by_stream:
            self._streams = [(at - count, address) for at, address in self._streams]
            while len(self._streams) > 1 and self._streams[1][0] <= 0:
                self._streams.pop(0)
                self._ordinal = 0
        else:
            self._base += count

    def _address(self, at: int) -> int:
        return self._streams[0][1] if self._by_stream else self._base + at

    def _next_offset(self, address: int) -> int:
        offset = address + self._ordinal if self._by_stream else address
        self._ordinal += 1
        self._last = max(offset, self._last + 1)
        return self._last


@dataclass(slots=True)
class Page:
    """The fields of a page and of its last revision."""

    title: str
    namespace: int | None  # None in exports before version 0.5
    page_id: int
    redirect: bool
    revision_id: int | None = None
    timestamp: str = ""
    model: str = "wikitext"
    text: bytes | None = None  # still escaped; None where it was deleted or never there


class BadPage(Exception):
    """A page element without what every page has; the message says what is missing."""


def parse_page(data: bytes) -> Page:
    """The fields of one `<page>` element. Raises BadPage for a missing title, id or end of text, UnicodeDecodeError for
    bytes that are no UTF-8 in them.
    """
    first = data.find(_REVISION)
    header = data[:first] if first >= 0 else data
    title, page_id, namespace = _element(header, b"title"), _element(header, b"id"), _element(header, b"ns")
    if title is None or not title.strip():
        raise BadPage("no title")
    if page_id is None or not page_id.strip().isdigit():
        raise BadPage("no id")
    try:
        number = int(namespace) if namespace is not None else None
    except ValueError:
        raise BadPage(f"namespace {namespace!r} is no number") from None
    page = Page(unescape(title).strip(), number, int(page_id), b"<redirect" in header)
    if first < 0:
        return page
    revision = data[data.rfind(_REVISION) :]
    opened = revision.find(b"<text")
    before = revision[:opened] if opened >= 0 else revision
    revision_id = _element(before, b"id")
    page.revision_id = int(revision_id) if revision_id and revision_id.strip().isdigit() else None
    page.timestamp = unescape(_element(before, b"timestamp") or b"")
    page.model = unescape(_element(before, b"model") or b"wikitext")
    if opened < 0:
        return page
    begins = revision.find(b">", opened) + 1
    if begins == 0:
        raise BadPage("the text's tag is not closed")
    if revision[begins - 2 : begins - 1] == b"/":
        page.text = None if b"deleted" in revision[opened:begins] else b""
        return page
    ends = revision.find(b"</text>", begins)
    if ends < 0:
        raise BadPage("the text is not closed")
    page.text = revision[begins:ends]
    return page


def _element(data: bytes, name: bytes) -> bytes | None:
    """Content of the first element with this name and no attributes; None when there is none."""
    start = data.find(b"<" + name + b">")
    if start < 0:
        return None
    start += len(name) + 2
    end = data.find(b"</" + name + b">", start)
    return data[start:end] if end >= 0 else None


def unescape(data: bytes) -> str:
    """XML character data as text. Raises UnicodeDecodeError for bytes that are no UTF-8."""
    text = data.decode("utf-8")
    return _ENTITY.sub(_character, text) if "&" in text else text


def _character(found: re.Match[str]) -> str:
    name = found[1]
    if name[0] != "#":
        return _NAMED[name]
    number = int(name[2:], 16) if name[1] == "x" else int(name[1:])
    return chr(number) if number < 0x110000 and not 0xD800 <= number < 0xE000 else "\ufffd"


__all__ = [
    "SHOWN_OF_BROKEN",
    "BadPage",
    "Page",
    "PageBytes",
    "PageReader",
    "Site",
    "parse_page",
    "parse_site",
    "unescape",
]
