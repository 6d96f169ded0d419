"""FineWeb's own rules on small texts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from gristmill.filters.fineweb import FineWeb
from tests.stages import run_filter

LONG = "A line that is longer than thirty characters"


def reason(stage: FineWeb, text: str) -> str | None:
    found = run_filter(stage, [text]).column("drop")[0].as_py()
    return found and found.removeprefix(f"{stage.name}.")


def lines(*groups: tuple[int, str]) -> str:
    return "\n".join(
        f"{number} {group} {text}" for group, (times, text) in enumerate(groups) for number in range(times)
    )


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "empty"),
        (" \n\t\n", "empty"),
        (lines((89, LONG), (11, LONG + ".")), "unended_lines"),
        (lines((88, LONG), (12, LONG + ".")), None),
        (lines((68, "short."), (32, LONG + ".")), "short_lines"),
        (f"{LONG}.\n{LONG}.\n" + lines((40, LONG + ".")), "duplicate_line_characters"),
        ("\n\n\n".join(["five words are in here, longer."] * 1 + ["six words are in here, and longer."]), None),
        ("\n\n\n\n\n\n\n".join([LONG + ".", LONG + "!"]), "newlines_per_word"),
    ],
)
def test_rules_name_what_is_wrong(text, rule):
    assert reason(FineWeb(), text) == rule


def test_a_value_at_its_limit_passes_by_the_code_and_fails_by_the_paper():
    ended = lines((22, LONG), (3, LONG + "."))  # 0.12
    assert reason(FineWeb(), ended) is None
    assert reason(FineWeb(dialect="paper"), ended) == "unended_lines"
    short = lines((67, "short."), (33, LONG + "."))  # 0.67
    assert reason(FineWeb(), short) is None
    assert reason(FineWeb(dialect="paper"), short) == "short_lines"


def test_a_line_of_thirty_characters_is_short_by_the_code_only():
    text = "é" * 29 + "."
    assert run_filter(FineWeb(), [text]).numbers("fineweb.short_lines")[0] == 1
    assert run_filter(FineWeb(dialect="paper"), [text]).numbers("fineweb.short_lines")[0] == 0


def test_the_paper_lets_ten_times_as_much_repeat_and_any_list_pass():
    text = f"{LONG}.\n{LONG}.\n" + lines((40, LONG + "."))
    assert reason(FineWeb(dialect="paper"), text) is None
    assert reason(FineWeb(dialect="paper", max_duplicate_line_characters=0.01), text) == "duplicate_line_characters"
    assert reason(FineWeb(dialect="paper"), "\n\n\n\n\n\n\n".join([LONG + ".", LONG + "!"])) is None


def test_lines_may_end_in_any_script():
    assert reason(FineWeb(max_short_lines=None), "これは文です。\nهل هذا سؤال؟") is None
    assert reason(FineWeb(max_short_lines=None, terminal_marks=["."]), "これは文です。") == "unended_lines"


def test_texts_without_any_ended_line_can_be_let_pass():
    poem = lines((9, LONG))
    assert reason(FineWeb(), poem) == "unended_lines"
    assert reason(FineWeb(allow_no_ended_line=True), poem) is None


@pytest.mark.parametrize("limit", ["min_ended_lines", "max_short_lines", "max_duplicate_line_characters"])
def test_null_turns_a_rule_off(limit):
    off = dict.fromkeys(
        ("min_ended_lines", "max_short_lines", "max_duplicate_line_characters", "max_newlines_per_word")
    )
    assert reason(FineWeb(**off), "a\na\na\n\n\n\na") is None
    del off[limit]
    assert reason(FineWeb(**off), "a\na\na\n\n\n\na") is not None


def test_terminal_marks_are_single_characters():
    with pytest.raises(ValidationError):
        FineWeb(terminal_marks=[".."])


def test_a_threshold_is_no_signal_setting():
    assert not [name for name in FineWeb.signal_settings if name.startswith(("max_", "min_"))]


ROWS = st.lists(
    st.lists(
        st.sampled_from(["a.", "a.", "b", "", " ", "\t\r", "漢字。", LONG, "é" * 30, "é" * 31, "x. "]), max_size=12
    ).map("\n".join),
    min_size=1,
    max_size=4,
)


@given(rows=ROWS)
@settings(deadline=None, max_examples=100)
def test_every_signal_is_what_plain_python_finds(rows):
    batch = run_filter(FineWeb(words="whitespace"), rows)
    for row, text in enumerate(rows):
        visible = [line for line in text.split("\n") if line.strip()]
        repeated = sum(len(line) for place, line in enumerate(visible) if line in visible[:place])
        expected = {
            "ended_lines": (sum(line.endswith((".", "。")) for line in visible), len(visible)),
            "short_lines": (sum(len(line) <= 30 for line in visible), len(visible)),
            "duplicate_line_characters": (repeated, len(text.replace("\n", ""))),
            "newlines_per_word": (text.count("\n"), len(text.split())),
        }
        assert batch.numbers("fineweb.lines")[row] == len(visible)
        for name, (part, whole) in expected.items():
            assert batch.numbers(f"fineweb.{name}")[row] == (np.float32(part / whole) if whole else 0), name
