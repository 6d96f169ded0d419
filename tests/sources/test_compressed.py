"""Compressed files: told by their bytes, read in bounded pieces, damage met after everything before it."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tracemalloc

import lz4.frame
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.sources.compressed import PIECE, Damage, pieces

PACKERS = {
    "plain": bytes,
    "gzip": lambda data: gzip.compress(data, mtime=0),
    "zstd": lambda data: zstandard.ZstdCompressor().compress(data),
    "xz": lzma.compress,
    "bzip2": bz2.compress,
    "lz4": lz4.frame.compress,
}
PACKED = [name for name in PACKERS if name != "plain"]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=3000), max_size=4), st.sampled_from(PACKED))
def test_members_one_after_another_are_one_stream(parts, name):
    stored = b"".join(PACKERS[name](part) for part in parts)
    assert b"".join(pieces(io.BytesIO(stored))) == b"".join(parts)


@pytest.mark.parametrize("name", list(PACKERS))
def test_large_files_come_in_bounded_pieces(name):
    data = bytes(range(256)) * 20_000
    found = list(pieces(io.BytesIO(PACKERS[name](data))))
    assert b"".join(found) == data
    assert max(map(len, found)) <= PIECE + (32 << 20 if name == "zstd" else 2 << 20)


@pytest.mark.parametrize("name", PACKED)
def test_bombs_are_read_in_little_memory(name):
    stored = PACKERS[name](bytes(150_000_000))
    tracemalloc.start()
    assert sum(map(len, pieces(io.BytesIO(stored)))) == 150_000_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 80_000_000


@pytest.mark.parametrize("name", PACKED)
def test_clipped_stream_gives_what_it_holds_then_says_so(name):
    data = b"".join(b"%d " % n for n in range(200_000))
    stored = PACKERS[name](data)
    found = []
    with pytest.raises(Damage) as caught:
        found.extend(pieces(io.BytesIO(stored[: len(stored) // 2])))
    assert caught.value.reason == "truncated"
    assert data.startswith(b"".join(found))


@pytest.mark.parametrize("name", ["gzip", "xz", "lz4"])
def test_corrupt_stream_gives_what_precedes_the_damage(name):
    data = b"".join(b"%d " % (n * 7919 % 100_003) for n in range(400_000))
    stored = bytearray(PACKERS[name](data))
    middle = len(stored) * 3 // 4
    stored[middle : middle + 60] = b"\xaa" * 60
    found: list[bytes] = []
    with pytest.raises(Damage) as caught:
        found.extend(pieces(io.BytesIO(bytes(stored))))
    read = b"".join(found)
    assert caught.value.reason == f"corrupt_{name}"
    if name == "gzip":  # deflate decodes up to the damage and some way into it
        common = next((n for n in range(0, len(read), 1000) if read[n : n + 1000] != data[n : n + 1000]), len(read))
        assert common > len(data) * 0.7


def test_skippable_frames_are_passed_over():
    frame = b"\x50\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"notes"
    stored = frame + PACKERS["zstd"](b"first ") + frame + PACKERS["zstd"](b"second") + frame
    assert b"".join(pieces(io.BytesIO(stored))) == b"first second"
