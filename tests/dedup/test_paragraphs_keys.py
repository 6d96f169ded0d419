"""Keys of lines: what a reading leaves of a line, and the hash of that."""

from __future__ import annotations

import hashlib
import re
import unicodedata

import numpy as np
import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.dedup.line_keys import CCNET_DROPPED, LineKeys
from gristmill.kernels.text import Texts
from gristmill.kernels.text_index import TextIndex
from gristmill.kernels.xxh64 import hash_pieces


def keys_of(lines: list[str], **changes) -> list[int]:
    given_settings = {"reading": "ccnet", "accents": "keep", "hash": "sha1", "min_bytes": 0} | changes
    return LineKeys(**given_settings).of(TextIndex.build(Texts.from_strings(["\n".join(lines)])).lines).tolist()


def sha1_key(folded: str) -> int:
    return int.from_bytes(hashlib.sha1(folded.encode()).digest()[:8], "little")


DROPPED = re.compile("[" + "".join(map(re.escape, map(chr, CCNET_DROPPED))) + "]")


def ccnet(line: str) -> str:
    return DROPPED.sub("", re.sub(r"\d", "0", line.strip().lower()))


def without_accents(line: str) -> str:
    parts = (unicodedata.normalize("NFD", c) for c in line.strip().lower())
    letters = "".join(c for part in parts for c in part if unicodedata.category(c) != "Mn")
    return DROPPED.sub("", re.sub(r"\d", "0", letters))


def test_keys_are_the_first_eight_bytes_of_sha1_little_endian():
    digest = bytes.fromhex("aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d")  # of "hello"
    assert keys_of(["Hello"]) == [int.from_bytes(digest[:8], "little")]
    assert keys_of([""]) == [int.from_bytes(bytes.fromhex("da39a3ee5e6b4b0d"), "little")]


@pytest.mark.parametrize(
    ("line", "left"),
    [
        ("  Call 555-0199 now!\t", "call 000-0000 now!"),
        ("“Two  words”…", "two  words"),
        ("价格：１２元。", "价格00元"),
        ("Tel\u200b \x07٣", "tel\u200b 0"),
        ("ΟΔΟΣ ΟΔΟΣ", "οδος οδος"),
        ("Étage", "étage"),
        ("\u2028\u00a0x\x85", "x"),
    ],
)
def test_ccnet_reading_keeps_what_its_rules_keep(line, left):
    assert keys_of([line]) == [sha1_key(left)]


lines_of_any_text = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=12), max_size=8)


@settings(max_examples=300, deadline=None)
@given(lines_of_any_text)
def test_keys_of_any_unicode_are_those_of_python_strings(lines):
    whole = "\n".join(lines).split("\n")
    assert keys_of(lines) == [sha1_key(ccnet(line)) for line in whole]
    assert keys_of(lines, accents="remove") == [sha1_key(without_accents(line)) for line in whole]
    assert keys_of(lines, reading="c4_lines") == [sha1_key(line.strip().lower()) for line in whole]


def test_every_code_point_folds_as_python_has_it():
    characters = [chr(c) for c in range(0x110000) if c != 10 and not 0xD800 <= c < 0xE000]
    lines = ["a" + "a".join(characters[start : start + 64]) + "a" for start in range(0, len(characters), 64)]
    assert keys_of(lines, hash="xxh64") == [xxhash.xxh64_intdigest(ccnet(line)) for line in lines]
    found = keys_of(lines, hash="xxh64", accents="remove")
    assert found == [xxhash.xxh64_intdigest(without_accents(line)) for line in lines]


def test_accents_count_unless_removed():
    assert keys_of(["café"]) != keys_of(["cafe"])
    assert keys_of(["Café"], accents="remove") == keys_of(["cafe"]) == keys_of(["cafe\u0301"], accents="remove")


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=100), max_size=6))
def test_the_compiled_hash_is_that_of_the_xxhash_library(pieces):
    ends = np.cumsum([len(piece) for piece in pieces]).astype(np.int64)
    found = hash_pieces(np.frombuffer(b"".join(pieces), np.uint8), ends)
    assert found.tolist() == [xxhash.xxh64_intdigest(piece) for piece in pieces]


def test_lines_under_the_minimum_have_no_key():
    assert [key == 0 for key in keys_of(["", " \t", "…", "ab", "é"], min_bytes=2)] == [True, True, True, False, False]


def test_both_hashes_tell_the_same_lines_apart():
    lines = ["a", "A", "b", "", "a1", "a2"]
    by_sha1, by_xxh64 = keys_of(lines), keys_of(lines, hash="xxh64")
    assert [by_sha1.index(key) for key in by_sha1] == [by_xxh64.index(key) for key in by_xxh64]
