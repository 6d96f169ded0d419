"""Exact substring dedup against suffix arrays, on real texts, and inside a run."""

from __future__ import annotations

import json
import lzma
import random

import numpy as np
import pytest

from gristmill.api import load, open_dataset, plan, run
from gristmill.dedup.substring import ExactSubstring
from tests.dedup.test_substring import dedup, planted_corpus, split, words
from tests.pipeline.small_corpus import write_jsonl, write_recipe

SEPARATOR = 0xFF  # stands in no UTF-8


def spans_by_suffix_array(texts: list[str], length: int, keep_first: bool) -> list[list[tuple[int, int]]]:
    """Bytes [start, end) of spans that grams of `length` bytes cover which stand elsewhere (or earlier)."""
    sort = pytest.importorskip("pydivsufsort").divsufsort
    data = b"".join(text.encode() + bytes([SEPARATOR]) for text in texts)
    order = [int(at) for at in sort(data) if SEPARATOR not in data[at : at + length] and at + length <= len(data)]
    repeated = np.zeros(len(data), bool)
    group: list[int] = []
    for before, at in zip([None, *order], [*order, None], strict=True):
        if before is None or at is None or data[before : before + length] != data[at : at + length]:
            if len(group) > 1:
                repeated[group] = True
                repeated[min(group)] = not keep_first
            group = []
        if at is not None:
            group.append(at)
    covered = np.zeros(len(data) + 1, bool)
    for at in np.flatnonzero(repeated):
        covered[at : at + length] = True
    edges = np.flatnonzero(np.diff(np.concatenate([[False], covered]).astype(np.int8)))
    starts = np.cumsum([0, *(len(text.encode()) + 1 for text in texts)])
    spans: list[list[tuple[int, int]]] = [[] for _ in texts]
    for start, end in edges.reshape(-1, 2).tolist():
        row = int(np.searchsorted(starts, start, side="right")) - 1
        spans[row].append((start - int(starts[row]), end - int(starts[row])))
    return spans


@pytest.mark.parametrize("length", [12, 100])
def test_spans_of_bytes_are_those_of_a_suffix_array(tmp_path, length):
    pytest.importorskip("pydivsufsort")
    texts = [text.encode("ascii", "ignore").decode() for text in planted_corpus(70, 6)]
    marked = ExactSubstring(tokens="bytes", length=length, mode="mark")
    _, table = dedup(marked, texts, tmp_path / "mark", lengths=(30,))
    found = [
        [(part["start"], part["end"]) for part in row or []] for row in table.column("substring.ranges").to_pylist()
    ]
    assert found == spans_by_suffix_array(texts, length, keep_first=False)
    _, table = dedup(ExactSubstring(tokens="bytes", length=length, mode="keep_first"), texts, tmp_path / "first")
    found = [[(part["start"], part["end"]) for part in row or []] for row in table.column("cuts").to_pylist()]
    assert found == spans_by_suffix_array(texts, length, keep_first=True)


def test_passages_copied_between_pages_of_real_novels_are_all_found(real_data, tmp_path):
    chooser = random.Random(1)
    pages: list[str] = []
    for language in ("de", "en", "pl"):
        with lzma.open(real_data / "lmtext" / f"eltec-{language}.jsonl.xz", "rt", encoding="utf-8") as stream:
            tokens = json.loads(stream.readline())["text"].split()[:40_000]
        pages += [" ".join(part) for part in split(tokens, [400] * 99)]
    copied = [" ".join(chooser.choice(pages).split()[100:180]) for _ in range(20)]
    receivers = sorted(chooser.sample(range(len(pages)), 60))
    for row in receivers:
        pages[row] += "\n\n" + chooser.choice(copied)
    texts = [page + "\n" for page in pages]
    _, table = dedup(ExactSubstring(mode="mark"), texts, tmp_path, memory=1 << 20, lengths=(100, 100), batch_rows=40)
    sizes = table.column("substring.duplicated_bytes").to_pylist()
    assert all(sizes[row] >= len(pages[row].split("\n\n")[-1].encode()) for row in receivers)


def test_a_run_cuts_repeats_across_sources_and_a_second_stage_sees_the_cuts(tmp_path):
    same = words("same", 60)
    write_jsonl(tmp_path / "a.jsonl", [f"{words('a', 12)} {same}", words("alone", 70)])
    write_jsonl(tmp_path / "b.jsonl", [f"{same} {words('b', 12)}", same])
    recipe = write_recipe(
        tmp_path / "recipe.yaml",
        {name: {"input": f"{name}.jsonl", "read": {"jsonl": {}}} for name in ("a", "b")},
        stages=[{"substring": {}}, {"substring": {"name": "again", "mode": "mark"}}],
    )
    loaded = load(recipe, root=str(tmp_path / "root"))
    assert run(plan(loaded), workers=1).ok
    texts = [open_dataset(loaded, name).to_table(["text", "again.spans"]).to_pydict() for name in ("a", "b")]
    assert texts[0] == {"text": [words("a", 12), words("alone", 70)], "again.spans": [0, 0]}
    assert texts[1] == {"text": [words("b", 12)], "again.spans": [0]}
