"""64-bit hashes: mixing them, making them from a seed, and finding the rows that share one.

repeated, firsts = find_repeats(keys)       # positions whose key stood before, and where it first stood
"""

from __future__ import annotations

import numpy as np
from numba import njit

GOLDEN = 0x9E3779B97F4A7C15  # 2^64 / golden ratio, the increment of SplitMix64


@njit(cache=True, nogil=True)
def mix(value: np.uint64) -> np.uint64:
    """A bijection of 64-bit numbers in which every input bit moves every output bit.

    The finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014; constants of Stafford's variant 13).
    """
    value ^= value >> np.uint64(30)
    value *= np.uint64(0xBF58476D1CE4E5B9)
    value ^= value >> np.uint64(27)
    value *= np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


@njit(cache=True, nogil=True)
def mix_all(values: np.ndarray) -> np.ndarray:
    """`mix` of every number, uint64 (n,)."""
    mixed = np.empty(len(values), np.uint64)
    for place in range(len(values)):
        mixed[place] = mix(values[place])
    return mixed


@njit(cache=True, nogil=True)
def seeded_numbers(seed: int, count: int) -> np.ndarray:
    """The first `count` outputs of SplitMix64, uint64 (count,): the same on every machine and version."""
    numbers = np.empty(count, np.uint64)
    state = np.uint64(seed)
    for position in range(count):
        state += np.uint64(GOLDEN)
        numbers[position] = mix(state)
    return numbers


@njit(cache=True, nogil=True)
def _filter_of_repeats(keys: np.ndarray) -> np.ndarray:
    """A bit filter, in uint64 words, that lets through every key that stands twice or more, and some others; empty when it would
    let none through.

    A key sets a bit; where that is set already, it sets the same bit of the filter. With 8 to 16 bits a key, up to 12 % of the
    keys that stand once meet a bit of another.
    """
    words, shift = 1, 58
    while words * 64 < 8 * len(keys):
        words *= 2
        shift -= 1
    seen, bits = np.zeros(words, np.uint64), np.zeros(words, np.uint64)
    found = np.uint64(0)
    for place in range(len(keys)):
        slot = (keys[place] * np.uint64(GOLDEN)) >> np.uint64(shift)
        word, bit = slot >> np.uint64(6), np.uint64(1) << (slot & np.uint64(63))
        again = seen[word] & bit
        bits[word] |= again
        seen[word] |= bit
        found |= again
    return bits if found else np.zeros(0, np.uint64)


@njit(cache=True, nogil=True)
def _passing(keys: np.ndarray, bits: np.ndarray) -> np.ndarray:
    """Positions of the keys that the filter lets through, ascending."""
    words, shift = 1, 58
    while words < len(bits):
        words *= 2
        shift -= 1
    places = np.empty(len(keys) + 1, np.int64)
    passed = np.int64(0)
    for place in range(len(keys)):
        slot = (keys[place] * np.uint64(GOLDEN)) >> np.uint64(shift)
        places[passed] = place  # without a branch: it would be guessed wrong too often
        passed += np.int64((bits[slot >> np.uint64(6)] >> (slot & np.uint64(63))) & np.uint64(1))
    return places[:passed].copy()


@njit(cache=True, nogil=True)
def _first_places(keys: np.ndarray, checks: np.ndarray, places: np.ndarray) -> np.ndarray:
    """For each of the ascending `places` the first of them with the same key and check, maybe itself."""
    slots = 2
    while slots < 2 * len(places):
        slots *= 2
    table = np.full(slots, -1, np.int64)
    last = np.uint64(slots - 1)
    firsts = np.empty(len(places), np.int64)
    for number in range(len(places)):
        place = places[number]
        slot = mix(keys[place] ^ np.uint64(GOLDEN)) & last
        while True:
            other = table[slot]
            if other < 0:
                table[slot] = place
                firsts[number] = place
                break
            if keys[other] == keys[place] and (len(checks) == 0 or checks[other] == checks[place]):
                firsts[number] = other
                break
            slot = (slot + np.uint64(1)) & last
    return firsts


def find_repeats(keys: np.ndarray, checks: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Where a key stands again, int64 (m,), ascending, and for each of these where that key first stood.

    keys: uint64 (n,). checks: uint64 (n,) or None; with them two rows are equal when key and check are.
    A hash table of the few keys that a bit filter lets through is ten times as fast as sorting them all or as a table of
    them all; memory is about 10 bytes a key beside the keys.
    """
    nothing = np.empty(0, np.int64)
    bits = _filter_of_repeats(keys)
    if not len(bits):
        return nothing, nothing
    places = _passing(keys, bits)
    firsts = _first_places(keys, np.empty(0, np.uint64) if checks is None else checks, places)
    repeated = firsts != places
    return places[repeated], firsts[repeated]


@njit(cache=True, nogil=True)
def range_counts(keys: np.ndarray, ranges: int) -> np.ndarray:
    """How many keys fall into each of `ranges` equal parts of the 64-bit numbers, int64 (ranges,)."""
    counts = np.zeros(ranges, np.int64)
    for place in range(len(keys)):
        counts[((keys[place] >> np.uint64(32)) * np.uint64(ranges)) >> np.uint64(32)] += 1
    return counts


@njit(cache=True, nogil=True)
def range_order(keys: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """The stable order that brings keys together by range, int64 (n,).

    starts: int64 (ranges,), where each range begins in the result; moved to where it ends.
    """
    order = np.empty(len(keys), np.int64)
    ranges = np.uint64(len(starts))
    for place in range(len(keys)):
        part = ((keys[place] >> np.uint64(32)) * ranges) >> np.uint64(32)
        order[starts[part]] = place
        starts[part] += 1
    return order


@njit(cache=True, nogil=True)
def scatter_by_range(
    keys: np.ndarray, checks: np.ndarray, rows: np.ndarray, starts: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Copies of all three in the stable order that brings keys together by range. checks: uint64 (n,), or empty.

    starts: int64 (ranges,), where each range begins in the result; moved to where it ends.
    """
    new_keys, new_checks, new_rows = np.empty_like(keys), np.empty_like(checks), np.empty_like(rows)
    ranges = np.uint64(len(starts))
    for place in range(len(keys)):
        part = ((keys[place] >> np.uint64(32)) * ranges) >> np.uint64(32)
        target = starts[part]
        new_keys[target], new_rows[target] = keys[place], rows[place]
        if len(checks):
            new_checks[target] = checks[place]
        starts[part] += 1
    return new_keys, new_checks, new_rows


@njit(cache=True, nogil=True)
def run_ranks(keys: np.ndarray, order: np.ndarray) -> np.ndarray:
    """How many equal keys stand before each in a stable order, int64 (n,), by place in that order."""
    ranks = np.zeros(len(order), np.int64)
    for place in range(1, len(order)):
        if keys[order[place]] == keys[order[place - 1]]:
            ranks[place] = ranks[place - 1] + 1
    return ranks


@njit(cache=True, nogil=True)
def leader_pairs(keys: np.ndarray, rows: np.ndarray, order: np.ndarray, skipped: int, most: int) -> np.ndarray:
    """Pairs of a row and each of the `most` first ones with the same key, int64 (n, 2), different rows only.

    order: the stable order of the keys; rows: int64, ascending. The first `skipped` records are nobody's left row.
    """
    count = 0
    for write in range(2):
        pairs = np.empty((count if write else 0, 2), np.int64)
        written = start = 0
        for place in range(len(order)):
            if keys[order[place]] != keys[order[start]]:
                start = place
            if order[place] < skipped:
                continue
            for leader in range(start, min(place, start + most)):
                if rows[order[leader]] != rows[order[place]]:
                    if write:
                        pairs[written, 0] = rows[order[place]]
                        pairs[written, 1] = rows[order[leader]]
                    written += 1
        count = written
    return pairs
