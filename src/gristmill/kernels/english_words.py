"""Words of English text near to spaCy's: what white space separates, without the punctuation around and between.

Of each run without white space: marks at its beginning and end are words of their own, one by one; so are full stops behind a
word, but not those of "U.S." and "Mr."; web and mail addresses stay whole; what is left is split at hyphens, slashes and the
like between letters, and before 's, n't, 're, 'll, 've, 'd and 'm. spaCy's lists of smileys and of contractions
without an apostrophe are not followed.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from gristmill.kernels.code_points import (
    DIGIT,
    LETTER,
    LOWER,
    PUNCTUATION,
    SPACE,
    SYMBOL,
    UPPER,
    code_point_tables,
    decode,
    trait,
)
from gristmill.kernels.leaf import leaf
from gristmill.kernels.steps import step_back
from gristmill.kernels.text import Texts
from gristmill.kernels.word_hash import HASH_BASE, mix
from gristmill.kernels.words import BEGINS_ALPHANUMERIC, FULL_STOP, code_point_flags, collect, describe, space_after

AT_BEGINNING, AT_END, BETWEEN = 1, 2, 4  # where a mark is split off
MOST_ENDINGS = 64  # marks split off one end; what goes on beyond stays in one word

_AT_BEGINNING = "%=,:;!?()[]{}<>_#*&\"'`$+"
_AT_END = ",:;!?()[]{}<>_#*&\"'`"
_BETWEEN = ":<>=/"
_ABBREVIATIONS = (
    "mr mrs ms dr inc co corp ltd jan feb mar apr jun jul aug sep sept oct nov dec st vs prof gov sen rep gen jr sr ave blvd mt "
    "bros calif"
)
_UNITS = (
    "km m dm cm mm ha nm yd in ft kg g mg t lb oz mph hPa Pa mbar mb MB kb KB gb GB tb TB T G M K"  # spaCy's, of ASCII
)
_ELLIPSIS, _EN_DASH, _EM_DASH = 0x2026, 0x2013, 0x2014


def _marks() -> np.ndarray:
    table = np.zeros(128, np.uint8)
    for flag, marks in ((AT_BEGINNING, _AT_BEGINNING), (AT_END, _AT_END), (BETWEEN, _BETWEEN)):
        table[[ord(mark) for mark in marks]] |= flag
    return table


def _packed(word: str) -> int:
    return int.from_bytes(word.encode(), "big")


def _followers() -> np.ndarray:
    table = np.zeros(256, np.uint8)
    table[[ord(mark) for mark in _AT_END]] = MARK
    table[[ord(space) for space in " \t\n\r"]] = BLANK
    table[FULL_STOP] = STOP
    return table


MARKS = _marks()
BLANK, MARK, STOP = 1, 2, 3
FOLLOWERS = _followers()  # what may stand behind a plain word
ABBREVIATIONS = np.array([_packed(word) for word in _ABBREVIATIONS.split()], np.int64)
UNITS = np.array([_packed(unit) for unit in _UNITS.split()], np.int64)
LONGEST_ABBREVIATION = max(map(len, _ABBREVIATIONS.split()))
LONGEST_UNIT = max(map(len, _UNITS.split()))
CANNOT = _packed("cannot")


@leaf
def _entry_at(data, at, end, blocks, traits):
    """Code point and its traits at a byte; zeros at the end."""
    if at >= end:
        return np.int64(0), np.int64(0)
    code, _ = decode(data, at, end)
    return code, trait(blocks, traits, code)


@leaf
def _is_mark(code, entry, where):
    if code < 0x80:
        return MARKS[code] & where != 0
    return entry & (PUNCTUATION | SYMBOL) != 0


@leaf
def _is_quote(code):
    return code == 0x22 or code == 0x27 or 0x2018 <= code <= 0x201D


@leaf
def _stops_from(data, at, end):
    """The first byte from `at` on that is no full stop."""
    while at < end and data[at] == FULL_STOP:
        at += 1
    return at


@leaf
def _keeps_its_stop(data, start, end, blocks, traits):
    """Whether data[start:end], which ends in a full stop, is letters with a stop after each, or an abbreviation."""
    dotted = True
    at = start
    while at < end and dotted:
        code, after = decode(data, at, end)
        dotted = trait(blocks, traits, code) & LETTER != 0 and after < end and data[after] == FULL_STOP
        at = after + 1
    if dotted:
        return True
    if end - start > LONGEST_ABBREVIATION + 1:
        return False
    packed = 0
    for at in range(start, end - 1):
        packed = (packed << 8) | (data[at] | 0x20)
    for known in ABBREVIATIONS:  # noqa: SIM110 - kernels have no generators
        if packed == known:
            return True
    return False


@leaf
def _apostrophe(data, start, end):
    """Where an apostrophe begins that ends at `end`; -1 when there is none after `start`."""
    if end - 1 > start and data[end - 1] == 0x27:
        return end - 1
    if end - 3 > start and data[end - 1] == 0x99 and data[end - 2] == 0x80 and data[end - 3] == 0xE2:
        return end - 3
    return -1


@leaf
def _unit(data, start, end):
    """Where a unit begins that ends data[start:end] behind a digit; `end` when there is none."""
    at = end
    packed, shift = 0, 0
    while at > start and end - at <= LONGEST_UNIT and 0x41 <= data[at - 1] <= 0x7A:
        at -= 1
        packed |= (data[at] | 0) << shift  # a wider integer than a byte
        shift += 8
    if at > start and 0x30 <= data[at - 1] <= 0x39:
        for unit in UNITS:
            if packed == unit:
                return at
    return end


@leaf
def _ending(data, start, end, blocks, traits):
    """Where the mark begins that is split off the end of data[start:end]; `end` when there is none."""
    last = step_back(data, end, start)
    if last == start:
        return end
    code, entry = _entry_at(data, last, end, blocks, traits)
    previous_at = step_back(data, last, start)
    previous, previous_entry = _entry_at(data, previous_at, last, blocks, traits)
    if code == FULL_STOP:
        if previous == FULL_STOP:
            while last > start and data[last - 1] == FULL_STOP:
                last -= 1
            return last if last > start else end
        splits = previous_entry & (DIGIT | LOWER) != 0 or _is_quote(previous)
        splits |= previous == 0x25 or previous == 0x2B or previous == 0x2D or previous == 0x29 or previous == 0x5D
        if not splits and previous_entry & UPPER and previous_at > start:
            _, second = _entry_at(data, step_back(data, previous_at, start), previous_at, blocks, traits)
            splits = second & UPPER != 0
        return last if splits and not _keeps_its_stop(data, start, end, blocks, traits) else end
    if _is_mark(code, entry, AT_END):
        return last
    if (code == 0x25 or code == 0x24 or code == 0x2B) and previous_entry & DIGIT:
        return last
    if code | 0x20 == 0x73:  # 's
        apostrophe = _apostrophe(data, start, last)
        if apostrophe > 0:
            return apostrophe
    return _unit(data, start, end)


@leaf
def _is_address(data, start, end):
    """Whether data[start:end] looks like a URL, a host name or a mail address."""
    host_end = end
    stop = -1
    plain = data[start] != FULL_STOP
    for at in range(start, end):
        byte = data[at]
        if byte == 0x3A and at + 2 < end and data[at + 1] == 0x2F and data[at + 2] == 0x2F and at > start:
            return True
        if byte == 0x2F:
            host_end = at
            break
        if byte == FULL_STOP:
            stop = at
        word = 0x61 <= byte | 0x20 <= 0x7A or 0x30 <= byte <= 0x39 or byte == 0x5F or byte >= 0x80
        plain &= word or byte == 0x2D or byte == FULL_STOP or byte == 0x40 or byte == 0x2B
    if not plain or stop < 0 or not 2 <= host_end - stop - 1 <= 6:
        return False
    for at in range(stop + 1, host_end):  # noqa: SIM110
        if data[at] < 0x61 or data[at] > 0x7A:
            return False
    return True


@leaf
def _separator_end(data, at, start, end, blocks, traits):
    """Where the mark at `at`, inside data[start:end], ends when it separates two words; `at` when it does not."""
    code, after = decode(data, at, end)
    entry = trait(blocks, traits, code)
    if entry & (LETTER | DIGIT):
        return at
    before, before_entry = np.int64(0), np.int64(0)
    if at > start:
        before, before_entry = _entry_at(data, step_back(data, at, start), at, blocks, traits)
    beyond, beyond_entry = _entry_at(data, after, end, blocks, traits)
    if code == FULL_STOP:
        if beyond == FULL_STOP:
            return _stops_from(data, at, end)
        sentence = before_entry & LOWER != 0 or _is_quote(before)
        return after if sentence and (beyond_entry & UPPER != 0 or _is_quote(beyond)) else at
    if code == _ELLIPSIS or (code >= 0x80 and entry & SYMBOL):
        return after
    if code == 0x2C:
        return after if before_entry & LETTER and beyond_entry & LETTER else at
    dash = code in (0x2D, 0x7E, _EN_DASH, _EM_DASH)
    if dash and before_entry & (LETTER | DIGIT):
        behind, behind_at = beyond_entry, after
        while behind_at < end and (data[behind_at] == 0x2D or data[behind_at] == 0xE2):
            code_behind, next_at = decode(data, behind_at, end)
            if code_behind != 0x2D and code_behind != _EM_DASH:
                break
            behind_at = next_at
            _, behind = _entry_at(data, behind_at, end, blocks, traits)
        if behind & LETTER:
            return behind_at
    if code == 0x2D or code == 0x2B or code == 0x2A or code == 0x5E:
        return after if before_entry & DIGIT and (beyond_entry & DIGIT or beyond == 0x2D) else at
    if code < 0x80 and MARKS[code] & BETWEEN and before_entry & (LETTER | DIGIT) and beyond_entry & LETTER:
        return after
    return at


@leaf
def _contraction(data, start, end):
    """Where 's, n't, 're, 'll, 've, 'd, 'm or the "not" of "cannot" begins that ends a word; `end` when none does."""
    last = data[end - 1] | 0x20
    at: int = -1
    if last == 0x74 and end - start == 6:
        packed = 0
        for letter in range(start, end):
            packed = (packed << 8) | (data[letter] | 0x20)
        if packed == CANNOT:
            return start + 3
    if last == 0x73 or last == 0x64 or last == 0x6D:
        at = _apostrophe(data, start, end - 1)
    elif last == 0x74:
        at = _apostrophe(data, start, end - 1) - 1
        if at <= start or data[at] | 0x20 != 0x6E:
            at = -1
    elif end - start > 3:
        second = data[end - 2] | 0x20
        if (last == 0x65 and (second == 0x72 or second == 0x76)) or (last == 0x6C and second == 0x6C):
            at = _apostrophe(data, start, end - 2)
    return at if at > start else end


@leaf
def _write(starts, ends, count, start, end):
    if start < end:
        starts[count], ends[count] = start, end
        count += 1
    return count


@leaf
def _write_middle(data, start, end, blocks, traits, starts, ends, count):
    """Write the words of a run without the marks around it; returns how many are written."""
    if start >= end:
        return count
    if _is_address(data, start, end):
        return _write(starts, ends, count, start, end)
    piece = start
    at = start
    while at < end:
        separator_end = _separator_end(data, at, start, end, blocks, traits)
        if separator_end == at:
            at = decode(data, at, end)[1]
            if at < end:
                continue
        if piece < at:
            cut = _contraction(data, piece, at)
            count = _write(starts, ends, count, piece, cut)
            count = _write(starts, ends, count, cut, at)
        count = _write(starts, ends, count, at, separator_end)
        at = max(at, separator_end)
        piece = at
    return count


@leaf
def _write_run(data, start, end, blocks, traits, cuts, starts, ends, count):
    """Write the words of data[start:end], which holds no white space, behind `count` others; returns how many are written."""
    while start < end:
        code, after = decode(data, start, end)
        if code == FULL_STOP:
            after = _stops_from(data, start, end)
            if after - start < 2:
                break
        elif not _is_mark(code, trait(blocks, traits, code), AT_BEGINNING):
            break
        count = _write(starts, ends, count, start, after)
        start = after
    tail = end
    endings = 0
    while start < tail and endings < len(cuts):
        cut = _ending(data, start, tail, blocks, traits)
        if cut == tail:
            break
        cuts[endings] = tail
        endings += 1
        tail = cut
    count = _write_middle(data, start, tail, blocks, traits, starts, ends, count)
    while endings > 0:
        endings -= 1
        count = _write(starts, ends, count, tail, cuts[endings])
        tail = cuts[endings]
    return count


@leaf
def _plain_word(data, at, end, traits):
    """The ASCII letters from `at` on, which begin a run: their end, hash and flags; an end of 0 where other rules than these
    apply: white space behind them ends a word, and so does one mark with white space behind it, which is a word too.

    Most runs of English are so.
    """
    start = at
    total, flags = np.uint64(0), np.int64(BEGINS_ALPHANUMERIC)
    while at < end and 0x61 <= data[at] | 0x20 <= 0x7A:
        total = total * HASH_BASE + np.uint64(data[at]) + np.uint64(1)
        flags |= code_point_flags(np.int64(traits[data[at]]))
        at += 1
    may_be_cannot = at - start == 6 and data[at - 1] | 0x20 == 0x74
    if at == start or may_be_cannot:
        return 0, total, flags
    if at < end:
        follower = FOLLOWERS[data[at]]
        if follower == 0:
            return 0, total, flags
        if follower != BLANK and at + 1 < end and FOLLOWERS[data[at + 1]] != BLANK:
            return 0, total, flags
        if follower == STOP and (at - start <= LONGEST_ABBREVIATION or data[at - 1] < 0x61):
            return 0, total, flags
    return at, mix(total), flags


@njit(cache=True, nogil=True)
def _fill(data, offsets, blocks, traits, row, count, first, starts, ends, hashes, characters, flags):
    """Write the words of rows from `row` on behind `count` others, until a row might not fit; returns row and count."""
    cuts = np.empty(MOST_ENDINGS, np.int64)
    while row < len(offsets) - 1:
        at, end = offsets[row], offsets[row + 1]
        if count + (end - at) > len(starts):
            break
        while at < end:
            past, total, union = _plain_word(data, at, end, traits)
            if past > 0:
                starts[count], ends[count] = at, past
                hashes[count], characters[count], flags[count] = total, past - at, union
                count += 1
                at = past
                if at < end and FOLLOWERS[data[at]] != BLANK:
                    starts[count], ends[count] = at, at + 1
                    hashes[count], characters[count], flags[count] = describe(data, at, at + 1, blocks, traits)
                    count += 1
                    at += 1
                continue
            code, after = decode(data, at, end)
            if trait(blocks, traits, code) & SPACE:
                at = after
                continue
            beyond = space_after(data, after, end, blocks, traits)
            written = _write_run(data, at, beyond, blocks, traits, cuts, starts, ends, count)
            for word in range(count, written):
                hashes[word], characters[word], flags[word] = describe(data, starts[word], ends[word], blocks, traits)
            count = written
            at = beyond
        row += 1
        first[row] = count
    return row, count


def segment_english(texts: Texts) -> tuple[np.ndarray, ...]:
    """The same arrays as words.segment."""
    tables = code_point_tables()
    return collect(texts, lambda *state: _fill(texts.data, texts.offsets, *tables, *state))
