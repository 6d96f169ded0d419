"""How alike two documents are: by sketches of their signatures, by their sets of n-grams, by the edits between them."""

from __future__ import annotations

import numpy as np
from numba import njit

from gristmill.kernels.hashing import mix

_GRAM_STEP = 0xD6E8FEB86659FD93


@njit(cache=True, nogil=True)
def gather(data: np.ndarray, offsets: np.ndarray, places: np.ndarray, total: int) -> np.ndarray:
    """The pieces data[offsets[p] : offsets[p + 1]] of the places p one after another, uint8 (total,)."""
    found = np.empty(total, np.uint8)
    at = 0
    for place in places:
        for byte in range(offsets[place], offsets[place + 1]):
            found[at] = data[byte]
            at += 1
    return found


@njit(cache=True, nogil=True)
def compare_sketches(
    left: np.ndarray,
    left_starts: np.ndarray,
    right: np.ndarray,
    right_starts: np.ndarray,
    hashes: int,
    bands: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Estimated Jaccard similarity float32 (n,) and first band shared, int16 (n,), -1 for none, of n pairs.

    left, right: uint8, at each start a byte a hash and then four bytes a band. Two different hashes share their byte
    once in 256, which the estimate allows for (b-bit minwise hashing, Li and König, WWW 2010): its expectation is the
    similarity, and it may lie a little below 0.
    """
    similarity = np.empty(len(left_starts), np.float32)
    shared = np.full(len(left_starts), -1, np.int16)
    for pair in range(len(left_starts)):
        one, two = left_starts[pair], right_starts[pair]
        equal = 0
        for place in range(hashes):
            equal += left[one + place] == right[two + place]
        similarity[pair] = (equal / hashes - 1 / 256) / (1 - 1 / 256)
        for band in range(bands):
            at = hashes + 4 * band
            same = True
            for byte in range(at, at + 4):
                same &= left[one + byte] == right[two + byte]
            if same:
                shared[pair] = band
                break
    return similarity, shared


@njit(cache=True, nogil=True)
def gram_set(words: np.ndarray, n: int) -> np.ndarray:
    """Hashes of the different n-grams of words, ascending, uint64; one gram of all words where there are fewer than n."""
    grams = max(len(words) - n + 1, min(1, len(words)))
    found = np.empty(grams, np.uint64)
    for gram in range(grams):
        total = np.uint64(0)
        for place in range(gram, min(len(words), gram + n)):
            total = mix(total * np.uint64(_GRAM_STEP) + np.uint64(words[place]) + np.uint64(1))
        found[gram] = total
    found.sort()
    kept = 0
    for gram in range(grams):
        if gram == 0 or found[gram] != found[gram - 1]:
            found[kept] = found[gram]
            kept += 1
    return found[:kept]


@njit(cache=True, nogil=True)
def common(left: np.ndarray, right: np.ndarray) -> int:
    """How many numbers two ascending arrays have in common."""
    one = two = both = 0
    while one < len(left) and two < len(right):
        if left[one] == right[two]:
            both += 1
            one += 1
            two += 1
        elif left[one] < right[two]:
            one += 1
        else:
            two += 1
    return both


@njit(cache=True, nogil=True)
def jaccard(left: np.ndarray, right: np.ndarray, n: int) -> float:
    """Jaccard similarity of the sets of n-grams of two word sequences; 1 where both are empty."""
    one, two = gram_set(left, n), gram_set(right, n)
    both = common(one, two)
    union = len(one) + len(two) - both
    return both / union if union else 1.0


@njit(cache=True, nogil=True)
def edit_distance(left: np.ndarray, right: np.ndarray) -> int:
    """Least insertions, deletions and replacements of words between two sequences (Levenshtein).

    Myers' bit-vectors in blocks of 64 (JACM 1999, as Hyyrö 2003 writes it): 64 cells of the table at a time.
    """
    start = 0
    while start < len(left) and start < len(right) and left[start] == right[start]:
        start += 1
    left, right = left[start:], right[start:]
    end = 0
    while end < len(left) and end < len(right) and left[-1 - end] == right[-1 - end]:
        end += 1
    left, right = left[: len(left) - end], right[: len(right) - end]
    if len(left) > len(right):
        left, right = right, left
    m = len(left)
    if m == 0:
        return len(right)
    order = np.argsort(left, kind="mergesort")
    ordered = left[order]
    blocks = (m + 63) // 64
    ones = np.uint64(0xFFFFFFFFFFFFFFFF)
    positive, negative = np.full(blocks, ones), np.zeros(blocks, np.uint64)
    matches = np.zeros(blocks, np.uint64)
    last = np.uint64(1) << np.uint64((m - 1) % 64)
    top = np.uint64(1) << np.uint64(63)
    one = np.uint64(1)
    score = m
    for symbol in right:
        at = np.searchsorted(ordered, symbol)
        first = at
        while at < m and ordered[at] == symbol:
            place = order[at]
            matches[place >> 6] |= one << np.uint64(place & 63)
            at += 1
        carry_up, carry_down = one, np.uint64(0)  # the row above grows by one a column
        for block in range(blocks):
            up, down = positive[block], negative[block]
            equal = matches[block]
            across = equal | down
            equal |= carry_down
            diagonal = (((equal & up) + up) ^ up) | equal
            rising = down | ~(diagonal | up)
            falling = up & diagonal
            if block == blocks - 1:
                if rising & last:
                    score += 1
                elif falling & last:
                    score -= 1
            next_up = one if rising & top else np.uint64(0)
            next_down = one if falling & top else np.uint64(0)
            rising = (rising << one) | carry_up
            falling = (falling << one) | carry_down
            positive[block] = falling | ~(across | rising)
            negative[block] = rising & across
            carry_up, carry_down = next_up, next_down
        for number in range(first, at):
            matches[order[number] >> 6] = np.uint64(0)
    return score


@njit(cache=True, nogil=True)
def edit_similarity(left: np.ndarray, right: np.ndarray) -> float:
    """1 - edit distance / length of the longer (Lee et al. 2022, section 4.2); 1 where both are empty."""
    longer = max(len(left), len(right))
    return 1 - edit_distance(left, right) / longer if longer else 1.0


@njit(cache=True, nogil=True)
def compare_words(
    left: np.ndarray,
    left_starts: np.ndarray,
    left_ends: np.ndarray,
    right: np.ndarray,
    right_starts: np.ndarray,
    right_ends: np.ndarray,
    n: int,
    least: float,
    with_edits: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """Jaccard and edit similarity of n pairs of word sequences, float32 (n,) each.

    left, right: uint32 word hashes; starts and ends: places in them. Edits are counted only where asked for and where the
    Jaccard similarity is `least` or more; elsewhere their similarity is 0.
    """
    sets, edits = np.empty(len(left_starts), np.float32), np.zeros(len(left_starts), np.float32)
    for pair in range(len(left_starts)):
        one = left[left_starts[pair] : left_ends[pair]]
        two = right[right_starts[pair] : right_ends[pair]]
        similarity = jaccard(one, two, n)
        sets[pair] = similarity
        if with_edits and similarity >= least:
            edits[pair] = edit_similarity(one, two)
    return sets, edits
