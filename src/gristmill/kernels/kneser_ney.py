"""Counting n-grams for Kneser–Ney: records of words packed into two integers, and the counts that follow from their order.

A record is an n-gram of the model's order that ends in one word of a sentence, the last word first; before the sentence's
`<s>` stands 0. Three ids of 21 bits lie in `high`, three in `low`, so records sort by their last words: in *suffix order*.
"""

from __future__ import annotations

import numpy as np
from numba import njit

BITS = 21
MOST_IDS, MOST_ORDER = 1 << BITS, 6


@njit(cache=True, nogil=True)
def emit(ids, offsets, order, begin, end, high, low):
    """Records of sentences: a row of `high` and `low`, uint64, for every word and every end; returns how many."""
    row = 0
    for sentence in range(len(offsets) - 1):
        first, stop = offsets[sentence], offsets[sentence + 1]
        for place in range(first, stop + 1):
            above, below = np.uint64(0), np.uint64(0)
            for back in range(6):
                at = place - back
                word = np.uint64(0)
                if back < order:
                    if at == stop:
                        word = np.uint64(end)
                    elif at >= first:
                        word = np.uint64(ids[at])
                    elif at == first - 1:
                        word = np.uint64(begin)
                if back < 3:
                    above = (above << np.uint64(BITS)) | word
                else:
                    below = (below << np.uint64(BITS)) | word
            high[row], low[row] = above, below
            row += 1
    return row


def unpack(high: np.ndarray, low: np.ndarray, order: int) -> np.ndarray:
    """The words of records, int32 (rows, order), the last word first."""
    columns = [
        (high if n < 3 else low) >> np.uint64(BITS * (2 - n % 3)) & np.uint64(MOST_IDS - 1) for n in range(order)
    ]
    return np.stack(columns, axis=1).astype(np.int32)


def pack(words: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`high` and `low` of up to six words a row."""
    high, low = np.zeros(len(words), np.uint64), np.zeros(len(words), np.uint64)
    for n in range(words.shape[1]):
        target = high if n < 3 else low
        target |= words[:, n].astype(np.uint64) << np.uint64(BITS * (2 - n % 3))
    return high, low


@njit(cache=True, nogil=True)
def count_ngrams(words, sizes):
    """How many distinct n-grams of each order distinct records in suffix order hold; adds to int64 sizes (order + 1,)."""
    order = words.shape[1]
    for row in range(len(words)):
        same = 0
        while row > 0 and same < order and words[row, same] == words[row - 1, same]:
            same += 1
        for n in range(same + 1, order + 1):
            if words[row, n - 1] == 0:
                break
            sizes[n] += 1


@njit(cache=True, nogil=True)
def adjust_counts(words, counts, begin, base, at, adjusted, raw, suffix, unigrams):
    """Adjusted and raw counts of every n-gram in distinct records in suffix order.

    An n-gram below the highest order counts by how many different words stand before it, or, when it begins with `<s>`, as
    often as it occurs. base: int64 (order + 2,), order n lies in [base[n], base[n + 1]) of the others, n from 2. at: the first
    record that ends with it. suffix: the place of the n-gram without its first word in order n - 1, or its word, when n is 2.
    unigrams: int64 (ids,), the adjusted counts of words are added to it.
    """
    order = words.shape[1]
    open_ = np.zeros(order + 1, np.int64)
    following = np.zeros(order + 1, np.int64)
    for row in range(len(words)):
        same = 0
        while row > 0 and same < order and words[row, same] == words[row - 1, same]:
            same += 1
        for n in range(max(2, same + 1), order + 1):
            if words[row, n - 1] == 0:
                break
            place = following[n]
            following[n] += 1
            open_[n] = place
            at[base[n] + place] = row
            if n == 2:
                suffix[base[n] + place] = words[row, 0]
                unigrams[words[row, 0]] += 1
            else:
                suffix[base[n] + place] = open_[n - 1]
                if words[row, n - 2] != begin:
                    adjusted[base[n - 1] + open_[n - 1]] += 1
        for n in range(2, order + 1):
            if words[row, n - 1] == 0:
                break
            place = base[n] + open_[n]
            raw[place] += counts[row]
            if n == order or words[row, n - 1] == begin:
                adjusted[place] += counts[row]


@njit(cache=True, nogil=True)
def join(high, low, other_high, other_low, places):
    """For every ascending (high, low) its place among the ascending others, or -1."""
    other = 0
    for row in range(len(high)):
        while other < len(other_high) and (
            other_high[other] < high[row] or (other_high[other] == high[row] and other_low[other] < low[row])
        ):
            other += 1
        found = other < len(other_high) and other_high[other] == high[row] and other_low[other] == low[row]
        places[row] = other if found else -1
