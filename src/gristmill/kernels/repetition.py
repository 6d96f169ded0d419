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
WINDOW = 16
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
                    if occurrences[slot] > best or (occurrences[slot] == best and earliest[slot] < best_place):
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


@leaf
def _eight_bytes(blocks, at):
    """Bytes at … at + 7 of a buffer that is given as 64-bit words (little end first)."""
    word, shift = at >> 3, np.uint64((at & 7) * 8)
    low = blocks[word] >> shift
    return low if shift == 0 else low | (blocks[word + 1] << (np.uint64(64) - shift))


@leaf
def _power(powers, exponent):
    return powers[exponent] if exponent < len(powers) else base_power(exponent)


@leaf
def _join(data, start, end, hashes, powers, joined, begins, prefixes):
    """Write words behind one another into `joined`, where each begins into `begins`, and the polynomial of all bytes before
    it into `prefixes`."""
    written = 0
    total = np.uint64(0)
    for word in range(len(start)):
        begins[word] = written
        prefixes[word] = total
        for at in range(start[word], end[word]):
            joined[written] = data[at]
            written += 1
        total = total * _power(powers, end[word] - start[word]) + unmix(hashes[word])
    begins[len(start)] = written
    prefixes[len(start)] = total


@leaf
def _mark_repeating(blocks, begins, words, table, slots, shared):
    """Mark the words from which WINDOW bytes of the joined text on are the same as from another word."""
    mask = table_size(words) - 1
    table[: mask + 1] = _EMPTY
    for word in range(words):
        at = begins[word]
        key = mix(_eight_bytes(blocks, at) * _PAIR + mix(_eight_bytes(blocks, at + 8))) | _ONE
        slot = _slot(table, mask, key)
        shared[word] = table[slot] == key
        if shared[word]:
            shared[slots[slot]] = True
        else:
            table[slot] = key
            slots[slot] = word


@njit(cache=True, nogil=True)
def repeated_ngrams(data, first, start, end, hashes, characters, orders):
    """Code points of n-grams seen before in each row: read from the left, a repeat is counted whole and jumped over.

    orders: sizes n. Returns int64 (rows, orders). N-grams are compared as their words written together.

    An n-gram of WINDOW bytes or more can repeat only where its first WINDOW bytes do, so most places need no look-up.
    """
    rows = len(first) - 1
    found = np.zeros((rows, len(orders)), np.int64)
    most, longest = 0, 0
    for row in range(rows):
        most = max(most, first[row + 1] - first[row])
        if first[row + 1] > first[row]:
            longest = max(longest, end[first[row + 1] - 1] - start[first[row]])
    table = np.empty(table_size(most), np.uint64)
    slots = np.empty(table_size(most), np.int64)
    shared = np.empty(most, np.bool_)
    begins = np.empty(most + 1, np.int64)
    prefixes = np.empty(most + 1, np.uint64)
    blocks = np.zeros(longest // 8 + 4, np.uint64)
    joined = blocks.view(np.uint8)
    powers = np.empty(256, np.uint64)
    for exponent in range(len(powers)):
        powers[exponent] = base_power(exponent)
    for row in range(rows):
        base, beyond = first[row], first[row + 1]
        words = beyond - base
        if words == 0:
            continue
        _join(data, start[base:beyond], end[base:beyond], hashes[base:beyond], powers, joined, begins, prefixes)
        _mark_repeating(blocks, begins, words, table, slots, shared)
        candidates = 0
        for word in range(words):
            candidates += shared[word] or begins[min(word + orders[0], words)] - begins[word] < WINDOW
        mask = table_size(candidates) - 1
        for order in range(len(orders)):
            n = orders[order]
            table[: mask + 1] = _EMPTY
            place = 0
            while place + n <= words:
                length = begins[place + n] - begins[place]
                if not shared[place] and length >= WINDOW:
                    place += 1
                    continue
                key = mix(prefixes[place + n] - prefixes[place] * _power(powers, length)) | _ONE
                slot = _slot(table, mask, key)
                if table[slot] == key:
                    for word in range(base + place, base + place + n):
                        found[row, order] += characters[word]
                    place += n
                else:
                    table[slot] = key
                    place += 1
    return found
