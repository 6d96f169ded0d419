"""Llama 2's measure of contamination against a brute force over all pairs of places."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from gristmill.decontamination.evaluation_sets import EvaluationSet
from gristmill.decontamination.report import ContaminationReport
from gristmill.decontamination.tokenizer_tokens import TokenizerTokens
from gristmill.errors import UserError
from gristmill.kernels.text import Texts
from gristmill.tokenize.sentencepiece_model import train_sentencepiece
from gristmill.tokenize.tokenizer_file import TokenizerFile
from tests.stages import run_phases, write_shard

WORDS = st.lists(st.sampled_from(["a", "b", "C", "d."]), max_size=14).map(" ".join)


def contaminated_by_hand(row: list[str], documents: list[list[str]], seed: int, least: int, skips: int) -> int:
    marked = set()
    for document in documents:
        for start in range(len(document)):
            for place in range(len(row)):
                pairs = list(zip(document[start:], row[place:], strict=False))
                for length in range(least, len(pairs) + 1):
                    same = [one == other for one, other in pairs[:length]]
                    if all(same[:seed]) and same[-1] and same.count(False) <= skips:
                        marked |= {place + step for step in range(length) if same[step]}
    return len(marked)


@settings(max_examples=120)
@given(
    documents=st.lists(WORDS, max_size=4),
    rows=st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=4),
    seed=st.integers(2, 4),
    more=st.integers(0, 3),
    skips=st.integers(0, 3),
)
def test_contaminated_tokens_equal_a_brute_force(documents, rows, seed, more, skips):
    folded = [f"{q} {a}".lower().replace(".", "").split() for q, a in rows]
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", lambda _: None)
        folder = Path(name)
        path = folder / "e.jsonl"
        path.write_text("".join(json.dumps({"q": q, "a": a}) + "\n" for q, a in rows))
        stage = ContaminationReport(
            sets={"e": EvaluationSet(files=str(path), fields="q, a")},
            seed_tokens=seed,
            min_tokens=seed + more,
            skips=skips,
        )
        if all(len(row) < seed for row in folded):
            with pytest.raises(UserError):
                stage.check()
            return
        shards = [write_shard(folder, "web", f"s{n}", documents[n::2], batch_rows=1) for n in range(2)]
        scope = run_phases(stage, shards, folder / "out")
        found = pq.read_table(f"{scope.folder}/report/rows.parquet").to_pylist()
    texts = [document.lower().replace(".", "").split() for document in documents]
    expected = [contaminated_by_hand(row, texts, seed, seed + more, skips) for row in folded]
    assert [row["contaminated"] for row in found] == expected
    assert [row["tokens"] for row in found] == [len(row) for row in folded]


def test_a_copy_with_four_words_changed_is_dirty_and_one_with_five_ends_before_the_fifth(tmp_path):
    words = [f"word{number}" for number in range(40)]
    path = tmp_path / "e.jsonl"
    path.write_text(json.dumps({"q": " ".join(words)}) + "\n")
    stage = ContaminationReport(sets={"e": EvaluationSet(files=str(path), fields="q")})
    changed = [word if number not in (12, 15, 20, 25, 30) else "other" for number, word in enumerate(words)]
    shard = write_shard(tmp_path, "web", "s", ["Here: " + " ".join(changed) + ". And more."])
    scope = run_phases(stage, [shard], tmp_path / "out")
    row = pq.read_table(f"{scope.folder}/report/rows.parquet").to_pylist()[0]
    assert row["contaminated"] == 30 - 4
    match = pq.read_table(f"{scope.folder}/search/00000.matches.parquet").to_pylist()
    assert [(m["position"], m["tokens"], m["evaluation_row"]) for m in match] == [(0, 30, 0)]
    assert match[0]["text"].startswith("word0 word1")


PROSE = [
    "The naïve cat sat on the mat, and 12345 dogs 日本 ran away from it at once.",
    "It was 😀 the best of times, it was the worst of times, it was the age of wisdom.",
    "Two spaces  and\nnew lines\n\nare text too; so are (brackets) and don't.",
]


def tokenizer_file(folder: Path, kind: str) -> Path:
    if kind == "tokenizer.model":
        content = train_sentencepiece(iter([PROSE * 30]), 380, ())
        (folder / kind).write_bytes(content)
    else:
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(vocab_size=400, show_progress=False, initial_alphabet=alphabet)
        tokenizer.train_from_iterator(PROSE * 5, trainer)
        tokenizer.save(str(folder / kind))
    return folder / kind


@pytest.mark.parametrize("kind", ["tokenizer.model", "tokenizer.json"])
def test_tokens_of_a_tokenizer_are_counted_as_a_brute_force_counts_them(tmp_path, kind):
    tokenizer = tokenizer_file(tmp_path, kind)
    rows = [(PROSE[0], "away at once"), (PROSE[1][10:60], PROSE[2]), ("nothing of it", "stands there, for once")]
    documents = [
        "First. " + PROSE[0].replace("dogs", "cats") + " Last.",
        PROSE[1] + " " + PROSE[1].replace("worst", "most"),
        "😀 " + PROSE[2].replace("  ", " "),
        "at once, for once",
        "",
    ]
    path = tmp_path / "e.jsonl"
    path.write_text("".join(json.dumps({"q": q, "a": a}) + "\n" for q, a in rows))
    sets = {"e": EvaluationSet(files=str(path), fields="q, a")}
    stage = ContaminationReport(sets=sets, tokenizer=str(tokenizer), seed_tokens=4, min_tokens=6, skips=2)
    stage.check()
    shards = [write_shard(tmp_path, "web", f"s{n}", documents[n::2], batch_rows=2) for n in range(2)]
    scope = run_phases(stage, shards, tmp_path / "out")
    found = pq.read_table(f"{scope.folder}/report/rows.parquet").to_pylist()

    def ids(text: str) -> list[str]:
        return [str(number) for number in TokenizerFile.read(str(tokenizer)).reference.encode([text])[0]]

    expected = [contaminated_by_hand(ids(q) + ids(a), [ids(text) for text in documents], 4, 6, 2) for q, a in rows]
    assert [row["contaminated"] for row in found] == expected
    assert [row["tokens"] for row in found] == [len(ids(q) + ids(a)) for q, a in rows]
    assert expected[0] > 15
    matches = pq.read_table(f"{scope.folder}/search/00000.matches.parquet").to_pylist()
    assert any("naïve cat sat" in match["text"] for match in matches if match["evaluation_row"] == 0)


def test_a_match_in_a_long_text_has_its_place_there(tmp_path, monkeypatch):
    monkeypatch.setattr("gristmill.tokenize.engines.PIECE_CHARACTERS", 40)
    monkeypatch.setattr("gristmill.decontamination.tokenizer_tokens.PIECE_CHARACTERS", 40)
    for kind in ("tokenizer.model", "tokenizer.json"):
        tokens = TokenizerTokens(str(tokenizer_file(tmp_path, kind)))
        text = " ".join(PROSE)
        starts, ends = tokens.spans(text)
        assert len(starts) == len(tokens.of(Texts.from_strings([text])).hashes)
        assert all(0 <= start <= end <= len(text.encode()) for start, end in zip(starts, ends, strict=True))
        place = text.encode().find(b"wisdom")
        assert any(start <= place < end for start, end in zip(starts, ends, strict=True))


def test_a_file_that_is_no_tokenizer_is_an_error(tmp_path):
    (tmp_path / "tokenizer.json").write_text("{}")
    (tmp_path / "e.jsonl").write_text(json.dumps({"q": PROSE[0]}) + "\n")
    sets = {"e": EvaluationSet(files=str(tmp_path / "e.jsonl"), fields="q")}
    with pytest.raises(UserError, match="not a tokenizer file"):
        ContaminationReport(sets=sets, tokenizer=str(tmp_path / "tokenizer.json")).check()
