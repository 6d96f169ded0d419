"""Documents from JSON Lines."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import tracemalloc

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gristmill.sources.fields import Fields
from gristmill.sources.jsonl import JsonLines
from tests.sources.archives import ends, read

ROWS = [{"text": f"Text {n} — ünïcödé", "url": f"http://site.example/{n}", "n": n} for n in range(50)]
LINES = "".join(json.dumps(row, ensure_ascii=bool(row["n"] % 2)) + "\n" for row in ROWS).encode()


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress, lzma.compress, bz2.compress])
def test_rows_in_any_compression(tmp_path, pack):
    records = read(tmp_path, pack(LINES), "some.jsonl", JsonLines())
    assert [found.text for found in records] == [row["text"] for row in ROWS]
    for found, row in zip(records, ROWS, strict=True):
        assert json.loads(LINES[found.offset : found.offset + found.length]) == row


def test_fields_are_mapped_also_inside_objects(tmp_path):
    row = {
        "raw_content": "Words",
        "meta": {
            "address": "http://a.example/",
            "when": "20200203040506",
            "score": float("nan"),
            "tags": ["x"],
        },
        "meta.lang": "de",
        "heading": "Top",
        "docid": 17,
    }
    fields = Fields(
        text="raw_content",
        url="meta.address",
        title="heading",
        date="meta.when",
        language="meta.lang",
        id="docid",
        metadata=("meta.tags", "meta.score", "absent"),
    )
    (found,) = read(tmp_path, json.dumps(row).encode(), "a.jsonl", JsonLines(fields=fields))
    assert (found.text, found.url, found.title) == ("Words", "http://a.example/", "Top")
    assert (found.date, found.language, found.id) == (1580702706, "de", "17")
    assert found.metadata == {"meta.tags": ["x"], "meta.score": None}


def test_all_other_fields_as_metadata(tmp_path):
    source = JsonLines(fields=Fields(metadata="all"))
    (found,) = read(tmp_path, b'{"text": "t", "url": "u", "a": 1, "b": {"c": null}}', "a.jsonl", source)
    assert found.metadata == {"a": 1, "b": {"c": None}}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"text": "cut', "bad_json"),
        (b"[1, 2]", "bad_json"),
        (b'{"text": "\xff\xfe"}', "bad_utf8"),
        (b'{"url": "x"}', "no_text"),
        (b'{"text": null}', "no_text"),
        (b'{"text": 5}', "bad_text"),
        (b'{"text": " \\n"}', "empty_text"),
        (b"[" * 100_000, "bad_json"),
        (b'{"text": 1e999999, "n": ' + b"9" * 10_000 + b"}", "bad_json"),
    ],
)
def test_a_bad_line_is_quarantined_with_its_place(tmp_path, line, reason):
    first = b'{"text": "one"}\n'
    records = read(tmp_path, first + line + b'\r\n\n{"text": "two"}', "a.jsonl", JsonLines())
    assert ends(records) == ["open", reason, "open"]
    assert (records[1].offset, records[1].payload) == (len(first), line)


def test_lone_surrogates_become_replacement_characters(tmp_path):
    line = rb'{"text": "a\ud800b \ud83d\ude00", "url": "\udfff", "x": {"\ud800": "\ud800"}}'
    (found,) = read(tmp_path, line, "a.jsonl", JsonLines(fields=Fields(metadata="all")))
    assert found.text == "a\ufffdb \U0001f600"
    json.dumps([found.url, found.metadata], ensure_ascii=False).encode()


def test_byte_order_mark_and_windows_line_ends(tmp_path):
    records = read(tmp_path, b'\xef\xbb\xbf{"text": "a"}\r\n{"text": "b"}\r\n', "a.jsonl", JsonLines())
    assert [found.text for found in records] == ["a", "b"]


def test_endless_line_is_passed_over_without_being_held(tmp_path):
    data = gzip.compress(b'{"text": "a"}\n' + b"x" * 100_000_000 + b'\n{"text": "b"}\n', 1)
    tracemalloc.start()
    records = read(tmp_path, data, "a.jsonl.gz", JsonLines(max_line_bytes=1000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40_000_000
    assert ends(records) == ["open", "too_large", "open"]
    assert (records[1].offset, records[1].length) == (14, 100_000_000)


def test_truncated_file_keeps_earlier_lines(tmp_path):
    data = gzip.compress(LINES * 100)
    records = read(tmp_path, data[: len(data) // 2], "a.jsonl.gz", JsonLines())
    assert len(records) > 1000
    assert ends(records) == ["open"] * (len(records) - 1) + ["truncated"]


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(max_size=60), max_size=8))
def test_reading_never_raises_and_places_ascend(tmp_path, parts):
    data = b"\n".join(parts)
    records = read(tmp_path, data, "a.jsonl", JsonLines())
    offsets = [found.offset for found in records]
    assert offsets == sorted(set(offsets))
    assert all(found.open or found.reason for found in records)
