"""How much of a text is n-grams of words that occur more than once. One pass a document.

All counts are code points of words, without anything between them. Sameness is sameness of 64-bit hashes.

Few places of a text repeat. A sieve of small counters, one for a few bits of each n-gram's hash, finds nearly all that do not
without a branch, and only the rest is looked up in a table.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from gristmill.kernels.eight_bytes import load_block, store_block
from gristmill.kernels.leaf import leaf
from gristmill.kernels.repetition import EMPTY, ONE, clear, most_entries, slot_of, table_size
from gristmill.kernels.word_hash import base_power, mix, unmix

WINDOW = 16
SIEVE_SHARE = 8  # counters per slot of the table that would hold all
_PAIR = np.uint64(0x9E3779B97F4A7C15)  # joins two hashes so that order matters


@leaf
def _sieve(keys, count, counters, repeats):
    """Set repeats[n] where the counter of keys[n] was met more than once; False is certain, True is likely."""
    size = SIEVE_SHARE * table_size(count)
    clear(counters, size)
    mask = size - 1
    for n in range(count):
        counter = np.int64(keys[n]) & mask
        counters[counter] = np.uint8(1) + (counters[counter] > 0)
    for n in range(count):
        repeats[n] = counters[np.int64(keys[n]) & mask] > 1


@njit(cache=True, nogil=True)
def repeated_ngrams(first, hashes, characters, orders):
    """The commonest n-gram of each row, and the words that stand in any n-gram that occurs more than once.

    orders: ascending sizes n. Returns int64 (rows, orders, 5): occurrences of the commonest n-gram (0 when the row has fewer
    words than n); its code points, of the earliest among those equally common; of the longest among them; the code points
    of words in repeated n-grams, each word counted once; and the code points of all copies of repeated n-grams, words in
    several of them counted several times.

    An n-gram occurs twice only where the shorter one at its place does too, so each size looks only at those places.
    """
    rows = len(first) - 1
    found = np.zeros((rows, len(orders), 5), np.int64)
    most = most_entries(first)
    size = table_size(most)
    table = np.empty(size, np.uint64)
    occurrences = np.empty(size, np.int32)
    earliest = np.empty(size, np.int32)
    counters = np.empty(SIEVE_SHARE * size, np.uint8)
    repeats = np.empty(most, np.bool_)
    keys = np.empty(most, np.uint64)
    places = np.empty(most, np.int32)  # where an n-gram that may repeat begins, ascending
    slots = np.empty(most, np.int32)
    for row in range(rows):
        base = first[row]
        words = first[row + 1] - base
        candidates = words
        for place in range(words):
            places[place] = place
            keys[place] = hashes[base + place]
        before = 1
        for order in range(len(orders)):
            n = orders[order]
            if words < n:
                break
            while candidates > 0 and places[candidates - 1] + n > words:
                candidates -= 1
            for word in range(before, n):
                for candidate in range(candidates):
                    keys[candidate] = mix(keys[candidate] * _PAIR + hashes[base + places[candidate] + word])
            before = n
            _sieve(keys, candidates, counters, repeats)
            kept = 0
            for candidate in range(candidates):
                places[kept], keys[kept] = places[candidate], keys[candidate]
                kept += repeats[candidate]
            candidates = kept

            mask = table_size(candidates) - 1
            clear(table, mask + 1)
            best, best_place = 1, 0
            longest = 0
            for candidate in range(candidates):
                place, key = places[candidate], keys[candidate] | ONE
                slot = slot_of(table, mask, key)
                slots[candidate] = slot
                if table[slot] == EMPTY:
                    table[slot] = key
                    occurrences[slot] = 1
                    earliest[slot] = place
                    continue
                occurrences[slot] += 1
                times = occurrences[slot]
                if times >= best:
                    length = 0
                    for word in range(base + place, base + place + n):
                        length += characters[word]
                    longest = length if times > best else max(longest, length)
                    if times > best or earliest[slot] < best_place:
                        best, best_place = times, earliest[slot]
            found[row, order, 0] = best
            for word in range(base + best_place, base + best_place + n):
                found[row, order, 1] += characters[word]
            found[row, order, 2] = longest if best > 1 else found[row, order, 1]

            kept = 0
            covered = 0  # words before this one are counted
            for candidate in range(candidates):
                place = places[candidate]
                if occurrences[slots[candidate]] < 2:
                    continue
                for word in range(place, place + n):
                    length = characters[base + word]
                    found[row, order, 4] += length
                    found[row, order, 3] += length if word >= covered else 0
                covered = place + n
                places[kept], keys[kept] = place, keys[candidate]
                kept += 1
            candidates = kept
    return found


@leaf
def _power(powers, exponent):
    return powers[exponent] if exponent < len(powers) else base_power(exponent)


@leaf
def _join(data, base, words, start, end, hashes, powers, joined, begins, prefixes):
    """Write so many words from `base` on behind one another into `joined`, where each begins into `begins`, and the polynomial
    of all bytes before it into `prefixes`. Up to seven bytes after the last word are overwritten."""
    written = 0
    total = np.uint64(0)
    for word in range(words):
        begins[word] = written
        prefixes[word] = total
        at, beyond = start[base + word], end[base + word]
        length = beyond - at
        into = written
        while at < beyond:
            if at + 8 <= len(data):
                store_block(joined, into, load_block(data, at))
            else:
                for byte in range(beyond - at):
                    joined[into + byte] = data[at + byte]
            at += 8
            into += 8
        written += length
        total = total * _power(powers, length) + unmix(hashes[base + word])
    begins[words] = written
    prefixes[words] = total


@njit(cache=True, nogil=True)
def ngrams_seen_before(data, first, start, end, hashes, characters, orders):
    """Code points of n-grams seen before in each row: read from the left, a repeat is counted whole and jumped over.

    orders: ascending sizes n. Returns int64 (rows, orders). N-grams are compared as their words written together.

    An n-gram of WINDOW bytes or more can repeat only where its first WINDOW bytes do, so most places need no look-up.
    """
    rows = len(first) - 1
    found = np.zeros((rows, len(orders)), np.int64)
    most, longest = most_entries(first), 0
    for row in range(rows):
        if first[row + 1] > first[row]:
            longest = max(longest, end[first[row + 1] - 1] - start[first[row]])
    table = np.empty(table_size(most), np.uint64)
    counters = np.empty(SIEVE_SHARE * table_size(most), np.uint8)
    shared = np.empty(most, np.bool_)
    keys = np.empty(most, np.uint64)
    places = np.empty(most, np.int32)
    begins = np.empty(most + 1, np.int64)
    prefixes = np.empty(most + 1, np.uint64)
    joined = np.zeros(longest + WINDOW + 8, np.uint8)
    powers = np.empty(256, np.uint64)
    for exponent in range(len(powers)):
        powers[exponent] = base_power(exponent)
    for row in range(rows):
        base = first[row]
        words = first[row + 1] - base
        if words < orders[0]:
            continue
        _join(data, base, words, start, end, hashes, powers, joined, begins, prefixes)
        for word in range(words):
            at = begins[word]
            keys[word] = mix(load_block(joined, at) * _PAIR + mix(load_block(joined, at + 8)))
        _sieve(keys, words, counters, shared)
        candidates = 0
        for word in range(words - orders[0] + 1):
            places[candidates] = word
            candidates += shared[word] | (begins[word + orders[0]] - begins[word] < WINDOW)
        mask = table_size(candidates) - 1
        for order in range(len(orders)):
            n = orders[order]
            clear(table, mask + 1)
            resume = 0
            for candidate in range(candidates):
                place = places[candidate]
                if place < resume:
                    continue
                if place + n > words:
                    break
                length = begins[place + n] - begins[place]
                key = mix(prefixes[place + n] - prefixes[place] * _power(powers, length)) | ONE
                slot = slot_of(table, mask, key)
                if table[slot] == key:
                    for word in range(base + place, base + place + n):
                        found[row, order] += characters[word]
                    resume = place + n
                else:
                    table[slot] = key
    return found
