"""Counting sentences by rules."""

from __future__ import annotations

import numpy as np
import pytest

from gristmill.kernels.code_points import code_point_tables
from gristmill.kernels.phrases import lower_case
from gristmill.kernels.sentences import abbreviations, count_sentences
from tests.filters.english_pages import page_texts


def count(*texts: str) -> list[int]:
    data = [np.frombuffer(text.encode(), np.uint8) for text in texts]
    ends = np.cumsum([len(part) for part in data])
    starts = ends - np.array([len(part) for part in data])
    joined = np.concatenate(data)
    return count_sentences(joined, starts, ends, abbreviations(), lower_case(), *code_point_tables()).tolist()


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("", 0),
        (" \u00a0\t", 0),
        ("No mark at all", 1),
        ("One. Two! Three?", 3),
        ("One. Two without a mark", 2),
        ("It cost 3.50 at v1.2 of example.org today.", 1),
        ("Some of it, e.g. this and i.e. that, in the U.S. Senate, was Mr. Smith's. So it was.", 2),
        ("J. R. R. Tolkien wrote it. He did.", 2),
        ("It ended at 5 p.m. on Fri. the 3rd.", 1),
        ("Wait... what? Well... Yes… no… No.", 4),
        ("“Is it?” she asked. “It is!” He left.", 3),
        ("(So he said.) Then he left.", 2),
        ("What?! No!!! Why???", 3),
        ("Dr. Müller kam bzw. ging. Él habló. ¿Sí?", 3),
        ("これは文です。これも文ですか？はい！「そうです。」終わり", 5),
        ("हिन्दी वाक्य। दूसरा वाक्य।", 2),
        ("هل هذا سؤال؟ نعم.", 2),
        ("３．５パーセント．これは文．", 2),
    ],
)
def test_sentences_of_small_texts(text, sentences):
    assert count(text) == [sentences]


def test_neighbours_in_the_buffer_do_not_matter():
    texts = ["Mr", ". One. T", "wo", "e.g", ". A", "。"]
    assert count(*texts) == [count(text)[0] for text in texts]


@pytest.mark.slow
def test_counts_on_real_lines_are_near_spacys(real_data):
    pytest.importorskip("spacy")
    from datatrove.utils.text import split_into_sentences

    pages = [text for text in page_texts(real_data, ("scrapinghub-aeb",)) if len(text) < 20_000][:60:2]
    lines = [line.strip() for text in pages for line in text.splitlines() if line.strip()]
    ours = np.array(count(*lines))
    theirs = np.array([len(split_into_sentences(line, "eng")) for line in lines])
    assert np.mean(ours == theirs) > 0.95
    assert abs(ours.sum() / theirs.sum() - 1) < 0.05
