"""HTML → blocks of text in one pass, as browsers read it as far as that matters for text.

page = read_blocks(html.encode("utf-8"))
bytes(page.text[page.blocks[0, START] : page.blocks[0, STOP]])

Open paragraphs, list items, rows and cells are closed where browsers close them; the content of scripts, styles and templates is
skipped; noscript is read; inline elements leave no trace but counts. No recursion, and work linear in the page: an end tag looks
at no more than DEEPEST levels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from gristmill.kernels.html_attributes import HARD_HIDDEN, read_attributes
from gristmill.kernels.html_names import (
    BLOCK,
    BREAKS_OUT,
    CLOSES_P,
    ELEMENT_FLAGS,
    ELEMENT_HINTS,
    ENDS_TAG_NAME,
    FNV_START,
    FORMAT,
    LINE_BIT,
    NUMBER,
    RAW,
    SCOPE,
    SKIP,
    VOID,
    element_named,
    read_name,
    unseen,
)
from gristmill.kernels.html_scan import GREATER, LESS, after_comment, count, is_letter, next_byte, raw_end, script_end
from gristmill.kernels.html_spots import (
    N_SPOTS,
    NOTES,
    close_raised,
    close_unseen,
    inline_begins,
    inline_ended,
    open_raised,
    open_unseen,
)
from gristmill.kernels.html_stack import (
    BLOCK_ELEMENT,
    BLOCK_FIELDS,
    BLOCKS,
    BOLD,
    BROKEN,
    DEEPEST,
    DEPTH,
    ELEMENTS_,
    FOREIGN,
    HEADING,
    LEVEL_FIELDS,
    LINK,
    N_BOLD_UNITS,
    N_LINK_UNITS,
    N_LINKS,
    N_UNITS,
    ORDINAL,
    OUT,
    OVERFLOW,
    S_ELEMENT,
    S_MUTE,
    S_PRE,
    S_TAG,
    SPACE,
    SPAN,
    SPLIT,
    STATE_FIELDS,
    STEPS,
    TITLE_END,
    TITLE_START,
    UNENDED,
    end_block,
    pop_to,
    push,
)
from gristmill.kernels.html_text import PADDING, append_bytes, append_text
from gristmill.kernels.leaf import inlined, leaf

_A, _B, _STRONG, _BR, _HR, _P = (NUMBER[name] for name in ("a", "b", "strong", "br", "hr", "p"))
_LI, _DD, _DT, _TR, _TD, _TH = (NUMBER[name] for name in ("li", "dd", "dt", "tr", "td", "th"))
_TBODY, _THEAD, _TFOOT, _TABLE = (NUMBER[name] for name in ("tbody", "thead", "tfoot", "table"))
_UL, _OL, _DIV, _ADDRESS, _TITLE = (NUMBER[name] for name in ("ul", "ol", "div", "address", "title"))
_RT, _RP, _SVG, _SELECT, _FOREIGN = (NUMBER[name] for name in ("rt", "rp", "svg", "select", "foreignobject"))
_SCRIPT_SCHEME = np.frombuffer(b"javascript:", np.uint8)
_OPTION, _BUTTON, _RUBY, _SUP, _SCRIPT = (NUMBER[name] for name in ("option", "button", "ruby", "sup", "script"))


@inlined
def _close_before(state, blocks, elements, stack, counts, tag):
    """Close what a start tag ends without an end tag of its own."""
    flags = ELEMENT_FLAGS[tag]
    depth = state[DEPTH]
    if flags & CLOSES_P and counts[_P]:
        at = depth
        while at > 0 and not ELEMENT_FLAGS[stack[at][S_TAG]] & SCOPE:
            if stack[at][S_TAG] == _P:
                pop_to(state, blocks, elements, stack, counts, at - 1)
                break
            at -= 1
        state[STEPS] += depth - at
        depth = state[DEPTH]
    if HEADING[tag] and HEADING[stack[depth][S_TAG]]:
        pop_to(state, blocks, elements, stack, counts, depth - 1)
    elif (tag == _LI and counts[_LI]) or ((tag in (_DD, _DT)) and counts[_DD] + counts[_DT]):
        at = depth
        while at > 0:
            open_ = stack[at][S_TAG]
            if open_ == tag or (tag != _LI and (open_ in (_DD, _DT))):
                pop_to(state, blocks, elements, stack, counts, at - 1)
                break
            if ELEMENT_FLAGS[open_] & BLOCK and open_ != _ADDRESS and open_ != _DIV and open_ != _P:
                break
            at -= 1
        state[STEPS] += depth - at
    elif tag in (_TR, _TD, _TH, _TBODY, _THEAD, _TFOOT):
        at, found = depth, -1
        while at > 0 and stack[at][S_TAG] != _TABLE:
            open_ = stack[at][S_TAG]
            if open_ == _TR and tag != _TR and (tag in (_TD, _TH)):
                break
            groups = tag in (_TBODY, _THEAD, _TFOOT) and open_ in (_TBODY, _THEAD, _TFOOT)
            if groups or open_ in (_TD, _TH, _TR):
                found = at
            at -= 1
        state[STEPS] += depth - at
        if found > 0 and at > 0:
            pop_to(state, blocks, elements, stack, counts, found - 1)
    elif tag in (_RT, _RP) and stack[depth][S_TAG] in (_RT, _RP):
        pop_to(state, blocks, elements, stack, counts, depth - 1)
    elif tag == _BUTTON and counts[_BUTTON]:
        at = depth
        while stack[at][S_TAG] != _BUTTON:
            at -= 1
        pop_to(state, blocks, elements, stack, counts, at - 1)


@inlined
def _end_tag(state, blocks, elements, stack, counts, out, tag):
    if tag == _A:
        state[LINK] = 0
        return
    if tag in (_B, _STRONG):
        state[BOLD] = 0
        return
    if tag == _BR:
        _line_break(state, blocks, stack, out)
        return
    if tag == _P and counts[_P] == 0:
        end_block(state, blocks, stack)
        return
    if state[OVERFLOW] and ELEMENT_FLAGS[tag] & (FORMAT | VOID) == 0:
        state[OVERFLOW] -= 1
        if ELEMENT_FLAGS[tag] & BLOCK:
            end_block(state, blocks, stack)
        return
    heading = HEADING[tag] > 0
    if counts[tag] == 0 and not heading:
        return
    table_part = tag in (_TR, _TD, _TH, _TBODY, _THEAD, _TFOOT)
    block = ELEMENT_FLAGS[tag] & BLOCK != 0
    at = state[DEPTH]
    while at > 0:
        open_ = stack[at][S_TAG]
        if open_ == tag or (heading and HEADING[open_]):
            pop_to(state, blocks, elements, stack, counts, at - 1)
            break
        if open_ == _TABLE and tag != _TABLE:
            break
        if not table_part and tag != _TABLE and ELEMENT_FLAGS[open_] & SCOPE:
            break
        if tag == _LI and (open_ in (_UL, _OL)):
            break
        if not block and ELEMENT_FLAGS[open_] & BLOCK:
            break
        at -= 1
        state[STEPS] += 1


@leaf
def _behind_raw(data, at, n, name, length, tag, state):
    """Scripts within scripts are believed until one is never ended, so that a page is searched in vain no more than once."""
    if tag != _SCRIPT or state[UNENDED]:
        return raw_end(data, at, n, name, length)
    end, ended = script_end(data, at, n, name, length)
    if not ended:
        state[UNENDED] = 1
        state[STEPS] += n - end
    return end


@leaf
def _line_break(state, blocks, stack, out):
    if stack[state[DEPTH]][S_PRE]:
        if state[N_UNITS]:
            out[state[OUT]] = 10
            state[OUT] += 1
    elif state[BROKEN] and state[N_UNITS]:
        end_block(state, blocks, stack)
        state[SPLIT] = 1
    elif state[N_UNITS]:
        state[BROKEN] = 1


@leaf
def _leads_away(data, href):
    """Whether a link's target is another page, no place on this one and no script."""
    start, length = href[0], href[1] - href[0]
    if length <= 0 or data[start] == 35:  # #
        return False
    same = 0
    while same < min(length, len(_SCRIPT_SCHEME)) and data[start + same] | 32 == _SCRIPT_SCHEME[same] | 32:
        same += 1
    return same < len(_SCRIPT_SCHEME)


@leaf
def _append_target(data, href, out, state, stack, scratch):
    units, links, bold = state[N_UNITS], state[N_LINK_UNITS], state[N_BOLD_UNITS]
    state[SPACE] = 1
    scratch[0], scratch[1] = 40, 41
    append_bytes(scratch, 0, 1, out, state, stack)
    state[SPACE] = 0
    at = href[0]
    while at < href[1]:
        at = append_text(data, at, href[1], out, state, stack, scratch)
        if at < href[1]:
            at = append_bytes(data, at, at + 1, out, state, stack)
    scratch[1] = 41
    append_bytes(scratch, 1, 2, out, state, stack)
    state[N_UNITS], state[N_LINK_UNITS], state[N_BOLD_UNITS] = units, links, bold


@njit(cache=True, nogil=True)
def _read(data, n, keep_links, out, blocks, elements, hints, state, stack, counts, spots, notes):
    href = np.zeros(4, np.int64)
    link_href = np.zeros(2, np.int64)
    scratch = np.zeros(16, np.uint8)
    at = np.int64(0)
    stack[0][S_ELEMENT] = -1
    state[BLOCK_ELEMENT] = -1
    while at < n:
        close_unseen(spots, notes, state, stack)
        if data[at] != 60:
            at = append_text(data, at, n, out, state, stack, scratch)
            continue
        after = data[at + 1]
        if after == 33:  # <!
            if data[at + 2] == 45 and data[at + 3] == 45:
                at = after_comment(data, at, n)
            else:
                at = next_byte(data, at + 2, n, GREATER) + 1
            continue
        if after == 63:  # <?
            at = next_byte(data, at + 2, n, GREATER) + 1
            continue
        closing = after == 47
        name = at + 2 if closing else at + 1
        if not is_letter(data[name]):
            if closing and data[name] == 62:
                at = name + 1
            elif closing and name < n:
                at = next_byte(data, name, n, GREATER) + 1
            else:
                at = append_bytes(data, at, at + 1, out, state, stack)
            continue
        end, name_hash = read_name(data, name, n, ENDS_TAG_NAME, FNV_START)
        tag = element_named(name_hash, data, name, end)
        at, bits, self_closing = read_attributes(data, end, n, href)
        if at > n:
            break
        state[SPAN], state[ORDINAL] = href[2], href[3]
        flags = ELEMENT_FLAGS[tag]
        depth = state[DEPTH]
        if bits & LINE_BIT and stack[depth][S_PRE] and state[N_UNITS] and out[state[OUT] - 1] != 10:
            state[BROKEN] = 1
        if stack[depth][S_MUTE]:
            muting = stack[depth][S_TAG]
            if closing:
                if tag == muting:
                    pop_to(state, blocks, elements, stack, counts, depth - 1)
                elif tag == _FOREIGN:
                    state[FOREIGN] = 0
                elif (muting in (_RT, _RP)) and flags & BLOCK | (tag == _RUBY):
                    pop_to(state, blocks, elements, stack, counts, depth - 1)
                    _end_tag(state, blocks, elements, stack, counts, out, tag)
                continue
            if flags & RAW:
                at = _behind_raw(data, at, n, name, end - name, tag, state)
                continue
            if tag == _FOREIGN and not self_closing:
                state[FOREIGN] = 1
            breaks_out = flags & BREAKS_OUT and state[FOREIGN] == 0
            if not (
                (breaks_out and (muting in (_SVG, _SELECT, _RT, _RP)))
                or ((muting in (_RT, _RP)) and (tag in (_RT, _RP)))
            ):
                if tag == muting and not self_closing:
                    push(state, elements, hints, stack, counts, tag, bits)
                continue
            while stack[state[DEPTH]][S_MUTE]:
                pop_to(state, blocks, elements, stack, counts, state[DEPTH] - 1)
            depth = state[DEPTH]
        if closing:
            if keep_links and tag == _A and state[LINK] and state[N_UNITS] and _leads_away(data, link_href):
                _append_target(data, link_href, out, state, stack, scratch)
            if tag == _A:
                link_href[1] = 0
            if tag == _SUP:
                close_raised(spots, notes, state)
            inline_ended(notes, state, tag)
            _end_tag(state, blocks, elements, stack, counts, out, tag)
            continue
        if flags & RAW:
            start = at
            at = _behind_raw(data, at, n, name, end - name, tag, state)
            if tag == _TITLE and state[TITLE_END] == 0:
                state[TITLE_START], state[TITLE_END] = start, at
            continue
        if tag == _BR:
            _line_break(state, blocks, stack, out)
            continue
        if flags & VOID:
            if tag == _HR:
                _close_before(state, blocks, elements, stack, counts, tag)
                end_block(state, blocks, stack)
            continue
        inline_begins(spots, notes, state, stack, tag)
        if flags & FORMAT:
            if tag == _A:
                state[LINK] = 1
                state[N_LINKS] += 1
                link_href[0], link_href[1] = href[0], href[1]
            elif tag in (_B, _STRONG):
                state[BOLD] = 1
            elif tag == _SUP:
                open_raised(spots, notes, state)
            continue
        if flags & SKIP:
            if tag in (_RT, _RP):
                _close_before(state, blocks, elements, stack, counts, tag)
            if self_closing and tag == _SVG:
                continue
            if state[DEPTH] < DEEPEST:
                push(state, elements, hints, stack, counts, tag, bits)
                stack[state[DEPTH]][S_MUTE] = 1
                state[FOREIGN] = 0
            continue
        _close_before(state, blocks, elements, stack, counts, tag)
        if flags & BLOCK:
            end_block(state, blocks, stack)
            push(state, elements, hints, stack, counts, tag, bits & ~HARD_HIDDEN | ELEMENT_HINTS[tag])
        else:
            pushed = state[DEPTH] < DEEPEST
            push(state, elements, hints, stack, counts, tag, bits & ~HARD_HIDDEN)
            if pushed and bits & HARD_HIDDEN:
                stack[state[DEPTH]][S_MUTE] = 1
            elif pushed and unseen(bits):
                open_unseen(spots, notes, state, stack)
    close_unseen(spots, notes, state, stack)
    pop_to(state, blocks, elements, stack, counts, 0)
    end_block(state, blocks, stack)


@dataclass(frozen=True, slots=True)
class PageBlocks:
    """What one page holds; columns as in html_stack."""

    text: np.ndarray  # uint8: the blocks' text, one after the other
    blocks: np.ndarray  # int32 (blocks, BLOCK_FIELDS)
    elements: np.ndarray  # int32 (elements, 4)
    hints: np.ndarray  # uint64 (elements,), bits of HINTS
    spots: np.ndarray  # int32 (spots, 3), as in html_spots
    title: tuple[int, int]  # bytes of the page its title element holds, (0, 0) for none
    page: np.ndarray  # uint8: the page, padded
    steps: int  # levels and bytes looked at again


def read_blocks(page: bytes, keep_links: bool = False) -> PageBlocks:
    """The blocks of a page in UTF-8. Memory: some 3 bytes for each of the page and 100 for each `<` in it."""
    n = len(page)
    data = np.concatenate((np.frombuffer(page, np.uint8), np.zeros(PADDING, np.uint8)))
    tags = count(data, n, LESS)
    out = np.empty(n * 6 // 5 + PADDING + tags, np.uint8)
    blocks = np.empty((tags + 2, BLOCK_FIELDS), np.int32)
    elements = np.empty((tags + 1, 4), np.int32)
    hints = np.empty(tags + 1, np.uint64)
    state = np.zeros(STATE_FIELDS, np.int64)
    stack = np.zeros((DEEPEST + 2, LEVEL_FIELDS), np.int32)
    counts = np.zeros(len(ELEMENT_FLAGS), np.int64)
    spots, notes = np.empty((tags + 1, 3), np.int32), np.zeros(NOTES, np.int64)
    _read(data, n, keep_links, out, blocks, elements, hints, state, stack, counts, spots, notes)
    found, opened = int(state[BLOCKS]), int(state[ELEMENTS_])
    title = (int(state[TITLE_START]), int(state[TITLE_END]))
    return PageBlocks(
        out[: state[OUT]],
        blocks[:found],
        elements[:opened],
        hints[:opened],
        spots[: notes[N_SPOTS]],
        title,
        data,
        int(state[STEPS]),
    )
