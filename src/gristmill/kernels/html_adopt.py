"""Blocks that are chosen for the company they are in: code, cells, items, terms and headings in the middle of chosen text. And
lines that are left out because what they announce was not chosen.

Each is short and says little of itself; a reader would miss it, or wonder at it, all the same.
"""

from __future__ import annotations

from numba import njit

from gristmill.kernels.html_facts import LAST, SENTENCE
from gristmill.kernels.html_rows import LONGEST_CELL, MOST_CELLS
from gristmill.kernels.html_stack import CELL, GROUP, HEAD, LIST, MARK, PRE, ROW, TERM, UNITS
from gristmill.kernels.leaf import leaf

NEAR = 3  # blocks before and behind of which one must be chosen
SHARE = 0.6  # of the threshold that a block in company needs
SURE = 1.6  # times the threshold: a line at the end of chosen text that stays whatever follows
LONGEST_LINE = 40  # units of such a line
MOST_LINES = 3  # of them that are left out one after another
LEAST_TEXT = 80  # units of the block that main text begins with; before it stand titles and bylines


@leaf
def _adopt_code(blocks, chosen):
    """Code between chosen blocks, whatever it looks like by itself."""
    rows = len(blocks)
    row = 0
    while row < rows:
        if blocks[row, PRE] == 0:
            row += 1
            continue
        end = row
        while end < rows and blocks[end, PRE]:
            end += 1
        if chosen[max(0, row - NEAR) : row].any() and chosen[end : end + NEAR].any():
            chosen[row:end] = True
        row = end


@leaf
def _adopt_cells(blocks, p, least, chosen):
    """The other cells of a row of which two or more are chosen, or half of the text."""
    rows = len(blocks)
    row = 0
    while row < rows:
        number = blocks[row, ROW]
        end = row + 1
        if number == 0:
            row = end
            continue
        while end < rows and blocks[end, ROW] == number:
            end += 1
        cells, kept, units, kept_units, longest = 0, 0, 0, 0, 0
        for k in range(row, end):
            cells += 1
            units += blocks[k, UNITS]
            longest = max(longest, blocks[k, UNITS])
            if chosen[k]:
                kept += 1
                kept_units += blocks[k, UNITS]
        if kept < cells <= MOST_CELLS and longest <= LONGEST_CELL and (kept > 1 or 2 * kept_units >= units) and kept:
            for k in range(row, end):
                chosen[k] |= blocks[k, CELL] > 0 and blocks[k, PRE] == 0 and p[k] >= least
        row = end


@leaf
def _adopt_between(blocks, p, least, chosen):
    """Items of one block between chosen items of the same list."""
    last = -NEAR - 2
    for row in range(len(blocks)):
        if not chosen[row]:
            continue
        if 1 < row - last <= NEAR + 1 and blocks[row, LIST] and blocks[row, MARK]:
            group = blocks[row, GROUP]
            good = last >= 0 and blocks[last, GROUP] == group
            for k in range(last + 1, row):
                good &= blocks[k, GROUP] == group and blocks[k, MARK] != 0 and p[k] >= least
            if good:
                chosen[last + 1 : row] = True
        last = row


@leaf
def _adopt_heads(blocks, p, least, chosen):
    """Headings between chosen text, and terms before chosen explanations."""
    behind = -NEAR - 2  # the next chosen block
    for row in range(len(blocks) - 1, -1, -1):
        if chosen[row]:
            behind = row
            continue
        if behind != row + 1 or p[row] < least:
            continue
        heading = blocks[row, HEAD] > 0 and blocks[behind, HEAD] == 0 and blocks[row, CELL] == 0
        term = blocks[row, TERM] == 1 and blocks[behind, TERM] == 2 and blocks[row, GROUP] == blocks[behind, GROUP]
        if (heading and row > 0 and chosen[row - 1]) or term:
            chosen[row] = True
            behind = row


@leaf
def _drop_announcements(blocks, facts, p, sure, chosen):
    """Short lines that end no sentence and behind which chosen text breaks off: "Read also", "Photo credits", "Permalink"."""
    rows = len(blocks)
    begin = 0
    while begin < rows and not (chosen[begin] and blocks[begin, UNITS] >= LEAST_TEXT):
        begin += 1
    dropped = 0
    for row in range(rows - 1, begin, -1):
        if not chosen[row]:
            dropped = 0
            continue
        item = blocks[row, MARK] != 0 or blocks[row, CELL] != 0 or blocks[row, PRE] != 0
        line = blocks[row, UNITS] <= LONGEST_LINE and facts[row, LAST] != SENTENCE and not item
        if line and dropped < MOST_LINES and p[row] < sure and (dropped or row + 1 == rows or not chosen[row + 1]):
            chosen[row] = False
            dropped += 1
        else:
            dropped = MOST_LINES


@njit(cache=True, nogil=True)
def adopt(blocks, facts, p, threshold, chosen):
    """Choose what belongs to blocks with p float32 (blocks,) at or above the threshold, and drop what has lost its company."""
    least = SHARE * threshold
    _adopt_code(blocks, chosen)
    _adopt_cells(blocks, p, least, chosen)
    _adopt_between(blocks, p, least, chosen)
    _adopt_heads(blocks, p, least, chosen)
    _drop_announcements(blocks, facts, p, SURE * threshold, chosen)
