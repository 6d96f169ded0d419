"""XXH64, for keys across a corpus: the hash of the xxhash library, without a Python call for each of many short strings.

hashes = hash_pieces(data, ends)       # of data[0 : ends[0]], data[ends[0] : ends[1]] …
"""

from __future__ import annotations

import numpy as np
from numba import njit

from gristmill.kernels.leaf import leaf

# Constants and steps: the XXH64 specification (github.com/Cyan4973/xxHash, doc/xxhash_spec.md)
_PRIME_1 = np.uint64(0x9E3779B185EBCA87)
_PRIME_2 = np.uint64(0xC2B2AE3D27D4EB4F)
_PRIME_3 = np.uint64(0x165667B19E3779F9)
_PRIME_4 = np.uint64(0x85EBCA77C2B2AE63)
_PRIME_5 = np.uint64(0x27D4EB2F165667C5)
_START_1 = np.uint64(0x60EA27EEADC0B5D6)  # PRIME_1 + PRIME_2 modulo 2^64
_START_4 = np.uint64(0x61C8864E7A143579)  # -PRIME_1


@leaf
def _turn(value, bits):
    return (value << np.uint64(bits)) | (value >> np.uint64(64 - bits))


@leaf
def _eight(data, at):
    """Eight bytes from `at` on, little-endian: one load once compiled."""
    low = np.uint64(data[at]) | np.uint64(data[at + 1]) << np.uint64(8)
    low |= np.uint64(data[at + 2]) << np.uint64(16) | np.uint64(data[at + 3]) << np.uint64(24)
    high = np.uint64(data[at + 4]) << np.uint64(32) | np.uint64(data[at + 5]) << np.uint64(40)
    return low | high | np.uint64(data[at + 6]) << np.uint64(48) | np.uint64(data[at + 7]) << np.uint64(56)


@leaf
def _four(data, at):
    low = np.uint64(data[at]) | np.uint64(data[at + 1]) << np.uint64(8)
    return low | np.uint64(data[at + 2]) << np.uint64(16) | np.uint64(data[at + 3]) << np.uint64(24)


@leaf
def _round(lane, word):
    return _turn(lane + word * _PRIME_2, 31) * _PRIME_1


@leaf
def _merge(total, lane):
    return (total ^ _round(np.uint64(0), lane)) * _PRIME_1 + _PRIME_4


@leaf
def xxh64(data, start, end):
    """The hash of data[start:end] with seed 0."""
    at = start
    if end - start >= 32:
        one, two, three, four = _START_1, _PRIME_2, np.uint64(0), _START_4
        while end - at >= 32:
            one = _round(one, _eight(data, at))
            two = _round(two, _eight(data, at + 8))
            three = _round(three, _eight(data, at + 16))
            four = _round(four, _eight(data, at + 24))
            at += 32
        total = _turn(one, 1) + _turn(two, 7) + _turn(three, 12) + _turn(four, 18)
        total = _merge(_merge(_merge(_merge(total, one), two), three), four)
    else:
        total = _PRIME_5
    total += np.uint64(end - start)
    while end - at >= 8:
        total = _turn(total ^ _round(np.uint64(0), _eight(data, at)), 27) * _PRIME_1 + _PRIME_4
        at += 8
    if end - at >= 4:
        total = _turn(total ^ (_four(data, at) * _PRIME_1), 23) * _PRIME_2 + _PRIME_3
        at += 4
    while at < end:
        total = _turn(total ^ (np.uint64(data[at]) * _PRIME_5), 11) * _PRIME_1
        at += 1
    total = (total ^ (total >> np.uint64(33))) * _PRIME_2
    total = (total ^ (total >> np.uint64(29))) * _PRIME_3
    return total ^ (total >> np.uint64(32))


@njit(cache=True, nogil=True)
def hash_pieces(data, ends):
    """The hash of each piece, uint64 (pieces,); ends: int64 (pieces,), where each piece ends and the next begins."""
    hashes = np.empty(len(ends), np.uint64)
    start = np.int64(0)
    for piece in range(len(ends)):
        hashes[piece] = xxh64(data, start, ends[piece])
        start = ends[piece]
    return hashes
