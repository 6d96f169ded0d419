"""Verification of candidates, the evidence of what falls, and the limit on chains."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.dataset import ShardRef
from gristmill.dedup.minhash import MinHash, Verification
from gristmill.dedup.shuffle import ShufflePlan
from gristmill.kernels import similarity
from gristmill.kernels.text import Texts
from tests.dedup.planted import edit_distance, edited, jaccard, page
from tests.stages import read_layer, run_phases, write_shard, write_signals

LOOSE = {"bands": 40, "rows": 2}  # finds nearly every pair above 0.3


def layers(stage: MinHash, texts: list[str], folder: Path, per_shard: int = 3, memory: int = 1 << 30) -> dict:
    """The columns of the final layers of all texts, one after another."""
    shards: list[ShardRef] = []
    for number, start in enumerate(range(0, len(texts), per_shard)):
        shard = write_shard(folder, "s", f"{number:03d}", texts[start : start + per_shard], batch_rows=2)
        shards.append(write_signals(stage, shard, folder))
    scope = run_phases(stage, shards, folder / "out", memory)
    columns: dict[str, list] = {}
    for shard in shards:
        for name, values in read_layer(stage, scope, shard).to_pydict().items():
            columns.setdefault(name.removeprefix("minhash."), []).extend(values)
    return columns


numbers = st.lists(st.integers(0, 3), max_size=150)


@settings(max_examples=60)
@given(numbers, numbers, st.integers(0, 60))
def test_edit_distance_is_that_of_the_plain_table(left, right, common):
    shared = [n % 7 for n in range(common)]
    left, right = shared + left, shared + right
    found = similarity.edit_distance(np.array(left, np.uint32), np.array(right, np.uint32))
    assert found == edit_distance(left, right)


@given(numbers, numbers, st.integers(1, 6))
def test_jaccard_of_words_is_that_of_sets(left, right, n):
    def sets(words):
        return {tuple(words[k : k + n]) for k in range(max(min(1, len(words)), len(words) - n + 1))}

    one, two = sets(left), sets(right)
    expected = len(one & two) / len(one | two) if one | two else 1.0
    found = similarity.jaccard(np.array(left, np.uint32), np.array(right, np.uint32), n)
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("hashes", ["own", "datatrove_xxhash"])
@pytest.mark.parametrize("share", [0.1, 0.4, 0.8])
def test_similarities_estimated_from_sketches_are_unbiased(share, hashes):
    if hashes != "own":
        pytest.importorskip("spacy")
    pairs = 150
    texts = [text for seed in range(pairs) for text in (page(seed), edited(page(seed), share, seed))]
    normalise = "words" if hashes == "own" else "datatrove"
    stage = MinHash(n=3, sketch=112, hashes=hashes, normalise=normalise)
    _, _, sketches = stage.scheme.of(Texts.from_strings(texts))
    starts = np.arange(pairs) * 2 * 112
    flat = np.ascontiguousarray(sketches).reshape(-1)
    estimates, _ = similarity.compare_sketches(flat, starts, flat, starts + 112, 112, 0)
    true = np.mean([jaccard(texts[2 * n], texts[2 * n + 1], 3) for n in range(pairs)])
    assert abs(estimates.mean() - true) < 4 * 0.5 / np.sqrt(112 * pairs) + 0.003


def test_every_removal_names_twin_similarity_and_band(tmp_path: Path):
    texts = [page(1), page(2), edited(page(1), 0.1), page(3), edited(page(2), 0.08, 5), page(1)]
    found = layers(MinHash(), texts, tmp_path)
    assert found["drop"] == [None, None, "minhash.duplicate", None, "minhash.duplicate", "minhash.duplicate"]
    for row, twin in ((2, 0), (4, 1), (5, 0)):
        assert (found["twin_shard"][row], found["twin_row"][row]) == (f"{twin // 3:03d}", twin % 3)
        assert found["method"][row] == "signature"
        assert found["similarity"][row] == pytest.approx(jaccard(texts[row], texts[twin]), abs=0.2)
    keys, _ = MinHash().keys_of(Texts.from_strings(texts))
    for row, twin in ((2, 0), (4, 1), (5, 0)):
        shared = np.flatnonzero(keys[row] == keys[twin])
        assert found["band"][row] == (shared[0] if len(shared) else None)
    assert found["similarity"][5] == 1.0
    for name in ("twin_source", "twin_row", "method", "similarity", "band", "twin_index"):
        assert [found[name][row] for row in (0, 1, 3)] == [None] * 3


def test_evidence_survives_small_memory_and_many_groups(tmp_path: Path, monkeypatch):
    texts = [edited(page(n % 3), 0.02 * (n // 3), n) for n in range(24)]
    plain = layers(MinHash(), texts, tmp_path / "plain", per_shard=100)
    small = layers(MinHash(), texts, tmp_path / "small", per_shard=2, memory=2048)
    groups = tuple((n, min(12, n + 5)) for n in range(0, 12, 5))
    monkeypatch.setattr(ShufflePlan, "of", classmethod(lambda cls, *scope, **how: cls(groups, 3, 7)))
    grouped = layers(MinHash(), texts, tmp_path / "grouped", per_shard=2, memory=2048)
    for name in ("drop", "cluster", "size", "similarity", "band", "method"):
        assert plain[name] == small[name] == grouped[name]


def clusters_by_hand(texts: list[str], keys: np.ndarray, passes) -> list[int]:
    labels = list(range(len(texts)))
    for _ in texts:
        for left, right in combinations(range(len(texts)), 2):
            if (keys[left] == keys[right]).any() and passes(texts[left], texts[right]):
                labels[left] = labels[right] = min(labels[left], labels[right])
    return labels


@pytest.mark.parametrize(
    ("verify", "passes"),
    [
        ({"jaccard": 0.6}, lambda a, b: jaccard(a, b, 2) >= 0.6),
        (
            {"jaccard": 0.5, "edit": 0.75},
            lambda a, b: jaccard(a, b, 2) >= 0.5 and edit_distance(a.split(), b.split()) / 60 <= 0.25,
        ),
        ({"edit": 0.9}, lambda a, b: edit_distance(a.split(), b.split()) / 60 <= 0.1),
    ],
)
def test_verified_clusters_are_those_of_every_candidate_pair(tmp_path: Path, verify, passes):
    texts = [edited(page(n % 4, 60), 0.08 * (n // 4), n) for n in range(24)]
    stage = MinHash(n=2, verify=Verification(candidates=30, **verify), **LOOSE)
    keys, _ = stage.keys_of(Texts.from_strings(texts))
    expected = clusters_by_hand(texts, keys, passes)
    found = layers(stage, texts, tmp_path)
    assert found["cluster"] == expected
    assert 4 < len(set(expected)) < 24
    for row, twin in enumerate(expected):
        if row != twin:
            assert found["method"][row] == "jaccard"
            assert found["similarity"][row] == pytest.approx(jaccard(texts[row], texts[twin], 2), abs=1e-6)


def test_verification_by_signature_leaves_out_candidates_under_the_limit(tmp_path: Path):
    texts = [page(1), edited(page(1), 0.05), edited(page(1), 0.5, 2)]
    assert [reason is None for reason in layers(MinHash(**LOOSE), texts, tmp_path / "all")["drop"]] == [
        True,
        False,
        False,
    ]
    stage = MinHash(verify=Verification(signature=0.7), **LOOSE)
    found = layers(stage, texts, tmp_path / "verified")
    assert [reason is None for reason in found["drop"]] == [True, False, True]


@settings(max_examples=4, deadline=None)
@given(st.lists(st.integers(0, 2), min_size=2, max_size=16), st.integers(1, 3), st.data())
def test_verified_clusters_do_not_depend_on_how_the_work_is_split(tmp_path_factory, kinds, candidates, data):
    texts = [edited(page(kind, 40), 0.1 * (place % 3), place) for place, kind in enumerate(kinds)]
    stage = MinHash(n=2, verify=Verification(jaccard=0.6, candidates=candidates), max_loss=1, **LOOSE)
    whole = layers(stage, texts, tmp_path_factory.mktemp("whole"), per_shard=100)
    groups = data.draw(st.integers(1, 4))
    plan = (data.draw(st.integers(1, 4)), data.draw(st.integers(1, 9)))
    shards = -(-len(texts) // 2)
    bounds = tuple((start, min(shards, start + groups)) for start in range(0, shards, groups))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ShufflePlan, "of", classmethod(lambda cls, *scope, **how: cls(bounds, *plan)))
        split = layers(stage, texts, tmp_path_factory.mktemp("split"), per_shard=2, memory=4096)
    for name in ("cluster", "size", "similarity", "drop"):
        assert whole[name] == split[name]


def chain(length: int) -> list[str]:
    """Each text shares most words with the one before, and the last none with the first."""
    words = page(1, 60 + 12 * length).split()
    return [" ".join(words[12 * step : 12 * step + 60]) for step in range(length)]


def test_chains_do_not_reach_further_than_the_limit(tmp_path: Path):
    texts = chain(6)
    free = layers(MinHash(n=2, **LOOSE), texts, tmp_path / "free")
    assert free["cluster"] == [0] * 6
    assert free["size"] == [6] * 6
    limited = layers(MinHash(n=2, near_survivor=0.35, **LOOSE), texts, tmp_path / "limited")
    true = [jaccard(texts[0], text, 2) for text in texts]
    assert [cluster == 0 for cluster in limited["cluster"]] == [value > 0.35 for value in true]
    kept = sum(cluster == 0 for cluster in limited["cluster"])
    assert limited["size"] == [kept if cluster == 0 else 1 for cluster in limited["cluster"]]
    assert [reason is None for reason in limited["drop"]] == [
        row == 0 or value <= 0.35 for row, value in enumerate(true)
    ]


def test_settings_that_contradict_each_other_are_refused():
    for fields, message in (
        ({"verify": {}}, "needs a limit"),
        ({"verify": {"signature": 0.8, "jaccard": 0.8}}, "not both"),
        ({"hashes": "datatrove_sha1"}, "normalise: datatrove"),
        ({"against": ("x",), "near_survivor": 0.5}, "goes with neither"),
        ({"against": ("x",), "survivor": "longest"}, "survivor: first"),
    ):
        with pytest.raises(ValueError, match=message):
            MinHash.model_validate(fields)
