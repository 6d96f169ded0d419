"""C4's rules against datatrove's filter on real English pages, given the same sentences."""

from __future__ import annotations

import pytest

from gristmill.filters.c4 import C4
from tests.filters.datatrove_filters import C4_REASONS, sentences
from tests.filters.english_pages import page_texts
from tests.stages import run_filter

EDGES = [
    "",
    "\n",
    "   \t \n",
    "One line of words.\r\nAnother line [12] of words.\u2028Third of the lines [edit] here!\x85 Fourth of all?"
    '\x0bFifth of the lines is [citation needed]".\x1cA sixth of all the lines follows after a separator.',
    "It is [1]. It was [2]. It will be [3]. They are [٣]. We are.",
    "[1] It is. It was. It will. They are. We are.\nAnd a [[1]] line here.",
    "Lorem Ipsum is what it says.",
    "lorem ipsum and javascript in one line.\nA { here.",
    "javascript { in one line.\nA. B. C. D are letters. One more is E. So. It. Is.",
    "JavaScript is on here.\nUSE COO\u212aIES is a policy.\nWe have a privacy policy here.\nAnd this. Is. What. Is. Left.",
    "A line of words with dots...\nA line of words with sign…\nShort.\nTwo words.\nThree whole words.",
    "x" * 1001 + " is a word.\n" + "x" * 1000 + " is a word. " * 6,
    "  padded line of words.  \n\n\n  padded line of words again. A. b. C. d! E? F.",
]
SETTINGS = [
    ({}, {}),
    ({"terminal_marks": None}, {"filter_no_terminal_punct": False}),
    (
        {"terminal_marks": None, "min_words_per_line": None, "min_sentences": None, "curly_bracket": False},
        {
            "filter_no_terminal_punct": False,
            "min_words_per_line": -1,
            "min_num_sentences": -1,
            "filter_curly_bracket": False,
        },
    ),
    (
        {
            "min_sentences": 2,
            "max_word_length": 14,
            "remove_citations": False,
            "javascript_phrases": [],
            "policy_phrases": [],
            "lorem_ipsum": False,
        },
        {
            "min_num_sentences": 2,
            "max_word_length": 14,
            "remove_citations": False,
            "filter_javascript": False,
            "filter_policy": False,
            "filter_lorem_ipsum": False,
        },
    ),
]


@pytest.fixture(scope="module")
def pages(real_data) -> list[str]:
    return [text for text in page_texts(real_data) if len(text) < 60_000] + EDGES


@pytest.mark.parametrize(("ours", "theirs"), SETTINGS)
def test_decisions_reasons_and_texts_are_datatroves_given_the_same_sentences(pages, monkeypatch, ours, theirs):
    module = pytest.importorskip("datatrove.pipeline.filters.c4_filters")
    from datatrove.data import Document

    monkeypatch.setattr(module, "split_into_sentences", lambda text, language: sentences(text))
    expected = module.C4QualityFilter(**theirs)
    batch = run_filter(C4(dialect="datatrove", **ours), pages)
    found = batch.column("drop").to_pylist()
    batch.cut(batch.column("c4.cuts"))
    for row, text in enumerate(pages):
        document = Document(text=text, id="")
        result = expected.filter(document)
        reason = None if result is True else f"c4.{C4_REASONS[result[1]]}"
        assert found[row] == reason, text[:200]
        if reason is None:
            assert batch.texts[row] == document.text
    assert len(set(found)) > 1


@pytest.mark.slow
def test_our_sentences_decide_nearly_as_spacys_do(real_data):
    pytest.importorskip("spacy")
    module = pytest.importorskip("datatrove.pipeline.filters.c4_filters")
    from datatrove.data import Document

    pages = [text for text in page_texts(real_data, ("scrapinghub-aeb",)) if len(text) < 20_000][:150]
    expected = module.C4QualityFilter()
    found = run_filter(C4(dialect="datatrove"), pages).column("drop").to_pylist()
    kept = [expected.filter(Document(text=text, id="")) is True for text in pages]
    assert sum((reason is None) == same for reason, same in zip(found, kept, strict=True)) >= 0.98 * len(pages)
