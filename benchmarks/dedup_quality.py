"""Precision and recall of near-duplicate detection: on planted pairs, on pairs that people judged, on editions of books.

    python benchmarks/dedup_quality.py [FOLDER OF REAL DATA]

The folder holds neardup/ and books/; it defaults to the environment variable GRISTMILL_TEST_DATA.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import lzma
import os
import random
import re
import tarfile
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np

from gristmill.dedup.containment import Containment
from gristmill.dedup.minhash import MinHash
from gristmill.kernels.containment import compare_samples
from gristmill.kernels.similarity import compare_sketches
from gristmill.kernels.text import Texts

SHAPES = {
    "14 x 8": MinHash(),
    "450 x 20": MinHash(bands=450, rows=20),
    "9 x 13": MinHash(bands=9, rows=13),
    "30 x 4": MinHash(bands=30, rows=4),
}


def grams(words: Sequence[str], n: int = 5) -> set[tuple[str, ...]]:
    return {tuple(words[place : place + n]) for place in range(len(words) - n + 1)}


def jaccard(left: Sequence[str], right: Sequence[str]) -> float:
    one, two = grams(left), grams(right)
    return len(one & two) / len(one | two) if one | two else 0.0


def shared_bands(stage: MinHash, left: list[str], right: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Whether each pair shares a band, and its estimated similarity."""
    keys, _, sketches = stage.scheme.of(Texts.from_strings([*left, *right]))
    half, size = len(left), stage.sketch_bytes
    starts = np.arange(half) * size
    flat = np.ascontiguousarray(sketches).reshape(-1)
    estimates, _ = compare_sketches(flat, starts, flat, starts + half * size, size, 0)
    return (keys[:half] == keys[half:]).any(axis=1), estimates


def planted(pairs: int = 300) -> None:
    print(f"planted pairs, {pairs} for each share of words that both have (one run of words, the rest replaced)")
    chooser = random.Random(1)

    def words(count: int) -> list[str]:
        return ["".join(chooser.choices("abcdefghijklmnopqrstuvwxyz", k=8)) for _ in range(count)]

    print("  overlap  Jaccard  estimate" + "".join(f"  {name:>9} (expected)" for name in SHAPES))
    for percent in range(50, 101, 10):
        left, right = [], []
        for _ in range(pairs):
            one = words(300)
            kept = 300 * percent // 100
            left.append(one)
            right.append([*one[:kept], *words(300 - kept)])
        true = float(np.mean([jaccard(one, two) for one, two in zip(left, right, strict=True)]))
        texts = [" ".join(page) for page in left], [" ".join(page) for page in right]
        cells, estimate = "", 0.0
        for name, stage in SHAPES.items():
            found, estimates = shared_bands(stage, *texts)
            estimate = float(estimates.mean()) if name == "14 x 8" else estimate
            cells += f"  {found.mean():>9.3f} ({stage.collision(true):.3f})   "
        print(f"  {percent:>5} %   {true:.3f}    {estimate:.3f}   {cells}")
    others = [" ".join(words(300)) for _ in range(400)]
    keys, _ = SHAPES["14 x 8"].keys_of(Texts.from_strings(others))
    wrong = sum(bool((keys[a] == keys[b]).any()) for a, b in combinations(range(len(others)), 2))
    print(f"  pairs of different pages that share a band, of {len(others) * (len(others) - 1) // 2:,}: {wrong}")


def lsh_pairs(signatures: Sequence[np.ndarray], stage: MinHash) -> set[tuple[int, int]]:
    """Pairs that datasketch's LSH finds, with as many bands and rows, among signatures uint64 (bands * rows,)."""
    import datasketch

    index = datasketch.MinHashLSH(params=(stage.bands, stage.rows), num_perm=stage.bands * stage.rows)
    found = set()
    for number, values in enumerate(signatures):
        signature = datasketch.MinHash(num_perm=len(values))
        signature.hashvalues = values.astype(signature.hashvalues.dtype)
        found |= {(int(other), number) for other in index.query(signature)}
        index.insert(str(number), signature)
    return found


def datasketch_signature(words: Sequence[str], stage: MinHash) -> np.ndarray:
    """datasketch's own signature of a page's n-grams: SHA-1, its permutations."""
    import datasketch

    signature = datasketch.MinHash(num_perm=stage.bands * stage.rows, seed=1)
    signature.update_batch([" ".join(gram).encode() for gram in sorted(grams(words))])
    return signature.hashvalues


def our_pairs(keys: np.ndarray) -> set[tuple[int, int]]:
    return {(a, b) for a, b in combinations(range(len(keys)), 2) if (keys[a] == keys[b]).any()}


def against_datasketch(name: str, stage: MinHash, texts: Sequence[str], truth: set[tuple[int, int]]) -> None:
    """The same pages through datasketch's LSH: with our signatures put into it, and with its own.

    With our signatures the pairs must be the same; exits with 1 where they are not. With its own they are another draw of
    the same probability, so that precision and recall are to be compared, not pairs.
    """
    from gristmill.kernels.minhash import lane_of

    found = Texts.from_strings(list(texts))
    minima, keys = stage.scheme.minima(found), stage.keys_of(found)[0]
    lanes = [
        lane_of(band, row, stage.bands, stage.rows, minima.shape[1])
        for band in range(stage.bands)
        for row in range(stage.rows)
    ]
    ours = our_pairs(keys)
    same = lsh_pairs(list(minima[:, lanes].astype(np.uint64)), stage)
    own = lsh_pairs([datasketch_signature(text.split(), stage) for text in texts], stage)
    rates = "; ".join(
        f"{who} precision {len(pairs & truth) / max(1, len(pairs)):.3f}, recall {len(pairs & truth) / len(truth):.3f}"
        for who, pairs in (("ours", ours), ("datasketch", own))
    )
    print(
        f"  {name}, {stage.bands} x {stage.rows}: {len(ours)} pairs, {len(ours ^ same)} differ from datasketch's LSH over "
        f"the same signatures; {rates}"
    )
    if ours != same:
        raise SystemExit("datasketch's LSH finds other pairs")


def planted_against_datasketch(pairs: int = 60) -> None:
    """Pages of which each has a copy with 50 to 100 % of its words."""
    print(
        f"against datasketch's LSH, {pairs} pairs for each overlap; those of Jaccard similarity 0.8 and more are the truth"
    )
    chooser = random.Random(2)
    texts: list[str] = []
    truth: set[tuple[int, int]] = set()
    for percent in range(50, 101, 10):
        for _ in range(pairs):
            words = ["".join(chooser.choices("abcdefghijklmnopqrstuvwxyz", k=8)) for _ in range(200)]
            kept = 200 * percent // 100
            others = ["".join(chooser.choices("abcdefghijklmnopqrstuvwxyz", k=8)) for _ in range(200 - kept)]
            if jaccard(words, [*words[:kept], *others]) >= 0.8:
                truth.add((len(texts), len(texts) + 1))
            texts += [" ".join(words), " ".join([*words[:kept], *others])]
    for name in ("14 x 8", "9 x 13", "30 x 4"):
        against_datasketch("planted", SHAPES[name], texts, truth)


def judged(folder: Path) -> None:
    with lzma.open(folder / "neardup" / "copycat_human_judged_pairs.jsonl.xz", "rt") as lines:
        pairs = [json.loads(line) for line in lines]
    labels = [str(pair["label"]) for pair in pairs]
    left, right = [pair["src"] for pair in pairs], [pair["target"] for pair in pairs]
    print(
        f"pairs judged by people: {len(pairs)}, labels "
        + ", ".join(f"{x}: {labels.count(x)}" for x in sorted(set(labels)))
    )
    true = np.array([jaccard(one.split(), two.split()) for one, two in zip(left, right, strict=True)])
    for name, stage in SHAPES.items():
        whole = MinHash(bands=stage.bands, rows=stage.rows, normalise="whitespace")
        found, estimates = shared_bands(whole, left, right)
        same = true >= 0.8
        print(
            f"  {name}: Jaccard of 0.8 and more: recall {found[same].mean():.3f} of {same.sum()}; under 0.8 found "
            f"{(found & ~same).sum()} of {(~same).sum()} ({sum(whole.collision(s) for s in true[~same]):.1f} expected); "
            f"estimate - truth {np.mean(estimates - true):+.4f}"
        )
        for label in sorted(set(labels)):
            mine = np.array([x == label for x in labels])
            print(
                f"      label {label}: found {found[mine].sum()} of {mine.sum()}, mean Jaccard {true[mine].mean():.2f}"
            )
    if has_datasketch():
        alike = {(2 * number, 2 * number + 1) for number in np.flatnonzero(true >= 0.8).tolist()}
        texts = [text for pair in zip(left, right, strict=True) for text in pair]
        against_datasketch(
            "all judged pages (a page may be in several pairs)", MinHash(normalise="whitespace"), texts, alike
        )


def articles(folder: Path) -> None:
    with tarfile.open(folder / "neardup" / "mccormick_articles.tar.xz") as archive:
        stem = "mccormick_articles/data/articles_1000"
        lines = archive.extractfile(stem + ".train").read().decode().splitlines()  # type: ignore[union-attr]
        truth = archive.extractfile(stem + ".truth").read().decode().split("\n")  # type: ignore[union-attr]
    names = [line.split(" ", 1)[0] for line in lines]
    pairs = {tuple(sorted(map(names.index, line.split()))) for line in truth if line.strip()}
    texts = [line.split(" ", 1)[1] for line in lines]
    found = our_pairs(MinHash().keys_of(Texts.from_strings(texts))[0])
    hit = len(found & pairs)
    print(
        f"1,000 articles, {len(pairs)} planted pairs: precision {hit / len(found):.3f}, recall {hit / len(pairs):.3f}"
    )
    if has_datasketch():
        against_datasketch("articles", MinHash(), texts, pairs)


def books(folder: Path) -> None:
    titles, texts = [], []
    for archive in ("frankenstein", "mobydick", "pg_misc"):
        with tarfile.open(folder / "books" / f"{archive}.tar.xz") as files:
            chapters = []
            for member in sorted(files.getmembers(), key=lambda member: member.name):
                if not member.isfile():
                    continue
                text = files.extractfile(member).read().decode("utf-8", "replace")  # type: ignore[union-attr]
                text = re.sub(r"<[^>]+>", " ", text) if member.name.endswith((".htm", ".xhtml")) else text
                if member.name.endswith(".xhtml"):
                    chapters.append(text)
                elif member.size > 100_000:
                    titles.append(
                        "mobydick" if "2701" in member.name else member.name if archive == "pg_misc" else archive
                    )
                    texts.append(text)
            if chapters:
                titles.append(archive)
                texts.append(" ".join(chapters))
    for path in sorted((folder / "lmtext").glob("eltec-en*.jsonl.xz")):
        with lzma.open(path, "rt") as lines:
            for line in lines:
                texts.append(json.loads(line)["text"])
                titles.append(f"eltec {len(titles)}")
    stage = Containment()
    hashes, first, levels = stage.samples_of(Texts.from_strings(texts))
    data = [
        np.concatenate([levels[r : r + 1].astype(np.uint64), hashes[first[r] : first[r + 1]]])
        for r in range(len(texts))
    ]
    zero = np.zeros(1, np.int64)
    tally = {"right": 0, "wrong": 0, "missed": 0}
    between, within = [], []
    for a, b in combinations(range(len(texts)), 2):
        one, two = compare_samples(data[a], zero, zero + len(data[a]), data[b], zero, zero + len(data[b]), 16)
        share, same = float(max(one[0], two[0])), titles[a] == titles[b]
        (within if same else between).append(share)
        found = share >= stage.overlap
        tally["right"] += found and same
        tally["wrong"] += found and not same
        tally["missed"] += same and not found
    print(
        f"books: {len(texts)} texts of {len(set(titles))} works, {len(within)} pairs of editions, {len(between)} of others"
    )
    print(f"  precision {tally['right'] / max(1, tally['right'] + tally['wrong']):.3f}, ", end="")
    print(f"recall {tally['right'] / max(1, tally['right'] + tally['missed']):.3f}; ", end="")
    print(f"editions share {min(within):.3f} to {max(within):.3f}, others at most {max(between):.3f}")


def has_datasketch() -> bool:
    return importlib.util.find_spec("datasketch") is not None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", default=os.environ.get("GRISTMILL_TEST_DATA"))
    chosen = parser.parse_args()
    planted()
    if has_datasketch():
        planted_against_datasketch()
    if chosen.data:
        judged(Path(chosen.data))
        articles(Path(chosen.data))
        books(Path(chosen.data))


if __name__ == "__main__":
    main()
