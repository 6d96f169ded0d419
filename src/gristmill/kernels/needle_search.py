"""Where known runs of tokens (*needles*: n-grams, or whole passages) stand in texts, in one pass and without false hits.

A text is read token by token. The hash of the last `window` tokens, which every needle ends with as many of, is looked up; what
is found is compared token by token with what the needle was made of. Only the last tokens of a text are held, as many as the
longest needle has.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from gristmill.kernels.folded_tokens import next_token
from gristmill.kernels.key_table import even, filter_place, find
from gristmill.kernels.leaf import leaf
from gristmill.kernels.word_hash import HASH_BASE, mix

_OTHER_BASE = np.uint64(0xD6E8FEB86659FD93)


@leaf
def power(exponent):
    """HASH_BASE to a power modulo 2^64."""
    result = np.uint64(1)
    for _ in range(exponent):
        result *= HASH_BASE
    return result


@njit(cache=True, nogil=True)
def needle_keys(tokens, starts, lengths, window):
    """Key of each needle's last `window` tokens, uint64 (needles,), and a second hash of all its tokens."""
    keys = np.empty(len(starts), np.uint64)
    whole = np.empty(len(starts), np.uint64)
    for needle in range(len(starts)):
        first, end = starts[needle], starts[needle] + lengths[needle]
        total = np.uint64(0)
        for at in range(end - window, end):
            total = total * HASH_BASE + tokens[at]
        keys[needle] = even(mix(total))
        total = np.uint64(lengths[needle])
        for at in range(first, end):
            total = mix(total ^ tokens[at]) * _OTHER_BASE
        whole[needle] = total
    return keys, whole


@njit(cache=True, nogil=True)
def distinct_tokens(tokens, starts, lengths, enough):
    """How many different tokens each needle has, int32 (needles,), counted up to `enough`."""
    counts = np.zeros(len(starts), np.int32)
    for needle in range(len(starts)):
        first = starts[needle]
        for at in range(first, first + lengths[needle]):
            seen = False
            for earlier in range(first, at):
                if tokens[earlier] == tokens[at]:
                    seen = True
                    break
            counts[needle] += not seen
            if counts[needle] >= enough:
                break
    return counts


@njit(cache=True, nogil=True)
def first_of_key(keys, table):
    """For each slot of `table` the first of the ascending `keys` that is in it, int64 (slots,)."""
    firsts = np.zeros(len(table), np.int64)
    for needle in range(len(keys) - 1, -1, -1):
        firsts[find(table, keys[needle])] = needle
    return firsts


@leaf
def _equal(tokens, start, length, ring, slot):
    """Whether the last `length` tokens, of which the newest is before `slot` of the ring, are those from `start` on."""
    at = slot
    for token in range(start + length - 1, start - 1, -1):
        at = at - 1 if at > 0 else len(ring) - 1
        if ring[at] != tokens[token]:
            return False
    return True


@njit(cache=True, nogil=True)
def search(
    data,
    offsets,
    keep,
    row,
    kind,
    fold_table,
    window,
    longest,
    table,
    bits,
    firsts,
    keys,
    tokens,
    starts,
    lengths,
    hit_rows,
    hit_needles,
    hit_tokens,
    hit_starts,
    hit_ends,
):
    """Write the hits of the texts from `row` on; returns the row after the last that is done and how many hits there are.

    keep: bool (rows,), texts that are searched. keys, starts, lengths: of needles ascending by key; table, bits: of distinct
    keys (kernels.key_table); firsts: as `first_of_key`. Of a hit: row, needle, number of its first token in the text, bytes
    [start, end) from the start of the text. Stops before a row whose hits do not fit.
    """
    ring = np.empty(longest, np.uint64)
    begins = np.empty(longest, np.int64)
    window_power = power(window)
    count = 0
    while row < len(offsets) - 1:
        first, end = offsets[row], offsets[row + 1]
        before = count
        if keep[row]:
            at = first
            rolling = np.uint64(0)
            slot = 0
            oldest = longest - window if longest > window else 0  # of the token that leaves the window
            ring[:] = np.uint64(0)
            number = 0
            while True:
                start, stop, value, at = next_token(data, at, end, kind, fold_table)
                if start < 0:
                    break
                rolling = rolling * HASH_BASE + value - ring[oldest] * window_power
                ring[slot] = value
                begins[slot] = start
                slot = slot + 1 if slot + 1 < longest else 0
                oldest = oldest + 1 if oldest + 1 < longest else 0
                number += 1
                if number < window:
                    continue
                key = even(mix(rolling))
                word, bit = filter_place(bits, key)
                if bits[word] & bit == 0:
                    continue
                place = find(table, key)
                if place < 0:
                    continue
                needle = firsts[place]
                while needle < len(keys) and keys[needle] == key:
                    length = lengths[needle]
                    if length <= number and _equal(tokens, starts[needle], length, ring, slot):
                        if count == len(hit_rows):
                            return row, before
                        begin = slot - length
                        begin = begins[begin if begin >= 0 else begin + longest]
                        hit_rows[count], hit_needles[count] = row, needle
                        hit_tokens[count] = number - length
                        hit_starts[count], hit_ends[count] = begin - first, stop - first
                        count += 1
                    needle += 1
        row += 1
    return row, count
