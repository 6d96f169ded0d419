"""Licence headers of source files, and how to take them off without taking more.

RedPajama v1 drops every leading line that begins with //, #, -- or is empty: shebangs, includes, definitions, Markdown
headings and the first comments of Python files go too. Here only a comment that speaks of copyright or a licence goes, whole.
"""

from __future__ import annotations

import re

from gristmill.sources.code_languages import language

_LEGAL = re.compile(
    r"copyright|\(c\)\s*\d{4}|©|licen[cs]ed?\b|spdx-|all rights reserved|permission is hereby granted|redistribution and use"
    r"|warrant(?:y|ies)|public domain",
    re.I,
)
_STRONG = re.compile(
    r"copyright|©|spdx-|licensed (?:under|to)|permission is hereby granted|redistribution and use|public license", re.I
)
_PROSE = frozenset(("Markdown", "ReStructuredText", "Text", "TeX", "HTML", "JSON", "Jupyter Notebook", "BibTeX", None))
_BLOCKS = (("/*", "*/"), ("<!--", "-->"), ("(*", "*)"), ("{-", "-}"), ("--[[", "]]"), ("#|", "|#"), ("<#", "#>"))
_LINES = ("//", "#", "--", ";", "%", "!")
_KEPT_FIRST = re.compile(
    r"#!|\ufeff|<\?php|<\?xml|<!doctype|#.*?coding[:=]|# *-\*-|//go:build|// \+build|\"use strict\"|'use strict'",
    re.I,
)
_DIRECTIVE = re.compile(
    r"#\s*(?:include|define|if|ifdef|ifndef|pragma|import|undef|error|line|region|requires)\b|#\[|#!\[|%%|--\[\["
)
_MOST = 20_000  # characters of a header


def without_header(path: str, text: str) -> str:
    """The text without the comment at its top that speaks of copyright or a licence; other comments, shebangs, encodings,
    includes and Markdown stay."""
    if language(path, text) in _PROSE or not _LEGAL.search(text[:_MOST]):
        return text
    start = _after_first_lines(text)
    begin = start
    while True:
        end = _comment_end(text, begin)
        if end is None:
            return text
        if _STRONG.search(text[begin:end]):
            rest = text[end:].lstrip("\n")
            following = _comment_end(rest, 0)
            if following is not None and _STRONG.search(rest[:following]):  # a second notice behind the first
                rest = rest[following:].lstrip("\n")
            kept = text[:begin]
            return kept + rest
        begin = _skip_blank(text, end)
        if begin - start > _MOST:
            return text


def _after_first_lines(text: str) -> int:
    """Past shebang, encoding and the like."""
    at = 0
    while True:
        at = _skip_blank(text, at)
        if not _KEPT_FIRST.match(text, at):
            return at
        end = text.find("\n", at)
        if end < 0:
            return at
        at = end + 1


def _skip_blank(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return found.end() if found else at


_BLANK = re.compile(r"(?:[ \t]*\n)*")


def _comment_end(text: str, at: int) -> int | None:
    """Where the comment that begins at `at` ends, past its last line's end; None when there is no comment."""
    for opens, closes in _BLOCKS:
        if text.startswith(opens, at):
            end = text.find(closes, at + len(opens))
            return None if end < 0 else _line_end(text, end + len(closes))
    for sign in _LINES:
        if text.startswith(sign, at) and not _DIRECTIVE.match(text, at):
            end = at
            while text.startswith(sign, end) and not _DIRECTIVE.match(text, end):
                end = _line_end(text, end)
                if end >= len(text):
                    break
            return end
    if text.startswith(('"""', "'''"), at):  # a Python file's docstring may be its licence
        end = text.find(text[at : at + 3], at + 3)
        return None if end < 0 else _line_end(text, end + 3)
    return None


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end + 1
