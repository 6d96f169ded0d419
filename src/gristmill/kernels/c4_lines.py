"""What C4's rules say about every line, and the citations they take out."""

from __future__ import annotations

import numpy as np
from numba import njit

from gristmill.kernels.code_points import DIGIT, decode, trait
from gristmill.kernels.leaf import leaf
from gristmill.kernels.phrases import follow, is_word_sign, lowered, phrases_in
from gristmill.kernels.sentences import sentences_in

# What becomes of a line: kept, or the rule that takes it out.
KEPT, LONG_WORD, NO_TERMINAL_MARK, FEW_WORDS, JAVASCRIPT, POLICY = range(6)
# What is counted of a text: lines by what becomes of them, sentences of kept lines, then the first line (from 0, else -1)
# in which each page rule applies.
SENTENCES, LOREM_IPSUM, CURLY_BRACKET, BAD_WORD = range(6, 10)
COLUMNS = 10
# Lists of the phrase table.
LOREM_BIT, CURLY_BIT, JAVASCRIPT_BIT, POLICY_BIT = 1, 2, 4, 8
# What must stand beside a bad word.
ANYTHING, NO_WORD_SIGN, NO_ASCII_LETTER = range(3)

BRACKET, CLOSING_BRACKET, FULL_STOP = 0x5B, 0x5D, 0x2E
EDIT = np.frombuffer(b"[edit]", np.uint8)
CITATION_NEEDED = np.frombuffer(b"[citation needed]", np.uint8)


@leaf
def _begins_with(data, at, end, sought):
    if end - at < len(sought):
        return False
    for place in range(len(sought)):  # noqa: SIM110 - numba compiles no generator
        if data[at + place] != sought[place]:
            return False
    return True


@leaf
def _citation_end(data, at, end, blocks, traits):
    """Where the citation ends whose bracket opens at `at`: empty, of digits, or one of two phrases; `at` when it is none."""
    after = at + 1
    while after < end and data[after] != CLOSING_BRACKET:
        code, beyond = decode(data, after, end)
        if trait(blocks, traits, code) & DIGIT == 0:
            break
        after = beyond
    if after < end and data[after] == CLOSING_BRACKET:
        return after + 1
    if _begins_with(data, at, end, EDIT):
        return at + len(EDIT)
    return at + len(CITATION_NEEDED) if _begins_with(data, at, end, CITATION_NEEDED) else at


@leaf
def _next_citation(data, at, end, blocks, traits):
    """Start and end of the first citation from `at` on; both are `end` when there is none."""
    while at < end:
        if data[at] == BRACKET:
            after = _citation_end(data, at, end, blocks, traits)
            if after > at:
                return at, after
        at += 1
    return end, end


@njit(cache=True, nogil=True)
def find_citations(data, starts, ends, blocks, traits):
    """Citations before each line int64 (lines + 1,), start and end of each citation int64 (citations,)."""
    first = np.zeros(len(starts) + 1, np.int64)
    found = np.empty((16, 2), np.int64)
    count = 0
    for line in range(len(starts)):
        end = ends[line]
        at, after = _next_citation(data, starts[line], end, blocks, traits)
        while at < end:
            if count == len(found):
                found = np.concatenate((found, np.empty_like(found)))
            found[count, 0], found[count, 1] = at, after
            count += 1
            at, after = _next_citation(data, after, end, blocks, traits)
        first[line + 1] = count
    return first, found[:count, 0].copy(), found[:count, 1].copy()


@njit(cache=True, nogil=True)
def without_spans(data, starts, ends, first, span_starts, span_ends):
    """The lines one behind another without some spans: bytes uint8, start and end of each line int64 (lines,)."""
    total = 0
    for line in range(len(starts)):
        total += ends[line] - starts[line]
    left = np.empty(total, np.uint8)
    new_starts = np.empty(len(starts), np.int64)
    new_ends = np.empty(len(starts), np.int64)
    size = 0
    for line in range(len(starts)):
        new_starts[line] = size
        at = starts[line]
        for span in range(first[line], first[line + 1] + 1):
            stop = span_starts[span] if span < first[line + 1] else ends[line]
            left[size : size + stop - at] = data[at:stop]
            size += stop - at
            at = span_ends[span] if span < first[line + 1] else stop
        new_ends[line] = size
    return left[:size], new_starts, new_ends


@leaf
def _ends_with_mark(data, start, end, marks):
    last = end - 1
    while last > start and data[last] & 0xC0 == 0x80:
        last -= 1
    if last < start:
        return False
    code = decode(data, last, end)[0]
    for mark in marks:  # noqa: SIM110 - numba compiles no generator
        if mark == code:
            return True
    return False


@leaf
def _ends_with_dots(data, start, end):
    return end - start >= 3 and data[end - 1] == FULL_STOP and data[end - 2] == FULL_STOP and data[end - 3] == FULL_STOP


@leaf
def _apart(code, beside, case, blocks, traits):
    if beside == NO_WORD_SIGN:
        return not is_word_sign(code, blocks, traits)
    low = lowered(code, case)
    return low < 0x61 or low > 0x7A


@leaf
def _bad_word_in(data, start, end, words, lists, beside, case, blocks, traits):
    """Whether a word of the lists with these bits stands in data[start:end] with the right neighbours.

    `NO_ASCII_LETTER` asks for a neighbour on both sides, as TFDS does: there, no word at either end of a line counts.
    """
    at = start
    free = beside != NO_ASCII_LETTER  # whether a word may begin at `at`
    while at < end:
        byte = data[at]
        if free and words.firsts[byte]:
            node = np.int64(0)
            after = at
            while after < end:
                code, after = decode(data, after, end)
                node = follow(node, lowered(code, case), words)
                if node < 0:
                    break
                if words.groups[node] & lists:
                    if beside == ANYTHING:
                        return True
                    if after == end:
                        if beside == NO_WORD_SIGN:
                            return True
                    elif _apart(decode(data, after, end)[0], beside, case, blocks, traits):
                        return True
        code, at = decode(data, at, end)
        free = beside == ANYTHING or _apart(code, beside, case, blocks, traits)
    return False


@njit(cache=True, nogil=True)
def judge_lines(
    data,
    first,
    starts,
    ends,
    words,
    longest,
    max_word_length,
    min_words,
    marks,
    dots_end,
    whole_page,
    phrases,
    bad_words,
    bad_lists,
    beside,
    abbreviations,
    case,
    blocks,
    traits,
):
    """What becomes of every line int8 (lines,), and the counts of every row int32 (rows, COLUMNS).

    starts, ends: lines stripped, citations out; words, longest: words of each line and code points of its longest.
    max_word_length, min_words: -1 for no rule. marks: int64, code points that end a line well, none for no rule; dots_end:
    whether three full stops do. whole_page: page rules look at every line, not only at those that the line rules before them
    leave. phrases: the table of lorem ipsum, the bracket, and what takes lines out; bad_words: theirs; bad_lists, beside: int64
    (rows,), bits of the lists that count for each row, and what must stand beside their words, see above.
    """
    fates = np.empty(len(starts), np.int8)
    found = np.zeros((len(first) - 1, COLUMNS), np.int32)
    for row in range(len(first) - 1):
        found[row, LOREM_IPSUM:] = -1
        for line in range(first[row], first[row + 1]):
            start, end = starts[line], ends[line]
            fate = KEPT
            if max_word_length >= 0 and longest[line] > max_word_length:
                fate = LONG_WORD
            elif len(marks) and not (
                _ends_with_mark(data, start, end, marks) and (dots_end or not _ends_with_dots(data, start, end))
            ):
                fate = NO_TERMINAL_MARK
            elif words[line] < min_words:
                fate = FEW_WORDS
            looked_at = whole_page or fate == KEPT
            here = phrases_in(data, start, end, phrases, case) if looked_at else np.int64(0)
            number = line - first[row]
            if here & LOREM_BIT and found[row, LOREM_IPSUM] < 0:
                found[row, LOREM_IPSUM] = number
            if fate == KEPT and here & JAVASCRIPT_BIT:
                fate = JAVASCRIPT
            looked_at = whole_page or fate == KEPT
            if looked_at and here & CURLY_BIT and found[row, CURLY_BRACKET] < 0:
                found[row, CURLY_BRACKET] = number
            if fate == KEPT and here & POLICY_BIT:
                fate = POLICY
            looked_at = found[row, BAD_WORD] < 0 and (whole_page or fate == KEPT)
            if looked_at and _bad_word_in(
                data, start, end, bad_words, bad_lists[row], beside[row], case, blocks, traits
            ):
                found[row, BAD_WORD] = number
            if fate == KEPT:
                found[row, SENTENCES] += sentences_in(data, start, end, abbreviations, case, blocks, traits)
            fates[line] = fate
            found[row, fate] += 1
    return fates, found
