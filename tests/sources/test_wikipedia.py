"""Dumps in every container, whole and in parts, sound and broken."""

from __future__ import annotations

import bz2
import io
import lzma
import tempfile
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.documents import Outcome
from gristmill.registry import stage_class
from gristmill.sources.mediawiki_streams import Piece
from gristmill.sources.mediawiki_xml import PageReader, parse_page, parse_site
from gristmill.sources.wiki_languages import LLAMA_LANGUAGES, names_of
from gristmill.sources.wikipedia import Wikipedia
from tests.sources.mediawiki_dumps import FOOTER, header, input_file, multistream, page, pages, read, write


def outcomes(records):
    return [f"{record.outcome or 'document'}.{record.reason or ''}".rstrip(".") for record in records]


def test_registered():
    assert stage_class("wikipedia") is Wikipedia


def test_page_becomes_document(tmp_path):
    text = "'''Tea & milk''' are [[drink]]s.<ref>x</ref>"
    dump = header() + page(12, text, "Tea & milk") + FOOTER
    [record] = read(write(tmp_path, "enwiki-pages-articles.xml", dump))
    assert record.text == "Tea & milk are drinks."
    assert record.title == "Tea & milk"
    assert record.url == "https://en.wikipedia.example/wiki/Tea_%26_milk"
    assert record.language == "en"
    assert record.date == datetime(2023, 3, 2, 12, tzinfo=UTC).timestamp()
    assert record.metadata == {"page_id": 12, "revision_id": 12001}
    raw = dump.encode()
    assert raw[record.offset : record.offset + record.length].startswith(b"<page>")
    assert raw[record.offset : record.offset + record.length].endswith(b"</page>")


def test_what_is_no_article_is_told_in_the_ledger(tmp_path):
    dump = (
        header()
        + page(1, "#REDIRECT [[B]]", extra='    <redirect title="B" />\n')
        + page(2, "#redirect [[B]]")
        + page(3, "{{x}}", "Template:X", ns=10)
        + page(4, "'''A''' may be:\n* [[B]]\n{{Disambiguation|geo}}")
        + page(5, "{{stub}}")
        + page(6, "body { }", extra="").replace("<model>wikitext", "<model>css")
        + page(7, "x").replace(">x</text>", ' deleted="deleted" />').replace('preserve" deleted', 'preserve" deleted')
        + page(8, "Tea.")
        + FOOTER
    )
    dump = dump.replace('xml:space="preserve" deleted="deleted" />', 'deleted="deleted" />')
    path = write(tmp_path, "enwiki.xml", dump)
    assert outcomes(read(path)) == [
        "not_text.redirect",
        "not_text.redirect",
        "not_text.namespace_10",
        "dropped.wikipedia.disambiguation",
        "dropped.empty",
        "not_text.model_css",
        "not_text.no_text",
        "document",
    ]
    kept = read(path, Wikipedia(redirects=True, disambiguation=True, namespaces=(0, 10)))
    assert [record.metadata["page_id"] for record in kept if record.open] == [1, 2, 4, 8]


@pytest.mark.parametrize("language", LLAMA_LANGUAGES)
def test_every_llama_language_knows_its_redirects_and_disambiguations(language, tmp_path):
    names = names_of(language)
    parts = [page(n, f"#{word.upper()} [[X]]") for n, word in enumerate(sorted(names.redirects), 1)]
    marks = [page(100 + n, f"* [[a]]\n{{{{{mark}}}}}") for n, mark in enumerate(sorted(names.disambiguation))]
    records = read(write(tmp_path, "w.xml", header(language) + "".join(parts + marks) + FOOTER))
    assert {record.language for record in records} == {language}
    assert outcomes(records) == ["not_text.redirect"] * len(parts) + ["dropped.wikipedia.disambiguation"] * len(marks)


def test_namespaces_come_from_the_dump(tmp_path):
    dump = header("xx", file="Bildo", category="Kategorio") + page(1, "a [[Bildo:x|y]][[Kategorio:z]]b") + FOOTER
    [record] = read(write(tmp_path, "w.xml", dump))
    assert record.text == "a b"


def test_language_falls_back_to_the_file_name_and_can_be_set(tmp_path):
    dump = "<mediawiki>\n" + page(1, "a [[Datei:x|y]]b") + FOOTER
    path = write(tmp_path, "dewiki-20230320-pages-articles.xml", dump)
    [record] = read(path)
    assert (record.language, record.text, record.url) == ("de", "a b", "https://de.wikipedia.org/wiki/Page_1")
    [record] = read(path, Wikipedia(language="simple"))
    assert record.language == "en"


def test_templates_of_the_user_are_added_and_taken_away(tmp_path):
    dump = header() + page(1, "{{tea|hot}} {{nowrap|a b}} {{lang|de|c}}") + FOOTER
    path = write(tmp_path, "w.xml", dump)
    [record] = read(path, Wikipedia(templates={"Tea": "{1} tea", "nowrap": ""}))
    assert record.text == "hot tea c"
    [record] = read(path, Wikipedia(keep_templates=False, templates={"tea": "{1}"}))
    assert record.text == "hot"


def test_pattern_with_an_open_field_is_refused():
    with pytest.raises(ValueError, match=r"write fields like \{1\}"):
        Wikipedia(templates={"tea": "{1"})


def test_demo_dumps_hold_what_their_sources_say():
    demo = Path(__file__).parents[2] / "examples/demo/wikipedia"
    english = read(demo / "enwiki-demo-pages-articles-multistream.xml.bz2", Wikipedia(part_bytes=1024))
    assert sorted(outcomes(english)) == [
        *["document"] * 8,
        "dropped.empty",
        "dropped.wikipedia.disambiguation",
        "not_text.namespace_10",
        "not_text.namespace_14",
        "not_text.redirect",
    ]
    german = read(demo / "dewiki-demo-pages-articles.xml.bz2")
    assert [record.title for record in german if record.open] == ["Gezeitenmühle", "Eisengallustinte"]
    assert all(record.language == "de" for record in german)


# -- containers ------------------------------------------------------------------------------------------------


def dump_of(parts):
    return (header() + "".join(parts) + FOOTER).encode()


def seven_zip(content):
    py7zr = pytest.importorskip("py7zr")
    buffer = io.BytesIO()
    with py7zr.SevenZipFile(buffer, "w") as archive:
        archive.writestr(content, "dump.xml")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("w.xml", bytes),
        ("w.xml.bz2", bz2.compress),
        ("w.xml.xz", lzma.compress),
        ("w.xml.7z", seven_zip),
        ("w-utf16.xml", lambda content: content.decode().encode("utf-16")),
        ("w-utf16.xml.bz2", lambda content: bz2.compress(content.decode().encode("utf-16"))),
    ],
)
def test_every_container_gives_the_same_pages(name, pack, tmp_path):
    plain = read(write(tmp_path, "plain.xml", dump_of(pages(7))))
    packed = read(write(tmp_path, name, pack(dump_of(pages(7)))))
    assert [(r.title, r.text, r.offset, r.length) for r in packed] == [
        (r.title, r.text, r.offset, r.length) for r in plain
    ]
    assert len(packed) == 7


def test_multistream_offset_names_the_stream(tmp_path):
    data = multistream(pages(7), per_stream=3)
    records = read(write(tmp_path, "enwiki-multistream.xml.bz2", data))
    first = records[3]
    assert data[first.offset :].startswith(b"BZh")
    assert bz2.BZ2Decompressor().decompress(data[first.offset :]).lstrip().startswith(b"<page>\n    <title>Page 4<")
    assert [record.offset - first.offset for record in records[3:6]] == [0, 1, 2]


def test_multistream_index_is_not_read():
    assert Wikipedia().expand("d/enwiki-pages-articles-multistream-index.txt.bz2") == []
    assert Wikipedia().expand("d/enwiki-pages-articles-multistream.xml.bz2") != []


def test_containers_that_cannot_be_entered_are_not_split(tmp_path):
    source = Wikipedia(part_bytes=1024)
    for name in ("w.xml.bz2", "w.xml.7z", "w.xml.gz"):
        assert len(source.parts(input_file(write(tmp_path, name, b"x" * 5000)))) == 1
    for name in ("w.xml", "w-multistream.xml.bz2", "w-multistream1.xml-p1p9.bz2"):
        parts = source.parts(input_file(write(tmp_path, name, b"x" * 5000)))
        assert [(part.start, part.end) for part in parts] == [(n, min(n + 1024, 5000)) for n in range(0, 5000, 1024)]


@given(st.integers(1, 12), st.integers(1, 4), st.integers(1024, 4000), st.booleans())
def test_parts_together_are_the_whole(count, per_stream, part_bytes, packed):
    parts = pages(count, size=1500)
    with tempfile.TemporaryDirectory() as folder:
        name = "w-multistream.xml.bz2" if packed else "w.xml"
        path = write(Path(folder), name, multistream(parts, per_stream) if packed else dump_of(parts))
        whole, split = read(path), read(path, Wikipedia(part_bytes=part_bytes))
    assert [(r.offset, r.length, r.title, r.text) for r in split] == [
        (r.offset, r.length, r.title, r.text) for r in whole
    ]
    assert len(whole) == count
    assert len({record.offset for record in whole}) == count


def test_page_over_two_streams_belongs_to_the_first(tmp_path):
    content = dump_of(pages(9, size=3000))
    cuts = range(0, len(content), 2500)
    data = b"".join(bz2.compress(content[at : at + 2500]) for at in cuts)
    path = write(tmp_path, "w-multistream.xml.bz2", data)
    split = read(path, Wikipedia(part_bytes=1024))
    assert [record.metadata["page_id"] for record in split] == list(range(1, 10))
    assert [(r.offset, r.text) for r in split] == [(r.offset, r.text) for r in read(path)]


def test_part_of_a_utf16_file_is_read_by_the_first_worker(tmp_path):
    path = write(tmp_path, "w.xml", dump_of(pages(9)).decode().encode("utf-16"))
    assert len(read(path, Wikipedia(part_bytes=1024))) == 9


# -- histories and damage ----------------------------------------------------------------------------------------


def test_history_gives_the_last_revision(tmp_path):
    [record, other] = read(write(tmp_path, "w.xml", dump_of([page(1, "Final.", revisions=9), page(2, "Other.")])))
    assert (record.text, record.metadata["revision_id"], other.text) == ("Final.", 1009, "Other.")


def test_long_history_is_not_held(tmp_path):
    revision = b"<revision><id>1</id><text>" + b"draft " * 50_000 + b"</text></revision>"

    def pieces():
        yield Piece(0, b"<page><title>A</title><ns>0</ns><id>5</id>")
        for _ in range(200):  # 60 MB
            yield Piece(0, revision)
        yield Piece(0, b"<revision><id>9</id><text>Final.</text></revision></page>")

    tracemalloc.start()
    [found] = PageReader(pieces(), end=None, by_stream=False, max_bytes=16 << 20).pages()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    parsed = parse_page(found.data)
    assert (parsed.text, parsed.revision_id, parsed.page_id) == (b"Final.", 9, 5)
    assert found.length > 60_000_000
    assert peak < 40_000_000


def test_page_too_large_is_set_aside_without_being_held(tmp_path):
    dump = header() + page(1, "x" * 3_000_000) + page(2, "Tea.") + FOOTER
    records = read(write(tmp_path, "w.xml", dump), Wikipedia(max_page_bytes=1_000_000))
    assert outcomes(records) == ["quarantined.too_large", "document"]
    assert len(records[0].payload) <= 4096


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ("  <page>\n    <title></title>\n    <ns>0</ns>\n    <id>1</id>\n  </page>\n", "bad_page"),
        ("  <page>\n    <title>A</title>\n    <ns>0</ns>\n  </page>\n", "bad_page"),
        ("  <page>\n    <title>A</title>\n    <ns>x</ns>\n    <id>1</id>\n  </page>\n", "bad_page"),
        (page(1, "x").replace("</text>", ""), "bad_page"),
        (page(1, "x").replace("</page>", ""), "unclosed_page"),
    ],
)
def test_broken_page_costs_only_itself(broken, reason, tmp_path):
    records = read(write(tmp_path, "w.xml", header() + broken + page(2, "Tea.") + FOOTER))
    assert outcomes(records) == [f"quarantined.{reason}", "document"]
    assert records[0].payload.startswith(b"<page>")


def test_text_that_is_no_utf8_is_set_aside(tmp_path):
    dump = dump_of([page(1, "caf\u00e9"), page(2, "Tea.")]).replace("\u00e9".encode(), b"\xe9")
    assert outcomes(read(write(tmp_path, "w.xml", dump))) == ["quarantined.bad_encoding", "document"]


def test_truncated_dump_keeps_earlier_pages(tmp_path):
    data = bz2.compress(dump_of(pages(2000, size=1000)))
    records = read(write(tmp_path, "w.xml.bz2", data[: len(data) * 3 // 4]))
    assert sum(record.open for record in records) > 500
    assert records[-1].outcome == Outcome.QUARANTINED
    assert records[-1].reason == "truncated"
    whole = dump_of(pages(3)).decode()
    assert outcomes(read(write(tmp_path, "w.xml", whole[: whole.index("Page 3")]))) == [
        "document",
        "document",
        "quarantined.truncated",
    ]


def test_damaged_stream_costs_only_itself(tmp_path):
    parts = pages(9, size=2000)
    data = bytearray(multistream(parts, per_stream=3))
    sound = read(write(tmp_path, "w-multistream.xml.bz2", bytes(data)))
    start = sound[3].offset
    data[start + 500 : start + 520] = bytes(20)
    for part_bytes in (1 << 20, 1024):
        records = read(write(tmp_path, "w-multistream.xml.bz2", bytes(data)), Wikipedia(part_bytes=part_bytes))
        assert [r.metadata["page_id"] for r in records if r.open] == [1, 2, 3, 7, 8, 9]
        assert [r.reason for r in records if not r.open] == ["corrupt_bzip2"]
        assert [r.offset for r in records] == sorted({r.offset for r in records})


@pytest.mark.parametrize(
    "content", [b"", b"\x00" * 100, b"BZh9", b"<page>", b"no dump at all", b"7z\xbc\xaf\x27\x1cxx"]
)
@pytest.mark.parametrize("name", ["w.xml", "w.xml.bz2", "w-multistream.xml.bz2", "w.7z"])
def test_what_is_no_dump_never_raises(name, content, tmp_path):
    assert all(record.outcome == Outcome.QUARANTINED for record in read(write(tmp_path, name, content)))


@given(st.lists(st.integers(1, 60), min_size=1, max_size=30))
def test_pages_do_not_depend_on_how_the_stream_is_cut(sizes):
    content = dump_of([page(1, "a <b>"), page(2, "", revisions=3), page(3, "c")])

    def cut():
        at = n = 0
        while at < len(content):
            yield Piece(at, content[at : at + sizes[n % len(sizes)]])
            at += sizes[n % len(sizes)]
            n += 1

    found = list(PageReader(cut(), end=None, by_stream=False, max_bytes=1 << 20).pages())
    assert [content[p.offset : p.offset + p.length] for p in found] == [p.data for p in found]
    assert [parse_page(p.data).page_id for p in found] == [1, 2, 3]


def test_site_of_a_dump_without_header_is_empty():
    assert parse_site(b"<mediawiki>\n<page>").namespaces == {}
