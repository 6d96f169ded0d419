"""One patent of any age → its parts, in one form. Here the XML since 2001; the text of 1976 to 2001 is read in `aps`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from lxml import etree

from gristmill.sources.mathml import math_text
from gristmill.sources.xml_text import BadXml, Element, Vocabulary, local, parse, plain, with_signs, xml_text


@dataclass(frozen=True)
class Paragraph:
    """A paragraph or heading of the description. `part`: summary, drawings, detail, related or '' where it is not said."""

    text: str
    heading: bool = False
    part: str = ""


@dataclass
class Patent:
    """The parts of a patent that make text, and what is known of it."""

    number: str = ""
    kind: str = ""
    title: str = ""
    date: str = ""
    abstract: str = ""
    description: list[Paragraph] = field(default_factory=list)
    claims: list[str] = field(default_factory=list)
    inventors: list[str] = field(default_factory=list)
    assignees: list[str] = field(default_factory=list)
    classes: list[str] = field(default_factory=list)


# -- which paragraphs are the background ---------------------------------------------------------------------------------

_BACKGROUND = re.compile(r"\bBACK\s?GROUND\b", re.I)
_GOES_ON = re.compile(
    r"\b(?:FIELD|RELATED|PRIOR|CONVENTIONAL|STATE OF THE ART|TECHNICAL PROBLEM|CITATION|LITERATURE)\b", re.I
)
_ENDS = re.compile(r"\b(?:SUMMARY|DRAWINGS?|DETAILED|EMBODIMENTS?|DISCLOSURE|OBJECTS?|ADVANTAGES?|EXAMPLES?)\b", re.I)


def background(description: Sequence[Paragraph]) -> list[Paragraph]:
    """From the heading with BACKGROUND in it to the first that belongs to another part; with no such heading what the
    document itself marks as the brief summary, up to a heading that ends it. Empty when there is neither."""
    start = next((n for n, one in enumerate(description) if one.heading and _BACKGROUND.search(one.text)), None)
    if start is None:
        found = [one for one in description if one.part == "summary"]
        end = next((n for n, one in enumerate(found) if one.heading and _ENDS.search(one.text)), len(found))
        return found[:end] if any(not one.heading for one in found[:end]) else []
    found = [description[start]]
    for one in description[start + 1 :]:
        if one.heading and (_ENDS.search(one.text) or not (_GOES_ON.search(one.text) or _BACKGROUND.search(one.text))):
            break
        found.append(one)
    return found if any(not one.heading for one in found) else []


# -- XML -----------------------------------------------------------------------------------------------------------------

_WORDS = Vocabulary(
    {
        "ul": "list",
        "ol": "list",
        "li": "item",
        "row": "row",
        "entry": "cell",
        "br": "break",
        "sub": "sub",
        "sup": "sup",
        "sb": "sub",
        "sp": "sup",
        "claim-text": "block",
        "clmstep": "block",
        "p": "block",
        "para": "block",
    }
    | dict.fromkeys("table tgroup thead tbody".split(), "table")  # type: ignore[arg-type]
    | dict.fromkeys(
        "img emi image figure number colspec chemistry chem-us chemistry-cwu mathematica mathematica-file embedded-doc".split(),
        "skip",
    ),
    replaced=frozenset(("math",)),
    replace=math_text,
)
_INLINE = (
    *"b i u o b-i smallcaps bold italic highlight figref crossref claim-ref cross-reference dependent-claim-reference".split(),
    *"PDAT PTEXT STEXT HIL BOLD ITALIC ULINE FGREF CLREF".split(),
)
_HEADINGS, _PARAGRAPHS = ("heading", "h"), ("p", "para", "paragraph")
_ALONE = ("table", "ul", "ol", "maths", "math")  # what also stands between paragraphs
_PARTS = {
    "brfsum": "summary",
    "summary-of-invention": "summary",
    "drwdesc": "drawings",
    "description-of-drawings": "drawings",
    "brief-description-of-drawings": "drawings",
    "detdesc": "detail",
    "detailed-description": "detail",
    "relapp": "related",
    "cross-reference-to-related-applications": "related",
}
_ROOTS = ("us-patent-grant", "us-patent-application", "patdoc", "patent-application-publication")


class NoPatent(ValueError):
    """A document of another kind; its argument is the root's name."""


def from_xml(data: bytes) -> Patent:
    """A grant or application in the formats since 2001. Raises BadXml, NoPatent."""
    try:
        root = parse(data)
    except BadXml:
        root = _sgml(data)
    etree.strip_tags(root, *_INLINE)  # what marks words and nothing else: half of the elements, taken out at once
    for element in root.iter(etree.Element):
        if (name := local(element).lower()) != element.tag:
            element.tag = name
    if root.tag not in _ROOTS:
        raise NoPatent(str(root.tag)[:40])
    patent = Patent()
    _read_head(root, patent)
    _read_body(root, patent)
    return patent


def _sgml(data: bytes) -> Element:
    """The grants of 2001 are SGML: empty elements have no end."""
    parser = etree.XMLParser(recover=True, resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    root = etree.fromstring(with_signs(data), parser)
    if root is None or local(root).lower() not in _ROOTS:
        raise BadXml("no XML that can be read")
    return root


def _read_head(root: Element, patent: Patent) -> None:
    def first(*paths: str) -> str:
        return next((text for path in paths if (text := plain(root.find(path)))), "")

    def every(*paths: str) -> list[str]:
        found = [plain(e) for path in paths for e in root.iterfind(path)]
        return list(dict.fromkeys(text for text in found if text not in ("", "None")))

    document = ".//publication-reference/document-id/"
    old = "subdoc-bibliographic-information/document-id/"
    patent.number = without_zeros(first(document + "doc-number", "sdobi/b100/b110", old + "doc-number"))
    patent.kind = first(document + "kind", "sdobi/b100/b130", old + "kind-code")
    patent.date = first(document + "date", "sdobi/b100/b140", old + "document-date")
    patent.title = first(".//invention-title", "sdobi/b500/b540", ".//title-of-invention")
    inventors = [*root.iterfind(".//inventors/inventor"), *root.iterfind(".//applicants/applicant")]
    inventors += [*root.iterfind(".//inventors/first-named-inventor"), *root.iterfind(".//b721")]
    patent.inventors = list(dict.fromkeys(name for one in inventors if (name := _person(one))))
    patent.assignees = every(".//assignees/assignee//orgname", ".//b731//onm", ".//assignee/organization-name")
    patent.classes = every(
        ".//classification-national/main-classification", ".//b521", ".//classification-us-primary/uspc"
    )


def without_zeros(text: str) -> str:
    """Without the zeros that fill it up: D0435854 → D435854."""
    found = re.match(r"([A-Z]*)0*(\w*)", text)
    return found[1] + found[2] if found else text


def _person(element: Element) -> str:
    for first, last in (("first-name", "last-name"), ("fnm", "snm"), ("given-name", "family-name")):
        names = [plain(next(element.iter(part), None)) for part in (first, last)]
        if names[1]:
            return " ".join(name for name in names if name)
    return ""


def _read_body(root: Element, patent: Patent) -> None:
    for path in ("abstract", "sdoab", "subdoc-abstract"):
        if (found := root.find(path)) is not None:
            patent.abstract = "\n\n".join(one.text for one in _paragraphs(found) if not one.heading)
    for path in ("description", "sdode", "subdoc-description"):
        if (found := root.find(path)) is not None:
            patent.description = list(_paragraphs(found))
    for claim in root.iter("claim", "clm"):
        if text := xml_text(claim, _WORDS):
            patent.claims.append(text)


def _paragraphs(element: Element) -> Iterator[Paragraph]:
    """Headings and paragraphs in order, wherever they are nested. Processing instructions say where parts begin since 2005."""
    part, waiting = "", [element]
    names = [""]
    while waiting:
        one = waiting.pop()
        inherited = names.pop()
        if not isinstance(one.tag, str):
            if one.tag is etree.ProcessingInstruction:
                named = _PARTS.get(one.target.lower(), "")
                part = named if named and 'end="lead"' in (one.text or "") else "" if named else part
            continue
        if one.tag in _HEADINGS or one.tag in _PARAGRAPHS or one.tag in _ALONE:
            if text := xml_text(one, _WORDS):
                yield Paragraph(text, one.tag in _HEADINGS, inherited or part)
            continue
        children = list(one)
        waiting += reversed(children)
        names += [_PARTS.get(one.tag, inherited)] * len(children)


def about(patent: Patent) -> dict[str, Any]:
    """Metadata, without what is not known."""
    found: dict[str, Any] = {"number": patent.number, "kind": patent.kind, "inventors": patent.inventors}
    found |= {"assignees": patent.assignees, "classes": patent.classes}
    return {name: value for name, value in found.items() if value}
