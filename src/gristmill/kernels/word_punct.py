r"""Words and marks as the regular expression `\w+|[^\w\s]+` finds them: NLTK's WordPunctTokenizer, which RedPajama-V2 uses.

A combining mark is no `\w` to Python, so that words of Indic and other scripts fall apart at their vowel signs.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numba import njit

from gristmill.kernels.code_points import ALPHANUMERIC, SPACE, code_point_tables, decode, trait
from gristmill.kernels.leaf import leaf
from gristmill.kernels.text import Texts
from gristmill.kernels.words import collect, describe

ASCII_LETTER = 4  # flags of a word beside those of kernels.words: it holds a-z or A-Z …
CAPITAL = 8  # … an upper-case letter …
UNCAPITAL = 16  # … a letter of lower or title case
IS_UPPER, IS_LOWER, IS_NUMERIC = 1, 2, 4  # entries of `case_table`
_CASED = 0x31F00  # past it no letter has case and no sign a number
_UNDERSCORE = 0x5F
_FULL_STOP, _EXCLAMATION_MARK, _QUESTION_MARK = 0x2E, 0x21, 0x3F


@cache
def case_table() -> np.ndarray:
    """What `str.isupper`, `str.islower` or `str.istitle`, and `str.isnumeric` say of each code point, uint8 (204544,)."""
    table = np.zeros(_CASED, np.uint8)
    for code in range(_CASED):
        sign = chr(code)
        if sign.isupper():
            table[code] = IS_UPPER
        elif sign.islower() or sign.istitle():
            table[code] = IS_LOWER
        if sign.isnumeric():
            table[code] |= IS_NUMERIC
    table.flags.writeable = False
    return table


@leaf
def case_of(code, case):
    return np.int64(case[code]) if code < len(case) else np.int64(0)


@leaf
def is_word_sign(code, entry):
    r"""Whether a code point with this entry of the code point tables is a `\w`."""
    return (entry & ALPHANUMERIC) != 0 or code == _UNDERSCORE


@njit(cache=True, nogil=True)
def _fill(data, offsets, case, blocks, traits, row, count, first, starts, ends, hashes, characters, flags):
    """Write the words of rows from `row` on behind `count` others, until a row might not fit; returns row and count."""
    while row < len(offsets) - 1:
        at, end = offsets[row], offsets[row + 1]
        if count + (end - at) > len(starts):
            break
        while at < end:
            code, after = decode(data, at, end)
            entry = trait(blocks, traits, code)
            if entry & SPACE:
                at = after
                continue
            wordy = is_word_sign(code, entry)
            start, extra = at, np.int64(0)
            while at < end:
                code, after = decode(data, at, end)
                entry = trait(blocks, traits, code)
                if entry & SPACE or is_word_sign(code, entry) != wordy:
                    break
                if code < 0x80:
                    extra |= ASCII_LETTER if 0x61 <= code | 0x20 <= 0x7A else 0
                cased = case_of(code, case)
                extra |= CAPITAL if cased & IS_UPPER else 0
                extra |= UNCAPITAL if cased & IS_LOWER else 0
                at = after
            hashes[count], characters[count], union = describe(data, start, at, blocks, traits)
            starts[count], ends[count], flags[count] = start, at, union | extra
            count += 1
        row += 1
        first[row] = count
    return row, count


def segment_word_punct(texts: Texts) -> tuple[np.ndarray, ...]:
    """The same arrays as words.segment."""
    tables = case_table(), *code_point_tables()
    return collect(texts, lambda *state: _fill(texts.data, texts.offsets, *tables, *state))


@njit(cache=True, nogil=True)
def flag_counts(first, flags):
    """Of each row int64 (rows, 2): words with an ASCII letter; words that `str.isupper` calls upper-case."""
    rows = len(first) - 1
    found = np.zeros((rows, 2), np.int64)
    for row in range(rows):
        for word in range(first[row], first[row + 1]):
            found[row, 0] += flags[word] & ASCII_LETTER != 0
            found[row, 1] += flags[word] & (CAPITAL | UNCAPITAL) == CAPITAL
    return found


@njit(cache=True, nogil=True)
def count_marked_sentences(data, offsets, blocks, traits):
    r"""Matches of `\b[^.!?]+[.!?]*` in each row, int64 (rows,): stretches between these marks that hold a `\w`."""
    rows = len(offsets) - 1
    found = np.zeros(rows, np.int64)
    for row in range(rows):
        at, end = offsets[row], offsets[row + 1]
        inside = False
        while at < end:
            code, at = decode(data, at, end)
            if code in (_FULL_STOP, _EXCLAMATION_MARK, _QUESTION_MARK):
                inside = False
            elif not inside and is_word_sign(code, trait(blocks, traits, code)):
                inside = True
                found[row] += 1
    return found
