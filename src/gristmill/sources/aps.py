"""Patents of 1976 to 2001 in the Patent Office's Automated Patent System text: fields of three letters in sections of four."""

from __future__ import annotations

import re
from collections.abc import Iterator
from textwrap import dedent

from gristmill.sources.patents import Paragraph, Patent, without_zeros
from gristmill.sources.scripts import LOOKS_BACK, is_chemical, subscript, superscript, with_formulas

_FIELD = re.compile(r"([A-Z][A-Z0-9]{2}) ? ?(.*)")
_SECTION = re.compile(r"[A-Z0-9]{4}\s*$")
_RULE = re.compile(r"\s*[_-]{5,}\s*")
_PLACEHOLDER = re.compile(r"##[A-Z]{3}\d+##")  # of formulas and structures that are pictures
_SCRIPT = re.compile(r"\.(sub|sup)\.([^\s.,;:()\[\]]+|\([^()\s]*\)|\[[^\[\]\s]*\])")
_ATOMS = re.compile(r" ((?:[A-Z][a-z]?)+)(?![a-z])")
_NAMED = re.compile(r"\.([A-Za-z+-]{2,14})\.")
_GREEK = dict(
    zip(
        "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau upsilon phi chi psi "
        "omega".split(),
        "αβγδεζηθικλμνξοπρστυφχψω",
        strict=True,
    )
)
_SIGNS = {
    "degree": "°", "times": "×", "div": "÷", "+-": "±", "-+": "∓", "gtoreq": "≥", "ltoreq": "≤", "noteq": "≠", "about": "~",
    "apprxeq": "≈", "approxeq": "≈", "congruent": "≅", "infin": "∞", "angle": "∠", "perp": "⊥", "parallel": "∥",
    "vertline": "|", "multidot": "·", "cndot": "·", "sqroot": "√", "intg": "∫", "differential": "∂", "gradient": "∇",
    "increment": "∆", "fwdarw": "→", "rarw": "→", "rarrw": "→", "larw": "←", "uparw": "↑", "dwnarw": "↓", "dbd": "=",
    "tbd": "≡", "ident": "≡", "thrfore": "∴", "prime": "′", "ANG": "Å", "ang": "Å", "RTM": "®", "TM": "™", "COPYRGT": "©",
    "sctn": "§", "cent": "¢", "andgate": "∩", "orgate": "∪", "gtorsim": "≳", "ltorsim": "≲", "quadrature": "□",
}  # fmt: skip
_APS_PARTS = {"BSUM": "summary", "DRWD": "drawings", "DETD": "detail", "RLAP": "related", "PARN": "related"}


def from_aps(data: bytes) -> Patent:
    """A grant in the Automated Patent System's text: fields of three letters, sections of four."""
    patent = Patent(kind="A")
    section, claim = "PATN", False
    for name, value in _fields(data.decode("latin-1")):
        if not name:
            section = value
            continue
        if section == "PATN":
            _head_field(patent, name, value)
        elif name == "NAM" and section in ("INVT", "ASSG"):
            (patent.inventors if section == "INVT" else patent.assignees).append(_name(value))
        elif section == "CLAS" and name == "OCL":
            patent.classes.append(" ".join(value.split()))
        elif section == "ABST" and name.startswith("PA"):
            patent.abstract = f"{patent.abstract}\n\n{_signs(value)}".strip()
        elif section in _APS_PARTS and (name.startswith("PA") or name in ("TBL", "EQU")):
            text = value if name == "TBL" else _signs(value)
            if text:
                patent.description.append(Paragraph(text, name == "PAC", _APS_PARTS[section]))
        elif section in ("CLMS", "DCLM"):
            if name == "NUM":
                claim = False
            elif name.startswith("PA"):
                if claim and patent.claims:
                    patent.claims[-1] += "\n\n" + _signs(value)
                else:
                    patent.claims.append(_signs(value))
                claim = True
    return patent


def _head_field(patent: Patent, name: str, value: str) -> None:
    if name == "WKU":  # a check digit stands behind the number
        patent.number = without_zeros(re.sub(r"[^A-Z0-9]", "", value)[:-1])
    elif name == "TTL":
        patent.title = _signs(value)
    elif name == "ISD":
        patent.date = value.strip()


def _fields(text: str) -> Iterator[tuple[str, str]]:
    """(name, value) with continued lines joined, and ('', section). Tables keep their lines."""
    name, held = "", [""]
    for line in text.splitlines():
        if _SECTION.match(line):
            if name:
                yield name, _held(name, held)
            name = ""
            yield "", line.strip()
        elif line[:3].strip() and (found := _FIELD.match(line)):
            if name:
                yield name, _held(name, held)
            name, held = found[1], [found[2]]
        elif name:
            held.append(line)
    if name:
        yield name, _held(name, held)


def _held(name: str, lines: list[str]) -> str:
    return _table(lines) if name == "TBL" else " ".join(" ".join(lines).split())


def _table(lines: list[str]) -> str:
    """A table as it was typed, without the rules between its parts."""
    rows = [line[5:] if line[:5].isspace() else line for line in lines]
    kept = [row.rstrip() for row in rows if row.strip() and not _RULE.fullmatch(row)]
    if kept:
        kept[0] = kept[0].lstrip()  # the heading stands in the middle
    return f"{kept[0]}\n{dedent(chr(10).join(kept[1:]))}" if len(kept) > 1 else "".join(kept)


def _signs(text: str) -> str:
    """Raised and lowered signs, Greek letters and others, which the format spells out: H.sub.2 O, .alpha.-helix, .gtoreq.5."""
    text = _PLACEHOLDER.sub("", text)
    if "." not in text:
        return text
    text = _NAMED.sub(_sign, text)
    parts = _SCRIPT.split(text)
    written = parts[0]
    for at in range(1, len(parts), 3):
        kind, script, behind = parts[at : at + 3]
        if kind == "sub":
            written += subscript(script, written[-LOOKS_BACK:])
            if script.isdigit() and written[-1].isdigit() and (word := _ATOMS.match(behind)) and is_chemical(word[1]):
                behind = behind[1:]  # the space ends the index: H.sub.2 O
        else:
            written += superscript(script, written[-LOOKS_BACK:])
        written += behind
    return with_formulas(" ".join(written.split()))


def _sign(found: re.Match[str]) -> str:
    name = found[1]
    if name in _SIGNS:
        return _SIGNS[name]
    letter = _GREEK.get(name.lower())
    return found[0] if letter is None else letter.upper() if name[0].isupper() else letter


def _name(value: str) -> str:
    """Yano; Shozo → Shozo Yano."""
    last, _, first = (part.strip() for part in value.partition(";"))
    return f"{first} {last}".strip()
