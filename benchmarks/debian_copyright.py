"""What Debian's copyright files say of every file of a source package: the machine-readable format 1.0 (DEP-5).

account = DebianCopyright.parse(text)
account.licence("src/main.c")        # "GPL-2+ or Expat", or None where no paragraph covers the file
kind(account.licence("src/main.c"))  # "in set": MIT, BSD and Apache would do
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal["in set", "other", "copyleft"]

_COPYLEFT = re.compile(
    r"A?GPL|LGPL|GFDL|MPL|EPL|CDDL|CPL|EUPL|OSL|NPL|QPL|CECILL|CC-BY-(?:SA|NC)|GNU|SLEEPYCAT|IPL|ARTISTIC-ONLY", re.I
)
_IN_SET = re.compile(r"(?:EXPAT|MIT|X11|APACHE|ASL|EDL|0BSD)|BSD(?:[ -]?\d[\d.]*(?:[ -]clause.*)?)?$", re.I)
_LIKE = re.compile(r"LIKE|STYLE|UNKNOWN|RESTRICT", re.I)
_FAMILIES = "AGPL LGPL GPL GFDL MPL EPL MIT BSD Apache ISC Zlib Artistic".split()


@dataclass(frozen=True)
class DebianCopyright:
    """Paragraphs of a copyright file: file patterns and the short name of the licence that holds for them."""

    paragraphs: tuple[tuple[re.Pattern[str], str], ...]

    @classmethod
    def parse(cls, text: str) -> DebianCopyright | None:
        """None for a file that is not in the machine-readable format."""
        if not re.search(r"^(?:Format|Format-Specification):\s*\S+", text[:2000], re.M):
            return None
        found = []
        for paragraph in re.split(r"\n[ \t]*\n", re.sub(r"^#.*\n", "", text.replace("\r", ""), flags=re.M)):
            fields = {
                field[1].lower(): field[2]
                for field in re.finditer(r"^([\w-]+):((?:.*)(?:\n[ \t].*)*)", paragraph, re.M)
            }
            if "files" in fields and "license" in fields:
                short = fields["license"].strip().split("\n")[0].strip()
                found.append((_pattern(fields["files"].split()), short))
        return cls(tuple(found)) if found else None

    def licence(self, path: str) -> str | None:
        """The last paragraph that matches wins, as the format says."""
        return next((short for pattern, short in reversed(self.paragraphs) if pattern.match(path)), None)


def _pattern(globs: list[str]) -> re.Pattern[str]:
    """`*` and `?` match slashes too; a backslash makes the next of `*?\\` plain."""
    parts = []
    for glob in globs:
        glob = glob.rstrip(",").removeprefix("./")
        words = re.findall(r"\\[*?\\]|[*?]|[^*?\\]+|\\", glob)
        parts.append(
            "".join(
                {"*": ".*", "?": "."}.get(word) or re.escape(word[-1:] if word[0] == "\\" else word) for word in words
            )
        )
    return re.compile("(?:" + "|".join(parts) + r")\Z", re.S)


def kind(expression: str) -> Kind:
    """Whether MIT, BSD and Apache would do: all of an `and`, one of an `or`. A comma binds weaker than either word."""
    for separator in (r",\s*(and|or)\s+", r"\s+(or)\s+", r"\s+(and)\s+"):
        parts = re.split(separator, expression.strip(), flags=re.I)
        if len(parts) > 1:
            worst = ("in set", "other", "copyleft")
            kinds = [kind(part) for part in parts[::2]]
            chosen = min if parts[1].lower() == "or" else max
            return chosen(kinds, key=worst.index)  # type: ignore[return-value]
    if _COPYLEFT.match(expression):
        return "copyleft"
    return "in set" if _IN_SET.match(expression) and not _LIKE.search(expression) else "other"


def families(expression: str) -> frozenset[str]:
    """GPL, LGPL, MIT, BSD, Apache … whatever the version; `other` for what is none of the usual ones."""
    names = re.split(
        r",?\s+(?:and|or)\s+|[()]", re.sub(r"\s+with\s+\S+(\s+exception)?", "", expression, flags=re.I), flags=re.I
    )
    return frozenset(family(name.strip()) for name in names if name.strip())


def family(name: str) -> str:
    """The family of an SPDX identifier or of Debian's short name."""
    if re.match(r"expat|x11", name, re.I):
        return "MIT"
    if re.match(r"0BSD|MIT-CMU|MIT-.*advert", name, re.I):
        return "other"
    return next((family for family in _FAMILIES if name.lower().startswith(family.lower())), "other")
