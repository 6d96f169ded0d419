"""Words in URLs: whole ones by hash, substrings by one Aho-Corasick automaton for all of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from gristmill.kernels.url_hashes import find, hash_bytes, hash_rows
from gristmill.kernels.url_parts import is_letter_or_digit


@dataclass(frozen=True, slots=True)
class Automaton:
    """Finds the first substring of a set in one pass (Aho and Corasick, CACM 18(6), 1975).

    `classes` uint8 (256,): column of a byte, 0 for bytes no word has; `moves` int32 (states, columns): next
    state; `found` int32 (states,): the word that ends in a state, -1 for none.
    """

    classes: np.ndarray
    moves: np.ndarray
    found: np.ndarray

    @classmethod
    def build(cls, words: list[bytes]) -> Automaton:
        """For words without duplicates or empty ones."""
        data, offsets = _joined(words)
        present = np.zeros(256, bool)
        present[data] = True
        classes = np.where(present, np.cumsum(present), 0).astype(np.uint8)
        return cls(classes, *_build(data, offsets, classes, int(present.sum()) + 1))


def word_hashes(words: list[bytes]) -> np.ndarray:
    """Ascending hashes of whole words, uint64 (words,)."""
    return np.sort(hash_rows(*_joined(words)))


def _joined(words: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
    offsets = np.cumsum([0, *(len(word) for word in words)], dtype=np.int64)
    return np.frombuffer(b"".join(words), np.uint8), offsets


@njit(cache=True, nogil=True)
def _build(data: np.ndarray, offsets: np.ndarray, classes: np.ndarray, columns: int) -> tuple[np.ndarray, np.ndarray]:
    states = 1
    moves = np.zeros((len(data) + 1, columns), np.int32)
    found = np.full(len(data) + 1, -1, np.int32)
    for word in range(len(offsets) - 1):
        state = 0
        for at in range(offsets[word], offsets[word + 1]):
            column = classes[data[at]]
            if moves[state, column] == 0:
                moves[state, column] = states
                states += 1
            state = moves[state, column]
        found[state] = word
    fallback = np.zeros(states, np.int32)
    queue = np.empty(states, np.int32)
    head = tail = 0
    for column in range(columns):
        if moves[0, column] != 0:
            queue[tail] = moves[0, column]
            tail += 1
    while head < tail:
        state = queue[head]
        head += 1
        if found[state] < 0:
            found[state] = found[fallback[state]]
        for column in range(columns):
            child = moves[state, column]
            through = moves[fallback[state], column]
            if child == 0:
                moves[state, column] = through
            else:
                fallback[child] = through
                queue[tail] = child
                tail += 1
    return moves[:states].copy(), found[:states].copy()


@njit(cache=True, nogil=True)
def match_substrings(
    data: np.ndarray,
    offsets: np.ndarray,
    separators: np.ndarray,
    classes: np.ndarray,
    moves: np.ndarray,
    found: np.ndarray,
) -> np.ndarray:
    """The word whose end comes first in each row once the bytes of `separators` (bool (256,)) are left out,
    -1 for none.
    """
    rows = len(offsets) - 1
    matches = np.full(rows, -1, np.int32)
    if len(found) == 1:
        return matches
    for row in range(rows):
        state = 0
        for at in range(offsets[row], offsets[row + 1]):
            byte = data[at]
            if separators[byte]:
                continue
            state = moves[state, classes[byte]]
            if found[state] >= 0:
                matches[row] = found[state]
                break
    return matches


@njit(cache=True, nogil=True)
def match_words(
    data: np.ndarray, offsets: np.ndarray, hard: np.ndarray, soft: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Start and end of the first word in `hard`, int64 (rows, 2), equal when none; and how many different
    words are in `soft`.

    A word is a longest run of letters and digits.
    """
    rows = len(offsets) - 1
    spans = np.zeros((rows, 2), np.int64)
    counts = np.zeros(rows, np.int64)
    seen = np.full(len(soft), -1, np.int64)
    for row in range(rows):
        at, end = offsets[row], offsets[row + 1]
        while at < end:
            while at < end and not is_letter_or_digit(data[at]):
                at += 1
            start = at
            while at < end and is_letter_or_digit(data[at]):
                at += 1
            if at == start:
                break
            key = hash_bytes(data, start, at)
            if spans[row, 0] == spans[row, 1] and find(hard, key) >= 0:
                spans[row, 0], spans[row, 1] = start, at
            place = find(soft, key)
            if place >= 0 and seen[place] != row:
                seen[place] = row
                counts[row] += 1
    return spans, counts
