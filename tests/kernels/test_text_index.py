"""Lines and paragraphs against the Python expressions they stand for."""

from __future__ import annotations

import re

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.kernels.text import Texts
from gristmill.kernels.text_index import TextIndex

BREAKS = st.text(st.sampled_from("ab \n\r\t\v\f\x1c\x1e\x85\u2028\u2029\u00a0é漢😀"), max_size=40)
ROWS = st.lists(BREAKS, max_size=6)


def index_of(rows: list[str]) -> TextIndex:
    return TextIndex.build(Texts.from_strings(rows))


@given(ROWS)
@settings(deadline=None)
def test_lines_are_split_at_newlines(rows):
    index = index_of(rows)
    assert [index.lines.of(row) for row in range(len(rows))] == [text.split("\n") for text in rows]


@given(ROWS)
@settings(deadline=None)
def test_broken_lines_are_splitlines(rows):
    index = index_of(rows)
    assert [index.broken_lines.of(row) for row in range(len(rows))] == [text.splitlines() for text in rows]


@given(ROWS)
@settings(deadline=None)
def test_paragraphs_are_split_at_blank_lines(rows):
    index = index_of(rows)
    expected = [re.split(r"\n{2,}", text.strip()) if text.strip() else [] for text in rows]
    assert [index.paragraphs.of(row) for row in range(len(rows))] == expected


@given(ROWS)
@settings(deadline=None)
def test_stripped_lines_are_stripped_and_characters_are_code_points(rows):
    index = index_of(rows)
    assert [index.lines.stripped.of(row) for row in range(len(rows))] == [
        [line.strip() for line in text.split("\n")] for text in rows
    ]
    assert index.characters.tolist() == [len(text) for text in rows]
    assert index.lines.characters.tolist() == [len(line) for text in rows for line in text.split("\n")]


def test_texts_that_are_a_slice_of_a_longer_column_are_read_in_place():
    import pyarrow as pa

    column = pa.array(["skipped\n", "a\nb", "", "c d"], pa.large_string()).slice(1, 3)
    index = TextIndex.build(Texts.from_arrow(column))
    assert [index.lines.of(row) for row in range(3)] == [["a", "b"], [""], ["c d"]]
    assert index.words().counts.tolist() == [2, 0, 2]


def test_bytes_that_are_not_utf8_are_never_read_past_their_row():
    data = np.frombuffer(b"ab\xe2\x80" + b"\xf0\x9f" + b"\xff\xc3", np.uint8)
    index = TextIndex.build(Texts(data, np.array([0, 4, 6, 8])))
    words = index.words()
    assert words.first[-1] == len(words)
    assert (words.end <= 8).all()
    assert index.broken_lines.counts.tolist() == [1, 1, 1]
