"""The stack of open elements while a page is read, and the tables it fills: elements and blocks of text.

A block is a run of inline text between two block-level tags. Elements and blocks are numbered in page order, so what lies inside
an element is a range of blocks. What a block needs to know of its surroundings (table row, list, heading …) is handed
down the stack: an element inherits it, changes it for its content, and gives it back when it is closed.
"""

from __future__ import annotations

import numpy as np

from gristmill.kernels.html_names import BLOCK, ELEMENT_FLAGS, NUMBER
from gristmill.kernels.leaf import inlined, leaf

DEEPEST = 290  # open elements; deeper ones are read as if they stood side by side (browsers: 512)

# columns of `elements` int32 (elements, 4): number of its name, parent (-1: none), blocks [first, end)
TAG, PARENT, FIRST, END = range(4)

# columns of `blocks` int32 (blocks, BLOCK_FIELDS)
(
    START,  # text is out[start:stop]
    STOP,
    ELEMENT,  # the innermost element its text begins in, -1: none
    UNITS,  # length: code points, those of scripts with much in a sign counted 2 or 3 times; no white space
    LINK_UNITS,  # of them inside links
    BOLD_UNITS,
    LINKS,
    ROW,  # table row by number from 1, the innermost; 0: none
    CELL,  # the same
    LIST,  # how many lists it is in
    PRE,  # number of the preformatted element it is in, whose white space counts; 0: none
    HEAD,  # 1–6 in headings
    QUOTE,  # how many quotes it is in
    MARK,  # of the first block of a list item: its number, -1 without one; else 0
    LINE,  # 1: only a line break parts it from the block before
    HEAD_CELL,  # 1 in <th>
    COLUMN,  # which column of its row its cell begins in, from 1; 0: none
    TABLE,  # number of the innermost table it is in; 0: none
    GROUP,  # number of the outermost list, or of the innermost list of terms; 0: none
    TERM,  # 1 in <dt>, 2 in <dd>, else 0
) = range(20)
BLOCK_FIELDS = 20

# a level of the stack, int32 (DEEPEST + 2, LEVEL_FIELDS)
S_ELEMENT, S_TAG, S_ROW, S_CELL, S_LIST, S_PRE, S_MUTE, S_HEAD, S_QUOTE, S_COUNT, S_LINK, S_HEAD_CELL = range(12)
S_COLUMN, S_TABLE, S_GROUP, S_TERM = range(12, 16)
LEVEL_FIELDS = 16

# the state of reading, int64 (STATE_FIELDS,)
(
    OUT,  # bytes of text written
    SPACE,  # 1: white space waits for the next sign
    BROKEN,  # 1: a line break waits
    BLOCK_START,
    BLOCK_ELEMENT,
    N_UNITS,
    N_LINK_UNITS,
    N_BOLD_UNITS,
    N_LINKS,
    LINK,  # 1 inside a link
    BOLD,
    DEPTH,
    OVERFLOW,  # open elements beyond DEEPEST
    BLOCKS,
    ELEMENTS_,
    ROWS,
    CELLS,
    PENDING_MARK,
    FOREIGN,  # 1: inside foreignObject
    TITLE_START,
    TITLE_END,
    SPLIT,  # 1: the next block follows line breaks alone
    STEPS,  # levels looked at, for the claim that work is linear
    PRES,
    TABLES,
    GROUPS,
    SPAN,  # columns that the cell about to be opened takes
    UNENDED,  # 1: a script within a script was never ended
    ORDINAL,  # number that the list about to be opened begins with, or that the item has; 0: none
) = range(29)
STATE_FIELDS = 29

_UL, _OL, _LI, _TD, _TH, _TR, _TABLE = (NUMBER[name] for name in ("ul", "ol", "li", "td", "th", "tr", "table"))
_MENU, _DIR, _PRE, _LISTING, _XMP = (NUMBER[name] for name in ("menu", "dir", "pre", "listing", "xmp"))
_QUOTE, _DL, _DT, _DD = (NUMBER[name] for name in ("blockquote", "dl", "dt", "dd"))
HEADING = np.zeros(len(ELEMENT_FLAGS), np.int64)
for _level in range(1, 7):
    HEADING[NUMBER[f"h{_level}"]] = _level


@leaf
def end_block(state, blocks, stack):
    """Close the block that is open; without text there is none."""
    if state[N_UNITS] == 0:
        state[OUT] = state[BLOCK_START]
    elif state[OUT] > state[BLOCK_START]:
        level = stack[state[DEPTH]]
        block = blocks[state[BLOCKS]]
        block[START], block[STOP] = state[BLOCK_START], state[OUT]
        block[ELEMENT] = state[BLOCK_ELEMENT]
        block[UNITS], block[LINK_UNITS] = state[N_UNITS], state[N_LINK_UNITS]
        block[BOLD_UNITS], block[LINKS] = state[N_BOLD_UNITS], state[N_LINKS]
        block[ROW], block[CELL], block[LIST] = level[S_ROW], level[S_CELL], level[S_LIST]
        block[PRE], block[HEAD], block[QUOTE] = level[S_PRE], level[S_HEAD], level[S_QUOTE]
        block[MARK], block[LINE], block[HEAD_CELL] = state[PENDING_MARK], state[SPLIT], level[S_HEAD_CELL]
        block[COLUMN], block[TABLE] = level[S_COLUMN], level[S_TABLE]
        block[GROUP], block[TERM] = level[S_GROUP], level[S_TERM]
        state[PENDING_MARK] = 0
        state[BLOCKS] += 1
        state[BLOCK_START] = state[OUT]
    state[N_UNITS] = state[N_LINK_UNITS] = state[N_BOLD_UNITS] = state[SPLIT] = 0
    state[N_LINKS] = state[LINK]
    state[SPACE] = state[BROKEN] = 0


@leaf
def push(state, elements, hints, stack, counts, tag, parent_hints):
    """Open an element. Block-level ones need `end_block` before."""
    depth = state[DEPTH]
    if depth >= DEEPEST:
        state[OVERFLOW] += 1
        return
    below, level = stack[depth], stack[depth + 1]
    for k in range(LEVEL_FIELDS):
        level[k] = below[k]
    number = state[ELEMENTS_]
    element = elements[number]
    element[TAG], element[PARENT], element[FIRST], element[END] = tag, below[S_ELEMENT], state[BLOCKS], state[BLOCKS]
    hints[number] = parent_hints
    state[ELEMENTS_] += 1
    level[S_ELEMENT], level[S_TAG], level[S_COUNT] = number, tag, 0
    counts[tag] += 1
    state[DEPTH] = depth + 1
    if tag in (_UL, _OL, _MENU, _DIR):
        if level[S_LIST] == 0:
            state[GROUPS] += 1
            level[S_GROUP] = state[GROUPS]
        level[S_LIST] += 1
        level[S_COUNT] = max(0, state[ORDINAL] - 1) if tag == _OL else -1
    elif tag == _LI:
        mark = -1
        for up in range(depth, max(depth - 8, 0), -1):
            if stack[up][S_TAG] == _OL:
                stack[up][S_COUNT] = state[ORDINAL] if state[ORDINAL] else stack[up][S_COUNT] + 1
                mark = stack[up][S_COUNT]
                break
            if stack[up][S_COUNT] < 0:
                break
        state[PENDING_MARK] = mark
    elif tag == _TR:
        state[ROWS] += 1
        level[S_ROW], level[S_CELL], level[S_COLUMN] = state[ROWS], 0, 0
    elif tag in (_TD, _TH):
        state[CELLS] += 1
        level[S_CELL] = state[CELLS]
        level[S_LINK] = state[LINK]
        level[S_COLUMN] = below[S_COUNT] + 1
        below[S_COUNT] += state[SPAN]
        level[S_LIST] = level[S_HEAD] = level[S_GROUP] = level[S_TERM] = 0
        level[S_HEAD_CELL] = 1 if tag == _TH else 0
        state[LINK] = 0
    elif tag == _TABLE:
        state[TABLES] += 1
        level[S_TABLE] = state[TABLES]
        level[S_ROW] = level[S_CELL] = level[S_COLUMN] = 0
    elif tag == _DL:
        state[GROUPS] += 1
        level[S_GROUP] = state[GROUPS]
    elif tag in (_DT, _DD):
        level[S_TERM] = 1 if tag == _DT else 2
    elif tag in (_PRE, _LISTING, _XMP):
        state[PRES] += 1
        level[S_PRE] = state[PRES]
    elif tag == _QUOTE:
        level[S_QUOTE] += 1
    elif HEADING[tag]:
        level[S_HEAD] = HEADING[tag]


@inlined
def pop_to(state, blocks, elements, stack, counts, depth):
    """Close open elements until `depth` of them are left, and the open block if one of them is block-level."""
    for at in range(state[DEPTH], depth, -1):
        if ELEMENT_FLAGS[stack[at][S_TAG]] & BLOCK:
            end_block(state, blocks, stack)
            break
    while state[DEPTH] > depth:
        level = stack[state[DEPTH]]
        tag = level[S_TAG]
        elements[level[S_ELEMENT]][END] = state[BLOCKS]
        counts[tag] -= 1
        if tag in (_TD, _TH):
            state[LINK] = level[S_LINK]
        elif tag == _LI:
            state[PENDING_MARK] = 0
        state[DEPTH] -= 1
        state[STEPS] += 1
