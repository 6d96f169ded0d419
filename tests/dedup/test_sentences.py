"""Runs of three sentences that stood before are cut, as a set of seen runs would do it."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.dedup.sentences import SentenceDedup
from gristmill.kernels.code_points import code_point_tables
from gristmill.kernels.phrases import lower_case
from gristmill.kernels.sentences import abbreviations, count_sentences
from gristmill.kernels.text import Texts
from tests.dedup.test_paragraphs import run
from tests.stages import make_batch

SENTENCE = re.compile(r"[A-Z]\w*\.")


@pytest.fixture(autouse=True, scope="module")
def without_waiting_for_the_disk():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", lambda handle: None)
        yield


def left_by_hand(texts: list[str], length: int) -> list[list[str]]:
    """The sentences that stay of every text."""
    seen: set[tuple[str, ...]] = set()
    left = []
    for text in texts:
        sentences = SENTENCE.findall(text)
        gone = set()
        for at in range(len(sentences) - length + 1):
            key = tuple(sentence.lower() for sentence in sentences[at : at + length])
            if key in seen:
                gone.update(range(at, at + length))
            seen.add(key)
        left.append([sentence for number, sentence in enumerate(sentences) if number not in gone])
    return left


PIECES = st.lists(
    st.tuples(st.sampled_from(["Abc.", "ABC.", "Def.", "Ghi.", "Jkl."]), st.sampled_from([" ", "  ", "\n", "\n\n"])),
    max_size=9,
).map(lambda pairs: "".join(a + b for a, b in pairs))


@settings(max_examples=60)
@given(
    texts=st.lists(PIECES, max_size=8), length=st.integers(1, 4), plan=st.sampled_from([None, (1, 4, 3), (2, 1, 50)])
)
def test_what_is_left_is_what_a_set_of_seen_runs_leaves(texts, length, plan):
    stage = SentenceDedup(length=length, min_sentences=2)
    shards = [("s", texts[start : start + 3], set()) for start in range(0, len(texts), 3)]
    with tempfile.TemporaryDirectory() as folder:
        result = run(stage, shards, Path(folder), plan)
    expected = left_by_hand(texts, length)
    found = [text for shard in result.texts for text in shard]
    assert [SENTENCE.findall(text) for text in found] == expected
    for text, cut, rest in zip(texts, found, expected, strict=True):
        assert cut.split() == rest
        if rest:
            assert not text.startswith(rest[0]) or cut.startswith(rest[0])
    drops = [reason for layer in result.layers for reason in layer["drop"]]
    for text, reason, rest in zip(texts, drops, expected, strict=True):
        short = len(rest) < 2 and len(rest) < len(SENTENCE.findall(text))
        assert reason == ("sentences.too_few_sentences" if short else None)


def test_the_gap_with_more_newlines_stays_between_what_is_left(tmp_path):
    repeated = "One came. Two came. Three came."
    texts = [repeated, f"Before it. {repeated}\n\nAfter it. And more.", f"First.\n{repeated} Last. And more."]
    result = run(SentenceDedup(), [("s", texts, set())], tmp_path)
    assert result.texts == [[repeated, "Before it.\n\nAfter it. And more.", "First.\nLast. And more."]]


def test_spans_of_sentences_are_as_many_as_are_counted(real_data, tmp_path):
    path = next((real_data / "lmtext" / "wikitext2").rglob("valid.txt"))
    lines = path.read_text()[:200_000].split("\n")
    batch = make_batch(lines)
    found = SentenceDedup().signals(batch)["starts"]
    texts = Texts.from_strings(lines)
    tables = abbreviations(), lower_case(), *code_point_tables()
    counts = count_sentences(texts.data, texts.offsets[:-1], texts.offsets[1:], *tables)
    assert found.value_lengths().to_pylist() == counts.tolist()
    assert counts.sum() > 1000
