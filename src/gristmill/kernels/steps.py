"""Steps through UTF-8 text: to the next byte or digit worth a look, over a code point, and what kind of code point it is.

White space, letters and digits beyond ASCII are what Python's `re` takes them for.
"""

from __future__ import annotations

import numpy as np

from gristmill.kernels.code_points import ALPHANUMERIC, DIGIT, SPACE, decode, trait
from gristmill.kernels.eight_bytes import every, flags_below, flags_equal, flags_not_ascii, load_block
from gristmill.kernels.leaf import leaf

_UNDERSCORE, _ZERO, _NINE = 0x5F, 0x30, 0x39
_NONE = np.uint64(0)
_ZEROS, _TENS = every(_ZERO), every(10)


@leaf
def next_byte(data, at, end, block_of_it, byte):
    """The next place from `at` on where this byte stands, or `end`."""
    while at + 8 <= end and flags_equal(load_block(data, at), block_of_it) == _NONE:
        at += 8
    while at < end and data[at] != byte:
        at += 1
    return at


@leaf
def next_digit(data, at, end):
    """The next place from `at` on where a digit, or anything beyond ASCII, stands, or `end`."""
    while at + 8 <= end:
        block = load_block(data, at)
        if flags_below(block ^ _ZEROS, _TENS) | flags_not_ascii(block) != _NONE:
            break
        at += 8
    while at < end and data[at] < 0x80 and not _ZERO <= data[at] <= _NINE:
        at += 1
    return at


@leaf
def step_back(data, at, begin):
    """Where the code point that ends at `at` begins."""
    at -= 1
    while at > begin and data[at] & 0xC0 == 0x80:
        at -= 1
    return at


@leaf
def step_on(data, at, end):
    return decode(data, at, end)[1]


@leaf
def is_space(data, at, end, blocks, traits):
    code, _ = decode(data, at, end)
    return trait(blocks, traits, code) & SPACE != 0


@leaf
def is_digit(data, at, end, blocks, traits):
    """A decimal digit of any script, as `\\d`."""
    code, _ = decode(data, at, end)
    return trait(blocks, traits, code) & DIGIT != 0


@leaf
def is_word_character(data, at, end, blocks, traits):
    """A letter, digit or underscore, as `\\w`."""
    code, _ = decode(data, at, end)
    return code == _UNDERSCORE or trait(blocks, traits, code) & ALPHANUMERIC != 0
