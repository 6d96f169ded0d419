"""Counts behind Gopher's quality rules, one pass a document."""

from __future__ import annotations

import numpy as np
from numba import njit

from gristmill.kernels.code_points import LETTER
from gristmill.kernels.words import NOT_SIGNS

FULL_STOP, HASH_SIGN, HYPHEN, ASTERISK = 0x2E, 0x23, 0x2D, 0x2A


@njit(cache=True, nogil=True)
def word_counts(first, hashes, characters, flags):
    """Of each row int64 (rows, 3): words that are not signs alone, their code points, words with a letter."""
    rows = len(first) - 1
    found = np.zeros((rows, 3), np.int64)
    for row in range(rows):
        proper, length, with_letter = 0, 0, 0
        for word in range(first[row], first[row + 1]):
            if flags[word] & NOT_SIGNS:
                proper += 1
                length += characters[word]
            with_letter += (flags[word] & LETTER) != 0
        found[row, 0], found[row, 1], found[row, 2] = proper, length, with_letter
    return found


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


@njit(cache=True, nogil=True)
def symbol_counts(data, offsets):
    """Of each row int64 (rows, 2): hash signs, and ellipses (`...` without overlap, and the one-character form)."""
    rows = len(offsets) - 1
    found = np.zeros((rows, 2), np.int64)
    for row in range(rows):
        hashes, ellipses, stops = 0, 0, 0
        for at in range(offsets[row], offsets[row + 1]):
            byte = data[at]
            if byte == FULL_STOP:
                stops += 1
                if stops == 3:
                    ellipses += 1
                    stops = 0
                continue
            stops = 0
            if byte == HASH_SIGN:
                hashes += 1
            elif byte == 0xA6:  # the last byte of U+2026
                ellipses += at - 2 >= offsets[row] and data[at - 1] == 0x80 and data[at - 2] == 0xE2
        found[row, 0], found[row, 1] = hashes, ellipses
    return found


@njit(cache=True, nogil=True)
def line_counts(data, first, starts, ends):
    """Of each row int64 (rows, 2): lines that begin with a bullet (U+2022 or a hyphen), lines that end with an ellipsis.

    starts, ends: the lines without white space at their ends.
    """
    rows = len(first) - 1
    found = np.zeros((rows, 2), np.int64)
    for row in range(rows):
        for line in range(first[row], first[row + 1]):
            start, end = starts[line], ends[line]
            if start == end:
                continue
            if data[start] == HYPHEN or (
                end - start >= 3 and data[start] == 0xE2 and data[start + 1] == 0x80 and data[start + 2] == 0xA2
            ):
                found[row, 0] += 1
            if end - start >= 3:
                dots = data[end - 1] == FULL_STOP and data[end - 2] == FULL_STOP and data[end - 3] == FULL_STOP
                sign = data[end - 1] == 0xA6 and data[end - 2] == 0x80 and data[end - 3] == 0xE2
                found[row, 1] += dots or sign
    return found
