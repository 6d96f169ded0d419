"""Words of UTF-8 text in one pass over its bytes: by Unicode's rules, or by white space.

`unicode` follows Unicode Standard Annex 29 (default word boundaries) and differs from it so:
  - white space and control characters separate words and are none; a format character alone is none either;
  - a run of full stops is one word, so that an ellipsis is;
  - the colon does not join letters (ICU's tailoring).
Punctuation marks are words of their own; `flags` tells them apart.

The words of scripts written without spaces need a dictionary (`words: icu` has them). Without one, a word here is
  - in Chinese and Japanese: one Han character, one Hiragana, a run of Katakana;
  - in Thai, Lao, Khmer and Burmese: a base letter with its marks, together with what no syllable is written without: the vowel
    before it, the vowels and signs behind it, a consonant stacked under it, a final consonant silenced by an asat.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gristmill.kernels.code_points import (
    ALPHANUMERIC,
    CLASS_MASK,
    CONNECTOR,
    DOUBLE_QUOTE,
    FORMAT,
    HEBREW,
    JOINER,
    LEADING,
    LETTER_CLASS,
    MID_BOTH,
    MID_LETTER,
    MID_NUMBER,
    NUMERIC,
    PICTOGRAPH,
    REGIONAL,
    SEPARATOR,
    SIGN,
    SINGLE,
    SINGLE_QUOTE,
    SPACE,
    TRAILING,
    code_point_tables,
    decode,
    trait,
)
from gristmill.kernels.leaf import leaf
from gristmill.kernels.text import Texts
from gristmill.kernels.word_hash import HASH_BASE, mix

NOT_SIGNS = 1  # flag of a word in which not every code point is a sign: what datatrove counts as a word
BEGINS_ALPHANUMERIC = 2  # flag of a word whose first code point is a letter or a number: what DCLM counts as a word
FLAG_MASK = ~CLASS_MASK
FULL_STOP = 0x2E
ASAT, DOT_BELOW = 0x103A, 0x1037
WHITESPACE, UNICODE = 0, 1
READINGS = {"whitespace": WHITESPACE, "unicode": UNICODE}


@leaf
def _past_marks(data, at, end, blocks, traits):
    """The first byte from `at` on that is not part of a combining mark, format character or joiner."""
    while at < end:
        code, after = decode(data, at, end)
        kind = trait(blocks, traits, code) & CLASS_MASK
        if kind < FORMAT or kind > JOINER:
            break
        at = after
    return at


@leaf
def _class_at(data, at, end, blocks, traits):
    if at >= end:
        return np.int64(0)
    code, _ = decode(data, at, end)
    return trait(blocks, traits, code) & CLASS_MASK


@leaf
def _stacks(code):
    """Whether a mark puts the next consonant under the one before: Khmer's coeng, Burmese's virama, Tai Tham's sakot."""
    return code == 0x17D2 or code == 0x1039 or code == 0x1A60


@leaf
def _is_silenced(code, data, at, end):
    """Whether the Burmese consonant `code`, which ends at `at`, has an asat: it ends the syllable before it."""
    if not 0x1000 <= code <= 0x1021 or at >= end:
        return False
    mark, at = decode(data, at, end)
    if mark == DOT_BELOW and at < end:
        mark, _ = decode(data, at, end)
    return mark == ASAT


@leaf
def _word_end(data, at, end, kind, blocks, traits):
    """Where the word ends whose first code point, of class `kind`, ends at `at`."""
    if LETTER_CLASS <= kind <= CONNECTOR:
        while at < end:
            byte = data[at]
            if byte < 0x80:
                after = at + 1
                next_kind = np.int64(traits[byte]) & CLASS_MASK
            else:
                code, after = decode(data, at, end)
                next_kind = trait(blocks, traits, code) & CLASS_MASK
            if LETTER_CLASS <= next_kind <= CONNECTOR:
                both_alphanumeric = kind <= NUMERIC and next_kind <= NUMERIC
                if both_alphanumeric or kind == next_kind or CONNECTOR in (kind, next_kind):
                    kind = next_kind
                    at = after
                    continue
                return at
            if FORMAT <= next_kind <= JOINER:
                at = after
                continue
            if MID_LETTER <= next_kind <= DOUBLE_QUOTE:
                beyond = _past_marks(data, after, end, blocks, traits)
                beyond_kind = _class_at(data, beyond, end, blocks, traits)
                letters = kind in (LETTER_CLASS, HEBREW) and beyond_kind in (LETTER_CLASS, HEBREW)
                if letters and next_kind in (MID_LETTER, MID_BOTH, SINGLE_QUOTE):
                    at = beyond
                    continue
                numbers = kind == NUMERIC and beyond_kind == NUMERIC
                if numbers and next_kind in (MID_NUMBER, MID_BOTH, SINGLE_QUOTE):
                    at = beyond
                    continue
                if kind == HEBREW and next_kind == SINGLE_QUOTE:
                    at = beyond
                    continue
                if kind == HEBREW and next_kind == DOUBLE_QUOTE and beyond_kind == HEBREW:
                    at = beyond
                    continue
            return at
        return at
    if data[at - 1] == FULL_STOP:
        while at < end and data[at] == FULL_STOP:
            at += 1
    elif kind == REGIONAL:
        at = _past_marks(data, at, end, blocks, traits)
        if _class_at(data, at, end, blocks, traits) == REGIONAL:
            at = decode(data, at, end)[1]
    syllabic = kind in (SINGLE, LEADING)
    open_syllable = kind == LEADING  # its consonant is still to come
    while at < end and data[at] >= 0x80:  # marks, what a joiner joins to a pictograph, the rest of a syllable
        code, after = decode(data, at, end)
        next_kind = trait(blocks, traits, code) & CLASS_MASK
        if FORMAT <= next_kind <= JOINER:
            at = after
            if syllabic and _stacks(code):
                open_syllable = True
            if next_kind == JOINER and _class_at(data, at, end, blocks, traits) == PICTOGRAPH:
                at = decode(data, at, end)[1]
        elif syllabic and next_kind == SINGLE and (open_syllable or _is_silenced(code, data, after, end)):
            at = after
            open_syllable = False
        elif syllabic and next_kind == TRAILING:
            at = after
        else:
            break
    return at


@leaf
def code_point_flags(entry):
    """What a code point adds to the flags of its word."""
    return (entry & FLAG_MASK) | (NOT_SIGNS if entry & SIGN == 0 else 0)


@leaf
def describe(data, start, end, blocks, traits):
    """Hash, code points and flags of the word in data[start:end]."""
    total = np.uint64(0)
    characters = np.int64(0)
    flags = np.int64(0)
    at = start
    while at < end:
        byte = data[at]
        if byte < 0x80:
            entry = np.int64(traits[byte])
            total = total * HASH_BASE + np.uint64(byte) + np.uint64(1)
            at += 1
        else:
            code, after = decode(data, at, end)
            entry = trait(blocks, traits, code)
            while at < after:
                total = total * HASH_BASE + np.uint64(data[at]) + np.uint64(1)
                at += 1
        flags |= code_point_flags(entry)
        if characters == 0 and entry & ALPHANUMERIC:
            flags |= BEGINS_ALPHANUMERIC
        characters += 1
    return mix(total), characters, flags


@leaf
def _next_word(data, at, end, reading, blocks, traits):
    """Start and end of the first word from `at` on; both are `end` when there is none."""
    while at < end:
        code, after = decode(data, at, end)
        entry = trait(blocks, traits, code)
        if reading == WHITESPACE:
            if entry & SPACE == 0:
                return at, space_after(data, after, end, blocks, traits)
        elif entry & CLASS_MASK > FORMAT:
            return at, _word_end(data, after, end, entry & CLASS_MASK, blocks, traits)
        at = after
    return end, end


@leaf
def space_after(data, at, end, blocks, traits):
    """The first white space from `at` on, or the end."""
    while at < end:
        code, after = decode(data, at, end)
        if trait(blocks, traits, code) & SPACE:
            break
        at = after
    return at


@leaf
def _plain_word(data, at, end, reading, traits):
    """The word of ASCII that begins at `at` with a visible character: its end, hash and flags; an end of 0 when it may go on
    with a mark, an apostrophe or the like, which `_word_end` knows about.

    Most words of Latin text are plain.
    """
    entry = np.int64(traits[data[at]])
    kind = entry & CLASS_MASK
    total = np.uint64(data[at]) + np.uint64(1)
    flags = code_point_flags(entry) | (BEGINS_ALPHANUMERIC if entry & ALPHANUMERIC else 0)
    wordy = LETTER_CLASS <= kind <= CONNECTOR
    stop = data[at] == FULL_STOP
    at += 1
    while at < end:
        byte = data[at]
        entry = np.int64(traits[byte])
        kind = entry & CLASS_MASK
        if byte >= 0x80:
            return 0, total, flags
        if reading == WHITESPACE:
            if entry & SPACE:
                break
        elif wordy:
            if kind < LETTER_CLASS or kind > CONNECTOR:
                if MID_LETTER <= kind <= SINGLE_QUOTE and at + 1 < end:
                    beyond = data[at + 1]
                    if beyond >= 0x80 or LETTER_CLASS <= np.int64(traits[beyond]) & CLASS_MASK <= CONNECTOR:
                        return 0, total, flags
                break
        elif not stop or byte != FULL_STOP:
            break
        total = total * HASH_BASE + np.uint64(byte) + np.uint64(1)
        flags |= code_point_flags(entry)
        at += 1
    return at, mix(total), flags


@leaf
def _fill(data, offsets, reading, blocks, traits, row, count, first, starts, ends, hashes, characters, flags):
    """Write the words of rows from `row` on behind `count` others, until a row might not fit; returns row and count."""
    while row < len(offsets) - 1:
        at, end = offsets[row], offsets[row + 1]
        if count + (end - at) > len(starts):
            break
        while at < end:
            byte = data[at]
            past = np.int64(0)
            start, length = at, np.int64(0)
            total, union = np.uint64(0), np.int64(0)
            if byte < 0x80:
                entry = np.int64(traits[byte])
                if entry & SPACE or (reading == UNICODE and entry & CLASS_MASK == SEPARATOR):
                    at += 1
                    continue
                past, total, union = _plain_word(data, at, end, reading, traits)
            if past > 0:
                at = past
                length = past - start
            else:
                start, at = _next_word(data, at, end, reading, blocks, traits)
                if start == at:
                    break
                total, length, union = describe(data, start, at, blocks, traits)
            starts[count] = start
            ends[count] = at
            hashes[count] = total
            characters[count] = length
            flags[count] = union
            count += 1
        row += 1
        first[row] = count
    return row, count


def segment(texts: Texts, reading: str) -> tuple[np.ndarray, ...]:
    """Words of every row: first int64 (rows + 1,), words before each row; then one entry a word: start and end int64 in
    bytes of `texts.data`, hash uint64, code points int32, flags uint16."""
    tables = code_point_tables()
    return collect(texts, lambda *state: _fill(texts.data, texts.offsets, READINGS[reading], *tables, *state))


def collect(texts: Texts, fill: Callable[..., tuple[int, int]]) -> tuple[np.ndarray, ...]:
    """What `fill(row, count, first, *parts)` writes, called until all rows are done, with more room each time."""
    rows = len(texts)
    room = len(texts.data) // 4 + int(texts.lengths.max(initial=0))
    first = np.zeros(rows + 1, np.int64)
    parts = [np.empty(room, kind) for kind in (np.int64, np.int64, np.uint64, np.int32, np.uint16)]
    row, count = fill(0, 0, first, *parts)
    while row < rows:  # words are shorter than guessed
        room += len(texts.data) // 4 + 1
        parts = [np.concatenate([part[:count], np.empty(room - count, part.dtype)]) for part in parts]
        row, count = fill(row, count, first, *parts)
    return first, *(part[:count] for part in parts)
