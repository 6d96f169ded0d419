"""Small, clean HTML → text that keeps what structure says: paragraphs, lists, quotes, code.

html_to_text("<p>Run <code>ls</code>:</p><ul><li>one</li><li>two</li></ul>")
== "Run `ls`:\n\n* one\n* two"

For HTML somebody has already sanitised: posts, books, abstracts. It keeps everything that is not markup, so it is
no extractor for web pages (see `gristmill.extract`). One pass over the tags without a tree: linear in the input,
whatever the nesting.
"""

from __future__ import annotations

import html
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

Markup = Literal["markdown", "plain"]
Links = Literal["text", "target"]

# A tag, with attributes whose quoted values may hold `>` or, failing that, anything up to the next `>`. No part of it
# crosses a `<`, which keeps the scan linear.
_TAG = re.compile(r"<(/?)([a-zA-Z][\w:-]*)((?:[^<>\"']++|\"[^\"<]*+\"|'[^'<]*+')*+|[^<>]*+)>|<[!?][^<>]*>")
_ATTRIBUTE = re.compile(r"([\w:-]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))")
_INVISIBLE = ("\u00ad", "\u200b", "\u2060", "\ufeff")  # where a line may break, or must not
_CONTROLS = (*(chr(code) for code in (*range(9), 0x0B, 0x0C, *range(0x0E, 0x20), 0x7F)), *_INVISIBLE)
_SPACES = re.compile(" {2,}")
_BREAK = "\x0b"  # stands for <br> until a block is closed; control characters are gone by then
_CELL = " | "  # between the cells of a table row
_LANGUAGE = re.compile(r"\b(?:lang|language)-([\w+#.-]+)")
_ORDINAL = re.compile(r"(?:st|nd|rd|th|er|re|e|è|ème|a|o|ª|º)\.?$", re.IGNORECASE)

_SKIPPED = frozenset("script style title svg noscript iframe object template select".split())
_BLOCKS = frozenset(
    "p div section article header footer main aside nav figure figcaption center address body html form fieldset "
    "table caption thead tbody tfoot dl details summary".split()
)
_HEADINGS = {f"h{level}": "#" * level + " " for level in range(1, 7)}
_INLINE = frozenset(("code", "a", "sup", "sub"))
_MOST_NESTED = 24  # lists and quotes deeper than that are written at that depth


@dataclass(slots=True)
class _Container:
    """An open list, list item or quote."""

    tag: str
    marker: str = ""  # of an item, until its first line is written
    indent: str = ""  # what stands before its further lines
    items: int = 0  # of a list, so far
    first: int = 1  # number of an ordered list's first item


def html_to_text(
    source: str, *, markup: Markup = "markdown", links: Links = "text", drop_classes: Collection[str] = ()
) -> str:
    """The text of an HTML fragment or page, without leading or trailing blank lines.

    markup: markdown marks code, quotes and headings as Markdown does; plain only sets them apart by blank lines.
    Both write `* ` before the items of unordered lists and `1. ` before those of ordered ones.
    links: text keeps the words of a link; target adds the address in parentheses where it says something else.
    drop_classes: elements with one of these classes, ids or EPUB types go with all they hold.
    """
    writer = _Writer(markup == "markdown", links == "target")
    for sign in _CONTROLS:  # one quick look for each costs less than a pattern for all
        if sign in source:
            source = source.replace(sign, "")
    parts = _TAG.split(_without_comments(source))
    skipping, depth = "", 0
    writer.text(parts[0])
    for at in range(1, len(parts), 4):
        closing, name, attributes, text = parts[at : at + 4]
        tag = name.lower() if name else ""
        if skipping:
            if tag == skipping and not (attributes and attributes.endswith("/")):
                depth += -1 if closing else 1
                if skipping == "p" and not closing:
                    depth = 0  # a paragraph cannot hold another: the dropped one was left open
            if depth > 0:
                continue
            ended, skipping = skipping, ""
            if closing and tag == ended:
                writer.text(text)
                continue
        if tag and not closing and _begins_skip(tag, attributes, drop_classes):
            skipping, depth = tag, 1
            continue
        if tag:
            (writer.close if closing else writer.open)(tag, attributes)
        if text:
            writer.text(text)
    return writer.finish()


def _begins_skip(tag: str, attributes: str, drop_classes: Collection[str]) -> bool:
    if attributes.endswith("/") or tag in ("br", "img", "hr", "input", "meta", "link", "col", "wbr"):
        return False
    if tag in _SKIPPED:
        return True
    if not drop_classes or not attributes:
        return False
    if "epub:type" in attributes and attribute(attributes, "epub:type") in drop_classes:
        return True
    found = attribute(attributes, "class").split() + attribute(attributes, "id").split()
    return any(one in drop_classes for one in found)


def attribute(attributes: str, name: str) -> str:
    """The value of an attribute in the text between a tag's name and its `>`, unescaped; "" when absent."""
    if name not in attributes.lower():
        return ""
    for found in _ATTRIBUTE.finditer(attributes):
        if found[1].lower() == name:
            return html.unescape(found[2] or found[3] or found[4] or "")
    return ""


def _without_comments(source: str) -> str:
    if "<!--" not in source:
        return source
    kept, at = [], 0
    while (start := source.find("<!--", at)) >= 0:
        kept.append(source[at:start])
        end = source.find("-->", start + 4)
        at = end + 3 if end >= 0 else len(source)
    kept.append(source[at:])
    return "".join(kept)


class _Writer:
    """Receives tags and text, writes lines."""

    def __init__(self, markdown: bool, targets: bool) -> None:
        self.markdown, self.targets = markdown, targets
        self.lines: list[str] = []
        self.run: list[str] = []  # inline text of the block that is open
        self.inline: list[tuple[str, int, str]] = []  # open inline elements: tag, where its text begins in run, address
        self.containers: list[_Container] = []
        self.ignored = 0  # containers opened beyond _MOST_NESTED
        self.gap = 0  # line ends owed before the next line: 1 a new line, 2 a blank one
        self.lead = ""  # heading marks for the next line
        self.quotes = 0  # quote depth of the last line
        self.preformatted: list[str] | None = None
        self.language = ""
        self.in_row = False

    # -- text --------------------------------------------------------------------------------------------------

    def text(self, text: str) -> None:
        if "&" in text:
            text = html.unescape(text)
            for sign in _INVISIBLE:
                text = text.replace(sign, "")
        if self.preformatted is not None:
            self.preformatted.append(text)
        elif text:
            self.run.append(text)

    def flush(self, gap: int) -> None:
        """End the block that is open; what comes next stands `gap` line ends further on."""
        if self.run:
            text = "".join(self.run).replace("\n", " ").replace("\t", " ").replace("\r", " ").replace("\xa0", " ")
            text = (_SPACES.sub(" ", text) if "  " in text else text).strip(" " + _BREAK)
            self.run.clear()
            self.inline.clear()
            if text:
                held = self.lead
                self.lead = ""
                self.write([line.strip() for line in (held + text).split(_BREAK)])
        self.gap = max(self.gap, gap)

    def write(self, lines: list[str]) -> None:
        quotes = sum(c.tag == "blockquote" for c in self.containers) if self.markdown and self.containers else 0
        if self.lines and self.gap == 2:
            self.lines.append("> " * min(quotes, self.quotes))
        self.quotes, self.gap = quotes, 1
        if not self.containers:
            self.lines += lines
            return
        prefix = "".join(c.marker or c.indent for c in self.containers)
        for container in self.containers:
            container.marker = ""
        rest = "".join(c.indent for c in self.containers)
        for line in lines:
            self.lines.append(prefix + line)
            prefix = rest

    def finish(self) -> str:
        self.end_preformatted()
        self.flush(0)
        lines = [line.rstrip() for line in self.lines]
        return "\n".join(lines).strip("\n")

    # -- tags --------------------------------------------------------------------------------------------------

    def open(self, tag: str, attributes: str) -> None:
        if self.preformatted is not None:
            self.inside_preformatted(tag, attributes)
        elif tag in _INLINE:
            address = attribute(attributes, "href") if tag == "a" and self.targets else ""
            self.inline.append((tag, len(self.run), address))
        elif tag == "br":
            self.run.append(_BREAK)
        elif tag == "pre":
            self.flush(2)
            self.language = _language(attributes)
            self.preformatted = []
        elif tag == "li":
            self.item()
        elif tag in ("ul", "ol", "menu", "dir", "blockquote"):
            self.container(tag, attributes)
        elif tag in _HEADINGS:
            self.flush(2)
            self.lead = _HEADINGS[tag] if self.markdown else ""
        elif tag in _BLOCKS:
            if not (self.in_row and self.run[-1:] == [_CELL]):
                self.flush(1 if self.marker_waits() else 2)
        elif tag in ("tr", "dt", "dd"):
            self.flush(1)
            self.in_row = False
        elif tag in ("td", "th"):
            if self.in_row and self.run:
                self.run.append(_CELL)
            self.in_row = True
        elif tag == "hr":
            self.flush(2)

    def close(self, tag: str, _attributes: str) -> None:
        if self.preformatted is not None:
            if tag == "pre":
                self.end_preformatted()
        elif tag in _INLINE:
            self.close_inline(tag)
        elif tag in ("ul", "ol", "menu", "dir", "blockquote", "li"):
            self.close_container(tag)
        elif tag in _HEADINGS:
            self.flush(2)
            self.lead = ""
        elif tag in _BLOCKS:
            self.flush(2)
        elif tag in ("tr", "dt", "dd"):
            self.flush(1)

    def marker_waits(self) -> bool:
        """True at the beginning of a list item, where a paragraph starts no new line."""
        return bool(self.containers) and bool(self.containers[-1].marker)

    def inside_preformatted(self, tag: str, attributes: str) -> None:
        assert self.preformatted is not None
        if tag == "br":
            self.preformatted.append("\n")
        elif tag == "code" and not self.language:
            self.language = _language(attributes)

    def end_preformatted(self) -> None:
        if self.preformatted is None:
            return
        text = "".join(self.preformatted).replace("\r\n", "\n").replace("\r", "\n").replace("\xa0", " ")
        self.preformatted = None
        lines = [line.rstrip() for line in text.split("\n")]
        while lines and not lines[0]:
            lines.pop(0)
        while lines and not lines[-1]:
            lines.pop()
        if lines:
            if self.markdown:
                fence = "```"
                while any(line.lstrip().startswith(fence) for line in lines):
                    fence += "`"
                lines = [fence + self.language, *lines, fence]
            self.write(lines)
        self.gap = 2

    def close_inline(self, tag: str) -> None:
        for at in range(len(self.inline) - 1, max(-1, len(self.inline) - 5), -1):
            if self.inline[at][0] == tag:
                break
        else:
            return
        _, start, address = self.inline[at]
        del self.inline[at:]
        text = "".join(self.run[start:])
        del self.run[start:]
        before = self.run[-1][-1:] if self.run else ""
        self.run.append(self.marked(tag, text, address, before))

    def marked(self, tag: str, text: str, address: str, before: str) -> str:
        """Inline text with what its element says about it. A superscript behind a letter or digit becomes a power."""
        bare = text.strip()
        if not bare:
            return text
        if tag == "code" and self.markdown:
            return f"``{text}``" if "`" in bare else f"`{text}`"
        if tag == "a" and address.startswith(("http://", "https://")) and address.rstrip("/") != bare.rstrip("/"):
            return f"{text} ({address})"
        raised = tag == "sup" and (before.isalnum() or before in (")", "]", "}"))
        if raised and bare.lstrip("+-−").isalnum() and not _ORDINAL.match(bare):
            return "^" + bare
        if tag == "sub" and before.isalpha() and not bare.isdigit() and bare.isalnum():
            return "_" + bare
        return text

    # -- lists and quotes ----------------------------------------------------------------------------------------

    def container(self, tag: str, attributes: str) -> None:
        inner = tag != "blockquote" and any(c.tag == "li" for c in self.containers)
        self.flush(1 if inner else 2)
        if len(self.containers) >= _MOST_NESTED:
            self.ignored += 1
            return
        first = attribute(attributes, "start") if tag == "ol" else ""
        container = _Container(tag, first=int(first) if first.isascii() and first.isdigit() and len(first) < 7 else 1)
        if tag == "blockquote" and self.markdown:
            container.indent = "> "
        self.containers.append(container)

    def item(self) -> None:
        """A list item begins; one left open before it ends."""
        self.flush(0)
        lists = [at for at, c in enumerate(self.containers) if c.tag not in ("li", "blockquote")]
        if not lists:
            self.flush(1)
            self.run.append("* ")
            return
        if self.ignored:
            self.flush(1)
            return
        del self.containers[lists[-1] + 1 :]
        parent = self.containers[-1]
        if parent.items:
            self.gap = 1
        marker = f"{parent.first + parent.items}. " if parent.tag == "ol" else "* "
        parent.items += 1
        self.containers.append(_Container("li", marker=marker, indent=" " * len(marker)))

    def close_container(self, tag: str) -> None:
        if tag != "li" and self.ignored:
            self.flush(1)
            self.ignored -= 1
            return
        self.flush(1 if tag == "li" else 2)
        for at in range(len(self.containers) - 1, -1, -1):
            if self.containers[at].tag == tag:
                del self.containers[at:]
                break
            if tag == "li" and self.containers[at].tag != "blockquote":
                return  # the item this would end belongs to an outer list
        if tag != "li" and any(c.tag == "li" for c in self.containers) and tag != "blockquote":
            self.gap = 1


def _language(attributes: str) -> str:
    """The language a code block's class names, as syntax highlighters mark it; "" for none."""
    found = _LANGUAGE.search(attribute(attributes, "class"))
    return "" if found is None or found[1] in ("none", "default") else found[1]
