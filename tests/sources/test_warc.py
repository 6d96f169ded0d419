"""What becomes of the records of a web archive that is in order."""

from __future__ import annotations

import gzip
import hashlib

import pytest
from pydantic import ValidationError

from gristmill.documents import Outcome
from gristmill.sources.warc import Warc
from tests.sources.archives import ARC_HEAD, PAGE, arc_record, ends, http, members, page, read, record


def test_a_page_carries_its_address_date_and_facts(tmp_path):
    fields = {"WARC-Payload-Digest": "sha1:ABC", "WARC-IP-Address": "10.0.0.1", "WARC-Truncated": "length"}
    data = members([record(http(), fields=fields)])
    (found,) = read(tmp_path, data)
    assert found.open
    assert (found.file, found.offset, found.length) == ("some.warc.gz", 0, len(data))
    assert found.url == "http://site.example/page"
    assert found.date == 1580702706
    assert found.payload == PAGE
    assert found.hints == {"content_type": "text/html"}
    assert found.metadata == {
        "record_id": "<urn:uuid:1>",
        "digest": "sha1:ABC",
        "ip": "10.0.0.1",
        "truncated": "length",
        "status": 200,
        "content_type": "text/html",
    }


@pytest.mark.parametrize("kind", ["warcinfo", "request", "metadata", "revisit", "continuation"])
def test_records_that_are_no_pages_are_told_by_their_type(tmp_path, kind):
    (found,) = read(tmp_path, members([record(b"x", kind)]))
    assert (found.outcome, found.reason) == (Outcome.NOT_TEXT, kind)


@pytest.mark.parametrize(
    ("block", "reason"),
    [
        (http(status="404 Not Found"), "status_404"),
        (http(status="301"), "status_301"),
        (http(b"\x89PNG\r\n\x1a\n", content_type="image/png"), "image/png"),
        (http(b"%PDF-1.4", content_type="text/html"), "application/pdf"),
        (http(b"{}", content_type="application/json; charset=utf-8"), "application/json"),
        (http(b"just words", content_type=None), "unknown_type"),
        (http(b"just words", content_type="<script>"), "unknown_type"),
        (http(b"words", content_type="text/plain"), "text/plain"),
    ],
)
def test_what_is_not_html_is_told_by_status_or_media_type(tmp_path, block, reason):
    (found,) = read(tmp_path, members([record(block)]))
    assert (found.outcome, found.reason) == (Outcome.NOT_TEXT, reason)


def test_identified_type_overrules_header_and_bytes(tmp_path):
    fields = {"WARC-Identified-Payload-Type": "application/rss+xml"}
    assert ends(read(tmp_path, members([record(http(), fields=fields)]))) == ["application/rss+xml"]
    fields = {"WARC-Identified-Payload-Type": "application/xhtml+xml"}
    assert ends(read(tmp_path, members([record(http(content_type="text/xml"), fields=fields)]))) == ["open"]


def test_html_under_another_type_is_recognised(tmp_path):
    types = ["text/plain", "application/octet-stream", None, "image/jpeg"]
    assert ends(read(tmp_path, members([record(http(content_type=name)) for name in types]))) == ["open"] * 4


def test_plain_text_becomes_text_when_asked_for(tmp_path):
    block = http("naïve".encode("latin-1"), content_type="text/plain; charset=iso-8859-1")
    (found,) = read(tmp_path, members([record(block)]), source=Warc(mime_types=("text/html", "text/plain")))
    assert found.text == "naïve"


def test_resource_records_hold_the_bare_page(tmp_path):
    (found,) = read(tmp_path, members([record(PAGE, "resource", fields={"Content-Type": "text/html"})]))
    assert (found.payload, found.hints) == (PAGE, {"content_type": "text/html"})


def test_wet_records_carry_text(tmp_path):
    texts = ["Wörter\nund mehr", "  \n "]
    data = [record(text.encode(), "conversion", fields={"Content-Type": "text/plain"}) for text in texts]
    first, second = read(tmp_path, members(data), "some.warc.wet.gz")
    assert first.text == texts[0]
    assert (second.outcome, second.reason) == (Outcome.DROPPED, "extract.empty")


def test_addresses_in_angle_brackets_and_with_blanks(tmp_path):
    records = read(tmp_path, members([record(url="<http://a.example/>"), record(url="http://a.example/b c")]))
    assert [found.url for found in records] == ["http://a.example/", "http://a.example/b%20c"]


def test_arc_records_are_pages_too(tmp_path):
    pages = [arc_record("http://site.example/a b", http()), arc_record("dns:site.example", b"x", "text/dns")]
    for name, data in [
        ("some.arc", ARC_HEAD + b"".join(pages)),
        ("some.arc.gz", members([ARC_HEAD, *pages])),
    ]:
        records = read(tmp_path, data, name)
        assert ends(records) == ["filedesc", "open", "dns"]
        assert records[1].url == "http://site.example/a%20b"
        assert (records[1].date, records[1].metadata["ip"]) == (1209588505, "10.0.0.1")


def test_arc_version_2_lines(tmp_path):
    block = http()
    line = f"http://site.example/ 10.0.0.1 20080430204825 text/html 200 abc - 0 some.arc {len(block)}\n"
    records = read(tmp_path, ARC_HEAD + line.encode() + block + b"\n", "some.arc")
    assert ends(records) == ["filedesc", "open"]
    assert records[1].url == "http://site.example/"


def test_offset_and_length_lead_back_to_the_record(tmp_path):
    pages = [page(n, words=200) for n in range(5)]
    for name, data, unpack in [
        ("a.warc.gz", members(pages), gzip.decompress),
        ("a.warc", b"".join(pages), bytes),
    ]:
        for number, found in enumerate(read(tmp_path, data, name)):
            again = unpack(data[found.offset : found.offset + found.length])
            assert again.strip() == pages[number].strip()


def test_records_that_share_a_member_have_places_of_their_own(tmp_path):
    pages = [page(n) for n in range(4)]
    records = read(tmp_path, gzip.compress(b"".join(pages)))
    assert ends(records) == ["open"] * 4
    assert [found.offset for found in records] == [sum(map(len, pages[:n])) for n in range(4)]


def test_records_broken_over_members_are_whole(tmp_path):
    whole = b"".join(page(n, words=500) for n in range(6))
    blocks = [whole[start : start + 1000] for start in range(0, len(whole), 1000)]
    records = read(tmp_path, members(blocks))
    assert ends(records) == ["open"] * 6
    expected = read(tmp_path, whole, "plain.warc")
    assert [found.payload for found in records] == [found.payload for found in expected]


@pytest.mark.parametrize("packed", ["zst", "zst-dictionary", "lz4"])
def test_zstd_and_lz4_archives(tmp_path, packed):
    pages = [page(n, words=300) for n in range(8)]
    if packed == "lz4":
        import lz4.frame

        data = b"".join(lz4.frame.compress(one) for one in pages)
    else:
        import zstandard

        content = b"".join(pages)[:4000]
        shared = zstandard.ZstdCompressionDict(content, zstandard.DICT_TYPE_RAWCONTENT) if "dict" in packed else None
        data = b"".join(zstandard.ZstdCompressor(dict_data=shared).compress(one) for one in pages)
        if shared:
            frame = zstandard.ZstdCompressor().compress(content)
            data = b"\x5d\x2a\x4d\x18" + len(frame).to_bytes(4, "little") + frame + data
    records = read(tmp_path, data, f"some.warc.{packed[:3]}")
    assert ends(records) == ["open"] * 8
    assert records[3].payload in pages[3]
    assert sum(found.length for found in records) == len(data) - records[0].offset


def test_wacz_packages(tmp_path):
    import zipfile

    path = tmp_path / "made.wacz"
    inner = members([page(0), page(1)])
    with zipfile.ZipFile(path, "w") as package:
        package.writestr("archive/data.warc.gz", inner)
        package.writestr("datapackage.json", "{}")
    data = path.read_bytes()
    records = read(tmp_path, data, "some.wacz")
    assert ends(records) == ["open", "open"]
    assert gzip.decompress(data[records[1].offset :][: records[1].length]) == page(1)


def test_extraction_sets_text_and_title(tmp_path):
    body = b"<html><head><title>The title</title></head><body><article><p>" + b"A sentence of words. " * 30
    source = Warc.model_validate({"extract": {"engine": "resiliparse"}})
    full, empty, nul = read(tmp_path, members([record(http(body)), record(http(b"<html></html>")), record(http())]))
    source.read_text(full)
    assert (full.open, full.title) == (True, "The title")
    assert (full.text or "").startswith("A sentence of words.")
    source.read_text(empty)
    assert (empty.outcome, empty.reason) == (Outcome.DROPPED, "extract.empty")
    tight = Warc.model_validate({"extract": {"engine": "resiliparse", "max_bytes": 10}})
    tight.read_text(nul)
    assert (nul.outcome, nul.reason) == (Outcome.QUARANTINED, "too_large")


def test_a_media_type_must_be_one():
    with pytest.raises(ValidationError, match="no media type"):
        Warc(mime_types=("HTML",))


def test_reading_twice_gives_the_same(tmp_path):
    data = members([page(n) for n in range(20)])
    first, second = (read(tmp_path, data) for _ in range(2))
    digest = [hashlib.sha1(repr(found).encode()).hexdigest() for found in first]
    assert digest == [hashlib.sha1(repr(found).encode()).hexdigest() for found in second]
