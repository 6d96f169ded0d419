"""US telephone numbers in UTF-8 text, as Dolma's pattern has them."""

from __future__ import annotations

from gristmill.kernels.leaf import leaf
from gristmill.kernels.steps import is_digit, is_space, step_back, step_on

_OPEN, _CLOSE, _DOT, _HYPHEN, _SPACE = 0x28, 0x29, 0x2E, 0x2D, 0x20
_NOWHERE = -1


@leaf
def phone_start(data, at, begin, end, blocks, traits):
    """Where the white space before the number at `at`, and its parenthesis, begins; -1 when none is there."""
    here = at
    if here > begin and data[here - 1] == _OPEN:
        here -= 1
    found = _NOWHERE
    while here > begin:
        before = step_back(data, here, begin)
        if not is_space(data, before, end, blocks, traits):
            break
        here = found = before
    return found


@leaf
def phone_end(data, at, end, blocks, traits):
    """Behind the US telephone number whose first digit is at `at`, or -1: three, three and four digits."""
    here = _digits_end(data, at, end, 3, blocks, traits)
    if here < 0:
        return _NOWHERE
    if here < end and data[here] == _CLOSE:
        here += 1
    while here < end and (data[here] == _HYPHEN or data[here] == _DOT or data[here] == _SPACE):
        here += 1
    here = _digits_end(data, here, end, 3, blocks, traits)
    if here < 0:
        return _NOWHERE
    if here < end and (data[here] == _HYPHEN or data[here] == _DOT or data[here] == _SPACE):
        here += 1
    return _digits_end(data, here, end, 4, blocks, traits)


@leaf
def _digits_end(data, at, end, count, blocks, traits):
    """Behind `count` digits from `at` on, or -1."""
    for _ in range(count):
        if at >= end or not is_digit(data, at, end, blocks, traits):
            return _NOWHERE
        at = step_on(data, at, end)
    return at
