"""The media type of a payload, as Common Crawl decides it: what was identified, else the header corrected by
the bytes.

Common Crawl identifies types with Tika, which lets telling bytes overrule the header. Here the bytes are
looked at for HTML, XHTML, and the binary formats that servers most often send under a text type.
"""

from __future__ import annotations

import re

HTML, XHTML = "text/html", "application/xhtml+xml"
UNKNOWN = "unknown_type"

_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,63}")

_BINARY: tuple[tuple[bytes, str], ...] = (
    (b"%PDF-", "application/pdf"),
    (b"\x89PNG\r\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"PK\x03\x04", "application/zip"),
    (b"\x1f\x8b\x08", "application/gzip"),
    (b"Rar!\x1a", "application/x-rar-compressed"),
    (b"7z\xbc\xaf", "application/x-7z-compressed"),
    (b"\xd0\xcf\x11\xe0", "application/x-tika-msoffice"),
    (b"OggS", "application/ogg"),
    (b"ID3", "audio/mpeg"),
    (b"wOFF", "font/woff"),
    (b"wOF2", "font/woff2"),
    (b"RIFF", "application/octet-stream"),
    (b"\x00asm", "application/wasm"),
    (b"\x7fELF", "application/x-elf"),
)
_FIRST_BYTES = frozenset(magic[0] for magic, _ in _BINARY)

_SNIFF_BYTES = 4096  # how far comments and processing instructions are passed over
_PROLOGUE = re.compile(
    rb"(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)?(?:\s+|<!--.*?-->|<\?.*?\?>|<!DOCTYPE\s+(?!html)[^>]*>)*",
    re.DOTALL | re.IGNORECASE,
)
# The tags WHATWG's MIME sniffing takes as HTML, without those that occur in feeds too.
_HTML_START = re.compile(
    rb"<(?:!DOCTYPE\s+html|(?:html|head|script|iframe|h1|div|font|table|style|title|body|br|center|meta|link|base)"
    rb"(?=[\s>/])|(?:a|b|p)(?=[\s>]))",
    re.IGNORECASE,
)
_XHTML = re.compile(rb"xmlns\s*=\s*[\"']http://www\.w3\.org/1999/xhtml", re.IGNORECASE)


def media_type(value: str | None) -> str | None:
    """The type of a Content-Type value in lower case without parameters; None when there is none or it is
    malformed.
    """
    if not value:
        return None
    name = value.split(";", 1)[0].split(",", 1)[0].strip().lower()
    return name if _TYPE.fullmatch(name) else None


def payload_type(body: bytes, identified: str | None, content_type: str | None) -> str:
    """The media type to treat a body as, `unknown_type` when nothing tells.

    identified: WARC-Identified-Payload-Type, which decides when present. content_type: the HTTP header.
    """
    if found := media_type(identified):
        return found
    declared = media_type(content_type)
    if body[:1] and body[0] in _FIRST_BYTES:
        for magic, name in _BINARY:
            if body.startswith(magic):
                return name
    if declared in (HTML, XHTML):
        return declared
    return sniffed(body) or declared or UNKNOWN


def sniffed(body: bytes) -> str | None:
    """HTML or XHTML when the first bytes show it, else None."""
    head = body[:_SNIFF_BYTES]
    if head[:2] in (b"\xff\xfe", b"\xfe\xff") or head[1:2] == b"\x00":
        head = head.replace(b"\x00", b"")  # UTF-16 without its zeros reads like ASCII
    start = _PROLOGUE.match(head)
    at = start.end() if start else 0
    if not _HTML_START.match(head, at):
        return None
    return XHTML if head[:at].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<?xml") and _XHTML.search(head, at) else HTML
