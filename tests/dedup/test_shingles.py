from __future__ import annotations

import re
import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.kernels.shingles import (
    SEPARATOR,
    next_shingles,
    normalise,
    shingles_of,
    start_shingles,
    whitespace_table,
    words_table,
)

ALPHABET = "aBéÉßñ 019.,\n\t-’“\u00ad\u0301\u200dжЖ中文ひカไทย한국😀𠀀٣"
some_text = st.text(st.sampled_from(ALPHABET), max_size=60)
UNSPACED = re.compile("[中文ひカไทย𠀀]")


def words_by_regex(text: str) -> list[str]:
    """The words of a text over ALPHABET, found another way: decompose it, drop marks, split by pattern."""
    text = unicodedata.normalize("NFC", UNSPACED.sub(r" \g<0> ", text.lower()))
    text = "".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) not in ("Mn", "Cf"))
    return re.sub(r"\d+", "0", re.sub(r"[^\w]+", " ", unicodedata.normalize("NFC", text))).split()


def shingles(text: str, n: int, table: np.ndarray) -> list[int]:
    data = np.frombuffer(text.encode() or b" ", np.uint8)
    return shingles_of(data, 0, len(text.encode()), table, n).tolist()


@settings(max_examples=300, deadline=None)
@given(some_text, some_text, st.integers(1, 4))
def test_shingles_are_equal_exactly_where_word_n_grams_are(left, right, n):
    grams, hashes = [], []
    for text in (left, right):
        words = words_by_regex(text)
        grams += [tuple(words[k : k + n]) for k in range(len(words) - n + 1)]
        hashes += shingles(text, n, words_table(digits_to_zero=True))
    assert len(hashes) == len(grams)
    assert [hashes.index(h) for h in hashes] == [grams.index(g) for g in grams]


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Café crème!", "cafe  CREME"),
        ("cafe\u0301", "caf\u00e9"),
        ("in 2024, twice", "in 3 twice"),
        ("co\u00adoperate", "cooperate"),
        ("don’t", "don't"),
        ("中 文", "中文"),
    ],
)
def test_texts_that_differ_only_in_form_have_the_same_words(left, right):
    table = words_table(digits_to_zero=True)
    assert shingles(left, 1, table) == shingles(right, 1, table)


def test_digits_count_where_numbers_are_not_folded():
    table = words_table(digits_to_zero=False)
    assert shingles("room 101", 1, table) != shingles("room 102", 1, table)


def test_word_order_and_word_borders_count():
    table = words_table(digits_to_zero=True)
    assert shingles("a b", 2, table) != shingles("b a", 2, table)
    assert shingles("ab c", 2, table) != shingles("a bc", 2, table)


@settings(max_examples=100, deadline=None)
@given(some_text, st.integers(1, 4), st.integers(2, 9))
def test_shingles_come_out_the_same_in_small_blocks(text, n, room):
    table = words_table(digits_to_zero=True)
    data = np.frombuffer(text.encode() or b" ", np.uint8)
    state, ring, block = np.empty(5, np.int64), np.empty(n, np.uint64), np.empty(room, np.uint64)
    start_shingles(0, state, ring)
    found: list[int] = []
    while count := next_shingles(data, len(text.encode()), table, state, ring, block):
        found += block[:count].tolist()
    assert found == shingles(text, n, table)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_whitespace_normalisation_is_split_and_join(text):
    data = np.frombuffer(text.encode(errors="replace") or b" ", np.uint8)
    symbols = np.empty(2 * len(data) + 2, np.uint32)
    count = normalise(data, 0, len(text.encode(errors="replace")), whitespace_table(), symbols)
    words = text.encode(errors="replace").decode().split()
    assert (symbols[:count] == SEPARATOR).sum() == max(0, len(words) - 1)
    assert count == len(" ".join(words))
