"""What the top of a source file says about its licence: an SPDX line, a notice, or a licence's text in its first comment."""

from __future__ import annotations

import re

from gristmill.sources.licence_sets import allowed, licence_set
from gristmill.sources.licence_texts import Evidence, choice_in, offers_choice, regions_in

_MOST = 6000  # characters of a file that are looked at
_HEAD = re.compile(r"SPDX-License-Identifier:\s*([A-Za-z0-9 .+()\-:]{2,300}?)\s*(?:\*/|-->|\*\)|#}|\r|\n|$)")
_COPYLEFT = re.compile(
    r"(?:terms of|under|subject to|licensed under) (?:either:?(?: (?:[*-]|\(?[a1]\)))? )?"
    r"(?:the (?:terms of )?)?(?:the )?(?:version \d\S* of )?(?:the )?"
    r"(?:(GNU)(?: (Lesser|Library|Affero))?(?: General)? Public|(Mozilla) Public|(Eclipse) Public) Licen[cs]e",
    re.I,
)
_COPYLEFT_SHORT = re.compile(
    r"licen[cs]e(?:d|s)?\s*(?::|under|is)?\s*(?:the )?(?:terms of )?(?:the )?(?:GNU )?([AL]?GPL)(?:\b|v?\d)", re.I
)
_COPYLEFT_IDS = {
    "gnu": "GPL-1.0-or-later",
    "gnu lesser": "LGPL-2.0-or-later",
    "gnu library": "LGPL-2.0-or-later",
    "gnu affero": "AGPL-3.0-or-later",
    "mozilla": "MPL-2.0",
    "eclipse": "EPL-1.0",
    "gpl": "GPL-1.0-or-later",
    "lgpl": "LGPL-2.0-or-later",
    "agpl": "AGPL-3.0-or-later",
}
_SPEAKS = re.compile(r"licen[cs]e|permission|redistribut|permitted", re.I)
_COMMENT_SIGNS = re.compile(r"^[ \t]*(?:[*#;%!]|//|--|/\*|\.\\\"|dnl\b|rem\b)+", re.M | re.I)
_COMMENT_LINE = re.compile(r"\s*(?:$|#|//|--|;|%|!|\*|\.\\\"|'\\\"|dnl\b|@?rem\b|::|<\?|\?>|\(\*|\{-)", re.I)
_BLOCKS = {
    "/*": "*/",
    "<!--": "-->",
    "(*": "*)",
    "{-": "-}",
    "--[[": "]]",
    '"""': '"""',
    "'''": "'''",
    "=begin": "=end",
    "=pod": "=cut",
}
_OWNER = re.compile(r"^\W*(?:copyright\b.{0,30}\d{4}|\(c\) *\d{4}|©|authors?\s*:).*$", re.M | re.I)


def from_head(path: str, text: str) -> Evidence | None:
    """What a file says of itself, whatever the files around it are under: its SPDX line; else that it is under a GNU, Mozilla or
    Eclipse licence; else the licences whose notices or texts stand in the comment at its top."""
    head = text[:_MOST]
    if found := _HEAD.search(head[:3000]):
        return Evidence(path, "header", (found[1].strip(),))
    if not _SPEAKS.search(head):
        return None
    comment = _first_comments(head)
    stated = _stated(comment)
    copyleft = _copyleft(head, comment)
    permissive = [spdx for spdx in stated if allowed(spdx, licence_set("permissive"))]
    if permissive and offers_choice(comment):
        stated = (" OR ".join([*stated, *([copyleft] if copyleft else [])]),)
    elif choice := choice_in(comment):
        stated = (choice,)
    elif copyleft is not None:
        stated = (copyleft,)
    return Evidence(path, "header", stated) if stated else None


def _copyleft(head: str, comment: str) -> str | None:
    plain = " ".join(_COMMENT_SIGNS.sub(" ", head).split())
    notice = _COPYLEFT.search(plain) or _COPYLEFT_SHORT.search(" ".join(comment.split()))
    return _COPYLEFT_IDS[" ".join(word for word in notice.groups() if word).lower()] if notice else None


def _stated(comment: str) -> tuple[str, ...]:
    """Licences in a comment. Lines about owners differ from file to file and are left out: the rest is the same for many."""
    paragraphs = re.split(r"\n\s*\n", _OWNER.sub("", comment))
    first = next((at for at, paragraph in enumerate(paragraphs) if _SPEAKS.search(paragraph)), None)
    if first is None:
        return ()
    regions, _ = regions_in("\n\n".join(paragraphs[first:]))
    return tuple(dict.fromkeys(spdx for spdx, _, _ in regions))


def _first_comments(head: str) -> str:
    """The comments before the first line of code, without their signs; preprocessor lines count as comments."""
    lines, closes = [], ""
    for line in head.split("\n"):
        if closes:
            if closes in line:
                closes = ""
        elif (opened := next((sign for sign in _BLOCKS if line.lstrip().startswith(sign)), None)) is not None:
            begin = line.index(opened) + len(opened)
            closes = "" if _BLOCKS[opened] in line[begin:] else _BLOCKS[opened]
        elif not _COMMENT_LINE.match(line):
            break
        lines.append(line)
    return _COMMENT_SIGNS.sub(" ", "\n".join(lines))
