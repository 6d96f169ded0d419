"""Broken web archives: the damaged record is told, what stands before and behind it is kept."""

from __future__ import annotations

import gzip
import os
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gristmill.documents import Outcome
from gristmill.sources.warc import Warc
from tests.sources.archives import ARC_HEAD, arc_record, ends, http, members, page, read, record

PAGES = [page(n, words=400) for n in range(6)]
PACKED = [gzip.compress(one, mtime=0) for one in PAGES]


def kept(records):
    return [found.url.rsplit("/", 1)[1] for found in records if found.open]


def test_truncated_gzip_keeps_earlier_records(tmp_path):
    data = b"".join(PACKED)
    records = read(tmp_path, data[:-100])
    assert ends(records) == ["open"] * 5 + ["truncated"]
    assert (records[-1].offset, records[-1].length) == (sum(map(len, PACKED[:5])), len(PACKED[5]) - 100)


def test_truncated_single_member_keeps_earlier_records(tmp_path):
    data = gzip.compress(b"".join(PAGES), mtime=0)
    records = read(tmp_path, data[: len(data) // 2])
    assert len(records) >= 3
    assert ends(records) == ["open"] * (len(records) - 1) + ["truncated"]


def test_truncated_plain_file(tmp_path):
    assert ends(read(tmp_path, b"".join(PAGES)[:-500], "a.warc")) == ["open"] * 5 + ["truncated"]
    assert ends(read(tmp_path, b"".join(PAGES)[: sum(map(len, PAGES[:5])) + 40], "a.warc")) == ["open"] * 5 + [
        "truncated"
    ]


@pytest.mark.parametrize("spot", [0.2, 0.5, 0.9])
def test_corrupt_gzip_member_costs_one_record(tmp_path, spot):
    broken = bytearray(PACKED[2])
    at = int(len(broken) * spot)
    broken[at : at + 8] = bytes(byte ^ 0xFF for byte in broken[at : at + 8])
    records = read(tmp_path, b"".join([*PACKED[:2], bytes(broken), *PACKED[3:]]))
    assert kept(records) == ["0", "1", "3", "4", "5"]
    assert [r.offset for r in records if not r.open] == [len(PACKED[0]) + len(PACKED[1])]


def test_wrong_check_sum_quarantines_the_record_it_belongs_to(tmp_path):
    broken = bytearray(PACKED[2])
    broken[-6] ^= 1
    records = read(tmp_path, b"".join([*PACKED[:2], bytes(broken), *PACKED[3:]]))
    assert ends(records) == ["open", "open", "corrupt_gzip", "open", "open", "open"]
    assert b"word2000" in (records[2].payload or b"")


def test_clipped_member_amid_the_file(tmp_path):
    records = read(tmp_path, b"".join([*PACKED[:2], PACKED[2][:-300], *PACKED[3:]]))
    assert kept(records) == ["0", "1", "3", "4", "5"]


@pytest.mark.parametrize("garbage", [b"\n", b"some garbage", os.urandom(5000), b"\x1f\x8b\x08garbage", b"\x00" * 300])
def test_garbage_between_members(tmp_path, garbage):
    records = read(tmp_path, b"".join([*PACKED[:3], garbage, *PACKED[3:]]))
    assert kept(records) == ["0", "1", "2", "3", "4", "5"]
    assert [found.reason for found in records if not found.open] in (["garbage"], ["corrupt_gzip"])


def test_zeros_at_the_end_are_padding(tmp_path):
    assert ends(read(tmp_path, b"".join(PACKED) + bytes(5000))) == ["open"] * 6


def test_garbage_between_plain_records(tmp_path):
    records = read(tmp_path, PAGES[0] + b"What is this?\r\n\r\n" + PAGES[1], "a.warc")
    assert ends(records) == ["open", "bad_header", "open"]


@pytest.mark.parametrize("length", [10_000, 700, 20, 10**12])
@pytest.mark.parametrize("packed", [False, True])
def test_wrong_length_costs_one_record(tmp_path, length, packed):
    body = http(b"<p>" + b"x" * 500)
    wrong = record(body, url="http://site.example/wrong", length=length)
    parts = [PAGES[0], wrong, PAGES[1], PAGES[2]]
    data = members(parts) if packed else b"".join(parts)
    records = read(tmp_path, data, "a.warc.gz" if packed else "a.warc")
    assert ends(records) in (["open", "bad_length", "open", "open"], ["open", "too_large", "open", "open"])
    assert records[1].url == "http://site.example/wrong"
    assert records[1].payload


def test_length_that_is_a_little_short_is_put_right(tmp_path):
    body = http()
    data = record(body, length=len(body) - 2)
    for name, stored in [("a.warc.gz", members([data, PAGES[0]])), ("a.warc", data + PAGES[0])]:
        records = read(tmp_path, stored, name)
        assert ends(records) == ["open", "open"]
        assert records[0].payload == body.partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize("length", [None, "many", "", "-1"])
def test_no_length_to_go_by(tmp_path, length):
    assert ends(read(tmp_path, record(length=length) + PAGES[0], "a.warc")) == ["bad_header", "open"]


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\r\n\r\n\r\n\r\n"])
def test_line_ends_between_records_may_be_missing_or_too_many(tmp_path, end):
    data = b"".join(record(http(), end=end) for _ in range(3))
    assert ends(read(tmp_path, data, "a.warc")) == ["open"] * 3


def test_bare_line_feeds_in_headers(tmp_path):
    data = PAGES[0].replace(b"\r\n\r\n", b"\n\n", 1)
    head, _, rest = data.partition(b"\n\n")
    assert ends(read(tmp_path, head.replace(b"\r\n", b"\n") + b"\n\n" + rest, "a.warc")) == ["open"]


def test_endless_header(tmp_path):
    data = b"WARC/1.0\r\n" + b"X: y\r\n" * 100_000 + b"\r\n" + PAGES[0]
    assert ends(read(tmp_path, data, "a.warc")) == ["bad_header", "open"]


@pytest.mark.parametrize("packed", [False, True])
def test_huge_record_is_passed_over_without_being_held(tmp_path, packed):
    huge = record(http(b"x" * 60_000_000), url="http://site.example/huge")
    data = members([PAGES[0], huge, PAGES[1]]) if packed else PAGES[0] + huge + PAGES[1]
    del huge
    source = Warc(max_record_bytes=1_000_000)
    tracemalloc.start()
    records = read(tmp_path, data, "a.warc.gz" if packed else "a.warc", source)
    assert ends(records) == ["open", "too_large", "open"]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40_000_000
    assert records[1].url == "http://site.example/huge"
    assert 0 < len(records[1].payload) <= 1 << 20


@pytest.mark.parametrize("name", ["a.warc", "a.warc.gz", "a.arc", "a.wacz"])
@pytest.mark.parametrize(
    "data", [b"<html>not found</html>", os.urandom(300_000), b"\x00" * 1000, gzip.compress(b"{}\n", mtime=0)]
)
def test_another_kind_of_file_is_one_quarantined_record(tmp_path, name, data):
    (found,) = read(tmp_path, data, name)
    assert found.outcome == Outcome.QUARANTINED
    assert found.reason in ("not_warc", "corrupt_zip")


@pytest.mark.parametrize("data", [b"", gzip.compress(b"", mtime=0), b"\r\n\r\n"])
def test_empty_files_hold_nothing(tmp_path, data):
    assert read(tmp_path, data, "a.warc") == []


def test_gzip_with_a_broken_beginning(tmp_path):
    assert kept(read(tmp_path, b"".join(PACKED)[50:])) == ["1", "2", "3", "4", "5"]


def test_arc_with_a_wrong_length(tmp_path):
    wrong = arc_record("http://site.example/wrong", http()).replace(b" %d\n" % len(http()), b" 50\n")
    data = ARC_HEAD + wrong + arc_record("http://site.example/7", http())
    assert ends(read(tmp_path, data, "a.arc")) == ["filedesc", "bad_length", "open"]


def test_not_http(tmp_path):
    for block in (b"SSH-2.0-OpenSSH", b"HTTP/1.1 nonsense\r\n\r\n"):
        (found,) = read(tmp_path, record(block), "a.warc")
        assert (found.outcome, found.reason, found.payload) == (Outcome.QUARANTINED, "bad_http", block)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_damage_leaves_the_undamaged_records(tmp_path, data):
    """Whatever is done to the bytes of one member, all records but it and at most one neighbour are read."""
    victim = data.draw(st.integers(0, 5))
    broken = bytearray(PACKED[victim])
    for _ in range(data.draw(st.integers(1, 4))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        del broken[data.draw(st.integers(1, len(broken) - 1)) :]
    records = read(tmp_path, b"".join([*PACKED[:victim], bytes(broken), *PACKED[victim + 1 :]]))
    assert set(kept(records)) >= {str(n) for n in range(6)} - {str(victim)}
    offsets = [found.offset for found in records]
    assert offsets == sorted(set(offsets))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=400), st.integers(0, 5), st.sampled_from(["a.warc", "a.warc.gz", "a.arc.gz", "a.wacz"]))
def test_reading_never_raises(tmp_path, noise, cut, name):
    whole = b"".join(PACKED)
    for data in (noise, whole[: cut * 150] + noise, b"WARC/1.0\r\n" + noise, ARC_HEAD + noise):
        for found in read(tmp_path, data, name):
            assert found.open or found.reason
