"""Sets of 64-bit keys that are even and never 0, each with one flag in its lowest bit: sorted, or as a hash table.

Keys are hashes already, so the table takes its slot from their bits as they are. An empty slot is 0.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from gristmill.kernels.leaf import leaf

FLAG = np.uint64(1)
_KEY = np.uint64(0xFFFFFFFFFFFFFFFE)


@leaf
def even(value):
    """The key of a hash: its upper 63 bits, and 2 for what would be 0."""
    value &= _KEY
    return value if value != np.uint64(0) else np.uint64(2)


@leaf
def find(table, key):
    """The slot of a key, or -1."""
    last = np.uint64(len(table) - 1)
    slot = (key >> FLAG) & last
    while True:
        entry = table[slot]
        if entry & _KEY == key:
            return np.int64(slot)
        if entry == np.uint64(0):
            return np.int64(-1)
        slot = (slot + FLAG) & last


@njit(cache=True, nogil=True)
def make_table(keys):
    """A hash table, uint64 (slots,), of distinct keys with their flags; at most half full."""
    slots = 2
    while slots < 2 * len(keys):
        slots *= 2
    table = np.zeros(slots, np.uint64)
    last = np.uint64(slots - 1)
    for number in range(len(keys)):
        slot = (keys[number] >> FLAG) & last
        while table[slot] != np.uint64(0):
            slot = (slot + FLAG) & last
        table[slot] = keys[number]
    return table


@njit(cache=True, nogil=True)
def make_filter(table):
    """A bit set, uint64 (words,), that tells most keys which are not in the table without a look at it.

    It is an eighth of the table's size, so that it stays near the processor; 16 bits a key let 6 % of other keys through.
    """
    bits = np.zeros((8 * len(table) + 63) // 64, np.uint64)
    for slot in range(len(table)):
        if table[slot] != np.uint64(0):
            word, bit = filter_place(bits, table[slot])
            bits[word] |= bit
    return bits


@leaf
def filter_place(bits, key):
    """The word of a filter that a key has its bit in, and the bit."""
    place = (key >> np.uint64(24)) & np.uint64(64 * len(bits) - 1)
    return place >> np.uint64(6), FLAG << (place & np.uint64(63))


@njit(cache=True, nogil=True)
def merge_equal(keys):
    """Bring the distinct ones of ascending keys to the front, flagged where a key stands twice or more; returns how many."""
    count = 0
    for number in range(len(keys)):
        if count > 0 and keys[count - 1] & _KEY == keys[number] & _KEY:
            keys[count - 1] |= FLAG
        else:
            keys[count] = keys[number]
            count += 1
    return count


@njit(cache=True, nogil=True)
def repeated_keys(keys):
    """Bring the distinct keys that are flagged or stand twice to the front of ascending `keys`, without flags; how many."""
    count = 0
    number = 0
    while number < len(keys):
        key = keys[number] & _KEY
        repeated = keys[number] != key
        number += 1
        while number < len(keys) and keys[number] & _KEY == key:
            repeated = True
            number += 1
        if repeated:
            keys[count] = key
            count += 1
    return count


@njit(cache=True, nogil=True)
def keep_repeated(keys, starts, table):
    """Bring the keys in `table` to the front of `keys`, in order, flagged where an earlier run has them; how many are left.

    keys: uint64 (n,), run after run, each key once a run. starts: int64 (runs + 1,), where runs begin; moved to where
    they begin now. The flags in `table`, unset at first, say "seen".
    """
    count = 0
    for run in range(len(starts) - 1):
        first, stop = starts[run], starts[run + 1]
        starts[run] = count
        for number in range(first, stop):
            place = find(table, keys[number] & _KEY)
            if place >= 0:
                keys[count] = table[place]
                table[place] |= FLAG
                count += 1
    starts[len(starts) - 1] = count
    return count
