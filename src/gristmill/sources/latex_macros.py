"""Macros a paper defines for itself, expanded where they are used: with and without arguments, nested, bounded.

expand(r"\\newcommand{\\R}{\\mathbb{R}} Let $x \\in \\R$.")  ==  r"Let $x \\in \\mathbb{R}$."
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from gristmill.sources.latex import argument, delimited_arguments, group_end, optional_end, skip_space

_DEFINITIONS = (
    "newcommand|renewcommand|providecommand|DeclareRobustCommand|newrobustcmd|renewrobustcmd|def|gdef|edef|xdef|let|"
    "DeclareMathOperator|newcommandx|NewDocumentCommand|RenewDocumentCommand|ProvideDocumentCommand|DeclareDocumentCommand|"
    "DeclarePairedDelimiter|DeclarePairedDelimiterX|DeclarePairedDelimiterXPP"
)
_TOKEN = re.compile(r"\\([a-zA-Z@]+)\*?|\\.", re.S)
_DEFINES = frozenset(_DEFINITIONS.split("|"))
_NAME = re.compile(r"\s*(?:\{\s*\\([a-zA-Z@]+|[^a-zA-Z@])\s*\}|\\([a-zA-Z@]+|[^a-zA-Z@]))", re.S)
_COUNT = re.compile(r"\s*\[\s*(\d)\s*\]")
_PARAMETERS = re.compile(r"(?:[^{}#\n]|#[1-9]|\n(?!\n)){0,80}(?=\{)")  # of \def: what stands between name and body
_SIGNATURE = re.compile(
    r"\s*\{\s*(O\s*\{[^{}]{0,200}\}\s*)?((?:\+?m\s*){0,9})\}"
)  # of xparse, as far as it needs no tests
_SIZE = re.compile(r"\s*\[\s*(\\[a-zA-Z]{3,8})\s*\]")
_MODE = re.compile(
    r"(?:\\relax\s*)?\\ifmmode\b\s*((?:(?!\\(?:if|else\b|fi\b)).)*?)\s*\\else\b(?:(?!\\(?:if|fi\b)).)*\\fi\b", re.S
)
_MOST_UNCLOSED = 20
_LONGEST_CHOICE = 2000  # characters of a body in which \\ifmmode is looked for
_PROGRAM = re.compile(  # what decides or looks ahead while TeX runs: a call says more than its text
    r"\\(?:if[a-zA-Z@]*|else|fi|@ifnextchar|@ifstar|@ifundefined|futurelet|expandafter|csname|begingroup|lccode|lowercase|catcode|"
    r"advance|loop|setcounter|addtocounter|stepcounter|newif|newcount|newdimen)(?![a-zA-Z@])"
)
_DEFINES_IN_BODY = re.compile(r"\\(?:re)?newcommand\b|\\[gex]?def\b|\\let\b")
_PREFIX = re.compile(r"(?:\\(?:long|global|protected|outer)\s*)+\Z")
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
    delimiters: tuple[str, ...] = ()  # of \\def: what stands before the first argument and behind each; () for nothing
    fence: tuple[str, str] | None = None  # of a paired delimiter: its signs, around the body, that * and [\\big] resize
    around: tuple[str, str] = ("", "")  # what stands outside of the fence


@dataclass
class Macros:
    """The macros that are known at a place of the text."""

    known: dict[str, Macro] = field(default_factory=dict)
    left: int = 0  # characters that expansions may still add
    recursive: set[str] = field(default_factory=set)  # macros that were not expanded any further
    unclosed: int = 0  # arguments whose brace is never closed; each costs a look to the end of the text

    def read_definitions(self, text: str) -> None:
        """Learn what a preamble or a style file defines."""
        self.expand(text, keep=False)

    def expand(self, text: str, keep: bool = True) -> str:
        """The text without the definitions, with their macros replaced. Definitions count from where they stand."""
        self.left = _GROWTH * len(text) + _ROOM
        return self._expanded(text, 0, frozenset(), keep)

    def _expanded(self, text: str, depth: int, inside: frozenset[str], keep: bool) -> str:
        parts: list[str] = []
        last = ""  # of the parts, the last that is not empty
        at = start = 0
        while (found := _TOKEN.search(text, at)) is not None:
            name = found[1]
            at = found.end()
            if name is None:
                continue
            if name in _DEFINES:
                end = self._define(text, found)
                if end is not None:
                    parts.append(_PREFIX.sub("", text[start : found.start()]))
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
            replacement, end = self._with_arguments_behind(*used, text, depth, inside)
            if len(replacement) > self.left:
                self.recursive.add(name)
                continue
            self.left -= len(replacement)
            if replacement.endswith(("~", "\\ ")):  # a space of its own: the one behind the name is TeX's
                end += len(text[end:]) - len(text[end:].lstrip(" "))
            replacement = self._expanded(replacement, depth + 1, inside | {name}, keep)
            before = text[start : found.start()]
            last = before or last
            fitted = _fitted(last, replacement, text, end)
            parts += (before, fitted)
            last = fitted or last
            start = at = end
        parts.append(text[start:])
        return "".join(parts)

    def _used(self, text: str, at: int, macro: Macro, depth: int, inside: frozenset[str]) -> tuple[str, int] | None:
        """(body with its arguments, where the call ends); None when an argument is missing."""
        if macro.arguments and self.unclosed > _MOST_UNCLOSED:
            return None
        values: list[str] = []
        if macro.fence is not None:
            return self._fenced(text, at, macro, depth, inside)
        if macro.delimiters:
            split = delimited_arguments(text, at, macro.delimiters)
            if split is None:
                return None
            return self._filled(macro.body, split[0], depth, inside, split[1])
        if macro.default is not None:
            here = skip_space(text, at)
            end = optional_end(text, here) if text[here : here + 1] == "[" else -1
            values.append(text[here + 1 : end - 1] if end > 0 else macro.default)
            at = end if end > 0 else at
        while len(values) < macro.arguments:
            found = argument(text, at)
            if found is None:
                self.unclosed += text.startswith("{", skip_space(text, at))
                return None
            values.append(found[0])
            at = found[1]
        if not macro.arguments and text[at : at + 2] == "{}":
            at += 2
        return self._filled(macro.body, values, depth, inside, at)

    def _with_arguments_behind(
        self, replacement: str, end: int, text: str, depth: int, inside: frozenset[str]
    ) -> tuple[str, int]:
        r"""A body that ends in a macro with arguments, as \newcommand{\E}{\mean\of}, takes them from behind the call."""
        last = _WORD_END.search(replacement[-60:])
        macro = self.known.get(last[0][1:]) if last else None
        if last is None or macro is None or not macro.arguments or last[0][1:] in inside:
            return replacement, end
        used = self._used(text, end, macro, depth, inside)
        return (replacement + text[end : used[1]], used[1]) if used else (replacement, end)

    def _filled(
        self, body: str, values: list[str], depth: int, inside: frozenset[str], end: int
    ) -> tuple[str, int] | None:
        """(body with these arguments, end); None when it would grow too long."""
        if not values:
            return body.replace("##", "#"), end
        size = len(body) + sum(len(value) for value in values) * body.count("#")
        if size > self.left:
            return None
        if not _DEFINES_IN_BODY.search(body):  # else the arguments may be meant to use what it defines
            values = [
                self._expanded(value, depth + 1, inside, True) for value in values
            ]  # they may use the macro again
        return _PLACE.sub(lambda place: _value(place, values), body), end

    def _fenced(self, text: str, at: int, macro: Macro, depth: int, inside: frozenset[str]) -> tuple[str, int] | None:
        """A paired delimiter of mathtools: \\abs{x}, \\abs*{x} with signs that fit, \\abs[\\big]{x} with large ones."""
        assert macro.fence is not None
        left, right = macro.fence
        middle = ""
        if text[at : at + 1] == "*":
            at, left, right, middle = at + 1, f"\\left{left}", f"\\right{right}", "\\middle"
        elif size := _SIZE.match(text, at):
            at, left, right, middle = size.end(), f"{size[1]}l{left}", f"{size[1]}r{right}", size[1]
        values = []
        for _ in range(macro.arguments):
            found = argument(text, at)
            if found is None:
                self.unclosed += text.startswith("{", skip_space(text, at))
                return None
            values.append(found[0])
            at = found[1]
        before, after = macro.around
        gap = " " if _WORD_END.search(left) else ""
        body = f"{before}{left}{gap}{macro.body.replace(chr(92) + 'delimsize', middle)}{right}{after}"
        return self._filled(body, values, depth, inside, at)

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
        if kind.startswith("DeclarePaired"):
            return self._paired(text, at, kind, defined)
        if kind in ("def", "gdef", "edef", "xdef"):
            parameters = _PARAMETERS.match(text, at)
            if parameters is None or not _take_parameters(macro, parameters[0]):
                return None
            at = parameters.end()
        elif kind.endswith("DocumentCommand"):
            signature = _SIGNATURE.match(text, at)
            if signature is None:
                return None
            at, optional = signature.end(), signature[1]
            macro.arguments = signature[2].count("m") + (optional is not None)
            macro.default = optional.partition("{")[2].rpartition("}")[0] if optional else None
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
        if kind in ("providecommand", "ProvideDocumentCommand") and defined in self.known:
            return body[1]
        if defined in _PROTECTED and kind != "providecommand":
            return body[1]
        self._learn(defined, macro)
        return body[1]

    def _learn(self, name: str, macro: Macro) -> None:
        if "\\ifmmode" in macro.body and len(macro.body) < _LONGEST_CHOICE:
            macro.body = _MODE.sub(lambda found: rf"\ensuremath{{{found[1]}}}", macro.body)
        if _PROGRAM.search(macro.body):
            self.known.pop(name, None)  # calls stay as they are
        else:
            self.known[name] = macro

    def _paired(self, text: str, at: int, kind: str, defined: str) -> int | None:
        r"""Where \DeclarePairedDelimiter and its two relatives (mathtools) end, after they have been learnt."""
        macro = Macro("#1", 1)
        if kind != "DeclarePairedDelimiter":
            count = _COUNT.match(text, at)
            if count is None:
                return None
            macro.arguments, at = int(count[1]), count.end()
        parts: list[str] = []
        for _ in range({"DeclarePairedDelimiter": 2, "DeclarePairedDelimiterX": 3}.get(kind, 5)):
            found = argument(text, at)
            if found is None:
                return None
            parts.append(found[0])
            at = found[1]
        if len(parts) == 5:
            macro.around = (parts[0], parts[3])
            parts = [parts[1], parts[2], parts[4]]
        macro.fence = (parts[0], parts[1])
        macro.body = parts[2] if len(parts) == 3 else "#1"
        if _PROGRAM.search(macro.body):
            macro.body = ", ".join(f"#{number}" for number in range(1, macro.arguments + 1))
        if defined not in _PROTECTED:
            self._learn(defined, macro)
        return at

    def _let(self, text: str, at: int) -> int | None:
        found = _LET.match(text, at)
        if found is None:
            return None
        name, target = found[1], found[2]
        if name not in _PROTECTED and target != f"\\{name}":
            self.known[name] = self.known.get(target[1:], Macro(target)) if target.startswith("\\") else Macro(target)
        return found.end()


def _take_parameters(macro: Macro, parameters: str) -> bool:
    r"""Learn the parameter text of a \def: #1#2, or with delimiters such as (#1,#2). False when it is none."""
    pieces = re.split(r"#([1-9])", parameters.strip() if "#" not in parameters else parameters.lstrip())
    if [int(number) for number in pieces[1::2]] != list(range(1, len(pieces) // 2 + 1)):
        return False
    macro.arguments = len(pieces) // 2
    delimiters = tuple(" ".join(piece.split()) or (" " if piece and at else "") for at, piece in enumerate(pieces[::2]))
    if any(delimiters):
        macro.delimiters = delimiters
    return True


def _value(place: re.Match[str], values: list[str]) -> str:
    if place[1] is None:
        return "#"
    number = int(place[1]) - 1
    return values[number] if number < len(values) else ""


def _fitted(before: str, replacement: str, text: str, end: int) -> str:
    """The replacement so that its neighbours cannot join it: x_\\foo takes all of it, \\alpha b and a\\in B stay apart."""
    replacement = replacement.removesuffix("\\xspace").removesuffix("{\\xspace}")
    if before[-1:] in ("_", "^") and len(replacement) > 1 and not _one_group(replacement):
        replacement = "{" + replacement + "}"
    elif replacement[:1].isalpha() and _WORD_END.search(before[-40:]):
        replacement = " " + replacement
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
