"""Licences in the text of LICENSE, COPYING and NOTICE files, and in the SPDX line of a file's head."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from functools import lru_cache

from gristmill.sources.licence_sets import known_ids

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
_HEAD = re.compile(r"SPDX-License-Identifier:\s*([A-Za-z0-9 .+()\-:]{2,300}?)\s*(?:\*/|-->|\*\)|#}|\r|\n|$)")
_COPYLEFT = re.compile(
    r"(?:terms of|under|subject to|licensed under) (?:the (?:terms of )?)?(?:the )?(?:version \d\S* of )?(?:the )?"
    r"(?:(GNU)(?: (Lesser|Library|Affero))? General Public|(Mozilla) Public|(Eclipse) Public) Licen[cs]e",
    re.I,
)
_COPYLEFT_IDS = {
    "gnu": "GPL-1.0-or-later",
    "gnu lesser": "LGPL-2.0-or-later",
    "gnu library": "LGPL-2.0-or-later",
    "gnu affero": "AGPL-3.0-or-later",
    "mozilla": "MPL-2.0",
    "eclipse": "EPL-1.0",
}
_COMMENT_SIGNS = re.compile(r"^[ \t]*(?:[*#;%!]|//|--|/\*)+", re.M)
_MARKUP = re.compile(r"<[^<>]{1,200}>")


@dataclass(frozen=True)
class Evidence:
    """What a file says about licences. `licences`: SPDX identifiers or expressions, all of which hold; empty: there is a licence
    that was not recognised. score: share of the text that matched, 1 where a licence is only named."""

    file: str
    how: str  # text, header, metadata, column
    licences: tuple[str, ...]
    score: float = 1.0


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


def from_text(path: str, data: bytes) -> Evidence | None:
    """The licences that a licence file holds. None for a file without text in it, and for a NOTICE or COPYRIGHT file that names
    owners only."""
    text = data[:MOST_BYTES].decode("utf-8", "replace")
    if "\0" in text[:1000] or not text.strip():
        return None
    found, score = _identified(text)
    if not found:
        name = posixpath.basename(path).lower()
        if name.startswith(("notice", "copyright", "legal")):
            return None
        if posixpath.basename(posixpath.dirname(path)) == "LICENSES":
            named = known(posixpath.splitext(posixpath.basename(path))[0])
            return Evidence(path, "text", (named,) if named else (), 0.0)
    return Evidence(path, "text", found, score)


def from_head(path: str, text: str) -> Evidence | None:
    """What the top of a file states: its SPDX line or, without one, that it is under a GNU, Mozilla or Eclipse licence, whatever
    the files around it are under."""
    head = text[:3000]
    if found := _HEAD.search(head):
        return Evidence(path, "header", (found[1].strip(),))
    if (notice := _COPYLEFT.search(" ".join(_COMMENT_SIGNS.sub(" ", head).split()))) is not None:
        name = " ".join(word for word in notice.groups() if word).lower()
        return Evidence(path, "header", (_COPYLEFT_IDS[name],))
    return None


def known(name: str) -> str | None:
    """The identifier that a name means, as licence files of distributions and packages write it; None for an unknown one."""
    plain = " ".join(name.strip().strip("\"'").split()).lower()
    if plain in known_ids():
        return known_ids()[plain]
    words = re.sub(r"\b(?:the|licen[cs]e[ds]?|version)\b|[,()\"']", " ", plain).split()
    return _NAMES.get(" ".join(word for word, before in zip(words, ["", *words], strict=False) if word != before))


@lru_cache(maxsize=256)
def _identified(text: str) -> tuple[tuple[str, ...], float]:
    """Licences and the share of the text that they cover; of markup only the words count."""
    from licenseclassifier import identify_license

    if "<" in text and re.search(r"<(?:html|p|body)\b", text, re.I):
        text = _MARKUP.sub(" ", text)
    matches = identify_license(text)
    covered = sum(match.end - match.start for match in matches)
    return tuple(dict.fromkeys(match.id for match in matches)), round(min(1.0, covered / max(1, len(text.strip()))), 3)


_NAMES = {
    "mit": "MIT",
    "expat": "MIT",
    "x11": "X11",
    "isc": "ISC",
    "iscl": "ISC",
    "bsd": "BSD-3-Clause",
    "new bsd": "BSD-3-Clause",
    "modified bsd": "BSD-3-Clause",
    "revised bsd": "BSD-3-Clause",
    "3-clause bsd": "BSD-3-Clause",
    "bsd 3-clause": "BSD-3-Clause",
    "bsd-3": "BSD-3-Clause",
    "bsd3": "BSD-3-Clause",
    "simplified bsd": "BSD-2-Clause",
    "freebsd": "BSD-2-Clause",
    "2-clause bsd": "BSD-2-Clause",
    "bsd 2-clause": "BSD-2-Clause",
    "bsd-2": "BSD-2-Clause",
    "bsd2": "BSD-2-Clause",
    "bsd-3-clause": "BSD-3-Clause",
    "apache": "Apache-2.0",
    "apache 2": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache-2": "Apache-2.0",
    "apache v2": "Apache-2.0",
    "apache software": "Apache-2.0",
    "apache software 2.0": "Apache-2.0",
    "asl 2.0": "Apache-2.0",
    "psf": "PSF-2.0",
    "python software foundation": "PSF-2.0",
    "python": "Python-2.0",
    "unlicense": "Unlicense",
    "public domain": "LicenseRef-scancode-public-domain",
    "cc0": "CC0-1.0",
    "zlib": "Zlib",
    "zlib/libpng": "Zlib",
    "boost software 1.0 bsl-1.0": "BSL-1.0",
    "mozilla public 2.0 mpl 2.0": "MPL-2.0",
    "mpl 2.0": "MPL-2.0",
    "mpl": "MPL-2.0",
    "eclipse public": "EPL-1.0",
    "epl": "EPL-1.0",
    "gpl": "GPL-1.0-or-later",
    "gplv2": "GPL-2.0-only",
    "gplv2+": "GPL-2.0-or-later",
    "gplv3": "GPL-3.0-only",
    "gplv3+": "GPL-3.0-or-later",
    "gpl-2": "GPL-2.0-only",
    "gpl-2+": "GPL-2.0-or-later",
    "gpl-3": "GPL-3.0-only",
    "gpl-3+": "GPL-3.0-or-later",
    "gpl-1+": "GPL-1.0-or-later",
    "gnu general public gpl": "GPL-1.0-or-later",
    "gnu general public v2 gplv2": "GPL-2.0-only",
    "gnu general public v2 or later gplv2+": "GPL-2.0-or-later",
    "gnu general public v3 gplv3": "GPL-3.0-only",
    "gnu general public v3 or later gplv3+": "GPL-3.0-or-later",
    "lgpl": "LGPL-2.0-or-later",
    "lgplv2+": "LGPL-2.0-or-later",
    "lgplv3": "LGPL-3.0-only",
    "lgplv3+": "LGPL-3.0-or-later",
    "lgpl-2": "LGPL-2.0-only",
    "lgpl-2+": "LGPL-2.0-or-later",
    "lgpl-2.1": "LGPL-2.1-only",
    "lgpl-2.1+": "LGPL-2.1-or-later",
    "lgpl-3": "LGPL-3.0-only",
    "lgpl-3+": "LGPL-3.0-or-later",
    "gnu lesser general public v2 lgplv2": "LGPL-2.0-only",
    "gnu lesser general public v2 or later lgplv2+": "LGPL-2.0-or-later",
    "gnu lesser general public v3 lgplv3": "LGPL-3.0-only",
    "gnu lesser general public v3 or later lgplv3+": "LGPL-3.0-or-later",
    "gnu library or lesser general public lgpl": "LGPL-2.0-or-later",
    "agplv3": "AGPL-3.0-only",
    "agplv3+": "AGPL-3.0-or-later",
    "agpl-3": "AGPL-3.0-only",
    "agpl-3+": "AGPL-3.0-or-later",
    "gnu affero general public v3": "AGPL-3.0-only",
    "gnu affero general public v3 or later agplv3+": "AGPL-3.0-or-later",
    "artistic": "Artistic-1.0-Perl",
    "perl": "Artistic-1.0-Perl OR GPL-1.0-or-later",
}
"""Names in package metadata and Debian copyright files, in small letters without `the`, `license` and `version`. BSD without a
number is taken for three clauses."""
