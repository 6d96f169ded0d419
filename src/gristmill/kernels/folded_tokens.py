"""Tokens of a text as a reading of "the same text" leaves them, each with the bytes it stands in: words, or characters.

    tokens = tokens_of(Texts.from_strings(["It's 1,000 words."]), fold("gpt3"))
    tokens.hashes, tokens.starts, tokens.ends, tokens.first

`gpt3`: lower-cased words that white space separates, without punctuation and symbols ("it's" is "its", "--" no word).
`datatrove`: lower case, a number with its decimals as one 0, punctuation as white space, accents dropped (simplify_text);
words are what white space separates, while datatrove lets spaCy split them once more ("dont" is "do nt").
`characters`: lower case, any run of white space as one space; a token is a character.

In scripts without spaces (Han, kana, Thai …) every character is a word.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from numba import njit

from gristmill.kernels.code_points import (
    CLASS_MASK,
    PUNCTUATION,
    SIGNS,
    SINGLE,
    SPACE,
    SYMBOL,
    code_point_tables,
    decode,
    expand,
    trait,
)
from gristmill.kernels.leaf import leaf
from gristmill.kernels.text import Texts
from gristmill.kernels.word_hash import HASH_BASE, mix

Folding = Literal["gpt3", "datatrove", "characters"]

WORDS, CHARACTERS = 0, 1
TABLE_SIZE = 0x30000  # past it stand rare Han characters, tags and private use
SEPARATOR, DROPPED, DIGIT = np.uint32(0), np.uint32(1), np.uint32(2)
FIRST_LETTER = 3  # a letter's entry is its code point and this
ALONE = np.uint32(1 << 31)  # flag of an entry: the character is a word
_VARIATION_SELECTORS = 0xE0000


@dataclass(frozen=True)
class Fold:
    """What tokens are: WORDS or CHARACTERS, and what becomes of each code point, uint32 (TABLE_SIZE,)."""

    kind: int
    table: np.ndarray

    @property
    def arguments(self) -> tuple[int, np.ndarray]:
        return self.kind, self.table


@cache
def fold(folding: Folding) -> Fold:
    """The table of a reading. Takes about 0.2 s, once a process."""
    kinds: dict[str, tuple[int, Callable[[str, int], int]]] = {
        "gpt3": (WORDS, _gpt3),
        "datatrove": (WORDS, _datatrove),
        "characters": (CHARACTERS, _character),
    }
    kind, entry = kinds[folding]
    blocks, traits = code_point_tables()
    entries = (
        entry(chr(code), trait(blocks, traits, np.int64(code))) if not 0xD800 <= code < 0xE000 else SEPARATOR
        for code in range(TABLE_SIZE)
    )
    table = np.fromiter(entries, np.uint32, TABLE_SIZE)
    table.flags.writeable = False
    return Fold(kind, table)


def _letter(character: str) -> int:
    return ord(character.lower()[0]) + FIRST_LETTER


def _gpt3(character: str, entry: int) -> int:
    if entry & SPACE:
        return int(SEPARATOR)
    if entry & (PUNCTUATION | SYMBOL) or unicodedata.category(character) in ("Cc", "Cf"):
        return int(DROPPED)
    alone = ALONE if entry & CLASS_MASK == SINGLE else 0
    return _letter(character) | int(alone)


@cache
def _separating_signs() -> frozenset[str]:
    """What datatrove replaces by spaces; `SIGN` marks terminals too."""
    return frozenset(map(chr, expand(SIGNS)))


def _datatrove(character: str, entry: int) -> int:
    if entry & SPACE or character in _separating_signs():
        return int(SEPARATOR)
    category = unicodedata.category(character)
    if category == "Nd":
        return int(DIGIT)
    if category == "Mn":
        return int(DROPPED)
    lower = character.lower()[0]
    bare = "".join(c for c in unicodedata.normalize("NFD", lower) if unicodedata.category(c) != "Mn")
    alone = ALONE if entry & CLASS_MASK == SINGLE else 0
    return ord(bare if len(bare) == 1 else lower) + FIRST_LETTER | int(alone)


def _character(character: str, entry: int) -> int:
    return int(SEPARATOR) if entry & SPACE else _letter(character)


@leaf
def _symbol(code, table):
    if code < TABLE_SIZE:
        return table[code]
    if code >= _VARIATION_SELECTORS and code < 0xF0000:
        return DROPPED
    return np.uint32(code + FIRST_LETTER) | ALONE


@leaf
def _at(data, at, end):
    byte = np.int64(data[at])
    if byte < 0x80:
        return byte, at + 1
    return decode(data, at, end)


@leaf
def _past_digits(data, at, end, table):
    while at < end:
        code, after = _at(data, at, end)
        if _symbol(code, table) != DIGIT:
            break
        at = after
    return at


@leaf
def _past_number(data, at, end, table):
    """Behind a number whose first digit ends at `at`: more digits, and once a decimal mark with digits behind it."""
    at = _past_digits(data, at, end, table)
    if at < end:
        code, after = _at(data, at, end)
        decimal = code == 0x2E or code == 0x2C or code == 0x60C or code == 0x66B or 0x2396 <= code <= 0x2398
        if decimal:
            beyond = _past_digits(data, after, end, table)
            if beyond > after:
                return beyond
    return at


@leaf
def next_token(data, at, end, kind, table):
    """Start, end and hash of the next token and the byte to go on from; start is -1 when there is none."""
    start = stop = np.int64(-1)
    total = np.uint64(0)
    while at < end:
        code, after = _at(data, at, end)
        symbol = _symbol(code, table)
        if symbol == DROPPED:
            at = after
            continue
        if kind == CHARACTERS:
            start = at
            if symbol == SEPARATOR:
                while after < end:
                    code, beyond = _at(data, after, end)
                    if _symbol(code, table) != SEPARATOR:
                        break
                    after = beyond
            return start, after, mix(np.uint64(symbol) + np.uint64(1)), after
        if symbol == SEPARATOR:
            at = after
            if start >= 0:
                break
            continue
        if symbol & ALONE:
            if start >= 0:
                break
            return at, after, mix(np.uint64(symbol)), after
        if start < 0:
            start = at
        if symbol == DIGIT:
            after = _past_number(data, after, end, table)
        total = total * HASH_BASE + np.uint64(symbol)
        stop = at = after
    return start, stop, mix(total), at


@njit(cache=True, nogil=True)
def _count(data, offsets, kind, table, first):
    count = 0
    for row in range(len(offsets) - 1):
        at, end = offsets[row], offsets[row + 1]
        while True:
            start, _, _, at = next_token(data, at, end, kind, table)
            if start < 0:
                break
            count += 1
        first[row + 1] = count
    return count


@njit(cache=True, nogil=True)
def _fill(data, offsets, kind, table, hashes, starts, ends):
    count = 0
    for row in range(len(offsets) - 1):
        at, end = offsets[row], offsets[row + 1]
        while True:
            start, stop, value, at = next_token(data, at, end, kind, table)
            if start < 0:
                break
            hashes[count], starts[count], ends[count] = value, start, stop
            count += 1


@dataclass(frozen=True)
class FoldedTokens:
    """first: int64 (rows + 1,), tokens before each row; hashes uint64, starts and ends int64 bytes of `texts.data`."""

    first: np.ndarray
    hashes: np.ndarray
    starts: np.ndarray
    ends: np.ndarray


def tokens_of(texts: Texts, folding: Fold) -> FoldedTokens:
    """All tokens of some texts; for texts small enough to hold 24 bytes a token."""
    first = np.zeros(len(texts) + 1, np.int64)
    count = _count(texts.data, texts.offsets, *folding.arguments, first)
    hashes, starts, ends = np.empty(count, np.uint64), np.empty(count, np.int64), np.empty(count, np.int64)
    _fill(texts.data, texts.offsets, *folding.arguments, hashes, starts, ends)
    return FoldedTokens(first, hashes, starts, ends)
