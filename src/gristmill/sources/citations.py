"""Pointers into a list of references, taken out of a text so that what is left reads as a sentence.

    Dough rises [1, 2], as others say³ (see Mill 2001; Baker 2004).  →  Dough rises, as others say.
    Baker (2004) found no rye.                                       →  Baker (2004) found no rye.

Numbers go wherever they stand. Names go with their brackets when nothing else is in them; elsewhere they are part of the
sentence.
"""

from __future__ import annotations

import re

from gristmill.sources.scripts import MARKED, MARKED_END

_LONGEST = 500  # characters; what is longer is no citation, whatever its element says
_NAME = re.compile(r"[^\W\d_]{2}")
_CITED = f"{MARKED}[^{MARKED}{MARKED_END}]*{MARKED_END}"
_NUMBER = MARKED + MARKED_END
_WORDS = (
    r"and|see|also|e|y|et|und|ver|vide|cf|pp?|figs?|tables?|apud|e\.?g|i\.?e|in|for|an?|the|reviews?|reviewed|refs?|references?|as|"
    "by|from|example|therein|ex|por|exemplo"
)
_BESIDE = rf"(?:[^\S\n]|[,;:.–—-]|\d|\b(?:{_WORDS})\b)*+"  # what goes with citations in brackets
_BRACKETED = re.compile(rf"\[{_BESIDE}(?:{_CITED}{_BESIDE})+\]|\({_BESIDE}(?:{_CITED}{_BESIDE})+\)", re.IGNORECASE)
_OPEN_YEAR = re.compile(rf"{MARKED}([^{MARKED}{MARKED_END}]*\([^){MARKED}{MARKED_END}]*){MARKED_END}\)")
_BETWEEN = r"(?:[^\S\n]|[,;–—-]|\),? ?-? ?\(|\b(?:and|e|y|et|und)\b)*+"
_RUN = re.compile(rf"{_NUMBER}(?:{_BETWEEN}{_NUMBER})+")


def cited(text: str) -> str:
    """A citation as `without_citations` finds it. Brackets that begin or end in its text stand outside it."""
    bare = " ".join(text.split())
    if len(bare) > _LONGEST:
        return text
    before = behind = ""
    while bare[:1] in ("(", "[") and bare:
        before, bare = before + bare[0], bare[1:]
    while bare[-1:] in (")", "]") and bare and bare.count("(") < bare.count(")") + (bare[-1] == "]"):
        bare, behind = bare[:-1], bare[-1] + behind
    return f"{before}{MARKED}{bare if _NAME.search(bare) else ''}{MARKED_END}{behind}"


def without_citations(text: str) -> str:
    if MARKED not in text:
        return text
    text = _OPEN_YEAR.sub(rf"{MARKED}\1){MARKED_END}", text)
    parts = _RUN.sub(_NUMBER, _BRACKETED.sub(_NUMBER, text)).split(_NUMBER)
    for n in range(1, len(parts)):
        parts[n - 1], parts[n] = _closed(parts[n - 1].rstrip(" "), parts[n])
    return "".join(parts).replace(MARKED, "").replace(MARKED_END, "")


def _closed(before: str, behind: str) -> tuple[str, str]:
    """What stands before and behind a citation that goes, without signs that belonged to it."""
    if behind[:1] in (")", "]"):
        return before.rstrip(" ,;"), behind
    if before[-1:] in ("(", "["):
        return before, behind.lstrip(" ,;")
    if before[-1:] in ("", "\n"):
        return before, behind.lstrip(" ")
    if behind[:1] == "," == before[-1:]:
        return before[:-1], behind
    if behind[:1] == "." == before[-1:] and behind[1:2] != ".":
        return before, behind[1:]
    return before, behind
