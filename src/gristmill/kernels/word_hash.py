"""64-bit hashes of byte strings that can be joined: the hash of two words written together follows from the hashes of each.

Under `mix` lies a polynomial over the bytes modulo 2^64, so equal bytes give equal hashes on every machine and in every run.
Good for words and for what repeats inside one document; for keys across a corpus, whose strings are long and many, use xxh3.
`hash_span` is another function, faster on long strings, whose hashes cannot be joined.
"""

from __future__ import annotations

import numpy as np

from gristmill.kernels.eight_bytes import load_block
from gristmill.kernels.leaf import leaf

HASH_BASE = np.uint64(0x9FB21C651E98DF25)  # odd, so that powers never vanish
_MULTIPLIER_1 = np.uint64(0xFF51AFD7ED558CCD)  # the finaliser of MurmurHash3 and its inverse
_MULTIPLIER_2 = np.uint64(0xC4CEB9FE1A85EC53)
_INVERSE_1 = np.uint64(pow(0xFF51AFD7ED558CCD, -1, 1 << 64))
_INVERSE_2 = np.uint64(pow(0xC4CEB9FE1A85EC53, -1, 1 << 64))
_SHIFT = np.uint64(33)


@leaf
def mix(value):
    """A one-to-one map of 64 bits that spreads every bit over all others."""
    value ^= value >> _SHIFT
    value *= _MULTIPLIER_1
    value ^= value >> _SHIFT
    value *= _MULTIPLIER_2
    return value ^ (value >> _SHIFT)


@leaf
def unmix(value):
    """The polynomial under a hash."""
    value ^= value >> _SHIFT
    value *= _INVERSE_2
    value ^= value >> _SHIFT
    value *= _INVERSE_1
    return value ^ (value >> _SHIFT)


@leaf
def base_power(exponent):
    """HASH_BASE to a power modulo 2^64: what a polynomial is multiplied by when `exponent` bytes follow it."""
    result = np.uint64(1)
    base = HASH_BASE
    while exponent > 0:
        if exponent & 1:
            result *= base
        base *= base
        exponent >>= 1
    return result


@leaf
def polynomial(data, start, end):
    """The polynomial of data[start:end]; every byte counts one more than its value, so that NULs matter."""
    total = np.uint64(0)
    for at in range(start, end):
        total = total * HASH_BASE + np.uint64(data[at]) + np.uint64(1)
    return total


@leaf
def hash_bytes(data, start, end):
    """The hash of data[start:end], as words have it."""
    return mix(polynomial(data, start, end))


@leaf
def hash_span(data, start, end):
    """A hash of data[start:end] that takes eight bytes a step."""
    total = np.uint64(end - start) * HASH_BASE
    at = start
    while at + 8 <= end:
        total = (total ^ load_block(data, at)) * HASH_BASE
        total ^= total >> _SHIFT
        at += 8
    while at < end:
        total = (total ^ np.uint64(data[at])) * HASH_BASE
        at += 1
    return mix(total)
