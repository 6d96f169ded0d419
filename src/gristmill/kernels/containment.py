"""Samples of the n-grams of long texts, from which how much of one text stands in another is estimated.

A sample of level l holds the n-gram hashes that begin with l zero bits: the same 2^-l of all n-grams in every text, so that two
samples can be compared at the higher of their levels, whatever the lengths of the texts (modulo sketches, Broder 1997).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from gristmill.kernels.shingles import next_shingles, start_shingles
from gristmill.kernels.similarity import common

BLOCK = 1024  # shingles hashed at a time


@njit(cache=True, nogil=True)
def _distinct(values: np.ndarray, count: int, level: int) -> int:
    """Sort values[:count], keep one of each that begins with `level` zero bits; how many are left."""
    part = values[:count]
    part.sort()
    kept = 0
    for place in range(count):
        if level and part[place] >> np.uint64(64 - level):
            break
        if kept == 0 or part[place] != part[kept - 1]:
            part[kept] = part[place]
            kept += 1
    return kept


@njit(cache=True, nogil=True)
def samples(
    data: np.ndarray, offsets: np.ndarray, table: np.ndarray, n: int, most: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of every text the sample of the lowest level that has at most `most` n-grams.

    Returns hashes uint64, ascending within each text; first int64 (texts + 1,), where each text's begin; levels int8
    (texts,). Memory does not grow with the length of a text.
    """
    texts = len(offsets) - 1
    first, levels = np.zeros(texts + 1, np.int64), np.zeros(texts, np.int8)
    held = np.empty(4 * most + BLOCK, np.uint64)
    state, ring, block = np.empty(5, np.int64), np.empty(n, np.uint64), np.empty(BLOCK, np.uint64)
    found = np.empty(max(most, 64), np.uint64)
    for text in range(texts):
        count, level = 0, 0
        start_shingles(offsets[text], state, ring)
        new = next_shingles(data, offsets[text + 1], table, state, ring, block)
        while new > 0:
            for number in range(new):
                if level == 0 or block[number] >> np.uint64(64 - level) == 0:
                    held[count] = block[number]
                    count += 1
            if count > 4 * most:
                count = _distinct(held, count, level)
                while count > most:
                    level += 1
                    count = _distinct(held, count, level)
            new = next_shingles(data, offsets[text + 1], table, state, ring, block)
        count = _distinct(held, count, level)
        while count > most:
            level += 1
            count = _distinct(held, count, level)
        levels[text] = level
        first[text + 1] = first[text] + count
        if first[text + 1] > len(found):
            larger = np.empty(2 * len(found) + count, np.uint64)
            larger[: first[text]] = found[: first[text]]
            found = larger
        found[first[text] : first[text + 1]] = held[:count]
    return found[: first[texts]], first, levels


@njit(cache=True, nogil=True)
def compare_samples(
    left: np.ndarray,
    left_starts: np.ndarray,
    left_ends: np.ndarray,
    right: np.ndarray,
    right_starts: np.ndarray,
    right_ends: np.ndarray,
    least: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Estimated share of each left text's n-grams that stand in the right one, and the reverse, float32 (n,) each.

    left, right: uint64; at each start the level, then the sample. Where fewer than `least` n-grams of a text are left at the
    common level, too few to say, its share is 0.
    """
    inside, around = np.zeros(len(left_starts), np.float32), np.zeros(len(left_starts), np.float32)
    for pair in range(len(left_starts)):
        level = max(left[left_starts[pair]], right[right_starts[pair]])
        one = left[left_starts[pair] + 1 : left_ends[pair]]
        two = right[right_starts[pair] + 1 : right_ends[pair]]
        if level > 0:
            limit = np.uint64(1) << np.uint64(64 - level)
            one, two = one[: np.searchsorted(one, limit)], two[: np.searchsorted(two, limit)]
        both = common(one, two)
        if len(one) >= least:
            inside[pair] = both / len(one)
        if len(two) >= least:
            around[pair] = both / len(two)
    return inside, around
