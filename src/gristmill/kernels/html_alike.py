"""Blocks alike: those in the same markup, such as the teasers of a start page, the posts of a thread, paragraphs.

Pages are made from templates, so what stands in the same markup is of one sort. One short block tells little; all that are alike
tell what they are together. Two groupings: by the innermost element, and by the three innermost. Elements are the same when they
have the same tag and the same HINTS; names of classes beyond those differ too much within one template.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from gristmill.kernels.html_facts import ENDS, MIX, WORDS, good_paragraph, place_of_twins
from gristmill.kernels.html_stack import ELEMENT, HEAD, LINK_UNITS, PARENT, TAG, UNITS
from gristmill.kernels.leaf import leaf

SPANS = (1, 3)  # elements looked at, per grouping
GROUPINGS = len(SPANS)

# columns of `sums` int64 (GROUPINGS, groups, SUMS)
COUNT, ALL_UNITS, ALL_LINKS, ALL_GOOD, ALL_ENDS, ALL_WORDS, FIRST_ROW, LAST_ROW = range(8)
SUMS = 8


@leaf
def _mixed(value, number):
    value = (value ^ number) * MIX
    return value ^ value >> np.uint64(32)


@leaf
def _markup(block, elements, hints, span):
    """A number for the `span` innermost elements around a block, and whether it is a heading."""
    value = _mixed(MIX, np.uint64(block[HEAD]))
    element = np.int64(block[ELEMENT])
    for _ in range(span):
        if element < 0:
            break
        value = _mixed(_mixed(value, np.uint64(elements[element, TAG])), hints[element])
        element = np.int64(elements[element, PARENT])
    return value


@njit(cache=True, nogil=True)
def group_blocks(blocks, elements, hints, groups):
    """Fill groups int32 (GROUPINGS, blocks): a number for each markup, from 0 on. Returns the larger count of groups."""
    rows = len(blocks)
    most = 0
    bits = 4
    while (1 << bits) < 2 * rows:
        bits += 1
    markups = np.empty(rows, np.uint64)
    for grouping in range(GROUPINGS):
        places = np.full(1 << bits, -1, np.int32)
        count = 0
        for row in range(rows):
            markups[row] = _markup(blocks[row], elements, hints, SPANS[grouping])
            at = place_of_twins(markups, places, bits, row)
            if at >= 0 and places[at] >= 0:
                groups[grouping, row] = groups[grouping, places[at]]
                continue
            if at >= 0:
                places[at] = row
            groups[grouping, row] = count
            count += 1
        most = max(most, count)
    return most


@njit(cache=True, nogil=True)
def sum_up_groups(blocks, facts, groups, sums):
    """Fill `sums`."""
    sums[:] = 0
    for grouping in range(GROUPINGS):
        for row in range(len(blocks)):
            block, fact, total = blocks[row], facts[row], sums[grouping, groups[grouping, row]]
            if total[COUNT] == 0:
                total[FIRST_ROW] = row
            total[COUNT] += 1
            total[ALL_UNITS] += block[UNITS]
            total[ALL_LINKS] += block[LINK_UNITS]
            total[ALL_GOOD] += good_paragraph(block, fact)
            total[ALL_ENDS] += fact[ENDS]
            total[ALL_WORDS] += fact[WORDS]
            total[LAST_ROW] = row
