"""Lines of wikitext: headings, lists, bold and italic quotes, and the traces that removed markup left.

Comes after everything that is enclosed in brackets or tags has been dealt with.
"""

from __future__ import annotations

import re
from collections.abc import Set
from dataclasses import dataclass

from gristmill.sources.wikitext_tags import END, KEEP, NOTHING, REMOVED

_QUOTES = re.compile("'{2,}")
_MARKERS = re.compile(r"[*#:;]{1,50}")
_BLANKS = re.compile(r"[ \t]{2,}|\t")
_RULE = re.compile(r"-{4,}")
_MAGIC_WORD = re.compile(r"__([^\W\d_]\w{1,40}?)__")
_VARIANT = re.compile(r"-\{([^{}\n]*+)\}-")
_GAP = " ,;:·،、，；："  # what may be left over around removed markup
_HOLLOW = re.compile(rf"[ ]?[(\[（]{REMOVED}[)\]）]")
_OPENING, _CLOSING = frozenset("([（"), frozenset(")]）")
_INVISIBLE = f" \t{REMOVED}{NOTHING}"


@dataclass(frozen=True)
class Heading:
    """A section heading; `level` 2 is the highest in articles."""

    level: int
    text: str


def without_switches(text: str) -> str:
    """The text without behaviour switches (`__NOTOC__`) and language variant marks (`-{ … }-`)."""
    if "__" in text:
        text = _MAGIC_WORD.sub(lambda found: REMOVED if found[1].isupper() else found[0], text)
    if "-{" in text:
        text = _VARIANT.sub(_first_variant, text)
    return text


def _first_variant(found: re.Match[str]) -> str:
    """`-{sr-ec:А; sr-el:A}-` → А; rules that show nothing (flags T and H) go."""
    flags, bar, rest = found[1].partition("|")
    if bar and set(flags.strip()) & set("THD-"):
        return REMOVED
    body = rest if bar else found[1]
    variant, colon, _ = body.partition(";")[0].partition(":")
    if colon and variant.strip().isascii() and len(variant) <= 12:
        return body.partition(";")[0].partition(":")[2].strip()
    return body


def strip_quotes(line: str) -> str:
    """A line without the quotes that stand for bold and italic; apostrophes among them stay.

    Where both are left open on a line, one bold mark is read as an apostrophe and an italic mark, as MediaWiki does:
    best after a word of one letter (`l'''Iliade''`), then after a longer one, then after a blank.
    """
    runs = list(_QUOTES.finditer(line))
    lengths = [len(run[0]) for run in runs]
    bold = sum(length in (3, 4) or length >= 5 for length in lengths)
    italic = sum(length == 2 or length >= 5 for length in lengths)
    apostrophe = _misread_bold(line, runs) if bold % 2 and italic % 2 else None
    pieces, at = [], 0
    for run in runs:
        pieces.append(line[at : run.start()])
        at = run.end()
        length = len(run[0])
        pieces.append("'" * (1 if length == 4 or run is apostrophe else max(0, length - 5)))
    pieces.append(line[at:])
    return "".join(pieces)


def _misread_bold(line: str, runs: list[re.Match[str]]) -> re.Match[str] | None:
    best, rank = None, 4
    for run in runs:
        if len(run[0]) != 3:
            continue
        before = line[max(0, run.start() - 2) : run.start()]
        if before[-1:] in ("", " "):
            found = 3
        elif len(before) == 1 or before[0] == " ":
            found = 1
        else:
            found = 2
        if found < rank:
            best, rank = run, found
    return best


def tidy(line: str) -> str:
    """A line without the blanks, commas and empty brackets that removed markup leaves behind, and without its marks."""
    if REMOVED in line:
        line = _close_gaps(line)
        if _HOLLOW.search(line):
            line = _HOLLOW.sub("", _HOLLOW.sub(REMOVED, line))  # brackets in brackets leave two pairs
        line = line.replace(REMOVED, "")
    return _BLANKS.sub(" ", line).strip()


def _close_gaps(line: str) -> str:
    """Close the gap around every mark: blanks and punctuation on both sides of it, seen together.

    Works on what lies between the marks instead of searching for runs of blanks, of which a line has many more.
    """
    first, *others = line.split(REMOVED)
    text = first.rstrip(_GAP)
    out, gap = [text], first[len(text) :]
    for number, part in enumerate(others):
        gap += REMOVED
        text = part.lstrip(_GAP)
        gap += part[: len(part) - len(text)]
        if text:
            out.append(_closed_gap(gap, out[-1][-1:], text[0]))
            last = number == len(others) - 1
            bare = text if last else text.rstrip(_GAP)
            out.append(bare)
            gap = text[len(bare) :]
    if REMOVED in gap:
        out.append(_closed_gap(gap, out[-1][-1:], ""))
    return "".join(out)


def _closed_gap(gap: str, before: str, after: str) -> str:
    """What stays of a gap between these two characters ("" at the ends of the line)."""
    if after in _CLOSING or not before or before in _OPENING:
        return REMOVED if before in _OPENING and after in _CLOSING else ""
    signs = gap.replace(" ", "").replace(REMOVED, "")
    if not after:
        return ":" if signs[:1] == ":" else ""
    if len(signs) > 1:
        return signs[0] + " "
    if not signs:
        return " " if " " in gap and after not in ".!?" else ""
    return gap.replace(f" {REMOVED}", "").replace(REMOVED, "")


def _heading(line: str) -> Heading | None:
    body = line.rstrip(_INVISIBLE)
    level = min(len(body) - len(body.lstrip("=")), len(body) - len(body.rstrip("=")), 6)
    if level < 1 or len(body) <= 2 * level:
        return None
    return Heading(level, tidy(strip_quotes(body[level:-level])))


class Lists:
    """Numbers of ordered lists while lines go by."""

    def __init__(self) -> None:
        self._counts: list[int] = []

    def end(self) -> None:
        self._counts = []

    def item(self, markers: str, content: str) -> str:
        """`**` → `  - item`, `##` → `  2. item`; terms, definitions and indented lines are plain lines."""
        bullets = markers.replace(":", "").replace(";", "")
        depth = len(bullets)
        self._counts = [*self._counts[:depth], *[0] * (depth - len(self._counts))]
        if markers[-1] in ":;":
            return "  " * depth + content
        if markers[-1] == "*":
            self._counts[-1] = 0
            return "  " * (depth - 1) + "- " + content
        self._counts[-1] += 1
        return "  " * (depth - 1) + f"{self._counts[-1]}. {content}"


def _item(line: str, lists: Lists) -> str:
    """A list line as it reads; "" when it has no content."""
    found = _MARKERS.match(line)
    assert found is not None
    content = tidy(line[found.end() :])
    if not content:
        return ""
    markers = found[0]
    if markers[-1] == ";" and (term := content.partition(" : "))[1]:  # `; term : definition` on one line
        return lists.item(markers, f"{term[0].rstrip()}: {term[2].lstrip()}")
    return lists.item(markers, content)


def layout(text: str, dropped_sections: Set[str] = frozenset(), *, headings: bool = True) -> str:
    """Paragraphs, lists and headings of an article as plain text: one blank line between blocks.

    Sections without content are left out with their headings. dropped_sections: titles in casefold whose sections go,
    subsections included.
    """
    blocks: list[str] = []
    waiting: list[Heading] = []  # headings whose section has no content yet
    dropping = 0  # level of the section that is being dropped; 0: none
    lists = Lists()
    gap = True
    for line in text.split("\n"):
        if line[:1] == "=" and (heading := _heading(line)) is not None:
            if dropping and heading.level > dropping:
                continue
            dropping = heading.level if heading.text.casefold() in dropped_sections else 0
            while waiting and waiting[-1].level >= heading.level:
                waiting.pop()
            if not dropping and heading.text:
                waiting.append(heading)
            gap = True
            lists.end()
            continue
        if dropping:
            continue
        bare = line.strip(_INVISIBLE)
        if not bare:
            if REMOVED not in line and not line.strip(" \t"):
                gap = True
            continue
        if bare[0] == "|" or (bare[0] == "-" and _RULE.fullmatch(bare)):
            continue
        if "''" in line:
            line = strip_quotes(line)
            bare = line.strip(_INVISIBLE)
        if bare[:1] and bare[0] in "*#:;" and line[0] not in " \t":
            out = _item(bare, lists)
        else:
            out = tidy(line)
            lists.end()
        if not out.strip(" -.,;:·" + NOTHING):
            continue
        for heading in waiting if headings else ():
            blocks += ["", heading.text]
            gap = True
        waiting = []
        if gap and blocks:
            blocks.append("")
        blocks.append(out)
        gap = False
    return "\n".join(blocks).strip("\n")


__all__ = ["END", "KEEP", "Heading", "layout", "strip_quotes", "tidy", "without_switches"]
