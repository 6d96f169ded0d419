"""XML of papers and patents → text: paragraphs, headings, lists and table rows as a reader expects them.

The vocabulary says what the elements mean; one pass over the tree writes them. `parse` reads untrusted XML: no entities of
its own are expanded, nothing outside is opened.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from html.entities import html5
from itertools import count
from typing import Any, Literal

from lxml import etree

from gristmill.sources.scripts import LOOKS_BACK, subscript, superscript, with_formulas
from gristmill.sources.xml_line_ends import without_ends_in_brackets, without_last_end
from gristmill.sources.xml_tables import TableRows, spans

Element = Any  # lxml.etree._Element
Kind = Literal[
    "skip", "block", "heading", "list", "item", "line", "pre", "table", "row", "cell", "break", "sub", "sup", "quote"
]

_BETWEEN = {"item": "\n", "line": "\n", "row": "\n", "quote": "\n>\n"}  # such blocks and the next of their kind
_BLOCKS = frozenset(("block", "heading", "list", "item", "line", "pre", "row", "quote"))
_INDENT = "  "
_NO_SCRIPT = ("", 0, 0, "")
_LONGEST_SCRIPT = 200  # characters; what follows is joined to no longer one
_DEEPEST = 8  # lists in lists are indented no further
_ENTITY = re.compile(rb"&([A-Za-z][A-Za-z0-9]{1,31});")
_XML_NAMES = ("amp", "lt", "gt", "quot", "apos")
_GREEK = dict(
    zip("a b g d e z ee th i k l m n x o p r s sf t u ph kh ps oh".split(), "αβγδεζηθικλμνξοπρσςτυφχψω", strict=True)
)
_UNSEEN = re.compile("[\x7f-\x84\x86-\x9f\xad\u200b\u2060\ufeff]")


@dataclass(frozen=True)
class Vocabulary:
    """What elements mean, by their local name; those not named are inline.

    replace: called for elements named in `replaced`: what stands in their place, or None to go on as usual.
    section: elements whose nesting makes the level of a heading; a level of 0 makes it text like any other.
    """

    kinds: dict[str, Kind]
    sections: frozenset[str] = frozenset()
    replaced: frozenset[str] = frozenset()
    replace: Callable[[Element], str | None] = lambda element: None
    heading_level: Callable[[Element, int], int] = lambda element, depth: max(1, depth)


class BadXml(ValueError):
    """XML that no parser reads."""


def parse(data: bytes) -> Element:
    """The root of a document. Raises BadXml."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=False)
    try:
        root = etree.fromstring(with_signs(data), parser)
    except (etree.XMLSyntaxError, ValueError, LookupError) as error:
        raise BadXml(str(error)[:300]) from None
    if root is None:
        raise BadXml("no element in it")
    return root


def with_signs(data: bytes) -> bytes:
    """The document with numbers in place of named entities: HTML's and, of the older ISO sets, the Greek agr, bgr … Ohgr.
    The DTDs that define them are not read."""
    return _ENTITY.sub(_numbered, data)


def _numbered(found: re.Match[bytes]) -> bytes:
    name = found[1].decode()
    if name.endswith("gr") and (letter := _GREEK.get(name[:-2].lower())):
        signs = letter.upper() if name[0].isupper() else letter
    else:
        signs = html5.get(name + ";", "") if name not in _XML_NAMES else ""
    return "".join(f"&#{ord(sign)};" for sign in signs).encode() or found[0]


def local(element: Element) -> str:
    """The name without its namespace; comments and the like have none."""
    tag = element.tag
    return _local(tag) if isinstance(tag, str) else ""


@lru_cache(4096)
def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def plain(element: Element | None) -> str:
    """All text of an element on one line."""
    return " ".join("".join(element.itertext()).split()) if element is not None else ""


def xml_text(root: Element, words: Vocabulary) -> str:
    """The text of an element, blocks apart by blank lines."""
    if not len(root) and words.kinds.get(local(root), "block") == "block":  # as most paragraphs of patents are
        return " ".join(_clean(root.text or "").split())
    writer = _Writer()
    context = etree.iterwalk(root, events=("start", "end", "comment", "pi"))
    depth = 0
    for event, element in context:
        if event in ("comment", "pi"):
            writer.add(element.tail)
            continue
        if element.tag is etree.Entity:  # an entity that is known nowhere
            if event == "start":
                writer.add(f"&{element.name};")
                writer.add(element.tail)
            continue
        name = _local(element.tag)
        if event == "end":
            depth -= name in words.sections
            kind = writer.opened.pop()
            if kind is not None:
                writer.close(kind, element)
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
        if kind is None:
            writer.opened.append(None)
        else:
            writer.open(kind, element, words.heading_level(element, depth) if kind == "heading" else 0)
        if kind == "pre":
            writer.verbatim(element)
            context.skip_subtree()
            continue
        writer.add(element.text)
    return writer.text()


def _level(heading: str) -> int:
    return len(heading) - len(heading.lstrip("#"))


class _Writer:
    def __init__(self) -> None:
        self.blocks: list[tuple[str, str]] = []  # kind, text
        self.current: list[str] = []
        self.prefix = ""  # of the block being written: a heading's signs, an item's marker
        self.kind = "block"
        self.lists: list[Callable[[], str]] = []  # what gives the next marker of each open list
        self.quotes: list[int] = []  # numbers of the open quotes
        self.groups = 0  # outermost lists and quotes so far: their numbers keep neighbours apart
        self.opened: list[Kind | None] = []
        self.starts: list[int] = []  # where open scripts and cells begin in `current`
        self.script = _NO_SCRIPT  # the last one: kind, begin, end, its text
        self.rows = TableRows()
        self.in_row = self.in_cell = False

    def add(self, text: str | None) -> None:
        if text:
            self.current.append(text)

    # -- elements ------------------------------------------------------------------------------------------------

    def open(self, kind: Kind, element: Element, level: int) -> None:
        if self.in_row and (kind in _BLOCKS or (kind == "cell" and self.in_cell)):
            self.add(" ")  # what else begins a line stands in that of the row
            kind = "break"
        elif kind == "cell" and not self.in_row:
            kind = "break"
        elif kind == "heading" and not level:
            self.opened.append(None)
            return
        self.opened.append(kind)
        if kind in _BLOCKS:
            self.flush()
        if kind == "heading":
            self.prefix, self.kind = "#" * min(6, level) + " ", "heading"
        elif kind == "list":
            self.groups += not self.lists
            self.lists.append(_markers(element))
        elif kind == "item":
            label = next(iter(element), None)
            marker = self.lists[-1]() if self.lists else "*"
            if label is not None and local(label) == "label":
                marker = plain(label) or marker
            self.prefix, self.kind = _INDENT * min(_DEEPEST, max(0, len(self.lists) - 1)) + marker + " ", "item"
        elif kind == "line":
            self.kind = "line"
        elif kind == "quote":
            self.groups += 1
            self.quotes.append(self.groups)
        elif kind == "table":
            self.rows.begin()
        elif kind == "row":
            self.rows.begin_row()
            self.in_row = True
        elif kind == "cell":
            self.in_cell = True
            self.script = _NO_SCRIPT
            self.starts.append(len(self.current))
        elif kind == "break":
            self.add(" ")
        elif kind in ("sub", "sup"):
            self.open_script(kind)

    def close(self, kind: Kind, element: Element) -> None:
        if kind in ("sub", "sup"):
            self.close_script(kind)
        elif kind == "break":
            self.add(" ")
        elif kind == "cell":
            start = self.starts.pop()
            self.rows.add(_clean("".join(self.current[start:])), *spans(element))
            del self.current[start:]
            self.in_cell = False
        elif kind == "row":
            self.close_row()
        elif kind in _BLOCKS:
            self.flush()
            if kind == "item":  # its marker goes with it, used or not
                self.prefix, self.kind = "", "block"
            elif kind == "list" and self.lists:
                self.lists.pop()
            elif kind == "quote":
                self.quotes.pop()

    def close_row(self) -> None:
        stray = _clean("".join(self.current))
        if stray.strip():
            self.rows.add(stray, 1, 1)
        self.current = []
        self.in_row = False
        if line := self.rows.end_row():
            self.blocks.append(("row", line))

    def open_script(self, kind: Kind) -> None:
        """A script right behind another of its kind goes on with it."""
        if kind == "sub" and self.current:  # it belongs to what is before it, wherever the line ends
            self.current[-1] = without_last_end(self.current[-1])
        before, begin, end, text = self.script
        if before == kind and end == len(self.current) and len(text) < _LONGEST_SCRIPT:
            del self.current[begin:]
            self.current.append(text)
            self.starts.append(begin)
        else:
            self.starts.append(len(self.current))

    def close_script(self, kind: Kind) -> None:
        begin = self.starts.pop()
        if begin > len(self.current):  # a block inside it
            return
        text = "".join(self.current[begin:])
        before, at = "", begin
        while at and len(before) < LOOKS_BACK:
            at -= 1
            before = self.current[at] + before
        del self.current[begin:]
        self.add((superscript if kind == "sup" else subscript)(text, before))
        self.script = (kind, begin, len(self.current), text)

    def verbatim(self, element: Element) -> None:
        text = "".join(element.itertext()).strip("\n")
        if self.opened[-1] == "pre" and text.strip():
            self.blocks.append(("pre", f"```\n{text}\n```"))
        else:
            self.add(text)

    # -- blocks --------------------------------------------------------------------------------------------------

    def flush(self) -> None:
        text = " ".join(_clean("".join(self.current)).split())
        self.current = []
        self.script = _NO_SCRIPT
        if text:
            inside = self.kind if self.kind != "block" or not self.lists else "item"
            prefix = self.prefix or (_INDENT * min(_DEEPEST, len(self.lists)) if inside == "item" else "")
            if self.quotes and inside == "block":
                inside = f"quote {self.quotes[0]}"
            elif inside == "item":
                inside = f"item {self.groups}"
            self.blocks.append((inside, "> " * len(self.quotes) + prefix + text))
            self.prefix, self.kind = "", "block"
        elif self.kind in ("heading", "line"):
            self.prefix, self.kind = "", "block"

    def text(self) -> str:
        self.flush()
        return "".join(self._joined())

    def _joined(self) -> Iterator[str]:
        before = ""
        for kind, text in self._headed():
            if before:
                yield _BETWEEN.get(kind.partition(" ")[0], "\n\n") if before == kind else "\n\n"
            yield text
            before = kind

    def _headed(self) -> list[tuple[str, str]]:
        """The blocks without headings under which nothing stands."""
        kept: list[tuple[str, str]] = []
        for kind, text in reversed(self.blocks):
            if kind != "heading" or (kept and (kept[-1][0] != "heading" or _level(kept[-1][1]) > _level(text))):
                kept.append((kind, text))
        return kept[::-1]


def _clean(text: str) -> str:
    """Without what nobody sees: soft hyphens, spaces of no width, control characters, lines that end inside brackets."""
    text = _UNSEEN.sub("", text) if _UNSEEN.search(text) else text
    return with_formulas(without_ends_in_brackets(text))


def _markers(element: Element) -> Callable[[], str]:
    """What gives the marker of each next item of a list."""
    kind = element.get("list-type") or ("order" if local(element) == "ol" else "bullet")
    if kind not in _COUNTED:
        return lambda: "*"
    numbers = count(1)
    return lambda: _COUNTED[kind](next(numbers)) + "."


def _letter(number: int) -> str:
    return string.ascii_lowercase[(number - 1) % 26] * ((number - 1) // 26 + 1)


def _roman(number: int) -> str:
    found = ""
    for value, sign in ((50, "l"), (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i")):
        while number >= value:
            found, number = found + sign, number - value
    return found


_COUNTED: dict[str, Callable[[int], str]] = {
    "order": str,
    "ordered": str,
    "arabic": str,
    "alpha-lower": _letter,
    "alpha-upper": lambda number: _letter(number).upper(),
    "roman-lower": _roman,
    "roman-upper": lambda number: _roman(number).upper(),
}
