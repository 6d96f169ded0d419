"""Finds e-mail addresses, IPv4 addresses and telephone numbers in UTF-8 text, match for match as two programs' patterns do.

FineWeb (datatrove's PIIFormatter) and Dolma (its regular-expression taggers) have a pattern for each. No pattern is run here:
one look at every byte finds the `@` signs, dots and digits, and what stands around them is read forwards and backwards by hand.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from gristmill.kernels.eight_bytes import every
from gristmill.kernels.emails import is_loose_email, loose_email, strict_domain_end, strict_local_start
from gristmill.kernels.ip_addresses import address_end, address_start, is_address
from gristmill.kernels.leaf import leaf
from gristmill.kernels.phone_numbers import phone_end, phone_start
from gristmill.kernels.steps import is_digit, next_byte, next_digit, step_back, step_on

EMAIL, IP, PHONE = 0, 1, 2
OFF, FINEWEB, DOLMA = 0, 1, 2  # how e-mail addresses are read
PUBLIC, ALL, UNCHECKED = 1, 2, 3  # which IP addresses count: global ones, valid ones, whatever the pattern finds

_AT, _DOT, _OPEN, _ZERO, _NINE = 0x40, 0x2E, 0x28, 0x30, 0x39
_ATS, _DOTS = every(_AT), every(_DOT)
_NOWHERE = -1


@njit(cache=True, nogil=True)
def find_personal_data(
    data,
    offsets,
    email_reading,
    ips,
    phones,
    window,
    words,
    word_ends,
    atom,
    label,
    around,
    ends_domain,
    blocks,
    traits,
):
    """Every hit as a row (kind, start, end, core start, core end) int64 (hits, 5), in bytes of `data`, and `first` int64
    (rows + 1,), the hits before each row. Ascending and disjoint by core within a row.

    The core is the address or number itself; around it lies what the pattern takes along. Where cores overlap, e-mail
    addresses win over numbers, and these over IP addresses. Telephone numbers and IP addresses with one of `words` (bytes,
    word k ends at word_ends[k]) within `window` characters are no hits; window -1 asks nothing.
    """
    rows = len(offsets) - 1
    first = np.zeros(rows + 1, np.int64)
    spans = np.empty((256, 5), np.int64)
    found = np.empty((64, 5), np.int64)  # of one row, a kind after the other
    total = 0
    for row in range(rows):
        begin, end = offsets[row], offsets[row + 1]
        emails = 0
        if email_reading == FINEWEB:
            found, emails = _strict_emails(data, begin, end, found, atom, label, blocks, traits)
        elif email_reading == DOLMA:
            found, emails = _loose_emails(data, begin, end, found, ends_domain, around, blocks, traits)
        numbers = emails
        if phones:
            found, numbers = _phones(data, begin, end, found, emails, window, words, word_ends, blocks, traits)
        count = numbers
        if ips:
            # datatrove looks for these in what it has left of the addresses
            between = emails if email_reading == FINEWEB else 0
            found, count = _addresses(data, begin, end, found, emails, numbers, between, ips, window, words, word_ends)
        while total + count > len(spans):
            spans = _grown(spans)
        _merge(found, emails, numbers, count, begin, spans[total : total + count])
        total += count
        first[row + 1] = total
    return spans[:total], first


# -- the hits of one kind in one row: added to `found` from `count` on, which comes back with their new number ----------


@njit(cache=True, nogil=True)
def _strict_emails(data, begin, end, found, atom, label, blocks, traits):
    count = 0
    done, at = begin, begin - 1
    while True:
        at = next_byte(data, max(at + 1, done), end, _ATS, _AT)
        if at == end:
            return found, count
        start = strict_local_start(data, at, done, begin, atom, blocks, traits)
        stop = strict_domain_end(data, at + 1, end, label) if start >= 0 else _NOWHERE
        if stop < 0:
            continue
        done = stop
        found = _added(found, count, EMAIL, start, stop, start, stop)
        count += 1


@njit(cache=True, nogil=True)
def _loose_emails(data, begin, end, found, ends_domain, around, blocks, traits):
    count = 0
    done, at = begin, begin - 1
    while True:
        at = next_byte(data, max(at + 1, done), end, _ATS, _AT)
        if at == end:
            return found, count
        start, stop, core, core_end = loose_email(data, at, done, end, ends_domain, around, blocks, traits)
        if stop < 0:
            continue
        done = stop
        if is_loose_email(data, core, core_end):
            found = _added(found, count, EMAIL, start, stop, core, core_end)
            count += 1


@njit(cache=True, nogil=True)
def _phones(data, begin, end, found, emails, window, words, word_ends, blocks, traits):
    count = emails
    done, at = begin, begin
    while True:
        at = next_digit(data, at, end)
        if at == end:
            return found, count
        start = stop = _NOWHERE
        if data[at] < 0x80 or is_digit(data, at, end, blocks, traits):
            start = phone_start(data, at, done, end, blocks, traits)
            if start >= 0:
                stop = phone_end(data, at, end, blocks, traits)
        if stop < 0:
            at = step_on(data, at, end)
            continue
        core = at - 1 if data[at - 1] == _OPEN else at
        at = done = stop
        near = window >= 0 and _stands_near(data, start, stop, begin, end, window, words, word_ends)
        if not near and not _overlapping(found, 0, emails, core, stop):
            found = _added(found, count, PHONE, start, stop, core, stop)
            count += 1


@njit(cache=True, nogil=True)
def _addresses(data, begin, end, found, emails, numbers, between, ips, window, words, word_ends):
    """IP addresses; the first `between` e-mail addresses are not there for them, neither before nor in them."""
    count = numbers
    email = 0
    done, dot = begin, begin - 1  # dot: the one behind the first number
    while True:
        dot = next_byte(data, max(dot + 1, done), end, _DOTS, _DOT)
        if dot + 5 >= end:
            return found, count
        while email < between and found[email, 4] <= dot:
            done = max(done, found[email, 4])
            email += 1
        if email < between and found[email, 3] <= dot:
            continue
        digits = dot
        while digits > done and dot - digits < 3 and _ZERO <= data[digits - 1] <= _NINE:
            digits -= 1
        if digits == dot:
            continue
        start = address_start(data, digits, dot)
        stop = address_end(data, start, end)
        if stop < 0:
            continue
        done = stop
        if ips != UNCHECKED and not is_address(data, start, stop, ips == PUBLIC):
            continue
        if window >= 0 and _stands_near(data, start, stop, begin, end, window, words, word_ends):
            continue
        if _overlapping(found, 0, emails, start, stop) or _overlapping(found, emails, numbers, start, stop):
            continue
        found = _added(found, count, IP, start, stop, start, stop)
        count += 1


@njit(cache=True, nogil=True)
def _added(found, count, kind, start, end, core, core_end):
    """`found`, made longer where needed, with a hit at `count`."""
    if count == len(found):
        found = _grown(found)
    found[count, 0], found[count, 1], found[count, 2], found[count, 3], found[count, 4] = (
        kind,
        start,
        end,
        core,
        core_end,
    )
    return found


@njit(cache=True, nogil=True)
def _grown(spans):
    larger = np.empty((2 * len(spans), spans.shape[1]), np.int64)
    larger[: len(spans)] = spans
    return larger


@njit(cache=True, nogil=True)
def _overlapping(spans, first, last, start, end):
    """Whether one of the ascending disjoint cores spans[first:last] overlaps [start, end)."""
    low, high = first, last
    while low < high:
        middle = (low + high) // 2
        if spans[middle, 4] <= start:
            low = middle + 1
        else:
            high = middle
    return low < last and spans[low, 3] < end


@leaf
def _stands_near(data, start, end, begin, stop, window, words, word_ends):
    """Whether one of some words stands in [start, end) and `window` characters on both sides. Words are compared as they are."""
    left, right = start, end
    for _ in range(window):
        if left <= begin:
            break
        left = step_back(data, left, begin)
    for _ in range(window):
        if right >= stop:
            break
        right = step_on(data, right, stop)
    first = 0
    for word in range(len(word_ends)):
        length = word_ends[word] - first
        for at in range(left, right - length + 1):
            same = 0
            while same < length and data[at + same] == words[first + same]:
                same += 1
            if same == length and length:
                return True
        first = word_ends[word]
    return False


# -- one row ----------------------------------------------------------------------------------------------------------


@njit(cache=True, nogil=True)
def _merge(found, emails, numbers, count, begin, spans):
    """The three ascending runs of `found` as one in `spans`; what two hits would take along goes to the first."""
    email, phone, ip = 0, emails, numbers
    behind = begin
    for place in range(count):
        pick = email if email < emails else _NOWHERE
        if phone < numbers and (pick < 0 or found[phone, 3] < found[pick, 3]):
            pick = phone
        if ip < count and (pick < 0 or found[ip, 3] < found[pick, 3]):
            pick = ip
        if pick < emails:
            email += 1
        elif pick < numbers:
            phone += 1
        else:
            ip += 1
        spans[place] = found[pick]
        spans[place, 1] = max(spans[place, 1], behind)
        if place:
            spans[place - 1, 2] = min(spans[place - 1, 2], spans[place, 3])
            spans[place, 1] = max(spans[place, 1], spans[place - 1, 2])
        behind = spans[place, 2]
