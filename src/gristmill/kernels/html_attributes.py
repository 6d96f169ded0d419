"""One start tag's attributes, read as browsers read them: quoted, unquoted or bare, in one pass."""

from __future__ import annotations

import numpy as np

from gristmill.kernels.html_names import (
    ATTRIBUTE,
    ATTRIBUTE_KEYS,
    ATTRIBUTE_VALUES,
    ENDS_ATTRIBUTE_NAME,
    FNV_START,
    HIDDEN_BIT,
    ROLE_KEYS,
    ROLE_VALUES,
    SMALL_LETTERS,
    find,
    read_name,
    small_hash,
    step,
    words_hints,
)
from gristmill.kernels.html_scan import DOUBLE, SINGLE, next_byte
from gristmill.kernels.leaf import inlined, leaf

CLASS, ID, ROLE, HIDDEN = (ATTRIBUTE[name] for name in ("class", "id", "role", "hidden"))
ARIA_HIDDEN, STYLE, HREF, ITEMPROP = (ATTRIBUTE[name] for name in ("aria-hidden", "style", "href", "itemprop"))
COLSPAN, FIRST_NUMBER, VALUE = (ATTRIBUTE[name] for name in ("colspan", "start", "value"))
LONGEST_NAME = 16  # bytes; names beyond are none of ours
LONGEST_CLASS = 512  # bytes of a class or id that are looked at
MOST_COLUMNS = 60  # that a cell takes
MOST_DIGITS = 6  # of the number of an item; more are an identifier
HARD_HIDDEN = np.uint64(1) << np.uint64(63)
"""Bit beside HIDDEN_BIT: nobody sees it (the attribute hidden, display:none), not only hidden from screen readers."""


@leaf
def _is_space(byte):
    return byte == 32 or 9 <= byte <= 13


@leaf
def _says_none(data, start, end):
    """Whether a style says display:none or visibility:hidden, in any spelling with spaces."""
    for at in range(start, end - 3):
        byte = data[at] | 32
        if byte == 110 and data[at + 1] | 32 == 111 and data[at + 2] | 32 == 110 and data[at + 3] | 32 == 101:  # none
            back = at - 1
            while back > start and (_is_space(data[back]) or data[back] == 58):
                back -= 1
            if (
                back - start >= 6
                and data[back] | 32 == 121
                and data[back - 1] | 32 == 97
                and data[back - 2] | 32 == 108
            ):
                return True  # …lay
        if byte == 104 and end - at >= 6 and data[at + 1] | 32 == 105 and data[at + 2] | 32 == 100:  # hid(den)
            back = at - 1
            while back > start and (_is_space(data[back]) or data[back] == 58):
                back -= 1
            if back - start >= 9 and data[back] | 32 == 121 and data[back - 1] | 32 == 116:  # …ty
                return True
    return False


@leaf
def _columns(data, start, end):
    """The number at the beginning of data[start:end], between 1 and MOST_COLUMNS."""
    value, stop = 0, start + 4
    while start < min(end, stop) and 48 <= data[start] <= 57:
        value = 10 * value + data[start] - 48
        start += 1
    return min(max(value, 1), MOST_COLUMNS)


@leaf
def _list_number(data, start, end):
    """The number that data[start:end] is, 0 when it is none from 1 on with MOST_DIGITS or fewer."""
    value = 0
    if end - start > MOST_DIGITS:
        return 0
    for at in range(start, end):
        if not 48 <= data[at] <= 57:
            return 0
        value = 10 * value + data[at] - 48
    return value


@inlined
def read_attributes(data, at, n, found):
    """From behind a tag's name to behind its `>`: (place, bits of HINTS, whether it ends with `/>`).

    The place is n + 1 when the page ends inside the tag. found int64 (4,) gets where the address stands, if there is one,
    how many columns the cell takes, and which number the list begins with or the item has, 0 for none.
    """
    bits = np.uint64(0)
    found[0] = found[1] = found[3] = 0
    found[2] = 1
    while True:
        while at < n and (_is_space(data[at]) or data[at] == 47):
            at += 1
        if at >= n:
            return n + 1, bits, False
        if data[at] == 62:
            return at + 1, bits, data[at - 1] == 47
        name = at
        # whatever its first byte is, `=` included, it begins a name
        first = step(FNV_START, SMALL_LETTERS[data[at]])
        name_end, value = read_name(data, at + 1, n, ENDS_ATTRIBUTE_NAME, first)
        at = name_end
        while at < n and _is_space(data[at]):
            at += 1
        start = end = at
        if at < n and data[at] == 61:
            at += 1
            while at < n and _is_space(data[at]):
                at += 1
            if at < n and (data[at] == 34 or data[at] == 39):
                start = at + 1
                end = next_byte(data, start, n, DOUBLE if data[at] == 34 else SINGLE)
                at = end + 1
            else:
                start = at
                while at < n and not _is_space(data[at]) and data[at] != 62:
                    at += 1
                end = at
            if at > n:
                return n + 1, bits, False
        if name_end - name > LONGEST_NAME:
            continue
        which = np.int64(find(ATTRIBUTE_KEYS, ATTRIBUTE_VALUES, 6, value))
        if which == 0:
            continue
        if which in (CLASS, ID):
            bits |= words_hints(data, start, min(end, start + LONGEST_CLASS))
        elif which == HIDDEN:
            bits |= HIDDEN_BIT | HARD_HIDDEN
        elif which == STYLE:
            if _says_none(data, start, min(end, start + 4 * LONGEST_CLASS)):
                bits |= HIDDEN_BIT | HARD_HIDDEN
        elif which == ARIA_HIDDEN:
            if end - start == 4 and data[start] | 32 == 116:  # true
                bits |= HIDDEN_BIT
        elif which in (ROLE, ITEMPROP):
            if end - start <= LONGEST_NAME:
                bits |= find(ROLE_KEYS, ROLE_VALUES, 6, small_hash(data, start, end))
        elif which == HREF and found[1] == 0:
            found[0], found[1] = start, end
        elif which == COLSPAN:
            found[2] = _columns(data, start, end)
        elif which in (FIRST_NUMBER, VALUE):
            found[3] = _list_number(data, start, end)
