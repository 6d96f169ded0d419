from __future__ import annotations

import json
import lzma
import math
import random
import tarfile
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from gristmill.dedup.minhash import MinHash
from gristmill.kernels.minhash import Permutations, band_keys, lane_of, signatures
from gristmill.kernels.shingles import words_table
from gristmill.kernels.text import Texts
from tests.dedup.planted import edited, page
from tests.stages import make_batch, read_layer, run_phases, write_shard, write_signals

SENTENCE = "it was a bright cold day in april and the clocks were striking thirteen"


def pair_of_sets(similarity: float, size: int, seed: int) -> tuple[str, str]:
    """Two texts, `size` distinct words in all, whose sets of words have this Jaccard similarity."""
    common = round(size * similarity)
    left = (size - common) // 2
    words = [
        f"w{chr(97 + seed % 26)}x{'abcdefghij'[n % 10]}{chr(97 + n // 10 % 26)}{chr(97 + n // 260)}"
        for n in range(size)
    ]
    words = [word + "".join(chr(97 + int(digit)) for digit in str(seed)) for word in words]
    return " ".join(words[: common + left]), " ".join(words[:common] + words[common + left :])


def hashes_of(stage: MinHash, texts: list[str]) -> np.ndarray:
    """Signatures as rows of bands, uint32 (texts, bands, rows)."""
    column = Texts.from_strings(texts)
    chosen = Permutations.seeded(stage.bands, stage.rows, stage.seed)
    table = words_table(digits_to_zero=True)
    minima, _ = signatures(column.data, column.offsets, table, stage.n, chosen.factors, chosen.addends)
    lanes = [
        [lane_of(band, row, stage.bands, stage.rows, minima.shape[1]) for row in range(stage.rows)]
        for band in range(stage.bands)
    ]
    return minima[:, np.array(lanes)]


def shingle_set(text: str, n: int = 5) -> set[tuple[str, ...]]:
    words = text.split()
    return {tuple(words[k : k + n]) for k in range(len(words) - n + 1)}


def jaccard(left: set, right: set) -> float:
    return len(left & right) / len(left | right) if left or right else 0.0


@pytest.mark.parametrize("similarity", [0.1, 0.5, 0.9])
def test_the_share_of_equal_hashes_is_an_unbiased_estimate_of_jaccard_similarity(similarity):
    stage, pairs = MinHash(n=1, bands=16, rows=8), 400
    texts = [text for seed in range(pairs) for text in pair_of_sets(similarity, 200, seed)]
    hashes = hashes_of(stage, texts).reshape(len(texts), -1)
    estimates = (hashes[::2] == hashes[1::2]).mean(axis=1)
    spread = math.sqrt(similarity * (1 - similarity) / 128)
    assert abs(estimates.mean() - similarity) < 4 * spread / math.sqrt(pairs)
    assert estimates.std() == pytest.approx(spread, rel=0.15)  # as of independent permutations


@pytest.mark.parametrize(("bands", "rows"), [(14, 8), (9, 13), (4, 3)])
@pytest.mark.parametrize("similarity", [0.6, 0.8, 0.9])
def test_pairs_share_a_band_as_often_as_the_formula_says(bands, rows, similarity):
    stage, pairs = MinHash(n=1, bands=bands, rows=rows), 600
    texts = [text for seed in range(pairs) for text in pair_of_sets(similarity, 200, seed)]
    keys, _ = stage.keys_of(Texts.from_strings(texts))
    shared = (keys[::2] == keys[1::2]).any(axis=1).mean()
    expected = stage.collision(similarity)
    assert abs(shared - expected) < 4 * math.sqrt(max(expected * (1 - expected), 1e-3) / pairs)


def test_collision_probabilities_are_those_fineweb_publishes():
    published = {0.7: 0.56, 0.75: 0.77, 0.8: 0.92, 0.85: 0.988}
    for similarity, probability in published.items():
        assert MinHash().collision(similarity) == pytest.approx(probability, abs=0.006)


def test_every_hash_of_a_text_is_that_of_one_of_its_shingles():
    words = SENTENCE.split()
    stage = MinHash(n=1)
    alone = hashes_of(stage, words)
    assert (hashes_of(stage, [SENTENCE])[0] == alone.min(axis=0)).all()


def test_band_keys_are_equal_exactly_where_all_rows_of_the_band_are():
    stage = MinHash(n=1, bands=6, rows=2)
    texts = [" ".join(random.Random(seed).sample(SENTENCE.split(), 9)) for seed in range(60)]
    hashes = hashes_of(stage, texts)
    keys, _ = stage.keys_of(Texts.from_strings(texts))
    for left, right in combinations(range(len(texts)), 2):
        assert ((hashes[left] == hashes[right]).all(axis=1) == (keys[left] == keys[right])).all()
    assert len(np.unique(keys)) == sum(len({tuple(row) for row in hashes[:, band]}) for band in range(stage.bands))


def test_bands_use_both_halves_of_a_shingle():
    """Texts of one shingle that agree in 32 bits must not collide: there are billions of short texts."""
    chosen = Permutations.seeded(14, 8, 1)
    lanes = len(chosen.factors)
    for band in range(14):
        low = [lane_of(band, row, 14, 8, lanes) < lanes // 2 for row in range(8)]
        assert True in low
        assert False in low
    minima = np.zeros((2, lanes), np.uint32)
    minima[1, lanes // 2 :] = 1
    keys = band_keys(minima, 14, 8, 1)
    assert (keys[0] != keys[1]).all()


def test_another_seed_gives_other_keys():
    texts = Texts.from_strings([SENTENCE])
    assert (MinHash(seed=1).keys_of(texts)[0] != MinHash(seed=2).keys_of(texts)[0]).all()


def test_long_texts_are_hashed_in_blocks_without_changing_the_result():
    words = [f"{chr(97 + n % 26)}{chr(97 + n // 26 % 26)}{chr(97 + n // 676)}" for n in range(3000)]
    stage = MinHash(n=2, bands=4, rows=2)
    keys, shingles = stage.keys_of(Texts.from_strings([" ".join(words), " ".join(words + words)]))
    assert shingles.tolist() == [2999, 5999]
    whole = hashes_of(stage, [" ".join(words), " ".join(words[2000:]), " ".join(words[:2001])])
    assert (whole[0] == np.minimum(whole[1], whole[2])).all()
    assert keys.shape == (2, 4)


def test_documents_under_n_words_always_survive(tmp_path: Path):
    stage = MinHash()
    shard = write_shard(tmp_path, "s", "a", ["four words are here", "four words are here", "", ""])
    shard = write_signals(stage, shard, tmp_path)
    layer = read_layer(stage, run_phases(stage, [shard], tmp_path / "out"), shard).to_pydict()
    assert layer["drop"] == [None] * 4
    assert layer["minhash.size"] == [1] * 4


def test_near_duplicates_are_dropped_and_name_their_twin(tmp_path: Path):
    words = [f"{a}{b}{c}" for a in "abcde" for b in "fghij" for c in "klmnop"]
    changed = " ".join([*words[:-1], "different"])
    stage = MinHash().named("near")
    first = write_shard(tmp_path, "s", "a", ["something else entirely for once", " ".join(words)])
    second = write_shard(tmp_path, "s", "b", [changed, SENTENCE, " ".join(words).upper() + "!"])
    shards = [write_signals(stage, shard, tmp_path) for shard in (first, second)]
    scope = run_phases(stage, shards, tmp_path / "out")
    layer = read_layer(stage, scope, shards[1]).to_pydict()
    assert layer["drop"] == ["near.duplicate", None, "near.duplicate"]
    assert layer["near.cluster"] == [1, 3, 1]
    assert layer["near.twin_shard"] == ["a", None, "a"]
    assert layer["near.twin_row"] == [1, None, 1]


def test_signals_do_not_depend_on_how_rows_are_batched():
    texts = [" ".join(random.Random(seed).choices(SENTENCE.split(), k=seed % 40)) for seed in range(700)]
    stage = MinHash()
    whole = stage.signals(make_batch(texts))
    parts = [stage.signals(make_batch(texts[start : start + 123])) for start in range(0, 700, 123)]
    for name in ("keys", "shingles", "sketch"):
        assert [value for part in parts for value in list(part[name])] == list(whole[name])


# -- real data ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def articles(real_data: Path) -> tuple[list[str], list[tuple[int, int]]]:
    """1,000 news articles, and the pairs planted as near duplicates."""
    with tarfile.open(real_data / "neardup" / "mccormick_articles.tar.xz") as archive:
        stem = "mccormick_articles/data/articles_1000"
        names, texts = [], []
        for line in archive.extractfile(stem + ".train").read().decode().splitlines():
            name, _, text = line.partition(" ")
            names.append(name)
            texts.append(text)
        pairs = [line.split() for line in archive.extractfile(stem + ".truth").read().decode().splitlines()]
    return texts, [(names.index(left), names.index(right)) for left, right in pairs]


def test_planted_articles_fall_and_their_clusters_are_those_of_datasketch(articles, tmp_path: Path):
    datasketch = pytest.importorskip("datasketch")
    texts, planted = articles
    stage = MinHash()
    shard = write_signals(stage, write_shard(tmp_path, "s", "a", texts), tmp_path)
    clusters = (
        read_layer(stage, run_phases(stage, [shard], tmp_path / "out"), shard).column("minhash.cluster").to_pylist()
    )
    pairs = {(left, right) for left, right in combinations(range(len(texts)), 2) if clusters[left] == clusters[right]}
    assert {(min(pair), max(pair)) for pair in planted} <= pairs

    index = datasketch.MinHashLSH(params=(stage.bands, stage.rows), num_perm=stage.bands * stage.rows)
    found = set()
    for row, text in enumerate(texts):
        signature = datasketch.MinHash(num_perm=stage.bands * stage.rows, seed=7)
        signature.update_batch([" ".join(gram).encode() for gram in sorted(shingle_set(text.lower()))])
        found |= {(other, row) for other in index.query(signature)}
        index.insert(row, signature)
    sets = [shingle_set(text.lower()) for text in texts]
    for left, right in pairs ^ found:  # chance decides only about pairs that are neither near nor far
        assert 0.3 < jaccard(sets[left], sets[right]) < 0.9


@pytest.mark.parametrize(("bands", "rows"), [(14, 8), (30, 4)])
def test_planted_copies_are_the_candidates_of_datasketch_over_the_same_signatures(bands, rows):
    """Pages with copies that have 50 to 100 % of their words."""
    datasketch = pytest.importorskip("datasketch")
    pages = [page(number, 150) for number in range(48)]
    texts = Texts.from_strings([*pages, *(edited(p, 0.1 * (number % 6), number) for number, p in enumerate(pages))])
    stage = MinHash(bands=bands, rows=rows)
    keys, minima = stage.keys_of(texts)[0], stage.scheme.minima(texts)
    ours = {(a, b) for a, b in combinations(range(len(keys)), 2) if (keys[a] == keys[b]).any()}
    places = [(band, row) for band in range(bands) for row in range(rows)]
    lanes = [lane_of(band, row, bands, rows, minima.shape[1]) for band, row in places]
    index = datasketch.MinHashLSH(params=(bands, rows), num_perm=bands * rows)
    found = set()
    for number, values in enumerate(minima[:, lanes]):
        signature = datasketch.MinHash(num_perm=bands * rows)
        signature.hashvalues = values.astype(signature.hashvalues.dtype)
        found |= {(other, number) for other in index.query(signature)}
        index.insert(number, signature)
    assert found == ours
    assert len(ours) > 10


def test_judged_pairs_collide_as_often_as_their_similarity_says(real_data: Path):
    with lzma.open(real_data / "neardup" / "copycat_human_judged_pairs.jsonl.xz", "rt") as lines:
        pairs = [json.loads(line) for line in lines]
    stage = MinHash(normalise="whitespace")
    keys, _ = stage.keys_of(Texts.from_strings([text for pair in pairs for text in (pair["src"], pair["target"])]))
    shared = (keys[::2] == keys[1::2]).any(axis=1)
    expected = [stage.collision(jaccard(shingle_set(pair["src"]), shingle_set(pair["target"]))) for pair in pairs]
    spread = math.sqrt(sum(p * (1 - p) for p in expected))
    assert abs(shared.sum() - sum(expected)) < 4 * spread + 0.5
    assert all(shared[number] for number, p in enumerate(expected) if p == 1)
