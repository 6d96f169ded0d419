"""How a question with its answers reads as one text, and what is kept of it as metadata.

Q: Why does bread rise?

Mine stays flat …

A (accepted): Because yeast …

A: It may also be …
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from gristmill.sources.html_text import Links, Markup, html_to_text

_BLOCK = re.compile(r"```|[*>|-] |#+ |\d+\. |    ")  # a first line that must stand by itself
_NOTICE = re.compile(
    r"\s*<blockquote>\s*<p>\s*<strong>\s*(?:Possible\s+)?Duplicates?:?\s*</strong>.*?</blockquote>",
    re.IGNORECASE | re.DOTALL,
)
_PLACEHOLDER = "enter link description here"  # what the editor puts in for the words of a link; its author left it
_MARKDOWN_LINK = re.compile(r"\[([^\[\]]{1,300})\]\((https?://[^\s()]{1,2000})(?:\s\"[^\"]{0,300}\")?\)")
_BLANK_LINES = re.compile(r"\n{3,}")
_TAG_NAME = re.compile(r"<([^<>]+)>|\|?([^|]+)\|?")
_FIRST_OF_3, _FIRST_OF_4 = "2011-04-08", "2018-05-02"


@dataclass(frozen=True)
class Layout:
    """Words and marks around the parts of a thread."""

    question: str
    answer: str
    accepted: str
    comment: str
    markup: Markup
    links: Links
    drop_notices: bool


def body_text(body: str, layout: Layout) -> str:
    """A post's HTML as text; without the `Possible Duplicate` box that older dumps carry inside the body."""
    if layout.drop_notices and "uplicate" in body[:400]:
        body = _NOTICE.sub("", body, count=1)
    if _PLACEHOLDER in body:
        body = body.replace(_PLACEHOLDER, "")
    return html_to_text(body, markup=layout.markup, links=layout.links)


def comment_text(text: str, layout: Layout) -> str:
    """A comment, which dumps hold as the Markdown its author typed."""
    if layout.links == "text":
        text = _MARKDOWN_LINK.sub(r"\1", text)
    if layout.markup == "plain":
        text = text.replace("`", "")
    return " ".join(text.split())


def labelled(label: str, text: str) -> str:
    """`text` behind its label, on a line of its own where it begins with a list, quote or code block."""
    if not label:
        return text
    return f"{label.rstrip()}\n\n{text}" if _BLOCK.match(text) else label + text


def joined(parts: list[str]) -> str:
    """Parts with a blank line between; runs of blank lines become one, as in EleutherAI's Stack Exchange set."""
    return _BLANK_LINES.sub("\n\n", "\n\n".join(part for part in parts if part))


def licence(fields: dict[str, str]) -> tuple[str | None, bool]:
    """(licence of a post or comment, whether the dump states it). Dumps from before 2020 do not: then the site-wide
    licence of the day it was written counts (stackoverflow.com/help/licensing)."""
    if stated := fields.get("ContentLicense", "").strip():
        return stated, True
    day = fields.get("CreationDate", "")[:10]
    if len(day) != 10:
        return None, False
    return "CC BY-SA " + ("2.5" if day < _FIRST_OF_3 else "3.0" if day < _FIRST_OF_4 else "4.0"), False


def author(fields: dict[str, str], names: dict[int, str], site: str) -> dict[str, Any] | None:
    """Whom to credit: display name, user id and profile address as far as the dump knows them."""
    user = whole(fields.get("OwnerUserId") or fields.get("UserId"))
    name = fields.get("OwnerDisplayName") or fields.get("UserDisplayName") or (names.get(user) if user else None)
    found: dict[str, Any] = {}
    if name:
        found["name"] = name
    if user is not None:
        found["id"] = user
        if user > 0 and site:
            found["url"] = f"https://{site}/users/{user}"
    return found or None


def tags(value: str) -> list[str]:
    """Tag names of both notations: <a><b> and, since 2024, |a|b|."""
    return [angled or piped for angled, piped in _TAG_NAME.findall(value)]


def whole(value: str | None) -> int | None:
    """An integer attribute; None when absent or no integer."""
    try:
        return int(value) if value and len(value) < 19 else None
    except ValueError:
        return None
