"""Every engine on real and on hostile pages."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pydantic import ValidationError

from gristmill.extract import ExtractionError, ExtractSettings, extract
from gristmill.extract.engines import load_engine

ENGINES = ["gristmill", "trafilatura", "resiliparse"]
PARAGRAPH = "This is a sentence of ordinary prose that says enough to be taken for content. " * 5
ARTICLE = f"""<html><head><title>Head</title></head><body><nav><a href=/>Home</a> <a href=/x>Other</a></nav>
<article><h1>Head line</h1><p>{PARAGRAPH}</p><p>Second: see <a href="/rel">there</a>. {PARAGRAPH}</p>
<table><tr><th>Year</th><th>What it was</th></tr><tr><td>cell one</td><td>cell two</td></tr>
<tr><td>1999</td><td>Prose was 12 % longer.</td></tr></table><p>{PARAGRAPH}</p></article>
<footer>© nobody</footer></body></html>"""


@pytest.fixture(scope="module")
def real_pages(real_data) -> list[tuple[bytes, str]]:
    """40 Common Crawl pages in some 30 languages: payload, URL."""
    from fastwarc.warc import ArchiveIterator, WarcRecordType

    pages = []
    with (real_data / "warc_wrapped_html" / "hplt-cc100-00000.warc.gz").open("rb") as stream:
        for record in ArchiveIterator(stream, record_types=WarcRecordType.response, parse_http=True):
            if len(pages) < 40:
                pages += [(record.reader.read(), record.headers["WARC-Target-URI"])]
    return pages


@pytest.mark.parametrize("engine", ENGINES)
class TestEveryEngine:
    def test_keeps_the_article_and_drops_the_frame(self, engine):
        page = extract(ARTICLE.encode(), ExtractSettings(engine=engine), url="https://site.example/a")
        assert page.title == "Head"
        assert page.text.count("ordinary prose") == 15
        assert "Other" not in page.text
        assert "nobody" not in page.text

    def test_tables_and_links_follow_their_settings(self, engine):
        with_all = extract(ARTICLE.encode(), ExtractSettings(engine=engine, links=True), url="https://site.example/a")
        without = extract(ARTICLE.encode(), ExtractSettings(engine=engine, tables=False))
        assert "cell one" in with_all.text
        assert "/rel" in with_all.text
        assert "cell one" not in without.text
        assert "/rel" not in without.text

    @pytest.mark.parametrize("favour", ["precision", "balanced", "recall"])
    def test_favour_is_accepted(self, engine, favour):
        assert "ordinary prose" in extract(ARTICLE.encode(), ExtractSettings(engine=engine, favour=favour)).text

    def test_a_page_without_text_gives_an_empty_one(self, engine):
        for empty in (b"", b" ", b"<html></html>", b"<html><body><script>1</script></body></html>"):
            assert extract(empty, ExtractSettings(engine=engine)).text == ""

    def test_character_references_that_are_no_characters_do_no_harm(self, engine):
        page = ARTICLE.replace("Second:", "Second: &#0; &#xD800; &#x110000; &#7; &#x85; &#xFFFE; \x0b")
        text = extract(page.encode(), ExtractSettings(engine=engine)).text
        text.encode("utf-8")
        assert text.count("ordinary prose") == 15
        assert "\0" not in text
        assert len(text.splitlines()) == len(text.split("\n"))

    def test_the_same_text_in_any_order(self, engine, real_pages):
        chosen = ExtractSettings(engine=engine, fast=True)
        pages = real_pages[:20] * 2
        texts = {url: extract(payload, chosen, url=url).text for payload, url in pages}
        random.Random(7).shuffle(pages)
        for payload, url in pages:
            assert extract(payload, chosen, url=url).text == texts[url]

    def test_real_pages_become_clean_text(self, engine, real_pages):
        chosen = ExtractSettings(engine=engine, fast=True)
        texts = [extract(payload, chosen, url=url).text for payload, url in real_pages]
        assert sum(len(text) > 200 for text in texts) > 25
        for text in texts:
            text.encode("utf-8")
            assert "\n\n\n" not in text
            assert text.split("\n") == [line.rstrip() for line in text.split("\n")]

    @pytest.mark.parametrize(
        "hostile",
        [
            "<div>" * 100_000 + "hello",
            "<div>" * 4_000 + "hello" + "</div>" * 4_000,
            "<b>" * 100_000 + "hello",
            "<span>" * 1_000_000 + "hello",
            "<table><tr><td>" * 10_000 + "hello",
            "<ul><li>" * 10_000 + "hello",
            f'<p title="{"x" * 10_000_000}">hello</p>',
            "<" * 100_000,
            "&" * 100_000 + "&#" * 100_000,
            "<!--" * 100_000,
            "<a href='" * 50_000,
            "<!DOCTYPE " * 50_000,
            "<html/>" * 20_000,
        ],
        ids=lambda page: page[:12].strip(),
    )
    def test_hostile_markup_ends_in_text_or_an_error(self, engine, hostile):
        settings = ExtractSettings(engine=engine, time_limit=5)
        load_engine(settings)  # compiling kernels is not the page's doing
        start = time.process_time()
        try:
            extract(f"<html><body>{hostile}".encode(), settings)
        except ExtractionError as error:
            reason = error.reason
        else:
            reason = None
        assert reason in (None, "unparsable", "time_limit")
        assert time.process_time() - start < 20


def test_trafilatura_gives_what_the_library_gives(real_pages):
    import trafilatura

    for payload, url in real_pages[:15]:
        theirs = trafilatura.extract(
            payload.decode("utf-8", "replace"), url=url, favor_precision=True, include_comments=False, deduplicate=False
        )
        ours = extract(payload, ExtractSettings(engine="trafilatura", max_newlines=10), url=url).text
        assert ours.split() == (theirs or "").split()


def test_quality_on_news_pages_stays(real_data):
    """Word-level F1 against gold articles; a floor under the figures in the engines' own benchmarks."""
    import zstandard
    from fastwarc.warc import ArchiveIterator, WarcRecordType

    folder = Path(real_data) / "warc_wrapped_html"
    with (folder / "scrapinghub-aeb.gold.jsonl.zst").open("rb") as stream:
        lines = zstandard.ZstdDecompressor().stream_reader(stream).read().decode().splitlines()
    gold = {row["warc_record_id"]: row["main_content"] for row in map(json.loads, lines)}
    scores = []
    with (folder / "scrapinghub-aeb-00000.warc.gz").open("rb") as stream:
        for record in ArchiveIterator(stream, record_types=WarcRecordType.response, parse_http=True):
            if len(scores) == 60:
                break
            text = extract(record.reader.read(), ExtractSettings(engine="resiliparse")).text
            scores.append(word_f1(text, gold[record.record_id]))
    assert sum(scores) / len(scores) > 0.88


def word_f1(text: str, gold: str) -> float:
    from collections import Counter

    found, wanted = Counter(text.split()), Counter(gold.split())
    shared = sum((found & wanted).values())
    return 2 * shared / (found.total() + wanted.total()) if shared else 0.0


def test_unknown_engines_are_named_with_the_nearest_known():
    with pytest.raises(ValidationError, match="Did you mean 'trafilatura'"):
        ExtractSettings(engine="trafilatur")


def test_importing_the_package_imports_no_engine():
    script = """
import sys, gristmill.extract
heavy = {"trafilatura", "lxml", "resiliparse.extract", "tldextract", "numba", "justext"} & set(sys.modules)
sys.exit(", ".join(sorted(heavy)) or 0)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
