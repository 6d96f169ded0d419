"""Counts behind RedPajama-v2's quality signals, one pass a document or line."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from gristmill.kernels.code_points import decode
from gristmill.kernels.leaf import leaf
from gristmill.kernels.repetition import EMPTY, ONE, clear, most_entries, slot_of, table_size
from gristmill.kernels.word_hash import hash_bytes
from gristmill.kernels.word_punct import case_of

OPENING_BRACE, CLOSING_BRACE = 0x7B, 0x7D


@njit(cache=True, nogil=True)
def unigrams(first, hashes):
    """Different words of each row, int64 (rows,), and the entropy of their distribution in nats, float64 (rows,), 0 without
    words."""
    rows = len(first) - 1
    different, entropy = np.zeros(rows, np.int64), np.zeros(rows)
    size = table_size(most_entries(first))
    table, times = np.empty(size, np.uint64), np.empty(size, np.int64)
    for row in range(rows):
        words = first[row + 1] - first[row]
        mask = table_size(words) - 1
        clear(table, mask + 1)
        for word in range(first[row], first[row + 1]):
            key = hashes[word] | ONE
            slot = slot_of(table, mask, key)
            if table[slot] == EMPTY:
                table[slot] = key
                times[slot] = 0
                different[row] += 1
            times[slot] += 1
        total = 0.0
        for slot in range(mask + 1):
            if table[slot] != EMPTY:
                total -= times[slot] / words * math.log(times[slot] / words)
        entropy[row] = total
    return different, entropy


@njit(cache=True, nogil=True)
def braces(data, offsets):
    """Curly brackets of each row, int64 (rows,)."""
    found = np.zeros(len(offsets) - 1, np.int64)
    for row in range(len(found)):
        for byte in data[offsets[row] : offsets[row + 1]]:
            found[row] += (byte == OPENING_BRACE) | (byte == CLOSING_BRACE)
    return found


@leaf
def _is_listed(key, table, members, own):
    mask = len(table) - 1
    slot = np.int64(key) & mask
    while table[slot] != EMPTY:
        if table[slot] == key:
            return (members[slot] & own) != 0
        slot = (slot + 1) & mask
    return False


@njit(cache=True, nogil=True)
def count_listed_phrases(data, first, starts, ends, lists, longest, table, members):
    """N-grams of each row's words, n up to `longest`, that are phrases of the row's list, int64 (rows,).

    One space stands between two words. lists: uint8 (rows,). table, members: of the hashes of phrases, and those of all words
    that begin a phrase under their own hash in list 63, as quality.word_list_table makes them.
    """
    rows = len(first) - 1
    found = np.zeros(rows, np.int64)
    begins = np.uint64(1) << np.uint64(63)
    for row in range(rows):
        own = np.uint64(1) << np.uint64(lists[row])
        for word in range(first[row], first[row + 1]):
            alone = hash_bytes(data, starts[word], ends[word])
            found[row] += _is_listed(alone, table, members, own)
            if longest > 1 and _is_listed(alone, table, members, begins):
                for last in range(word + 1, min(word + longest, first[row + 1])):
                    found[row] += _is_listed(hash_bytes(data, starts[word], ends[last]), table, members, own)
    return found


@njit(cache=True, nogil=True)
def count_cased(data, starts, ends, flag, case):
    """Code points of each span whose entry in `word_punct.case_table` has the flag, int64 (spans,)."""
    found = np.zeros(len(starts), np.int64)
    for span in range(len(starts)):
        at = starts[span]
        while at < ends[span]:
            code, at = decode(data, at, ends[span])
            found[span] += (case_of(code, case) & flag) != 0
    return found


@leaf
def _is_terminal_mark(data, start, end):
    """Whether data[start:end] ends with a full stop, an exclamation or question mark, or U+201D."""
    if start == end:
        return False
    last = data[end - 1]
    curly = last == 0x9D and end - start >= 3 and data[end - 2] == 0x80 and data[end - 3] == 0xE2
    return last == 0x2E or last == 0x21 or last == 0x3F or curly


@njit(cache=True, nogil=True)
def ended_by_mark(data, starts, ends):
    """Whether each span, stripped of white space, ends with . ! ? or ”, bool (spans,)."""
    found = np.empty(len(starts), np.bool_)
    for span in range(len(starts)):
        found[span] = _is_terminal_mark(data, starts[span], ends[span])
    return found
