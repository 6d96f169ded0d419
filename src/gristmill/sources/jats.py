"""Papers in JATS XML, as PubMed Central and SciELO publish them: one file an article, or tar archives of thousands.

sources:
  pubmed:
    read: {jats: {licences: [creativecommons.org]}}
    input: pmc/oa_comm_xml.*.tar.gz
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from lxml.etree import strip_tags

from gristmill import storage
from gristmill.documents import Outcome, Record
from gristmill.sources.citations import cited, without_citations
from gristmill.sources.dates import parse_date
from gristmill.sources.fields import well_formed
from gristmill.sources.mathml import math_text
from gristmill.sources.members import Member, members
from gristmill.sources.scripts import superscript
from gristmill.sources.xml_text import BadXml, Element, Vocabulary, local, parse, plain, xml_text
from gristmill.stage import InputFile, Source, setting

_NAMES = (".nxml", ".xml")
_XLINK = "{http://www.w3.org/1999/xlink}"
_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_TEX_BODY = re.compile(r"\\begin\{document\}(.*?)\\end\{document\}", re.S)
_JOINED = "\x19"  # behind a label that belongs to the paragraph which follows
_NO_ABSTRACT = ("graphical", "teaser", "toc", "key-images", "highlights", "video")
_LABEL = re.compile(rf"\s*{_JOINED}\s*")
_BEFORE_MARK = re.compile(r" +([,.;:](?:\s|$))")
_MONTHS = {name: n for n, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)}


class Jats(Source):
    """Articles in JATS or its forerunner, the NLM tag set."""

    kind = "jats"
    version: ClassVar[int] = 2
    suffixes: ClassVar[tuple[str, ...]] = (*_NAMES, *(f"{n}.gz" for n in _NAMES), ".tar", ".tar.gz", ".tgz", ".zip")

    keep_abstract: bool = setting(
        True, "the abstract stands between title and text", source="The Pile: the body's Markdown"
    )
    citations: bool = setting(False, "keep numbers and names that point into the list of references", source="ours")
    tables: bool = setting(
        True, "tables as rows of cells with ` | ` between", source="ours; pandoc writes Markdown tables"
    )
    captions: bool = setting(True, "captions of figures and tables", source="ours; pandoc keeps them")
    back: tuple[Literal["acknowledgements", "appendices", "notes"], ...] = setting(
        (), "parts after the body to keep; references never are", source="ours"
    )
    sub_articles: Literal["drop", "append"] = setting(
        "drop", "translations, reviews and responses inside an article", source="ours"
    )
    require_body: bool = setting(True, "drop articles of which only the abstract is there", source="Common Pile")
    licences: tuple[str, ...] | None = setting(
        None,
        "drop articles whose stated licence has none of these in it, like creativecommons.org/licenses/by/",
        source="Common Pile: CC BY, CC BY-SA, CC0 and public domain; The Pile: all of the open-access subset",
    )
    drop_types: tuple[str, ...] = setting(
        ("retraction", "correction", "expression-of-concern"), "values of article-type that are dropped", source="ours"
    )
    max_article_bytes: int = setting(50_000_000, "largest article that is read", unit="bytes", source="ours", gt=0)

    def records(self, file: InputFile) -> Iterator[Record]:
        """One record per article; the offset of one in an archive is its place in the archive, unpacked."""
        with storage.open_input(file.location) as stream:
            for member in members(stream, file.name, self.max_article_bytes, wanted=lambda name: name.endswith(_NAMES)):
                yield self._record(file, member)

    def _record(self, file: InputFile, member: Member) -> Record:
        record = Record(file.name, member.offset, member.length, metadata={"member": well_formed(member.name)})
        if member.problem is not None:
            record.payload = member.data
            return record.end(Outcome.QUARANTINED, member.problem, member.message)
        try:
            root = parse(member.data)
        except BadXml as error:
            record.payload = member.data
            return record.end(Outcome.QUARANTINED, "bad_xml", str(error))
        article = root if local(root) == "article" else next(root.iter("{*}article"), None)
        if article is None:
            return record.end(Outcome.NOT_TEXT, f"xml_{local(root)[:32]}")
        strip_tags(article, *_INLINE)
        self._fill(record, article)
        return record

    def _fill(self, record: Record, article: Element) -> None:
        meta = _first(article, "front/article-meta")
        about = _about(article, meta)
        record.metadata |= about
        words = self._vocabulary()
        record.title = self._title(meta, words)
        record.language = (article.get(_LANG) or "").lower() or None
        record.date = _date(meta)
        if about.get("doi"):
            record.url = f"https://doi.org/{about['doi']}"
        if about.get("article_type") in self.drop_types:
            record.end(Outcome.DROPPED, f"{self.kind}.article_type")
            return
        if self.licences is not None and not any(part in about.get("licence", "") for part in self.licences):
            record.end(Outcome.DROPPED, f"{self.kind}.licence")
            return
        body = _first(article, "body")
        if body is None and self.require_body:
            record.end(Outcome.DROPPED, f"{self.kind}.no_body")
            return
        parts = [f"# {record.title}"] if record.title else []
        if self.keep_abstract and (found := _abstract(meta)) is not None:
            text = self._tidy(xml_text(found, words))
            parts.append(text if text.lower().startswith(("# ", "## ")) else f"## Abstract\n\n{text}" if text else "")
        bodies = [_floats_behind(body)] if body is not None else []
        bodies += article.iterfind("{*}floats-group")
        bodies += article.iterfind("{*}floats-wrap")
        bodies += [part for name in self.back for part in self._back(article, name)]
        if self.sub_articles == "append":
            bodies += [found for found in article.iterfind("{*}sub-article/{*}body")]
            bodies += [found for found in article.iterfind("{*}response/{*}body")]
        parts += [self._tidy(xml_text(part, words)) for part in bodies]
        text = "\n\n".join(part for part in parts[1 if record.title else 0 :] if part)
        if not text:
            record.end(Outcome.DROPPED, f"{self.kind}.empty")
            return
        record.text = well_formed("\n\n".join(part for part in parts if part))

    def _title(self, meta: Element | None, words: Vocabulary) -> str | None:
        """Title and subtitles."""
        found = [_first(meta, "title-group/article-title")]
        found += meta.iterfind("{*}title-group/{*}subtitle") if meta is not None else ()
        texts = [" ".join(self._tidy(xml_text(one, words)).split()) for one in found if one is not None]
        title = ""
        for text in texts:
            title += text if not title or not text else f"{' ' if title[-1] in ':?!.–—-' else ': '}{text}"
        return title or None

    def _back(self, article: Element, name: str) -> list[Element]:
        tag = {"acknowledgements": "ack", "appendices": "app", "notes": "notes"}[name]
        return list(article.iterfind(f"{{*}}back//{{*}}{tag}"))

    def _vocabulary(self) -> Vocabulary:
        kinds = dict(_KINDS)
        if not self.tables:
            kinds |= {"table": "skip", "table-wrap-foot": "skip"}
        if not self.captions:
            kinds |= {"fig": "skip", "caption": "skip"}
            kinds |= {} if self.tables else {"table-wrap": "skip"}
        replace = _formula if self.citations else _formula_or_citation
        return Vocabulary(kinds, frozenset(("sec", "app", "abstract")), _REPLACED, replace, _level)

    def _tidy(self, text: str) -> str:
        return _BEFORE_MARK.sub(r"\1", _LABEL.sub(" ", without_citations(text))).strip()


_KINDS: dict[str, Any] = (
    {
        "title": "heading",
        "list": "list",
        "def-list": "list",
        "list-item": "item",
        "def-item": "item",
        "disp-quote": "quote",
    }
    | {"verse-line": "line", "preformat": "pre", "code": "pre", "break": "break", "sub": "sub", "sup": "sup"}
    | {"tr": "row", "td": "cell", "th": "cell"}
    | dict.fromkeys("table thead tbody tfoot".split(), "table")
    | dict.fromkeys(
        "p sec disp-formula fig table-wrap boxed-text fn term def statement speech chem-struct-wrap attrib array".split(),
        "block",
    )
    | dict.fromkeys(
        "ref-list graphic media inline-graphic object-id fn-group supplementary-material permissions label sub-article response "
        "kwd-group alt-text long-desc sec-meta processing-meta".split(),
        "skip",
    )
)
_REPLACED = frozenset(("inline-formula", "disp-formula", "alternatives", "tex-math", "math", "xref", "label"))
_INLINE = tuple(  # what marks words and nothing else, taken out at once
    f"{{*}}{name}"
    for name in "italic bold underline sc roman sans-serif monospace styled-content named-content uri".split()
)
_FLOATS = tuple(f"{{*}}{name}" for name in "fig fig-group table-wrap table-wrap-group boxed-text fn".split())


def _floats_behind(body: Element) -> Element:
    """The body with figures, tables and notes behind the paragraphs in whose midst they stand."""
    paragraphs = dict.fromkeys(one.getparent() for one in body.iter(*_FLOATS))
    for paragraph in paragraphs:
        if local(paragraph) == "p":
            _lift_floats(paragraph)
    return body


def _lift_floats(paragraph: Element) -> None:
    floats = [one for one in paragraph.iterchildren(*_FLOATS)]
    lifted = set(floats)
    anchor, texts = None, [paragraph.text or ""]
    for one in [*paragraph, None]:
        if one is not None and one in lifted:
            texts.append(one.tail or "")
            one.tail = None
            continue
        if anchor is None:
            paragraph.text = "".join(texts)
        else:
            anchor.tail = "".join(texts)
        if one is not None:
            anchor, texts = one, [one.tail or ""]
    for one in reversed(floats):
        paragraph.addnext(one)


def _formula(element: Element) -> str | None:
    """TeX where there is some, else the signs of the MathML on one line."""
    name = local(element)
    if name in ("inline-formula", "disp-formula", "alternatives", "tex-math"):
        tex = element if name == "tex-math" else next(element.iter("{*}tex-math"), None)
        if tex is not None:
            text = "".join(tex.itertext())
            found = _TEX_BODY.search(text)
            text = " ".join((found[1] if found else text).split())
            if text.startswith("$$") and next(tex.iterancestors("{*}disp-formula"), None) is None:
                text = text.replace("$$", "$")  # PubMed Central has two for every formula
            return f" {text} "
        if name == "alternatives" and (math := next(element.iter("{*}math"), None)) is not None:
            return _formula(math)
    if name == "math":
        return math_text(element, display=next(element.iterancestors("{*}disp-formula"), None) is not None)
    parent = local(element.getparent())
    if name == "label" and parent in ("fig", "table-wrap", "fn"):
        return f"{plain(element).rstrip('.: ')}{'' if parent == 'fn' else '.'} {_JOINED}"
    return None


def _formula_or_citation(element: Element) -> str | None:
    kind = element.get("ref-type") if local(element) == "xref" else None
    if kind == "bibr" or (kind == "fn" and next(element.iterancestors("{*}table"), None) is None):
        return cited("".join(element.itertext()))
    if kind in ("fn", "table-fn"):  # the notes of a table stay, and the signs that point to them
        raised = local(element.getparent()) == "sup" or any(local(one) == "sup" for one in element)
        return None if raised else superscript(plain(element), "-")
    return _formula(element)


def _level(element: Element, depth: int) -> int:
    """The article's own title has level 1, its sections 2; titles of figures begin their captions; others, of lists say, are
    below all of them."""
    parent = local(element.getparent())
    if parent == "caption":
        return 0
    return depth + 1 if parent in ("sec", "app", "abstract", "ack", "notes") else 6


def _first(element: Element | None, path: str) -> Element | None:
    if element is None:
        return None
    return element.find("/".join(f"{{*}}{step}" for step in path.split("/")))


def _abstract(meta: Element | None) -> Element | None:
    """The first abstract in words; key points and summaries for other readers only where there is no plain one."""
    found = list(meta.iterfind("{*}abstract")) if meta is not None else []
    found.sort(key=lambda one: one.get("abstract-type") is not None)
    return next((one for one in found if one.get("abstract-type") not in _NO_ABSTRACT), None)


def _about(article: Element, meta: Element | None) -> dict[str, Any]:
    """Ids, journal, licence, type and subjects, as far as they are stated."""
    found: dict[str, Any] = {"article_type": article.get("article-type") or ""}
    for number in meta.iterfind("{*}article-id") if meta is not None else ():
        kind = number.get("pub-id-type") or ""
        if kind in ("pmc", "pmcid", "pmid", "doi"):
            found["pmcid" if kind == "pmc" else kind] = plain(number)
    found["journal"] = plain(next(article.iterfind("{*}front//{*}journal-title"), None))
    licence = next(meta.iterfind("{*}permissions/{*}license"), None) if meta is not None else None
    if licence is not None:
        links = [licence.get(_XLINK + "href"), *(e.get(_XLINK + "href") for e in licence.iter("{*}ext-link"))]
        stated = [plain(e) for e in licence.iter("{*}license_ref")]
        found["licence"] = next((one for one in (*links, *stated) if one), "") or plain(licence)[:500]
    elif meta is not None:
        found["licence"] = plain(_first(meta, "permissions/copyright-statement"))[:500]
    subjects = meta.iterfind("{*}article-categories//{*}subject") if meta is not None else ()
    found["subjects"] = list(dict.fromkeys(plain(one) for one in subjects))[:10]
    return {name: value for name, value in found.items() if value}


def _date(meta: Element | None) -> int | None:
    """The earliest date of publication."""
    dates = []
    for date in meta.iterfind("{*}pub-date") if meta is not None else ():
        year, month, day = (plain(_first(date, part)) for part in ("year", "month", "day"))
        number = int(month) if month.isdigit() else _MONTHS.get(month[:3].lower(), 1)
        if year.isdigit() and len(year) == 4:
            seconds = parse_date(f"{year}-{max(1, min(12, number)):02}-{int(day) if day.isdigit() else 1:02}")
            dates += [seconds] if seconds is not None else []
    return min(dates, default=None)
