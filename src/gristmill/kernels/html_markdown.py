"""Text that would read as Markdown without being meant so: which signs get a backslash before them.

Only where a CommonMark or GFM reader would find structure: `2 * 3`, `snake_case` and `C#` stay as they are, `*both*` does not.
Formulas (`$…$`, `$$…$$`, `\\(…\\)`, `\\[…\\]`) are copied as they are, since every Markdown with formulas reads them so.
"""

from __future__ import annotations

import numpy as np

from gristmill.kernels.leaf import leaf

LINE, HEADING, CELL_TEXT = range(3)
"""What `write_inline` writes: lines of a paragraph, a heading and a cell that must not break, a cell that has no bars."""

NOTES = 13
"""Places about a block that `look_ahead` leaves in an int64 array of that length."""

_MOST_DIGITS = 9  # of a number that begins a list
_LONGEST_NAME = 32  # of a reference to a character; and the label of a link's definition is looked for that far

_NEWLINE, _SPACE, _BACKSLASH, _TICK, _DOLLAR = (ord(sign) for sign in "\n \\`$")
_LESS, _GREATER, _AND, _OPEN, _CLOSE, _ROUND, _BAR, _HASH = (ord(sign) for sign in "<>&[](|#")
_UNDERSCORE = ord("_")
_FIRST, _LAST, _TICKS, _LAST_GREATER, _FORMULA = 0, 3, 6, 7, 8  # places in the notes


def _table(signs: str) -> np.ndarray:
    table = np.zeros(256, np.uint8)
    for number, sign in enumerate(signs):
        table[ord(sign)] = number + 1
    return table


_PUNCTUATION = _table("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
_EMPHASIS = _table("*_~")
_RULES = _table("-=*_:| ")  # lines of these alone are rules, underlines and the second row of tables
_SPECIAL = _table("*_~`<&]\\$")


@leaf
def _letter(byte):
    return 65 <= byte <= 90 or 97 <= byte <= 122


@leaf
def _parts(text, at):
    """0: white space, 1: a letter, 2: punctuation begins at `at`; beyond ASCII by ranges: a backslash too many is no harm."""
    byte = text[at]
    if byte < 128:
        return 0 if byte <= 32 else (2 if _PUNCTUATION[byte] else 1)
    wide = (byte == 0xE3 and text[at + 1] == 0x80) or (byte == 0xEF and text[at + 1] in (0xBC, 0xBD))
    return 2 if byte == 0xC2 or byte == 0xE2 or wide else 1


@leaf
def _flanks(text, first, end, start, stop):
    """Whether the run of signs text[first:end] of a block [start, stop) can (open, close) emphasis."""
    last = first - 1
    while last > start and text[last] & 0xC0 == 0x80:
        last -= 1
    before = _parts(text, last) if first > start else 0
    behind = _parts(text, end) if end < stop else 0
    left = behind > 0 and (behind == 1 or before != 1)
    right = before > 0 and (before == 1 or behind != 1)
    if text[first] == _UNDERSCORE:
        return left and (not right or before == 2), right and (not left or behind == 2)
    return left, right


@leaf
def look_ahead(text, start, stop, notes):
    """Note the first sign that could open emphasis and the last that could close it, the runs of backticks, the last `>`."""
    for k in range(3):
        notes[_FIRST + k], notes[_LAST + k] = stop, -1
    notes[_TICKS], notes[_LAST_GREATER] = 0, -1
    for k in range(_FORMULA, NOTES):
        notes[k] = -1
    at = start
    while at < stop:
        byte = text[at]
        if _EMPHASIS[byte]:
            end = at + 1
            while end < stop and text[end] == byte:
                end += 1
            opens, closes = _flanks(text, at, end, start, stop)
            kind = _EMPHASIS[byte] - 1
            if opens:
                notes[_FIRST + kind] = min(notes[_FIRST + kind], at)
            if closes:
                notes[_LAST + kind] = at
            at = end
            continue
        if byte == _TICK and (at == start or text[at - 1] != _TICK):
            notes[_TICKS] += 1
        elif byte == _GREATER:
            notes[_LAST_GREATER] = at
        at += 1


@leaf
def _closes_formula(text, at, stop, kind):
    """Whether a formula of a kind ends at `at`: 0 `$`, 1 `$$`, 2 `\\)`, 3 `\\]`."""
    if kind == 0:
        digit = at + 1 < stop and 48 <= text[at + 1] <= 57
        return text[at] == _DOLLAR and text[at - 1] > 32 and not digit
    if kind == 1:
        return at + 1 < stop and text[at] == _DOLLAR and text[at + 1] == _DOLLAR
    return at + 1 < stop and text[at] == _BACKSLASH and text[at + 1] == (41 if kind == 2 else _CLOSE)


@leaf
def _formula(text, at, stop, notes):
    """The place behind the formula that begins at `at`; `at` when none does. Where the next one of a kind ends is remembered."""
    sign, behind = text[at], text[at + 1] if at + 1 < stop else np.uint8(_SPACE)
    if sign == _DOLLAR:
        kind = 1 if behind == _DOLLAR else 0
        if behind <= 32:
            return at
    elif behind in (_ROUND, _OPEN):
        kind = 2 if behind == _ROUND else 3
    else:
        return at
    inside = at + (1 if kind == 0 else 2)
    end = notes[_FORMULA + kind]
    if end <= inside:
        end = inside + 1
        while end < stop and not _closes_formula(text, end, stop, kind):
            end += 1
        notes[_FORMULA + kind] = end
    return end + (1 if kind == 0 else 2) if end < stop else at


@leaf
def _is_reference(text, at, stop):
    """Whether text[at:] reads `&name;` or `&#number;`."""
    at += 1
    if at < stop and text[at] == _HASH:
        at += 1
    end = at
    while end < stop and end - at < _LONGEST_NAME and (_letter(text[end]) or 48 <= text[end] <= 57):
        end += 1
    return at < end < stop and text[end] == 59


@leaf
def _means_more(text, at, stop, notes):
    """Whether a special sign at `at` would be read as Markdown."""
    byte = text[at]
    behind = text[at + 1] if at + 1 < stop else np.uint8(_SPACE)
    if _EMPHASIS[byte]:
        kind = _EMPHASIS[byte] - 1
        first, last = notes[_FIRST + kind], notes[_LAST + kind]
        return first < last and first <= at and text[last] == byte and (at <= last or text[at - 1] == byte)
    if byte == _TICK:
        return notes[_TICKS] > 1
    if byte == _LESS:
        return at < notes[_LAST_GREATER] and (_letter(behind) or behind in (33, 47, 63))
    if byte == _AND:
        return _is_reference(text, at, stop)
    if byte == _CLOSE:
        return behind == _ROUND
    return byte == _BACKSLASH and (_PUNCTUATION[behind] > 0 or behind == _NEWLINE)


@leaf
def write_inline(text, at, end, stop, notes, out, to, where):
    """text[at:end] of a block that ends at `stop` into out, escaped for `where` it stands; the place in out."""
    while at < end:
        byte = text[at]
        if _SPECIAL[byte]:
            behind = _formula(text, at, end, notes) if byte in (_DOLLAR, _BACKSLASH) else at
            if behind > at and where != CELL_TEXT:
                while at < behind:
                    out[to] = text[at] if text[at] != _NEWLINE or where == LINE else _SPACE
                    to += 1
                    at += 1
                continue
            if _means_more(text, at, stop, notes):
                out[to] = _BACKSLASH
                to += 1
        elif where == CELL_TEXT and byte == _BAR:
            out[to] = _BACKSLASH
            to += 1
        out[to] = np.uint8(_SPACE) if where and byte == _NEWLINE else byte
        to += 1
        at += 1
    return to


@leaf
def _defines_link(text, at, end):
    """Whether a line reads `[label]: …`."""
    for k in range(at + 1, min(end - 1, at + _LONGEST_NAME)):
        if text[k] == _CLOSE:
            return text[k + 1] == 58
    return False


@leaf
def _begins_block(text, at, end):
    """How many bytes before which a backslash keeps the line [at, end) from being more than text; -1: none is needed."""
    byte = text[at]
    behind = text[at + 1] if at + 1 < end else np.uint8(_SPACE)
    if byte == _GREATER or (byte == _LESS and (_letter(behind) or behind in (33, 47, 63))):
        return 0
    if byte in (43, 45, 42) and behind == _SPACE:
        return 0
    if byte == _HASH:
        k = at
        while k < end and text[k] == _HASH:
            k += 1
        return 0 if k - at <= 6 and (k == end or text[k] == _SPACE) else -1
    if byte in (_TICK, 126):
        return 0 if at + 2 < end and behind == byte and text[at + 2] == byte else -1
    if byte == _OPEN:
        return 0 if _defines_link(text, at, end) else -1
    if 48 <= byte <= 57:
        k = at
        while k < end and k - at <= _MOST_DIGITS and 48 <= text[k] <= 57:
            k += 1
        ends = k < end and text[k] in (41, 46) and k - at <= _MOST_DIGITS
        return k - at if ends and (k + 1 == end or text[k + 1] == _SPACE) else -1
    k, lines = at, 0
    while k < end and _RULES[text[k]]:
        lines += _RULES[text[k]] <= 4
        k += 1
    return 0 if k == end and lines else -1


@leaf
def write_line(text, at, end, stop, notes, out, to):
    """The line text[at:end] of a block that ends at `stop` into out, so that it is a line of a paragraph; the place in out."""
    before = _begins_block(text, at, end) if at < end else -1
    if before >= 0:
        for _ in range(before):
            out[to] = text[at]
            to += 1
            at += 1
        sign = text[at]
        whole = _EMPHASIS[sign] > 0 or sign == _TICK  # what is left of a run could still open or close something
        while at < end and text[at] == sign:
            out[to], out[to + 1] = _BACKSLASH, sign
            to += 2
            at += 1
            if not whole:
                break
    return write_inline(text, at, end, stop, notes, out, to, LINE)


@leaf
def longest_run(text, start, stop):
    """The longest run of backticks in text[start:stop]."""
    longest = run = 0
    for k in range(start, stop):
        run = run + 1 if text[k] == _TICK else 0
        longest = max(longest, run)
    return longest
