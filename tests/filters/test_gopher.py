"""Gopher's signals against plain Python readings of their definitions, and its decisions on small texts."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.errors import UserError
from gristmill.filters.gopher import GOPHER_STOP_WORDS as STOP_WORDS
from gristmill.filters.gopher import REPEATED_SIZES, TOP_SIZES, GopherQuality, GopherRepetition
from gristmill.kernels.text import Texts
from gristmill.kernels.text_index import TextIndex
from tests.stages import run_filter

# Few different words, so that n-grams repeat; words that are the same when written together ("a bb" and "ab b").
WORDS = ["a", "b", "ab", "bb", "the", "of", "é", "漢", "x#", "...", "…", ",", "9", "mississippi", "- a", "•", "¶"]
TEXTS = st.lists(
    st.tuples(st.sampled_from(WORDS), st.sampled_from([" ", " ", " ", "\n", "\n\n", " \n", "\r\n", "\u2028", ""])),
    max_size=60,
).map(lambda parts: "".join(word + gap for word, gap in parts))
ROWS = st.lists(TEXTS, min_size=1, max_size=4)


def words_of(text: str, reading: str) -> list[str]:
    return TextIndex.build(Texts.from_strings([text])).words(reading).of(0)


def share(part: float, whole: float) -> np.float32:
    return np.float32(part / whole) if whole else np.float32(0)


def duplicates(pieces: list[str]) -> tuple[int, int]:
    again = [piece for place, piece in enumerate(pieces) if piece in pieces[:place]]
    return len(again), sum(map(len, again))


def expected_repetition(text: str, words: list[str]) -> dict[str, float]:
    found = {"characters": len(text)}
    for name, pieces in (
        ("paragraph", re.split(r"\n{2,}", text.strip())),
        ("line", re.split(r"\n+", text)),
    ):
        count, characters = duplicates(pieces)
        found[f"duplicate_{name}s"] = share(count, len(pieces))
        found[f"duplicate_{name}_characters"] = share(characters, len(text))
    for n in TOP_SIZES:
        grams = [" ".join(words[place : place + n]) for place in range(len(words) - n + 1)]
        top = max(Counter(grams).items(), key=lambda item: item[1], default=("", 0))
        found[f"top_{n}_gram"] = share(len(top[0]) * top[1], len(text))
    for n in REPEATED_SIZES:
        seen, characters, place = set(), 0, 0
        while place + n <= len(words):
            gram = "".join(words[place : place + n])
            characters += len(gram) if gram in seen else 0
            place += n if gram in seen else 1
            seen.add(gram)
        found[f"duplicate_{n}_grams"] = share(characters, len(text))
    return found


def expected_quality(text: str, words: list[str]) -> dict[str, float]:
    signs = set(",.…#-")  # those among WORDS
    proper = [word for word in words if set(word) - signs]
    lines = text.splitlines()
    return {
        "words": len(proper),
        "word_length": share(sum(map(len, proper)), len(proper)),
        "hashes": share(text.count("#"), len(words)),
        "ellipses": share(text.count("...") + text.count("…"), len(words)),
        "bullet_lines": share(sum(line.lstrip().startswith(("•", "-")) for line in lines), len(lines)),
        "ellipsis_lines": share(sum(line.rstrip().endswith(("...", "…")) for line in lines), len(lines)),
        "letter_words": share(sum(any(c.isalpha() for c in word) for word in words), len(words)),
        "stop_words": len(set(STOP_WORDS) & set(words)),
    }


@pytest.mark.parametrize("reading", ["unicode", "english", "whitespace"])
@pytest.mark.parametrize(
    ("stage", "expected"), [(GopherRepetition, expected_repetition), (GopherQuality, expected_quality)]
)
@given(rows=ROWS)
@settings(deadline=None, max_examples=150)
def test_every_signal_is_what_plain_python_finds(stage, expected, reading, rows):
    batch = run_filter(stage(words=reading), rows)
    for row, text in enumerate(rows):
        for name, value in expected(text, words_of(text, reading)).items():
            assert batch.numbers(f"{stage.kind}.{name}")[row] == value, (name, text)


@given(rows=ROWS)
@settings(deadline=None, max_examples=50)
def test_what_a_row_gets_does_not_depend_on_its_neighbours(rows):
    for stage in (GopherRepetition(), GopherQuality()):
        together = run_filter(stage, rows)
        for row, text in enumerate(rows):
            alone = run_filter(stage, [text])
            for name in stage.values.names:
                column = f"{stage.name}.{name}"
                assert together.numbers(column)[row] == alone.numbers(column)[0]


def reason(stage, text: str) -> str | None:
    found = run_filter(stage, [text]).column("drop")[0].as_py()
    return found and found.removeprefix(f"{stage.name}.")


PROSE = (
    "Rain fell over the valley for most of that week, and people who had planned to walk home with "
    "their neighbours stayed indoors instead. Someone lit a stove; others told stories about older "
    "storms, floods and broken bridges. By Friday nobody could say exactly when it had begun to clear, "
    "but the river was already quiet. Children would have preferred another day without school."
)


def test_prose_passes_both():
    assert reason(GopherRepetition(), PROSE) is None
    assert reason(GopherQuality(), PROSE) is None


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "empty"),
        ("\n\n".join(["same"] * 5), "duplicate_paragraphs"),
        ("\n".join(["same"] * 5), "duplicate_lines"),
        ("ha " * 40, "top_2_gram"),
        (PROSE + " " + PROSE, "duplicate_5_grams"),
    ],
)
def test_repetition_rules_name_what_repeats(text, rule):
    assert reason(GopherRepetition(), text) == rule


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "too_few_words"),
        ("Short.", "too_few_words"),
        (PROSE.replace("a", "a ").replace("e", " e "), "short_words"),
        (" ".join(["the", "of", *["incomprehensibilities"] * 60]), "long_words"),
        (PROSE + " #" * 30, "many_hashes"),
        (PROSE + " ..." * 30, "many_ellipses"),
        ("\n".join("- " + line for line in PROSE.split(". ")), "many_bullets"),
        (PROSE.replace(". ", "...\n") + "\nAnd so on…", "ellipsis_lines"),
        (PROSE + " 2024" * 60, "few_letters"),
        ("Regen fiel eine Woche lang auf das Tal " * 8, "few_stop_words"),
    ],
)
def test_quality_rules_name_what_is_wrong(text, rule):
    assert reason(GopherQuality(), text) == rule


def test_a_null_limit_turns_its_rule_off_and_zero_does_not():
    assert reason(GopherQuality(min_words=None), "Short words of the valley.") is None
    assert reason(GopherQuality(max_hashes=0), PROSE + " #") == "many_hashes"


def test_stop_words_of_another_language_can_be_given():
    german = "Regen fiel eine Woche lang auf das Tal und die Leute blieben mit den Nachbarn in dem Haus. " * 4
    assert reason(GopherQuality(stop_words=["und", "die", "das"]), german) is None


def test_a_threshold_is_no_signal_setting():
    for stage in (GopherRepetition, GopherQuality):
        assert not [name for name in stage.signal_settings if name.startswith(("max_", "min_"))]


def test_an_unknown_dialect_is_refused():
    with pytest.raises((UserError, ValueError)):
        GopherQuality(dialect="gopher")


def test_settings_say_where_their_default_comes_from():
    for stage in (GopherRepetition, GopherQuality):
        for name, field in stage.model_fields.items():
            assert field.json_schema_extra["source"], name
            assert field.description, name
