"""Paragraphs broken at a fixed width, as etexts are, back into single lines; verse, tables and addresses stay.

A line break is *forced* when the next word would not have fit. Where nearly all breaks of a paragraph are, it was
filled by a program or typist and is prose; where they are not, somebody wanted them.
"""

from __future__ import annotations

from itertools import pairwise

_LEAST_WIDTH = 50  # columns; narrower paragraphs are verse, lists, headings
_SLACK = 6  # columns by which typists stayed under their margin
_FORCED = 0.85  # share of the breaks that must be forced


def unwrapped(text: str) -> str:
    """The text with each hard-wrapped paragraph on one line. Words are not changed: hyphens at line ends stay."""
    return "\n".join(_paragraph(lines) for lines in _paragraphs(text))


def _paragraphs(text: str) -> list[list[str]]:
    """Runs of lines that are not blank, and each blank line by itself."""
    found: list[list[str]] = [[]]
    for line in text.split("\n"):
        if not line.strip():
            found += [[line], []]
        else:
            found[-1].append(line)
    return [lines for lines in found if lines]


def _paragraph(lines: list[str]) -> str:
    if len(lines) < 2 or not _is_filled(lines):
        return "\n".join(lines)
    joined = lines[0].rstrip()
    for line in lines[1:]:
        text = line.strip()
        tight = joined.endswith(("--", "—")) or text.startswith(("--", "—")) or _broken_word(joined)
        joined += text if tight else " " + text
    return joined


def _is_filled(lines: list[str]) -> bool:
    width = max(len(line.rstrip()) for line in lines)
    indents = {len(line) - len(line.lstrip()) for line in lines[1:]}  # the first may have an indent of its own
    if width < _LEAST_WIDTH or len(indents) > 1:
        return False
    forced = 0
    for line, after in pairwise(lines):
        room = width - len(line.rstrip())
        forced += len(after.split(None, 1)[0]) + 1 > room - _SLACK
    return forced >= _FORCED * (len(lines) - 1)


def _broken_word(line: str) -> bool:
    """True where a line ends in a compound's hyphen: well-⏎known."""
    return line.endswith("-") and len(line) > 1 and line[-2].isalpha()
