"""Hash tables of n-grams over word ids, and the score of sentences by backing off.

An n-gram's key is a 64-bit hash of its ids from the last word back; as in KenLM's probing tables, keys alone are compared
(one false find in 2^64 / entries look-ups). Per order from 2 on: `keys` uint64 (slots,), 0 empty; `values` float32 (slots, 2):
log10 probability and log10 back-off. Words of order 1 stand in `values` by id.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from gristmill.kernels.leaf import leaf

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S32 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(32)
_ONE, _ZERO, _LOW = np.uint64(1), np.uint64(0), np.uint64(0xFFFFFFFF)


@leaf
def extend(key, word):
    """The key of an n-gram with one more word put before it; start from 0."""
    key = (key ^ (np.uint64(word) + _ONE)) * _GOLDEN + _ONE
    key = (key ^ (key >> _S30)) * _FIRST
    key = (key ^ (key >> _S27)) * _SECOND
    key ^= key >> _S31
    return key if key != _ZERO else _ONE


@leaf
def _slot(key, slots):
    return ((key >> _S32) * slots) >> _S32  # slots < 2^32


@leaf
def find(keys, first, slots, key):
    """The place of a key in the table that takes `slots` places from `first` on, or -1."""
    place = _slot(key, np.uint64(slots))
    while True:
        found = keys[first + np.int64(place)]
        if found == key:
            return first + np.int64(place)
        if found == _ZERO:
            return np.int64(-1)
        place += _ONE
        if place == np.uint64(slots):
            place = _ZERO


@njit(cache=True, nogil=True)
def insert(keys, values, first, slots, words, numbers):
    """Put n-grams in. words: (rows, n), the last word first; numbers: float32 (rows, 2)."""
    for row in range(len(words)):
        key = _ZERO
        for column in range(words.shape[1]):
            key = extend(key, words[row, column])
        place = _slot(key, np.uint64(slots))
        while keys[first + np.int64(place)] != _ZERO:
            place += _ONE
            if place == np.uint64(slots):
                place = _ZERO
        keys[first + np.int64(place)] = key
        values[first + np.int64(place), 0] = numbers[row, 0]
        values[first + np.int64(place), 1] = numbers[row, 1]


@njit(cache=True, nogil=True)
def score(ids, offsets, order, unigrams, starts, keys, values, begin, end, unknown, scores, unknowns):
    """log10 probability of sentences with their end, float32 (sentences,) as KenLM sums it, and unknown words in each.

    ids: int32, words end to end. offsets: int64 (sentences + 1,). starts: int64 (order + 1,): table n lies in
    [starts[n], starts[n + 1]) of keys and values, n from 2.
    """
    backoffs = np.zeros(order, np.float32)  # of the contexts of 1, 2 … words before the present one
    fresh = np.zeros(order, np.float32)
    chain = np.zeros(order, np.int64)  # those words, the nearest first
    for sentence in range(len(offsets) - 1):
        total = np.float32(0)
        chain[0] = begin
        backoffs[0] = unigrams[begin, 1]
        known = 1
        length = offsets[sentence + 1] - offsets[sentence]
        for number in range(length + 1):
            word = np.int64(ids[offsets[sentence] + number]) if number < length else np.int64(end)
            unknowns[sentence] += word == unknown
            key = extend(_ZERO, word)
            probability = unigrams[word, 0]
            fresh[0] = unigrams[word, 1]
            matched = 1
            while matched <= known and matched < order:
                key = extend(key, chain[matched - 1])
                place = find(keys, starts[matched + 1], starts[matched + 2] - starts[matched + 1], key)
                if place < 0:
                    break
                probability = values[place, 0]
                if matched < order - 1:
                    fresh[matched] = values[place, 1]
                matched += 1
            for context in range(matched - 1, known):
                probability += backoffs[context]
            total += probability
            known = min(matched, order - 1)
            for context in range(min(known, order - 1) - 1, 0, -1):
                chain[context] = chain[context - 1]
            chain[0] = word
            for context in range(known):
                backoffs[context] = fresh[context]
        scores[sentence] = total
