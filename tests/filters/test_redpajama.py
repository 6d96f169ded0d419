"""RedPajama-v2's signals against plain Python readings of their definitions."""

from __future__ import annotations

import math
import re
import string
import unicodedata
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.filters.redpajama import RedPajamaSignals
from gristmill.kernels.redpajama_text import normalise, normalise_string
from gristmill.kernels.text import Texts
from tests.filters.english_pages import page_texts
from tests.stages import run_filter

BULLETS = tuple("•‣▶◀◦■□▪▫–")
STOP_WORDS = ["the", "of", "is"]
BAD_WORDS = ["bad", "very bad", "so very bad", "not"]
TRICKY = "aAéÉΣσς .!?'\"-#…{}\n\t\u00a0\u2028\u0301\u0323\u0327ัุİß한漢一½ﬁǅ𝐀٣_•”"
UNITS = [
    "the",
    "of",
    "so",
    "very",
    "bad",
    "not",
    "Lorem Ipsum",
    "lorem ipsum",
    "JavaScript",
    "NASA",
    "a.b",
    "12",
    "...",
    "”",
]
TEXTS = st.lists(
    st.tuples(
        st.one_of(st.sampled_from(UNITS), st.text(st.sampled_from(TRICKY), max_size=6)),
        st.sampled_from(["", " ", "\n"]),
    ),
    max_size=25,
).map(lambda parts: "".join(word + gap for word, gap in parts))
ROWS = st.lists(TEXTS, min_size=1, max_size=4)


def plain_normalise(text: str) -> str:
    text = text.translate(str.maketrans("", "", string.punctuation)).lower().strip()
    return unicodedata.normalize("NFD", re.sub(r"\s+", " ", text))


def lines_of(text: str) -> list[str]:
    return re.findall(r"[^\n]*\n|[^\n]+$", text)


def over(part: float, whole: float, otherwise=None):
    return part / whole if whole else otherwise


def expected_document(text: str) -> dict[str, float | None]:
    raw, normal, lines = re.findall(r"\w+|[^\w\s]+", text), plain_normalise(text), lines_of(text)
    words = normal.split()
    times = Counter(words).values()
    grams = [" ".join(words[place : place + n]) for n in (1, 2, 3) for place in range(len(words) - n + 1)]
    return {
        "ccnet_length": len(text),
        "ccnet_nlines": len(lines),
        "doc_curly_bracket": over(text.count("{") + text.count("}"), len(text), 0),
        "doc_frac_all_caps_words": over(sum(map(str.isupper, raw)), len(raw)),
        "doc_frac_lines_end_with_ellipsis": over(
            sum(line.rstrip().endswith(("...", "…")) for line in lines), len(lines)
        ),
        "doc_frac_no_alph_words": over(sum(not re.search("[a-zA-Z]", word) for word in raw), len(raw)),
        "doc_lorem_ipsum": over(normal.count("lorem ipsum"), len(normal), 0),
        "doc_mean_word_length": over(sum(map(len, words)), len(words)),
        "doc_stop_word_fraction": over(sum(word in STOP_WORDS for word in raw), len(raw), 0) if words else 0,
        "doc_symbol_to_word_ratio": over(sum(map(text.count, ("#", "...", "…"))), len(raw)),
        "doc_frac_unique_words": over(len(set(words)), len(words)),
        "doc_unigram_entropy": -sum(n / len(words) * math.log(n / len(words)) for n in times) if words else None,
        "doc_word_count": len(words),
        "doc_num_sentences": len(re.findall(r"\b[^.!?]+[.!?]*", text)),
        "doc_ldnoobw_words": sum(gram in BAD_WORDS for gram in grams),
    }


def expected_lines(text: str) -> dict[str, list[float]]:
    lines = lines_of(text)
    normal = [plain_normalise(line) for line in lines]
    ends = np.cumsum([len(line) for line in lines]).tolist()
    return {
        "line_starts": [end - len(line) for end, line in zip(ends, lines, strict=True)],
        "line_ends": ends,
        "lines_ending_with_terminal_punctuation_mark": [
            float(line.rstrip().endswith((".", "!", "?", "”"))) for line in lines
        ],
        "lines_javascript_counts": [line.split().count("javascript") for line in normal],
        "lines_num_words": [len(line.split()) for line in normal],
        "lines_numerical_chars_fraction": [over(sum(map(str.isnumeric, line)), len(line), 0) for line in normal],
        "lines_start_with_bulletpoint": [float(line.lstrip().startswith(BULLETS)) for line in lines],
        "lines_uppercase_letter_fraction": [sum(map(str.isupper, line)) / len(line) for line in lines],
    }


@pytest.fixture(scope="module")
def stage(tmp_path_factory) -> RedPajamaSignals:
    bad_words = tmp_path_factory.mktemp("lists") / "en"
    bad_words.write_text("\n".join(BAD_WORDS))
    return RedPajamaSignals(lines=True, stop_words=STOP_WORDS, bad_words=str(bad_words))


def assert_as_expected(stage: RedPajamaSignals, rows: list[str]) -> None:
    batch = run_filter(stage, rows)
    for row, text in enumerate(rows):
        for name, value in {**expected_document(text), **expected_lines(text)}.items():
            found = batch.column(f"redpajama_signals.{name}")[row].as_py()
            assert found == (value if value is None else pytest.approx(value, rel=1e-6, abs=1e-9)), (name, text)


@given(rows=ROWS)
def test_every_signal_is_what_plain_python_finds(stage, rows):
    assert_as_expected(stage, rows)


def test_every_signal_of_real_pages_is_what_plain_python_finds(stage, real_data):
    pages = [text for text in page_texts(real_data, ("scrapinghub-aeb",)) if len(text) < 20_000][::12]
    assert_as_expected(stage, pages)


@given(
    rows=st.lists(st.text(st.one_of(st.sampled_from(TRICKY), st.characters(exclude_categories=["Cs"])), max_size=40))
)
def test_normalised_texts_are_those_of_python(rows):
    found = normalise(Texts.from_strings(rows))
    assert [found[row] for row in range(len(rows))] == [plain_normalise(text) for text in rows]
    assert [normalise_string(text) for text in rows] == [plain_normalise(text) for text in rows]


def test_limits_drop_what_lies_outside_and_change_no_numbers():
    stage = RedPajamaSignals(stop_words=[], limits={"doc_word_count": (2, None), "doc_frac_unique_words": (None, 0.9)})
    found = run_filter(stage, ["one", "one two three", "one two one two", ""]).column("drop").to_pylist()
    names = ["doc_word_count", "doc_frac_unique_words", None, "doc_word_count"]
    assert found == [name and f"redpajama_signals.{name}" for name in names]
    assert "limits" not in stage.signal_settings
    with pytest.raises(ValueError, match="doc_word_count"):
        RedPajamaSignals(limits={"doc_words_count": (1, 2)})


def test_without_limits_nothing_is_dropped():
    assert run_filter(RedPajamaSignals(stop_words=[]), ["", "x"]).column("drop").to_pylist() == [None, None]


def test_domains_and_bad_words_come_from_files_by_category_and_language(tmp_path):
    (tmp_path / "adult").write_text("site.example\n")
    (tmp_path / "chat").write_text("site.example\nchat.example\n")
    (tmp_path / "de").write_text("verdammt\nSch\u00e4m dich\n")
    stage = RedPajamaSignals(
        domains={"adult": str(tmp_path / "adult"), "chat": str(tmp_path / "chat")},
        bad_words={"de": str(tmp_path / "de")},
    )
    urls = ["http://site.example/1", "https://chat.example/", "http://www.site.example/", None]
    texts = ["Verdammt, schäm dich!", "verdammt", "das ist die Rede", ""]
    batch = run_filter(stage, texts, {"url": urls, "language.code": ["de", "en", "de", None]})
    assert batch.column("redpajama_signals.doc_ut1_category").to_pylist() == ["adult", "chat", None, None]
    assert batch.numbers("redpajama_signals.doc_ldnoobw_words").tolist() == [2, 0, 0, 0]
    assert batch.numbers("redpajama_signals.doc_stop_word_fraction").tolist() == [0, 0, 0.75, 0]
    assert stage.needs == ("text", "url", "language.code")
