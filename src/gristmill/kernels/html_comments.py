"""Readers' comments by where they stand: text inside elements marked as comments, without forms, links and lists of other pages.

The trees learned from main text without comments and cannot tell a comment from the button below it. What is marked is told by
class names (`comment` of html_names.HINTS); an element so marked that holds most of the main text is no section of comments,
but a page with a class such as `comments-open`, or a forum.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from gristmill.kernels.html_names import HIDDEN_BIT, HINTS
from gristmill.kernels.html_stack import ELEMENT, END, FIRST, HEAD, LINK_UNITS, PARENT, PRE, UNITS

LEAST_UNITS = 8  # of a comment; shorter blocks are buttons, votes and initials

_OUTSIDE, _COMMENTS, _OTHER = range(3)


def _bits(*names: str) -> np.uint64:
    return np.uint64(sum(1 << HINTS.index(name) for name in names))


_COMMENT_BIT = _bits("comment")
_OTHER_PAGES = _bits("related")  # beside `comment`: the latest comments of the whole site
_RULES = _bits("overlay")  # inside: what may be written, how to log in
_NO_COMMENT = HIDDEN_BIT | _bits("in_form", "in_button", "in_nav")


@njit(cache=True, nogil=True)
def add_comments(blocks, elements, hints, chosen):
    """Choose the readers' comments too; chosen bool (blocks,) holds the main text."""
    before = np.zeros(len(blocks) + 1, np.int64)  # units of main text up to a block
    for row in range(len(blocks)):
        before[row + 1] = before[row] + (blocks[row, UNITS] if chosen[row] else 0)
    half = before[-1] // 2
    within = np.zeros(len(elements), np.uint8)
    for e in range(len(elements)):
        parent = elements[e, PARENT]
        kind = within[parent] if parent >= 0 else _OUTSIDE
        if (
            kind == _OUTSIDE
            and hints[e] & _COMMENT_BIT
            and before[elements[e, END]] - before[elements[e, FIRST]] <= half
        ):
            kind = _OTHER if hints[e] & (_OTHER_PAGES | _NO_COMMENT) else _COMMENTS
        elif kind == _COMMENTS and hints[e] & (_RULES | _NO_COMMENT):
            kind = _OTHER
        within[e] = kind
    for row in range(len(blocks)):
        block = blocks[row]
        if block[ELEMENT] >= 0 and within[block[ELEMENT]] == _COMMENTS and block[HEAD] == 0:
            chosen[row] |= block[PRE] > 0 or (block[UNITS] >= LEAST_UNITS and 2 * block[LINK_UNITS] <= block[UNITS])
