"""C4's rules on small texts, and what must hold for any text."""

from __future__ import annotations

import pickle
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from gristmill.errors import UserError
from gristmill.filters.c4 import C4, DIALECTS, POLICY_PHRASES
from tests.stages import run_filter

PROSE = "Rain fell over the valley all week. People stayed at home instead. By Friday it had cleared."
LINES = [
    PROSE,
    "One two three four five.",
    "One two three four.",
    "No mark at the end of this",
    "This one ends with three dots...",
    "A line of five words [12].",
    "[edit] A line with five words[] or more!",
    "Turn on JavaScript to read all of this.",
    "We use cookies to make this better.",
    "Lorem Ipsum dolor sit amet, say it.",
    "A { bracket in a line that ends.",
    "A { bracket",
    '"Is it so?" he said, "or not?"',
    "Señor Ñandú habló de “ello” mucho.",
    "漢字かな交じり文 の 行 が 五 語。",
    "",
    "  ",
    "[1] [2] [3] [4] [5]",
]
TEXTS = st.lists(
    st.tuples(st.sampled_from(LINES), st.sampled_from(["\n", "\n", "\n\n", "\r\n", " \n ", "\u2028", "\x85"])),
    max_size=12,
).map(lambda parts: "".join(line + gap for line, gap in parts))


def reason(stage: C4, text: str) -> str | None:
    found = run_filter(stage, [text]).column("drop")[0].as_py()
    return found and found.removeprefix(f"{stage.name}.")


def left(stage: C4, text: str) -> str:
    batch = run_filter(stage, [text])
    batch.cut(stage.cuts(batch))
    return batch.texts[0]


def test_lines_that_are_no_sentences_are_cut():
    text = f"Home | About\n{PROSE}\nRead on...\nFour words are here.\n\nAnd so it all ends."
    assert left(C4(), text) == f"{PROSE}\nAnd so it all ends."
    assert reason(C4(), text) is None


def test_citations_go_from_inside_of_lines_and_do_not_count_as_words():
    text = "It rained [12] all [citation needed] of the week[]."
    assert left(C4(), text) == "It rained  all  of the week."
    assert left(C4(remove_citations=False), text) == text
    four = "It rained [12] last week."
    assert left(C4(), four) == ""
    assert left(C4(dialect="datatrove"), four) == "It rained  last week."


def test_notices_are_cut_in_any_case_of_letters():
    for phrase in ("JAVASCRIPT", *map(str.title, POLICY_PHRASES)):
        assert left(C4(), f"Please mind that {phrase} is here.\n{PROSE}") == PROSE
    assert left(C4(policy_phrases=["ÄÖ ß"]), f"Hier steht wirklich äÖ ß drin.\n{PROSE}") == PROSE


def test_a_word_of_a_thousand_characters_is_not_too_long():
    line = "é" * 1000 + " is a long word indeed."
    assert left(C4(), line) == line
    assert left(C4(), "é" + line) == ""


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("Here lorem ipsum is a text.", "lorem_ipsum"),
        ("Here { is a curly bracket.", "curly_bracket"),
        ("Javascript { goes with its line.", None),
        ("A privacy policy { drops the page.", "curly_bracket"),
        ("{ in a line without mark", None),
        ("{ too short.", None),
        ("lorem ipsum { in one line.", "lorem_ipsum"),
        ("Now { comes first in this.\nThen lorem ipsum says the rest.", "curly_bracket"),
    ],
)
def test_page_rules_look_only_at_lines_that_the_rules_before_them_leave(line, rule):
    assert reason(C4(), f"{PROSE}\n{line}") == rule


def test_the_paper_reading_looks_at_the_whole_page():
    assert reason(C4(dialect="paper"), f"{PROSE}\n{{ too short.") == "curly_bracket"
    assert left(C4(dialect="paper"), f"{PROSE}\nHe said, “This is it.”\nAnd so it goes on...").count("\n") == 2


def test_five_words_and_three_sentences_or_three_words_and_five():
    text = "Four words are here. So they are.\nThree are here. And here. Done."
    assert reason(C4(), text) is None
    assert left(C4(), text) == text
    assert reason(C4(dialect="datatrove"), text) is None
    assert reason(C4(), "It has just two sentences. Here is one.") == "too_few_sentences"
    assert reason(C4(dialect="datatrove"), PROSE) == "too_few_sentences"
    assert reason(C4(dialect="datatrove", min_sentences=3), PROSE) is None


def test_very_long_pages_go():
    assert reason(C4(), (PROSE + "\n") * 3000) == "too_long"
    assert reason(C4(dialect="datatrove"), (PROSE + "\n") * 3000) is None


@pytest.fixture
def bad_words(tmp_path):
    path = tmp_path / "words"
    path.write_text("dratted\nblue blazes\nGaußßß\nsm\n", encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("line", "tfds", "datatrove"),
    [
        ("This is a DRATTED line of it.", "bad_word", "bad_word"),
        ("What the blue blazes is this now?", "bad_word", "bad_word"),
        ("Undratted it is, or drattedly so.", None, None),
        ("Dratted lines begin like this one.", None, "bad_word"),
        ("A dratted2 line with a digit.", "bad_word", None),
        ("This was gaußßß and all of it.", "bad_word", "bad_word"),
        ("An allowed sm in the middle here.", None, None),
    ],
)
def test_bad_words_stand_alone_as_each_dialect_has_it(bad_words, line, tfds, datatrove):
    assert reason(C4(bad_words=bad_words), f"{PROSE}\n{line}") == tfds
    stage = C4(bad_words=bad_words, dialect="datatrove", min_sentences=1)
    assert reason(stage, f"{PROSE}\n{line}") == datatrove


def test_bad_words_of_languages_without_spaces_need_nothing_beside_them(tmp_path):
    path = tmp_path / "ja"
    path.write_text("ばか\n", encoding="utf-8")
    text = "これはばかな文です。つぎの文です。もう一つの文です。"
    stage = C4(bad_words=str(path), bad_word_neighbours="anything", min_words_per_line=None, terminal_marks=["。"])
    assert reason(stage, text) == "bad_word"
    assert reason(C4(min_words_per_line=None, terminal_marks=["。"]), text) is None


def test_a_missing_list_of_words_is_a_users_mistake(tmp_path):
    with pytest.raises(UserError):
        C4(bad_words=str(tmp_path / "none")).check()


@pytest.mark.parametrize("marks", [["..."], [""], []])
def test_terminal_marks_are_single_characters(marks):
    with pytest.raises(ValidationError):
        C4(terminal_marks=marks)


def test_a_dialect_fills_in_only_what_is_not_set():
    assert C4(dialect="datatrove").min_sentences == 5
    assert C4(dialect="datatrove", min_sentences=None).min_sentences is None
    for name, changed in DIALECTS.items():
        assert C4(dialect=name).model_dump(include=set(changed)) == changed


def test_thresholds_of_pages_are_no_signal_settings():
    decisions = set(C4.model_fields) - set(C4.signal_settings)
    assert decisions == {"min_sentences", "lorem_ipsum", "curly_bracket", "max_characters"}


@given(rows=st.lists(TEXTS, min_size=1, max_size=4))
@settings(deadline=None, max_examples=100)
@pytest.mark.parametrize(
    "chosen",
    [
        {},
        {"terminal_marks": None, "min_words_per_line": None},
        {"dialect": "paper"},
    ],
)
def test_what_is_left_is_lines_of_the_text_and_no_neighbour_matters(chosen, rows):
    stage = C4(**chosen)
    together = run_filter(stage, rows)
    alone = [run_filter(stage, [text]) for text in rows]
    for name in stage.values.names:
        column = f"{stage.name}.{name}"
        assert together.column(column).to_pylist() == [one.column(column)[0].as_py() for one in alone]
    together.cut(stage.cuts(together))
    for row, text in enumerate(rows):
        cleaned = [re.sub(r"\[\d*\]|\[edit\]", "", line.strip()) for line in text.splitlines()]
        found = together.texts[row]  # fails to decode if a cut went through a character
        assert found == found.strip()
        rest = iter(line.strip() for line in cleaned)
        assert all(line.strip() in rest for line in found.split("\n") if found)
        kept = together.numbers("c4.kept_lines")[row]
        assert found.count("\n") + 1 <= max(kept, 1)


def test_a_batch_without_rows_is_no_trouble():
    batch = run_filter(C4(), [])
    batch.cut(batch.column("c4.cuts"))
    assert len(batch.texts) == 0


def test_a_stage_travels_to_workers_with_its_words(bad_words):
    stage = C4(bad_words=bad_words)
    stage.check()
    assert reason(pickle.loads(pickle.dumps(stage)), f"{PROSE}\nThis is a dratted line of it.") == "bad_word"


@given(text=st.text(max_size=200))
@settings(deadline=None, max_examples=150)
def test_any_text_stays_whole_characters(text):
    text = text.encode("utf-8", "replace").decode()
    for stage in (C4(), C4(terminal_marks=None, min_words_per_line=None)):
        left(stage, text)
