"""Ends of lines that are no spaces between words: some writers of XML begin a line at every element.

Rye (                          →  Rye (Secale) at V_p
  <italic>Secale</italic>
  ) at V
  <sub>p</sub>
"""

from __future__ import annotations

import re

_OPENED = re.compile(r"[(\[]\s++")
_TO_CLOSE = re.compile(r"(?<!\s)\s++(?=[)\]])")
_LONGEST_INDENT = 64  # characters behind the end of a line


def without_ends_in_brackets(text: str) -> str:
    """The text with no end of a line behind an opening or in front of a closing bracket."""
    return _TO_CLOSE.sub(_joined, _OPENED.sub(_joined, text)) if "\n" in text else text


def without_last_end(text: str) -> str:
    """The text up to the end of its last line, when nothing but an indent follows."""
    end = text[-_LONGEST_INDENT:]
    bare = end.rstrip()
    return text[: len(bare) - len(end)] if bare and "\n" in end[len(bare) :] else text


def _joined(found: re.Match[str]) -> str:
    return found[0].strip() if "\n" in found[0] else found[0]
