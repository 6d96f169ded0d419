"""Wikipedia and other MediaWiki dumps: articles as plain text.

    sources:
      wiki: {read: wikipedia, input: dumps/dewiki-*-pages-articles-multistream.xml.bz2}

Reads `pages-articles` (plain XML, bzip2, multistream bzip2) and histories (7z: the last revision of every page).
`mediawiki_xml` finds the pages, `wikitext` turns them into text.

Offsets. In multistream dumps: byte at which the page's bzip2 stream begins in the stored file, as in Wikimedia's own
index, plus the page's number in that stream. In all others: byte of the decompressed XML. Length: bytes of XML.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cached_property, lru_cache
from typing import ClassVar, Literal
from urllib.parse import quote

from pydantic import field_validator

from gristmill import storage
from gristmill.documents import QUARANTINE_BYTES, Outcome, Record
from gristmill.sources.dates import parse_date
from gristmill.sources.mediawiki_streams import dump_pieces, head, is_multistream, is_plain, is_utf16
from gristmill.sources.mediawiki_xml import BadPage, Page, PageBytes, PageReader, Site, parse_page, parse_site, unescape
from gristmill.sources.wiki_languages import code_of_database, language_of, names_of, wiki_codes
from gristmill.sources.wikitext import Rules, clean
from gristmill.sources.wikitext_links import LinkNames
from gristmill.sources.wikitext_templates import normal_name, patterns
from gristmill.sources.wikitext_text_templates import text_templates
from gristmill.stage import InputFile, Source, setting

_HEAD_BYTES = 1 << 20
_FILE_NAMESPACES, _CATEGORY_NAMESPACE = (-2, 6), 14
_TEMPLATE_NAME = re.compile(r"\{\{([^{}|\n]{1,80})(?=[|}\n])")
_FIELD = re.compile(r"\{[^{}]+\}")
_URL_SAFE = ";@$!*(),/~:'"  # what MediaWiki itself leaves unescaped


class Wikipedia(Source):
    """Articles of Wikipedia dumps, cleaned of their markup."""

    kind = "wikipedia"
    version: ClassVar[int] = 2
    suffixes: ClassVar[tuple[str, ...]] = (".xml", ".bz2", ".7z", ".xml.gz", ".xml.zst", ".xml.xz")

    language: str | None = setting(
        None, "code of the wiki, such as de; null takes it from the dump's header, then from the file's name"
    )
    namespaces: tuple[int, ...] = setting((0,), "numbers of the namespaces that become documents", source="HF script")
    redirects: bool = setting(False, "whether redirects become documents", source="HF script")
    disambiguation: bool = setting(
        False,
        "whether disambiguation pages become documents",
        source="ours; the HF script keeps them, LLaMA's tool [U]",
    )
    headings: bool = setting(True, "whether section headings stay, as lines", source="HF script")
    closing_sections: bool = setting(
        True,
        "whether References, External links, See also … stay, where they still have content",
        source="HF script: they are not removed [A]; LLaMA's tool [U]",
    )
    drop_sections: tuple[str, ...] = setting((), "further titles of sections to leave out, in any case")
    math: Literal["latex", "drop"] = setting(
        "latex",
        "formulae as $LaTeX$ or not at all",
        source="ours; the HF script drops them, wikiextractor writes a mark",
    )
    code: bool = setting(True, "whether code and preformatted blocks stay", source="ours; wikiextractor drops them")
    tables: bool = setting(False, "whether tables stay, a line per row", source="HF script drops them")
    templates: Mapping[str, str] = setting(
        doc="templates that hold running text and what they leave: {1}, {name}, {1|text}, {last}, {*}, {quantity}, {measure};"
        " added to the built-in ones of the language, an empty pattern takes one away",
        source="ours; published scripts drop all templates",
        factory=dict,
    )
    keep_templates: bool = setting(
        True, "whether the built-in templates with running text (lang, convert …) leave it", source="ours"
    )
    part_bytes: int = setting(
        64 << 20,
        "size of the parts that workers share a multistream or plain XML dump in",
        unit="bytes as stored",
        source="ours",
        ge=1 << 10,
    )
    max_page_bytes: int = setting(
        16 << 20,
        "largest page, its last revision only",
        unit="bytes of XML",
        source="ours; MediaWiki allows 2 MiB of wikitext",
        gt=0,
    )

    @field_validator("templates")
    @classmethod
    def _fields_are_closed(cls, table: Mapping[str, str]) -> Mapping[str, str]:
        for name, pattern in table.items():
            rest = _FIELD.sub("", pattern)
            if "{" in rest or "}" in rest:
                raise ValueError(f"pattern {pattern!r} of template {name!r}: write fields like {{1}} or {{1|text}}")
        return table

    def expand(self, location: str) -> list[str]:
        """The index that lies beside a multistream dump is none itself."""
        return [] if "multistream-index" in location.rsplit("/", 1)[-1] else [location]

    def parts(self, file: InputFile) -> list[InputFile]:
        """Parts of `part_bytes`; one for containers that can only be read from the beginning."""
        if not (is_multistream(file.name) or is_plain(file.name)) or file.size <= self.part_bytes:
            return [file]
        starts = range(0, file.size, self.part_bytes)
        return [
            InputFile(file.location, file.name, file.size, file.version, start, min(start + self.part_bytes, file.size))
            for start in starts
        ]

    def records(self, file: InputFile) -> Iterator[Record]:
        """Every page, in order: articles with their wikitext as payload, others ended."""
        with storage.open_input(file.location) as stream:
            site = parse_site(head(stream, _HEAD_BYTES))
            wiki = self._wiki(site, file.name)
            end = file.end
            if is_plain(file.name) and end is not None and is_utf16(stream):
                if file.start:
                    return
                end = None
            stream.seek(0)
            reader = PageReader(
                dump_pieces(stream, file.name, file.start),
                end=end,
                by_stream=is_multistream(file.name),
                max_bytes=self.max_page_bytes,
            )
            for page in reader.pages():
                yield self._record(file.name, page, wiki)

    def read_text(self, record: Record) -> None:
        """Clean the wikitext of an article; a page of which nothing is left is dropped as empty."""
        if record.payload is None:
            return
        try:
            wikitext = unescape(record.payload)
        except UnicodeDecodeError as error:
            record.end(Outcome.QUARANTINED, "bad_encoding", f"byte {error.start} of the text is not UTF-8")
            return
        wiki: Wiki = record.hints["wiki"]
        if not self.redirects and wiki.redirects(wikitext):
            record.end(Outcome.NOT_TEXT, "redirect")
        elif not self.disambiguation and wiki.disambiguates(wikitext):
            record.end(Outcome.DROPPED, f"{self.name}.disambiguation")
        else:
            record.text = clean(wikitext, wiki.rules, record.title or "")
            if not record.text:
                record.text = None
                record.end(Outcome.DROPPED, "empty")

    # -- one page --------------------------------------------------------------------------------------------

    def _record(self, name: str, found: PageBytes, wiki: Wiki) -> Record:
        record = Record(name, found.offset, found.length)
        record.payload = found.data[:QUARANTINE_BYTES]
        if found.damage is not None:
            return record.end(Outcome.QUARANTINED, found.damage.reason, str(found.damage))
        try:
            page = parse_page(found.data)
        except BadPage as error:
            return record.end(Outcome.QUARANTINED, "bad_page", str(error))
        except UnicodeDecodeError as error:
            return record.end(Outcome.QUARANTINED, "bad_encoding", str(error))
        record.title, record.url, record.language = page.title, wiki.url(page.title), wiki.language
        record.date = parse_date(page.timestamp)
        record.metadata["page_id"] = page.page_id
        if page.revision_id is not None:
            record.metadata["revision_id"] = page.revision_id
        reason = self._unwanted(page, wiki)
        if reason:
            record.payload = None
            return record.end(Outcome.NOT_TEXT, reason)
        record.payload, record.hints["wiki"] = page.text, wiki
        return record

    def _unwanted(self, page: Page, wiki: Wiki) -> str:
        namespace = wiki.namespace_of(page.title) if page.namespace is None else page.namespace
        if namespace not in self.namespaces:
            return f"namespace_{namespace}"
        if page.redirect and not self.redirects:
            return "redirect"
        if page.model != "wikitext":
            return f"model_{page.model}"
        return "no_text" if page.text is None else ""

    def _wiki(self, site: Site, file: str) -> Wiki:
        code = self.language or code_of_database(site.database)
        if code is None:
            found = re.match(r"([a-z][a-z_]*)wiki-", file.rsplit("/", 1)[-1])
            code = (code_of_database(f"{found[1]}wiki") if found else None) or site.language
        return _wiki(self, code, site.base, tuple(sorted(site.namespaces.items())))


class Wiki:
    """What a dump's pages have in common: names, addresses, and how their text is cleaned."""

    def __init__(self, source: Wikipedia, code: str, base: str, namespaces: Mapping[int, str]) -> None:
        self.language = language_of(code) if code else None
        self._names = names_of(code)
        self._base = base
        self._code = code
        self._namespaces = namespaces
        self._source = source

    @cached_property
    def rules(self) -> Rules:
        source, names = self._source, self._names
        files = {self._namespaces[n].casefold() for n in _FILE_NAMESPACES if n in self._namespaces}
        categories = {self._namespaces.get(_CATEGORY_NAMESPACE, "category").casefold()}
        built_in = text_templates(self._code) if source.keep_templates else {}
        merged = {normal_name(name): pattern for name, pattern in (*built_in.items(), *source.templates.items())}
        sections = {title.casefold() for title in source.drop_sections}
        return Rules(
            names=LinkNames(names.files | files, names.categories | categories, wiki_codes()),
            templates=patterns(merged),
            dropped_sections=frozenset(sections if source.closing_sections else sections | names.closing_sections),
            math=source.math,
            code=source.code,
            tables=source.tables,
            headings=source.headings,
        )

    @cached_property
    def _redirect(self) -> re.Pattern[str]:
        words = "|".join(re.escape(word) for word in sorted(self._names.redirects))
        return re.compile(rf"\s{{0,100}}#\s{{0,10}}(?:{words})\s{{0,10}}:?\s{{0,10}}\[\[", re.IGNORECASE)

    def redirects(self, wikitext: str) -> bool:
        """Whether the page sends its reader elsewhere; exports before 2009 do not mark such pages."""
        return self._redirect.match(wikitext) is not None

    def disambiguates(self, wikitext: str) -> bool:
        """Whether a page lists the meanings of its title, by the templates that say so."""
        if "__DISAMBIG__" in wikitext:
            return True
        marks = self._names.disambiguation
        return any(normal_name(found[1]) in marks for found in _TEMPLATE_NAME.finditer(wikitext))

    def url(self, title: str) -> str | None:
        """The page's address, as MediaWiki writes it; None when the dump does not say where the wiki lies."""
        base, slash, _ = self._base.rpartition("/")
        if slash:
            return f"{base}/{quote(title.replace(' ', '_'), safe=_URL_SAFE)}"
        if self._code and self._code in wiki_codes():
            return f"https://{self._code}.wikipedia.org/wiki/{quote(title.replace(' ', '_'), safe=_URL_SAFE)}"
        return None

    def namespace_of(self, title: str) -> int:
        """The namespace a title's prefix names."""
        prefix, colon, _ = title.partition(":")
        if colon:
            for number, name in self._namespaces.items():
                if name and name.casefold() == prefix.strip().casefold():
                    return number
        return 0


@lru_cache(maxsize=64)
def _cached_wiki(source_json: str, code: str, base: str, namespaces: tuple[tuple[int, str], ...]) -> Wiki:
    source = Wikipedia.model_validate_json(source_json)
    return Wiki(source, code, base, dict(namespaces))


def _wiki(source: Wikipedia, code: str, base: str, namespaces: tuple[tuple[int, str], ...]) -> Wiki:
    """One Wiki for all parts of a dump that a worker reads: its rules take a while to compile."""
    return _cached_wiki(source.model_dump_json(), code, base, namespaces)
