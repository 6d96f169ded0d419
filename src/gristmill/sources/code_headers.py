"""Licence headers of source files, and how to take them off without taking more.

RedPajama v1 drops every leading line that begins with //, #, -- or is empty: shebangs, includes, definitions, Markdown
headings and the first comments of Python files go too. Here only comments at the top that speak of copyright or a licence are
touched, and of these only what speaks of it: the notice from its first to its last line, or single lines where there is no
notice. What a comment says besides (what the file is for, directives of a tool) stays.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from gristmill.sources.code_languages import language

_LEGAL = ("copyright", "licen", "spdx-", "©", "permission is hereby", "redistribution and use", "under the terms of")
_STRONG = re.compile(
    r"copyright|©|spdx-|licensed (?:under|to)|permission is hereby granted|redistribution and use|public license"
    r"|see (?:the )?(?:file )?[\"'`]?licen[cs]e\b(?!\s+[a-z])|^[^\w\n]*licen[cs]e\s*:|released under the|under the terms of the",
    re.I | re.M,
)
_NOTICE = re.compile(  # lines that only the text of a notice has; the first and the last of them bound it
    r"permission (?:is|to use)\b|redistribution and use|redistributions? (?:of|in)\b|you may not use this|licensed (?:under|to)\b"
    r"|under the terms of|free software|public licen[cs]e|without (?:even the implied )?warrant|warrant(?:y|ies)|merchantab"
    r"|fitness for a particular|subject to the (?:following|terms)|above copyright notice|neither the names?|provided .as.is"
    r"|as is.? (?:basis|and)|liabilit(?:y|ies)|liable|damages|contributors? may be used|see the license for|copy of the license"
    r"|you may obtain|governing permissions|limitations under the|use or other dealings|this software|conditions? are met"
    r"|software foundation|by applicable law|express or implied|with or without|altered source|this notice may not"
    r"|use of this source|governed by (?:a|the)\b|found in the (?:\S+ )?licen[cs]e|(?:part|full) of .{0,40}licen[cs]e",
    re.I,
)
_LINE = re.compile(  # a line that is about nothing but rights: they stand at its beginning, or a year and holder in it
    r"^\W*(?:copyright\b|\(c\)\W*\d{4}|spdx-|all rights reserved|(?:re)?licensed (?:under|to)\b|(?:released|distributed) under\b"
    r"|licen[cs]e\s*:|see (?:the )?(?:file )?\W?licen[cs]e\b|(?:the )?(?:[\w.-]+ ){1,3}licen[cs]e\W*$|this (?:file|code) is "
    r"(?:in the )?(?:public domain|(?:part|licensed|distributed|released)\b.*licen[cs]e))"
    r"|©|\bcopyright\W+(?:c\W+)?\d{4}|\bcopyright \(c\)|all rights reserved\W*$|see licen[cs]e(?: for details)?\W*$",
    re.I,
)
_NAME = re.compile(  # a holder or a licence's name on a line of its own
    r"\W*(?:authors?|@author|maintainers?|written by)\b.*|\W*\w[\w.<>@-]*(?:[ ,]+[\w.<>@-]+){0,2}\W*", re.I
)
_PROSE = frozenset(("Markdown", "ReStructuredText", "Text", "TeX", "HTML", "JSON", "Jupyter Notebook", "BibTeX", None))
_BLOCKS = (("/*", "*/"), ("<!--", "-->"), ("(*", "*)"), ("{-", "-}"), ("--[[", "]]"), ("#|", "|#"), ("<#", "#>"))
_DOCSTRINGS = ('"""', "'''")
_LINES = ("//", "#", "--", ";", "%", "!")
_KEPT_FIRST = re.compile(
    r"#!|\ufeff|<\?php|<\?xml|<!doctype|#.*?coding[:=]|# *-\*-|//go:build|// \+build|\"use strict\"|'use strict'",
    re.I,
)
_DIRECTIVE = re.compile(
    r"#\s*(?:include|define|if|ifdef|ifndef|pragma|import|undef|error|line|region|requires)\b|#\[|#!\[|%%|--\[\["
)
_HASH = frozenset(  # languages in which # begins a comment, whatever word comes then
    "Python Cython Shell Ruby Perl R Makefile YAML TOML CMake Dockerfile Awk Tcl Julia Elixir Nim Starlark PowerShell PHP "
    "Crystal CoffeeScript HCL Nix GraphQL SPARQL".split()
)
_HASH_DIRECTIVE = re.compile(r"#(?:requires|region)\b")
_WORDS = re.compile(r"[^\W_]{2,}")
_MOST = 20_000  # characters of a header
_MOST_COMMENTS = 16  # a notice whose paragraphs are comments of their own has that many at most


@dataclass(frozen=True)
class _Comment:
    end: int  # past its last line's end
    opens: str  # "" for one of lines with a sign each
    closes: str


def without_header(path: str, text: str) -> str:
    """The text without what the comments at its top say about copyright and licence; other comments, shebangs, encodings,
    includes and Markdown stay."""
    name = language(path, text)
    if name in _PROSE:
        return text
    head = text[:_MOST].lower()
    if not any(word in head for word in _LEGAL):  # one quick look for each costs less than a pattern for all
        return text
    directive = _HASH_DIRECTIVE if name in _HASH else _DIRECTIVE
    at = begin = _after_first_lines(text)
    pieces, found = [text[:begin]], False
    for _ in range(_MOST_COMMENTS):
        comment = _comment(text, at, directive)
        if comment is None or at - begin > _MOST:
            break
        whole = text[at : comment.end]
        if _STRONG.search(whole) or (found and _NOTICE.search(whole)):
            found = True
            at = _skip_blank(text, comment.end)
            if kept := _without_rights(whole, comment):
                pieces += (kept, text[comment.end : at])
        else:
            at = _skip_blank(text, comment.end)
            pieces += (whole, text[comment.end : at])
    if not found:
        return text
    return "".join(pieces) + text[at:]


def _without_rights(whole: str, comment: _Comment) -> str:
    """A comment without its lines about rights; empty when it says nothing else."""
    tail = ""
    if comment.opens:
        inside_end = whole.rindex(comment.closes)
        inside, tail = whole[len(comment.opens) : inside_end], whole[inside_end:]
    else:
        inside = whole
    lines = inside.split("\n")
    cuts = _cut(lines)
    kept = [line for line, cut in zip(lines, cuts, strict=True) if not cut]
    if not any(_WORDS.search(line) for line in kept):
        return ""
    if len(kept) == len(lines):
        return whole
    star = (
        comment.opens == "/*" and not cuts[0] and lines[0].strip() in ("*", "!")
    )  # the rest of the sign of a doc comment
    kept = kept[next(at for at, line in enumerate(kept) if _WORDS.search(line)) :]
    if star:
        kept.insert(0, lines[0])
    last = kept.pop() if comment.opens and not kept[-1].strip() else None  # the line that closes the comment
    while kept and not _WORDS.search(kept[-1]):
        kept.pop()
    if last is not None:
        kept.append(last)
    if not comment.opens:
        return "\n".join(kept) + "\n"
    first = "" if lines[0] in kept[:1] or comment.opens in _DOCSTRINGS else "\n"
    if cuts[-1] and lines[-1].strip():  # with the line on which the comment is closed
        tail = "\n" + tail
    return f"{comment.opens}{first}" + "\n".join(kept) + tail


def _cut(lines: list[str]) -> list[bool]:
    """Which lines of a comment are about rights: those that say so and, where there is a notice, all from its first line to
    the end of the paragraph in which it ends."""
    rights: list[bool] = []
    for line in lines:
        beside = bool(rights) and rights[-1] and _NAME.fullmatch(line) is not None
        rights.append(beside or _LINE.search(line) is not None)
    notice = [at for at, line in enumerate(lines) if _NOTICE.search(line)]
    if len(notice) > 1 or (notice and not rights[notice[0]]):
        first, last = notice[0], notice[-1]
        while last + 1 < len(lines) and _WORDS.search(lines[last + 1]):
            last += 1
        above = start = first  # from where its paragraph speaks of rights, and the lines about rights over that
        while start > 0 and _WORDS.search(lines[start - 1]):
            start -= 1
            above = start if rights[start] else above
        while above > 0 and (rights[above - 1] or not _WORDS.search(lines[above - 1])):
            above -= 1
        return [right or above <= at <= last for at, right in enumerate(rights)]
    return rights


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


def _comment(text: str, at: int, directive: re.Pattern[str]) -> _Comment | None:
    """The comment that begins at `at`; None when there is none, or something that only looks like one."""
    for opens, closes in (*_BLOCKS, *((sign, sign) for sign in _DOCSTRINGS)):  # a docstring may hold the licence
        if text.startswith(opens, at):
            end = text.find(closes, at + len(opens))
            return None if end < 0 else _Comment(_line_end(text, end + len(closes)), opens, closes)
    for sign in _LINES:
        if text.startswith(sign, at) and not directive.match(text, at):
            end = at
            while text.startswith(sign, end) and not directive.match(text, end):
                end = _line_end(text, end)
                if end >= len(text):
                    break
            return _Comment(end, "", "")
    return None


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end + 1
