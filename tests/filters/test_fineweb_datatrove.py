"""FineWeb's rules against datatrove's filter on real English pages, given the same words."""

from __future__ import annotations

import pytest

from gristmill.filters.fineweb import FineWeb
from gristmill.kernels.text import Texts
from gristmill.kernels.text_index import TextIndex
from tests.filters.datatrove_filters import FINEWEB_REASONS
from tests.filters.english_pages import page_texts
from tests.stages import run_filter

EDGES = [
    "\n",
    " \n\t\n",
    "a.\n" * 25,
    "\n".join(["ends."] * 3 + ["no end"] * 22),  # 0.12 exactly
    "\n".join(
        ["A line that ends and is long enough to be long."] * 2
        + [f"Line {n} is a long line of words." for n in range(90)]
    ),
    "Ends with wide mark。\nEnds with marks؟\nand with spaces. \nline\r\n",
    "one two three four. five\n\n\nsix seven. eight nine ten eleven.\n",
]


@pytest.fixture(scope="module")
def pages(real_data) -> list[str]:
    return [text for text in page_texts(real_data) if len(text) < 60_000] + EDGES


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({}, {}),
        ({"max_duplicate_line_characters": 0.1}, {"char_duplicates_ratio": 0.1}),
        (
            {"allow_no_ended_line": True, "terminal_marks": ["!", "?"], "short_line": 50, "min_ended_lines": 0.3},
            {
                "line_punct_exclude_zero": True,
                "stop_chars": ("!", "?"),
                "short_line_length": 50,
                "line_punct_thr": 0.3,
            },
        ),
    ],
)
def test_decisions_and_reasons_are_datatroves_given_the_same_words(pages, monkeypatch, ours, theirs):
    module = pytest.importorskip("datatrove.pipeline.filters.fineweb_quality_filter")
    from datatrove.data import Document

    words = TextIndex.build(Texts.from_strings(pages)).words()
    known = {text: words.of(row) for row, text in enumerate(pages)}
    monkeypatch.setattr(module, "split_into_words", lambda text, language: known[text])
    expected = module.FineWebQualityFilter(**theirs)
    found = run_filter(FineWeb(**ours), pages).column("drop").to_pylist()
    results = [expected.filter(Document(text=text, id="")) for text in pages]
    assert found == [None if result is True else f"fineweb.{FINEWEB_REASONS[result[1]]}" for result in results]
    assert len(set(found)) > 4
