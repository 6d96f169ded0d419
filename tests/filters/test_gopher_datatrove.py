"""Gopher's rules against datatrove's filters on real English pages."""

from __future__ import annotations

import pytest

from gristmill.filters.gopher import REPEATED_SIZES, TOP_SIZES, GopherQuality, GopherRepetition
from gristmill.kernels.text import Texts
from gristmill.kernels.text_index import TextIndex
from tests.filters.datatrove_filters import QUALITY_REASONS, REPETITION_REASONS, reasons
from tests.filters.english_pages import page_texts
from tests.stages import run_filter


@pytest.fixture(scope="module")
def pages(real_data) -> list[str]:
    found = [text for text in page_texts(real_data, ("scrapinghub-aeb",)) if len(text) < 60_000]
    edges = ["\n", "\n\na\n\na\n", "a\r\nb\u2028c", "one two three four", "#" * 90, "\u00a0x\u00a0", "Ein Satz. " * 40]
    return found + edges


@pytest.mark.parametrize("reading", ["unicode", "english", "whitespace"])
def test_decisions_and_reasons_are_datatroves_given_the_same_words(pages, reading, monkeypatch):
    quality = pytest.importorskip("datatrove.pipeline.filters.gopher_quality_filter")
    repetition = pytest.importorskip("datatrove.pipeline.filters.gopher_repetition_filter")
    words = TextIndex.build(Texts.from_strings(pages)).words(reading)
    known = {text: words.of(row) for row, text in enumerate(pages)}
    for module in (quality, repetition):
        monkeypatch.setattr(module, "split_into_words", lambda text, language: known[text])

    ours = run_filter(GopherRepetition(words=reading), pages).column("drop").to_pylist()
    assert ours == reasons(repetition.GopherRepetitionFilter(), pages, REPETITION_REASONS, GopherRepetition.kind)
    ours = run_filter(GopherQuality(words=reading), pages).column("drop").to_pylist()
    assert ours == reasons(quality.GopherQualityFilter(), pages, QUALITY_REASONS, GopherQuality.kind)
    assert len(set(ours)) > 3


def test_signals_are_datatroves_given_the_same_words(pages):
    module = pytest.importorskip("datatrove.pipeline.filters.gopher_repetition_filter")
    words = TextIndex.build(Texts.from_strings(pages)).words()
    batch = run_filter(GopherRepetition(), pages)
    for row, text in enumerate(pages):
        for n in TOP_SIZES:
            grams = module.get_n_grams(words.of(row), n)
            top = module.find_top_duplicate(grams) if grams else 0
            found = batch.numbers(f"gopher_repetition.top_{n}_gram")[row]
            assert found == pytest.approx(top / max(1, len(text)), rel=1e-6), (row, n)
        for n in REPEATED_SIZES:
            repeated = module.find_all_duplicate(words.of(row), n)
            found = batch.numbers(f"gopher_repetition.duplicate_{n}_grams")[row]
            assert found == pytest.approx(repeated / max(1, len(text)), rel=1e-6), (row, n)


@pytest.mark.slow
@pytest.mark.parametrize(("reading", "least_quality"), [("unicode", 0.9), ("english", 0.97)])
def test_words_decide_nearly_as_spacys_do(pages, reading, least_quality, capsys):
    pytest.importorskip("spacy")
    quality = pytest.importorskip("datatrove.pipeline.filters.gopher_quality_filter")
    repetition = pytest.importorskip("datatrove.pipeline.filters.gopher_repetition_filter")
    sample = [text for text in pages if len(text) < 20_000][:200]
    for stage, theirs, names, least in (
        (GopherRepetition(words=reading), repetition.GopherRepetitionFilter(), REPETITION_REASONS, 0.97),
        (GopherQuality(words=reading), quality.GopherQualityFilter(), QUALITY_REASONS, least_quality),
    ):
        ours = run_filter(stage, sample).column("drop").to_pylist()
        found = reasons(theirs, sample, names, stage.kind)
        agreeing = sum((a is None) == (b is None) for a, b in zip(ours, found, strict=True))
        with capsys.disabled():
            print(f"\n{stage.kind}, {reading} words: {agreeing} of {len(sample)} decided as with spaCy's", end="")
        assert agreeing >= least * len(sample)
