"""Raised and lowered signs in plain text: x^2, 10^-3, a_i, CO2, n^(k+1).

What Markdown and TeX readers understand, without marks where plain text has none: indices of chemical elements and signs
like * or ® stand as they are.
"""

from __future__ import annotations

import re

MARKED, MARKED_END = "\x1a", "\x1b"  # around what is looked at later: raised or not, it is no word
_MARKED = re.compile(f"{MARKED}[^{MARKED_END}]*{MARKED_END}")
_WORDS = re.compile(r"\w")
_SIMPLE = re.compile(r"[+−–-]?[\w.,′'*]+[+−–-]?")
_OPEN_OR_CLOSE = re.compile(r"[()\[\]{}]")
_ORDINAL = re.compile(r"(?:st|nd|rd|th|er|ère|re|nd|ème|eme)")
_ELEMENTS = frozenset(
    "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb Sr Y Zr Nb Mo Tc Ru "
    "Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At "
    "Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr D".split()
)
_ALONE = frozenset(("C", "H", "N", "O", "F"))  # of the elements of one letter, those whose index is no variable's
_RUN = re.compile(r"[A-Za-z\d()\[\]_]*$")
_FORMULA = re.compile(r"(?:[nx]|\d+)?(?:[(\[]*[A-Z][a-z]?\d*(?:[)\]]\d*)*)+")
_FIRST_ATOM = re.compile(r"(?<![A-Za-z\d])([KPSVBWYU])_(\d+)(?=[A-Z])")
_DEGREES = re.compile(r"(?<=\d)( ?)\^o ?(?=[CF]\b)")
_SYMBOL = re.compile(r"[A-Z][a-z]?")
_COUNT = re.compile(r"\d+(?:[-–]\d+)?")
LOOKS_BACK = 24  # characters of the text before a sign that decide how it is written


def superscript(text: str, before: str) -> str:
    """A raised text. before: the end of the text in front of it, at least LOOKS_BACK characters where there are as many."""
    if MARKED in text:
        words = _MARKED.sub("", text).strip(" ,;.–-")
        return superscript(words, before) + "".join(_MARKED.findall(text)) if _WORDS.search(words) else text
    bare = text.strip()
    if not _WORDS.search(bare):
        return text
    if bare in ("º", "ª"):  # raised as they are
        return bare + _space_behind(text)
    if not before.strip() and (" " in bare or bare[0] == "("):
        return text  # a remark in small letters, raised above nothing
    mark = "" if before[-1:].isdigit() and _ORDINAL.fullmatch(bare) else "^"
    return mark + _grouped(bare) + _space_behind(text)


def subscript(text: str, before: str) -> str:
    """A lowered text, `before` as in `superscript`."""
    bare = text.strip()
    if not _WORDS.search(bare):
        return text
    mark = "" if _COUNT.fullmatch(bare) and is_chemical(before) else "_"
    return mark + _grouped(bare) + _space_behind(text)


def is_chemical(before: str) -> bool:
    """Whether a number behind this text counts atoms: the word in front of it is made of symbols of elements."""
    found = _RUN.search(before[-LOOKS_BACK:])
    run = found[0].replace("_", "") if found else ""
    if len(run) == 1:
        return run in _ALONE
    return bool(_FORMULA.fullmatch(run)) and all(one in _ELEMENTS for one in _SYMBOL.findall(run))


def with_formulas(text: str) -> str:
    """Numbers behind the first element of a formula, whose letter alone could have been a variable's: K_2O → K2O.
    Degrees written with a raised o: 38^oC → 38°C."""
    text = _FIRST_ATOM.sub(r"\1\2", text) if "_" in text else text
    return _DEGREES.sub(r"\1°", text) if "^o" in text else text


def _space_behind(text: str) -> str:
    """The space that ends a text; the end of a line stays one, as it is no space in front of a bracket."""
    behind = text[len(text.rstrip()) :]
    return "\n" if "\n" in behind else behind[:1] and " "


def _grouped(bare: str) -> str:
    if _SIMPLE.fullmatch(bare) or (bare[0] in "([{" and not _OPEN_OR_CLOSE.search(bare[1:-1]) and bare[-1] in ")]}"):
        return bare
    return f"({bare})"
