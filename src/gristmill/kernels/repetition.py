"""How much of a text repeats: pieces seen before, the commonest n-gram, n-grams seen before. One pass a document.

All counts are code points of what repeats; the filters divide them. Sameness is sameness of 64-bit hashes.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from gristmill.kernels.leaf import leaf
from gristmill.kernels.word_hash import base_power, mix, unmix

_EMPTY = np.uint64(0)
_ONE = np.uint64(1)
_PAIR = np.uint64(0x9E3779B97F4A7C15)  # joins two hashes so that order matters


@leaf
def table_size(entries):
    """Slots of a hash table for so many entries: a power of two, at most half full."""
    size = 16
    while size < 2 * entries:
        size *= 2
    return size


@leaf
def _slot(table, mask, key):
    """Where `key` is, or the empty slot where it belongs. Keys are mixed and never 0."""
    slot = np.int64(key) & mask
    while table[slot] != _EMPTY and table[slot] != key:
        slot = (slot + 1) & mask
    return slot


@njit(cache=True, nogil=True)
def repeated_pieces(first, start, end, hashes, characters):
    """Non-empty pieces (lines, paragraphs) of each row, and those that stand after an equal one in it.

    Returns int64 (rows, 3): non-empty pieces, repeats among them, code points of the repeats.
    """
    rows = len(first) - 1
    found = np.zeros((rows, 3), np.int64)
    most = 0
    for row in range(rows):
        most = max(most, first[row + 1] - first[row])
    table = np.empty(table_size(most), np.uint64)
    for row in range(rows):
        mask = table_size(first[row + 1] - first[row]) - 1
        table[: mask + 1] = _EMPTY
        for piece in range(first[row], first[row + 1]):
            if start[piece] == end[piece]:
                continue
            found[row, 0] += 1
            key = hashes[piece] | _ONE
            slot = _slot(table, mask, key)
            if table[slot] == key:
                found[row, 1] += 1
                found[row, 2] += characters[piece]
            else:
                table[slot] = key
    return found


@njit(cache=True, nogil=True)
def top_ngrams(first, hashes, characters, orders):
    """The commonest n-gram of each row, the earliest of those equally common.

    orders: ascending sizes n. Returns int64 (rows, orders, 2): occurrences (0 when the row has fewer words than n), and the
    code points of its words, without anything between them.

    An n-gram occurs twice only where the shorter one at its place does too, so each size looks only at those places.
    """
    rows = len(first) - 1
    found = np.zeros((rows, len(orders), 2), np.int64)
    most = 0
    for row in range(rows):
        most = max(most, first[row + 1] - first[row])
    size = table_size(most)
    table = np.empty(size, np.uint64)
    occurrences = np.empty(size, np.int32)
    earliest = np.empty(size, np.int32)
    places = np.empty(most, np.int32)  # where an n-gram that may repeat begins, ascending
    slots = np.empty(most, np.int32)
    for row in range(rows):
        base = first[row]
        words = first[row + 1] - base
        candidates = words
        for place in range(words):
            places[place] = place
        for order in range(len(orders)):
            n = orders[order]
            if words < n:
                break
            mask = table_size(candidates) - 1
            table[: mask + 1] = _EMPTY
            best, best_place = 1, 0
            kept = 0
            for candidate in range(candidates):
                place = places[candidate]
                if place + n > words:
                    break
                key = hashes[base + place]
                for word in range(base + place + 1, base + place + n):
                    key = mix(key * _PAIR + hashes[word])
                key |= _ONE
                slot = _slot(table, mask, key)
                if table[slot] == _EMPTY:
                    table[slot] = key
                    occurrences[slot] = 1
                    earliest[slot] = place
                else:
                    occurrences[slot] += 1
                    if occurrences[slot] > best or (
                        occurrences[slot] == best and earliest[slot] < best_place
                    ):
                        best, best_place = occurrences[slot], earliest[slot]
                places[kept] = place
                slots[kept] = slot
                kept += 1
            found[row, order, 0] = best
            for word in range(base + best_place, base + best_place + n):
                found[row, order, 1] += characters[word]
            candidates = 0
            for candidate in range(kept):
                if occurrences[slots[candidate]] > 1:
                    places[candidates] = places[candidate]
                    candidates += 1
    return found


@njit(cache=True, nogil=True)
def repeated_ngrams(first, start, end, hashes, characters, orders):
    """Code points of n-grams seen before in each row: read from the left, a repeat is counted whole and jumped over.

    orders: sizes n. Returns int64 (rows, orders). N-grams are compared as their words written together.
    """
    rows = len(first) - 1
    found = np.zeros((rows, len(orders)), np.int64)
    most = 0
    for row in range(rows):
        most = max(most, first[row + 1] - first[row])
    table = np.empty(table_size(most), np.uint64)
    plain = np.empty(most, np.uint64)
    powers = np.empty(most, np.uint64)
    for row in range(rows):
        base = first[row]
        words = first[row + 1] - base
        for word in range(words):
            plain[word] = unmix(hashes[base + word])
            powers[word] = base_power(end[base + word] - start[base + word])
        mask = table_size(words) - 1
        for order in range(len(orders)):
            n = orders[order]
            table[: mask + 1] = _EMPTY
            place = 0
            while place + n <= words:
                total = plain[place]
                for word in range(place + 1, place + n):
                    total = total * powers[word] + plain[word]
                key = mix(total) | _ONE
                slot = _slot(table, mask, key)
                if table[slot] == key:
                    for word in range(base + place, base + place + n):
                        found[row, order] += characters[word]
                    place += n
                else:
                    table[slot] = key
                    place += 1
    return found
