"""Counts behind Gopher's quality rules, one pass a document."""

from __future__ import annotations

import numpy as np
from numba import njit

from gristmill.kernels.code_points import LETTER
from gristmill.kernels.eight_bytes import every, flags_equal, flags_not_ascii, load_block
from gristmill.kernels.leaf import leaf
from gristmill.kernels.words import BEGINS_ALPHANUMERIC, NOT_SIGNS

FULL_STOP, HASH_SIGN, HYPHEN, ASTERISK, SPACE = 0x2E, 0x23, 0x2D, 0x2A, 0x20
MEDIAN_ROOM = 1024
_HASH_SIGNS, _FULL_STOPS, _NONE = every(HASH_SIGN), every(FULL_STOP), np.uint64(0)


@njit(cache=True, nogil=True)
def word_counts(first, characters, flags):
    """Of each row int64 (rows, 5): words that are not signs alone, their code points, words with a letter, words that begin
    with a letter or a number, code points of all words."""
    rows = len(first) - 1
    found = np.zeros((rows, 5), np.int64)
    for row in range(rows):
        proper, proper_length, with_letter, alphanumeric, length = 0, 0, 0, 0, 0
        for word in range(first[row], first[row + 1]):
            proper += flags[word] & NOT_SIGNS != 0
            proper_length += characters[word] if flags[word] & NOT_SIGNS else 0
            with_letter += flags[word] & LETTER != 0
            alphanumeric += flags[word] & BEGINS_ALPHANUMERIC != 0
            length += characters[word]
        found[row, 0], found[row, 1], found[row, 2] = proper, proper_length, with_letter
        found[row, 3], found[row, 4] = alphanumeric, length
    return found


@njit(cache=True, nogil=True)
def alphanumeric_words(first, hashes, characters, flags):
    """The words that begin with a letter or a number: words before each row int64 (rows + 1,), hash and code points of each."""
    rows = len(first) - 1
    new_first = np.zeros(rows + 1, np.int64)
    new_hashes = np.empty(len(hashes), np.uint64)
    new_characters = np.empty(len(hashes), np.int32)
    count = 0
    for row in range(rows):
        for word in range(first[row], first[row + 1]):
            new_hashes[count], new_characters[count] = hashes[word], characters[word]
            count += flags[word] & BEGINS_ALPHANUMERIC != 0
        new_first[row + 1] = count
    return new_first, new_hashes[:count], new_characters[:count]


@njit(cache=True, nogil=True)
def listed_words(first, hashes, lists, table, members):
    """Of each row int64 (rows, 2): occurrences of words of the row's list, and distinct words of it that occur.

    lists: uint8 (rows,), the number of the list that counts for each row. table, members: made by `word_list_table`.
    """
    rows = len(first) - 1
    mask = len(table) - 1
    found = np.zeros((rows, 2), np.int64)
    seen = np.full(len(table), -1, np.int64)
    for row in range(rows):
        own = np.uint64(1) << np.uint64(lists[row])
        for word in range(first[row], first[row + 1]):
            slot = np.int64(hashes[word]) & mask
            while table[slot] != 0:
                if table[slot] == hashes[word]:
                    if members[slot] & own:
                        found[row, 0] += 1
                        if seen[slot] != row:
                            seen[slot] = row
                            found[row, 1] += 1
                    break
                slot = (slot + 1) & mask
    return found


@njit(cache=True, nogil=True)
def word_list_table(hashes, lists):
    """What `listed_words` looks words up in: an open-addressing table of hashes, uint64, at most an eighth full; and the lists
    that each slot's word is in, uint64, a bit for each. lists: uint8, the list (below 64) of each hash."""
    size = 16
    while size < 8 * len(hashes):
        size *= 2
    table, members = np.zeros(size, np.uint64), np.zeros(size, np.uint64)
    for entry in range(len(hashes)):
        slot = np.int64(hashes[entry]) & (size - 1)
        while table[slot] != 0 and table[slot] != hashes[entry]:
            slot = (slot + 1) & (size - 1)
        table[slot] = hashes[entry]
        members[slot] |= np.uint64(1) << np.uint64(lists[entry])
    return table, members


@njit(cache=True, nogil=True)
def median_characters(first, characters):
    """Median of the code points of each row's words, float64 (rows,): the mean of the two in the middle where their number is
    even, 0 without words. Words of MEDIAN_ROOM code points or more count as that long."""
    rows = len(first) - 1
    found = np.zeros(rows)
    lengths = np.zeros(MEDIAN_ROOM + 1, np.int64)
    for row in range(rows):
        words = first[row + 1] - first[row]
        if words == 0:
            continue
        for length in range(MEDIAN_ROOM + 1):
            lengths[length] = 0
        for word in range(first[row], first[row + 1]):
            counted = characters[word] if characters[word] < MEDIAN_ROOM else MEDIAN_ROOM
            lengths[counted] += 1
        passed, length, low = 0, 0, -1
        while True:
            passed += lengths[length]
            if low < 0 and 2 * passed >= words:
                low = length
            if 2 * passed > words:
                found[row] = (low + length) / 2
                break
            length += 1
    return found


@njit(cache=True, nogil=True)
def words_with_symbols(data, first, starts, ends):
    """Words of each row with a hash sign or the one-character ellipsis in them, int64 (rows,)."""
    rows = len(first) - 1
    found = np.zeros(rows, np.int64)
    for row in range(rows):
        for word in range(first[row], first[row + 1]):
            for at in range(starts[word], ends[word]):
                byte = data[at]
                hit = byte == HASH_SIGN
                if byte == 0xA6 and at - 2 >= starts[word]:
                    hit = data[at - 1] == 0x80 and data[at - 2] == 0xE2
                if hit:
                    found[row] += 1
                    break
    return found


@leaf
def _spaced_ellipsis(data, at):
    """Whether `. . .` stands at a place with five bytes."""
    stops = data[at] == FULL_STOP and data[at + 2] == FULL_STOP and data[at + 4] == FULL_STOP
    return stops and data[at + 1] == SPACE and data[at + 3] == SPACE


@njit(cache=True, nogil=True)
def symbol_counts(data, offsets):
    """Of each row int64 (rows, 3): hash signs; ellipses (`...` without overlap, and the one-character form); `. . .` without
    overlap."""
    rows = len(offsets) - 1
    found = np.zeros((rows, 3), np.int64)
    for row in range(rows):
        hashes, ellipses, spaced, stops = 0, 0, 0, 0
        start, end = offsets[row], offsets[row + 1]
        at = start
        beyond = start  # of the last spaced ellipsis
        while at < end:
            if stops == 0 and at + 8 <= end:
                block = load_block(data, at)
                marks = flags_equal(block, _HASH_SIGNS) | flags_equal(block, _FULL_STOPS) | flags_not_ascii(block)
                if marks == _NONE:
                    at += 8
                    continue
            byte = data[at]
            if byte == FULL_STOP:
                stops += 1
                if stops == 3:
                    ellipses += 1
                    stops = 0
                if at >= beyond and at + 5 <= end and _spaced_ellipsis(data, at):
                    spaced += 1
                    beyond = at + 5
            else:
                stops = 0
                hashes += byte == HASH_SIGN
                if byte == 0xA6:  # the last byte of U+2026
                    ellipses += at - 2 >= start and data[at - 1] == 0x80 and data[at - 2] == 0xE2
            at += 1
        found[row, 0], found[row, 1], found[row, 2] = hashes, ellipses, spaced
    return found


@leaf
def _is_listed_bullet(second, third):
    """Whether the bytes behind 0xE2 make one of RedPajama-V2's ten bullets: U+2013, 2022, 2023, 25A0, 25A1, 25AA, 25AB, 25B6,
    25C0, 25E6."""
    if second == 0x80:
        return third == 0x93 or third == 0xA2 or third == 0xA3
    if second == 0x96:
        return third == 0xA0 or third == 0xA1 or third == 0xAA or third == 0xAB or third == 0xB6
    return second == 0x97 and (third == 0x80 or third == 0xA6)


# Columns of `line_counts`: lines that are not blank; that begin with U+2022 or a hyphen; with these, an asterisk or U+25CF;
# that end with `...` or U+2026; with these or `. . .`; that begin with an asterisk or a hyphen; that end with U+2026; that
# begin with one of ten bullets.
VISIBLE, DATATROVE_BULLET, DCLM_BULLET, ELLIPSIS, DCLM_ELLIPSIS, DOLMA_BULLET, DOLMA_ELLIPSIS, LISTED_BULLET = range(8)


@njit(cache=True, nogil=True)
def line_counts(data, first, starts, ends):
    """What the lines of each row begin and end with, int64 (rows, 8), see above. A line without bytes counts for nothing."""
    rows = len(first) - 1
    found = np.zeros((rows, 8), np.int64)
    for row in range(rows):
        for line in range(first[row], first[row + 1]):
            start, end = starts[line], ends[line]
            if start == end:
                continue
            found[row, VISIBLE] += 1
            hyphen, asterisk = data[start] == HYPHEN, data[start] == ASTERISK
            narrow, wide = hyphen, asterisk
            if end - start >= 3:
                if data[start] == 0xE2:
                    narrow |= data[start + 1] == 0x80 and data[start + 2] == 0xA2
                    wide |= data[start + 1] == 0x97 and data[start + 2] == 0x8F
                    found[row, LISTED_BULLET] += _is_listed_bullet(data[start + 1], data[start + 2])
                sign = data[end - 1] == 0xA6 and data[end - 2] == 0x80 and data[end - 3] == 0xE2
                dots = data[end - 1] == FULL_STOP and data[end - 2] == FULL_STOP and data[end - 3] == FULL_STOP
                found[row, DOLMA_ELLIPSIS] += sign
                found[row, ELLIPSIS] += sign or dots
                found[row, DCLM_ELLIPSIS] += sign or dots or (end - start >= 5 and _spaced_ellipsis(data, end - 5))
            found[row, DATATROVE_BULLET] += narrow
            found[row, DCLM_BULLET] += narrow or wide
            found[row, DOLMA_BULLET] += hyphen or asterisk
    return found
