"""The cuts that leave some lines of a text, less some spans inside them, joined by newlines and stripped."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit

from gristmill.kernels.code_points import code_point_tables
from gristmill.kernels.leaf import leaf
from gristmill.kernels.lines import strip_span
from gristmill.kernels.text_index import Spans

NEWLINE = 0x0A


@dataclass(frozen=True, slots=True)
class Removed:
    """Spans to leave out of lines, ascending and disjoint: `first` int64 (lines + 1,), `start` and `end` int64 (spans,)."""

    first: np.ndarray
    start: np.ndarray
    end: np.ndarray

    @classmethod
    def nothing(cls, lines: int) -> Removed:
        return cls(np.zeros(lines + 1, np.int64), np.empty(0, np.int64), np.empty(0, np.int64))


def cuts_of_lines(lines: Spans, kept: np.ndarray, removed: Removed) -> pa.Array:
    """Cuts (type kernels.text.CUTS) that leave `"\\n".join(kept lines).strip()` of every row; null where nothing changes.

    kept: bool (lines,).
    """
    texts = lines.texts
    counts, start, end, joins = _find_cuts(
        texts.data,
        texts.offsets,
        lines.first,
        lines.start,
        lines.end,
        kept,
        removed.first,
        removed.start,
        removed.end,
        *code_point_tables(),
    )
    newline = pc.if_else(pa.array(joins), pa.scalar("\n", pa.string()), pa.scalar(None, pa.string()))
    cuts = pa.StructArray.from_arrays([pa.array(start), pa.array(end), newline], ["start", "end", "replacement"])
    offsets = np.zeros(len(texts) + 1, np.int32)
    np.cumsum(counts, out=offsets[1:])
    return pa.ListArray.from_arrays(pa.array(offsets), cuts, mask=pa.array(counts == 0))


@leaf
def _pieces_end(line, piece, ends, removed_first, removed_start):
    """Where piece number `piece` of a line ends: at the next removed span or the line's end."""
    span = removed_first[line] + piece
    return removed_start[span] if span < removed_first[line + 1] else ends[line]


@leaf
def _pieces_start(line, piece, starts, removed_first, removed_end):
    span = removed_first[line] + piece - 1
    return starts[line] if piece == 0 else removed_end[span]


@njit(cache=True, nogil=True)
def _find_cuts(data, offsets, first, starts, ends, kept, removed_first, removed_start, removed_end, blocks, traits):
    """Cuts of each row int64 (rows,); then one entry a cut: start and end in bytes of the row, whether a newline stands there."""
    rows = len(offsets) - 1
    counts = np.zeros(rows, np.int64)
    room = len(starts) + len(removed_start) + rows
    cut_start = np.empty(room, np.int64)
    cut_end = np.empty(room, np.int64)
    joins = np.zeros(room, np.bool_)
    count = 0
    for row in range(rows):
        before = count
        base, row_end = offsets[row], offsets[row + 1]
        # What is left begins at the first visible sign of a kept piece and stops behind the last.
        begin, stop = row_end, base
        for line in range(first[row], first[row + 1]):
            if begin < row_end:
                break
            if kept[line]:
                for piece in range(removed_first[line + 1] - removed_first[line] + 1):
                    piece_start = _pieces_start(line, piece, starts, removed_first, removed_end)
                    piece_end = _pieces_end(line, piece, ends, removed_first, removed_start)
                    piece_start, piece_end = strip_span(data, piece_start, piece_end, blocks, traits)
                    if piece_start < piece_end:
                        begin = piece_start
                        break
        for back in range(first[row + 1] - first[row] if begin < row_end else 0):
            line = first[row + 1] - 1 - back
            if stop > base:
                break
            if kept[line]:
                last = removed_first[line + 1] - removed_first[line]
                for number in range(last + 1):
                    piece_start = _pieces_start(line, last - number, starts, removed_first, removed_end)
                    piece_end = _pieces_end(line, last - number, ends, removed_first, removed_start)
                    piece_start, piece_end = strip_span(data, piece_start, piece_end, blocks, traits)
                    if piece_start < piece_end:
                        stop = piece_end
                        break
        done = base  # up to here everything is either left or cut
        opened = False
        for line in range(first[row], first[row + 1]):
            if not kept[line] or ends[line] < begin or starts[line] >= stop:
                continue
            joined = not opened
            opened = True
            for piece in range(removed_first[line + 1] - removed_first[line] + 1):
                piece_start = max(begin, _pieces_start(line, piece, starts, removed_first, removed_end))
                piece_end = min(stop, _pieces_end(line, piece, ends, removed_first, removed_start))
                if piece_end < piece_start or (piece_end == piece_start and joined):
                    continue
                gap_start, gap_end = done, piece_start
                if not joined:
                    if data[gap_start] == NEWLINE:
                        gap_start += 1
                    elif data[gap_end - 1] == NEWLINE:
                        gap_end -= 1
                    else:
                        joins[count] = True
                if gap_start < gap_end:
                    cut_start[count], cut_end[count] = gap_start - base, gap_end - base
                    count += 1
                joined = True
                done = piece_end
        if done < row_end:
            cut_start[count], cut_end[count] = done - base, row_end - base
            count += 1
        counts[row] = count - before
    return counts, cut_start[:count], cut_end[:count], joins[:count]
