"""Tags in wikitext: regions whose content is no wikitext (`<ref>`, `<nowiki>`, `<math>` …) and plain HTML.

    text = set_aside(text, keep, math="latex")    # first of all passes: markup inside these means nothing
    text = unwrap_html(text)                      # after links

Marks, all of them control characters that XML cannot hold: KEEP n END stands for the n-th kept passage, REMOVED
for something that was taken out, so that the blanks and punctuation around it can be tidied later.
"""

from __future__ import annotations

import re
from collections.abc import Callable

KEEP, END, REMOVED, NOTHING = "\x01", "\x02", "\x03", "\x04"

DROPPED_REGIONS = (
    "gallery", "timeline", "score", "imagemap", "graph", "mapframe", "maplink", "hiero", "templatedata",
    "templatestyles", "categorytree", "inputbox", "charinsert", "indicator", "references", "includeonly", "phonos",
    "rss", "quiz", "dynamicpagelist", "section",
)  # fmt: skip
FORMULAE = ("math", "chem", "ce")
CODE = ("syntaxhighlight", "source", "pre")

_REGION = re.compile(
    r"<(?:!--|(ref|nowiki|" + "|".join((*DROPPED_REGIONS, *FORMULAE, *CODE)) + r")(?=[\s/>])([^<>]*+)>)",
    re.IGNORECASE,
)
_REF = re.compile(r"<(/?)ref(?=[\s/>])[^<>]*+>", re.IGNORECASE)
_MAX_NESTED_REFS = 8

_SUPERSCRIPT = re.compile(  # exponents and charges; ordinals such as XIX<sup>e</sup> read well without
    r"<sup[^<>]{0,80}>\s{0,4}([-+−–]?[0-9n]{1,6}|[0-9]{0,3}[-+−–])\s{0,4}</sup\s{0,4}>"
)
_RAISED = str.maketrans("0123456789n+-−–", "⁰¹²³⁴⁵⁶⁷⁸⁹ⁿ⁺⁻⁻⁻")
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]{0,15})(?=[\s/>])[^<>]*+>")

_LINE_BREAKS = {
    "br": "\n", "hr": "\n", "div": "\n", "center": "\n", "poem": "\n", "ul": "\n", "ol": "\n", "dl": "\n", "table": "\n",
    "tr": "\n", "caption": "\n", "blockquote": "\n\n", "p": "\n\n", "td": " ", "th": " ",
}  # fmt: skip
_ITEMS = {"li": "\n* ", "dt": "\n; ", "dd": "\n: "}
_INLINE = frozenset(
    "abbr b bdi bdo big cite code data del dfn em font i ins kbd label mark noinclude nobr onlyinclude q rb rp rt rtc"
    " ruby s samp small span strike strong sub sup thead tbody tfoot time tt u var wbr colgroup col img a ref nowiki"
    " references gallery translate tvar languages section indicator".split()
)


def set_aside(text: str, keep: Callable[[str], str], *, math: str = "latex", code: bool = True) -> str:
    """The text without comments, references and other regions that are no prose.

    keep: takes a passage that must stay as it is and gives the mark for it.
    math: `latex` keeps formulae as $…$, `drop` removes them. code: whether code and preformatted text stays.
    An unclosed comment runs to the end, as in MediaWiki; of any other unclosed region only the tag goes.
    """
    if "<" not in text:
        return text
    pieces: list[str] = []
    unclosed: set[str] = set()  # names without a closing tag in the rest: each is searched for once
    at = 0
    while found := _REGION.search(text, at):
        pieces.append(text[at : found.start()])
        at = found.end()
        if found[1] is None:
            at = _after_comment(text, found.start(), at)
            continue
        name = found[1].lower()
        if found[2].endswith("/"):
            pieces.append(NOTHING if name == "nowiki" else REMOVED)
            continue
        if name == "ref":
            at = _after_reference(text, at)
            pieces.append(REMOVED)
            continue
        end = None if name in unclosed else _closing(name).search(text, at)
        if end is None:
            unclosed.add(name)
            continue
        content = text[at : end.start()]
        at = end.end()
        if name == "nowiki":
            pieces.append(keep(content) if content else NOTHING)
        elif name in FORMULAE:
            content = content.strip()
            pieces.append(keep(f"${content}$") if math == "latex" and content else REMOVED)
        elif name in CODE and code:
            pieces.append(f"\n{keep(content.strip(chr(10)))}\n" if "\n" in content else keep(content.strip()))
        else:
            pieces.append(REMOVED)
    pieces.append(text[at:])
    return "".join(pieces)


_closers: dict[str, re.Pattern[str]] = {}


def _closing(name: str) -> re.Pattern[str]:
    if name not in _closers:
        _closers[name] = re.compile(rf"</{name}\s{{0,8}}>", re.IGNORECASE)
    return _closers[name]


def _after_comment(text: str, start: int, inside: int) -> int:
    """Where to go on after a comment. One alone on its line takes the line end with it."""
    end = text.find("-->", inside)
    if end < 0:
        return len(text)
    end += 3
    if start == 0 or text[start - 1] == "\n":
        line_end = end
        while line_end < len(text) and line_end < end + 64 and text[line_end] in " \t":
            line_end += 1
        if text[line_end : line_end + 1] == "\n":
            return line_end + 1
    return end


def _after_reference(text: str, start: int) -> int:
    """Where the reference that was opened before `start` ends; `start` itself when it was never closed.

    A second opening tag before the closing one means nesting only if all of them close within a paragraph;
    else the author forgot a slash, and what follows is prose.
    """
    depth, at = 1, start
    for _ in range(_MAX_NESTED_REFS):
        found = _REF.search(text, at)
        if found is None:
            return start
        at = found.end()
        if found[1]:
            depth -= 1
            if depth == 0:
                return at
        elif not found[0].endswith("/>"):
            depth += 1
        if depth > 1 and text.find("\n\n", start, at) >= 0:
            return start
    return start


def unwrap_html(text: str) -> str:
    """The text without HTML tags: line breaks, list items and headings as wikitext, others simply gone.

    Tags that HTML does not know stay: they are more likely `a <b` in a formula or code.
    """
    if "<" not in text:
        return text
    text = _SUPERSCRIPT.sub(lambda found: found[1].translate(_RAISED), text)
    return _TAG.sub(_replacement, text)


def _replacement(found: re.Match[str]) -> str:
    name = found[2].lower()
    if name in _INLINE:
        return ""
    if name in _LINE_BREAKS:
        return _LINE_BREAKS[name]
    if name in _ITEMS:
        return "" if found[1] else _ITEMS[name]
    if len(name) == 2 and name[0] == "h" and name[1] in "123456":
        bars = "=" * int(name[1])
        return f" {bars}\n" if found[1] else f"\n{bars} "
    return found[0]
