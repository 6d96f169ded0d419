"""From spans of tokens to cuts that leave whole characters and sound white space behind."""

from __future__ import annotations

from numba import njit

from gristmill.kernels.code_points import SPACE, decode, trait
from gristmill.kernels.leaf import leaf

NEWLINE = 0x0A


@leaf
def is_continuation(byte):
    """Whether a byte of UTF-8 begins no character."""
    return byte & 0xC0 == 0x80


@leaf
def gap_before(data, first, at, blocks, traits):
    """Where the white space that ends at byte `at` begins, not before `first`, and the newlines in it."""
    newlines = 0
    while at > first:
        begin = at - 1
        while begin > first and is_continuation(data[begin]):
            begin -= 1
        code, _ = decode(data, begin, at)
        if trait(blocks, traits, code) & SPACE == 0:
            break
        newlines += code == NEWLINE
        at = begin
    return at, newlines


@leaf
def gap_after(data, at, end, blocks, traits):
    """Where the white space that begins at byte `at` ends, and the newlines in it."""
    newlines = 0
    while at < end:
        code, after = decode(data, at, end)
        if trait(blocks, traits, code) & SPACE == 0:
            break
        newlines += code == NEWLINE
        at = after
    return at, newlines


@njit(cache=True, nogil=True)
def take_gaps(data, offsets, rows, starts, ends, blocks, traits):
    """Widen spans of words by the white space at one side, so that between their neighbours one gap is left.

    The gap with fewer newlines goes, the one behind of two alike; white space at the ends of a text stays. rows, starts,
    ends: int64 (spans,), as of `covered_spans`; changed in place, and still disjoint: between two spans stands a word.
    """
    for span in range(len(rows)):
        first, end = offsets[rows[span]], offsets[rows[span] + 1]
        before, lines_before = gap_before(data, first, first + starts[span], blocks, traits)
        after, lines_after = gap_after(data, first + ends[span], end, blocks, traits)
        if before > first and (after == end or lines_after > lines_before):
            starts[span] = before - first
        elif after < end:
            ends[span] = after - first


@njit(cache=True, nogil=True)
def shrink_to_characters(data, offsets, rows, starts, ends):
    """Move the edges of spans of bytes inwards to where characters begin and end, in place; a span may become empty."""
    for span in range(len(rows)):
        first, end = offsets[rows[span]], offsets[rows[span] + 1]
        start, stop = first + starts[span], first + ends[span]
        while start < stop and is_continuation(data[start]):
            start += 1
        if stop < end:
            while stop > start and is_continuation(data[stop]):
                stop -= 1
        starts[span], ends[span] = start - first, stop - first


@njit(cache=True, nogil=True)
def characters_left(data, offsets, rows, starts, ends, left):
    """Set `left` int64 (rows of the texts,) to the characters that are left of each text that spans touch; others stay.

    rows: ascending, with the spans of a text ascending and disjoint.
    """
    span = 0
    while span < len(rows):
        row = rows[span]
        at = offsets[row]
        count = 0
        while span < len(rows) and rows[span] == row:
            count += characters(data, at, offsets[row] + starts[span])
            at = offsets[row] + ends[span]
            span += 1
        left[row] = count + characters(data, at, offsets[row + 1])


@leaf
def characters(data, start, end):
    count = 0
    for at in range(start, end):
        count += not is_continuation(data[at])
    return count
