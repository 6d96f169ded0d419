"""What a block's own text says: words, sentence ends, digits, capitals, words it shares with the title.

Words of scripts without spaces are estimated from their length, so that a count means about the same in all scripts.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from gristmill.kernels.code_points import decode
from gristmill.kernels.html_names import FNV_START, step
from gristmill.kernels.html_stack import START, STOP
from gristmill.kernels.html_text import WEIGHTS
from gristmill.kernels.leaf import leaf

LEAST_UNSTOPPED = 80  # units of a Thai or Lao text that ends as a sentence does; they have no full stop
UNITS_PER_WORD = 6  # units of a word where none are parted by spaces

# columns of `facts` int32 (blocks, FACTS)
WORDS, ENDS, COMMAS, DIGITS, UPPERS, SYMBOLS, LAST, FIRST_SIGN, TITLE_WORDS, TWINS = range(10)
FACTS = 10
SENTENCE, COLON, COMMA, LETTER, DIGIT, OTHER = 1, 2, 3, 4, 5, 6
"""Values of LAST and, from LETTER on, of FIRST_SIGN, whose letters are 7 when small and 4 when not."""
SMALL = 7
_CASELESS = 8  # a letter of a script without capitals
UNITS_PER_CAPITAL = 18  # as in prose of English and German, so that letters without case are no sign of anything

_TITLE_BITS = 8
MIX = np.uint64(0x9E3779B97F4A7C15)  # an odd number without a pattern: 2^64 over the golden ratio
MOST_PROBES = 64
"""Places of the table of twins that are looked at for one block; real pages come to 28, pages made for it to any number."""


def _ascii_kinds() -> np.ndarray:
    kinds = np.full(128, OTHER, np.int64)
    for sign in range(128):
        if chr(sign).isalpha():
            kinds[sign] = LETTER if chr(sign).isupper() else SMALL
        elif chr(sign).isdigit():
            kinds[sign] = DIGIT
    kinds[[ord(sign) for sign in ".!?"]] = SENTENCE
    kinds[[ord(sign) for sign in ",;"]] = COMMA
    kinds[ord(":")] = COLON
    kinds[:33] = 0
    return kinds


ASCII = _ascii_kinds()
_ENDS = np.array(sorted(map(ord, "…。！？؟۔।॥։፧።᙮។៕՞‽．｡⁇⁈⁉܀။׃༎།෴፨᠃")), np.int64)
_COMMAS = np.array(sorted(map(ord, "،؛、，；﹐﹑･፣፤၊᠂")), np.int64)
_CLOSING = np.array(sorted(map(ord, "\"')]”“»«’›」』）】》〉")), np.int64)
"""Quotes and brackets that hide what a sentence ends with."""


@leaf
def _among(codes, code):
    for one in codes:  # noqa: SIM110 (any() over a generator is slow in numba)
        if one == code:
            return True
    return False


@leaf
def _is_digit(code):
    """Digits beyond ASCII. Blocks of the scripts of India are alike."""
    if 0x900 <= code < 0xE00:
        return 0x66 <= code & 0x7F <= 0x6F
    return (
        0x660 <= code <= 0x669 or 0x6F0 <= code <= 0x6F9 or 0xE50 <= code <= 0xE59 or 0xED0 <= code <= 0xED9
        or 0xF20 <= code <= 0xF29 or 0x1040 <= code <= 0x1049 or 0x17E0 <= code <= 0x17E9 or 0xFF10 <= code <= 0xFF19
    )  # fmt: skip


@leaf
def _cased_kind(code):
    """Kind of a letter of Latin, Greek, Cyrillic or Armenian beyond ASCII, nearly; 0: of none of them."""
    if code < 0x250 or 0x460 <= code < 0x530 or 0x1E00 <= code < 0x1F00:
        return LETTER if code & 1 == 0 else SMALL
    if 0x391 <= code <= 0x3A9 or 0x386 <= code <= 0x38F or 0x400 <= code <= 0x42F or 0x531 <= code <= 0x556:
        return LETTER
    if code < 0x588 or 0x1C90 <= code < 0x1CC0 or 0x1F00 <= code < 0x2000:
        return LETTER if code >= 0x1C90 and code < 0x1CC0 else SMALL
    return 0


@leaf
def _wide_kind(code):
    """Kind of a code point beyond ASCII."""
    if code < 0x100:
        if code < 0xC0:
            return SMALL if code == 0xAA or code == 0xB5 or code == 0xBA else OTHER
        if code == 0xD7 or code == 0xF7:
            return OTHER
        return LETTER if code < 0xDF else SMALL
    if code < 0x530:
        return _cased_kind(code)
    if 0x620 <= code < 0x660 or 0x3040 <= code < 0xE000:
        return _CASELESS  # Arabic, kana, ideographs, Hangul, before the searches
    if _among(_ENDS, code):
        return SENTENCE
    if _among(_COMMAS, code):
        return COMMA
    if code == 0xFF1A:
        return COLON
    if _is_digit(code):
        return DIGIT
    kind = _cased_kind(code)
    if kind:
        return kind
    if 0x2000 <= code < 0x2C00 or 0x3000 <= code < 0x3040 or 0xE000 <= code < 0xF900 or 0xFE10 <= code < 0xFE70:
        return OTHER
    if 0xFF00 <= code < 0xFF66 or (code >= 0x1F000 and code < 0x20000):
        return OTHER
    return _CASELESS


@leaf
def _without_spaces(code):
    """Thai, Lao, Tibetan, Burmese, Khmer, kana, ideographs."""
    return (
        0xE00 <= code < 0x1000 or 0x1000 <= code < 0x10A0 or 0x1780 <= code < 0x1800 or 0x3040 <= code < 0x3100
        or 0x3400 <= code < 0xA000 or 0xF900 <= code < 0xFB00 or 0x20000 <= code < 0x40000
    )  # fmt: skip


@leaf
def _add_title_word(words, value):
    at = np.int64(value >> np.uint64(64 - _TITLE_BITS))
    for _ in range(8):
        if words[at] == value:
            return
        if words[at] == np.uint64(0):
            words[at] = value
            return
        at = (at + 1) & ((1 << _TITLE_BITS) - 1)


@leaf
def _has_title_word(words, value):
    at = np.int64(value >> np.uint64(64 - _TITLE_BITS))
    for _ in range(8):
        if words[at] == value:
            return True
        if words[at] == np.uint64(0):
            return False
        at = (at + 1) & ((1 << _TITLE_BITS) - 1)
    return False


@leaf
def _end_word(words, value, adding):
    if adding:
        _add_title_word(words, value)
        return 0
    return 1 if _has_title_word(words, value) else 0


@leaf
def _describe(data, start, stop, facts, words, adding):
    """Facts of data[start:stop]; hash of its letters and digits. With `adding`, its words become the title's."""
    n_words = ends = commas = digits = uppers = symbols = in_title = caseless = 0
    unspaced = last = first = 0
    whole = word = FNV_START
    length = pauses = unstopped = 0
    pausing = False  # a space here parts two phrases: the sign before is Thai or Lao
    at = start
    while at < stop:
        byte = np.int64(data[at])
        if byte < 128:
            kind, after, loose = ASCII[byte], at + 1, False
            code = byte
        else:
            code, after = decode(data, at, stop)
            kind = _wide_kind(code)
            loose = kind == _CASELESS and _without_spaces(code)
        if kind >= LETTER and kind != OTHER:
            folded = code | 32 if code < 128 else code + 32 if 0x410 <= code < 0x430 else code
            whole = step(step(whole, folded & 255), folded >> 8 & 255)
            word = step(step(word, folded & 255), folded >> 8 & 255)
            length += 1
            if kind == DIGIT:
                digits += 1
            elif kind == LETTER:
                uppers += 1
            elif kind == _CASELESS:
                caseless += WEIGHTS[byte]
            if loose:
                unspaced += WEIGHTS[byte]
                in_title += _end_word(words, word, adding)
                word, length = FNV_START, 0
        else:
            if length:
                n_words += 1
                in_title += _end_word(words, word, adding)
                word, length = FNV_START, 0
            if kind == SENTENCE:
                ends += 1
            elif kind == COMMA:
                commas += 1
            elif kind == OTHER:
                symbols += 1
            elif pausing:
                pauses += 1
        pausing = bool(loose and code < 0xF00)
        if kind:
            unstopped = unstopped + 1 if pausing else 0 if kind == SENTENCE else unstopped
            if first == 0:
                first = LETTER if kind == _CASELESS else kind
            if kind != OTHER or not _among(_CLOSING, code):
                last = LETTER if kind >= SMALL else kind
        at = after
    if length:
        n_words += 1
        in_title += _end_word(words, word, adding)
    if unstopped >= LEAST_UNSTOPPED and last == LETTER:
        last = SENTENCE
    ends, commas = ends + pauses // 2, commas + pauses - pauses // 2
    uppers += (caseless + UNITS_PER_CAPITAL - 1) // UNITS_PER_CAPITAL
    facts[WORDS] = n_words + unspaced // UNITS_PER_WORD
    facts[ENDS], facts[COMMAS], facts[DIGITS], facts[UPPERS], facts[SYMBOLS] = ends, commas, digits, uppers, symbols
    facts[LAST], facts[FIRST_SIGN], facts[TITLE_WORDS], facts[TWINS] = last, first, in_title, 0
    return whole


@leaf
def place_of_twins(hashes, places, bits, row):
    """Where the first block with this one's hash stands in `places`, or an empty place; -1 when neither is near."""
    value = hashes[row]
    at = np.int64(((value ^ value >> np.uint64(32)) * MIX) >> np.uint64(64 - bits))
    for _ in range(MOST_PROBES):
        if places[at] < 0 or hashes[places[at]] == value:
            return at
        at = (at + 1) & ((1 << bits) - 1)
    return np.int64(-1)


@njit(cache=True, nogil=True)
def describe_blocks(text, blocks, title, facts):
    """Fill facts int32 (blocks, FACTS); `title` uint8 holds the page's title."""
    rows = len(blocks)
    words = np.zeros(1 << _TITLE_BITS, np.uint64)
    if len(title):
        _describe(title, 0, len(title), facts[rows], words, True)
    hashes = np.empty(rows, np.uint64)
    bits = 4
    while (1 << bits) < 2 * rows:
        bits += 1
    places = np.full(1 << bits, -1, np.int32)
    for row in range(rows):
        hashes[row] = _describe(text, blocks[row, START], blocks[row, STOP], facts[row], words, False)
        at = place_of_twins(hashes, places, bits, row)
        if at < 0:
            facts[row, TWINS] = 1
            continue
        if places[at] < 0:
            places[at] = row
        facts[places[at], TWINS] += 1  # counted at the first of them
    for row in range(rows):
        at = place_of_twins(hashes, places, bits, row)
        if at >= 0:
            facts[row, TWINS] = facts[places[at], TWINS]
