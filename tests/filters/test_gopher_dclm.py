"""Gopher's rules by DCLM's reading, against plain Python and on real English articles."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.filters.gopher import GOPHER_STOP_WORDS as STOP_WORDS
from gristmill.filters.gopher import REPEATED_SIZES, TOP_SIZES, GopherQuality, GopherRepetition
from gristmill.kernels.text import Texts
from gristmill.kernels.text_index import TextIndex
from tests.filters.english_pages import page_texts
from tests.stages import run_filter

WORDS = [
    "a",
    "b",
    "ab",
    "bb",
    "the",
    "The",
    "OF",
    "é",
    "漢",
    "x#",
    "...",
    "…",
    ". . .",
    ",",
    "9",
    "²",
    "_a",
    "•",
    "● a",
    "* a",
]
TEXTS = st.lists(
    st.tuples(st.sampled_from(WORDS), st.sampled_from([" ", " ", " ", "\n", "\n\n", " \n", "\n\n\n", "\u2028", ""])),
    max_size=60,
).map(lambda parts: "".join(word + gap for word, gap in parts))
ROWS = st.lists(TEXTS, min_size=1, max_size=4)


def words_of(text: str) -> list[str]:
    return TextIndex.build(Texts.from_strings([text])).words().of(0)


def share(part: float, whole: float) -> np.float32:
    return np.float32(part / whole) if whole else np.float32(0)


def pieces_of(text: str, separator: str) -> list[str]:
    return [piece.strip() for piece in text.split(separator) if piece.strip()]


def characters(pieces: list[str]) -> int:
    return sum(map(len, pieces))


def expected_repetition(text: str) -> dict[str, float]:
    found = {"characters": characters(pieces_of(text, "\n"))}
    for name, separator in (("line", "\n"), ("paragraph", "\n\n")):
        pieces = pieces_of(text, separator)
        copies = [piece for piece in pieces if pieces.count(piece) > 1]
        found[f"duplicate_{name}s"] = share(len(copies), len(pieces))
        found[f"duplicate_{name}_characters"] = share(characters(copies), characters(pieces))
    words = [word for word in words_of(text) if word[0].isalnum()]
    for n in (*TOP_SIZES, *REPEATED_SIZES):
        times = Counter(tuple(words[place : place + n]) for place in range(len(words) - n + 1))
        most = max(times.values(), default=0)
        longest = max((characters(gram) for gram, count in times.items() if count == most), default=0)
        covered = set()
        for place in range(len(words) - n + 1):
            if times[tuple(words[place : place + n])] > 1:
                covered.update(range(place, place + n))
        if n in TOP_SIZES:
            found[f"top_{n}_gram"] = share(most * longest if most > 1 else 0, characters(words))
        else:
            found[f"duplicate_{n}_grams"] = share(sum(len(words[place]) for place in covered), characters(words))
    return found


def expected_quality(text: str) -> dict[str, float]:
    words, lines = text.split(), pieces_of(text, "\n")
    hashes, ellipses = text.count("#"), sum(text.count(form) for form in ("...", ". . .", "…"))
    return {
        "words": sum(word[0].isalnum() for word in words),
        "word_length": share(characters(words), len(words)),
        "hashes": share(hashes, len(words)),
        "ellipses": share(ellipses, len(words)),
        "symbols": share(hashes + ellipses, len(words)),
        "bullet_lines": share(sum(line.startswith(("●", "•", "*", "-")) for line in lines), len(lines)),
        "ellipsis_lines": share(sum(line.endswith(("...", ". . .", "…")) for line in lines), len(lines)),
        "letter_words": share(sum(any(c.isalpha() for c in word) for word in words), len(words)),
        "stop_words": sum(word.lower() in STOP_WORDS for word in words),
    }


@pytest.mark.parametrize(
    ("stage", "expected"), [(GopherRepetition, expected_repetition), (GopherQuality, expected_quality)]
)
@given(rows=ROWS)
def test_every_signal_is_what_plain_python_finds(stage, expected, rows):
    batch = run_filter(stage(dialect="dclm"), rows)
    for row, text in enumerate(rows):
        for name, value in expected(text).items():
            assert batch.numbers(f"{stage.kind}.{name}")[row] == value, (name, text)


def ten_lines_with_two_pairs() -> str:
    lines = [f"{number} {'abcdefgh'[number] * 20}" for number in range(8)]
    return "\n".join([*lines, lines[0], lines[1]])


LINE_RULE_ALONE = {f"max_{rule}": None for rule in GopherRepetition.rules[1:] if rule != "duplicate_lines"}


@pytest.mark.parametrize(
    ("dialect", "duplicate", "reason"),
    [("datatrove", 0.2, None), ("dclm", 0.4, "gopher_repetition.duplicate_lines")],
)
def test_two_equal_pairs_in_ten_lines_are_a_fifth_and_kept_or_two_fifths_and_dropped(dialect, duplicate, reason):
    batch = run_filter(GopherRepetition(dialect=dialect, **LINE_RULE_ALONE), [ten_lines_with_two_pairs()])
    assert batch.numbers("gopher_repetition.duplicate_lines")[0] == np.float32(duplicate)
    assert batch.column("drop")[0].as_py() == reason


def dropped_by(stage, text: str) -> str | None:
    return run_filter(stage, [text]).column("drop")[0].as_py()


def test_a_page_of_one_line_repeats_no_line():
    assert dropped_by(GopherRepetition(dialect="dclm"), "One line, and no other.") is None


def test_a_page_of_blank_lines_is_empty():
    assert dropped_by(GopherRepetition(dialect="dclm"), " \n\n\t\n") == "gopher_repetition.empty"


def test_hash_signs_and_ellipses_have_one_limit_together():
    text = "those seven words have meaning with " * 20 + "# ... " * 5 + "done"
    assert dropped_by(GopherQuality(dialect="dclm", max_symbols=0.07), text) == "gopher_quality.many_symbols"
    assert dropped_by(GopherQuality(dialect="dclm", max_symbols=None), text) is None
    assert dropped_by(GopherQuality(max_hashes=0.08, max_ellipses=0.08), text) is None


def test_punctuation_is_no_word_without_letters():
    text = "The cost, (as of 1998), was: high; so - “they” said, 'with' £5, and that was that! " * 8
    assert dropped_by(GopherQuality(), text) == "gopher_quality.few_letters"
    assert dropped_by(GopherQuality(dialect="dclm"), text) is None


def test_a_dialect_is_a_signal_setting():
    for stage in (GopherRepetition, GopherQuality):
        assert "dialect" in stage.signal_settings


def test_dclm_keeps_the_articles_that_punctuation_costs(real_data, capsys):
    """The main text of real pages of some length in English: nearly all are articles."""
    pages = list(page_texts(real_data, ("scrapinghub-aeb",)))[::2]
    articles = [text for text in pages if text.split().count("the") > 5 and len(text.split()) > 150]
    kept = {}
    for dialect in ("datatrove", "dclm"):
        for stage in (GopherQuality(dialect=dialect), GopherRepetition(dialect=dialect)):
            drops = run_filter(stage, articles).column("drop")
            kept[stage.kind, dialect] = drops.null_count / len(articles)
            with capsys.disabled():
                print(f"\n{dialect} {stage.kind}: {kept[stage.kind, dialect]:.0%} of {len(articles)} kept", end="")
    assert kept["gopher_quality", "dclm"] > 0.95
    assert kept["gopher_quality", "dclm"] > kept["gopher_quality", "datatrove"] + 0.1
    assert kept["gopher_repetition", "dclm"] < kept["gopher_repetition", "datatrove"]


def test_n_grams_decide_as_with_words_of_another_implementation(real_data):
    """DCLM splits words with uniseg, by Unicode's rules without ICU's tailoring."""
    wordbreak = pytest.importorskip("uniseg.wordbreak")
    texts = [text for text in page_texts(real_data, ("scrapinghub-aeb",)) if len(text) < 6000][:60]
    theirs = [[word for word in wordbreak.words(text) if word[0].isalnum()] for text in texts]
    ours = [[word for word in words_of(text) if word[0].isalnum()] for text in texts]
    different = sum((Counter(a) - Counter(b)).total() for a, b in zip(theirs, ours, strict=True))
    assert different < 0.005 * sum(map(len, theirs))
