"""English words against hand-made examples, and against spaCy's on real pages."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.kernels import english_words
from gristmill.kernels.code_points import code_point_tables
from gristmill.kernels.text import Texts
from gristmill.kernels.text_index import TextIndex
from gristmill.kernels.words import describe
from tests.filters.english_pages import page_texts

PARTS = [
    "a",
    "B",
    "é",
    "漢",
    "7",
    "GB",
    "Mr",
    "n't",
    ".",
    "..",
    "…",
    ",",
    "-",
    "--",
    "—",
    "'",
    "’",
    "s",
    "(",
    "[",
    "/",
    "://",
]
TEXTS = st.lists(st.sampled_from([*PARTS, "@", ".com", "%", "$", "€", " ", "\n", "\u00a0"]), max_size=40).map("".join)


def words_of(text: str) -> list[str]:
    return TextIndex.build(Texts.from_strings([text])).words("english").of(0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("She said (softly): no.", ["She", "said", "(", "softly", ")", ":", "no", "."]),
        ("“Don’t,” it's theirs", ["“", "Do", "n’t", ",", "”", "it", "'s", "theirs"]),
        ("we'll they’ve I'd cannot", ["we", "'ll", "they", "’ve", "I", "'d", "can", "not"]),
        ("Mr. Smith of the U.S. left.", ["Mr.", "Smith", "of", "the", "U.S.", "left", "."]),
        ("wait... what… so..", ["wait", "...", "what", "…", "so", ".."]),
        ("a well-known either/or 10-20", ["a", "well", "-", "known", "either", "/", "or", "10", "-", "20"]),
        ("end.Next one,two", ["end", ".", "Next", "one", ",", "two"]),
        (
            "see https://a.example/b-c, or me@a.example.",
            ["see", "https://a.example/b-c", ",", "or", "me@a.example", "."],
        ),
        ("$5, 3.14 and 1,000 or 50%", ["$", "5", ",", "3.14", "and", "1,000", "or", "50", "%"]),
        ("512GB, 10km", ["512", "GB", ",", "10", "km"]),
        ("- a * b", ["-", "a", "*", "b"]),
        ("!!!", ["!", "!", "!"]),
        (" \n", []),
    ],
)
def test_marks_and_contractions_are_words_of_their_own(text, words):
    assert words_of(text) == words


@given(st.lists(TEXTS, max_size=4))
def test_words_cover_everything_but_white_space_in_order(rows):
    index = TextIndex.build(Texts.from_strings(rows))
    words = index.words("english")
    for row, text in enumerate(rows):
        assert "".join(words.of(row)) == "".join(text.split())
        assert all(words.of(row))
    assert (words.start[1:] >= words.end[:-1]).all()


def words_without_the_short_way(text: str) -> list[tuple[str, int, int, int]]:
    """Word, hash, code points and flags, by the rules for any run."""
    tables = code_point_tables()
    found = []
    for run in text.split():
        data = np.frombuffer(run.encode(), np.uint8)
        starts, ends = np.empty(len(data), np.int64), np.empty(len(data), np.int64)
        count = english_words._write_run(data, 0, len(data), *tables, np.empty(64, np.int64), starts, ends, 0)
        for start, end in zip(starts[:count].tolist(), ends[:count].tolist(), strict=True):
            found.append((bytes(data[start:end]).decode(), *map(int, describe(data, start, end, *tables))))
    return found


PLAIN = st.sampled_from(
    ["cannot", "Cannot.", "dogs", "calif.", "Street.", "STREET.", "reads,", "it's", "words", "Mt", "_"]
)


@given(st.lists(PLAIN | TEXTS, max_size=12), st.sampled_from(["", " ", "\t", "\x1c"]))
def test_plain_words_come_out_as_by_all_the_rules(pieces, between):
    text = between.join(pieces)
    words = TextIndex.build(Texts.from_strings([text])).words("english")
    rest = (column.tolist() for column in (words.hashes, words.characters, words.flags))
    assert list(zip(words.of(0), *rest, strict=True)) == words_without_the_short_way(text)


@given(st.lists(st.binary(max_size=40), max_size=4))
def test_bytes_that_are_not_utf8_are_never_read_past_their_row(rows):
    data = np.frombuffer(b"".join(rows), np.uint8)
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows], dtype=np.int64)]).astype(np.int64)
    words = TextIndex.build(Texts(data, offsets)).words("english")
    for row in range(len(rows)):
        own = slice(words.first[row], words.first[row + 1])
        assert (words.start[own] >= offsets[row]).all()
        assert (words.end[own] <= offsets[row + 1]).all()


def test_a_run_of_marks_without_end_takes_no_more_than_its_length():
    assert len(words_of("a" + "!" * 100_000)) == 65


def test_nearly_all_words_are_spacys(real_data, capsys):
    pytest.importorskip("spacy")
    split = pytest.importorskip("datatrove.utils.text").split_into_words
    texts = [text for text in page_texts(real_data, ("scrapinghub-aeb",)) if len(text) < 8000][:80]
    theirs = [split(text, "eng") for text in texts]
    shares = {}
    for reading in ("unicode", "english"):
        words = TextIndex.build(Texts.from_strings(texts)).words(reading)
        common = sum((Counter(a) & Counter(words.of(row))).total() for row, a in enumerate(theirs))
        shares[reading] = common / sum(map(len, theirs))
        with capsys.disabled():
            print(f"\n{reading}: {shares[reading]:.2%} of spaCy's words", end="")
    assert shares["english"] > 0.99
    assert shares["english"] > shares["unicode"]
