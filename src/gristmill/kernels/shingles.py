"""Normalised words of a text and the hashes of their n-grams (shingles), straight from UTF-8.

A *fold table* says what each code point becomes: a letter, nothing, the end of a word, a digit, or a word of
its own. Scripts that are written without spaces (Han, kana, Thai, Lao, Khmer, Burmese) have a word per
character. The two entries at its end stand for all code points past it: those below U+E0000, and the others.
"""

from __future__ import annotations

import unicodedata
from functools import cache

import numpy as np
from numba import njit

from gristmill.kernels.hashing import mix

TABLE_SIZE = 0x20000  # the planes with cased letters, marks, punctuation and emoji
SEPARATOR, DROPPED, DIGITS = 0, 1, 2  # what a table entry below FIRST_LETTER means
FIRST_LETTER = 3
ALONE = 1 << 31  # flag of an entry: the character is a word

_UNSPACED = (
    "CJK UNIFIED",
    "CJK COMPAT",
    "HIRAGANA",
    "KATAKANA",
    "THAI",
    "LAO",
    "KHMER",
    "MYANMAR",
    "BOPOMOFO",
)
_WORD_START, _WORD_STEP, _GRAM_STEP = 0x2545F4914F6CDD1D, 0x9FB21C651E98DF25, 0xD6E8FEB86659FD93


@cache
def words_table(*, digits_to_zero: bool) -> np.ndarray:
    """Fold table uint32 (TABLE_SIZE + 2,) for words without case, accents and punctuation.

    Lower-cased; canonically decomposed with non-spacing marks dropped; format characters (soft hyphen,
    joiners) dropped; everything that is not a letter, mark or number separates words. digits_to_zero: a run
    of digits counts as one 0.
    """
    table = np.zeros(TABLE_SIZE + 2, np.uint32)
    table[TABLE_SIZE:] = ALONE, DROPPED  # rare Han characters; tags and variation selectors
    for code in range(TABLE_SIZE):
        character = chr(code)
        category = unicodedata.category(character)
        if category in ("Mn", "Me", "Cf"):
            table[code] = DROPPED
        elif digits_to_zero and category == "Nd":
            table[code] = DIGITS
        elif category[0] in "LMN":
            lower = character.lower()
            bare = "".join(c for c in unicodedata.normalize("NFD", lower) if unicodedata.category(c) != "Mn")
            table[code] = ord(bare) if len(bare) == 1 else ord(lower[0])
            if code > 0xE00 and unicodedata.name(character, "").startswith(_UNSPACED):
                table[code] |= ALONE
    return table


@cache
def refinedweb_table() -> np.ndarray:
    """Fold table uint32 (TABLE_SIZE + 2,) of words between white space, without case, accents and punctuation: punctuation
    goes without separating, so that "don't" is one word."""
    table = whitespace_table().copy()
    letters = words_table(digits_to_zero=False)
    table[TABLE_SIZE + 1] = DROPPED
    for code in range(TABLE_SIZE):
        category = unicodedata.category(chr(code))
        if category[0] == "P" or (category in ("Mn", "Me", "Cf", "Cc") and table[code] != SEPARATOR):
            table[code] = DROPPED
        elif category[0] in "LMN":
            table[code] = letters[code] & ~np.uint32(ALONE)
    return table


@cache
def dclm_table() -> np.ndarray:
    """Fold table uint32 (TABLE_SIZE + 2,) of words between white space, in small letters, ASCII punctuation taken out."""
    table = whitespace_table().copy()
    for code in range(TABLE_SIZE):
        lower = chr(code).lower()
        if len(lower) == 1 and table[code] != SEPARATOR:
            table[code] = max(ord(lower), FIRST_LETTER) + FIRST_LETTER
        if code < 0x80 and not chr(code).isalnum() and chr(code).isprintable() and code != 0x20:
            table[code] = DROPPED
    return table


@cache
def code_table() -> np.ndarray:
    """Fold table uint32 (TABLE_SIZE + 2,) of source code: letters, digits and underscores as they are, all else separates."""
    table = np.zeros(TABLE_SIZE + 2, np.uint32)
    table[TABLE_SIZE:] = ALONE, DROPPED
    for code in range(TABLE_SIZE):
        if chr(code).isalnum() or code == ord("_"):
            table[code] = code + FIRST_LETTER
    return table


@cache
def whitespace_table() -> np.ndarray:
    """Fold table uint32 (TABLE_SIZE + 2,): white space separates words and all else is letters."""
    table = np.zeros(TABLE_SIZE + 2, np.uint32)
    table[:TABLE_SIZE] = np.arange(TABLE_SIZE) + FIRST_LETTER
    for code in range(0x3001):
        if chr(code).isspace():
            table[code] = SEPARATOR
    return table


@njit(cache=True, nogil=True)
def symbol_at(data: np.ndarray, position: int, end: int, table: np.ndarray) -> tuple[np.uint32, int]:
    """The table entry of the character at `position` and the position after it."""
    byte = np.uint32(data[position])
    if byte < 0x80:
        return table[byte], position + 1
    if byte < 0xE0:
        length, code = 2, byte & np.uint32(0x1F)
    elif byte < 0xF0:
        length, code = 3, byte & np.uint32(0x0F)
    else:
        length, code = 4, byte & np.uint32(0x07)
    stop = min(end, position + length)
    for place in range(position + 1, stop):
        code = np.uint32((code << np.uint32(6)) | (np.uint32(data[place]) & np.uint32(0x3F)))
    if code < TABLE_SIZE:
        return table[code], stop
    beyond = table[TABLE_SIZE] if code < 0xE0000 else table[TABLE_SIZE + 1]
    return beyond if beyond == DROPPED else np.uint32((code + np.uint32(FIRST_LETTER)) | beyond), stop


@njit(cache=True, nogil=True)
def normalise(data: np.ndarray, start: int, end: int, table: np.ndarray, symbols: np.ndarray) -> int:
    """Write the words of data[start:end], one SEPARATOR between them, and return how many symbols that took.

    symbols: uint32, room for three a byte of text is always enough.
    """
    written = 0
    pending = False  # a word has ended and a separator is owed if another follows
    last = np.uint32(SEPARATOR)
    position = start
    while position < end:
        symbol, position = symbol_at(data, position, end, table)
        if symbol == DROPPED:
            continue
        if symbol == SEPARATOR:
            pending = written > 0
            last = symbol
            continue
        alone = bool(symbol >= ALONE)
        if (pending or alone) and written > 0:
            symbols[written] = SEPARATOR
            written += 1
        elif symbol == DIGITS and last == DIGITS:
            continue
        symbols[written] = symbol
        written += 1
        pending = alone
        last = symbol
    return written


def normalised_text(data: np.ndarray, start: int, end: int, table: np.ndarray) -> str:
    """The words of data[start:end] as `refinedweb_table` or `words_table` leave them, one space between them."""
    symbols = np.empty(3 * (end - start) + 3, np.uint32)
    symbols = symbols[: normalise(data, start, end, table, symbols)] & ~np.uint32(ALONE)
    symbols[symbols == SEPARATOR] = 0x20
    symbols[symbols == DIGITS] = 0x30
    return symbols.astype("<u4").tobytes().decode("utf-32-le", "replace")


@njit(cache=True, nogil=True)
def _add_word(word: np.uint64, words: int, rolling: np.uint64, power: np.uint64, ring: np.ndarray) -> np.uint64:
    """The rolling hash of the last len(ring) words after another one; power is _GRAM_STEP ** len(ring)."""
    slot = words % len(ring)
    rolling = rolling * np.uint64(_GRAM_STEP) + word - ring[slot] * power
    ring[slot] = word
    return rolling


@njit(cache=True, nogil=True)
def next_shingles(
    data: np.ndarray, end: int, table: np.ndarray, state: np.ndarray, ring: np.ndarray, shingles: np.ndarray
) -> int:
    """Fill `shingles` (uint64, two or more) with the hashes of the next n-grams; 0 when the text has ended.

    state: int64 (5,) as `start_shingles` made it; ring: uint64 (n,) of zeros at first. Both carry on between
    calls, so that a text of any length needs no more memory than `shingles`.
    """
    position, words = state[0], state[1]
    word, rolling, last = np.uint64(state[2]), np.uint64(state[3]), np.uint32(state[4])
    n = len(ring)
    power = np.uint64(1)
    for _ in range(n):
        power *= np.uint64(_GRAM_STEP)
    found = 0
    while position <= end and found + 2 <= len(shingles):  # one step may end two words
        symbol = np.uint32(SEPARATOR)
        if position == end:
            position += 1  # the end of the text ends a word
        elif data[position] < 0x80:  # symbol_at does the same; here it costs no call
            symbol = table[data[position]]
            position += 1
        else:
            symbol, position = symbol_at(data, position, end, table)
        if symbol == DROPPED:
            continue
        if symbol != SEPARATOR and symbol < ALONE:
            if symbol != DIGITS or last != DIGITS:
                word = (word ^ np.uint64(symbol)) * np.uint64(_WORD_STEP)
            last = symbol
            continue
        if last != SEPARATOR:
            rolling = _add_word(mix(word), words, rolling, power, ring)
            words += 1
            if words >= n:
                shingles[found] = mix(rolling)
                found += 1
            last = np.uint32(SEPARATOR)
            word = np.uint64(_WORD_START)
        if symbol >= ALONE:
            character = (np.uint64(_WORD_START) ^ np.uint64(symbol)) * np.uint64(_WORD_STEP)
            rolling = _add_word(mix(character), words, rolling, power, ring)
            words += 1
            if words >= n:
                shingles[found] = mix(rolling)
                found += 1
    state[0], state[1] = position, words
    state[2], state[3], state[4] = np.int64(word), np.int64(rolling), last
    return found


@njit(cache=True, nogil=True)
def start_shingles(start: int, state: np.ndarray, ring: np.ndarray) -> None:
    """Set `state` and `ring` to the beginning of a text at data[start]."""
    state[:] = 0
    state[0] = start
    state[2] = _WORD_START
    ring[:] = np.uint64(0)


@njit(cache=True, nogil=True)
def shingles_of(data: np.ndarray, start: int, end: int, table: np.ndarray, n: int) -> np.ndarray:
    """All n-gram hashes of one text in order, uint64 (words - n + 1,) or empty."""
    state, ring = np.empty(5, np.int64), np.empty(n, np.uint64)
    found = np.empty(end - start + 3, np.uint64)
    start_shingles(start, state, ring)
    return found[: next_shingles(data, end, table, state, ring, found)]
