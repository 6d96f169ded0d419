"""Real archives in every state: nothing raises, nothing is lost, pages come out byte for byte."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path

import pytest
import zstandard

from gristmill.documents import Outcome, Record
from gristmill.sources.warc import Warc
from gristmill.stage import InputFile

ARCHIVES = (".warc", ".arc", ".gz", ".lz4", ".zst", ".wacz", ".bad", ".wet", ".wat")


def records_of(path: Path, source: Warc | None = None) -> list[Record]:
    return list((source or Warc()).records(InputFile(str(path), path.name, path.stat().st_size, "")))


def archives(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.name.endswith(ARCHIVES) and path.is_file())


def test_every_file_is_read_to_its_end(real_data):
    files = archives(real_data / "warc")
    assert len(files) > 150
    for path in files:
        records = records_of(path)
        offsets = [found.offset for found in records]
        assert offsets == sorted(set(offsets)), path
        assert all(found.open or found.reason for found in records), path
        assert records or path.name == "empty.gz", path


def test_record_counts_agree_with_warcio(real_data):
    """Where warcio reads a file to its end and nothing in it is damaged, both find the same number of records."""
    warcio = pytest.importorskip("warcio")
    compared = 0
    for folder in ("warc", "warc_wrapped_html", "multilingual_html"):
        for path in archives(real_data / folder):
            records = records_of(path)
            if any(found.outcome == Outcome.QUARANTINED and found.reason != "bad_http" for found in records):
                continue
            try:
                with path.open("rb") as stream:
                    iterator = warcio.ArchiveIterator(stream, arc2warc=False, no_record_parse=True)
                    places = [iterator.offset for _ in iterator]
            except Exception:
                continue  # not every oracle reads every file
            assert len(records) == len(places), path
            compared += 1
    assert compared > 100


def test_arc_and_warc_of_one_crawl_agree(real_data):
    folder = real_data / "warc" / "aut" / "src" / "test" / "resources"
    pages = [
        {found.url: found.payload for found in records_of(path) if found.open}
        for path in (folder / "arc" / "example.arc.gz", folder / "warc" / "example.warc.gz")
    ]
    assert len(pages[0]) > 80
    assert pages[0] == pages[1]


@pytest.mark.parametrize("folder", ["warc_wrapped_html", "multilingual_html"])
def test_payloads_are_the_pages_byte_for_byte(real_data, folder):
    source = Warc(mime_types=("text/html", "application/xhtml+xml"), max_page_bytes=100_000_000)
    for gold in sorted((real_data / folder).glob("*.gold.jsonl.zst")):
        stem = gold.name.removesuffix(".gold.jsonl.zst")
        found = {
            record.metadata["record_id"]: record
            for path in sorted(gold.parent.glob(f"{stem}-0*.warc.gz"))
            for record in records_of(path, source)
            if "record_id" in record.metadata
        }
        with gold.open("rb") as stream:
            text = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(stream), encoding="utf-8")
            for line in text:
                page = json.loads(line)
                record = found.pop(page["warc_record_id"])
                if record.reason == "application/atom+xml":
                    continue  # one page of hplt-wide100 is a feed, and says so
                assert record.open, (gold.name, page["id"], record.reason)
                assert hashlib.sha1(record.payload or b"").hexdigest() == page["payload_sha1"], page["id"]
        assert not found


def test_every_record_can_be_read_again_by_its_place(real_data, tmp_path):
    for path in (
        real_data / "warc" / "dolma" / "tests" / "data" / "warc" / "sample-0000.warc.gz",
        real_data / "warc" / "resiliparse" / "tests" / "data" / "warcfile.warc.lz4",
        real_data / "warc" / "resiliparse" / "tests" / "data" / "warcfile.warc",
    ):
        data = path.read_bytes()
        for record in records_of(path):
            part = tmp_path / path.name
            part.write_bytes(data[record.offset : record.offset + record.length])
            (again,) = records_of(part)
            assert (again.reason, again.payload, again.url) == (record.reason, record.payload, record.url)
