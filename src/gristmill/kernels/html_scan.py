"""How far something reaches in a page: to the next byte of a kind, to the end of a comment, of a script.

Eight bytes at a time; `data` must be padded by eight bytes or more behind `n`.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from gristmill.kernels.eight_bytes import count_equal, every, first_flag, flags_equal, load_block
from gristmill.kernels.leaf import leaf

LESS, GREATER, DOUBLE, SINGLE = (every(ord(sign)) for sign in "<>\"'")
_NONE = np.uint64(0)


@leaf
def next_byte(data, at, n, pattern):
    """Where the byte that `every` made `pattern` of stands next, from `at` on; n when nowhere."""
    while at < n:
        flags = flags_equal(load_block(data, at), pattern)
        if flags != _NONE:
            return min(at + first_flag(flags), n)
        at += 8
    return n


@njit(cache=True, nogil=True)
def count(data, n, pattern):
    """How often that byte occurs in data[:n]."""
    found = 0
    for at in range(0, n - 7, 8):
        found += count_equal(load_block(data, at), pattern)
    for at in range(n - n % 8, n):
        found += np.uint64(data[at]) == pattern & np.uint64(255)
    return found


@leaf
def after_comment(data, at, n):
    """The place behind a comment whose `<!--` stands at `at`; one that is never closed goes on to the end."""
    at += 4
    if data[at] == 62:
        return at + 1
    if data[at] == 45 and data[at + 1] == 62:
        return at + 2
    start = at
    at = next_byte(data, at, n, GREATER)
    while at < n:
        if at - start >= 2 and data[at - 1] == 45 and data[at - 2] == 45:
            return at + 1
        if at - start >= 3 and data[at - 1] == 33 and data[at - 2] == 45 and data[at - 3] == 45:
            return at + 1
        at = next_byte(data, at + 1, n, GREATER)
    return n


@leaf
def is_letter(byte):
    return 65 <= byte <= 90 or 97 <= byte <= 122


@leaf
def _spells(data, at, name, length):
    """Whether the name at data[name:name + length] stands at `at`, in any case, and ends there."""
    for k in range(length):
        if data[at + k] | 32 != data[name + k] | 32:
            return False
    return not is_letter(data[at + length])


@leaf
def script_end(data, at, n, name, length):
    """Where the `</script` of a script stands, from `at` on, n when nowhere; and whether it ends the script.

    A script in a comment of its own may write another: in `<!-- write("<script></script>") -->` none ends. Where such a
    script is never ended, the first `</script` does it, after a search through all of the page.
    """
    first = n
    commented = nested = False
    while at < n:
        byte = data[at]
        if byte == 60:
            if data[at + 1] == 33 and data[at + 2] == 45 and data[at + 3] == 45:
                commented = True
                at += 3  # `<!-->` ends what it begins
            elif data[at + 1] == 47 and _spells(data, at + 2, name, length):
                if not nested:
                    return at, True
                first = min(first, at)
                nested = False
            elif commented and _spells(data, at + 1, name, length):
                nested = True
        elif byte == 45 and commented and data[at + 1] == 45 and data[at + 2] == 62:
            commented = nested = False
        at = at + 1 if commented else next_byte(data, at + 1, n, LESS)
    return first, False


@leaf
def raw_end(data, at, n, name, length):
    """Where `</name` stands, from `at` on; n when nowhere."""
    at = next_byte(data, at, n, LESS)
    while at + length + 2 <= n:
        if data[at + 1] == 47 and _spells(data, at + 2, name, length):
            return at
        at = next_byte(data, at + 1, n, LESS)
    return n
