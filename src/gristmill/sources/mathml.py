"""Presentation MathML → one line of text: `y=1` as it is, `$\\frac{a}{b_i}$` in TeX where signs stand above each other.

Letters stay what they are (γ, not \\gamma): every present TeX engine reads them, and so do people.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from gristmill.sources.xml_text import Element, local

_TOKENS = frozenset(("mi", "mn", "mo", "mtext", "ms"))
_SHAPES = frozenset("msub msup msubsup munder mover munderover mfrac msqrt mroot mtable mmultiscripts mfenced".split())
_INVISIBLE = dict.fromkeys(map(ord, "\u2061\u2062\u2063\u2064\u200b\u00ad\ufeff"))
_ACCENTS = {"^": "hat", "ˆ": "hat", "~": "tilde", "˜": "tilde", "¯": "bar", "‾": "bar", "_": "bar", "―": "bar"} | {
    "→": "vec", "⃗": "vec", "˙": "dot", "¨": "ddot", "̂": "hat", "̃": "tilde", "̄": "bar", "̅": "bar", "⏞": "overbrace"
}  # fmt: skip
_FUNCTIONS = frozenset(
    "sin cos tan cot sec csc sinh cosh tanh arcsin arccos arctan log ln exp lim max min sup inf det".split()
)
_ESCAPED = str.maketrans({"{": r"\{", "}": r"\}", "%": r"\%", "&": r"\&", "#": r"\#", "$": r"\$"})


def math_text(element: Element, display: bool = False) -> str:
    """The text of a `math` element. display: between `$$`, as formulas on lines of their own."""
    if any(local(one) in _SHAPES for one in element.iter()):
        mark = "$$" if display else "$"
        with suppress(RecursionError):  # nested as no formula is
            return f"{mark}{' '.join(_tex(element).split())}{mark}"
    return " ".join("".join(_token(one) for one in element.iter() if local(one) in _TOKENS).split())


def _token(element: Element) -> str:
    text = "".join(element.itertext()).translate(_INVISIBLE)
    bare = " ".join(text.split())
    return text if local(element) == "mtext" else bare


def _tex(element: Element) -> str:
    name = local(element)
    if name in _TOKENS:
        text = _token(element).translate(_ESCAPED)
        return rf"\{text} " if text in _FUNCTIONS else text
    if name == "mspace":
        return " "
    if name in ("mphantom", "annotation", "annotation-xml", "none", "mprescripts", ""):
        return ""
    parts = [one for one in element if local(one)]
    if name == "semantics":
        return _semantics(parts)
    if (written := _SHAPED.get(name)) is not None:
        return str(written(element, parts))
    return "".join(map(_tex, parts))


def _semantics(parts: Sequence[Element]) -> str:
    for one in parts:
        if local(one) == "annotation" and "tex" in (one.get("encoding") or "").lower():
            return "".join(one.itertext())
    return _tex(parts[0]) if parts else ""


def _at(parts: Sequence[Element], place: int) -> str:
    return _tex(parts[place]).strip() if place < len(parts) else ""


def _braced(text: str) -> str:
    return text if len(text) == 1 else f"{{{text}}}"


def _script(mark: str, text: str) -> str:
    return mark + _braced(text) if text else ""


def _scripts(marks: str) -> Any:
    def written(_: Element, parts: Sequence[Element]) -> str:
        return _at(parts, 0) + "".join(_script(mark, _at(parts, n)) for n, mark in enumerate(marks, 1))

    return written


def _over(_: Element, parts: Sequence[Element]) -> str:
    base, above = _at(parts, 0), _at(parts, 1)
    accent = _ACCENTS.get(above)
    return rf"\{accent}{{{base}}}" if accent else base + _script("^", above)


def _under(_: Element, parts: Sequence[Element]) -> str:
    base, below = _at(parts, 0), _at(parts, 1)
    return rf"\underline{{{base}}}" if below in ("_", "¯", "̲", "―") else base + _script("_", below)


def _fraction(_: Element, parts: Sequence[Element]) -> str:
    return rf"\frac{{{_at(parts, 0)}}}{{{_at(parts, 1)}}}"


def _root(element: Element, parts: Sequence[Element]) -> str:
    if local(element) == "mroot":
        return rf"\sqrt[{_at(parts, 1)}]{{{_at(parts, 0)}}}"
    return rf"\sqrt{{{''.join(map(_tex, parts)).strip()}}}"


def _fenced(element: Element, parts: Sequence[Element]) -> str:
    marks = "".join((element.get("separators", ",")).split())
    inside = _at(parts, 0)
    for place in range(1, len(parts)):
        inside += (marks[min(place, len(marks)) - 1] if marks else "") + _at(parts, place)
    return element.get("open", "(").translate(_ESCAPED) + inside + element.get("close", ")").translate(_ESCAPED)


def _table(element: Element, parts: Sequence[Element]) -> str:
    rows = r" \\ ".join(" & ".join(_tex(cell).strip() for cell in row if local(cell)) for row in parts)
    return rf" \begin{{matrix}} {rows} \end{{matrix}} "


def _multiscripts(_: Element, parts: Sequence[Element]) -> str:
    split = next((n for n, one in enumerate(parts) if local(one) == "mprescripts"), len(parts))
    before, behind = parts[split + 1 :], parts[1:split]
    text = _pairs(before)
    return ("{}" + text if text else "") + _at(parts, 0) + _pairs(behind)


def _pairs(parts: Sequence[Element]) -> str:
    return "".join(_script("_^"[n % 2], _tex(one).strip()) for n, one in enumerate(parts))


_SHAPED: dict[str, Any] = {
    "msub": _scripts("_"),
    "msup": _scripts("^"),
    "msubsup": _scripts("_^"),
    "munderover": _scripts("_^"),
    "mover": _over,
    "munder": _under,
    "mfrac": _fraction,
    "msqrt": _root,
    "mroot": _root,
    "mfenced": _fenced,
    "mtable": _table,
    "mmultiscripts": _multiscripts,
}
