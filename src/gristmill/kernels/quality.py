"""Counts behind Gopher's quality rules, one pass a document."""

from __future__ import annotations

import numpy as np
from numba import njit

from gristmill.kernels.code_points import LETTER
from gristmill.kernels.eight_bytes import every, flags_equal, flags_not_ascii, load_block
from gristmill.kernels.leaf import leaf
from gristmill.kernels.words import BEGINS_ALPHANUMERIC, NOT_SIGNS

FULL_STOP, HASH_SIGN, HYPHEN, ASTERISK, SPACE = 0x2E, 0x23, 0x2D, 0x2A, 0x20
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
def listed_words(first, hashes, table, mask):
    """Of each row int64 (rows, 2): occurrences of words in a list, and distinct words of the list that occur.

    table: uint64, an open-addressing table of the list's hashes made by `word_list_table`; mask: its slots less one.
    """
    rows = len(first) - 1
    found = np.zeros((rows, 2), np.int64)
    seen = np.full(len(table), -1, np.int64)
    for row in range(rows):
        for word in range(first[row], first[row + 1]):
            slot = np.int64(hashes[word]) & mask
            while table[slot] != 0:
                if table[slot] == hashes[word]:
                    found[row, 0] += 1
                    if seen[slot] != row:
                        seen[slot] = row
                        found[row, 1] += 1
                    break
                slot = (slot + 1) & mask
    return found


@njit(cache=True, nogil=True)
def word_list_table(hashes):
    """The table `listed_words` looks words up in, at most an eighth full."""
    size = 16
    while size < 8 * len(hashes):
        size *= 2
    table = np.zeros(size, np.uint64)
    for key in hashes:
        slot = np.int64(key) & (size - 1)
        while table[slot] != 0 and table[slot] != key:
            slot = (slot + 1) & (size - 1)
        table[slot] = key
    return table


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


@njit(cache=True, nogil=True)
def line_counts(data, first, starts, ends):
    """Of each row int64 (rows, 5): lines that are not blank; lines that begin with a bullet U+2022 or a hyphen; lines that
    begin with these, an asterisk or U+25CF; lines that end with `...` or U+2026; lines that end with these or `. . .`.

    starts, ends: the lines without white space at their ends.
    """
    rows = len(first) - 1
    found = np.zeros((rows, 5), np.int64)
    for row in range(rows):
        for line in range(first[row], first[row + 1]):
            start, end = starts[line], ends[line]
            if start == end:
                continue
            found[row, 0] += 1
            narrow = data[start] == HYPHEN
            wide = data[start] == ASTERISK
            if end - start >= 3 and data[start] == 0xE2:
                narrow |= data[start + 1] == 0x80 and data[start + 2] == 0xA2
                wide |= data[start + 1] == 0x97 and data[start + 2] == 0x8F
            found[row, 1] += narrow
            found[row, 2] += narrow or wide
            if end - start >= 3:
                ending = data[end - 1] == FULL_STOP and data[end - 2] == FULL_STOP and data[end - 3] == FULL_STOP
                ending |= data[end - 1] == 0xA6 and data[end - 2] == 0x80 and data[end - 3] == 0xE2
                found[row, 3] += ending
                found[row, 4] += ending or (end - start >= 5 and _spaced_ellipsis(data, end - 5))
    return found
