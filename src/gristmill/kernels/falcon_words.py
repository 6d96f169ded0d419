"""How Falcon's tokenizer splits texts into words.

Its four parts in order: runs of punctuation apart; of the rest GPT-2's words (letters, numbers or other signs with the space
before them, white space); runs of digits apart; of those threes from the left. The last two look at bytes, each of which
stands for a character there, and bytes such as that of ² are digits.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from gristmill.kernels.leaf import leaf

OTHER, LETTER, NUMBER, SPACE, PUNCTUATION = range(5)
_NOT_ASCII = 255
_BLANK = 0x20
_DIGITS = np.zeros(256, np.bool_)
_DIGITS[[*range(0x30, 0x3A), 0xB2, 0xB3, 0xB9, 0xBC, 0xBD, 0xBE]] = True


@njit(cache=True, nogil=True)
def falcon_words(data, offsets, classes, ends, counts):
    """Write the end of every word to `ends`, the words of each text to `counts`; returns how many words.

    data: uint8 (bytes,), UTF-8. offsets: int64 (texts + 1,). classes: uint8 (0x110000,), the class of every code point.
    ends: int64 (bytes,). counts: int64 (texts,).
    """
    ascii_classes = np.full(256, _NOT_ASCII, np.uint8)
    ascii_classes[:128] = classes[:128]
    words = 0
    for text in range(len(counts)):
        before = words
        place, end = offsets[text], offsets[text + 1]
        while place < end:
            place, plain = _word(data, place, end, classes, ascii_classes)
            if plain:
                ends[words] = place
                words += 1
            else:
                start = ends[words - 1] if words else offsets[0]
                words = _parts(data, start, place, ends, words)
        counts[text] = words - before
    return words


@leaf
def _word(data, place, end, classes, ascii_classes):
    """Where the word that begins at `place` ends, and whether there are surely no digits among its bytes."""
    begin = last = place  # where the last character begins
    kind, after = _next(data, place, classes)
    if data[place] == _BLANK and after < end:
        following, beyond = _next(data, after, classes)
        if following != SPACE and following != PUNCTUATION:
            last, kind, after = after, following, beyond
    ascii_only = data[last] < 0x80
    following = kind
    while after < end:
        run = after
        while after < end and ascii_classes[data[after]] == kind:
            after += 1
        if after > run:
            last = after - 1
        if after == end:
            break
        following, beyond = _next(data, after, classes)
        if following != kind:
            break
        ascii_only = False
        last, after = after, beyond
    if kind == SPACE and after < end and following != PUNCTUATION and last > begin:
        return last, True  # the last blank goes with the word after it, other white space stands alone
    return after, kind != NUMBER and (ascii_only or kind == SPACE)


@leaf
def _next(data, place, classes):
    """Class of the code point at `place`, and where the next one begins."""
    byte = np.int64(data[place])
    if byte < 0x80:
        return classes[byte], place + 1
    if byte < 0xE0:
        return classes[(byte & 0x1F) << 6 | data[place + 1] & 0x3F], place + 2
    if byte < 0xF0:
        return classes[
            (byte & 0x0F) << 12 | (np.int64(data[place + 1]) & 0x3F) << 6 | data[place + 2] & 0x3F
        ], place + 3
    point = (byte & 0x07) << 18 | (np.int64(data[place + 1]) & 0x3F) << 12
    return classes[point | (np.int64(data[place + 2]) & 0x3F) << 6 | data[place + 3] & 0x3F], place + 4


@leaf
def _parts(data, place, end, ends, words):
    """Split a word so that runs of digit bytes stand apart, in them threes of ASCII's from the left; returns the words so far."""
    while place < end:
        stop = place + 1
        if not _DIGITS[data[place]]:
            while stop < end and not _DIGITS[data[stop]]:
                stop += 1
        else:
            while stop < end and _DIGITS[data[stop]]:
                stop += 1
            first = place  # of ASCII's digits: they come after the others, which end a character
            while first < stop and data[first] >= 0x80:
                first += 1
            if stop - first >= 3:
                if first > place:
                    ends[words] = first
                    words += 1
                while stop - first >= 3:
                    first += 3
                    ends[words] = first
                    words += 1
                if first == stop:
                    place = stop
                    continue
        ends[words] = stop
        words += 1
        place = stop
    return words
