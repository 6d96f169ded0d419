"""Bytes → text, one way for all engines.

In order: a byte order mark; UTF-8 that is valid or nearly so and uses multi-byte sequences (corpora are often
re-encoded while the page still declares its old charset, and text in another charset is almost never valid
UTF-8); the HTTP header; the page's own declaration; detection. Labels mean what the WHATWG Encoding Standard
makes of them: latin-1 and ASCII are windows-1252, gb2312 is gb18030. A character cut in two by the end of the
payload is left out and speaks against no charset.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass

PRESCAN = 4096
"""Bytes searched for a declaration; the HTML standard says 1,024, pages in the wild need more."""

DETECTED = 1 << 17
"""Bytes shown to the detector."""

TOLERATED = 0.01
"""Share of non-ASCII characters that may be undecodable before a declared charset is disbelieved."""

TOLERATED_FEW = (2, 0.1)
"""So many may be in any case, where they are no more than this share: a short text with a stray byte."""

TOLERATED_UTF8 = 0.3
"""The same for UTF-8, whose sequences rarely occur by chance: GBK or EUC-KR text read so is mostly damage."""

_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))

# where Python's codec of that name knows fewer characters than browsers do
_WIDER = {
    "gbk": "gb18030",
    "gb2312": "gb18030",
    "big5": "big5hkscs",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "euc_jp": "euc_jisx0213",
    "iso2022_jp": "iso2022_jp_ext",
    "iso8859-11": "cp874",
}
# labels that servers use and the WHATWG list, or the library that holds it, lacks
_UNLISTED = {
    "utf8mb4": "utf-8",
    "win-1251": "cp1251",
    "win1251": "cp1251",
    "cp-1251": "cp1251",
    "cp932": "cp932",
    "ms932": "cp932",
    "ms936": "gb18030",
    "cp936": "gb18030",
    "cp949": "cp949",
    "ms949": "cp949",
    "cp950": "big5hkscs",
    "x-mac-cyrillic": "mac-cyrillic",
    "x-mac-ukrainian": "mac-cyrillic",
    "x-user-defined": "cp1252",
}
# pages named after an ISO standard that use bytes it leaves to controls are in the Windows charset beside it
_WINDOWS = {
    "iso8859-2": "cp1250",
    "iso8859-5": "cp1251",
    "iso8859-7": "cp1253",
    "iso8859-8": "cp1255",
    "iso8859-6": "cp1256",
    "iso8859-13": "cp1257",
}
_C1 = re.compile("[\x80-\x9f]")

_COMMENT = re.compile(rb"<!--.*?-->", re.DOTALL)
_META = re.compile(rb"<meta(?=[\s/])[^>]{0,400}", re.IGNORECASE)
_META_CHARSET = re.compile(rb"""(?<![\w-])charset\s*=\s*["']?\s*([\w:.+-]{2,40})""", re.IGNORECASE)
_META_OF_TEXT = re.compile(rb"(?<![\w-])(?:name|property|itemprop)\s*=", re.IGNORECASE)  # a description, a title
_XML = re.compile(rb"""<\?xml\b[^>]{0,200}?\bencoding\s*=\s*["']([\w:.+-]{2,40})""", re.IGNORECASE)
_HEADER = re.compile(r"""charset\s*=\s*["']?\s*([\w:.+-]{2,40})""", re.IGNORECASE | re.ASCII)
_ISO_2022_JP = re.compile(rb"\x1b(?:\$[@B]|\([JI])")
_UTF16_LE = re.compile(rb"(?:\s\0){0,2048}<\0[!?a-zA-Z]\0")
_UTF16_LABEL = re.compile("utf-16|unicode$|ucs-2$|iso-10646-ucs-2$|csunicode$|unicodefe", re.IGNORECASE)
_UTF16_BE = re.compile(rb"(?:\0\s){0,2048}\0<\0[!?a-zA-Z]")


@dataclass(frozen=True, slots=True)
class Decoded:
    """A page as text."""

    text: str
    codec: str  # Python's name of the codec that read it
    utf8: bytes | None = None  # the payload, where that is the text in UTF-8


def decode(payload: bytes, content_type: str | None = None) -> tuple[str, str]:
    """The text and the name of the Python codec that read it.

    Never raises; undecodable bytes become U+FFFD, NULs and the byte order mark go.
    """
    page = decode_page(payload, content_type)
    return page.text, page.codec


def decode_page(payload: bytes, content_type: str | None = None) -> Decoded:
    """`decode` for readers of UTF-8, who can spare themselves the way back."""
    page = _decode(payload, content_type)
    if b"\0" in payload:  # in the bytes, because looking for NUL in a wide string is slow
        return Decoded(page.text.replace("\0", ""), page.codec)
    return page


def _decode(payload: bytes, content_type: str | None) -> Decoded:
    for bom, codec in _BOMS:
        if payload.startswith(bom):
            return Decoded(_read(payload[len(bom) :], codec), codec)
    if bare := _bare_utf16(payload, content_type):
        return Decoded(_read(payload, bare), bare)
    if payload.isascii():
        if b"\x1b" in payload and _ISO_2022_JP.search(payload):
            return Decoded(_read(payload, "iso2022_jp_ext"), "iso2022_jp_ext")
        return Decoded(payload.decode("ascii"), "ascii", payload)
    try:
        return Decoded(payload.decode("utf-8"), "utf-8", payload)
    except UnicodeDecodeError:
        pass
    nearly = _read(payload, "utf-8")
    if _damage(nearly)[1] <= TOLERATED_UTF8:
        return Decoded(nearly, "utf-8")
    return Decoded(*_most_credible(payload, content_type))


def _read(payload: bytes, codec: str) -> str:
    """With U+FFFD for what cannot be read; a character that the end cuts in two goes, as crawlers cut pages at a limit."""
    return codecs.getincrementaldecoder(codec)("replace").decode(payload)


def _bare_utf16(payload: bytes, content_type: str | None) -> str | None:
    """UTF-16 without a byte order mark, told by NULs: where the page begins with markup, or the header says so."""
    start = payload[:PRESCAN]
    if b"\0" in start[:64]:
        if _UTF16_LE.match(payload):
            return "utf-16-le"
        if _UTF16_BE.match(payload):
            return "utf-16-be"
    if content_type and (header := _HEADER.search(content_type)) and _UTF16_LABEL.match(header.group(1)):
        first, second = start[::2].count(0), start[1::2].count(0)  # every ASCII character has a NUL
        if first + second > len(start) // 16 and max(first, second) > 4 * min(first, second):
            return "utf-16-le" if first < second else "utf-16-be"
    return None


def _damage(text: str) -> tuple[int, float]:
    """How many U+FFFD there are, and as a share of the non-ASCII characters."""
    bad = text.count("\ufffd")
    return bad, bad / (len(text) - len(text.encode("ascii", "ignore"))) if bad else 0.0


def _most_credible(payload: bytes, content_type: str | None) -> tuple[str, str]:
    """The first reading with tolerable damage, else the one with the least."""
    readings: dict[str, tuple[float, str]] = {}
    for codec in _candidates(payload, content_type):
        if codec not in readings:
            text = _read(payload, codec)
            bad, share = _damage(text)
            if share <= TOLERATED or (bad <= TOLERATED_FEW[0] and share <= TOLERATED_FEW[1]):
                if codec in _WINDOWS and _C1.search(text):
                    return _read(payload, _WINDOWS[codec]), _WINDOWS[codec]
                return text, codec
            readings[codec] = share, text
    codec = min(readings, key=lambda name: readings[name][0])
    return readings[codec][1], codec


def _candidates(payload: bytes, content_type: str | None) -> Iterator[str]:
    from resiliparse.parse.encoding import detect_encoding

    yield from declared_codecs(payload, content_type)
    # without the detector's own remapping, which turns names it does not know, cp949 among them, into UTF-8
    detected = codec_of(detect_encoding(payload, max_len=DETECTED, html5_compatible=False) or "")
    if detected:
        yield "cp1251" if detected == "mac-cyrillic" else detected  # the web has no pages in the former
    yield from ("utf-8", "cp1252")


def declared_codecs(payload: bytes, content_type: str | None) -> list[str]:
    """Codecs the header, the page's first <meta> with a known label and its XML declaration name, most credible first."""
    header = _HEADER.search(content_type) if content_type else None
    served = codec_of(header.group(1)) if header else None
    start = _COMMENT.sub(b"", payload[:PRESCAN])
    inside = [next(_in_meta(start), None)]
    if declared := _XML.search(start):
        inside.append(codec_of(declared.group(1).decode("ascii")))
    # cp1252 is a server's blanket default against the author's word
    order = [*inside, served] if served == "cp1252" else [served, *inside]
    return [codec for codec in order if codec]


def _in_meta(start: bytes) -> Iterator[str]:
    for tag in _META.findall(start):
        found = _META_CHARSET.search(tag)
        if found and not _META_OF_TEXT.search(tag) and (codec := codec_of(found.group(1).decode("ascii"))):
            yield codec


def codec_of(label: str) -> str | None:
    """The Python codec that reads what browsers understand by a label; None where they ignore it."""
    from resiliparse.parse.encoding import map_encoding_to_html5

    label = label.strip().lower()
    name = _UNLISTED.get(label) or map_encoding_to_html5(label, fallback_utf8=False)
    if name is None:
        return None
    try:
        name = codecs.lookup(_WIDER.get(name, name)).name
    except LookupError:
        return None
    # a declaration that could be read as ASCII cannot have been UTF-16
    return "utf-8" if name.startswith("utf-16") else name


_CONTROLS = bytes(code for code in range(0x20) if code not in b"\t\n\r\f\x1b")
_SUSPECT = re.compile("[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x80-\x9f\ufffd]")


def looks_binary(text: str) -> bool:
    """Whether decoded text is no text: over 5 % of its first 4,096 characters are controls or U+FFFD."""
    start = text[:4096]
    if start.isascii():
        data = start.encode("ascii")
        bad = len(data) - len(data.translate(None, _CONTROLS))
    else:
        bad = len(_SUSPECT.findall(start))
    return bad > max(0.05 * len(start), 2)
