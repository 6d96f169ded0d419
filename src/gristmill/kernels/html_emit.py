"""Chosen blocks → text as a reader expects it: paragraphs apart, lists with their marks, rows on a line, code as it is."""

from __future__ import annotations

import numpy as np
from numba import njit

from gristmill.kernels.html_stack import CELL, COLUMN, HEAD, LIST, MARK, PRE, QUOTE, ROW, START, STOP, UNITS
from gristmill.kernels.html_text import PADDING
from gristmill.kernels.leaf import leaf

LONGEST_CELL = 400  # units; longer text stands in a table for layout only
SHORT_CELL = 60  # units; shorter ones stand close together where they are no row
NEAR = 3  # blocks before and behind code of which one must be chosen
MOST_CELLS = 60  # of a row
DEEPEST_LIST = 8  # lists deeper than that are written at that depth
_ROOM = 128  # bytes that marks around a block and each of its lines can take

_SPACE, _NEWLINE, _BAR, _DASH, _HASH, _QUOTE_SIGN, _TICK = (ord(sign) for sign in " \n|-#>`")


@leaf
def _row_end(blocks, chosen, row):
    """The block behind the last of a table row whose first chosen block is `row`; `row` itself when this is no row of data.

    Data: two chosen cells or more, each one short block.
    """
    rows = len(blocks)
    number = blocks[row, ROW]
    if number == 0 or blocks[row, CELL] == 0 or (row > 0 and chosen[row - 1] and blocks[row - 1, ROW] == number):
        return row
    at, cells, last = row, 0, -1
    while at < rows and (not chosen[at] or blocks[at, ROW] == number):
        if chosen[at]:
            cell = blocks[at, CELL]
            if cell == last or cell == 0 or blocks[at, UNITS] > LONGEST_CELL or blocks[at, PRE] or blocks[at, LIST]:
                return row
            last = cell
            cells += 1
            if cells > MOST_CELLS:
                return row
        elif blocks[at, ROW] != number:
            break
        at += 1
    return at if cells > 1 else row


@njit(cache=True, nogil=True)
def drop_tables(blocks, chosen):
    """Un-choose the rows of data tables."""
    row = 0
    while row < len(blocks):
        end = _row_end(blocks, chosen, row) if chosen[row] else row
        if end > row:
            chosen[row:end] = False
            row = end
        else:
            row += 1


@leaf
def _newlines(out, at, wanted):
    """At least `wanted` newlines at the end of out[:at], none at its beginning."""
    if at == 0:
        return at
    have = 0
    while have < wanted and have < at and out[at - 1 - have] == _NEWLINE:
        have += 1
    for _ in range(wanted - have):
        out[at] = _NEWLINE
        at += 1
    return at


@leaf
def _repeat(out, at, sign, times):
    for _ in range(times):
        out[at] = sign
        at += 1
    return at


@leaf
def _number(out, at, number):
    digits = 1
    scale = np.int64(1)
    while number // scale >= 10 and digits < 10:
        scale *= 10
        digits += 1
    while scale > 0:
        out[at] = 48 + number // scale % 10
        at += 1
        scale //= 10
    return at


@leaf
def _cell(text, start, stop, out, at, markdown):
    for k in range(start, stop):
        byte = text[k]
        if byte == _NEWLINE:
            byte = np.uint8(_SPACE)
        elif markdown and byte == _BAR:
            out[at] = 92
            at += 1
        out[at] = byte
        at += 1
    return at


@leaf
def _write_row(text, blocks, chosen, row, end, out, at, markdown, header):
    column = 0
    for k in range(row, end):
        if not chosen[k]:
            continue
        if markdown:
            ahead = min(max(blocks[k, COLUMN] - column, 1), MOST_CELLS) if k > row or column == 0 else 1
            for _ in range(ahead - 1):
                out[at], out[at + 1] = _BAR, _SPACE
                at += 2
            out[at], out[at + 1] = _BAR, _SPACE
            at += 2
        elif column:
            out[at], out[at + 1], out[at + 2] = _SPACE, _BAR, _SPACE
            at += 3
        column = max(blocks[k, COLUMN], 1)
        at = _cell(text, blocks[k, START], blocks[k, STOP], out, at, markdown)
        if markdown:
            out[at] = _SPACE
            at += 1
    if markdown:
        out[at] = _BAR
        at += 1
        if header:
            out[at] = _NEWLINE
            at += 1
            for _ in range(min(column, MOST_CELLS)):
                out[at], out[at + 1], out[at + 2], out[at + 3] = _BAR, _DASH, _DASH, _DASH
                at += 4
            out[at] = _BAR
            at += 1
    return at


@leaf
def _write_code(text, blocks, chosen, row, out, at, markdown):
    """The chosen blocks of one preformatted element: (the row behind them, the place in out)."""
    code = blocks[row, PRE]
    if markdown:
        at = _repeat(out, at, _TICK, 3)
        out[at] = _NEWLINE
        at += 1
    first = at
    while row < len(blocks) and blocks[row, PRE] == code:
        if chosen[row]:
            if at > first:
                at = _newlines(out, at, 1)
            for k in range(blocks[row, START], blocks[row, STOP]):
                out[at] = text[k]
                at += 1
            while at > first and out[at - 1] <= 32:
                at -= 1
        row += 1
    if markdown:
        out[at] = _NEWLINE
        at = _repeat(out, at + 1, _TICK, 3)
    return row, at


@njit(cache=True, nogil=True)
def adopt_code(blocks, chosen):
    """Choose code that stands in the middle of chosen text, whatever it looks like by itself."""
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


@njit(cache=True, nogil=True)
def write_text(text, blocks, chosen, markdown, out):
    """The text of the chosen blocks into out; its length."""
    at = 0
    rows = len(blocks)
    row = 0
    mark = 0  # of a list item whose first block was not chosen
    in_list = in_table = in_rows = in_quote = False
    while row < rows:
        block = blocks[row]
        if block[LIST] == 0:
            mark = 0
        elif block[MARK]:
            mark = block[MARK]
        if not chosen[row]:
            row += 1
            continue
        end = _row_end(blocks, chosen, row)
        if end > row:
            at = _newlines(out, at, 1 if in_rows or (in_table and not markdown) else 2)
            at = _write_row(text, blocks, chosen, row, end, out, at, markdown, not in_rows)
            in_table, in_rows, in_list, in_quote = True, True, False, False
            row = end
            continue
        if block[PRE]:
            at = _newlines(out, at, 2)
            row, at = _write_code(text, blocks, chosen, row, out, at, markdown)
            in_table = in_rows = in_list = in_quote = False
            continue
        depth = min(block[LIST], DEEPEST_LIST)
        item = mark != 0 and depth > 0
        in_cell = block[CELL] > 0 and block[UNITS] < SHORT_CELL
        at = _newlines(out, at, 1 if (in_list and depth) or (in_table and in_cell) else 2)
        quoted = markdown and block[QUOTE] > 0
        if quoted and in_quote and at > 1 and out[at - 2] == _NEWLINE:
            out[at - 1] = _QUOTE_SIGN
            out[at] = _NEWLINE
            at += 1
        indent = 0
        if quoted:
            out[at], out[at + 1] = _QUOTE_SIGN, _SPACE
            at += 2
        if item:
            at = _repeat(out, at, _SPACE, 2 * (depth - 1))
            if mark > 0:
                at = _number(out, at, mark)
                out[at], out[at + 1] = 46, _SPACE
            else:
                out[at], out[at + 1] = _DASH, _SPACE
            at += 2
            indent = 2 * depth
            mark = 0
        elif markdown and depth:
            indent = 2 * depth
            at = _repeat(out, at, _SPACE, indent)
        if markdown and block[HEAD] and not item and block[CELL] == 0:
            at = _repeat(out, at, _HASH, block[HEAD])
            out[at] = _SPACE
            at += 1
        stop = block[STOP]
        while stop > block[START] and text[stop - 1] <= 32:
            stop -= 1
        for k in range(block[START], stop):
            out[at] = text[k]
            at += 1
            if text[k] == _NEWLINE:
                if quoted:
                    out[at], out[at + 1] = _QUOTE_SIGN, _SPACE
                    at += 2
                if indent:
                    at = _repeat(out, at, _SPACE, indent)
        in_list, in_table, in_rows, in_quote = depth > 0, in_cell, False, quoted
        row += 1
    return at


def emit(text: np.ndarray, blocks: np.ndarray, chosen: np.ndarray, markdown: bool) -> str:
    """The text of chosen blocks (bool per block), without trailing white space."""
    lines = int(np.count_nonzero(text == _NEWLINE)) if len(text) else 0
    bars = int(np.count_nonzero(text == _BAR)) if markdown and len(text) else 0
    out = np.empty(len(text) + bars + 40 * lines + (2 * MOST_CELLS * 4 + _ROOM) * len(blocks) + PADDING, np.uint8)
    return bytes(out[: write_text(text, blocks, chosen, markdown, out)]).decode("utf-8")
