"""The title of a page, found without a parser so that every engine gives the same one."""

from __future__ import annotations

import re
from html import unescape
from itertools import islice

from gristmill.extract.tidy import clean_characters

MAX_TITLE = 1000
"""Characters."""

_SEARCHED = 1 << 18  # characters from the start; a title further down is not in the head
_DRAWINGS = 20  # titles of drawings passed over before the search is given up

_OPEN = re.compile(r"<title(?:\s[^<>]{0,500})?>", re.IGNORECASE)
_CLOSE = re.compile(r"</title", re.IGNORECASE)
_META_TITLE = re.compile(
    r"""<meta\s[^<>]{0,200}?(?:property|name)\s*=\s*["']?og:title["']?\s[^<>]{0,200}?content\s*=\s*"""
    r"""(?:"([^"]{1,8000})"|'([^']{1,8000})')""",
    re.IGNORECASE,
)


def find_title(html: str) -> str | None:
    """<title> or else og:title, decoded, white space collapsed, cut at MAX_TITLE; None when empty."""
    likely = max(html.find("<title", 0, _SEARCHED), 0)  # much faster than the pattern, which minds no case
    for opening in islice(_OPEN.finditer(html, likely, _SEARCHED), _DRAWINGS):
        start = opening.end()
        closing = _CLOSE.search(html, start, start + 8 * MAX_TITLE)
        if not closing:
            break
        if html.rfind("<svg", 0, start) > html.rfind("</svg", 0, start):
            continue  # the tooltip of a drawing
        if title := _clean(html[start : closing.start()]):
            return title
        break
    if html.find("og:title", 0, _SEARCHED) >= 0 and (found := _META_TITLE.search(html, 0, _SEARCHED)):
        return _clean(found.group(1) or found.group(2))
    return None


def _clean(raw: str) -> str | None:
    title = " ".join(clean_characters(unescape(raw)).split())
    return title[:MAX_TITLE].rstrip() or None
