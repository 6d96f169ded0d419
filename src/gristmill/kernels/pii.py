"""Finds e-mail addresses, IPv4 addresses and telephone numbers in UTF-8 text, match for match as two programs' patterns do.

FineWeb (datatrove's PIIFormatter) and Dolma (its regular-expression taggers) have a pattern for each. No pattern is run here:
one look at every byte finds the `@` signs and digits, and what stands around them is read forwards and backwards by hand.
White space and letters beyond ASCII count as Python's `re` counts them.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from gristmill.kernels.code_points import ALPHANUMERIC, DIGIT, SPACE, decode, trait
from gristmill.kernels.eight_bytes import every, flags_below, flags_equal, flags_not_ascii, load_block
from gristmill.kernels.leaf import leaf

EMAIL, IP, PHONE = 0, 1, 2
OFF, FINEWEB, DOLMA = 0, 1, 2  # how e-mail addresses are read
PUBLIC, ALL, UNCHECKED = 1, 2, 3  # which IP addresses count: global ones, valid ones, whatever the pattern finds

_AT, _DOT, _HYPHEN, _UNDERSCORE, _OPEN, _CLOSE = 0x40, 0x2E, 0x2D, 0x5F, 0x28, 0x29
_ZERO, _NINE = 0x30, 0x39
_NOWHERE = -1
_NONE = np.uint64(0)
_ATS, _DOTS, _ZEROS, _TENS = every(_AT), every(_DOT), every(_ZERO), every(10)


def _byte_table(members: bytes) -> np.ndarray:
    table = np.zeros(256, np.bool_)
    table[list(members)] = True
    table.flags.writeable = False
    return table


_LETTERS_DIGITS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
ATOM = _byte_table(_LETTERS_DIGITS + b"!#$%&'*+/=?^_`{|}~-")  # of a local part, FineWeb
LABEL = _byte_table(_LETTERS_DIGITS)  # at both ends of a label of a domain, FineWeb
AROUND = _byte_table(b".@,?!;:)(")  # with white space: what Dolma's pattern takes along before and behind an address
ENDS_DOMAIN = _byte_table(b"@,?!;:)(")  # with white space: what no domain holds, Dolma


# -- what to look at ---------------------------------------------------------------------------------------------------


@leaf
def _next_byte(data, at, end, block_of_it, byte):
    """The next place from `at` on where this byte stands, or `end`."""
    while at + 8 <= end and flags_equal(load_block(data, at), block_of_it) == _NONE:
        at += 8
    while at < end and data[at] != byte:
        at += 1
    return at


@leaf
def _next_digit(data, at, end):
    """The next place from `at` on where a digit, or anything beyond ASCII, stands, or `end`."""
    while at + 8 <= end:
        block = load_block(data, at)
        if flags_below(block ^ _ZEROS, _TENS) | flags_not_ascii(block) != _NONE:
            break
        at += 8
    while at < end and data[at] < 0x80 and not _ZERO <= data[at] <= _NINE:
        at += 1
    return at


# -- one code point ---------------------------------------------------------------------------------------------------


@leaf
def _before(data, at, begin):
    """Where the code point that ends at `at` begins."""
    at -= 1
    while at > begin and data[at] & 0xC0 == 0x80:
        at -= 1
    return at


@leaf
def _is_space(data, at, end, blocks, traits):
    code, _ = decode(data, at, end)
    return trait(blocks, traits, code) & SPACE != 0


@leaf
def _is_digit(data, at, end, blocks, traits):
    """A decimal digit of any script, as `\\d`."""
    code, _ = decode(data, at, end)
    return trait(blocks, traits, code) & DIGIT != 0


@leaf
def _next(data, at, end):
    return decode(data, at, end)[1]


@leaf
def _is_word(data, at, end, blocks, traits):
    """A letter, digit or underscore, as `\\w`."""
    code, _ = decode(data, at, end)
    return code == _UNDERSCORE or trait(blocks, traits, code) & ALPHANUMERIC != 0


# -- e-mail, FineWeb --------------------------------------------------------------------------------------------------


@leaf
def _local_start(data, at, begin, base, atom, blocks, traits):
    """Where the local part before the `@` at `at` begins at the earliest, not before `begin`; -1 when there is none.

    Runs of atoms with single dots between, from a word boundary on. base: the text's beginning.
    """
    found = _NOWHERE
    here = at
    while here > begin:
        byte = data[here - 1]
        if atom[byte]:
            here -= 1
            is_word = byte == _UNDERSCORE or (trait(blocks, traits, np.int64(byte)) & ALPHANUMERIC) != 0
            was_word = here > base and _is_word(data, _before(data, here, base), here, blocks, traits)
            if is_word != was_word:
                found = here
        elif byte == _DOT and here < at and data[here] != _DOT:
            here -= 1
        else:
            break
    return found


@leaf
def _octet_end(data, at, end):
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
def _domain_end(data, at, end, label):
    """Behind the domain, or the address in brackets, that begins at `at`; -1 when there is none."""
    if at < end and data[at] == 0x5B:
        return _bracket_end(data, at, end, label)
    labels = 0
    found = _NOWHERE
    here = at
    while here < end and label[data[here]]:
        stop, last = here, here
        while stop < end and (label[data[stop]] or data[stop] == _HYPHEN):
            if label[data[stop]]:
                last = stop + 1
            stop += 1
        if labels:
            found = last
        if last < stop or stop == end or data[stop] != _DOT:
            break
        labels += 1
        here = stop + 1
    return found


@leaf
def _bracket_end(data, at, end, label):
    here = at + 1
    for _ in range(3):
        here = _octet_end(data, here, end)
        if here < 0 or here >= end or data[here] != _DOT:
            return _NOWHERE
        here += 1
    stop = _octet_end(data, here, end)
    if 0 <= stop < end and data[stop] == 0x5D:
        return stop + 1
    while here < end and (label[data[here]] or data[here] == _HYPHEN):
        here += 1
    if here + 1 < end and label[data[here - 1]] and data[here] == 0x3A and data[here + 1] == 0x5D:
        return here + 2
    return _NOWHERE


# -- e-mail, Dolma ----------------------------------------------------------------------------------------------------


@leaf
def _loose_domain(data, at, end, ends_domain, around, blocks, traits):
    """Where the domain from `at` on ends, and where the match does: it needs white space behind, or a sign and white space.

    -1 and -1 when there is none.
    """
    here = at
    while here < end:
        if _is_space(data, here, end, blocks, traits) or ends_domain[data[here]]:
            break
        here = _next(data, here, end)
        if here >= end:
            break
        after = _next(data, here, end)
        space = _is_space(data, here, end, blocks, traits)
        if (space or around[data[here]]) and after < end and _is_space(data, after, end, blocks, traits):
            return here, _next(data, after, end)
        if space:
            return here, after
    return np.int64(_NOWHERE), np.int64(_NOWHERE)


@leaf
def _run_back(data, at, begin, end, around, blocks, traits):
    """Where the run of signs and white space that ends at `at` begins."""
    while at > begin:
        before = _before(data, at, begin)
        if not around[data[before]] and not _is_space(data, before, end, blocks, traits):
            break
        at = before
    return at


@leaf
def _run_forward(data, at, end, around, blocks, traits):
    while at < end and (around[data[at]] or _is_space(data, at, end, blocks, traits)):
        at = _next(data, at, end)
    return at


@leaf
def _loose_local(data, at, begin, end, blocks, traits):
    """Where what has neither white space nor `@`, and ends at `at`, begins."""
    while at > begin:
        before = _before(data, at, begin)
        if data[before] == _AT or _is_space(data, before, end, blocks, traits):
            break
        at = before
    return at


@leaf
def _to_at(data, at, end, blocks, traits):
    """The next `@` from `at` on before which no white space stands; -1 when there is none."""
    while at < end and data[at] != _AT:
        if _is_space(data, at, end, blocks, traits):
            return _NOWHERE
        at += 1
    return at if at < end else _NOWHERE


@leaf
def _loose_email(data, at, begin, end, ends_domain, around, blocks, traits):
    """The match around the `@` at `at`, or one it is a part of: start, end, where the address begins and ends; -1: none."""
    none = np.int64(_NOWHERE)
    local = _loose_local(data, at, begin, end, blocks, traits)
    if local == at:
        return none, none, none, none
    domain_end, stop = _loose_domain(data, at + 1, end, ends_domain, around, blocks, traits)
    if domain_end < 0:
        return none, none, none, none
    start = _run_back(data, local, begin, end, around, blocks, traits)
    run = _run_forward(data, start, end, around, blocks, traits)
    if run <= at:
        return start, stop, run, domain_end
    # The signs that may come before an address hold this `@` too: the pattern prefers what follows the longest run of them.
    later = _to_at(data, run, end, blocks, traits)
    if later > run:
        later_end, later_stop = _loose_domain(data, later + 1, end, ends_domain, around, blocks, traits)
        if later_end >= 0:
            return start, later_stop, run, later_end
    here = run
    while here > at:
        here = _before(data, here, start)
        if data[here] == _AT and here > start:
            first = _before(data, here, start)
            if data[first] != _AT and not _is_space(data, first, end, blocks, traits):
                later_end, later_stop = _loose_domain(data, here + 1, end, ends_domain, around, blocks, traits)
                if later_end >= 0:
                    return start, later_stop, first, later_end
    return none, none, none, none


@leaf
def _is_loose_email(data, start, end):
    """Dolma's check of a match: a dot behind the first `@`, and before it more than an opening parenthesis."""
    at = start
    while data[at] != _AT:
        at += 1
    if at == start + 1 and data[start] == _OPEN:
        return False
    while at < end:
        if data[at] == _DOT:
            return True
        at += 1
    return False


# -- IP addresses and telephone numbers -------------------------------------------------------------------------------


@leaf
def _ip_start(data, at, stop):
    """Where the first number of an address begins in the one to three digits [at, stop) before a dot: as far left as it can."""
    if stop - at == 3 and not _fits(data, at):
        at += 1
    return at


@leaf
def _ip_end(data, at, end):
    """Behind the address whose first number, valid, begins at `at`; -1 when there is none."""
    here = at
    for _ in range(3):
        here = _octet_end(data, here, end)
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
def _is_address(data, at, end, public_only):
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


@leaf
def _digits_end(data, at, end, count, blocks, traits):
    """Behind `count` digits from `at` on, or -1."""
    for _ in range(count):
        if at >= end or not _is_digit(data, at, end, blocks, traits):
            return _NOWHERE
        at = _next(data, at, end)
    return at


@leaf
def _phone_end(data, at, end, blocks, traits):
    """Behind the US telephone number whose first digit is at `at`, or -1: three, three and four digits."""
    here = _digits_end(data, at, end, 3, blocks, traits)
    if here < 0:
        return _NOWHERE
    if here < end and data[here] == _CLOSE:
        here += 1
    while here < end and (data[here] == _HYPHEN or data[here] == _DOT or data[here] == 0x20):
        here += 1
    here = _digits_end(data, here, end, 3, blocks, traits)
    if here < 0:
        return _NOWHERE
    if here < end and (data[here] == _HYPHEN or data[here] == _DOT or data[here] == 0x20):
        here += 1
    return _digits_end(data, here, end, 4, blocks, traits)


@leaf
def _phone_start(data, at, begin, end, blocks, traits):
    """Where the white space before the number at `at`, and its parenthesis, begins; -1 when none is there."""
    here = at
    if here > begin and data[here - 1] == _OPEN:
        here -= 1
    found = _NOWHERE
    while here > begin:
        before = _before(data, here, begin)
        if not _is_space(data, before, end, blocks, traits):
            break
        here = found = before
    return found


@leaf
def _stands_near(data, start, end, begin, stop, window, words, word_ends):
    """Whether one of some words stands in [start, end) and `window` characters on both sides. Words are compared as they are."""
    left, right = start, end
    for _ in range(window):
        if left <= begin:
            break
        left = _before(data, left, begin)
    for _ in range(window):
        if right >= stop:
            break
        right = _next(data, right, stop)
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


# -- a batch ----------------------------------------------------------------------------------------------------------


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
        base, end = offsets[row], offsets[row + 1]
        emails = 0
        done = base
        if email_reading:
            at = base - 1
            while True:
                at = _next_byte(data, max(at + 1, done), end, _ATS, _AT)
                if at == end:
                    break
                if email_reading == FINEWEB:
                    start = core = _local_start(data, at, done, base, atom, blocks, traits)
                    core_end = stop = _NOWHERE
                    if start >= 0:
                        core_end = stop = _domain_end(data, at + 1, end, label)
                else:
                    start, stop, core, core_end = _loose_email(data, at, done, end, ends_domain, around, blocks, traits)
                if stop < 0:
                    continue
                done = stop
                if email_reading == DOLMA and not _is_loose_email(data, core, core_end):
                    continue
                if emails == len(found):
                    found = _grown(found)
                found[emails, 0], found[emails, 1], found[emails, 2] = EMAIL, start, stop
                found[emails, 3], found[emails, 4] = core, core_end
                emails += 1
        numbers = emails
        if phones:
            done, at = base, base
            while True:
                at = _next_digit(data, at, end)
                if at == end:
                    break
                if data[at] >= 0x80 and not _is_digit(data, at, end, blocks, traits):
                    at = _next(data, at, end)
                    continue
                start = _phone_start(data, at, done, end, blocks, traits)
                stop = _phone_end(data, at, end, blocks, traits) if start >= 0 else _NOWHERE
                if stop < 0:
                    at = _next(data, at, end)
                    continue
                core = at - 1 if data[at - 1] == _OPEN else at
                done = stop
                near = window >= 0 and _stands_near(data, start, stop, base, end, window, words, word_ends)
                if not near and not _overlapping(found, 0, emails, core, stop):
                    if numbers == len(found):
                        found = _grown(found)
                    found[numbers, 0], found[numbers, 1], found[numbers, 2] = PHONE, start, stop
                    found[numbers, 3], found[numbers, 4] = core, stop
                    numbers += 1
                at = stop
        count = numbers
        if ips:
            done = base
            stop = base - 1  # the dot behind the first number
            email = 0
            while True:
                stop = _next_byte(data, max(stop + 1, done), end, _DOTS, _DOT)
                if stop + 5 >= end:
                    break
                if email_reading == FINEWEB:  # datatrove looks for these in what it has left of the addresses
                    while email < emails and found[email, 4] <= stop:
                        done = max(done, found[email, 4])
                        email += 1
                    if email < emails and found[email, 3] <= stop:
                        continue
                first_digit = stop
                while first_digit > done and stop - first_digit < 3 and _ZERO <= data[first_digit - 1] <= _NINE:
                    first_digit -= 1
                if first_digit == stop:
                    continue
                start = _ip_start(data, first_digit, stop)
                stop_ip = _ip_end(data, start, end)
                if stop_ip < 0:
                    continue
                done = stop_ip
                if ips != UNCHECKED and not _is_address(data, start, stop_ip, ips == PUBLIC):
                    continue
                if window >= 0 and _stands_near(data, start, stop_ip, base, end, window, words, word_ends):
                    continue
                if _overlapping(found, 0, emails, start, stop_ip) or _overlapping(
                    found, emails, numbers, start, stop_ip
                ):
                    continue
                if count == len(found):
                    found = _grown(found)
                found[count, 0], found[count, 1], found[count, 2] = IP, start, stop_ip
                found[count, 3], found[count, 4] = start, stop_ip
                count += 1
        while total + count > len(spans):
            spans = _grown(spans)
        email, phone, ip = 0, emails, numbers
        behind = base
        for _ in range(count):
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
            spans[total] = found[pick]
            spans[total, 1] = max(spans[total, 1], behind)  # what two take along goes to the first
            if total > first[row]:
                spans[total - 1, 2] = min(spans[total - 1, 2], spans[total, 3])
                spans[total, 1] = max(spans[total, 1], spans[total - 1, 2])
            behind = spans[total, 2]
            total += 1
        first[row + 1] = total
    return spans[:total], first
