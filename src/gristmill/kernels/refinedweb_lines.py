"""What RefinedWeb's line-wise corrections say about every line, and the phrases they take out of short ones."""

from __future__ import annotations

import numpy as np
from numba import njit

from gristmill.kernels.code_points import DIGIT, SPACE, UPPER, decode, trait
from gristmill.kernels.leaf import leaf
from gristmill.kernels.line_words import spaced_words
from gristmill.kernels.lines import strip_span
from gristmill.kernels.phrases import NOWHERE, before, follow, is_word_sign, lowered, parts_words, whole_phrase

# What becomes of a line: kept as it is, kept without some phrases, or the rule that takes it out.
KEPT, EDITED, UPPER_CASE, NUMERICAL, COUNTER, FEW_WORDS, ONLY_PHRASES = range(7)
# What is counted of a text: lines that are not blank by what becomes of them; words of lines taken out and of phrases; words
# of all lines touched.
REMOVED_WORDS, FLAGGED_WORDS = 7, 8
COLUMNS = 9

COMMA, FULL_STOP = 0x2C, 0x2E
_LARGE = (0x6B, 0x6D, 0x62)  # k, m, b: thousands, millions, billions


@leaf
def _shares(data, start, end, blocks, traits):
    """Code points, upper-case letters and decimal digits."""
    characters, upper, digits = 0, 0, 0
    at = start
    while at < end:
        byte = data[at]
        if byte < 0x80:
            entry = np.int64(traits[byte])
            at += 1
        else:
            code, at = decode(data, at, end)
            entry = trait(blocks, traits, code)
        characters += 1
        upper += (entry & UPPER) != 0
        digits += (entry & DIGIT) != 0
    return characters, upper, digits


@leaf
def _no_word_sign(data, at, end, blocks, traits):
    while at < end:
        code, at = decode(data, at, end)
        if is_word_sign(code, blocks, traits):
            return False
    return True


@leaf
def _is_counter(data, at, end, nouns, case, blocks, traits):
    """Whether the line is a number, perhaps with k, m or b, white space and one of the nouns, whatever signs stand around."""
    while True:
        if at >= end:
            return False
        code, after = decode(data, at, end)
        if is_word_sign(code, blocks, traits):
            break
        at = after
    if trait(blocks, traits, code) & DIGIT == 0:
        return False
    while at < end:
        code, after = decode(data, at, end)
        if trait(blocks, traits, code) & DIGIT == 0 and code != COMMA and code != FULL_STOP:
            break
        at = after
    if at < end and lowered(code, case) in _LARGE:
        at = after
    noun = at
    while noun < end:
        code, after = decode(data, noun, end)
        if trait(blocks, traits, code) & SPACE == 0:
            break
        noun = after
    if noun == at:
        return False
    node = np.int64(0)
    while noun < end:
        code, noun = decode(data, noun, end)
        node = follow(node, lowered(code, case), nouns)
        if node == NOWHERE:
            return False
        if nouns.groups[node] and _no_word_sign(data, noun, end, blocks, traits):
            return True
    return False


@leaf
def _trailing_start(data, start, end, phrases, case, blocks, traits):
    """Where the longest phrase begins that ends the line; `end` when none does."""
    for at in range(start, end):
        if phrases.firsts[data[at]] and parts_words(data, at, start, end, blocks, traits):
            node = np.int64(0)
            after = at
            while after < end:
                code, after = decode(data, after, end)
                node = follow(node, lowered(code, case), phrases)
                if node == NOWHERE:
                    break
                if after == end and phrases.groups[node]:
                    return at
    return end


@njit(cache=True, nogil=True)
def judge_lines(
    data,
    first,
    starts,
    ends,
    words,
    max_upper,
    max_digits,
    min_words,
    max_edited_words,
    nouns,
    leading,
    trailing,
    anywhere,
    case,
    blocks,
    traits,
):
    """What becomes of every line int8 (lines,); the counts of every row int32 (rows, COLUMNS); spans to leave out of lines:
    first int64 (lines + 1,), start and end int64 (spans,).

    starts, ends: stripped lines; blank ones are kept. words: int64 (lines, 2), words, and words that begin with a letter or
    digit, which are what is counted. max_upper, max_digits: shares of a line's code points, 1 or more for no rule.
    min_words: 0 for no rule. max_edited_words: words of the longest line whose phrases go. The rest are tables of phrases.
    """
    fates = np.zeros(len(starts), np.int8)
    found = np.zeros((len(first) - 1, COLUMNS), np.int32)
    span_first = np.zeros(len(starts) + 1, np.int64)
    spans = np.empty((16, 2), np.int64)
    count = 0
    for row in range(len(first) - 1):
        for line in range(first[row], first[row + 1]):
            start, end = starts[line], ends[line]
            span_first[line + 1] = count
            fate = KEPT
            removed = 0
            if start < end:
                characters, upper, digits = _shares(data, start, end, blocks, traits)
                if upper / characters > max_upper:
                    fate = UPPER_CASE
                elif digits / characters > max_digits:
                    fate = NUMERICAL
                elif _is_counter(data, start, end, nouns, case, blocks, traits):
                    fate = COUNTER
                elif words[line, 0] < min_words:
                    fate = FEW_WORDS
                removed = words[line, 1]
            if fate == KEPT and start < end and words[line, 0] <= max_edited_words:
                opening = count
                while len(spans) < count + (end - start) + 2:
                    spans = np.concatenate((spans, np.empty_like(spans)))
                left_start, left_end = start, end
                after = whole_phrase(data, start, start, end, leading, case, blocks, traits)
                if after > start:
                    left_start = strip_span(data, after, end, blocks, traits)[0]
                    spans[count, 0], spans[count, 1] = start, left_start
                    count += 1
                last = _trailing_start(data, left_start, end, trailing, case, blocks, traits)
                if last < end:
                    left_end = strip_span(data, left_start, last, blocks, traits)[1]
                at = left_start
                floor = left_start
                while at < left_end:
                    after = at
                    if anywhere.firsts[data[at]]:
                        after = whole_phrase(data, at, left_start, left_end, anywhere, case, blocks, traits)
                    if after == at:
                        at += 1
                        continue
                    span = at
                    if span > floor and trait(blocks, traits, before(data, span, floor)) & SPACE:
                        span -= 1
                        while data[span] & 0xC0 == 0x80:
                            span -= 1
                    spans[count, 0], spans[count, 1] = span, after
                    count += 1
                    at = after
                    floor = after
                if left_end < end:
                    spans[count, 0], spans[count, 1] = left_end, end
                    count += 1
                if count > opening:
                    fate = EDITED
                    rest = start
                    blank = True
                    removed = 0
                    for span in range(opening, count + 1):
                        stop = spans[span, 0] if span < count else end
                        rest_start, rest_end = strip_span(data, rest, stop, blocks, traits)
                        blank &= rest_start == rest_end
                        if span < count:
                            removed += spaced_words(data, spans[span, 0], spans[span, 1], blocks, traits)[1]
                            rest = spans[span, 1]
                    if blank:
                        fate = ONLY_PHRASES
                        removed = words[line, 1]
                        count = opening
                    span_first[line + 1] = count
            fates[line] = fate
            found[row, fate] += start < end
            if fate != KEPT:
                found[row, REMOVED_WORDS] += removed
                found[row, FLAGGED_WORDS] += words[line, 1]
    return fates, found, span_first, spans[:count, 0].copy(), spans[:count, 1].copy()
