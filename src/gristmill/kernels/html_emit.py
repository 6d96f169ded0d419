"""Chosen blocks → text as a reader expects it: paragraphs apart, lists with their marks, rows on a line, code as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from gristmill.kernels.html_markdown import HEADING, NOTES, longest_run, look_ahead, write_inline, write_line
from gristmill.kernels.html_rows import MOST_CELLS, mark_columns, row_end, write_row, write_rule
from gristmill.kernels.html_spots import carry_out
from gristmill.kernels.html_stack import CELL, GROUP, HEAD, LIST, MARK, PRE, QUOTE, START, STOP, TABLE, TERM, UNITS
from gristmill.kernels.html_text import PADDING
from gristmill.kernels.leaf import leaf

if TYPE_CHECKING:
    from gristmill.kernels.html_blocks import PageBlocks

SHORT_CELL = 60  # units; shorter ones stand close together where they are no row
LONGEST_TERM = 200  # units; what is said of longer ones is a paragraph of its own
DEEPEST_LIST = 8  # lists deeper than that are written at that depth
LONGEST_FENCE = 30
_INDENT = 100  # bytes before a line that is not the first of its block
_ROOM = 192  # bytes that marks around a block and each of its lines can take

_SPACE, _NEWLINE, _DASH, _HASH, _QUOTE_SIGN, _TICK, _BACKSLASH = (ord(sign) for sign in " \n-#>`\\")


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
def _behind_anchor(text, block):
    """The beginning of a heading, without the § that rustdoc puts there to link to it; that of `§1` and `§ 1` stays."""
    start, stop = block[START], block[STOP]
    if block[HEAD] and stop - start > 2 and text[start] == 0xC2 and text[start + 1] == 0xA7:
        letter = text[start + 2] | 32
        return start + 2 if 97 <= letter <= 122 else start
    return start


@leaf
def _fence(text, blocks, row):
    """How many backticks stand before and behind the code that begins at `row`: more than in a row inside."""
    code, longest = blocks[row, PRE], 2
    while row < len(blocks) and blocks[row, PRE] == code:
        longest = max(longest, longest_run(text, blocks[row, START], blocks[row, STOP]))
        row += 1
    return min(longest, LONGEST_FENCE - 1) + 1


@leaf
def _write_code(text, blocks, chosen, row, out, at, markdown):
    """The chosen blocks of one preformatted element: (the row behind them, the place in out)."""
    code = blocks[row, PRE]
    fence = _fence(text, blocks, row) if markdown else 0
    if markdown:
        at = _repeat(out, at, _TICK, fence)
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
        at = _repeat(out, at + 1, _TICK, fence)
    return row, at


@leaf
def _without_anchor(text, block):
    """The end of a heading or term, without the ¶, # or chain that manuals put there to link to it."""
    start, stop = block[START], block[STOP]
    if stop - start > 2 and text[stop - 2] == 0xC2 and text[stop - 1] == 0xB6:  # ¶
        return stop - 2
    if stop - start > 3 and text[stop - 3] == 0xEF and text[stop - 2] == 0x83 and text[stop - 1] == 0x81:  # U+F0C1
        return stop - 3
    if stop - start > 4 and text[stop - 4] == 0xF0 and text[stop - 3] == 0x9F and text[stop - 2] == 0x94:
        return stop - 4 if text[stop - 1] == 0x97 else stop  # U+1F517
    if stop - start > 2 and text[stop - 1] == _HASH and (97 <= text[stop - 2] <= 122 or text[stop - 2] == 41):
        return stop - 1  # C# and F# stay
    return stop


@leaf
def _indent(widths, depth, item, markdown):
    """Spaces before the mark of an item, or before a further block of one, `depth` lists deep.

    Markdown wants an item where the text of the item around it begins; widths[d] says where that is, -1 that there is none.
    """
    if not markdown:
        return 2 * (depth - 1) if item else 0
    if item:
        for deeper in range(depth, DEEPEST_LIST + 1):
            widths[deeper] = -1
        depth -= 1
    while depth > 0 and widths[depth] < 0:
        depth -= 1
    return widths[depth] if depth > 0 else 0


@leaf
def _write_lines(text, start, stop, out, at, quoted, indent, markdown, notes):
    """A block's lines, each behind the marks of what it stands in."""
    if markdown:
        look_ahead(text, start, stop, notes)
    while start < stop:
        end = start
        while end < stop and text[end] != _NEWLINE:
            end += 1
        if markdown:
            at = write_line(text, start, end, stop, notes, out, at)
        else:
            for k in range(start, end):
                out[at] = text[k]
                at += 1
        start = end
        if start < stop:
            out[at] = _NEWLINE
            at += 1
            start += 1
            if quoted:
                out[at], out[at + 1] = _QUOTE_SIGN, _SPACE
                at += 2
            at = _repeat(out, at, _SPACE, indent)
    return at


@leaf
def _write_heading(text, start, stop, out, at, notes):
    """A heading on one line; number signs at its end would be taken for a mark."""
    look_ahead(text, start, stop, notes)
    at = write_inline(text, start, stop, stop, notes, out, at, HEADING)
    run = at
    while out[run - 1] == _HASH:
        run -= 1
    if run < at and out[run - 1] == _SPACE:
        out[run], out[at] = _BACKSLASH, _HASH
        at += 1
    return at


@njit(cache=True, nogil=True)
def write_text(text, blocks, chosen, markdown, out):
    """The text of the chosen blocks into out; its length."""
    at = 0
    rows = len(blocks)
    row = 0
    mark = 0  # of a list item whose first block was not chosen
    group = table = last_depth = 0  # of the block before, if it was in a list, in a row
    in_table = in_rows = in_quote = after_term = False
    used = np.zeros(MOST_CELLS + 1, np.bool_)
    fewest = 1 if markdown else 2  # cells of a row that is not the first: a paragraph would end the table
    widths, notes = np.full(DEEPEST_LIST + 1, -1, np.int64), np.zeros(NOTES, np.int64)
    while row < rows:
        block = blocks[row]
        if block[LIST] == 0:
            mark = 0
        elif block[MARK]:
            mark = block[MARK]
        if not chosen[row]:
            row += 1
            continue
        again = in_rows and table == block[TABLE]
        end = row_end(blocks, chosen, row, fewest if again else 2)
        if end > row:
            at = _newlines(out, at, 1 if again or (in_table and not markdown) else 2)
            if not again:
                mark_columns(blocks, chosen, row, used, fewest)
            at, column = write_row(text, blocks, chosen, row, end, used, out, at, markdown, notes)
            if markdown and not again:
                at = write_rule(out, at, column, used)
            in_table, in_rows, in_quote, after_term, group, table = True, True, False, False, 0, block[TABLE]
            row = end
            continue
        if block[PRE]:
            at = _newlines(out, at, 2)
            row, at = _write_code(text, blocks, chosen, row, out, at, markdown)
            in_table = in_rows = in_quote = after_term = False
            group = 0
            continue
        depth = min(block[LIST], DEEPEST_LIST)
        item = mark != 0 and depth > 0
        in_cell = block[CELL] > 0 and block[UNITS] < SHORT_CELL
        quoted = markdown and block[QUOTE] > 0
        explains = after_term and block[TERM] > 0 and not markdown
        listed = depth > 0 and group == block[GROUP]
        if not listed or quoted != in_quote:
            last_depth = 0
            widths[:] = -1
        close = listed or (in_table and in_cell) or explains
        if (
            markdown and close
        ):  # a line right below is more of the paragraph or of the table, and so is an item 2. of a new list
            close = (item and (mark < 2 or depth <= last_depth)) or (in_cell and not listed and not in_rows)
        at = _newlines(out, at, 1 if close and quoted == in_quote else 2)
        if quoted and in_quote and at > 1 and out[at - 2] == _NEWLINE:
            out[at - 1] = _QUOTE_SIGN
            out[at] = _NEWLINE
            at += 1
        if quoted:
            out[at], out[at + 1] = _QUOTE_SIGN, _SPACE
            at += 2
        indent = _indent(widths, depth, item, markdown)
        if item or markdown:
            at = _repeat(out, at, _SPACE, indent)
        if item:
            first = at
            if mark > 0:
                at = _number(out, at, mark)
                out[at], out[at + 1] = 46, _SPACE
            else:
                out[at], out[at + 1] = _DASH, _SPACE
            at += 2
            indent = indent + at - first if markdown else 2 * depth
            widths[depth] = indent
            mark = 0
        heading = markdown and block[HEAD] > 0 and not item and block[CELL] == 0
        if heading:
            at = _repeat(out, at, _HASH, block[HEAD])
            out[at] = _SPACE
            at += 1
        stop = _without_anchor(text, block) if block[HEAD] or block[TERM] == 1 else block[STOP]
        while stop > block[START] and text[stop - 1] <= 32:
            stop -= 1
        start = _behind_anchor(text, block)
        if heading:
            at = _write_heading(text, start, stop, out, at, notes)
        else:
            at = _write_lines(text, start, stop, out, at, quoted, indent, markdown, notes)
        in_table, in_rows, in_quote, group = in_cell, False, quoted, block[GROUP] if depth else 0
        last_depth = depth
        after_term = block[TERM] == 1 and block[UNITS] < LONGEST_TERM
        row += 1
    return at


def emit(page: PageBlocks, chosen: np.ndarray, markdown: bool) -> str:
    """The text of chosen blocks (bool per block), without trailing white space."""
    text, blocks = carry_out(page.text, page.blocks, chosen, page.spots)
    chosen = chosen & (blocks[:, STOP] > blocks[:, START])
    lines = int(np.count_nonzero(text == _NEWLINE)) if len(text) else 0
    signs = int(np.count_nonzero(text < 127)) if markdown and len(text) else 0  # each can get a backslash
    room = len(text) + signs + _INDENT * lines + (2 * MOST_CELLS * 4 + _ROOM) * len(blocks) + PADDING
    out = np.empty(room, np.uint8)
    return bytes(out[: write_text(text, blocks, chosen, markdown, out)]).decode("utf-8")
