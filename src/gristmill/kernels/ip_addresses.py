"""IPv4 addresses in UTF-8 text: where one begins and ends, and which networks are public."""

from __future__ import annotations

import numpy as np

from gristmill.kernels.leaf import leaf

_DOT, _ZERO, _NINE = 0x2E, 0x30, 0x39
_NOWHERE = -1


@leaf
def address_start(data, at, stop):
    """Where the first number of an address begins in the one to three digits [at, stop) before a dot: as far left as it can."""
    if stop - at == 3 and not _fits(data, at):
        at += 1
    return at


@leaf
def address_end(data, at, end):
    """Behind the address whose first number, valid, begins at `at`; -1 when there is none."""
    here = at
    for _ in range(3):
        here = octet_end(data, here, end)
        if here < 0 or here >= end or data[here] != _DOT:
            return _NOWHERE
        here += 1
    digits = 0
    while here + digits < end and digits < 3 and _ZERO <= data[here + digits] <= _NINE:
        digits += 1
    if digits == 0:
        return _NOWHERE
    if digits == 3 and not _fits(data, here):
        digits = 2
    return here + digits


@leaf
def octet_end(data, at, end):
    """Behind the one to three digits from `at` on that are 0 to 255 and followed by something else; -1 when they are not."""
    stop = at
    while stop < end and stop - at < 4 and _ZERO <= data[stop] <= _NINE:
        stop += 1
    length = stop - at
    if length == 0 or length > 3:
        return _NOWHERE
    if length == 3 and not _fits(data, at):
        return _NOWHERE
    return stop


@leaf
def _fits(data, at):
    """Whether the three digits at `at` are 255 or less."""
    first, second, third = data[at], data[at + 1], data[at + 2]
    return first < 0x32 or (first == 0x32 and (second < 0x35 or (second == 0x35 and third <= 0x35)))


@leaf
def is_address(data, at, end, public_only):
    """No number with a needless zero, and, if asked, none of the networks that IANA's registry calls not global."""
    numbers = np.int64(0)
    number = np.int64(0)
    digits = 0
    for here in range(at, end):
        if data[here] == _DOT:
            numbers = numbers << 8 | number
            number, digits = np.int64(0), 0
        else:
            if digits and number == 0:
                return False
            number = number * 10 + data[here] - _ZERO
            digits += 1
    numbers = numbers << 8 | number
    if not public_only:
        return True
    first, second, third = numbers >> 24, numbers >> 16 & 255, numbers >> 8 & 255
    if first == 0 or first == 10 or first == 127 or first >= 240:
        return False
    if first == 100:
        return not 64 <= second < 128
    if first == 169:
        return second != 254
    if first == 172:
        return not 16 <= second < 32
    if first == 192:
        return second != 168 and not (second == 0 and (third == 0 or third == 2))
    if first == 198:
        return not (18 <= second < 20 or (second == 51 and third == 100))
    return not (first == 203 and second == 0 and third == 113)
