"""Every cut says where the first copy lies and how many there are: against what a plain search over all texts finds."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models

from gristmill import api
from gristmill.dedup.paragraphs import ParagraphDedup
from gristmill.dedup.parts import PartDedup
from gristmill.dedup.sentences import SentenceDedup
from gristmill.dedup.substring import ExactSubstring
from gristmill.stage import GlobalStage
from tests.stages import read_layer, run_phases, write_shard, write_signals

Corpus = Mapping[tuple[str, str], list[str]]  # by source and shard
Place = tuple[str, str, int, int]  # source, shard, row, offset


def layers(stage: GlobalStage, folder: Path, corpus: Corpus, dropped: int | None, memory: int) -> dict:
    shards = []
    for source, name in corpus:
        gone = [] if dropped is None else [row for row in (dropped,) if row < len(corpus[source, name])]
        shard = write_shard(folder, source, name, corpus[source, name], gone, batch_rows=2)
        shards.append(write_signals(stage, shard, folder) if len(stage.value_schema()) else shard)
    scope = run_phases(stage, shards, folder / "out", memory)
    return {(shard.source, shard.name): read_layer(stage, scope, shard).to_pydict() for shard in shards}


def lines_of(text: str) -> list[tuple[str, int, int]]:
    """Key, start and end in bytes of every line."""
    found, at = [], 0
    for line in text.split("\n"):
        size = len(line.encode())
        found.append((line.strip().lower(), at, at + size))
        at += size + 1
    return found


def sentence_runs_of(text: str) -> list[tuple[str, int, int]]:
    spans = [match.span() for match in re.finditer(r"\S[^.\n]*\.", text)]
    runs = zip(spans, spans[1:], spans[2:], strict=False)
    return [
        (" ".join(text[a:b].lower() for a, b in run), len(text[: run[0][0]].encode()), len(text[: run[2][1]].encode()))
        for run in runs
    ]


def check(stage: PartDedup, corpus: Corpus, found: dict, dropped: int | None, parts_of: Callable) -> int:
    places: dict[str, list[Place]] = {}
    for (source, shard), texts in corpus.items():
        for row, text in enumerate(texts):
            for key, start, _ in parts_of(text) if row != dropped else ():
                places.setdefault(key, []).append((source, shard, row, start))
    checked = 0
    for (source, shard), texts in corpus.items():
        column = found[source, shard][f"{stage.name}.first_copies"]
        for row, text in enumerate(texts):
            several = [part for part in parts_of(text) if row != dropped and len(places[part[0]]) > 1]
            if stage.first_copy == "keep":
                several = [part for part in several if places[part[0]][0] != (source, shard, row, part[1])]
            else:
                rows = {key: {place[:3] for place in places[key]} for key, _, _ in several}
                own = {key: min(p[3] for p in places[key] if p[:3] == (source, shard, row)) for key in rows}
                several = [part for part in several if len(rows[part[0]]) > 1 or own[part[0]] != part[1]]
            expected = [
                dict(zip(("source", "shard", "row", "offset"), places[key][0], strict=True))
                | {"start": start, "end": end, "copies": len(places[key]), "index": None}
                for key, start, end in several
            ]
            assert (column[row] or []) == expected
            checked += len(expected)
    return checked


line = st.sampled_from(["a", "B", "naïve", "b", "", "c c"])
sentence = st.sampled_from(["One naïve cat.", "Two dogs ran.", "Three men.", "ONE naïve cat."])
paragraph_texts = st.lists(st.lists(line, max_size=5).map("\n".join), max_size=4)
sentence_texts = st.lists(st.lists(sentence, max_size=6).map(" ".join), max_size=4)


@settings(max_examples=12)
@given(st.tuples(*[paragraph_texts] * 3), st.sampled_from(["keep", "cut"]), st.none() | st.integers(0, 2), st.data())
def test_first_copies_of_lines_equal_a_plain_search(texts, first_copy, dropped, data):
    corpus = dict(zip((("web", "s1"), ("web", "s2"), ("news", "s1")), texts, strict=True))
    stage = ParagraphDedup(first_copy=first_copy, max_loss=1)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", lambda _: None)
        few = data.draw(st.booleans())
        if few:  # several runs a shard, several ranges, several runs a group
            patch.setattr("gristmill.dedup.first_copies.keys_in", lambda *_: 3)
        found = layers(stage, Path(folder), corpus, dropped, 1 << 30)
    check(stage, corpus, found, dropped, lines_of)


@settings(max_examples=8)
@given(st.tuples(*[sentence_texts] * 2), st.none() | st.integers(0, 2), st.booleans())
def test_first_copies_of_sentences_equal_a_plain_search(texts, dropped, few):
    corpus = dict(zip((("web", "s1"), ("web", "s2")), texts, strict=True))
    stage = SentenceDedup(max_loss=1)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", lambda _: None)
        if few:
            patch.setattr("gristmill.dedup.first_copies.keys_in", lambda *_: 2)
        found = layers(stage, Path(folder), corpus, dropped, 1 << 30)
    check(stage, corpus, found, dropped, sentence_runs_of)


def grams_of(text: str, tokens: str, length: int) -> list[tuple[tuple, int]]:
    """Each gram and where it begins, in bytes."""
    pattern = r"\S+" if tokens == "words" else r"(?s)."
    spans = [match.span() for match in re.finditer(pattern, text)]
    runs = (spans[place : place + length] for place in range(len(spans) - length + 1))
    return [(tuple(text[a:b] for a, b in run), len(text[: run[0][0]].encode())) for run in runs]


word = st.sampled_from(["a", "bb", "naïve", "c"])
word_texts = st.lists(st.lists(word, max_size=12).map(" ".join), max_size=4)


@settings(max_examples=14)
@given(
    st.tuples(*[word_texts] * 3),
    st.sampled_from([("words", "cut"), ("words", "keep_first"), ("ids", "mark"), ("words", "drop")]),
    st.none() | st.integers(0, 2),
    st.booleans(),
    st.data(),
)
def test_first_copies_of_spans_equal_a_plain_search(texts, how, dropped, few, data):
    tokens, mode = how
    corpus = dict(zip((("web", "s1"), ("web", "s2"), ("news", "s1")), texts, strict=True))
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", lambda _: None)
        folder = Path(name)
        if few:
            patch.setattr("gristmill.dedup.first_copies.keys_in", lambda *_: 3)
            patch.setattr("gristmill.dedup.substring.keys_in", lambda *_: data.draw(st.sampled_from([4, 9])))
        extra = {"tokenizer": str(letters_tokenizer(folder))} if tokens == "ids" else {}
        stage = ExactSubstring(length=3, tokens=tokens, mode=mode, min_left=0, max_loss=1, **extra)
        found = layers(stage, folder, corpus, dropped, 1 << 30)
    places: dict[tuple, list[Place]] = {}
    for (source, shard), rows in corpus.items():
        for row, text in enumerate(rows):
            for gram, start in grams_of(text, tokens, 3) if row != dropped else ():
                places.setdefault(gram, []).append((source, shard, row, start))
    for (source, shard), rows in corpus.items():
        columns = found[source, shard]
        for row, text in enumerate(rows):
            entries = columns["substring.first_copies"][row] or []
            assert len(entries) == (columns["substring.spans"][row] or 0)
            begins = {start: gram for gram, start in grams_of(text, tokens, 3)}
            for entry in entries:
                of = places[begins[entry["start"]]]
                assert (entry["source"], entry["shard"], entry["row"], entry["offset"]) == of[0]
                assert entry["copies"] == len(of) > 1
            if mode == "mark":
                spans = [{"start": entry["start"], "end": entry["end"]} for entry in entries]
                assert spans == (columns["substring.ranges"][row] or [])


def letters_tokenizer(folder: Path) -> Path:
    """A token is a character."""
    letters = {letter: number for number, letter in enumerate("abnïvec ")}
    Tokenizer(models.BPE(letters, [])).save(str(folder / "letters.json"))
    return folder / "letters.json"


def test_an_index_is_named_where_an_earlier_run_has_the_line(tmp_path: Path):
    for name in ("one", "two"):
        layers(
            ParagraphDedup(index="own"), tmp_path / name, {("old", "s"): [f"kept by {name}\nin both"]}, None, 1 << 30
        )
    against = tuple(str(tmp_path / name / "out" / "index") for name in ("one", "two"))
    corpus = {("web", "s"): ["new\nkept by two", "in both\nnew", "kept by two"]}
    found = layers(ParagraphDedup(against=against, max_loss=1), tmp_path / "three", corpus, None, 1 << 30)["web", "s"]
    named = [[(e["index"], e["shard"], e["row"], e["copies"]) for e in row] for row in found["paragraphs.first_copies"]]
    assert named == [[(1, None, None, 2)], [(0, None, None, 1), (None, "s", 0, 2)], [(1, None, None, 2)]]


def test_without_first_copies_the_cuts_are_the_same_and_the_column_is_empty(tmp_path: Path):
    corpus = {("web", "a"): ["x\ny", "y\nz"], ("web", "b"): ["z\nx"]}
    with_them = layers(ParagraphDedup(max_loss=1), tmp_path / "with", corpus, None, 1 << 30)
    without = layers(ParagraphDedup(max_loss=1, first_copies=False), tmp_path / "without", corpus, None, 1 << 30)
    for shard, columns in without.items():
        assert columns.pop("paragraphs.first_copies") == [None] * len(columns["drop"])
        del with_them[shard]["paragraphs.first_copies"]
        assert with_them[shard] == columns


def test_a_dataset_shows_where_the_first_copy_of_a_line_lies(tmp_path: Path):
    rows = ["First line here\nCookies are good", "Another line\nCookies are good", "Cookies are good"]
    (tmp_path / "w.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in rows))
    recipe = {"sources": {"web": {"read": "jsonl", "input": "w.jsonl"}}, "stages": [{"paragraphs": {"max_loss": 1}}]}
    (tmp_path / "r.yaml").write_text(json.dumps(recipe))
    loaded = api.load(tmp_path / "r.yaml", [], root=str(tmp_path / "run"))
    assert api.run(api.plan(loaded), workers=1).ok
    table = api.open_dataset(loaded, "web").to_table(["drop", "paragraphs.first_copies"], dropped=True).to_pydict()
    assert table["drop"] == [None, None, "paragraphs.too_little_left"]
    entry = table["paragraphs.first_copies"][2][0]
    assert (entry["source"], entry["row"], entry["offset"], entry["copies"]) == ("web", 0, 16, 3)
