"""Templates in wikitext: most are dropped, those whose arguments are running text leave it behind.

    expand("born {{circa|1900}}{{citation needed}}", patterns({"circa": "c. {1}"}))     # 'born c. 1900'

A pattern says what a template leaves: `{1}` is its first argument, `{text}` the one with that name, `{1|text}` the
first of them that is there, `{last}` the last without a name, `{*}` all of those together, `{lines}` each of those on
a line, `{quantity}` the numbers and unit of a conversion, `{value}` a number with its error, power of ten and unit. A
name that ends in `-*` stands for all templates with that beginning.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gristmill.sources.wikitext_tags import REMOVED

MAX_DEPTH = 100  # of nested braces; MediaWiki itself stops at 100 (its preprocessor's expansion depth)
_MAX_NAME = 200
_MAX_GROWTH = 200  # characters a pattern may add; one that repeats an argument could double at every level

_BAR_SIGN = "\x05"  # a bar from {{!}}, which divides no arguments

_BRACES = re.compile(r"\{\{([^{}]*+)\}\}(?!\})|\{{2,}|\}{2,}")
_BAR = re.compile(r"\[\[[^\[\]]*+\]\]|(\|)")
_NAMED = re.compile(r"\s*([^\s=\[\]{}<>|][^=\[\]{}<>|\n]{0,40}?)\s*=")
_FIELD = re.compile(r"\{([^{}]+)\}")
_JOINS = frozenset(("-", "–", "to", "til", "till", "and", "or", "x", "×", "by", "+/-", "±", "to(-)", "à", "bis", "&"))


@dataclass(frozen=True)
class Arguments:
    """What stands between a template's bars."""

    positional: dict[int, str] = field(default_factory=dict)
    named: dict[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Arguments:
        positional: dict[int, str] = {}
        named: dict[str, str] = {}
        number = 0
        for part in _split(text):
            if found := _NAMED.match(part):
                name, value = found[1], part[found.end() :].strip()
                if name.isdecimal() and len(name) < 4:
                    positional[int(name)] = value
                else:
                    named[name.lower()] = value
            else:
                number += 1
                positional[number] = part.strip()
        return cls(positional, named)

    def get(self, name: str) -> str:
        """The argument a field of a pattern names; "" when there is none."""
        if name.isdecimal():
            return self.positional.get(int(name), "")
        if name == "last":
            return self.positional[max(self.positional)] if self.positional else ""
        if name == "*":
            return "".join(self.positional[n] for n in sorted(self.positional))
        if name == "lines":
            return "\n".join(self.positional[n] for n in sorted(self.positional))
        if name == "quantity":
            return self._quantity()
        if name == "value":
            return self._value()
        return self.named.get(name, "")

    def _quantity(self) -> str:
        """`5|to|10|km|mi` → `5 to 10 km`: numbers and what joins them, then the first unit."""
        words = []
        numbers = sorted(self.positional)
        while numbers:
            words.append(self.positional[numbers.pop(0)])
            if not numbers or self.positional[numbers[0]] not in _JOINS:
                break
            words.append(self.positional[numbers.pop(0)])
        if numbers:
            words.append(self.positional[numbers[0]])
        return " ".join(words)

    def _value(self) -> str:
        """`6.67|0.02|e=-11|u=N` → `(6.67±0.02)×10^-11 N`."""
        number, error = self.get("1"), self.get("2")
        if not number.strip("+-−.±")[:1].isdigit():  # a template of that name that is about something else
            return ""
        if error:
            number += error if error[0] in "(±+-−" else f"±{error}"
        if power := self.get("e"):
            number = f"({number})×10^{power}" if "±" in number else f"{number}×10^{power}"
        unit = self.get("u") or self.get("ul")
        per = self.get("up") or self.get("upl")
        return f"{number} {unit}{'/' if per else ''}{per}".strip()


def _split(text: str) -> list[str]:
    """Parts between bars; bars inside links do not count."""
    if "[[" not in text:
        return text.split("|")
    parts, start = [], 0
    for found in _BAR.finditer(text):
        if found[1]:
            parts.append(text[start : found.start()])
            start = found.end()
    return [*parts, text[start:]]


Pattern = Callable[[Arguments], str]


def compile_pattern(pattern: str) -> Pattern:
    """A function from arguments to text. Empty fields leave no double blanks behind."""
    literals = _FIELD.split(pattern)  # text, field, text, field …

    def fill(arguments: Arguments) -> str:
        out = []
        for place, part in enumerate(literals):
            if place % 2 == 0:
                out.append(part)
            else:
                out.append(next((value for name in part.split("|") if (value := arguments.get(name))), ""))
        if len(literals) == 1:
            return pattern
        return "".join(out).replace("()", "").replace("«  »", "").strip(" ")

    return fill


def normal_name(name: str) -> str:
    """A template's name as names are compared here: case, blanks and underscores do not matter."""
    return " ".join(name.replace("_", " ").split()).casefold()


def patterns(table: Mapping[str, str]) -> dict[str, Pattern]:
    """Compiled patterns by normal name; a name with an empty pattern is dropped like one not named."""
    return {normal_name(name): compile_pattern(pattern) for name, pattern in table.items() if pattern}


def expand(text: str, known: Mapping[str, Pattern], title: str = "") -> str:
    """The text without templates, parameters and parser functions, in time linear in its length.

    Unbalanced braces are left out and what they enclose stays; nesting over MAX_DEPTH counts as unbalanced.
    """
    if "{{" not in text and "}}" not in text:
        return text
    frames: list[tuple[int, list[str]]] = []  # braces that wait to be closed, and what came before them
    out: list[str] = []
    at = 0
    for found in _BRACES.finditer(text):
        if found.start() > at:
            out.append(text[at : found.start()])
        at = found.end()
        if found[1] is not None:
            out.append(_left_behind(found[1], known, title))
        elif found[0][0] == "{":
            if len(frames) < MAX_DEPTH:
                frames.append((len(found[0]), out))
                out = []
        else:
            closing = len(found[0])
            while closing >= 2 and frames:
                opened, before = frames.pop()
                width = 3 if opened >= 3 and closing >= 3 else 2
                inside = "".join(out)
                left = _default(inside) if width == 3 else _left_behind(inside, known, title)
                opened, closing = opened - width, closing - width
                if opened >= 2:
                    frames.append((opened, before))
                    out = [left]
                else:
                    out = before
                    out += ["{" * opened, left]
            if closing == 1:
                out.append("}")
    out.append(text[at:])
    while frames:
        _, before = frames.pop()
        before += out
        out = before
    return "".join(out).replace(_BAR_SIGN, "|")


def _default(inside: str) -> str:
    """What a parameter shows outside a template: its default."""
    return inside.partition("|")[2] or REMOVED


def _left_behind(inside: str, known: Mapping[str, Pattern], title: str) -> str:
    bar = inside.find("|", 0, _MAX_NAME)
    name = inside[:bar] if bar >= 0 else inside[:_MAX_NAME]
    colon = name.find(":")
    if colon > 0 and (left := _parser_function(name[:colon].strip().lower(), inside[colon + 1 :])) is not None:
        return left
    name = normal_name(name)
    if name == "!":
        return _BAR_SIGN
    pattern = known.get(name)
    if pattern is None and "-" in name:
        pattern = known.get(name[: name.index("-")] + "-*")
    if pattern is None:
        return title if name in ("pagename", "fullpagename") and title else REMOVED
    left = pattern(Arguments.parse(inside[bar + 1 :] if bar >= 0 else ""))
    return left if left and len(left) <= len(inside) + _MAX_GROWTH else REMOVED


def _parser_function(name: str, rest: str) -> str | None:
    """What is left of the few functions that only format their argument; None for everything else."""
    if name in ("formatnum", "lc", "uc", "lcfirst", "ucfirst"):
        value = rest.partition("|")[0].strip()
        return value.upper() if name == "uc" else value.lower() if name == "lc" else value
    return None
