"""Counts behind the rules for source files, one pass a document."""

from __future__ import annotations

import numpy as np
from numba import njit

from gristmill.kernels.code_points import ALPHANUMERIC, LETTER, SPACE, decode, trait

CHARACTERS, LINES, NEWLINES, LONGEST, ALNUM, LETTERS, WORDS, VISIBLE, COLUMNS = range(9)
_LT, _GT, _SLASH, _NEWLINE = 0x3C, 0x3E, 0x2F, 0x0A
_RAW = (b"script", b"style")


@njit(cache=True, nogil=True)
def count_code(data, offsets, blocks, traits):
    """Of each text int64 (texts, 8): code points, lines, newlines, code points of the longest line, alphanumeric ones, letters,
    words between white space, and code points outside of HTML tags, scripts and styles that are no white space."""
    rows = len(offsets) - 1
    found = np.zeros((rows, COLUMNS), np.int64)
    for row in range(rows):
        at, end = offsets[row], offsets[row + 1]
        characters, newlines, longest, line = 0, 0, 0, 0
        alphanumeric, letters, words, visible = 0, 0, 0, 0
        in_word, in_tag, raw = False, False, -1
        while at < end:
            byte = data[at]
            here = at
            if byte < 0x80:
                entry, at = np.int64(traits[byte]), at + 1
            else:
                code, at = decode(data, at, end)
                entry = trait(blocks, traits, code)
            characters += 1
            if byte == _NEWLINE:
                newlines += 1
                longest, line = max(longest, line), 0
            else:
                line += 1
            alphanumeric += entry & ALPHANUMERIC != 0
            letters += entry & LETTER != 0
            space = entry & SPACE != 0
            words += not space and not in_word
            in_word = not space
            if byte == _LT and not in_tag:
                closing = here + 1 < end and data[here + 1] == _SLASH
                name = here + 1 + closing
                starts = name < end and (0x61 <= data[name] | 0x20 <= 0x7A or data[name] == 0x21)
                if raw >= 0:
                    if closing and _named(data, name, end, raw):
                        raw, in_tag = -1, True
                elif starts:
                    in_tag = True
                    if not closing:
                        for kind in range(2):
                            if _named(data, name, end, kind):
                                raw = kind
            elif byte == _GT and in_tag:
                in_tag = False
                continue
            visible += not in_tag and raw < 0 and not space
        found[row, CHARACTERS], found[row, NEWLINES] = characters, newlines
        found[row, LINES] = newlines + (line > 0)
        found[row, LONGEST] = max(longest, line)
        found[row, ALNUM], found[row, LETTERS], found[row, WORDS] = alphanumeric, letters, words
        found[row, VISIBLE] = visible
    return found


@njit(cache=True, nogil=True)
def _named(data, at, end, kind):
    """Whether `script` (0) or `style` (1) stands here, in any case."""
    name = _RAW[0] if kind == 0 else _RAW[1]
    if at + len(name) > end:
        return False
    for place in range(len(name)):  # noqa: SIM110 - numba compiles no generator
        if data[at + place] | 0x20 != name[place]:
            return False
    return True
