"""RefinedWeb's line-wise corrections: small texts, and a plain Python reading of the rules on generated and real ones."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.filters.refinedweb_lines import COUNTER_NOUNS, RefinedWebLines
from tests.filters.english_pages import page_texts
from tests.stages import run_filter

PROSE = "Rain fell over the valley for most of that week, and people who had planned to walk stayed at home."
COUNTER = re.compile(rf"^\W*\d[\d,.]*[kmb]?\s+(?:{'|'.join(COUNTER_NOUNS)})\W*$")


def left(stage: RefinedWebLines, text: str) -> str:
    batch = run_filter(stage, [text])
    batch.cut(stage.cuts(batch))
    return batch.texts[0]


def reason(stage: RefinedWebLines, text: str) -> str | None:
    found = run_filter(stage, [text]).column("drop")[0].as_py()
    return found and found.removeprefix(f"{stage.name}.")


@pytest.mark.parametrize(
    "line",
    [
        "ABOUT US TODAY",
        "ÄÖÜ ÄÖÜ",
        "2024",
        "3 likes",
        "« 1,234.5K  Views! »",
        "12\u00a0comments",
        "Menu",
        "SIGN-IN",
        "Read more...",
        "items in cart",
        "Sign-in Read more…",
    ],
)
def test_a_line_that_belongs_to_the_frame_is_cut_whole(line):
    assert left(RefinedWebLines(), f"{PROSE}\n{line}\n{PROSE}") == f"{PROSE}\n{PROSE}"


@pytest.mark.parametrize(
    "line",
    [
        "About US and them",
        "12 345",
        "3 likes of hers",
        "likes 3",
        "3likes here",
        "Two words",
        "Sign-ins are here",
        "We read more... or less",
        "Bread more...",
        "",
        "  ",
    ],
)
def test_other_lines_stay(line):
    assert left(RefinedWebLines(), f"{PROSE}\n{line}\n{PROSE}") == f"{PROSE}\n{line}\n{PROSE}"


@pytest.mark.parametrize(
    ("line", "rest"),
    [
        ("Sign-in to see this", "to see this"),
        ("It rained again. READ MORE...", "It rained again."),
        ("Shop now, 3 items in cart today", "Shop now, 3 today"),
        ("sign-in now 3 items in cart today Read more…", "now 3 today"),
        ("items in cart items in cart two words", "two words"),
    ],
)
def test_short_lines_lose_phrases(line, rest):
    assert left(RefinedWebLines(), f"{PROSE}\n{line}\n{PROSE}").split("\n")[1].strip() == rest
    long = f"{PROSE}\n{line} and so on with more words than such lines may have\n{PROSE}"
    assert left(RefinedWebLines(), long) == long


def test_too_much_removed_drops_the_text():
    text = "\n".join([PROSE] * 4 + ["3 likes"])  # 2 of 78 words
    assert reason(RefinedWebLines(), text) is None
    assert reason(RefinedWebLines(max_removed=0.02), text) == "too_much_removed"
    assert reason(RefinedWebLines(), f"{PROSE}\n3 likes") == "too_much_removed"
    assert reason(RefinedWebLines(max_removed=None), "3 likes") == "empty"
    assert reason(RefinedWebLines(), "") == "empty"


def test_flagged_words_are_all_words_of_a_line_that_loses_some():
    text = f"{PROSE}\nIt rained again on Friday. Read more..."
    batch = run_filter(RefinedWebLines(), [text])
    words = 20 + 5 + 2
    assert batch.numbers("refinedweb_lines.removed_words")[0] == np.float32(2 / words)
    assert batch.numbers("refinedweb_lines.flagged_words")[0] == np.float32(7 / words)
    assert reason(RefinedWebLines(max_removed=0.1), text) is None
    assert reason(RefinedWebLines(max_removed=0.1, measure="flagged"), text) == "too_much_removed"


def test_unicode_words_let_lines_of_chinese_live():
    text = "今天天气很好我们去公园散步\n然后回家吃饭看书睡觉"
    assert left(RefinedWebLines(), text) == ""
    assert left(RefinedWebLines(words="unicode"), text) == text


def test_lines_that_stay_keep_their_indentation():
    text = f"{PROSE}\n    if it_rains:\n        take(an, umbrella)\n3 likes\n\t- and go"
    assert left(RefinedWebLines(), text) == f"{PROSE}\n    if it_rains:\n        take(an, umbrella)\n\t- and go"


def test_patterns_of_another_language_can_be_given():
    german = RefinedWebLines(counter_nouns=["mal geteilt"], leading=["jetzt anmelden:"], trailing=[], anywhere=[])
    text = f"{PROSE}\n17 Mal geteilt\nJetzt anmelden: heute noch\nGar nicht. Read more..."
    assert left(german, text) == f"{PROSE}\nheute noch\nGar nicht. Read more..."


def test_null_turns_rules_off():
    off = RefinedWebLines(
        max_upper_case=None,
        max_digits=None,
        min_words_per_line=None,
        counter_nouns=[],
        leading=[],
        trailing=[],
        anywhere=[],
    )
    text = "ABC\n12\n3 likes\nRead more...\nSign-in now\n3 items in cart"
    assert left(off, text) == text
    assert reason(off, text) is None


def test_limits_of_the_text_are_no_signal_settings():
    assert set(RefinedWebLines.model_fields) - set(RefinedWebLines.signal_settings) == {"max_removed", "measure"}


def plain(text: str) -> str:
    """The rules line by line in plain Python."""
    kept = []
    for whole in text.split("\n"):
        line = whole.strip()
        before, _, after = whole.partition(line) if line else (whole, "", "")
        if line:
            upper = sum(sign.isupper() for sign in line) / len(line) > 0.5
            digits = all(sign.isdecimal() for sign in line)
            if upper or digits or COUNTER.search(line.lower()) or len(line.split()) < 2:
                continue
            if len(line.split()) <= 10:
                edited = re.sub(r"^sign-in\b\s*", "", line, flags=re.I)
                edited = re.sub(r"\s*\bread more(?:\.\.\.|…)$", "", edited, flags=re.I)
                edited = re.sub(r"\s?\bitems in cart\b", "", edited, flags=re.I)
                if not edited.strip():
                    continue
                line = edited
        kept.append(before + line + after)
    return "\n".join(kept).strip()


PIECES = st.sampled_from(
    [
        "Sign-in",
        "read more...",
        "Read more…",
        "items in cart",
        "3",
        "12,5k",
        "likes",
        "VIEWS",
        "a",
        "Word",
        "É",
        "漢",
        "\u00a0",
        "!",
    ]
)
TEXTS = st.lists(st.tuples(PIECES, st.sampled_from([" ", " ", "\n", "\n\n", "\r\n", "", "  "])), max_size=25).map(
    lambda parts: "".join(piece + gap for piece, gap in parts)
)


@given(rows=st.lists(TEXTS, min_size=1, max_size=4))
@settings(deadline=None, max_examples=300)
def test_what_is_left_is_what_plain_python_leaves(rows):
    stage = RefinedWebLines()
    batch = run_filter(stage, rows)
    batch.cut(stage.cuts(batch))
    assert [batch.texts[row] for row in range(len(rows))] == [plain(text) for text in rows]


def test_what_is_left_of_real_pages_is_what_plain_python_leaves(real_data):
    pages = list(page_texts(real_data, ("scrapinghub-aeb",)))
    stage = RefinedWebLines()
    batch = run_filter(stage, pages)
    batch.cut(stage.cuts(batch))
    for row, text in enumerate(pages):
        assert batch.texts[row] == plain(text)


@given(rows=st.lists(st.text(max_size=80), min_size=1, max_size=4))
@settings(deadline=None, max_examples=100)
def test_any_text_stays_whole_characters_whatever_its_neighbours(rows):
    rows = [text.encode("utf-8", "replace").decode() for text in rows]
    stage = RefinedWebLines(min_words_per_line=None, anywhere=["a", "é", "漢"], leading=["b"], trailing=["0"])
    together = run_filter(stage, rows)
    together.cut(stage.cuts(together))
    assert [together.texts[row] for row in range(len(rows))] == [left(stage, text) for text in rows]
