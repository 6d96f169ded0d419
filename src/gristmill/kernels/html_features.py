"""Features of blocks: their own text, their neighbours, the elements around them, their place on the page.

All are ratios and counts in exact arithmetic, no logarithms, so that they are the same on every machine. FEATURES names the
columns. Sums over elements come from running totals over blocks, because an element is a range of blocks.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from gristmill.kernels.html_alike import (
    ALL_ENDS,
    ALL_GOOD,
    ALL_LINKS,
    ALL_UNITS,
    ALL_WORDS,
    COUNT,
    FIRST_ROW,
    GROUPINGS,
    LAST_ROW,
    SPANS,
)
from gristmill.kernels.html_facts import (
    COMMAS,
    DIGITS,
    ENDS,
    FIRST_SIGN,
    LAST,
    SYMBOLS,
    TITLE_WORDS,
    TWINS,
    UPPERS,
    WORDS,
    good_paragraph,
)
from gristmill.kernels.html_names import HINTS
from gristmill.kernels.html_stack import (
    BOLD_UNITS,
    CELL,
    ELEMENT,
    END,
    FIRST,
    HEAD,
    HEAD_CELL,
    LINE,
    LINK_UNITS,
    LINKS,
    LIST,
    MARK,
    PARENT,
    PRE,
    QUOTE,
    ROW,
    UNITS,
)
from gristmill.kernels.leaf import leaf

FAR = 20  # steps up to a kind of element; there is none from here on
N_HINTS = len(HINTS)
LEVELS = 4  # elements around a block that hold more than the one inside
NEAR = 3  # blocks to either side looked at one by one
WIDE = 8  # and in sum
COMMENT = HINTS.index("comment")
COMMENT_BIT = np.uint64(1) << np.uint64(COMMENT)

# columns of `totals` int64 (blocks + 1, TOTALS): running sums, the last heading and the first <h1> so far (-1: none)
T_UNITS, T_LINKS, T_ENDS, T_GOOD, T_WORDS, T_COMMENT, T_HEADING, T_H1 = range(8)
TOTALS = 8

_OWN = (
    "units words link_density links ends commas digit_share upper_share word_length symbol_share bold_share title_share last "
    "first twins heading list mark cell pre quote line head_cell row_cells depth"
).split()
_PLACE = (
    "place units_before since_heading units_since_heading last_heading from_h1 comment_before comment_share page_blocks "
    "page_units page_link_density page_good"
).split()
_SIDES = [
    f"{what}{side:+d}"
    for side in (*range(-NEAR, 0), *range(1, NEAR + 1))
    for what in ("units", "links", "last", "heading")
]
_SUMS = ["near_units", "near_links", "wide_units", "wide_links", "wide_good", "wide_ends"]
_AROUND = [
    f"{what}^{level}"
    for level in range(1, LEVELS + 1)
    for what in ("share", "links", "blocks", "mean", "good", "ends", "within")
]
_ALIKE = [
    f"{what}~{span}" for span in SPANS for what in ("count", "mean", "links", "good", "ends", "gaps", "share", "place")
]
FEATURES = (*HINTS, *_OWN, *_PLACE, *_SIDES, *_SUMS, *_AROUND, *_ALIKE)
N_FEATURES = len(FEATURES)


@leaf
def ratio(part, whole):
    return np.float32(part) / np.float32(whole) if whole > 0 else np.float32(0)


@njit(cache=True, nogil=True)
def surroundings(blocks, elements, hints, distances, wider, depths):
    """Per element: steps up to each kind of HINTS uint8 (elements + 1, N_HINTS), the nearest element around it that holds more
    blocks int32 (-1: the page), its depth int32. The last row of `distances` is that of no element. A mark of comments around
    nearly all of the page says that it may be commented on: it is taken out of `hints`.
    """
    count = len(elements)
    before = np.zeros(len(blocks) + 1, np.int64)  # units up to a block
    for row in range(len(blocks)):
        before[row + 1] = before[row] + blocks[row, UNITS]
    distances[count, :] = FAR
    for e in range(count):
        parent = elements[e, PARENT]
        above = distances[parent] if parent >= 0 else distances[count]
        if hints[e] & COMMENT_BIT and 10 * (before[elements[e, END]] - before[elements[e, FIRST]]) > 9 * before[-1]:
            hints[e] &= ~COMMENT_BIT
        bits = hints[e]
        for k in range(N_HINTS):
            if bits >> np.uint64(k) & np.uint64(1):
                distances[e, k] = 0
            else:
                distances[e, k] = min(above[k] + 1, FAR)
        depths[e] = depths[parent] + 1 if parent >= 0 else 1
        if parent >= 0 and elements[parent, END] - elements[parent, FIRST] <= elements[e, END] - elements[e, FIRST]:
            wider[e] = wider[parent]
        else:
            wider[e] = parent


@njit(cache=True, nogil=True)
def running_totals(blocks, facts, elements, distances, totals):
    count = len(elements)
    totals[0, :] = 0
    totals[0, T_HEADING] = totals[0, T_H1] = -1
    for row in range(len(blocks)):
        units, links = blocks[row, UNITS], blocks[row, LINK_UNITS]
        element = blocks[row, ELEMENT]
        comment = distances[element if element >= 0 else count, COMMENT] < FAR
        totals[row + 1, T_UNITS] = totals[row, T_UNITS] + units
        totals[row + 1, T_LINKS] = totals[row, T_LINKS] + links
        totals[row + 1, T_ENDS] = totals[row, T_ENDS] + facts[row, ENDS]
        totals[row + 1, T_GOOD] = totals[row, T_GOOD] + good_paragraph(blocks[row], facts[row])
        totals[row + 1, T_WORDS] = totals[row, T_WORDS] + facts[row, WORDS]
        totals[row + 1, T_COMMENT] = totals[row, T_COMMENT] + (units if comment else 0)
        totals[row + 1, T_HEADING] = row if blocks[row, HEAD] else totals[row, T_HEADING]
        totals[row + 1, T_H1] = row if blocks[row, HEAD] == 1 and totals[row, T_H1] < 0 else totals[row, T_H1]


@leaf
def around(blocks, elements, wider, row, out):
    """The LEVELS elements around a block that hold more than one block, each more than the one before; -1: the page."""
    element = blocks[row, ELEMENT]
    while element >= 0 and elements[element, END] - elements[element, FIRST] < 2:
        element = wider[element]
    for level in range(LEVELS):
        out[level] = element
        if element >= 0:
            element = wider[element]


@leaf
def _sum(totals, column, low, high):
    return totals[high, column] - totals[low, column]


@njit(cache=True, nogil=True)
def fill_features(blocks, facts, elements, distances, wider, depths, totals, groups, sums, low, high, out):
    """Features of blocks [low, high) into out float32 (high - low or more, N_FEATURES or more columns)."""
    rows, count = len(blocks), len(elements)
    all_units, all_links = totals[rows, T_UNITS], totals[rows, T_LINKS]
    levels = np.zeros(LEVELS, np.int64)
    h1 = totals[rows, T_H1]
    cells_row, cells = -1, 0
    for row in range(low, high):
        block, fact, x = blocks[row], facts[row], out[row - low]
        element = block[ELEMENT]
        steps = distances[element if element >= 0 else count]
        for k in range(N_HINTS):
            x[k] = steps[k]
        j = N_HINTS
        units, words = block[UNITS], fact[WORDS]
        if block[ROW] != cells_row:
            cells_row, cells = block[ROW], 0
            ahead = row
            while cells_row and ahead < min(rows, row + 50) and blocks[ahead, ROW] == cells_row:
                cells += ahead == row or blocks[ahead, CELL] != blocks[ahead - 1, CELL]
                ahead += 1
        x[j], x[j + 1], x[j + 2], x[j + 3] = units, words, ratio(block[LINK_UNITS], units), block[LINKS]
        x[j + 4], x[j + 5], x[j + 6] = fact[ENDS], fact[COMMAS], ratio(fact[DIGITS], units)
        x[j + 7], x[j + 8], x[j + 9] = ratio(fact[UPPERS], units), ratio(units, words), ratio(fact[SYMBOLS], units)
        x[j + 10], x[j + 11] = ratio(block[BOLD_UNITS], units), ratio(fact[TITLE_WORDS], words)
        x[j + 12], x[j + 13], x[j + 14] = fact[LAST], fact[FIRST_SIGN], fact[TWINS]
        x[j + 15], x[j + 16], x[j + 17] = block[HEAD], block[LIST], min(1, abs(block[MARK]))
        x[j + 18], x[j + 19], x[j + 20] = min(1, block[CELL]), min(1, block[PRE]), block[QUOTE]
        x[j + 21], x[j + 22], x[j + 23] = block[LINE], block[HEAD_CELL], cells
        x[j + 24] = depths[element] if element >= 0 else 0
        j += 25
        heading = totals[row, T_HEADING]
        x[j], x[j + 1] = ratio(row, rows), ratio(totals[row, T_UNITS], all_units)
        x[j + 2] = row - heading if heading >= 0 else 1000
        x[j + 3] = _sum(totals, T_UNITS, max(heading, 0), row)
        x[j + 4] = blocks[heading, HEAD] if heading >= 0 else 0
        x[j + 5] = row - h1 if h1 >= 0 else -1000
        x[j + 6], x[j + 7] = ratio(totals[row, T_COMMENT], all_units), ratio(totals[rows, T_COMMENT], all_units)
        x[j + 8], x[j + 9], x[j + 10] = rows, all_units, ratio(all_links, all_units)
        x[j + 11] = totals[rows, T_GOOD]
        j += 12
        for side in range(-NEAR, NEAR + 1):
            if side == 0:
                continue
            other = row + side
            if 0 <= other < rows:
                x[j], x[j + 1] = blocks[other, UNITS], ratio(blocks[other, LINK_UNITS], blocks[other, UNITS])
                x[j + 2], x[j + 3] = facts[other, LAST], blocks[other, HEAD]
            else:
                x[j] = x[j + 1] = x[j + 2] = x[j + 3] = -1
            j += 4
        first, last = max(0, row - NEAR), min(rows, row + NEAR + 1)
        x[j] = _sum(totals, T_UNITS, first, last)
        x[j + 1] = ratio(_sum(totals, T_LINKS, first, last), _sum(totals, T_UNITS, first, last))
        first, last = max(0, row - WIDE), min(rows, row + WIDE + 1)
        x[j + 2] = _sum(totals, T_UNITS, first, last)
        x[j + 3] = ratio(_sum(totals, T_LINKS, first, last), _sum(totals, T_UNITS, first, last))
        x[j + 4] = ratio(_sum(totals, T_GOOD, first, last), last - first)
        x[j + 5] = ratio(_sum(totals, T_ENDS, first, last), _sum(totals, T_WORDS, first, last))
        j += 6
        around(blocks, elements, wider, row, levels)
        for level in range(LEVELS):
            e = levels[level]
            first, last = (elements[e, FIRST], elements[e, END]) if e >= 0 else (0, rows)
            inside = _sum(totals, T_UNITS, first, last)
            x[j], x[j + 1] = ratio(inside, all_units), ratio(_sum(totals, T_LINKS, first, last), inside)
            x[j + 2], x[j + 3] = last - first, ratio(inside, last - first)
            x[j + 4] = ratio(_sum(totals, T_GOOD, first, last), last - first)
            x[j + 5] = ratio(_sum(totals, T_ENDS, first, last), _sum(totals, T_WORDS, first, last))
            x[j + 6] = ratio(row - first, last - first)
            j += 7
        for grouping in range(GROUPINGS):
            total = sums[grouping, groups[grouping, row]]
            count, inside, first = total[COUNT], total[ALL_UNITS], total[FIRST_ROW]
            x[j], x[j + 1], x[j + 2] = count, ratio(inside, count), ratio(total[ALL_LINKS], inside)
            x[j + 3], x[j + 4] = ratio(total[ALL_GOOD], count), ratio(total[ALL_ENDS], total[ALL_WORDS])
            x[j + 5] = ratio(total[LAST_ROW] - first + 1, count)
            x[j + 6], x[j + 7] = ratio(inside, all_units), ratio(first, rows)
            j += 8
