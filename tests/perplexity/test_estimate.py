"""Kneser–Ney: what probabilities must be, whatever the division of the work; lmplz as the oracle."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from gristmill.errors import UserError
from gristmill.perplexity.estimate import NgramCounter, estimate_ngrams, write_model
from gristmill.perplexity.ngram_file import BEGIN, END, SPECIAL, UNKNOWN, NgramModel
from tests.perplexity.small_model import made_up_lines, train_small
from tests.perplexity.test_ngrams import read_arpa


def estimate(folder: Path, lines: list[str], order: int = 4, partitions: int = 1, prune: tuple[int, ...] = ()) -> Path:
    """A model over whole words, as .ngrams and ARPA."""
    folder.mkdir()
    words = list(SPECIAL)
    ids: dict[str, int] = {}
    flat, offsets = [], [0]
    for line in lines:
        for word in line.split():
            if word not in ids:
                ids[word] = len(words)
                words.append(word)
            flat.append(ids[word])
        offsets.append(len(flat))
    (folder / "scratch").mkdir()
    counter = NgramCounter(str(folder / "scratch"), order, partitions)
    counter.add(np.array(flat, np.int32), np.array(offsets, np.int64))
    write_model(estimate_ngrams(counter, len(words), prune), words, str(folder / "lm.ngrams"), str(folder / "lm.arpa"))
    return folder


@pytest.mark.parametrize("prune", [(), (0, 0, 1)])
def test_probabilities_after_any_context_sum_to_one(tmp_path: Path, prune: tuple[int, ...]) -> None:
    lines = made_up_lines(200)
    model = NgramModel.open(str(estimate(tmp_path / "m", lines, prune=prune) / "lm.ngrams"))
    words = [word for word in range(len(model.words)) if word not in (0, BEGIN, END)]
    for line in ("", *lines[:8], "never seen before"):
        context = [model.ids.get(word, UNKNOWN) for word in line.split()]
        conditional = [_last(model, [*context, word]) for word in words] + [_last(model, context, end=True)]
        assert sum(10**value for value in conditional) == pytest.approx(1.0, abs=2e-4)


def _last(model: NgramModel, ids: list[int], *, end: bool = False) -> float:
    """log10 P of the last word (or the end) given those before it, from the tables by the definition."""
    from gristmill.kernels.ngram_tables import extend, find

    word, context = (END, [BEGIN, *ids]) if end else (ids[-1], [BEGIN, *ids[:-1]])
    context = context[-(model.order - 1) :]

    def entry(words: list[int]) -> tuple[float, float] | None:
        if len(words) == 1:
            return tuple(map(float, model.unigrams[words[0]]))  # type: ignore[return-value]
        key = np.uint64(0)
        for number in reversed(words):
            key = np.uint64(extend(key, number))
        first, last = int(model.starts[len(words)]), int(model.starts[len(words) + 1])
        place = find(model.keys, first, last - first, key)
        return None if place < 0 else tuple(map(float, model.values[place]))  # type: ignore[return-value]

    backoff = 0.0
    while True:
        found = entry([*context, word])
        if found is not None:
            return backoff + found[0]
        above = entry(context)
        backoff += above[1] if above else 0.0
        context = context[1:]


def test_the_division_into_partitions_changes_no_probability(tmp_path: Path) -> None:
    lines = made_up_lines(300)
    _, one = read_arpa(estimate(tmp_path / "one", lines) / "lm.arpa")
    _, many = read_arpa(estimate(tmp_path / "many", lines, partitions=7) / "lm.arpa")
    assert one.keys() == many.keys()
    assert all(one[gram] == pytest.approx(many[gram], abs=2e-6) for gram in one)


def test_the_same_text_gives_the_same_bytes(tmp_path: Path) -> None:
    lines = made_up_lines(100)
    first, second = (train_small(tmp_path / name, lines, partitions=3) / "lm.ngrams" for name in "ab")
    assert first.read_bytes() == second.read_bytes()


def test_counts_too_poor_for_discounts_fall_back(tmp_path: Path) -> None:
    folder = estimate(tmp_path / "m", ["a b", "a c"])
    _, table = read_arpa(folder / "lm.arpa")
    assert ("<s>", "a", "b", "</s>") in table
    assert all(probability <= 0 for probability, _ in table.values())


def test_no_text_is_the_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no text is left"):
        estimate_ngrams(NgramCounter(str(tmp_path), 3), len(SPECIAL))


def lmplz() -> str:
    found = os.environ.get("GRISTMILL_LMPLZ") or shutil.which("lmplz")
    if found is None:
        pytest.skip("no lmplz on the PATH (benchmarks/perplexity.py builds one; or set GRISTMILL_LMPLZ)")
    return found


@pytest.mark.parametrize("prune", [(), (0, 0, 1), (0, 1, 2, 2)])
def test_every_ngram_is_the_one_of_lmplz(tmp_path: Path, prune: tuple[int, ...]) -> None:
    program, lines = lmplz(), made_up_lines(500)
    command = [
        program,
        "-o",
        "4",
        "-S",
        "64M",
        "-T",
        str(tmp_path),
        "--discount_fallback",
        "--arpa",
        str(tmp_path / "k.arpa"),
    ]
    command += ["--prune", *map(str, prune)] if prune else []
    subprocess.run(command, input="\n".join(lines) + "\n", text=True, check=True, capture_output=True)
    _, ours = read_arpa(estimate(tmp_path / "m", lines, prune=prune, partitions=2) / "lm.arpa")
    _, theirs = read_arpa(tmp_path / "k.arpa")
    assert ours.keys() == theirs.keys()
    for gram, numbers in theirs.items():
        assert ours[gram] == pytest.approx(numbers, abs=3e-6), gram
