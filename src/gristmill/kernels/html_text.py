"""Text between tags into the block that is open: references decoded, white space collapsed, lengths counted."""

from __future__ import annotations

import numpy as np

from gristmill.kernels.html_entities import read_entity
from gristmill.kernels.html_scan import LESS, next_byte
from gristmill.kernels.html_stack import (
    BLOCK_ELEMENT,
    BLOCK_START,
    BOLD,
    BROKEN,
    DEPTH,
    LINK,
    N_BOLD_UNITS,
    N_LINK_UNITS,
    N_UNITS,
    OUT,
    S_ELEMENT,
    S_MUTE,
    S_PRE,
    SPACE,
)
from gristmill.kernels.leaf import inlined, leaf

PADDING = 64
"""Bytes behind the page and behind its text, so that looking ahead needs no test."""

_PLAIN, _WHITE, _MARKUP, _REFERENCE, _NOTHING, _LATIN, _WIDE = range(7)

WEIGHTS = np.ones(256, np.int64)
"""Units of a code point by its first byte: an ideograph says about as much as three letters, kana and Hangul as two."""
WEIGHTS[:33] = 0
WEIGHTS[127:0xC2] = 0
WEIGHTS[0xE3] = 2
WEIGHTS[0xE4:0xEA] = 3
WEIGHTS[0xEA:0xEE] = 2
WEIGHTS[0xF0] = 2


def _kinds() -> np.ndarray:
    kinds = np.zeros(256, np.uint8)
    kinds[:32] = kinds[127] = _NOTHING
    kinds[[9, 10, 11, 12, 13, 32]] = _WHITE
    kinds[ord("<")], kinds[ord("&")] = _MARKUP, _REFERENCE
    kinds[0xC2], kinds[0xE3] = _LATIN, _WIDE
    return kinds


KINDS = _kinds()


@leaf
def _begin(out, state, stack):
    """Write what waits before the next sign."""
    at = state[OUT]
    if state[N_UNITS] == 0:
        state[BLOCK_ELEMENT] = stack[state[DEPTH]][S_ELEMENT]
        if stack[state[DEPTH]][S_PRE] == 0:
            at = state[BLOCK_START]
    elif state[BROKEN]:
        out[at] = 10
        at += 1
    elif state[SPACE]:
        out[at] = 32
        at += 1
    state[SPACE] = state[BROKEN] = 0
    return at


@leaf
def append_bytes(data, at, end, out, state, stack):
    """Bytes as they are, but without white space and controls; `end`."""
    if stack[state[DEPTH]][S_MUTE] or end <= at:
        return end
    to = _begin(out, state, stack)
    units = np.int64(0)
    for here in range(at, end):
        if data[here] > 32 and data[here] != 127:
            out[to] = data[here]
            units += WEIGHTS[data[here]]
            to += 1
    _count(state, units)
    state[OUT] = to
    return end


@leaf
def _count(state, units):
    state[N_UNITS] += units
    if state[LINK]:
        state[N_LINK_UNITS] += units
    if state[BOLD]:
        state[N_BOLD_UNITS] += units


@leaf
def _is_space_between(data, at, n):
    """Whether a single space stands at `at` and a word behind it, so that both can be copied."""
    return data[at] == 32 and at + 1 < n and KINDS[data[at + 1]] == _PLAIN


@leaf
def _pre_white(byte, next_, out, state):
    """White space in preformatted text stays; the line end right behind the tag goes."""
    if byte == 13:
        if next_ == 10:
            return
        byte = 10
    if state[BROKEN]:
        out[state[OUT]] = 10
        state[OUT] += 1
        state[BROKEN] = 0
    if byte == 10 and state[N_UNITS] == 0:
        state[OUT] = state[BLOCK_START]  # lines before the first text are empty
        return
    out[state[OUT]] = byte
    state[OUT] += 1


@inlined
def append_text(data, at, n, out, state, stack, scratch):
    """Text up to the next `<` or the end; that place."""
    if stack[state[DEPTH]][S_MUTE]:
        return next_byte(data, at, n, LESS)
    pre = stack[state[DEPTH]][S_PRE] > 0
    while at < n:
        byte = data[at]
        kind = KINDS[byte]
        if kind == _MARKUP:
            break
        if kind == _LATIN:  # no-break space, next line, soft hyphen
            if data[at + 1] == 0xA0 or data[at + 1] == 0x85:
                kind = _WHITE
                byte = np.uint8(32)
                at += 1
            elif data[at + 1] == 0xAD:
                at += 2
                continue
        elif kind == _WIDE and data[at + 1] == 0x80 and data[at + 2] == 0x80 and not pre:  # ideographic space
            kind = _WHITE
            at += 2
        if kind == _WHITE:
            if pre:
                _pre_white(byte, data[at + 1], out, state)
            else:
                state[SPACE] = 1
                while at + 1 < n and data[at + 1] == 32:
                    at += 1
            at += 1
        elif kind == _NOTHING:
            at += 1
        elif kind == _REFERENCE:
            read, written = read_entity(data, at, n, scratch)
            if read == 0:
                at = append_bytes(data, at, at + 1, out, state, stack)
                continue
            if written == 1 and KINDS[scratch[0]] == _WHITE:
                if pre:
                    _pre_white(scratch[0], np.uint8(0), out, state)
                else:
                    state[SPACE] = 1
            elif written == 2 and scratch[0] == 0xC2 and (scratch[1] <= 0xA0 or scratch[1] == 0xAD):
                if scratch[1] == 0xA0:
                    if pre:
                        _pre_white(np.uint8(32), np.uint8(0), out, state)
                    else:
                        state[SPACE] = 1
            elif not (written == 1 and KINDS[scratch[0]] == _NOTHING):
                append_bytes(scratch, 0, written, out, state, stack)
            at += read
        else:
            to = _begin(out, state, stack)
            units = np.int64(0)
            while True:
                out[to] = data[at]
                units += WEIGHTS[data[at]]
                to += 1
                at += 1
                if at >= n or (KINDS[data[at]] != _PLAIN and (pre or not _is_space_between(data, at, n))):
                    break
            _count(state, units)
            state[OUT] = to
    return at
