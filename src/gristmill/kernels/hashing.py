"""64-bit hashes: mixing them, making them from a seed, bringing them together by range."""

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
def add_range_counts(keys: np.ndarray, counts: np.ndarray) -> None:
    """Add to counts, int64 (ranges,), how many keys fall into each of as many equal parts of the 64-bit numbers."""
    ranges = np.uint64(len(counts))
    for place in range(len(keys)):
        counts[((keys[place] >> np.uint64(32)) * ranges) >> np.uint64(32)] += 1


@njit(cache=True, nogil=True)
def range_counts(keys: np.ndarray, ranges: int) -> np.ndarray:
    """How many keys fall into each of `ranges` equal parts of the 64-bit numbers, int64 (ranges,)."""
    counts = np.zeros(ranges, np.int64)
    add_range_counts(keys, counts)
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
    keys: np.ndarray,
    checks: np.ndarray,
    rows: np.ndarray,
    first_row: int,
    starts: np.ndarray,
    new_keys: np.ndarray,
    new_checks: np.ndarray,
    new_rows: np.ndarray,
) -> None:
    """Write keys, checks and rows where they belong in the stable order that brings keys together by range.

    keys: uint64 (m * k,), those of a row together; checks: as many, or empty; rows: integers (m,), to which first_row
    is added. starts: int64 (ranges,), the next free place of each range, moved on.
    """
    ranges, checked = np.uint64(len(starts)), len(checks) > 0
    each = len(keys) // max(1, len(rows))
    place = 0
    for number in range(len(rows)):
        row = np.uint32(rows[number] + first_row)
        for _ in range(each):
            part = ((keys[place] >> np.uint64(32)) * ranges) >> np.uint64(32)
            target = starts[part]
            starts[part] = target + 1
            new_keys[target], new_rows[target] = keys[place], row
            if checked:
                new_checks[target] = checks[place]
            place += 1


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
