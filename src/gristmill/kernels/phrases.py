"""Finds any of many phrases in UTF-8 text without regard to case: a tree of their code points.

    table = phrase_table([["javascript"], ["privacy policy", "cookie policy"]])
    phrases_at(data, at, end, table, case)       # bit 0: the first list has a phrase here, bit 1: the second

Case is compared code point by code point, by the lower case of each; a letter whose lower case takes two (U+0130) stays as it is.
A byte with which, and with the next, no phrase can begin costs two looks at tables of 256.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from gristmill.kernels.code_points import DIGIT, LETTER, decode, trait
from gristmill.kernels.leaf import leaf

NOWHERE = -1
UNDERSCORE = 0x5F
_CASED = 0x1E944  # no letter behind has a lower case
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_CODE_BITS = np.uint64(21)
_HIGH = np.uint64(32)
_FREE = np.uint64(0)


class Phrases(NamedTuple):
    """A tree of phrases as arrays. An edge is a slot of an open-addressing table keyed by node and code point.

    keys: uint64 (slots,), 0 where free; nodes: int32 (slots,), where the edge leads; groups: int64 (nodes,), a bit for each list
    with a phrase that ends there; firsts, seconds: uint64 (256,), bits of the phrases, dealt out over 64, that a byte can begin
    and that it can go on with, so that a phrase stands at `at` only if firsts[data[at]] & seconds[data[at + 1]].
    """

    keys: np.ndarray
    nodes: np.ndarray
    groups: np.ndarray
    firsts: np.ndarray
    seconds: np.ndarray


@cache
def lower_case() -> np.ndarray:
    """The lower case of every code point below the last that has one, int32 (125252,)."""
    table = np.arange(_CASED, dtype=np.int32)
    for code in range(_CASED):
        lower = chr(code).lower()
        if len(lower) == 1:
            table[code] = ord(lower)
    return table


def phrase_table(lists: Sequence[Sequence[str]]) -> Phrases:
    """The table of some lists of phrases, at most 63; list k sets bit k. Empty phrases count for nothing."""
    lower = lower_case()
    edges: dict[tuple[int, int], int] = {}
    groups = [0]
    firsts, seconds = np.zeros(256, np.uint64), np.zeros(256, np.uint64)
    for number, phrases in enumerate(lists):
        for order, phrase in enumerate(phrases):
            codes = [int(lower[ord(sign)]) if ord(sign) < _CASED else ord(sign) for sign in phrase]
            bit = np.uint64(1 << (order + number) % 64)
            for opening in _openings(codes):
                firsts[opening[0]] |= bit
                seconds[opening[1] if len(opening) > 1 else slice(None)] |= bit
            node = 0
            for code in codes:
                if (node, code) not in edges:
                    edges[node, code] = len(groups)
                    groups.append(0)
                node = edges[node, code]
            if codes:
                groups[node] |= 1 << number
    slots = 16
    while slots < 4 * len(edges):
        slots *= 2
    keys, nodes = np.zeros(slots, np.uint64), np.zeros(slots, np.int32)
    for (node, code), following in edges.items():
        key = (node << 21 | code) + 1
        slot = (key * int(_SPREAD) & (1 << 64) - 1) >> 32 & (slots - 1)
        while keys[slot]:
            slot = (slot + 1) & (slots - 1)
        keys[slot], nodes[slot] = key, following
    return Phrases(keys, nodes, np.array(groups, np.int64), firsts, seconds)


def _openings(codes: list[int]) -> set[bytes]:
    """The first two bytes, or the only one, of all ways to write a phrase in upper and lower case."""
    written = [b""]
    for code in codes[:2]:
        written = [before + form for before in written for form in _forms(code)]
    return {form[:2] for form in written if form}


@cache
def _forms(code: int) -> tuple[bytes, ...]:
    """A lower-case code point and all that have it as their lower case, in UTF-8."""
    codes = {code, *map(int, np.flatnonzero(lower_case() == code))}
    return tuple(chr(form).encode("utf-8", "replace") for form in sorted(codes))


@leaf
def lowered(code, case):
    """The lower case of a code point."""
    return np.int64(case[code]) if code < len(case) else code


@leaf
def follow(node, code, phrases):
    """The node that a lower-case code point leads to, or NOWHERE."""
    key = ((np.uint64(node) << _CODE_BITS) | np.uint64(code)) + np.uint64(1)
    mask = np.int64(len(phrases.keys) - 1)
    slot = np.int64((key * _SPREAD) >> _HIGH) & mask
    while phrases.keys[slot] != _FREE:
        if phrases.keys[slot] == key:
            return np.int64(phrases.nodes[slot])
        slot = (slot + 1) & mask
    return np.int64(NOWHERE)


@leaf
def phrases_at(data, at, end, phrases, case):
    """Bits of the lists that have a phrase beginning at byte `at` and ending by `end`."""
    found = np.int64(0)
    node = np.int64(0)
    while at < end:
        code, at = decode(data, at, end)
        node = follow(node, lowered(code, case), phrases)
        if node == NOWHERE:
            break
        found |= phrases.groups[node]
    return found


@leaf
def phrases_in(data, start, end, phrases, case):
    """Bits of the lists that have a phrase anywhere in data[start:end]."""
    found = np.int64(0)
    for at in range(start, end - 1):
        if phrases.firsts[data[at]] & phrases.seconds[data[at + 1]]:
            found |= phrases_at(data, at, end, phrases, case)
    if start < end:
        found |= phrases_at(data, end - 1, end, phrases, case)
    return found


@leaf
def is_word_sign(code, blocks, traits):
    """Whether a code point is a letter, a decimal digit or the underscore."""
    return code == UNDERSCORE or (trait(blocks, traits, code) & (LETTER | DIGIT)) != 0


@leaf
def before(data, at, start):
    """The code point that ends at byte `at`; `start` < `at` is where the text begins."""
    first = at - 1
    while first > start and data[first] & 0xC0 == 0x80:
        first -= 1
    return decode(data, first, at)[0]


@leaf
def parts_words(data, at, start, end, blocks, traits):
    """Whether byte `at` of data[start:end] does not stand inside a word."""
    if at <= start or at >= end:
        return True
    here = decode(data, at, end)[0]
    return not (is_word_sign(before(data, at, start), blocks, traits) and is_word_sign(here, blocks, traits))


@leaf
def whole_phrase(data, at, start, end, phrases, case, blocks, traits):
    """Where the longest phrase ends that begins at `at` and does not cut words of data[start:end] apart; `at` if none does."""
    longest = at
    if not parts_words(data, at, start, end, blocks, traits):
        return longest
    node = np.int64(0)
    after = at
    while after < end:
        code, after = decode(data, after, end)
        node = follow(node, lowered(code, case), phrases)
        if node == NOWHERE:
            break
        if phrases.groups[node] and parts_words(data, after, start, end, blocks, traits):
            longest = after
    return longest
