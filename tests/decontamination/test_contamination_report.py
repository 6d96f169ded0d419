"""Llama 2's measure of contamination against a brute force over all pairs of places."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.decontamination.evaluation_sets import EvaluationSet
from gristmill.decontamination.report import ContaminationReport
from gristmill.errors import UserError
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
