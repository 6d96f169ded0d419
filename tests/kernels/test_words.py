"""Word segmentation against Unicode's rules, Python's str.split and hand-made examples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.kernels.code_points import LETTER, SIGN, TERMINAL, code_point_tables
from gristmill.kernels.text import Texts
from gristmill.kernels.text_index import TextIndex
from gristmill.kernels.words import NOT_SIGNS

# Letters of many scripts, marks, joiners, digits, everything that may stand inside a word, line breaks and spaces.
TRICKY = (
    "abZ09_ .,;:'’\"·-#\n\r\t\u00a0\u2028é\u0301ßאב״م٣कि\u094dไท\u0e31漢ひカー한😀\u200d👧🏽🇩🇪\u200b\u00ad\ufeff\x00"
)

# What the other implementation reads by the standard: it deviates at apostrophes and at marks before punctuation.
UNITS = 'abZ09_ .,;"·-#\néкאבم٣क漢ひカー한😀'


def index_of(*rows: str) -> TextIndex:
    return TextIndex.build(Texts.from_strings(list(rows)))


def words_of(text: str, reading="unicode") -> list[str]:
    return index_of(text).words(reading).of(0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It's 3.14, isn’t it?", ["It's", "3.14", ",", "isn’t", "it", "?"]),
        ("1,000,000 and 1, 2", ["1,000,000", "and", "1", ",", "2"]),
        ("well-known snake_case", ["well", "-", "known", "snake_case"]),
        ("Wait... what....", ["Wait", "...", "what", "...."]),
        ("note:this", ["note", ":", "this"]),
        ("Привет, мир! Γειά σου", ["Привет", ",", "мир", "!", "Γειά", "σου"]),
        ('צה"ל ג׳ירפה', ['צה"ל', "ג׳ירפה"]),
        ("नमस्ते दुनिया", ["नमस्ते", "दुनिया"]),
        ("مرحبا بالعالم", ["مرحبا", "بالعالم"]),
        ("漢字かなカタカナ", ["漢", "字", "か", "な", "カタカナ"]),
        ("ที่นี่", ["ที่", "นี่"]),
        ("안녕 세계", ["안녕", "세계"]),
        ("👨‍👩‍👧🇩🇪🇫🇷", ["👨‍👩‍👧", "🇩🇪", "🇫🇷"]),
        ("e\u0301te\u0301", ["e\u0301te\u0301"]),
        ("\ufeff\u200b \x00\x1f", []),
        ("", []),
    ],
)
def test_words_follow_the_default_boundaries_of_unicode(text, words):
    assert words_of(text) == words


@given(st.text(st.sampled_from(UNITS), max_size=40))
@settings(max_examples=400, deadline=None)
def test_boundaries_agree_with_an_independent_implementation(text):
    regex = pytest.importorskip("regex")
    text = regex.sub(r"\.+", ".", text)  # runs of full stops are a declared difference
    assert words_of(text) == [word for word in regex.split(r"(?w)\b", text) if word.strip()]


@given(st.lists(st.sampled_from(UNITS), max_size=40), st.sampled_from(["\u0301", "\u00ad", "\u200d", "\u093f"]))
@settings(deadline=None)
def test_a_mark_or_invisible_sign_after_a_letter_moves_no_boundary(units, mark):
    # a zero-width joiner holds on to the emoji behind it
    joined = [mark == "\u200d" and after == "\U0001f600" for after in ([*units[1:], ""])[: len(units)]]
    marked = "".join(u + mark if u.isalpha() and not j else u for u, j in zip(units, joined, strict=True))
    assert [word.replace(mark, "") for word in words_of(marked)] == words_of("".join(units))


@given(st.text(st.one_of(st.sampled_from(TRICKY), st.characters(exclude_categories=["Cs"])), max_size=80))
@settings(deadline=None)
def test_whitespace_reading_is_str_split(text):
    assert words_of(text, "whitespace") == text.split()


@given(st.lists(st.text(st.sampled_from(TRICKY), max_size=30), max_size=6))
@settings(deadline=None)
def test_words_lie_in_order_inside_their_row_and_miss_nothing_but_separators(rows):
    index = index_of(*rows)
    words = index.words()
    assert words.first[0] == 0
    assert words.first[-1] == len(words)
    for row, text in enumerate(rows):
        own = slice(words.first[row], words.first[row + 1])
        ends = words.end[own]
        assert (words.start[own] < ends).all()
        assert (words.start[own][1:] >= ends[:-1]).all()
        covered = "".join(words.of(row))
        assert [c for c in covered if c.isalnum()] == [c for c in text if c.isalnum()]


@given(st.lists(st.text(st.sampled_from("ab c.é漢"), max_size=20), min_size=1, max_size=8))
@settings(deadline=None)
def test_a_row_has_the_same_words_whatever_stands_around_it(rows):
    together = index_of(*rows).words()
    for row, text in enumerate(rows):
        alone = index_of(text).words()
        own = slice(together.first[row], together.first[row + 1])
        assert together.of(row) == alone.of(0)
        for part in ("hashes", "characters", "flags"):
            np.testing.assert_array_equal(getattr(together, part)[own], getattr(alone, part))


def test_hashes_are_equal_exactly_where_words_are():
    words = index_of("one two one Two ONE one", "two").words()
    assert len({(w, int(h)) for w, h in zip(words.of(0) + words.of(1), words.hashes, strict=True)}) == 4
    assert len(set(words.hashes.tolist())) == 4


def test_hashes_never_change_between_runs():
    assert [hex(h) for h in index_of("the été 漢").words().hashes.tolist()] == [
        "0xa009015dba0e2c86",
        "0xd79dfde44fd571a",
        "0x3185e46a65b9eb77",
    ]


def test_flags_tell_punctuation_from_words():
    words = index_of("Hi , 42 • €").words()
    assert [bool(f & NOT_SIGNS) for f in words.flags] == [True, False, True, True, True]
    assert [bool(f & LETTER) for f in words.flags] == [True, False, False, False, False]


def test_more_words_than_guessed_are_all_found():
    rows = ["a," * 5000, "b", "c;" * 3000]
    assert index_of(*rows).words().counts.tolist() == [10000, 1, 6000]


def test_signs_and_terminals_are_those_of_datatrove():
    text = pytest.importorskip("datatrove.utils.text")
    blocks, traits = code_point_tables()
    entries = traits[(blocks[np.arange(0x110000) >> 8].astype(np.int64) << 8) | (np.arange(0x110000) & 255)]
    assert {chr(cp) for cp in np.flatnonzero(entries & SIGN)} == text.PUNCTUATION_SET
    assert {chr(cp) for cp in np.flatnonzero(entries & TERMINAL)} == text.TERMINAL_PUNCTUATION


def test_letters_and_spaces_are_those_of_python():
    blocks, traits = code_point_tables()
    for cp in [*range(0x3100), *range(0x1D400, 0x1D800), 0x4E00, 0xAC00, 0x2FFFF, 0x10FFFF]:
        entry = int(traits[(int(blocks[cp >> 8]) << 8) | (cp & 255)])
        assert bool(entry & LETTER) == chr(cp).isalpha(), hex(cp)
        assert bool(entry & 1 << 7) == chr(cp).isspace(), hex(cp)
