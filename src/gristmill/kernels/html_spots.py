"""Spots of a page's text that a reader wants otherwise than the bytes have them: raised digits, unseen text, joined links.

They are noted while a page is read and carried out once the blocks are judged, so that features do not depend on them:

- `10<sup>6</sup>` is 10⁶, not 106; `1<sup>st</sup>` stays 1st, and fractions `<sup>1</sup>/<sub>2</sub>` stay 1/2.
- Text for screen readers alone, which doubles what stands beside it, goes.
- `<a>News</a><a>Sport</a>` is two words, whatever the style sheet puts between them.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from gristmill.kernels.html_entities import write_code_point
from gristmill.kernels.html_names import NUMBER
from gristmill.kernels.html_stack import (
    BLOCK_START,
    BROKEN,
    DEPTH,
    N_UNITS,
    OUT,
    S_ELEMENT,
    S_PRE,
    SPACE,
    START,
    STOP,
)
from gristmill.kernels.leaf import leaf

# columns of `spots` int32 (spots, 3), in text order; text is [from, to)
KIND, FROM, TO = range(3)
RAISED, UNSEEN, JOINT = 1, 2, 3
LONGEST_RAISED = 8  # bytes; longer ones are text

# the state of noting, int64 (NOTES,)
(
    N_SPOTS,
    OPEN_RAISED,  # 1 + the spot that a <sup> has opened
    OPEN_UNSEEN,  # the same of an element for screen readers
    UNSEEN_DEPTH,  # where that stands on the stack
    UNSEEN_ELEMENT,
    ENDED,  # 1: an inline element has just been closed, 2: a link
    ENDED_AT,
) = range(7)
NOTES = 7

_A, _SPAN, _TIME, _LABEL, _CITE = (NUMBER[name] for name in ("a", "span", "time", "label", "cite"))

_RAISED_CODES = np.zeros(128, np.int64)
for _plain, _raised in zip("0123456789+-=()ni", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱ", strict=True):
    _RAISED_CODES[ord(_plain)] = ord(_raised)


@leaf
def _add(spots, notes, kind, start):
    spot = spots[notes[N_SPOTS]]
    spot[KIND], spot[FROM], spot[TO] = kind, start, start
    notes[N_SPOTS] += 1


@leaf
def _here(state):
    """Where the next text will stand, a space before it apart."""
    if state[N_UNITS] == 0:
        return state[BLOCK_START]
    return state[OUT] + max(state[SPACE], state[BROKEN])


@leaf
def open_raised(spots, notes, state):
    """At <sup>; one that was never closed is forgotten."""
    if notes[OPEN_UNSEEN] == 0:
        _add(spots, notes, RAISED, _here(state))
        notes[OPEN_RAISED] = notes[N_SPOTS]


@leaf
def close_raised(spots, notes, state):
    """At </sup>."""
    if notes[OPEN_RAISED]:
        spots[notes[OPEN_RAISED] - 1, TO] = state[OUT]
        notes[OPEN_RAISED] = 0


@leaf
def open_unseen(spots, notes, state, stack):
    """Behind the start tag of an inline element for screen readers, which is on the stack."""
    if notes[OPEN_UNSEEN] == 0 and stack[state[DEPTH]][S_PRE] == 0:
        close_raised(spots, notes, state)
        _add(spots, notes, UNSEEN, _here(state))
        notes[OPEN_UNSEEN] = notes[N_SPOTS]
        notes[UNSEEN_DEPTH] = state[DEPTH]
        notes[UNSEEN_ELEMENT] = stack[state[DEPTH]][S_ELEMENT]


@leaf
def close_unseen(spots, notes, state, stack):
    """Behind every tag: ends the spot when its element is gone."""
    if notes[OPEN_UNSEEN]:
        depth = notes[UNSEEN_DEPTH]
        if state[DEPTH] < depth or stack[depth][S_ELEMENT] != notes[UNSEEN_ELEMENT]:
            spots[notes[OPEN_UNSEEN] - 1, TO] = state[OUT]
            notes[OPEN_UNSEEN] = 0


@leaf
def inline_ended(notes, state, tag):
    """At the end tag of an inline element."""
    if tag in (_A, _SPAN, _TIME, _LABEL, _CITE):
        if notes[ENDED_AT] != state[OUT]:
            notes[ENDED] = 0
        notes[ENDED] = max(notes[ENDED], 2 if tag == _A else 1)
        notes[ENDED_AT] = state[OUT]


@leaf
def inline_begins(spots, notes, state, stack, tag):
    """At the start tag of an inline element: a joint when a link stands on one side of it and nothing in between."""
    if tag not in (_A, _SPAN, _TIME, _LABEL, _CITE):
        return
    touching = notes[ENDED_AT] == state[OUT] and state[N_UNITS] and state[SPACE] == 0 and state[BROKEN] == 0
    least = 2 if tag == _SPAN else 1
    if touching and notes[ENDED] >= least and notes[OPEN_UNSEEN] == 0 and stack[state[DEPTH]][S_PRE] == 0:
        _add(spots, notes, JOINT, state[OUT])
        notes[ENDED] = 0


# -- carrying them out ---------------------------------------------------------------------------------------------------


@leaf
def _can_be_raised(text, start, stop, end):
    """Whether text[start:stop] has digits, signs and n alone and is no fraction; the block ends at `end`."""
    if not 0 < stop - start <= LONGEST_RAISED:
        return False
    if stop < end and (text[stop] == 47 or (text[stop] == 0xE2 and text[stop + 1] == 0x81 and text[stop + 2] == 0x84)):
        return False  # / and ⁄
    at = start
    while at < stop:
        if text[at] == 0xE2 and text[at + 1] == 0x88 and text[at + 2] == 0x92:  # −
            at += 3
            continue
        if text[at] != 44 and (text[at] >= 128 or _RAISED_CODES[text[at]] == 0):
            return False
        at += 1
    return text[start] != 44


@leaf
def _raise(text, start, stop, out, to):
    at = start
    while at < stop:
        if text[at] == 0xE2:
            to = write_code_point(0x207B, out, to)
            at += 3
            continue
        to = write_code_point(_RAISED_CODES[text[at]] if text[at] != 44 else 44, out, to)
        at += 1
    return to


@leaf
def _loose(text, at, end):
    """Whether the sign at `at` is of a script without spaces."""
    byte = text[at]
    return 0xE3 <= byte <= 0xE9 or (byte == 0xE0 and at + 1 < end and text[at + 1] >= 0xB8)


@leaf
def _is_joined(text, start, at, end):
    """Whether two words of a block [start, end) touch at `at`."""
    if at <= start or at >= end:
        return False
    before, behind = text[at - 1], text[at]
    if not (before >= 128 or 48 <= before <= 57 or 65 <= before <= 90 or 97 <= before <= 122):
        return False
    if not (behind >= 128 or 48 <= behind <= 57 or 65 <= behind <= 90 or 97 <= behind <= 122):
        return False
    last = at - 1
    while last > start and text[last] & 0xC0 == 0x80:
        last -= 1
    return not (_loose(text, last, end) and _loose(text, at, end))


@leaf
def _copy(text, at, end, out, to):
    for k in range(end - at):
        out[to + k] = text[at + k]
    return to + end - at


@njit(cache=True, nogil=True)
def _carry_out(text, blocks, chosen, spots, out, places):
    to, spot = np.int64(0), 0
    for row in range(len(blocks)):
        at, end = np.int64(blocks[row, START]), np.int64(blocks[row, STOP])
        start = at
        places[row] = to
        while not chosen[row] and spot < len(spots) and spots[spot, FROM] < end:
            spot += 1
        if not chosen[row]:
            continue
        while spot < len(spots) and spots[spot, FROM] < end:
            kind, first = spots[spot, KIND], max(np.int64(spots[spot, FROM]), at)
            last = np.int64(spots[spot, TO])
            if last > end:
                last = first  # more than inline text
            to = _copy(text, at, first, out, to)
            at = first
            if kind == RAISED and _can_be_raised(text, first, last, end):
                to = _raise(text, first, last, out, to)
                at = last
            elif kind == UNSEEN and last > first:
                at = last
                if at < end and text[at] == 32 and (to == places[row, 0] or out[to - 1] <= 32):
                    at += 1
            elif kind == JOINT and _is_joined(text, start, first, end):
                out[to] = 32
                to += 1
            spot += 1
        to = _copy(text, at, end, out, to)
        places[row, 1] = to


def carry_out(
    text: np.ndarray, blocks: np.ndarray, chosen: np.ndarray, spots: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Text uint8 and blocks with the spots of the chosen blocks carried out; the others, and some of them, become empty."""
    if not len(spots):
        return text, blocks
    out = np.empty(len(text) + (2 * LONGEST_RAISED + 1) * len(spots) + 16, np.uint8)
    padded = np.concatenate((text, np.zeros(4, np.uint8)))
    places = np.empty((len(blocks), 2), np.int64)
    _carry_out(padded, blocks, chosen, spots, out, places)
    blocks = blocks.copy()
    blocks[:, START : STOP + 1] = places
    return out[: places[-1, 1] if len(places) else 0], blocks
