"""Lines and paragraphs of UTF-8 text as byte spans."""

from __future__ import annotations

import numpy as np
from numba import njit

from gristmill.kernels.code_points import SPACE, decode, trait
from gristmill.kernels.leaf import leaf
from gristmill.kernels.word_hash import hash_bytes

NEWLINE = 0x0A


@njit(cache=True, nogil=True)
def split_at_newlines(data, offsets):
    """Spans between newline bytes, as `str.split("\\n")` gives them: an empty row has one empty line.

    Returns first line of each row int64 (rows + 1,), start and end of each line int64 (lines,).
    """
    rows = len(offsets) - 1
    count = rows
    for at in range(offsets[0], offsets[rows]):
        count += data[at] == NEWLINE
    first = np.zeros(rows + 1, np.int64)
    starts = np.empty(count, np.int64)
    ends = np.empty(count, np.int64)
    line = 0
    for row in range(rows):
        start = offsets[row]
        for at in range(offsets[row], offsets[row + 1]):
            if data[at] == NEWLINE:
                starts[line], ends[line] = start, at
                start = at + 1
                line += 1
        starts[line], ends[line] = start, offsets[row + 1]
        line += 1
        first[row + 1] = line
    return first, starts, ends


@leaf
def _line_break(data, at, end):
    """Bytes of the line break at `at`, 0 when there is none: what `str.splitlines` breaks at."""
    byte = data[at]
    if byte > 0x1E:
        if byte == 0xC2 and at + 1 < end and data[at + 1] == 0x85:
            return 2
        if byte == 0xE2 and at + 2 < end and data[at + 1] == 0x80 and (data[at + 2] == 0xA8 or data[at + 2] == 0xA9):
            return 3
        return 0
    if byte == 0x0D:
        return 2 if at + 1 < end and data[at + 1] == NEWLINE else 1
    return 1 if 0x0A <= byte <= 0x0C or byte >= 0x1C else 0


@njit(cache=True, nogil=True)
def split_at_line_breaks(data, offsets):
    """Spans as `str.splitlines()` gives them: every Unicode line break counts, an empty row has none."""
    rows = len(offsets) - 1
    first = np.zeros(rows + 1, np.int64)
    starts = np.empty(0, np.int64)
    ends = np.empty(0, np.int64)
    for filling in (False, True):
        line = 0
        for row in range(rows):
            at, end = offsets[row], offsets[row + 1]
            start = at
            while at < end:
                if data[at] > 0x1E and data[at] != 0xC2 and data[at] != 0xE2:
                    at += 1
                    continue
                width = _line_break(data, at, end)
                if width:
                    if filling:
                        starts[line], ends[line] = start, at
                    line += 1
                    start = at + width
                at += max(1, width)
            if start < end:
                if filling:
                    starts[line], ends[line] = start, end
                line += 1
            first[row + 1] = line
        if not filling:
            starts = np.empty(line, np.int64)
            ends = np.empty(line, np.int64)
    return first, starts, ends


@leaf
def _space_width(data, at, end, blocks, traits):
    """Bytes of the white space at `at`, 0 when there is none."""
    code, after = decode(data, at, end)
    return after - at if trait(blocks, traits, code) & SPACE else 0


@leaf
def strip_span(data, start, end, blocks, traits):
    """The span without white space at its ends, as `str.strip()` has it."""
    while start < end:
        width = _space_width(data, start, end, blocks, traits)
        if width == 0:
            break
        start += width
    while end > start:
        last = end - 1
        while last > start and data[last] & 0xC0 == 0x80:
            last -= 1
        if _space_width(data, last, end, blocks, traits) != end - last:
            break
        end = last
    return start, end


@njit(cache=True, nogil=True)
def strip_spans(data, starts, ends, blocks, traits):
    """Every span without white space at its ends."""
    count = len(starts)
    new_starts = np.empty(count, np.int64)
    new_ends = np.empty(count, np.int64)
    for span in range(count):
        new_starts[span], new_ends[span] = strip_span(data, starts[span], ends[span], blocks, traits)
    return new_starts, new_ends


@njit(cache=True, nogil=True)
def split_at_blank_lines(data, offsets, blocks, traits):
    """Spans between runs of two or more newlines in each row stripped of white space; a blank row has none."""
    rows = len(offsets) - 1
    first = np.zeros(rows + 1, np.int64)
    stripped = np.empty((rows, 2), np.int64)
    starts = np.empty(0, np.int64)
    ends = np.empty(0, np.int64)
    for filling in (False, True):
        paragraph = 0
        for row in range(rows):
            if not filling:
                stripped[row] = strip_span(data, offsets[row], offsets[row + 1], blocks, traits)
            at, end = stripped[row, 0], stripped[row, 1]
            start = at
            while at < end:
                if data[at] != NEWLINE or data[at + 1] != NEWLINE:  # the last byte of a stripped row is no newline
                    at += 1
                    continue
                if filling:
                    starts[paragraph], ends[paragraph] = start, at
                paragraph += 1
                while data[at] == NEWLINE:
                    at += 1
                start = at
            if start < end:
                if filling:
                    starts[paragraph], ends[paragraph] = start, end
                paragraph += 1
            first[row + 1] = paragraph
        if not filling:
            starts = np.empty(paragraph, np.int64)
            ends = np.empty(paragraph, np.int64)
    return first, starts, ends


@njit(cache=True, nogil=True)
def count_characters(data, starts, ends):
    """Code points in each span, int64 (spans,)."""
    counts = np.empty(len(starts), np.int64)
    for span in range(len(starts)):
        total = 0
        for at in range(starts[span], ends[span]):
            total += (data[at] & 0xC0) != 0x80
        counts[span] = total
    return counts


@njit(cache=True, nogil=True)
def hash_spans(data, starts, ends):
    """Hash of the bytes of each span, uint64 (spans,)."""
    hashes = np.empty(len(starts), np.uint64)
    for span in range(len(starts)):
        hashes[span] = hash_bytes(data, starts[span], ends[span])
    return hashes
