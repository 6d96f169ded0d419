"""Lines and paragraphs that stand more than once in a text. Sameness is sameness of 64-bit hashes."""

from __future__ import annotations

import numpy as np
from numba import njit

from gristmill.kernels.leaf import leaf

EMPTY = np.uint64(0)
ONE = np.uint64(1)


@leaf
def table_size(entries):
    """Slots of a hash table for so many entries: a power of two, at most half full."""
    size = 16
    while size < 2 * entries:
        size *= 2
    return size


@leaf
def clear(table, size):
    """Empty the first slots; a loop, since assigning to a slice takes longer to compile."""
    for slot in range(size):
        table[slot] = 0


@leaf
def slot_of(table, mask, key):
    """Where `key` is, or the empty slot where it belongs. Keys are mixed and never 0."""
    slot = np.int64(key) & mask
    while table[slot] != EMPTY and table[slot] != key:
        slot = (slot + 1) & mask
    return slot


@leaf
def most_entries(first):
    """Entries of the row that has most of them."""
    most = 0
    for row in range(len(first) - 1):
        most = max(most, first[row + 1] - first[row])
    return most


@njit(cache=True, nogil=True)
def repeated_pieces(first, start, end, hashes, characters):
    """Non-empty pieces (lines, paragraphs) of each row, and those that stand more than once.

    Returns int64 (rows, 6): pieces and their code points; those that stand after an equal one and their code points; those
    that stand before or after an equal one and their code points.
    """
    rows = len(first) - 1
    found = np.zeros((rows, 6), np.int64)
    size = table_size(most_entries(first))
    table = np.empty(size, np.uint64)
    lone = np.empty(size, np.bool_)  # seen once so far
    for row in range(rows):
        mask = table_size(first[row + 1] - first[row]) - 1
        clear(table, mask + 1)
        for piece in range(first[row], first[row + 1]):
            if start[piece] == end[piece]:
                continue
            length = characters[piece]
            found[row, 0] += 1
            found[row, 1] += length
            key = hashes[piece] | ONE
            slot = slot_of(table, mask, key)
            if table[slot] == key:
                copies = 2 if lone[slot] else 1
                lone[slot] = False
                found[row, 2] += 1
                found[row, 3] += length
                found[row, 4] += copies
                found[row, 5] += copies * length
            else:
                table[slot] = key
                lone[slot] = True
    return found
