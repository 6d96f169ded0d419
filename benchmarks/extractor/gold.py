"""Pages with known main text, and pages whose text two extractors agree on.

Sets, all in the folder of real data: `aeb` (article-extraction-benchmark), `readability` (Mozilla's test pages), `wcxb` (seven
kinds of pages) come with text; `traf` (trafilatura's evaluation) comes with snippets that belong or do not belong.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import zstandard
from fastwarc.warc import ArchiveIterator, WarcRecordType
from tldextract import TLDExtract

FILES = {
    "aeb": "warc_wrapped_html/scrapinghub-aeb",
    "readability": "warc_wrapped_html/mozilla-readability",
    "wcxb": "warc_wrapped_html/wcxb-dev",
    "traf": "warc_wrapped_html/trafilatura-eval",
}
UNLABELLED = (
    "warc_wrapped_html/hplt-cc100",
    "warc_wrapped_html/hplt-wide100",
    "multilingual_html/deb-aptitude",
    "multilingual_html/deb-installation-guide",
    "multilingual_html/deb-reference",
)
_CANONICAL = re.compile(
    rb"""(?:rel=["']canonical["'][^>]*href|property=["']og:url["'][^>]*content)=["'](https?://[^"']+)"""
)


@dataclass
class Page:
    """One page: its bytes as stored, and what is known of its main text."""

    set: str
    id: str
    url: str
    payload: bytes
    gold: str | None = None
    wanted: list[str] = field(default_factory=list)  # snippets
    unwanted: list[str] = field(default_factory=list)
    type: str = "article"
    language: str = "?"

    @property
    def domain(self) -> str:
        """Registered domain, as the page itself gives it where the URL is made up."""
        url = self.url
        if ".invalid" in url and (found := _CANONICAL.search(self.payload)):
            url = found[1].decode("ascii", "replace")
        host = urlsplit(url).hostname or url
        if host.endswith(".invalid"):
            return self.id
        return _domains()(host).top_domain_under_public_suffix or host

    def fold(self, folds: int, folding: int = 0) -> int:
        """Which fold its domain falls into; each `folding` deals them out anew."""
        name = f"{folding}:{self.domain}" if folding else self.domain
        return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=4).digest(), "little") % folds


_EXTRACT: list[TLDExtract] = []


def _domains() -> TLDExtract:
    if not _EXTRACT:
        _EXTRACT.append(TLDExtract(suffix_list_urls=(), cache_dir=None))
    return _EXTRACT[0]


def _rows(path: Path) -> Iterator[dict]:
    with path.open("rb") as stream:
        text = zstandard.ZstdDecompressor().stream_reader(stream, read_across_frames=True).read().decode("utf-8")
    yield from map(json.loads, text.split("\n")[:-1])


def payloads(archives: list[Path]) -> dict[str, tuple[str, bytes]]:
    """Record id → URL and page, of the HTML responses in these archives."""
    found = {}
    for archive in archives:
        with archive.open("rb") as stream:
            for record in ArchiveIterator(stream, record_types=WarcRecordType.response, parse_http=True):
                kind = (record.http_content_type or "text/html").lower()
                if "html" in kind and (record.http_headers is None or record.http_headers.status_code in (200, None)):
                    found[record.record_id] = (record.headers.get("WARC-Target-URI", ""), record.reader.read())
    return found


def gold_pages(data: Path, sets: tuple[str, ...] = tuple(FILES)) -> list[Page]:
    """All pages of these sets, in the order of their gold files."""
    pages = []
    for name in sets:
        stem = data / FILES[name]
        bodies = payloads(sorted(stem.parent.glob(f"{stem.name}-0*.warc.gz")))
        for row in _rows(stem.parent / f"{stem.name}.gold.jsonl.zst"):
            if name == "traf" and not row.get("with"):
                continue
            page = Page(name, row["id"], row["url"], bodies[row["warc_record_id"]][1])
            if name == "aeb":
                page.gold = row["main_content"]
            elif name == "readability":
                page.gold = visible_text(row["expected_html"])
            elif name == "wcxb":
                page.gold, page.type = row["ground_truth"]["main_content"] or "", row["page_type"]
            else:
                page.wanted, page.unwanted = row["with"], row["without"] or []
            pages.append(page)
    name_languages(pages)
    return pages


def unlabelled_pages(data: Path, per_collection: int = 4) -> list[Page]:
    """Pages of many languages without gold: crawl pages, search-result pages, and a few manuals a language."""
    pages = []
    for stem in UNLABELLED:
        path = data / stem
        bodies = payloads(sorted(path.parent.glob(f"{path.name}-0*.warc.gz")))
        seen: dict[str, int] = {}
        for row in _rows(path.parent / f"{path.name}.gold.jsonl.zst"):
            language = row.get("lang") or row.get("hplt_lang", "?")
            seen[language] = seen.get(language, 0) + 1
            # the sections of a manual follow one another: take them from all over it
            if row["warc_record_id"] not in bodies:
                continue  # not HTML
            if "lang" in row and (seen[language] % 12 != 5 or seen[language] > 12 * per_collection):
                continue
            pages.append(Page("pseudo", row["id"], row["url"], bodies[row["warc_record_id"]][1], language=language))
    for archive in sorted((data / "warc/aql").rglob("*.warc.gz")):
        for key, (url, body) in payloads([archive]).items():
            pages.append(Page("pseudo", key, url, body, type="serp"))
    return pages


def visible_text(html: str) -> str:
    """All text of clean HTML, by a parser that is not ours."""
    from resiliparse.extract.html2text import extract_plain_text

    return extract_plain_text(html, preserve_formatting=True, main_content=False, alt_texts=False, links=False)


def name_languages(pages: list[Page]) -> None:
    from gristmill.filters.language import identify

    codes = identify([page.gold or " ".join(page.wanted) for page in pages]).first
    for page, code in zip(pages, codes, strict=True):
        page.language = code or "?"
