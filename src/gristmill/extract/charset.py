"""Bytes → text, one way for all engines.

In order: a byte order mark; UTF-8 that is valid or nearly so and uses multi-byte sequences (corpora are often
re-encoded while the page still declares its old charset, and text in another charset is almost never valid
UTF-8); the HTTP header; the page's own declaration; detection. Labels mean what the WHATWG Encoding Standard
makes of them: latin-1 and ASCII are windows-1252, gb2312 is gb18030.
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
_DECLARED = re.compile(
    rb"""<meta\b[^>]{0,400}?\bcharset\s*=\s*["']?\s*([\w:.+-]{2,40})"""
    rb"""|<\?xml\b[^>]{0,200}?\bencoding\s*=\s*["']([\w:.+-]{2,40})""",
    re.IGNORECASE,
)
_HEADER = re.compile(r"""charset\s*=\s*["']?\s*([\w:.+-]{2,40})""", re.IGNORECASE | re.ASCII)
_ISO_2022_JP = re.compile(rb"\x1b(?:\$[@B]|\([JI])")
_UTF16_LE = re.compile(rb"(?:\s\0){0,2048}<\0[!?a-zA-Z]\0")
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
            return Decoded(payload[len(bom) :].decode(codec, "replace"), codec)
    if bare := _bare_utf16(payload):
        return Decoded(payload.decode(bare, "replace"), bare)
    if payload.isascii():
        if b"\x1b" in payload and _ISO_2022_JP.search(payload):
            return Decoded(payload.decode("iso2022_jp_ext", "replace"), "iso2022_jp_ext")
        return Decoded(payload.decode("ascii"), "ascii", payload)
    try:
        return Decoded(payload.decode("utf-8"), "utf-8", payload)
    except UnicodeDecodeError:
        pass
    nearly = payload.decode("utf-8", "replace")
    if _damage(nearly) <= TOLERATED_UTF8:
        # crawlers cut payloads at a limit, inside a character as often as not
        return Decoded(nearly[:-1] if _ends_inside_a_character(payload) else nearly, "utf-8")
    return Decoded(*_most_credible(payload, content_type))


def _bare_utf16(payload: bytes) -> str | None:
    """UTF-16 without a byte order mark, told by markup whose every other byte is NUL."""
    if b"\0" not in payload[:64]:
        return None
    if _UTF16_LE.match(payload):
        return "utf-16-le"
    return "utf-16-be" if _UTF16_BE.match(payload) else None


def _ends_inside_a_character(payload: bytes) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")("ignore")
    decoder.decode(payload[-4:])
    return bool(decoder.getstate()[0])


def _damage(text: str) -> float:
    """U+FFFD as a share of the non-ASCII characters."""
    bad = text.count("\ufffd")
    return bad / (len(text) - len(text.encode("ascii", "ignore"))) if bad else 0.0


def _most_credible(payload: bytes, content_type: str | None) -> tuple[str, str]:
    """The first reading with tolerable damage, else the one with the least."""
    readings: dict[str, tuple[float, str]] = {}
    for codec in _candidates(payload, content_type):
        if codec not in readings:
            text = payload.decode(codec, "replace")
            damage = _damage(text)
            if damage <= TOLERATED:
                if codec in _WINDOWS and _C1.search(text):
                    return payload.decode(_WINDOWS[codec], "replace"), _WINDOWS[codec]
                return text, codec
            readings[codec] = damage, text
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
    """Codecs the header and the page name, most credible first."""
    labels = []
    if content_type and (header := _HEADER.search(content_type)):
        labels.append(header.group(1))
    if inside := _DECLARED.search(_COMMENT.sub(b"", payload[:PRESCAN])):
        labels.append((inside.group(1) or inside.group(2)).decode("ascii"))
    found = [codec for label in labels if (codec := codec_of(label))]
    if found[:1] == ["cp1252"]:
        found.reverse()  # a server's blanket default against the author's word
    return found


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
