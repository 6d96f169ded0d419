"""Lines of a block list → entries, one after the other in memory."""

from __future__ import annotations

import numpy as np
from numba import njit

FINE, CONTROL_BYTE, INNER_BLANK = range(3)


@njit(cache=True, nogil=True)
def split_entries(data: np.ndarray, domains: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Entries of a block of whole lines: bytes, offsets int64 (entries + 1,), line of each int64 (entries,)
    from 0, trouble.

    `#` begins a comment at the start of a line and after a blank. `domains`: a leading `*.` or `.` is left
    out. Reading stops at the first entry with a control byte or a blank inside; trouble says which, and the
    last line number where.
    """
    lines = 1
    for byte in data:
        lines += byte == 10
    kept = np.empty(len(data), np.uint8)
    offsets = np.zeros(lines + 1, np.int64)
    numbers = np.zeros(lines, np.int64)
    entries = out = at = line = 0
    trouble = FINE
    while at < len(data) and trouble == FINE:
        while at < len(data) and (data[at] == 32 or data[at] == 9):
            at += 1
        start = at
        while at < len(data) and data[at] != 10 and not (data[at] == 35 and (at == start or data[at - 1] <= 32)):
            at += 1
        end = at
        while end > start and (data[end - 1] == 32 or data[end - 1] == 9 or data[end - 1] == 13):
            end -= 1
        if domains:
            if end - start > 1 and data[start] == 42 and data[start + 1] == 46:
                start += 2
            elif end - start > 1 and data[start] == 46:
                start += 1
        for place in range(start, end):
            if data[place] == 32 or data[place] == 9:
                trouble = INNER_BLANK
            elif data[place] < 32 or data[place] == 127:
                trouble = CONTROL_BYTE
                break
        if end > start:
            kept[out : out + end - start] = data[start:end]
            out += end - start
            numbers[entries] = line
            entries += 1
            offsets[entries] = out
        while at < len(data) and data[at] != 10:
            at += 1
        at += 1
        line += 1
    return kept[:out], offsets[: entries + 1], numbers[:entries], trouble
