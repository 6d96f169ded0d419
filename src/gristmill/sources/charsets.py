"""Bytes → text when a charset is declared, may be wrong, or is missing."""

from __future__ import annotations

import codecs
import re

_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_PARAMETER = re.compile(r"charset\s*=\s*[\"']?\s*([^\s\"';,]+)", re.IGNORECASE)
_LOOK_LIKE_UTF8 = ("utf-16", "utf-32", "utf-7", "iso2022", "hz")  # made of bytes that are valid UTF-8 as well
DETECTION_BYTES = 64 << 10  # what a guess is based on


def declared_charset(content_type: str | None) -> str | None:
    """The charset parameter of a Content-Type value when Python knows it."""
    found = _PARAMETER.search(content_type or "")
    return known(found[1]) if found else None


def known(name: str | None) -> str | None:
    """`name` when it is a text encoding Python knows, else None."""
    try:
        return codecs.lookup(name).name if name and codecs.lookup(name)._is_text_encoding else None
    except (LookupError, ValueError):
        return None


def decode(data: bytes, declared: str | None = None) -> str:
    """Text by byte order mark, else UTF-8 where the bytes are UTF-8, else the declared charset, else a guess.

    UTF-8 goes first because text in another encoding hardly ever is valid UTF-8 by chance, while declarations
    lie. What still cannot be decoded becomes U+FFFD.
    """
    for mark, name in _BOMS:
        if data.startswith(mark):
            return data[len(mark) :].decode(name, "replace")
    charset = known(declared)
    if charset and charset.startswith(_LOOK_LIKE_UTF8):
        return data.decode(charset, "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    return data.decode(charset or guessed(data), "replace")


def guessed(data: bytes) -> str:
    """The likeliest encoding of bytes that are not UTF-8."""
    from resiliparse.parse.encoding import detect_encoding

    return known(detect_encoding(data[:DETECTION_BYTES])) or "windows-1252"
