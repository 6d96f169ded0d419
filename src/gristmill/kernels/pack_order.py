"""Seeded permutations without memory, and the merge of several sources in proportion to their tokens."""

from __future__ import annotations

import numpy as np
from numba import njit

ROUNDS = 6
GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@njit(cache=True, nogil=True, inline="always")
def mix(value):
    """The finaliser of SplitMix64 (Steele, Lea and Flood 2014): a bijection of 64 bits that looks random."""
    value = np.uint64(value)
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


@njit(cache=True, nogil=True)
def permuted(position, count, key):
    """Where a keyed permutation of 0 … count - 1 sends `position`, from the number alone.

    A balanced Feistel network over the least even number of bits that holds `count`, walked until it lands
    inside (Black and Rogaway 2002). Needs no table, so any part of an order over billions of documents can be
    asked for.
    """
    half = np.uint64(1)
    while (np.uint64(1) << (np.uint64(2) * half)) < np.uint64(count):
        half += np.uint64(1)
    mask = (np.uint64(1) << half) - np.uint64(1)
    value = np.uint64(position)
    while True:
        left, right = value >> half, value & mask
        for number in range(ROUNDS):
            turn = mix(right ^ mix(np.uint64(key) + np.uint64(number + 1) * GOLDEN))
            left, right = right, left ^ (turn & mask)
        value = (left << half) | right
        if value < np.uint64(count):
            return np.int64(value)


@njit(cache=True, nogil=True)
def epoch_key(key, epoch):
    return mix(np.uint64(key) ^ mix(np.uint64(epoch) + GOLDEN))


@njit(cache=True, nogil=True)
def interleave(lengths, firsts, counts, targets, keys, step, done, sources, documents, epochs, tokens):
    """Fill the output arrays with the next entries of the order; returns how many there were.

    lengths int32: tokens of every document, source after source; firsts, counts int64 (sources,): where a
    source's documents begin in `lengths`, and how many there are; targets int64 (sources,): tokens to take;
    keys uint64 (sources,).
    step, done int64 (sources,): documents and tokens each source has given so far; updated, so that the next
    call goes on.

    A document stands where its middle token falls within its source's target, as a fraction; the smallest
    fraction comes next, the earlier source on a tie. So at every point all sources have given the same
    fraction of their targets, each to within half a document.
    """
    count = len(counts)
    current = np.zeros(count, np.int64)
    taken = np.zeros(count, np.int64)
    places = np.full(count, np.inf)
    for source in range(count):
        if done[source] < targets[source]:
            _next(lengths, firsts, counts, targets, keys, step, done, source, current, taken, places)
    for entry in range(len(sources)):
        best = 0
        for source in range(1, count):
            if places[source] < places[best]:
                best = source
        if places[best] == np.inf:
            return entry
        sources[entry] = best
        documents[entry] = current[best]
        epochs[entry] = step[best] // counts[best]
        tokens[entry] = taken[best]
        step[best] += 1
        done[best] += taken[best]
        places[best] = np.inf
        if done[best] < targets[best]:
            _next(lengths, firsts, counts, targets, keys, step, done, best, current, taken, places)
    return len(sources)


@njit(cache=True, nogil=True)
def _next(lengths, firsts, counts, targets, keys, step, done, source, current, taken, places):
    epoch, position = step[source] // counts[source], step[source] % counts[source]
    document = permuted(position, counts[source], epoch_key(keys[source], epoch))
    current[source] = document
    taken[source] = min(np.int64(lengths[firsts[source] + document]), targets[source] - done[source])
    places[source] = (np.float64(done[source]) + 0.5 * np.float64(taken[source])) / np.float64(targets[source])
