"""Words of every line: how many, how many that are more than marks, and how long the longest is."""

from __future__ import annotations

import numpy as np
from numba import njit

from gristmill.kernels.code_points import DIGIT, LETTER, SPACE, trait
from gristmill.kernels.code_points import decode as decode_code_point
from gristmill.kernels.leaf import leaf
from gristmill.kernels.text_index import Words


@leaf
def spaced_words(data, start, end, blocks, traits):
    """What white space separates: words, words that begin with a letter or digit, code points of the longest."""
    words, proper, longest, length = 0, 0, 0, 0
    at = start
    while at < end:
        byte = data[at]
        if byte < 0x80:
            entry = np.int64(traits[byte])
            at += 1
        else:
            code, at = decode_code_point(data, at, end)
            entry = trait(blocks, traits, code)
        if entry & SPACE:
            longest = max(longest, length)
            length = 0
            continue
        if length == 0:
            words += 1
            proper += (entry & (LETTER | DIGIT)) != 0
        length += 1
    return words, proper, max(longest, length)


@njit(cache=True, nogil=True)
def count_spaced_words(data, starts, ends, blocks, traits):
    """`spaced_words` of every line, int64 (lines, 3)."""
    found = np.empty((len(starts), 3), np.int64)
    for line in range(len(starts)):
        found[line] = spaced_words(data, starts[line], ends[line], blocks, traits)
    return found


def count_indexed_words(words: Words, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Words of every line that hold a letter or digit, int64 (lines,); lines ascend and words lie inside or between them."""
    proper = np.zeros(len(words) + 1, np.int64)
    np.cumsum((words.flags & (LETTER | DIGIT)) != 0, out=proper[1:])
    return proper[np.searchsorted(words.start, ends)] - proper[np.searchsorted(words.start, starts)]
