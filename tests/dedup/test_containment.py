from __future__ import annotations

import re
import tarfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.dedup.containment import Containment
from gristmill.kernels.containment import compare_samples
from gristmill.kernels.shingles import shingles_of
from gristmill.kernels.text import Texts
from tests.dedup.planted import edited, page, words_of
from tests.stages import read_layer, run_phases, write_shard, write_signals


def layer(stage: Containment, texts: list[str], folder: Path, per_shard: int = 4) -> dict[str, list]:
    shards = [
        write_signals(stage, write_shard(folder, "s", f"{start:04d}", texts[start : start + per_shard]), folder)
        for start in range(0, len(texts), per_shard)
    ]
    scope = run_phases(stage, shards, folder / "out")
    columns: dict[str, list] = {}
    for shard in shards:
        for name, values in read_layer(stage, scope, shard).to_pydict().items():
            columns.setdefault(name.removeprefix("containment."), []).extend(values)
    return columns


@settings(max_examples=25)
@given(st.lists(st.integers(0, 400), max_size=6), st.integers(64, 200))
def test_a_sample_holds_every_hash_below_its_level(lengths, most):
    stage = Containment(n=2, sample=most)
    texts = Texts.from_strings([page(seed, length) for seed, length in enumerate(lengths)])
    hashes, first, levels = stage.samples_of(texts)
    from gristmill.dedup.readings import fold_table

    for row in range(len(lengths)):
        every = np.unique(shingles_of(texts.data, texts.offsets[row], texts.offsets[row + 1], fold_table("words"), 2))
        level = int(levels[row])
        expected = [value for value in every.tolist() if value >> (64 - level) == 0]
        assert hashes[first[row] : first[row + 1]].tolist() == expected
        assert len(expected) <= most
        assert level == 0 or sum(value >> (65 - level) == 0 for value in every.tolist()) > most


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_estimated_shares_are_unbiased_in_both_directions(share):
    stage, inside, around = Containment(n=1, sample=64), [], []
    for seed in range(150):
        words = words_of(seed, 3000)
        part = [*words[: round(500 * share)], *words_of(5000 + seed, 500 - round(500 * share))]
        hashes, first, levels = stage.samples_of(Texts.from_strings([" ".join(part), " ".join(words)]))
        data = [np.concatenate([levels[r : r + 1].astype(np.uint64), hashes[first[r] : first[r + 1]]]) for r in (0, 1)]
        zero = np.zeros(1, np.int64)
        one, two = compare_samples(data[0], zero, zero + len(data[0]), data[1], zero, zero + len(data[1]), 1)
        inside.append(float(one[0]))
        around.append(float(two[0]))
    assert abs(np.mean(inside) - share) < 0.04
    assert abs(np.mean(around) - share * 500 / 3000) < 0.03


def test_a_part_falls_for_the_whole_and_never_the_whole_for_a_part(tmp_path: Path):
    whole, story = page(1, 5000), " ".join(page(1, 5000).split()[1000:1800])
    texts = [story, whole, page(2, 3000), edited(whole, 0.04, 3), edited(whole, 0.3, 4), "too short"]
    found = layer(Containment(), texts, tmp_path)
    assert [reason is None for reason in found["drop"]] == [False, True, True, False, True, True]
    assert found["drop"][0] == "containment.contained"
    assert found["twin_row"][0] == 1
    assert found["similarity"][0] == pytest.approx(1.0)
    assert found["similarity"][3] == pytest.approx(0.96, abs=0.03)
    assert found["method"][0] == "containment"


def test_a_licence_in_every_book_connects_nothing(tmp_path: Path):
    licence = page(99, 400)
    texts = [licence + " " + page(seed, 2000) for seed in range(30)]
    assert layer(Containment(compared_with=2), texts, tmp_path)["drop"] == [None] * 30


def books(real_data: Path) -> list[tuple[str, str]]:
    """Title and text of every edition, among other novels."""
    found = []
    for archive in ("frankenstein", "mobydick", "pg_misc"):
        with tarfile.open(real_data / "books" / f"{archive}.tar.xz") as files:
            for member in sorted(files.getmembers(), key=lambda member: member.name):
                if member.isfile() and member.size > 100_000 and member.name.endswith((".txt", ".htm")):
                    text = files.extractfile(member).read().decode("utf-8", "replace")  # type: ignore[union-attr]
                    title = "mobydick" if "2701" in member.name else member.name if archive == "pg_misc" else archive
                    found.append((title, re.sub(r"<[^>]+>", " ", text) if member.name.endswith(".htm") else text))
    return found


def test_one_edition_of_each_real_book_stays(real_data: Path, tmp_path: Path):
    given_books = books(real_data)
    found = layer(Containment(), [text for _, text in given_books], tmp_path)
    titles = [title for title, _ in given_books]
    kept = [title for title, reason in zip(titles, found["drop"], strict=True) if reason is None]
    assert sorted(kept) == sorted(set(titles))
    for row, twin in enumerate(found["cluster"]):
        assert titles[row] == titles[twin]
        assert row == twin or found["similarity"][row] > 0.9
