"""Grams, that is runs of tokens, of many texts: their hashes, a sample of them, and the spans that known ones cover.

A text is read token by token and only the last gram is held, so that memory does not grow with the text. No gram crosses
from one text into the next. Hashes are polynomials over token hashes modulo 2^64, mixed; as *keys* they are even and never 0,
which leaves the lowest bit to flags (kernels.key_table).

The sample are *minimisers* (Schleimer, Wilkerson and Aiken, SIGMOD 2003; Roberts et al., Bioinformatics 20, 2004): of the k-grams
inside each gram of `length` tokens the one with the smallest hash, the leftmost of equal ones. Two equal grams have
equal minimisers at the same place within them; neighbouring grams mostly share theirs, so that of random tokens
2 / (length - k + 2) are sampled.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numba import njit

from gristmill.kernels.code_points import SPACE, decode, trait
from gristmill.kernels.key_table import even, filter_place, find
from gristmill.kernels.leaf import leaf
from gristmill.kernels.word_hash import HASH_BASE, mix

WORDS, BYTES, IDS = 0, 1, 2
READINGS = {"words": WORDS, "bytes": BYTES, "ids": IDS}


def sampled_length(length: int) -> int:
    """Tokens of the k-grams that minimisers are chosen from: half a gram, long enough to be rare by chance."""
    return (length + 1) // 2


def sampled_share(length: int) -> float:
    """Share of the places of a random text that are minimisers."""
    return 2 / (length - sampled_length(length) + 2)


@cache
def byte_values() -> np.ndarray:
    """The hash of each byte as a token, uint64 (256,)."""
    values = _byte_values()
    values.flags.writeable = False
    return values


@njit(cache=True, nogil=True)
def _byte_values():
    values = np.empty(256, np.uint64)
    for byte in range(256):
        values[byte] = mix((np.uint64(byte) + np.uint64(1)) * HASH_BASE)
    return values


@leaf
def _may_be_space(byte):
    """Whether a character beyond ASCII that begins with this byte may be white space: U+0085 … U+3000."""
    return byte == 0xC2 or (0xE1 <= byte <= 0xE3)


@leaf
def next_word(data, at, end, blocks, traits):
    """Start, end and hash of the first word from `at` on, as `str.split()` has them; start is `end` when there is none."""
    while at < end:
        byte = data[at]
        if byte < 0x80:
            if traits[byte] & SPACE == 0:
                break
            at += 1
        else:
            code, after = decode(data, at, end)
            if trait(blocks, traits, code) & SPACE == 0:
                break
            at = after
    start = at
    total = np.uint64(0)
    while at < end:
        byte = data[at]
        if byte < 0x80:
            if traits[byte] & SPACE:
                break
        elif _may_be_space(byte):
            code, _ = decode(data, at, end)
            if trait(blocks, traits, code) & SPACE:
                break
        total = total * HASH_BASE + np.uint64(byte) + np.uint64(1)
        at += 1
    return start, at, mix(total)


@leaf
def next_token(data, at, end, reading, blocks, traits, values):
    """Start, end and hash of the next token; start is `end` when there is none."""
    if reading == BYTES:
        if at < end:
            return at, at + 1, values[data[at]]
        return end, end, np.uint64(0)
    if reading == IDS:  # data holds ids in the place of bytes
        if at < end:
            return at, at + 1, mix((np.uint64(data[at]) + np.uint64(1)) * HASH_BASE)
        return end, end, np.uint64(0)
    return next_word(data, at, end, blocks, traits)


@leaf
def power(exponent):
    """HASH_BASE to a power modulo 2^64."""
    result = np.uint64(1)
    for _ in range(exponent):
        result *= HASH_BASE
    return result


@leaf
def least_of(hashes, place, number):
    """Number and hash of the smallest of the last k-grams up to `number`, the leftmost of equal ones.

    hashes: a ring of them; place: where the next one goes, which is where the oldest is.
    """
    size = len(hashes)
    oldest = number - size + 1
    best = oldest
    least = hashes[place]
    for step in range(1, size):
        place = place + 1 if place + 1 < size else 0
        if hashes[place] < least:
            least = hashes[place]
            best = oldest + step
    return best, least


@njit(cache=True, nogil=True)
def sample_minimisers(data, offsets, keep, row, length, reading, blocks, traits, values, found, count):
    """Write the keys of the minimisers of the texts from `row` on behind `count` others; returns row and count.

    keep: bool (rows,), texts that take part. found: uint64; stops before a text that might not fit.
    """
    k = (length + 1) // 2
    size = length - k + 1
    tokens = np.empty(k, np.uint64)
    hashes = np.empty(size, np.uint64)
    power_k = power(k)
    while row < len(offsets) - 1:
        at, end = offsets[row], offsets[row + 1]
        if keep[row] and end - at >= length:
            if count + most_grams(end - at, length, reading) > len(found):
                break
            tokens[:] = np.uint64(0)
            rolling = np.uint64(0)
            number = -k  # of the k-gram that the next token ends
            slot = place = best = 0
            least = np.uint64(0)
            last = -1
            while True:
                start, at, value = next_token(data, at, end, reading, blocks, traits, values)
                if start == end:
                    break
                rolling = rolling * HASH_BASE + value - tokens[slot] * power_k
                tokens[slot] = value
                slot = slot + 1 if slot + 1 < k else 0
                number += 1
                if number < 0:
                    continue
                gram = mix(rolling)
                hashes[place] = gram
                place = place + 1 if place + 1 < size else 0
                if number == 0 or gram < least:
                    best, least = number, gram
                elif best <= number - size:
                    best, least = least_of(hashes, place, number)
                if number >= size - 1 and best != last:
                    found[count] = even(mix(least))
                    count += 1
                    last = best
        row += 1
    return row, count


@leaf
def most_grams(size, length, reading):
    """Most grams that a text of `size` bytes can have."""
    tokens = (size + 1) // 2 if reading == WORDS else size
    return max(0, tokens - length + 1)


@njit(cache=True, nogil=True)
def grams_near(data, offsets, keep, row, stop, length, reading, blocks, traits, values, table, found, count):
    """Write the keys of the grams whose minimiser is in `table`, of the texts [row, stop); returns row and count.

    keep, found: as for `sample_minimisers`. table: uint64, see kernels.key_table.
    """
    k = (length + 1) // 2
    size = length - k + 1
    tokens = np.empty(length, np.uint64)
    hashes = np.empty(size, np.uint64)
    power_k, power_all = power(k), power(length)
    while row < stop:
        at, end = offsets[row], offsets[row + 1]
        if keep[row] and end - at >= length:
            if count + most_grams(end - at, length, reading) > len(found):
                break
            tokens[:] = np.uint64(0)
            rolling, whole = np.uint64(0), np.uint64(0)
            number = -k
            slot = place = best = 0
            slot_k = length - k  # of the token that leaves the k-gram
            least = np.uint64(0)
            last = -1
            wanted = False
            while True:
                start, at, value = next_token(data, at, end, reading, blocks, traits, values)
                if start == end:
                    break
                rolling = rolling * HASH_BASE + value - tokens[slot_k] * power_k
                whole = whole * HASH_BASE + value - tokens[slot] * power_all
                tokens[slot] = value
                slot = slot + 1 if slot + 1 < length else 0
                slot_k = slot_k + 1 if slot_k + 1 < length else 0
                number += 1
                if number < 0:
                    continue
                gram = mix(rolling)
                hashes[place] = gram
                place = place + 1 if place + 1 < size else 0
                if number == 0 or gram < least:
                    best, least = number, gram
                elif best <= number - size:
                    best, least = least_of(hashes, place, number)
                if number >= size - 1:
                    if best != last:
                        wanted = find(table, even(mix(least))) >= 0
                        last = best
                    if wanted:
                        found[count] = even(mix(whole))
                        count += 1
        row += 1
    return row, count


@njit(cache=True, nogil=True)
def covered_spans(
    data,
    offsets,
    keep,
    row,
    stop,
    length,
    reading,
    blocks,
    traits,
    values,
    table,
    bits,
    spare_first,
    rows,
    starts,
    ends,
    first_keys,
    count,
):
    """Write the spans that grams in `table` cover in the texts [row, stop), behind `count` others; returns the count.

    table: its flags say "also stands earlier"; with spare_first a gram without the flag is passed over once, and
    flagged then. bits: the table's filter. rows, starts, ends: int64, with room for `most_spans`; bytes counted from the
    start of each text. first_keys: uint64, key of the first gram of each span.
    A span is as long as grams in it overlap or touch.
    """
    tokens = np.empty(length, np.uint64)
    begins = np.empty(length, np.int64)
    power_all = power(length)
    while row < stop:
        first, end = offsets[row], offsets[row + 1]
        if keep[row] and end - first >= length:
            at = first
            tokens[:] = np.uint64(0)
            whole = np.uint64(0)
            slot = 0
            number = 0  # tokens so far
            covered = -1  # tokens up to the end of the open span
            while True:
                start, at, value = next_token(data, at, end, reading, blocks, traits, values)
                if start == end:
                    break
                whole = whole * HASH_BASE + value - tokens[slot] * power_all
                tokens[slot] = value
                begins[slot] = start
                slot = slot + 1 if slot + 1 < length else 0  # now that of the gram's first token
                number += 1
                if number < length:
                    continue
                key = even(mix(whole))
                word, bit = filter_place(bits, key)
                if bits[word] & bit == 0:
                    continue
                place = find(table, key)
                if place < 0:
                    continue
                if spare_first and table[place] & np.uint64(1) == 0:
                    table[place] |= np.uint64(1)
                    continue
                if covered < number - length:
                    rows[count] = row
                    starts[count] = begins[slot] - first
                    first_keys[count] = key
                    count += 1
                covered = number
                ends[count - 1] = at - first
        row += 1
    return count


@njit(cache=True, nogil=True)
def note_places(
    data, offsets, keep, row, stop, length, reading, blocks, traits, values, table, bits, first_row, base, places, out
):
    """Of the grams in `table`, whose filter is `bits`, note in the texts [row, stop) where each first stands, and count it.

    places: uint32, where each token of `data` begins in its text, where tokens are ids; else empty, and places are bytes from
    the beginning of the text and `base`. out: uint32 (slots of the table, 3): row from `first_row` on, place and count; places
    that have a count stay.
    """
    tokens = np.empty(length, np.uint64)
    begins = np.empty(length, np.int64)
    power_all = power(length)
    while row < stop:
        first, end = offsets[row], offsets[row + 1]
        if keep[row] and end - first >= length:
            at = first
            tokens[:] = np.uint64(0)
            whole = np.uint64(0)
            slot = number = 0
            while True:
                start, at, value = next_token(data, at, end, reading, blocks, traits, values)
                if start == end:
                    break
                whole = whole * HASH_BASE + value - tokens[slot] * power_all
                tokens[slot] = value
                begins[slot] = start
                slot = slot + 1 if slot + 1 < length else 0
                number += 1
                if number < length:
                    continue
                key = even(mix(whole))
                word, bit = filter_place(bits, key)
                if bits[word] & bit == 0:
                    continue
                place = find(table, key)
                if place < 0:
                    continue
                if out[place, 2] == 0:
                    begin = begins[slot]
                    out[place, 0] = first_row + row
                    out[place, 1] = places[begin] if len(places) else begin - first + base
                out[place, 2] += 1
        row += 1


def most_spans(offsets: np.ndarray, length: int) -> int:
    """Most spans that texts can have: disjoint, each of `length` bytes at least."""
    return int((np.diff(offsets) // length).sum())


@njit(cache=True, nogil=True)
def piece_edges(data, first, end, size, length, reading, blocks, traits, values, edges):
    """Cut data[first:end] at tokens into pieces of `size` bytes or a little more; returns how many.

    edges: int64 (room, 2), set to where each piece begins, and where the gram ends that begins with the last token before the
    next piece. A piece without a whole gram is left out.
    """
    count = 1
    edges[0, 0] = first
    at = first
    waiting = 0  # tokens until the last gram of the piece before is whole
    while True:
        start, at, _ = next_token(data, at, end, reading, blocks, traits, values)
        if start == end:
            break
        if start - edges[count - 1, 0] >= size and waiting == 0 and count < len(edges):
            edges[count, 0] = start
            edges[count - 1, 1] = start
            count += 1
            waiting = length - 1
        if waiting > 0:
            waiting -= 1
            if waiting == 0:
                edges[count - 2, 1] = at
    if count > 1 and waiting > 0:  # the last piece has too few tokens for a gram
        count -= 1
    edges[count - 1, 1] = end
    return count


@njit(cache=True, nogil=True)
def join_touching(data, offsets, rows, starts, ends, first_keys, reading, blocks, traits, values):
    """Join spans of a row that overlap or have no token between them, in place; returns how many are left.

    rows ascending, starts ascending within a row.
    """
    count = 0
    for span in range(len(rows)):
        if count > 0 and rows[span] == rows[count - 1]:
            first = offsets[rows[span]]
            begin, stop = first + ends[count - 1], first + starts[span]
            if begin >= stop or next_token(data, begin, stop, reading, blocks, traits, values)[0] == stop:
                ends[count - 1] = max(ends[count - 1], ends[span])
                continue
        rows[count], starts[count], ends[count] = rows[span], starts[span], ends[span]
        first_keys[count] = first_keys[span]
        count += 1
    return count
