"""Rows of data tables: which rows are, and how one is written, cells parted by bars and in their columns."""

from __future__ import annotations

from numba import njit

from gristmill.kernels.html_markdown import CELL_TEXT, look_ahead, write_inline
from gristmill.kernels.html_stack import CELL, COLUMN, LIST, MARK, PRE, ROW, START, STOP, TABLE, UNITS
from gristmill.kernels.leaf import leaf

LONGEST_CELL = 400  # units; longer text stands in a table for layout only
LONGEST_MIXED = 150  # the same of cells with several blocks
MOST_BLOCKS = 4  # of a cell
MOST_CELLS = 60  # of a row

_SPACE, _NEWLINE, _BAR, _DASH, _COMMA = (ord(sign) for sign in " \n|-,")


@leaf
def row_end(blocks, chosen, row, fewest=2):
    """The block behind the last of a table row whose first chosen block is `row`; `row` itself when this is no row of data.

    Data: `fewest` chosen cells or more, each one block or a few short ones.
    """
    rows = len(blocks)
    number = blocks[row, ROW]
    if number == 0 or blocks[row, CELL] == 0 or (row > 0 and chosen[row - 1] and blocks[row - 1, ROW] == number):
        return row
    at, cells, last, in_cell, units = row, 0, -1, 0, 0
    while at < rows and (not chosen[at] or blocks[at, ROW] == number):
        if chosen[at]:
            cell = blocks[at, CELL]
            if cell == 0 or blocks[at, PRE]:
                return row
            if cell == last:
                in_cell, units = in_cell + 1, units + blocks[at, UNITS]
            else:
                cells, in_cell, units, last = cells + 1, 1, blocks[at, UNITS], cell
            if in_cell > MOST_BLOCKS or cells > MOST_CELLS:
                return row
            if units > (LONGEST_CELL if in_cell == 1 and blocks[at, LIST] == 0 else LONGEST_MIXED):
                return row
        elif blocks[at, ROW] != number:
            break
        at += 1
    return at if cells >= fewest else row


@njit(cache=True, nogil=True)
def drop_tables(blocks, chosen):
    """Un-choose the rows of data tables."""
    row = 0
    while row < len(blocks):
        end = row_end(blocks, chosen, row) if chosen[row] else row
        if end > row:
            chosen[row:end] = False
            row = end
        else:
            row += 1


@leaf
def mark_columns(blocks, chosen, row, used, fewest):
    """Which columns bool (MOST_CELLS + 1,) have text in the rows of data that follow one another from `row` on; their number.

    Tables for data often have further columns to set these apart, which say nothing.
    """
    used[:] = False
    table, cells = blocks[row, TABLE], 2
    while row < len(blocks):
        if not chosen[row]:
            row += 1
            continue
        end = row_end(blocks, chosen, row, cells)
        cells = fewest
        if end == row or blocks[row, TABLE] != table:
            break
        for k in range(row, end):
            if chosen[k]:
                used[min(blocks[k, COLUMN], MOST_CELLS)] = True
        row = end
    return used.sum()


@leaf
def _copy(text, start, stop, out, at):
    for k in range(start, stop):
        out[at] = text[k] if text[k] != _NEWLINE else _SPACE
        at += 1
    return at


@leaf
def _bars(out, at, line, before, column, used):
    """Up to the cell of `column`: a bar for each used column since `before`, and one before the cell itself."""
    for between in range(before + 1, column):
        if used[between]:
            if at > line:
                out[at] = _SPACE
                at += 1
            out[at] = _BAR
            at += 1
    if at > line:
        out[at] = _SPACE
        at += 1
    return at


@leaf
def write_row(text, blocks, chosen, row, end, used, out, at, markdown, notes):
    """A row of data on one line, every cell in its column."""
    line, cell, column = at, -1, 0
    for k in range(row, end):
        if not chosen[k] or blocks[k, STOP] == blocks[k, START]:
            continue
        if blocks[k, CELL] == cell:
            if blocks[k, LIST] and blocks[k, MARK]:
                out[at] = _COMMA
                at += 1
            out[at] = _SPACE
            at += 1
        else:
            here = max(min(blocks[k, COLUMN], MOST_CELLS), column)
            at = _bars(out, at, line, column, here, used)
            if markdown or column:
                out[at], out[at + 1] = _BAR, _SPACE
                at += 2
            cell, column = blocks[k, CELL], here
        start, stop = blocks[k, START], blocks[k, STOP]
        if markdown:
            look_ahead(text, start, stop, notes)
            at = write_inline(text, start, stop, stop, notes, out, at, CELL_TEXT)
        else:
            at = _copy(text, start, stop, out, at)
    if markdown:
        out[at], out[at + 1] = _SPACE, _BAR
        at += 2
    return at, column


@leaf
def write_rule(out, at, column, used):
    """The line that Markdown wants below the first row, whose last cell stands in `column`; empty cells at its end come first."""
    columns = 0
    for k in range(1, MOST_CELLS + 1):
        if used[k] or k == column:
            columns += 1
            if k > column:
                out[at], out[at + 1] = _SPACE, _BAR
                at += 2
    out[at] = _NEWLINE
    at += 1
    for _ in range(columns):
        out[at], out[at + 1], out[at + 2], out[at + 3] = _BAR, _DASH, _DASH, _DASH
        at += 4
    out[at] = _BAR
    return at + 1
