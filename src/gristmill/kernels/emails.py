"""E-mail addresses around an `@`, as the patterns of FineWeb (strict) and of Dolma (loose) have them."""

from __future__ import annotations

import numpy as np

from gristmill.kernels.code_points import ALPHANUMERIC, trait
from gristmill.kernels.ip_addresses import octet_end
from gristmill.kernels.leaf import leaf
from gristmill.kernels.steps import is_space, is_word_character, step_back, step_on

_AT, _DOT, _HYPHEN, _UNDERSCORE, _OPEN = 0x40, 0x2E, 0x2D, 0x5F, 0x28
_NOWHERE = -1


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


# -- FineWeb ----------------------------------------------------------------------------------------------------------


@leaf
def strict_local_start(data, at, begin, base, atom, blocks, traits):
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
            was_word = here > base and is_word_character(data, step_back(data, here, base), here, blocks, traits)
            if is_word != was_word:
                found = here
        elif byte == _DOT and here < at and data[here] != _DOT:
            here -= 1
        else:
            break
    return found


@leaf
def strict_domain_end(data, at, end, label):
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
        here = octet_end(data, here, end)
        if here < 0 or here >= end or data[here] != _DOT:
            return _NOWHERE
        here += 1
    stop = octet_end(data, here, end)
    if 0 <= stop < end and data[stop] == 0x5D:
        return stop + 1
    while here < end and (label[data[here]] or data[here] == _HYPHEN):
        here += 1
    if here + 1 < end and label[data[here - 1]] and data[here] == 0x3A and data[here + 1] == 0x5D:
        return here + 2
    return _NOWHERE


# -- Dolma ------------------------------------------------------------------------------------------------------------


@leaf
def loose_email(data, at, begin, end, ends_domain, around, blocks, traits):
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
        here = step_back(data, here, start)
        if data[here] == _AT and here > start:
            first = step_back(data, here, start)
            if data[first] != _AT and not is_space(data, first, end, blocks, traits):
                later_end, later_stop = _loose_domain(data, here + 1, end, ends_domain, around, blocks, traits)
                if later_end >= 0:
                    return start, later_stop, first, later_end
    return none, none, none, none


@leaf
def _loose_local(data, at, begin, end, blocks, traits):
    """Where what has neither white space nor `@`, and ends at `at`, begins."""
    while at > begin:
        before = step_back(data, at, begin)
        if data[before] == _AT or is_space(data, before, end, blocks, traits):
            break
        at = before
    return at


@leaf
def _loose_domain(data, at, end, ends_domain, around, blocks, traits):
    """Where the domain from `at` on ends, and where the match does: it needs white space behind, or a sign and white space.

    -1 and -1 when there is none.
    """
    here = at
    while here < end:
        if is_space(data, here, end, blocks, traits) or ends_domain[data[here]]:
            break
        here = step_on(data, here, end)
        if here >= end:
            break
        after = step_on(data, here, end)
        space = is_space(data, here, end, blocks, traits)
        if (space or around[data[here]]) and after < end and is_space(data, after, end, blocks, traits):
            return here, step_on(data, after, end)
        if space:
            return here, after
    return np.int64(_NOWHERE), np.int64(_NOWHERE)


@leaf
def _run_back(data, at, begin, end, around, blocks, traits):
    """Where the run of signs and white space that ends at `at` begins."""
    while at > begin:
        before = step_back(data, at, begin)
        if not around[data[before]] and not is_space(data, before, end, blocks, traits):
            break
        at = before
    return at


@leaf
def _run_forward(data, at, end, around, blocks, traits):
    while at < end and (around[data[at]] or is_space(data, at, end, blocks, traits)):
        at = step_on(data, at, end)
    return at


@leaf
def _to_at(data, at, end, blocks, traits):
    """The next `@` from `at` on before which no white space stands; -1 when there is none."""
    while at < end and data[at] != _AT:
        if is_space(data, at, end, blocks, traits):
            return _NOWHERE
        at += 1
    return at if at < end else _NOWHERE


@leaf
def is_loose_email(data, start, end):
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
