"""From lines marked as repeats to the byte ranges that go."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def cut_lines(keep, first, lengths, characters, removed):
    """The cuts after which each text is its remaining lines joined by newlines.

    keep: bool (rows,); rows where it is False have no cuts. first: int64 (rows + 1,), lines before each row, one at
    least in every row. lengths, characters: integers (lines,), bytes and code points of each line without its newline.
    removed: bool (lines,). Returns the first cut of each row int64 (rows + 1,); start and end of each cut int64
    (cuts,); lines removed int32 (rows,); bytes removed int64 (rows,); code points left int64 (rows,).
    """
    rows = len(keep)
    most = rows
    for line in range(len(removed)):
        most += removed[line]
    first_cut = np.zeros(rows + 1, np.int64)
    starts, ends = np.empty(most, np.int64), np.empty(most, np.int64)
    removed_lines = np.zeros(rows, np.int32)
    removed_bytes = np.zeros(rows, np.int64)
    left = np.zeros(rows, np.int64)
    cut = 0
    for row in range(rows):
        first_cut[row] = cut
        if not keep[row]:
            continue
        at = np.int64(0)  # where the line begins
        whole = np.int64(0)  # where the text ends
        gap = np.int64(0)  # where a cut would begin that ends with this line
        any_left = False
        for line in range(first[row], first[row + 1]):
            whole = at + lengths[line]
            if removed[line]:
                removed_lines[row] += 1
            else:
                if at > gap:
                    starts[cut], ends[cut] = gap, at
                    removed_bytes[row] += at - gap
                    cut += 1
                left[row] += characters[line] + (1 if any_left else 0)
                any_left = True
                gap = whole + 1
            at = whole + 1
        if removed_lines[row]:
            last = gap - 1 if any_left else np.int64(0)  # the newline behind the last line that stays goes too
            if whole > last:
                starts[cut], ends[cut] = last, whole
                removed_bytes[row] += whole - last
                cut += 1
    first_cut[rows] = cut
    return first_cut, starts[:cut], ends[:cut], removed_lines, removed_bytes, left
