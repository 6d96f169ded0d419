"""What is left of a text when matches, and some characters around each, are taken out: pieces, of which short ones go too."""

from __future__ import annotations

import numpy as np
from numba import njit

from gristmill.kernels.leaf import leaf
from gristmill.kernels.span_edges import characters, is_continuation


@leaf
def _back(data, first, at, margin):
    """The byte `margin` characters before `at`, not before `first`."""
    while margin > 0 and at > first:
        at -= 1
        while at > first and is_continuation(data[at]):
            at -= 1
        margin -= 1
    return at


@leaf
def _ahead(data, at, end, margin):
    while margin > 0 and at < end:
        at += 1
        while at < end and is_continuation(data[at]):
            at += 1
        margin -= 1
    return at


@njit(cache=True, nogil=True)
def cut_around(data, offsets, rows, starts, ends, margin, least, pieces, left):
    """The stretches to remove: row, start and end, int64, ascending and disjoint within a row, bytes from the text's start.

    rows, starts, ends: matches, ascending by row and start; they may overlap. margin: characters removed on both sides.
    Pieces between with fewer than `least` characters are removed too. pieces int64 (rows of the texts,): set to the pieces that
    removing the matches alone leaves; left: to the characters that stay. Both keep their values for texts without a match.
    """
    out_rows = np.empty(len(rows), np.int64)
    out_starts = np.empty(len(rows), np.int64)
    out_ends = np.empty(len(rows), np.int64)
    count = 0
    match = 0
    while match < len(rows):
        row = rows[match]
        first, end = offsets[row], offsets[row + 1]
        begun = count
        done = first  # what is not removed before this byte stays
        found = kept = 0
        while match < len(rows) and rows[match] == row:
            start = _back(data, first, first + starts[match], margin)
            stop = _ahead(data, first + ends[match], end, margin)
            match += 1
            while match < len(rows) and rows[match] == row:
                if _back(data, first, first + starts[match], margin) > stop:
                    break
                stop = max(stop, _ahead(data, first + ends[match], end, margin))
                match += 1
            if start > done:
                found += 1
                size = characters(data, done, start)
                if size < least:
                    start = done
                else:
                    kept += size
            if count > begun and start <= done:
                out_ends[count - 1] = stop - first
            else:
                out_rows[count], out_starts[count], out_ends[count] = row, start - first, stop - first
                count += 1
            done = stop
        if end > done:
            found += 1
            size = characters(data, done, end)
            if size < least:
                out_ends[count - 1] = end - first
            else:
                kept += size
        pieces[row], left[row] = found, kept
    return out_rows[:count], out_starts[:count], out_ends[:count]
