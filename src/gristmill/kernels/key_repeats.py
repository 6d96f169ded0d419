"""Finding the 64-bit keys that stand more than once among many that do not.

repeated, firsts = find_repeats(keys)       # positions whose key stood before, and where it first stood

A bit filter lets through every key that stands twice or more and few others; only those meet a hash table. That is ten times
as fast as sorting all keys or as a table of them all. Fastest where the filter, 2 to 4 bytes a key, fits a processor's cache.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from gristmill.kernels.hashing import GOLDEN, mix


@njit(cache=True, nogil=True)
def filter_words(keys: int) -> int:
    """Numbers (uint64) of a filter for so many keys: twice a power of two, 8 to 16 bits a key for either half."""
    words = 1
    while words * 64 < 8 * keys:
        words *= 2
    return 2 * words


@njit(cache=True, nogil=True)
def _shift(bits: np.ndarray) -> np.uint64:
    """How far a mixed key is shifted to number a bit of this filter."""
    shift, words = 58, 2
    while words < len(bits):
        words *= 2
        shift -= 1
    return np.uint64(shift)


@njit(cache=True, nogil=True)
def mark(keys: np.ndarray, bits: np.ndarray) -> bool:
    """Note keys (uint64) in a filter (uint64, `filter_words` of all keys it is for, zeros at first); whether it lets any through.

    Even words hold a bit for every key seen, odd words the same bit where it was set already: up to 12 % of the keys that
    stand once meet a bit of another.
    """
    shift, found = _shift(bits), np.uint64(0)
    for place in range(len(keys)):
        slot = (keys[place] * np.uint64(GOLDEN)) >> shift
        word, bit = (slot >> np.uint64(6)) << np.uint64(1), np.uint64(1) << (slot & np.uint64(63))
        seen = bits[word]
        again = seen & bit
        bits[word] = seen | bit
        bits[word + np.uint64(1)] |= again
        found |= again
    return found != 0


@njit(cache=True, nogil=True)
def take_marked(
    keys: np.ndarray,
    checks: np.ndarray,
    rows: np.ndarray,
    first_row: int,
    bits: np.ndarray,
    taken_keys: np.ndarray,
    taken_checks: np.ndarray,
    taken_rows: np.ndarray,
    taken: int,
) -> int:
    """Append keys that the filter lets through to the `taken` ones there are, with checks (maybe empty) and rows; the new number.

    first_row is added to the rows. taken_*: at least one longer than all that may come.
    """
    shift = _shift(bits)
    checked = len(checks) > 0
    for place in range(len(keys)):
        slot = (keys[place] * np.uint64(GOLDEN)) >> shift
        taken_keys[taken] = keys[place]  # without a branch: it would be guessed wrong too often
        taken_rows[taken] = rows[place] + first_row
        if checked:
            taken_checks[taken] = checks[place]
        word = bits[((slot >> np.uint64(6)) << np.uint64(1)) + np.uint64(1)]
        taken += int((word >> (slot & np.uint64(63))) & np.uint64(1))
    return taken


@njit(cache=True, nogil=True)
def _marked_places(keys: np.ndarray, bits: np.ndarray, places: np.ndarray) -> int:
    """Write down the positions of the keys that the filter lets through, ascending; how many. places: one longer than keys."""
    shift, taken = _shift(bits), 0
    for place in range(len(keys)):
        slot = (keys[place] * np.uint64(GOLDEN)) >> shift
        places[taken] = place  # without a branch, as above
        word = bits[((slot >> np.uint64(6)) << np.uint64(1)) + np.uint64(1)]
        taken += int((word >> (slot & np.uint64(63))) & np.uint64(1))
    return taken


@njit(cache=True, nogil=True)
def first_places(keys: np.ndarray, checks: np.ndarray, places: np.ndarray) -> np.ndarray:
    """For each of the ascending `places` the first of them with the same key and check (if there are any), maybe itself.

    keys: fewer than 2^31, since half as wide a table is faster.
    """
    if len(keys) >= 1 << 31:
        raise OverflowError("2^31 keys or more at a time")
    slots = 2
    while slots < 2 * len(places):
        slots *= 2
    table = np.full(slots, -1, np.int32)
    last = np.uint64(slots - 1)
    firsts = np.empty(len(places), np.int64)
    for number in range(len(places)):
        place = np.int64(places[number])
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


@njit(cache=True, nogil=True)
def _repeats(keys: np.ndarray, checks: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    firsts = first_places(keys, checks, places)
    repeats = 0
    for number in range(len(places)):
        if firsts[number] != places[number]:
            places[repeats], firsts[repeats] = places[number], firsts[number]
            repeats += 1
    return places[:repeats].copy(), firsts[:repeats].copy()


@njit(cache=True, nogil=True)
def _find_repeats(keys: np.ndarray, checks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    bits = np.zeros(filter_words(len(keys)), np.uint64)
    places = np.empty(len(keys) + 1, np.int64)
    return _repeats(keys, checks, places[: _marked_places(keys, bits, places) if mark(keys, bits) else 0])


@njit(cache=True, nogil=True)
def find_repeats_among(keys: np.ndarray, checks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What `find_repeats` finds, for keys that mostly stand more than once; checks: uint64, or empty."""
    return _repeats(keys, checks, np.arange(len(keys)))


def find_repeats(keys: np.ndarray, checks: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Where a key stands again, int64 (m,), ascending, and for each of these where that key first stood.

    keys: uint64 (n,). checks: uint64 (n,) or None; with them two rows are equal when key and check are.
    Memory is about 12 bytes a key beside the keys.
    """
    return _find_repeats(keys, np.empty(0, np.uint64) if checks is None else checks)


@njit(cache=True, nogil=True)
def drop_repeats(keys: np.ndarray, checks: np.ndarray, rows: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Leave the first of every key in records that lie together by range, and close the gaps, all in place.

    keys: uint64 (n,); checks: uint64 (n,), or empty; rows: uint32 (n,); starts: int64 (ranges + 1,), where each
    range begins, moved to where it begins afterwards. Returns uint64 (m,), for each that went its row << 32 | the first row.
    """
    widest = 0
    for part in range(len(starts) - 1):
        widest = max(widest, int(starts[part + 1] - starts[part]))
    bits, places = np.empty(filter_words(widest), np.uint64), np.empty(widest + 1, np.int64)
    edges, count = np.empty(len(keys), np.uint64), 0
    left = np.int64(0)
    start = starts[0]
    for part in range(len(starts) - 1):
        stop = starts[part + 1]
        starts[part] = left
        here, its_checks = keys[start:stop], checks[start:stop]
        its_bits = bits[: filter_words(len(here))]
        its_bits[:] = 0
        taken = _marked_places(here, its_bits, places) if mark(here, its_bits) else 0
        firsts = first_places(here, its_checks, places[:taken])
        before = count
        for number in range(taken):
            if firsts[number] != places[number]:
                edges[count] = (np.uint64(rows[start + places[number]]) << np.uint64(32)) | np.uint64(
                    rows[start + firsts[number]]
                )
                places[count - before] = places[number]
                count += 1
        kept = start
        for number in range(count - before + 1):
            end = start + places[number] if number < count - before else stop
            if left == kept:
                left += end - kept
            else:
                for place in range(kept, end):
                    keys[left], rows[left] = keys[place], rows[place]
                    if len(checks):
                        checks[left] = checks[place]
                    left += 1
            kept = end + 1
        start = stop
    starts[-1] = left
    return edges[:count].copy()
