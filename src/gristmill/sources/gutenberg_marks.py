"""What Project Gutenberg has put around its books since 1971, and where the book itself begins and ends.

    found = find_book(lines)
    lines[found.start : found.end]

Forms known here: the `*** START OF … ***` lines (2001 on, with THE, THIS, COPYRIGHTED, broken over lines), the small
print of the nineties (`*END*THE SMALL PRINT! … *END*`, before the book or behind it), headers from before there were
marks, `End of the Project Gutenberg EBook of …` in several languages, and the notices inside collections. The idea of
scanning a zone of lines, the last header mark counting, is that of the c-w/gutenberg package.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

HEADER_LINES = 600  # the zone header marks are looked for in; as in c-w/gutenberg
_MOST_MARK_LINES = 4  # a mark with a long title goes on until its closing stars
_UNMARKED_LINES = 350  # zone of a header without marks
_UNMARKED_GAP = 60  # lines without a word of the project's that end such a header

_NAMES = r"(?:PROJECT|PROJEKTE?S?|PROJET|PROJETO|PROJECTO|PROYECTO|PROGETTO|PROJEKTI)[\s-]+GUTENBERG"
_START = re.compile(
    rf"\s*\*{{2,}}\s*(?:START|BEGIN)\s*\**\s*(?:OF|DES|DU)\s+(?:THE\s+|THIS\s+|DIESES\s+)?(?:COPYRIGHTED\s+)?{_NAMES}",
    re.I,
)
_PLAIN_START = re.compile(r"\s*\**\s*Beginning of (?:the|this) Project Gutenberg", re.I)
_SMALL_PRINT_START = re.compile(r"\s*\*+\s*START\s*\*+\s*THE SMALL PRINT", re.I)
_SMALL_PRINT_END = re.compile(r"\s*\*+\s*END\s*\**\s*THE SMALL PRINT", re.I)
_END = re.compile(
    rf"[\s*\[(]*(?:"
    rf"(?:THIS\s+IS\s+)?(?:THE\s+)?END\s+OF\s+(?:THE\s+|THIS\s+)?(?:COPYRIGHTED\s+)?{_NAMES}"
    rf"|ENDE\s+(?:DIESES|DES|DER|VON)\s+{_NAMES}"
    rf"|FIN\s+(?:DE|DU|DEL)\s+(?:CE\s+|LE\s+|ESTE\s+|LA\s+)?(?:EBOOK\s+(?:DE|DU|DEL)\s+)?{_NAMES}"
    rf"|EINDE\s+VAN\s+(?:DIT\s+|HET\s+)?{_NAMES}"
    rf"|FINE\s+(?:DI|DEL|DELL[’'])\s*(?:QUESTO\s+)?(?:EBOOK\s+)?{_NAMES}"
    rf"|FIM\s+(?:DE|DO|DESTE)\s+(?:EBOOK\s+)?{_NAMES}"
    rf"|SLUT\s+PÅ\s+(?:DENNA\s+)?{_NAMES}"
    rf")",
    re.I,
)
_LICENCE = re.compile(r"\s*\*+\s*START:\s*FULL LICEN[SC]E", re.I)
_AUSTRALIA = re.compile(r"\W*(?:This site is full of FREE ebooks|Project Gutenberg (?:of )?Australia)\b", re.I)
_PROJECT_WORDS = re.compile(r"project gutenberg|\be-?texts?\b|\bebook no\b|gutenberg\.(?:net|org)|small print", re.I)
_OPENING = re.compile(
    r"\W*(?:(?:This is )?(?:The|A) )?Project Gutenberg(?:[’']s|\s+(?:of|E-?\s?texts?|E-?\s?books?)\b|\W*$)", re.I
)
_COPYRIGHTED = re.compile(
    r"\*\*\s*This is a COPYRIGHTED Project Gutenberg|START OF (?:THE|THIS) COPYRIGHTED PROJECT"
    r"|SMALL PRINT!? ?FOR COPYRIGHT(?:ED| PROTECTED)",
    re.I,
)
_NOTICE_START = re.compile(r"\s*<<\s*THIS ELECTRONIC VERSION OF")  # repeated in the collected Shakespeare of 1994
_MOST_NOTICE_LINES = 20

_CREDIT = re.compile(
    r"\W{0,4}(?:(?:this\s+|the\s+)?(?:e-?\s?text|e-?book|file|electronic\s+(?:text|edition)|html(?:\s+version)?|text)\s+"
    r"(?:was\s+|is\s+|originally\s+)*(?:prepared|produced|created|transcribed|scanned|provided|converted|typed|made)\b"
    r"|(?:produced|prepared|transcribed|scanned|digiti[sz]ed|typed|proofread|converted|updated|created)\s+"
    r"(?:and\s+\w+\s+)?(?:by|from|for)\b"
    r"|chapters? \d+-\d+:?\s+(?:mostly\s+)?(?:scanned|typed|proofread)"
    r"|.{0,60}\n\s*(?:scanned|typed|transcribed|proofread)\s+by\b"
    r"|(?:updated|html)\s+(?:editions?|version)\b.{0,20}\bby\b"
    r"|note:?\s+project gutenberg (?:also )?has"
    r"|(?:images|scans) of the original (?:pages|book)"
    r"|(?:online\s+)?distributed\s+proofread"
    r"|\[?(?:this|the) (?:e-?text|e-?book|file) (?:includes|contains|uses) "
    r")",
    re.I,
)
_POINTER = re.compile(r"\s*(?:or|see)?:?\s*$|.*(?:https?://|www\.)", re.I | re.S)
_NOTE_HEAD = re.compile(
    r"[\s*\[_=({|+-]{0,8}(?:original\s+)?transcrib(?:er|ers|er[’'`]s|ers[’'])(?:[’']?)\s+(?:end\s?)?notes?\b"
    r"|[\s*\[_]{0,4}notes? (?:on|to) (?:this|the) e-?text\b",
    re.I,
)
_MOST_CREDITS = 8  # paragraphs at the head of a book that may be credits
_MOST_CREDIT_LINES = 14
_MOST_NOTE_LINES = 60


@dataclass(slots=True)
class Book:
    """Lines of a file that are the book: [start, end), without those of `without`."""

    start: int
    end: int
    header: str = "none"  # how the beginning was told: start_line, small_print, no_marks, none
    footer: str = "none"  # how the end was told: end_line, small_print, licence, none
    copyrighted: bool = False
    without: list[tuple[int, int]] = field(default_factory=list)  # notices inside the book
    credits: list[str] = field(default_factory=list)  # who prepared the text, as it says


def find_book(lines: Sequence[str]) -> Book:
    """Where the book is in the lines of a file; the whole file when nothing of the project's is found."""
    book = _beginning(lines)
    _ending(lines, book)
    _notices(lines, book)
    zone = "\n".join(lines[: max(book.start, 40)])
    book.copyrighted = bool(_COPYRIGHTED.search(zone))
    return book


def _beginning(lines: Sequence[str]) -> Book:
    book = Book(0, len(lines))
    for at in range(min(HEADER_LINES, len(lines))):
        line = lines[at]
        if "*" not in line and "eginning" not in line:
            continue
        if _START.match(line) or _PLAIN_START.match(line):
            book.start, book.header = _mark_end(lines, at), "start_line"
        elif _SMALL_PRINT_END.match(line):
            book.start, book.header = _statement_end(lines, at + 1), "small_print"
        elif _END.match(line) and book.header != "none":
            break
    if book.header == "none":
        _unmarked(lines, book)
    return book


def _mark_end(lines: Sequence[str], at: int) -> int:
    """The line behind a mark that begins at `at` and may go on over several."""
    for end in range(at, min(at + _MOST_MARK_LINES, len(lines))):
        text = lines[end].strip()
        if text.endswith("*") and len(text) > 3:
            return end + 1
        if not text:
            break
    return at + 1


def _statement_end(lines: Sequence[str], at: int) -> int:
    """The line behind the bracketed statements that follow the small print without a blank line."""
    if at < len(lines) and lines[at].startswith("["):
        while at < len(lines) and lines[at].strip():
            at += 1
    return at


def _unmarked(lines: Sequence[str], book: Book) -> None:
    """A header from before there were marks: it opens with the project's name and ends where it is no more spoken of."""
    opening = [line for line in lines[:40] if line.strip()][:10]
    if not any(_OPENING.match(line) for line in opening):
        return
    last = 0
    for at in range(min(_UNMARKED_LINES, len(lines))):
        if at - last > _UNMARKED_GAP:
            break
        if _PROJECT_WORDS.search(lines[at]) and not _END.match(lines[at]):
            last = at
    end = last + 1
    while end < len(lines) and lines[end].strip():
        end += 1
    if end < len(lines):
        book.start, book.header = end, "no_marks"


def _ending(lines: Sequence[str], book: Book) -> None:
    tail = len(lines) - max(60, len(lines) // 20)
    for at in range(book.start, len(lines)):
        line = lines[at]
        if len(line) < 10 or line[:24].islower():
            continue
        if _END.match(line):
            book.end, book.footer = at, "end_line"
        elif "SMALL PRINT" in line and _SMALL_PRINT_START.match(line):
            book.end, book.footer = at, "small_print"
        elif "FULL" in line and _LICENCE.match(line):
            book.end, book.footer = at, "licence"
        elif at >= tail and _AUSTRALIA.match(line):
            book.end, book.footer = at, "end_line"
        else:
            continue
        return


def _notices(lines: Sequence[str], book: Book) -> None:
    at = book.start
    while at < book.end:
        if _NOTICE_START.match(lines[at]):
            last = min(at + _MOST_NOTICE_LINES, book.end)
            end = next((k + 1 for k in range(at, last) if ">>" in lines[k]), 0)
            if end:
                book.without.append((at, end))
                at = end
                continue
        at += 1


def without_credits(lines: list[str]) -> tuple[list[str], list[str]]:
    """A book's lines without the paragraphs at their head that say who prepared the file, and those paragraphs."""
    credits: list[str] = []
    at = 0
    for _ in range(_MOST_CREDITS):
        start = at
        while start < len(lines) and not lines[start].strip():
            start += 1
        end = start
        while end < len(lines) and lines[end].strip():
            end += 1
        paragraph = "\n".join(lines[start:end])
        is_credit = _CREDIT.match(paragraph) or (credits and _POINTER.match(paragraph))
        if start == end or end - start > _MOST_CREDIT_LINES or not is_credit:
            break
        credits.append(" ".join(paragraph.split()))
        at = end
    return lines[at:], credits


def without_notes(lines: list[str]) -> tuple[list[str], int]:
    """A book's lines without transcriber's notes, and how many were removed.

    A note is a bracketed paragraph that begins `[Transcriber's Note`, anywhere, or a paragraph under such a heading
    in the first or last twentieth of the book, up to two blank lines or, at the end, all of the rest.
    """
    kept: list[str] = []
    removed = 0
    at, edge = 0, max(120, len(lines) // 20)
    while at < len(lines):
        line = lines[at]
        if len(line) < 8 or not _NOTE_HEAD.match(line):
            kept.append(line)
            at += 1
            continue
        end = _note_end(lines, at, edge)
        if end is None:
            kept.append(line)
            at += 1
        else:
            removed += 1
            at = end
    return kept, removed


def _note_end(lines: list[str], at: int, edge: int) -> int | None:
    if lines[at].lstrip().startswith("["):
        depth = 0
        for end in range(at, min(at + _MOST_NOTE_LINES, len(lines))):
            depth += lines[end].count("[") - lines[end].count("]")
            if depth <= 0:
                return end + 1
    if at >= len(lines) - edge and len(lines) - at <= 2 * _MOST_NOTE_LINES:
        return len(lines)
    if at < edge:
        blank, words = 0, False
        for end in range(at + 1, min(at + _MOST_NOTE_LINES, len(lines))):
            blank = 0 if lines[end].strip() else blank + 1
            words = words or bool(lines[end].strip())
            if blank >= 2 and words:
                return end
    return None
