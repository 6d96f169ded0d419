"""Lines and paragraphs of UTF-8 text as byte spans."""

from __future__ import annotations

import numpy as np
from numba import njit

from gristmill.kernels.code_points import SPACE, decode, trait
from gristmill.kernels.eight_bytes import (
    code_points_begun,
    every,
    flags_below,
    flags_equal,
    flags_not_ascii,
    load_block,
)
from gristmill.kernels.leaf import leaf
from gristmill.kernels.word_hash import hash_span

NEWLINE = 0x0A
_NEWLINES = every(NEWLINE)
_CONTROLS = every(0x20)
_NONE = np.uint64(0)


@leaf
def _to_newline(data, at, end):
    """The first newline from `at` on, or the end."""
    while at + 8 <= end and flags_equal(load_block(data, at), _NEWLINES) == _NONE:
        at += 8
    while at < end and data[at] != NEWLINE:
        at += 1
    return at


@njit(cache=True, nogil=True)
def split_at_newlines(data, offsets):
    """Spans between newline bytes, as `str.split("\\n")` gives them: an empty row has one empty line.

    Returns first line of each row int64 (rows + 1,), start and end of each line int64 (lines,).
    """
    rows = len(offsets) - 1
    count = rows
    for byte in data[offsets[0] : offsets[rows]]:
        count += byte == NEWLINE
    first = np.zeros(rows + 1, np.int64)
    starts = np.empty(count, np.int64)
    ends = np.empty(count, np.int64)
    line = 0
    for row in range(rows):
        start, end = offsets[row], offsets[row + 1]
        while True:
            at = _to_newline(data, start, end)
            starts[line], ends[line] = start, at
            line += 1
            if at == end:
                break
            start = at + 1
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
    most = rows
    for byte in data[offsets[0] : offsets[rows]]:  # the last bytes of all breaks
        most += (byte < 0x1F) | (byte == 0x85) | (byte == 0xA8) | (byte == 0xA9)
    first = np.zeros(rows + 1, np.int64)
    starts = np.empty(most, np.int64)
    ends = np.empty(most, np.int64)
    line = 0
    for row in range(rows):
        at, end = offsets[row], offsets[row + 1]
        start = at
        while at < end:
            if at + 8 <= end:
                block = load_block(data, at)
                if flags_below(block, _CONTROLS) | flags_not_ascii(block) == _NONE:
                    at += 8
                    continue
            width = _line_break(data, at, end)
            if width:
                starts[line], ends[line] = start, at
                line += 1
                start = at + width
            at += max(1, width)
        if start < end:
            starts[line], ends[line] = start, end
            line += 1
        first[row + 1] = line
    return first, starts[:line].copy(), ends[:line].copy()


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
def split_at_blank_lines(data, offsets, first_line, line_starts, line_ends, blocks, traits):
    """Spans between runs of two or more newlines in each row stripped of white space; a blank row has none.

    first_line, line_starts, line_ends: what `split_at_newlines` found.
    """
    rows = len(offsets) - 1
    first = np.zeros(rows + 1, np.int64)
    starts = np.empty(len(line_starts), np.int64)
    ends = np.empty(len(line_starts), np.int64)
    paragraph = 0
    for row in range(rows):
        start, end = strip_span(data, offsets[row], offsets[row + 1], blocks, traits)
        inside = False
        for line in range(first_line[row], first_line[row + 1]):
            line_start, line_end = max(line_starts[line], start), min(line_ends[line], end)
            if line_start >= line_end:
                inside = False
                continue
            if not inside:
                starts[paragraph] = line_start
                paragraph += 1
                inside = True
            ends[paragraph - 1] = line_end
        first[row + 1] = paragraph
    return first, starts[:paragraph].copy(), ends[:paragraph].copy()


@njit(cache=True, nogil=True)
def count_characters(data, starts, ends):
    """Code points in each span, int64 (spans,)."""
    counts = np.empty(len(starts), np.int64)
    for span in range(len(starts)):
        total = 0
        at, end = starts[span], ends[span]
        while at + 8 <= end:
            total += code_points_begun(load_block(data, at))
            at += 8
        while at < end:
            total += (data[at] & 0xC0) != 0x80
            at += 1
        counts[span] = total
    return counts


@njit(cache=True, nogil=True)
def hash_spans(data, starts, ends):
    """Hash of the bytes of each span, uint64 (spans,)."""
    hashes = np.empty(len(starts), np.uint64)
    for span in range(len(starts)):
        hashes[span] = hash_span(data, starts[span], ends[span])
    return hashes
