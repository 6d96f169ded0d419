"""XML of papers and patents → text: paragraphs, headings, lists and table rows as a reader expects them.

The vocabulary says what the elements mean; one pass over the tree writes them. `parse` reads untrusted XML: no entities of
its own are expanded, nothing outside is opened.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from lxml import etree

Element = Any  # lxml.etree._Element
Kind = Literal["skip", "block", "heading", "list", "item", "row", "cell", "break", "sub", "sup", "quote"]

_TIGHT = ("item", "row")  # such blocks follow each other on the next line
_BLOCKS = ("block", "heading", "list", "item", "row", "quote")
_INDENT = "  "


@dataclass(frozen=True)
class Vocabulary:
    """What elements mean, by their local name; those not named are inline.

    replace: called for elements named in `replaced`: what stands in their place, or None to go on as usual.
    section: elements whose nesting makes the level of a heading.
    """

    kinds: dict[str, Kind]
    sections: frozenset[str] = frozenset()
    replaced: frozenset[str] = frozenset()
    replace: Callable[[Element], str | None] = lambda element: None
    heading_level: Callable[[Element, int], int] = lambda element, depth: depth


class BadXml(ValueError):
    """XML that no parser reads."""


def parse(data: bytes) -> Element:
    """The root of a document. Raises BadXml."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=False)
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError, LookupError) as error:
        raise BadXml(str(error)[:300]) from None
    if root is None:
        raise BadXml("no element in it")
    return root


def local(element: Element) -> str:
    """The name without its namespace; comments and the like have none."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def plain(element: Element | None) -> str:
    """All text of an element on one line."""
    return " ".join("".join(element.itertext()).split()) if element is not None else ""


def xml_text(root: Element, words: Vocabulary) -> str:
    """The text of an element, blocks apart by blank lines."""
    writer = _Writer()
    context = etree.iterwalk(root, events=("start", "end", "comment", "pi"))
    depth = 0
    for event, element in context:
        if event in ("comment", "pi"):
            writer.add(element.tail)
            continue
        if element.tag is etree.Entity:  # an entity of a DTD that is not read
            if event == "start":
                writer.add(_entity(element.name))
                writer.add(element.tail)
            continue
        name = local(element)
        if event == "end":
            depth -= name in words.sections
            writer.close()
            if element is not root:
                writer.add(element.tail)
            continue
        depth += name in words.sections
        kind = words.kinds.get(name)
        replacement = words.replace(element) if name in words.replaced else None
        if kind == "skip" or replacement is not None:
            writer.add(replacement)
            writer.opened.append(None)
            context.skip_subtree()
            continue
        writer.open(kind, element, words.heading_level(element, depth) if kind == "heading" else 0)
        writer.add(element.text)
    return writer.text()


def _level(heading: str) -> int:
    return len(heading) - len(heading.lstrip("#"))


def _entity(name: str) -> str:
    return html.unescape(f"&{name};")


class _Writer:
    def __init__(self) -> None:
        self.blocks: list[tuple[str, str]] = []  # kind, text
        self.current: list[str] = []
        self.prefix = ""  # of the block being written: a heading's signs, an item's marker
        self.kind = "block"
        self.lists: list[list[int]] = []  # counters of open lists; 0: not ordered
        self.opened: list[Kind | None] = []

    def add(self, text: str | None) -> None:
        if text:
            self.current.append(text)

    def open(self, kind: Kind | None, element: Element, level: int) -> None:
        self.opened.append(kind)
        if kind in _BLOCKS:
            self.flush()
        if kind == "heading":
            self.prefix, self.kind = "#" * max(1, min(6, level)) + " ", "heading"
        elif kind == "list":
            ordered = element.get("list-type") in ("order", "ordered", "arabic", "alpha-lower", "roman-lower")
            self.lists.append([1 if ordered or local(element) == "ol" else 0])
        elif kind == "item":
            counter = self.lists[-1] if self.lists else [0]
            self.prefix = _INDENT * max(0, len(self.lists) - 1) + (f"{counter[0]}. " if counter[0] else "* ")
            counter[0] += bool(counter[0])
            self.kind = "item"
        elif kind == "row":
            self.kind = "row"
        elif kind == "quote":
            self.prefix = "> "
        elif kind == "cell" and "".join(self.current).strip():
            self.add(" | ")
        elif kind == "break":
            self.add("\n")
        elif kind == "sub":
            self.add("_")
        elif kind == "sup":
            self.add("^")

    def close(self) -> None:
        kind = self.opened.pop()
        if kind in _BLOCKS:
            self.flush()
        if kind == "list" and self.lists:
            self.lists.pop()

    def flush(self) -> None:
        text = "\n".join(
            line for line in (" ".join(part.split()) for part in "".join(self.current).split("\v")) if line
        )
        self.current = []
        if text:
            inside = self.kind if self.kind != "block" or not self.lists else "item"
            prefix = self.prefix or (_INDENT * len(self.lists) if inside == "item" else "")
            self.blocks.append((inside, prefix + text))
            self.prefix, self.kind = "", "block"
        elif self.kind in ("heading", "row"):
            self.prefix, self.kind = "", "block"

    def text(self) -> str:
        self.flush()
        return "".join(self._joined())

    def _joined(self) -> Iterator[str]:
        before = ""
        for kind, text in self._headed():
            if before:
                yield "\n" if kind in _TIGHT and before == kind else "\n\n"
            yield text
            before = kind

    def _headed(self) -> list[tuple[str, str]]:
        """The blocks without headings under which nothing stands."""
        kept: list[tuple[str, str]] = []
        for kind, text in reversed(self.blocks):
            if kind != "heading" or (kept and (kept[-1][0] != "heading" or _level(kept[-1][1]) > _level(text))):
                kept.append((kind, text))
        return kept[::-1]
