"""Licences in the text of LICENSE, COPYING and NOTICE files."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from functools import lru_cache

from gristmill.sources.licence_names import known
from gristmill.sources.licence_sets import allowed, licence_set

MOST_BYTES = 400_000  # of a licence file that are read

_NAME = re.compile(
    r"^(?:(?:un)?licen[cs]es?|copying|copyright|notice|legal|licencia|lizenz|mit-licen[cs]e|apache-licen[cs]e|bsd-licen[cs]e|"
    r"(?:gpl|lgpl|agpl|mpl|bsd|mit|apache)(?:[-_.]?v?\d[\d.]*)?)"
    r"(?:[-_.][\w.+-]{1,40})?$|[-_.](?:licen[cs]e|copying)(?:\.(?:txt|md|rst|html?))?$",
    re.I,
)
_NOT_TEXT = re.compile(
    r"\.(?:py|js|ts|c|h|cc|cpp|go|rs|java|rb|php|sh|json|ya?ml|toml|xml|lua|pl|cs|css|png|svg|spdx|jinja2?|tmpl|in|po)$",
    re.I,
)
_PLAIN_NAME = re.compile(
    r"^(?:(?:un)?licen[cs]e|copying|licencia|lizenz|(?:mit|apache|bsd)-licen[cs]e)"
    r"(?:[-_. ](?:txt|md|rst|html?|lib|lesser|main|terms|[al]?gpl|mit|expat|apache|bsd|mpl|epl|isc|[\dv.-]+)*)*$"
    r"|^(?:[al]?gpl|mpl|bsd|mit|apache)",
    re.I,
)
_FOLDERS = ("LICENSES", "licenses", "licences", "legal")  # what lies in them speaks for the folder above
_NOT_OF_ALL = ("notice", "copyright", "legal")  # these name owners, or licences of parts
_MARKUP = re.compile(r"<[^<>]{1,200}>")
_RESTRICTS = re.compile(
    r"commons clause|non-?commercial|commercial use|evaluation|proprietary|confidential|source.available|business source"
    r"|not permitted to|must not|may not (?:be )?(?:use|copy|copied|distribut|sell|sold)",
    re.I,
)
_COPYLEFT_NAMES = (
    (re.compile(r"\bA(?:ffero\s+)?GPL|\bAffero\b"), "AGPL-3.0-or-later"),
    (re.compile(r"\bLGPL|\b(?:Lesser|Library)\s+General\s+Public", re.I), "LGPL-2.0-or-later"),
    (re.compile(r"\bGPL|\bGNU\s+(?:General\s+)?Public", re.I), "GPL-1.0-or-later"),
    (re.compile(r"\bMPL\b|\bMozilla\s+Public", re.I), "MPL-1.1"),
    (re.compile(r"\bEPL\b|\bEclipse\s+Public", re.I), "EPL-1.0"),
    (re.compile(r"\bCDDL\b|\bCommon\s+Development\s+and\s+Distribution", re.I), "CDDL-1.0"),
)
_NEAR = r"(?:licen[cs]\w*\b[^.;]{{0,60}}\b{0}\b|\b{0}\b[-\w ]{{0,20}}licen[cs])"  # BSD is a system's name too
_PERMISSIVE_NAMES = tuple(
    (re.compile(_NEAR.format(name), re.I | re.S), spdx)
    for name, spdx in (
        ("MIT", "MIT"),
        ("Apache", "Apache-2.0"),
        ("(?:BSD|Eclipse\\s+Distribution)", "BSD-3-Clause"),
    )
)
_CHOICE = re.compile(
    r"\balternatively\b|\bdual(?:ly)?[- ]licen[cs]ed|\bone of the above|\byour choice\b|\bat your option\b(?!\W*any later)",
    re.I,
)
_FILE = re.compile(r"(?<![\w/.:@-])((?:[\w-]+/)*[\w-]+\.(?:[ch]|cc|cpp|hpp|py|js|java|go|rs|pl|sh|rb|m4|awk))\b")
_WHOLE = 0.75  # a file that licences cover so far is nothing but licences
_LEAST = 1 / 3  # what the main licence of other files covers, unless it stands at the top
_TOP = 400  # characters


@dataclass(frozen=True)
class Evidence:
    """What a file says about licences. `licences`: SPDX identifiers or expressions, the main one first; empty: there is a licence
    that was not recognised. score: share of the text that matched, 1 where a licence is only named. of_files: files it names,
    and the licence that holds for each instead."""

    file: str
    how: str  # text, header, metadata, column
    licences: tuple[str, ...]
    score: float = 1.0
    of_files: tuple[tuple[str, str], ...] = ()


def is_licence_file(path: str) -> bool:
    """Whether a file's name says that it holds a licence: LICENSE, COPYING.LESSER, LICENSE-MIT.txt, LICENSES/MIT.txt …"""
    folder, name = posixpath.split(path)
    if posixpath.basename(folder) == "debian":  # says what holds for the packaging too
        return False
    if _NOT_TEXT.search(name):
        return False
    if posixpath.basename(folder) == "LICENSES":  # REUSE: one file a licence
        return True
    return _NAME.search(name) is not None


def rank(path: str) -> int:
    """How much a licence file says about the folder it speaks for: 0 for LICENSE and the like, 1 for LICENSE-MIT, 2 for a text
    that is named after something else, as LICENSE-jquery, 3 for one in a collection, as LICENSES/MIT.txt."""
    folder, name = posixpath.split(path)
    if posixpath.basename(folder) in _FOLDERS:
        return 3
    if not _PLAIN_NAME.match(name):
        return 2
    return int(re.fullmatch(r"[a-z]+(?:\.(?:txt|md|rst|html?))?", name, re.I) is None)


def speaks_for(path: str) -> str:
    """The folder for which a licence file is there."""
    folder = posixpath.dirname(path)
    return posixpath.dirname(folder) if posixpath.basename(folder) in _FOLDERS else folder


def from_text(path: str, data: bytes) -> Evidence | None:
    """The licences that a licence file holds. None for a file without text in it, and for a NOTICE or COPYRIGHT file that names
    owners only."""
    text = data[:MOST_BYTES].decode("utf-8", "replace")
    if "\0" in text[:1000] or not text.strip():
        return None
    regions, score = regions_in(text)
    of_all = not posixpath.basename(path).lower().startswith(_NOT_OF_ALL)
    found, files = _found(text, regions, score >= _WHOLE) if of_all or score >= _WHOLE else ((), ())
    if not found:
        if not of_all:
            return None
        if posixpath.basename(posixpath.dirname(path)) == "LICENSES":
            named = known(posixpath.splitext(posixpath.basename(path))[0])
            return Evidence(path, "text", (named,) if named else (), 0.0)
    return Evidence(path, "text", found, score, files)


Region = tuple[str, int, int]  # an identifier, where its text begins and ends


def _found(text: str, regions: tuple[Region, ...], whole: bool) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """Licences of a file, the one at its top or the longest one first, with every copyleft licence that the rest of the text
    names; and the files that it names as being under a copyleft licence when the main one is not.

    No licences where none is the main one, or the rest restricts what the licences give.
    """
    gaps, at = [], 0
    for _, start, end in (*regions, ("", len(text), len(text))):
        gaps.append(text[at:start])
        at = end
    rest = "\n\n".join(gaps)
    if not whole and _RESTRICTS.search(rest):
        return (), ()
    if choice := choice_in(rest) if not whole else None:
        return (choice,), ()
    main = _main(text, regions, whole)
    named, files = list[str](), list[tuple[str, str]]()
    if main is not None and allowed(main, licence_set("permissive")):
        for gap, (spdx, _, _) in zip(gaps, regions, strict=False):
            if spdx != main and not allowed(spdx, licence_set("permissive")) and (names := _FILE.findall(gap[-300:])):
                files += [(name, spdx) for name in names]
    for paragraph in re.split(r"\n\s*\n", rest):
        for spdx in copyleft_named(paragraph):
            if main is not None and (names := _FILE.findall(paragraph)):
                files += [(name, spdx) for name in names]
            else:
                named.append(spdx)
    if main is None:
        return tuple(dict.fromkeys(named)), ()
    of_parts = {spdx for _, spdx in files}
    others = [spdx for spdx, _, _ in regions if spdx not in of_parts]
    return tuple(dict.fromkeys([main, *others, *named])), tuple(dict.fromkeys(files))


def _main(text: str, regions: tuple[Region, ...], whole: bool) -> str | None:
    if not regions:
        return None
    if whole or regions[0][1] < _TOP:
        return regions[0][0]
    longest = max(regions, key=lambda region: region[2] - region[1])
    return longest[0] if longest[2] - longest[1] >= _LEAST * len(text) else None


def copyleft_named(text: str) -> list[str]:
    """GNU, Mozilla, Eclipse and CDDL licences that a text mentions."""
    return [spdx for pattern, spdx in _COPYLEFT_NAMES if pattern.search(text)]


def choice_in(text: str) -> str | None:
    """An expression where a text offers a permissive licence or a copyleft one: dual licensed under MIT and GPL."""
    if not _CHOICE.search(text):
        return None
    permissive = [spdx for pattern, spdx in _PERMISSIVE_NAMES if pattern.search(text)]
    copyleft = copyleft_named(text)
    return " OR ".join([*permissive, *copyleft]) if permissive and copyleft else None


def offers_choice(text: str) -> bool:
    return _CHOICE.search(text) is not None


@lru_cache(maxsize=2048)
def regions_in(text: str) -> tuple[tuple[Region, ...], float]:
    """Where licences stand in a text, in order, and the share of it that they cover; of markup only the words count."""
    from licenseclassifier import identify_license

    if "<" in text and re.search(r"<(?:html|p|body)\b", text, re.I):
        text = _MARKUP.sub(lambda tag: " " * len(tag[0]), text)
    matches = identify_license(text, coverage_threshold=0.0)
    words = len(text.split())
    covered = sum(len(text[match.start : match.end].split()) for match in matches)
    share = round(min(1.0, covered / max(1, words)), 3)
    return tuple((match.id, match.start, match.end) for match in matches), share


_HEADING = re.compile(
    r"^\W{0,8}(?:[\w.-]+ ){0,3}(?:licen[cs](?:e|es|ing)|copying|copyright)(?: \w+)?\W{0,8}$", re.M | re.I
)
_README = re.compile(r"readme(?:\.\w{1,8})?$", re.I)
_SECTION = 3000  # characters


def is_readme(path: str) -> bool:
    return _README.match(posixpath.basename(path)) is not None


def from_readme(path: str, data: bytes) -> Evidence | None:
    """The licence that a README states under a heading of its own, by its text or by name."""
    text = data[:MOST_BYTES].decode("utf-8", "replace")
    if path.lower().endswith((".htm", ".html")):
        text = _MARKUP.sub(" ", text)
    for heading in _HEADING.finditer(text):
        section = text[heading.end() : heading.end() + _SECTION]
        regions, score = regions_in(section)
        found, files = _found(section, regions, whole=False)
        if found:
            return Evidence(path, "readme", found, score, files)
    return None
