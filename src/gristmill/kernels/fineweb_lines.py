"""Counts behind FineWeb's own rules: how lines end, how short they are, how much they repeat. One pass a document."""

from __future__ import annotations

import numpy as np
from numba import njit

from gristmill.kernels.code_points import SPACE, TERMINAL, decode, trait
from gristmill.kernels.leaf import leaf

LINES, ENDED, SHORT, REPEATED = range(4)
_FREE = np.uint64(0)
_ONE = np.uint64(1)


@leaf
def _blank(data, start, end, blocks, traits):
    while start < end:
        code, start = decode(data, start, end)
        if trait(blocks, traits, code) & SPACE == 0:
            return False
    return True


@leaf
def _ends_sentence(data, start, end, marks, blocks, traits):
    """Whether the last code point is one of `marks`, or a terminal mark of any script when there are none."""
    last = end - 1
    while last > start and data[last] & 0xC0 == 0x80:
        last -= 1
    code = decode(data, last, end)[0]
    if len(marks) == 0:
        return (trait(blocks, traits, code) & TERMINAL) != 0
    for mark in marks:  # noqa: SIM110 - numba compiles no generator
        if mark == code:
            return True
    return False


@njit(cache=True, nogil=True)
def count_lines(data, first, starts, ends, hashes, characters, short, marks, blocks, traits):
    """Of each row int64 (rows, 4): lines that are not blank; of these, those that end a sentence, those of at most `short` code
    points, and the code points of those that stand after an equal one.
    """
    rows = len(first) - 1
    found = np.zeros((rows, 4), np.int64)
    most = 0
    for row in range(rows):
        most = max(most, first[row + 1] - first[row])
    slots = 16
    while slots < 2 * most:
        slots *= 2
    table = np.empty(slots, np.uint64)
    for row in range(rows):
        slots = 16
        while slots < 2 * (first[row + 1] - first[row]):
            slots *= 2
        table[:slots] = _FREE
        for line in range(first[row], first[row + 1]):
            start, end = starts[line], ends[line]
            if _blank(data, start, end, blocks, traits):
                continue
            found[row, LINES] += 1
            found[row, ENDED] += _ends_sentence(data, start, end, marks, blocks, traits)
            found[row, SHORT] += characters[line] <= short
            key = hashes[line] | _ONE
            slot = np.int64(key >> _ONE) & (slots - 1)
            while table[slot] != _FREE and table[slot] != key:
                slot = (slot + 1) & (slots - 1)
            if table[slot] == key:
                found[row, REPEATED] += characters[line]
            table[slot] = key
    return found
