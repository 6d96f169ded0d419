"""Links in wikitext: what they show stays; files, categories and links to other languages go."""

from __future__ import annotations

import re
from collections.abc import Set
from dataclasses import dataclass, field

from gristmill.sources.wikitext_tags import REMOVED

MAX_DEPTH = 40  # of links inside captions inside captions
_LONGEST_CAPTION = 4000  # characters; paragraphs beyond that are an article behind a file link left open

_BRACKETS = re.compile(r"\[\[([^\[\]\n]*+)\]\]|\[\[|\]\]")
_EXTERNAL = re.compile(
    r"\[(?:https?:|ftps?:|news:|irc:|mailto:|git:|svn:|)(?://|(?<=mailto:))[^\s\[\]]++([^\[\]\n]*+)\]", re.I
)
_LONGEST_TITLE = 255  # what MediaWiki allows, in bytes
_FILE_NAME = re.compile(  # files in languages without a table, where the dump does not say what they are called
    r"\.(?:jpe?g|png|svg|gif|tiff?|webp|xcf|bmp|pdf|djvu|og[agv]|webm|mp[34]|mpe?g|wav|flac|opus|midi?|stl)\s*\Z", re.I
)
_PIPE_TRICK = re.compile(r"\s*(?:\([^()]*\)|（[^（）]*）)$|,\s.*$")


@dataclass(frozen=True)
class LinkNames:
    """Prefixes of links that show no text, casefolded: namespaces of files and categories, language codes."""

    files: Set[str] = field(default_factory=frozenset)
    categories: Set[str] = field(default_factory=frozenset)
    languages: Set[str] = field(default_factory=frozenset)

    def hides(self, target: str) -> bool:
        """Whether a link to this page shows nothing in the text."""
        prefix, colon, name = target.partition(":")
        if not colon or not prefix:  # a leading colon makes a plain link of any
            return False
        prefix = prefix.replace("_", " ").strip().casefold()
        if prefix in self.files or prefix in self.categories or prefix in self.languages:
            return True
        return _FILE_NAME.search(name) is not None


def unlink(text: str, names: LinkNames) -> str:
    """The text with links replaced by what they show. Links inside a file's caption go with it.

    Unclosed links lose their brackets; an unclosed file or category goes with the rest of its line.
    """
    if "[" not in text:
        return text
    text = _EXTERNAL.sub(_external, text)
    if "[[" in text or "]]" in text:
        text = _internal(text, names)
        text = _EXTERNAL.sub(_external, text)  # labels that held links
    return text


def _external(found: re.Match[str]) -> str:
    return found[1].strip() or REMOVED


def _internal(text: str, names: LinkNames) -> str:
    frames: list[list[str]] = []  # what came before each open link
    out: list[str] = []
    at = 0
    for found in _BRACKETS.finditer(text):
        if found.start() > at:
            out.append(text[at : found.start()])
        at = found.end()
        if found[1] is not None:
            out.append(shown(found[1], names))
        elif found[0] == "[[":
            if len(frames) < MAX_DEPTH:
                frames.append(out)
                out = []
        elif frames:
            left = shown("".join(out), names)
            out = frames.pop()
            out.append(left)
    out.append(text[at:])
    while frames:
        rest = "".join(out)
        out = frames.pop()
        out.append(_without_first_line(rest) if names.hides(rest.partition("|")[0]) else rest)
    return "".join(out)


def _without_first_line(text: str) -> str:
    return REMOVED + "".join(text.partition("\n")[1:])


def shown(content: str, names: LinkNames) -> str:
    """What `[[content]]` shows."""
    target, bar, label = content.partition("|")
    target = target.strip()
    if names.hides(target):
        return _without_first_line(content) if len(content) > _LONGEST_CAPTION and "\n\n" in content else REMOVED
    if "\n" in target:  # no link: somebody left one open, and this is where another one's end was found
        return content
    if bar and (label := label.strip("\n")).strip():
        return label
    target = target.lstrip(":#").strip()
    if bar:  # an empty label stands for the title without namespace and bracketed addition
        target = target.rpartition(":")[2].strip()
        return _PIPE_TRICK.sub("", target) if len(target) <= _LONGEST_TITLE else target
    return target
