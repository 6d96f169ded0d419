"""Macros a paper defines for itself, expanded where they are used: with and without arguments, nested, bounded.

expand(r"\\newcommand{\\R}{\\mathbb{R}} Let $x \\in \\R$.")  ==  r"Let $x \\in \\mathbb{R}$."
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from gristmill.sources.latex import argument, group_end, optional_end, skip_space

_DEFINITIONS = (
    "newcommand|renewcommand|providecommand|DeclareRobustCommand|def|gdef|edef|xdef|let|DeclareMathOperator|newcommandx"
)
_TOKEN = re.compile(r"\\([a-zA-Z@]+)\*?|\\.", re.S)
_DEFINES = frozenset(_DEFINITIONS.split("|"))
_NAME = re.compile(r"\s*(?:\{\s*\\([a-zA-Z@]+|[^a-zA-Z@])\s*\}|\\([a-zA-Z@]+|[^a-zA-Z@]))", re.S)
_COUNT = re.compile(r"\s*\[\s*(\d)\s*\]")
_PARAMETERS = re.compile(r"\s*((?:#[1-9])*)\s*(?=\{)")
_LET = re.compile(r"\s*\\([a-zA-Z@]+)\s*=?\s?(\\(?:[a-zA-Z@]+|.)|[^\s\\])", re.S)
_PLACE = re.compile(r"##|#([1-9])")
_WORD_END = re.compile(r"\\[a-zA-Z@]+$")

# What gives a document its structure stays as it is, whatever a paper makes of it.
_PROTECTED = frozenset(
    "begin end part chapter section subsection subsubsection paragraph subparagraph appendix item label ref eqref cite citep "
    "citet bibliography bibliographystyle thebibliography bibitem documentclass documentstyle usepackage title author date "
    "maketitle caption includegraphics input include footnote thanks newpage today baselinestretch arraystretch".split()
)
_DEEPEST = 24  # macros inside macros
_GROWTH, _ROOM = 6, 200_000  # the result is at most so many times the source, and so many characters


@dataclass(slots=True)
class Macro:
    body: str
    arguments: int = 0
    default: str | None = None  # of the first argument, which is then optional


@dataclass
class Macros:
    """The macros that are known at a place of the text."""

    known: dict[str, Macro] = field(default_factory=dict)
    left: int = 0  # characters that expansions may still add
    recursive: set[str] = field(default_factory=set)  # macros that were not expanded any further

    def read_definitions(self, text: str) -> None:
        """Learn what a preamble or a style file defines."""
        self.expand(text, keep=False)

    def expand(self, text: str, keep: bool = True) -> str:
        """The text without the definitions, with their macros replaced. Definitions count from where they stand."""
        self.left = _GROWTH * len(text) + _ROOM
        return self._expanded(text, 0, frozenset(), keep)

    def _expanded(self, text: str, depth: int, inside: frozenset[str], keep: bool) -> str:
        parts: list[str] = []
        at = start = 0
        while (found := _TOKEN.search(text, at)) is not None:
            name = found[1]
            at = found.end()
            if name is None:
                continue
            if name in _DEFINES:
                end = self._define(text, found)
                if end is not None:
                    parts.append(text[start : found.start()])
                    start = at = _past_line_end(text, end, parts)
                continue
            if not keep or name not in self.known or name in _PROTECTED:
                continue
            if name in inside or depth >= _DEEPEST:
                self.recursive.add(name)
                continue
            used = self._used(text, found.start() + 1 + len(name), self.known[name], depth, inside)
            if used is None:
                continue
            replacement, end = used
            if len(replacement) > self.left:
                self.recursive.add(name)
                continue
            self.left -= len(replacement)
            if replacement.endswith(("~", "\\ ")):  # a space of its own: the one behind the name is TeX's
                end += len(text[end:]) - len(text[end:].lstrip(" "))
            replacement = self._expanded(replacement, depth + 1, inside | {name}, keep)
            before = text[start : found.start()]
            parts += (before, _fitted(before, replacement, text, end))
            start = at = end
        parts.append(text[start:])
        return "".join(parts)

    def _used(self, text: str, at: int, macro: Macro, depth: int, inside: frozenset[str]) -> tuple[str, int] | None:
        """(body with its arguments, where the call ends); None when an argument is missing."""
        values: list[str] = []
        if macro.default is not None:
            here = skip_space(text, at)
            end = optional_end(text, here) if text[here : here + 1] == "[" else -1
            values.append(text[here + 1 : end - 1] if end > 0 else macro.default)
            at = end if end > 0 else at
        while len(values) < macro.arguments:
            found = argument(text, at)
            if found is None:
                return None
            values.append(found[0])
            at = found[1]
        if not macro.arguments and text[at : at + 2] == "{}":
            at += 2
        if not values:
            return macro.body.replace("##", "#"), at
        size = len(macro.body) + sum(len(value) for value in values) * macro.body.count("#")
        if size > self.left:
            return None
        values = [self._expanded(value, depth + 1, inside, True) for value in values]  # they may use the macro again
        return _PLACE.sub(lambda place: _value(place, values), macro.body), at

    # -- definitions -------------------------------------------------------------------------------------------------

    def _define(self, text: str, found: re.Match[str]) -> int | None:
        """Where a definition ends, after it has been learnt; None for one that is of no form we know."""
        kind = found[1]
        if kind == "let":
            return self._let(text, found.start() + 4)
        star_end = found.end()
        name = _NAME.match(text, star_end)
        if name is None:
            return None
        at, defined = name.end(), name[1] or name[2]
        macro = Macro("")
        if kind in ("def", "gdef", "edef", "xdef"):
            parameters = _PARAMETERS.match(text, at)
            if parameters is None:
                return None
            macro.arguments, at = len(parameters[1]) // 2, parameters.end()
        elif kind != "DeclareMathOperator":
            if count := _COUNT.match(text, at):
                macro.arguments, at = int(count[1]), count.end()
            here = skip_space(text, at)
            if text[here : here + 1] == "[":
                end = optional_end(text, here)
                if end < 0 or not macro.arguments:
                    return None
                macro.default, at = text[here + 1 : end - 1], end
        body = argument(text, at)
        if body is None:
            return None
        macro.body = body[0]
        if kind == "DeclareMathOperator":
            macro.body = rf"\operatorname{'*' if found[0].endswith('*') else ''}{{{macro.body}}}"
        if kind == "providecommand" and defined in self.known:
            return body[1]
        if defined in _PROTECTED and kind != "providecommand":
            return body[1]
        self.known[defined] = macro
        return body[1]

    def _let(self, text: str, at: int) -> int | None:
        found = _LET.match(text, at)
        if found is None:
            return None
        name, target = found[1], found[2]
        if name not in _PROTECTED and target != f"\\{name}":
            self.known[name] = self.known.get(target[1:], Macro(target)) if target.startswith("\\") else Macro(target)
        return found.end()


def _value(place: re.Match[str], values: list[str]) -> str:
    if place[1] is None:
        return "#"
    number = int(place[1]) - 1
    return values[number] if number < len(values) else ""


def _fitted(before: str, replacement: str, text: str, end: int) -> str:
    """The replacement so that its neighbours cannot join it: x_\\foo takes all of it, \\alpha b stays two words."""
    replacement = replacement.removesuffix("\\xspace").removesuffix("{\\xspace}")
    if before[-1:] in ("_", "^") and len(replacement) > 1 and not _one_group(replacement):
        replacement = "{" + replacement + "}"
    if text[end : end + 1].isalpha() and _WORD_END.search(replacement):
        replacement += " "
    return replacement


def _one_group(text: str) -> bool:
    return (text[0] == "{" and group_end(text, 0) == len(text)) or re.fullmatch(r"\\[a-zA-Z]+", text) is not None


def _past_line_end(text: str, end: int, parts: list[str]) -> int:
    """A definition on a line of its own takes its line along."""
    line_start = not parts or not parts[-1].rpartition("\n")[2].strip()
    if line_start:
        found = re.compile(r"[ \t]*(?:\n|\Z)").match(text, end)
        if found:
            return found.end()
    return end
