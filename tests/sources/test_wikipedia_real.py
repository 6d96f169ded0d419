"""Real dumps: what becomes of every page, and how the text compares with an independent parser's."""

from __future__ import annotations

import contextlib
import io
import re
import tarfile
from collections import Counter
from pathlib import Path

import pytest

from gristmill.sources.mediawiki_xml import unescape
from gristmill.sources.wiki_languages import LLAMA_LANGUAGES
from gristmill.sources.wikipedia import Wikipedia
from tests.sources.mediawiki_dumps import input_file, read

ENGLISH = "gensim/gensim/test/test_data/enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2"
LEFTOVER = re.compile(r"\{\{|\}\}|\[\[|\]\]|''|^=|^\||</?(?:ref|br|div|span)\b|\b\d+px\b", re.MULTILINE)
FORMULA = re.compile(r"\$[^$]*\$")


@pytest.fixture(scope="module")
def dumps(real_data) -> Path:
    folder = real_data / "wikipedia"
    if not folder.is_dir():
        pytest.skip("no Wikipedia samples")
    return folder


def counts(records) -> Counter:
    return Counter(f"{record.outcome or 'document'}.{record.reason or ''}".rstrip(".") for record in records)


def test_english_sample_adds_up(dumps):
    assert counts(read(dumps / ENGLISH)) == {
        "document": 98,
        "not_text.redirect": 99,
        "not_text.namespace_4": 1,
        "dropped.wikipedia.disambiguation": 8,
    }


def test_latgalian_wiki_adds_up(dumps):
    records = read(dumps / "dumpster-dive/tests/smallwiki-latest-pages-articles.xml.bz2")
    assert len(records) == 2004
    assert counts(records)["not_text.redirect"] == 147
    assert {record.language for record in records} == {"ltg"}


def test_utf16_dump_is_read(dumps):
    [article] = [
        r for r in read(dumps / "gensim/gensim/test/test_data/bgwiki-latest-pages-articles-shortened.xml.bz2") if r.open
    ]
    assert (article.title, article.language) == ("Григориански календар", "bg")


def test_no_markup_is_left_in_english_articles(dumps):
    left = Counter()
    for record in read(dumps / ENGLISH):
        if record.open:
            left.update(found[0] for found in LEFTOVER.finditer(FORMULA.sub("", record.text)))
    assert left == {}


def test_no_markup_is_left_in_twenty_languages(dumps, tmp_path):
    seen = set()
    with tarfile.open(dumps / "dbpedia_minidumps.tar.xz") as archive:
        for member in archive:
            language = member.name.split("/")[-2] if member.isfile() else ""
            if language not in LLAMA_LANGUAGES:
                continue
            path = tmp_path / f"{language}wiki.xml.bz2"
            path.write_bytes(archive.extractfile(member).read())
            for record in read(path, Wikipedia(language=language)):
                if record.open:
                    text = FORMULA.sub("", record.text)
                    assert not LEFTOVER.findall(text), (language, record.title)
                    seen.add(language)
    assert seen == set(LLAMA_LANGUAGES)


def test_prose_agrees_with_mwparserfromhell(dumps):
    """What both see as prose is the same, once the other one's tables, references and captions are out of the way."""
    parser = pytest.importorskip("mwparserfromhell")
    path = dumps / ENGLISH
    source = Wikipedia()
    records = [record for record in source.records(input_file(path)) if record.open][3:11]
    shared = total = 0
    for record in records:
        wikitext = unescape(record.payload)
        source.read_text(record)
        if not record.open:
            continue
        ours = " ".join(record.text.split())
        parsed = parser.parse(wikitext)
        gone = parsed.ifilter_tags(matches=lambda tag: tag.tag in ("ref", "table"))
        files = parsed.ifilter_wikilinks(matches=lambda link: str(link.title).startswith(("File:", "Image:")))
        for node in [*gone, *files]:
            with contextlib.suppress(ValueError):  # inside another that is gone already
                parsed.remove(node)
        for line in io.StringIO(parsed.strip_code()):
            for sentence in re.findall(r"[A-Z][A-Za-z ,]{60,200}\.", line):
                if re.search(r"  | ,", sentence):  # it has dropped a template whose words stay here
                    continue
                total += 1
                shared += " ".join(sentence.split()) in ours
    assert total > 200
    assert shared / total > 0.99
