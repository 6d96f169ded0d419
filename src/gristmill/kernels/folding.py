"""Lines as a reading of "the same line" leaves them: every character kept, replaced or dropped by a table.

    fold = fold_table(digits_to_zero=True, dropped=(0x201C,), accents=True)
    folded, ends, contextual = fold_lines(data, starts, ends, *fold.arrays, *code_point_tables(), fold.growth)

Lines lose the white space at their ends first, as with `str.strip`.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache

import numpy as np
from numba import njit

from gristmill.kernels.code_points import decode
from gristmill.kernels.lines import strip_span

TABLE_SIZE = 0x30000  # past it stand rare Han characters, tags and private use: nothing with case or digits
SAME, DROPPED, REPLACED, CONTEXTUAL = range(4)  # what becomes of a character
CAPITAL_SIGMA = 0x3A3  # the one letter whose lower case depends on its neighbours
_VARIATION_SELECTORS = (0xE0100, 0xE01F0)


@dataclass(frozen=True)
class FoldTable:
    """`kinds` uint8 (TABLE_SIZE,), `first` int32 (TABLE_SIZE + 1,) into `pieces` uint8: the UTF-8 that replaces each
    character. `growth`: most bytes that one byte can become.
    """

    kinds: np.ndarray
    first: np.ndarray
    pieces: np.ndarray
    growth: int
    accents: bool

    @property
    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, bool]:
        return self.kinds, self.first, self.pieces, self.accents


@cache
def fold_table(*, digits_to_zero: bool, dropped: tuple[int, ...], accents: bool) -> FoldTable:
    """The table for lower case, and as asked: each decimal digit as 0, code points dropped, accents dropped.

    Accents go by canonical decomposition of each character without its non-spacing marks (category Mn). Takes
    about 0.2 s, once a process.
    """
    kinds = np.zeros(TABLE_SIZE, np.uint8)
    lengths = np.zeros(TABLE_SIZE, np.int32)
    pieces = bytearray()
    growth = 1
    for code in range(TABLE_SIZE):
        if 0xD800 <= code < 0xE000:  # surrogates never stand in UTF-8
            continue
        character = chr(code)
        folded = fold_character(character, digits_to_zero=digits_to_zero, dropped=dropped, accents=accents)
        if folded == character:
            continue
        piece = folded.encode()
        kinds[code] = REPLACED if piece else DROPPED
        lengths[code] = len(piece)
        pieces += piece
        growth = max(growth, -(-len(piece) // len(character.encode())))
    kinds[CAPITAL_SIGMA] = CONTEXTUAL
    first = np.zeros(TABLE_SIZE + 1, np.int32)
    np.cumsum(lengths, out=first[1:])
    return FoldTable(kinds, first, np.frombuffer(bytes(pieces) or b"\0", np.uint8), growth, accents)


def fold_character(character: str, *, digits_to_zero: bool, dropped: tuple[int, ...], accents: bool) -> str:
    """What becomes of one character that stands alone."""
    folded = character.lower()
    if accents:
        folded = "".join(c for c in unicodedata.normalize("NFD", folded) if unicodedata.category(c) != "Mn")
    if digits_to_zero:
        folded = "".join("0" if c.isdecimal() else c for c in folded)
    return "".join(c for c in folded if ord(c) not in dropped)


def fold_text(line: str, *, digits_to_zero: bool, dropped: tuple[int, ...], accents: bool) -> str:
    """What `fold_lines` makes of one line, in Python: for lines whose lower case depends on neighbours."""
    lower = line.strip().lower()
    return "".join(fold_character(c, digits_to_zero=digits_to_zero, dropped=dropped, accents=accents) for c in lower)


@njit(cache=True, nogil=True)
def fold_lines(data, starts, ends, kinds, first, pieces, accents, blocks, traits, growth):
    """The folded lines, uint8, one after another; where each ends, int64 (lines,); and bool (lines,): has a letter
    whose lower case depends on its neighbours, here taken as if it stood alone.
    """
    room = 0
    for line in range(len(starts)):
        room += ends[line] - starts[line]
    folded = np.empty(room * growth, np.uint8)
    folded_ends = np.empty(len(starts), np.int64)
    contextual = np.zeros(len(starts), np.bool_)
    out = 0
    for line in range(len(starts)):
        at, end = strip_span(data, starts[line], ends[line], blocks, traits)
        while at < end:
            byte = data[at]
            if byte < 0x80:  # one byte becomes one byte or none
                kind = kinds[byte]
                if kind == SAME:
                    folded[out] = byte
                    out += 1
                elif kind == REPLACED:
                    folded[out] = pieces[first[byte]]
                    out += 1
                at += 1
                continue
            code, after = decode(data, at, end)
            kind = SAME
            if code < TABLE_SIZE:
                kind = kinds[code]
            elif accents and _VARIATION_SELECTORS[0] <= code < _VARIATION_SELECTORS[1]:
                kind = DROPPED
            if kind == SAME:
                for place in range(at, after):
                    folded[out] = data[place]
                    out += 1
            elif kind != DROPPED:
                contextual[line] |= kind == CONTEXTUAL
                for place in range(first[code], first[code + 1]):
                    folded[out] = pieces[place]
                    out += 1
            at = after
        folded_ends[line] = out
    return folded[:out], folded_ends, contextual
