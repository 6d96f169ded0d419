"""Gopher's rules in four readings: small texts whose numbers can be worked out by hand, one for each point they differ in."""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from fractions import Fraction as F
from statistics import median

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.filters.gopher import GOPHER_STOP_WORDS, REPEATED_SIZES, TOP_SIZES, GopherQuality, GopherRepetition
from tests.stages import run_filter

DIALECTS = ("datatrove", "dclm", "dolma", "redpajama_v2")
TEN_LINES = "\n".join(
    [*(f"{n} {letter * 20}" for n, letter in enumerate("abcdefgh")), "0 " + "a" * 20, "1 " + "b" * 20]
)
OVERLAP = "a b c d e f x a b c d e f"
BULLETS = "• x\n- x\n* x\n● x\n - x\n▪ x\n– x"
ELLIPSES = "x...\nx…\nx . . .\nx… "


def by_hand(point: str, text: str, column: str, datatrove, dclm, dolma, redpajama_v2):
    return pytest.param(text, column, (datatrove, dclm, dolma, redpajama_v2), id=point)


@pytest.mark.parametrize(
    ("text", "column", "expected"),
    [
        by_hand("first copy", TEN_LINES, "duplicate_lines", F(2, 10), F(4, 10), F(4, 10), None),
        by_hand("line characters", "aa bb\naa bb\nc", "duplicate_line_characters", F(5, 13), F(10, 11), F(10, 9), None),
        by_hand("first n-gram", "a b c d e x a b c d e", "duplicate_5_grams", F(5, 21), F(10, 11), F(2 * 5, 7 * 5), F(10, 11)),
        by_hand("overlapping n-grams", OVERLAP, "duplicate_5_grams", F(5, 25), F(12, 13), F(4 * 5, 9 * 5), F(12, 13)),
        by_hand("ties", "a b x a b y cc dd z cc dd", "top_2_gram", F(2 * 3, 25), F(2 * 4, 15), F(2 * 2, 15), F(2 * 2, 15)),
        by_hand("an n-gram seen once", "one two three", "top_2_gram", F(7, 13), 0, F(6, 11), 0),
        by_hand("case and punctuation", "Go, go. go go!", "top_2_gram", F(4, 14), F(2 * 4, 8), F(6, 11), F(3 * 4, 8)),
        by_hand("empty lines", "a\n\n\nb\na", "duplicate_lines", F(1, 3), F(2, 3), F(4, 5), None),
        by_hand("one line", "One line, and no other.", "duplicate_lines", 0, 0, 0, None),
        by_hand("paragraphs", "a\n\nb\n\na", "duplicate_paragraphs", F(1, 3), F(2, 3), None, None),
        by_hand("paragraph characters", "a\n\nb\n\na", "duplicate_paragraph_characters", F(1, 7), F(2, 3), None, None),
    ],
)  # fmt: skip
def test_repetition_by_hand(text, column, expected):
    for dialect, value in zip(DIALECTS, expected, strict=True):
        found = run_filter(GopherRepetition(dialect=dialect), [text]).column(f"gopher_repetition.{column}")[0].as_py()
        assert found == (None if value is None else np.float32(float(value))), dialect


@pytest.mark.parametrize(
    ("text", "column", "expected"),
    [
        by_hand("distinct or not", "the the", "stop_words", 1, 2, 2, 2),
        by_hand("capitals", "The the", "stop_words", 1, 2, 1, 1),
        by_hand("share of stop words", "the x, the", "stop_word_share", F(2, 4), F(2, 3), F(2, 3), F(2, 4)),
        by_hand("mean or median", "a a abcdefg", "word_length", 3, 3, 1, 3),
        by_hand("median of two", "a abc", "word_length", 2, 2, 2, 2),
        by_hand("words", "Well-known, - §!", "words", 3, 1, 3, 2),
        by_hand("bullets", BULLETS, "bullet_lines", F(3, 7), F(5, 7), F(2, 7), F(3, 7)),
        by_hand("ellipses", ELLIPSES, "ellipsis_lines", F(3, 4), 1, F(1, 4), F(3, 4)),
        by_hand("blank lines", "- a\n\n", "bullet_lines", F(1, 2), 1, F(1, 3), 0),
        by_hand("hash signs", "# a ... b … c", "hashes", F(1, 6), F(1, 6), F(1, 6), F(1, 6)),
        by_hand("symbols", "# a ... b … c", "symbols", F(3, 6), F(3, 6), F(2, 6), F(3, 6)),
        by_hand("letters", "dont, дон 1", "letter_words", F(2, 4), F(2, 3), F(2, 3), F(1, 4)),
    ],
)  # fmt: skip
def test_quality_by_hand(text, column, expected):
    for dialect, value in zip(DIALECTS, expected, strict=True):
        found = run_filter(GopherQuality(dialect=dialect), [text]).column(f"gopher_quality.{column}")[0].as_py()
        assert found == np.float32(float(value)), dialect


def reason(stage, text: str) -> str | None:
    found = run_filter(stage, [text]).column("drop")[0].as_py()
    return found and found.removeprefix(f"{stage.name}.")


def test_two_equal_pairs_in_ten_lines_are_dropped_by_dclm_and_dolma_alone():
    lines_alone = {f"max_{rule}": None for rule in GopherRepetition.rules[1:] if rule != "duplicate_lines"}
    found = {dialect: reason(GopherRepetition(dialect=dialect, **lines_alone), TEN_LINES) for dialect in DIALECTS}
    assert found == {"datatrove": None, "dclm": "duplicate_lines", "dolma": "duplicate_lines", "redpajama_v2": None}


def test_hash_signs_and_ellipses_have_limits_of_their_own_in_datatrove_alone():
    text = "those seven words have meaning with " * 20 + "# … " * 5 + "done"
    found = {dialect: reason(GopherQuality(dialect=dialect, max_symbols=0.07), text) for dialect in DIALECTS}
    assert found == {"datatrove": None, "dclm": "many_symbols", "dolma": "many_symbols", "redpajama_v2": "many_symbols"}


def test_dolmas_limits_are_those_of_its_configuration():
    dolma = GopherRepetition(dialect="dolma")
    assert dolma.max_duplicate_line_characters == 0.30
    assert dolma.max_duplicate_paragraphs is None
    assert GopherRepetition(dialect="dolma", max_duplicate_line_characters=0.2).max_duplicate_line_characters == 0.2


def test_redpajama_has_no_rule_on_the_number_of_stop_words():
    german = "Regen fiel eine Woche lang auf das Tal und die Leute blieben in dem Haus " * 6
    assert reason(GopherQuality(dialect="redpajama_v2"), german) is None
    assert reason(GopherQuality(dialect="redpajama_v2", min_stop_word_share=0.01), german) == "small_stop_word_share"
    with pytest.raises(ValueError, match="leave `words` out"):
        GopherQuality(dialect="redpajama_v2", words="unicode")


# -- against plain Python ---------------------------------------------------------------------------------------------

WORDS = [
    "a",
    "B",
    "ab",
    "the",
    "The",
    "OF",
    "é",
    "e\u0301",
    "漢",
    "x#",
    "...",
    "…",
    ",",
    "it's",
    "9",
    "_",
    "• a",
    "* a",
    "Σας",
    "▶",
    "-",
]
TEXTS = st.lists(
    st.tuples(st.sampled_from(WORDS), st.sampled_from([" ", " ", " ", "\n", "\n\n", " \n", "\n\n\n", "\u2028", ""])),
    max_size=50,
).map(lambda parts: "".join(word + gap for word, gap in parts))
ROWS = st.lists(TEXTS, min_size=1, max_size=4)


def share(part: float, whole: float) -> np.float32:
    return np.float32(part / whole) if whole else np.float32(0)


def characters(pieces) -> int:
    return sum(map(len, pieces))


def grams(words: list[str], n: int) -> list[tuple[str, ...]]:
    return [tuple(words[place : place + n]) for place in range(len(words) - n + 1)]


def dolma_repetition(text: str) -> dict[str, float | None]:
    words, lines = text.split(), text.split("\n")
    copies = [line for line in lines if lines.count(line) > 1]
    found = {
        "duplicate_lines": share(len(copies), len(lines)),
        "duplicate_line_characters": share(characters(copies), characters(words)),
        "duplicate_paragraphs": None,
    }
    for n in TOP_SIZES:
        (top, times), *_ = Counter(grams(words, n)).most_common(1) or [((), 0)]
        found[f"top_{n}_gram"] = share(times * characters(top), characters(words))
    for n in REPEATED_SIZES:
        counts = Counter(grams(words, n))
        repeated = sum(times * characters(gram) for gram, times in counts.items() if times > 1)
        found[f"duplicate_{n}_grams"] = share(repeated, sum(times * characters(gram) for gram, times in counts.items()))
    return found


def dolma_quality(text: str) -> dict[str, float]:
    words, lines = text.split(), text.split("\n")
    return {
        "words": len(words),
        "word_length": np.float32(median([len(word) for word in words] or [0])),
        "symbols": share(sum("#" in word or "…" in word for word in words), len(words)),
        "letter_words": share(sum(any(map(str.isalpha, word)) for word in words), len(words)),
        "stop_words": sum(word in GOPHER_STOP_WORDS for word in words),
        "bullet_lines": share(sum(line.startswith(("*", "-")) for line in lines), len(lines)),
        "ellipsis_lines": share(sum(line.endswith("…") for line in lines), len(lines)),
    }


def normalised(text: str) -> list[str]:
    text = text.translate(str.maketrans("", "", string.punctuation)).lower()
    return unicodedata.normalize("NFD", " ".join(text.split())).split()


def redpajama_repetition(text: str) -> dict[str, float | None]:
    words = normalised(text)
    found: dict[str, float | None] = {"duplicate_lines": None, "duplicate_paragraph_characters": None}
    for n in TOP_SIZES:
        (top, times), *_ = Counter(grams(words, n)).most_common(1) or [((), 0)]
        found[f"top_{n}_gram"] = share(times * characters(top) if times > 1 else 0, characters(words))
    for n in REPEATED_SIZES:
        counts, covered = Counter(grams(words, n)), set()
        for place, gram in enumerate(grams(words, n)):
            covered |= set(range(place, place + n)) if counts[gram] > 1 else set()
        found[f"duplicate_{n}_grams"] = share(sum(len(words[place]) for place in covered), characters(words))
    return found


def redpajama_quality(text: str) -> dict[str, float]:
    words, raw = normalised(text), re.findall(r"\w+|[^\w\s]+", text)
    lines = re.findall(r"[^\n]*\n|[^\n]+$", text)
    bullets = tuple("•‣▶◀◦■□▪▫–")
    return {
        "words": len(words),
        "word_length": share(characters(words), len(words)),
        "symbols": share(sum(map(text.count, ("#", "...", "…"))), len(raw)),
        "letter_words": share(sum(bool(re.search("[a-zA-Z]", word)) for word in raw), len(raw)),
        "stop_word_share": share(sum(word in GOPHER_STOP_WORDS for word in raw), len(raw)),
        "bullet_lines": share(sum(line.lstrip().startswith(bullets) for line in lines), len(lines)),
        "ellipsis_lines": share(sum(line.rstrip().endswith(("...", "…")) for line in lines), len(lines)),
    }


@pytest.mark.parametrize(
    ("stage", "expected"),
    [
        (GopherRepetition(dialect="dolma"), dolma_repetition),
        (GopherQuality(dialect="dolma"), dolma_quality),
        (GopherRepetition(dialect="redpajama_v2"), redpajama_repetition),
        (GopherQuality(dialect="redpajama_v2"), redpajama_quality),
    ],
)
@given(rows=ROWS)
def test_every_signal_is_what_plain_python_finds(stage, expected, rows):
    batch = run_filter(stage, rows)
    for row, text in enumerate(rows):
        for name, value in expected(text).items():
            assert batch.column(f"{stage.kind}.{name}")[row].as_py() == value, (name, text)
