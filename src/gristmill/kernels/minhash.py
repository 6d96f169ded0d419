"""MinHash signatures and band keys of whole batches of texts.

    chosen = Permutations.seeded(bands=14, rows=8, seed=1)
    minima, shingles = signatures(texts.data, texts.offsets, table, 5, chosen.factors, chosen.addends)
    keys = band_keys(minima, 14, 8, seed=1)

A shingle is a 64-bit hash. Half of the permutations order its low 32 bits, half its high 32 bits, each as
(factor * h + addend) mod 2^32 with an odd factor: a bijection, so the least value belongs to one shingle, and
32-bit arithmetic fills vector registers. Every band mixes rows of both halves, so that two different
one-shingle documents share a band key once in 2^64 pairs, not once in 2^32.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from gristmill.kernels.hashing import GOLDEN, mix, seeded_numbers
from gristmill.kernels.shingles import next_shingles, start_shingles

_GRAM_STEP = 0xD6E8FEB86659FD93

WIDTH = 64  # lanes of the inner loop: a constant, so that the compiler unrolls it into vectors
BLOCK = 1024  # shingles that are hashed before their permutations are


@dataclass(frozen=True)
class Permutations:
    """Factors and addends, uint32 (lanes,): first the lanes over low halves, then as many over high ones.

    lanes = 2 * ceil(bands * rows / 2 / WIDTH) * WIDTH; those past the hashes that are needed are padding.
    """

    factors: np.ndarray
    addends: np.ndarray

    @classmethod
    def seeded(cls, bands: int, rows: int, seed: int) -> Permutations:
        half = -(-bands * rows // 2)
        lanes = 2 * (-(-half // WIDTH) * WIDTH)
        numbers = seeded_numbers(seed, lanes)
        return cls((numbers >> np.uint64(32)).astype(np.uint32) | np.uint32(1), numbers.astype(np.uint32))


@njit(cache=True, nogil=True)
def lane_of(band: int, row: int, bands: int, rows: int, lanes: int) -> int:
    """The lane of a row of a band: the first half of all rows lie in the low lanes, the rest in the high."""
    hashes = row * bands + band
    half = (bands * rows + 1) // 2
    return hashes if hashes < half else lanes // 2 + hashes - half


@njit(cache=True, nogil=True)
def _lower_minima(
    minima: np.ndarray, halves: np.ndarray, count: int, factors: np.ndarray, addends: np.ndarray, first: int
) -> None:
    """Lower the lanes first … first + WIDTH of `minima` to the least permuted value of the shingle halves."""
    least, factor, addend = np.empty(WIDTH, np.uint32), np.empty(WIDTH, np.uint32), np.empty(WIDTH, np.uint32)
    for lane in range(WIDTH):
        least[lane], factor[lane], addend[lane] = (
            minima[first + lane],
            factors[first + lane],
            addends[first + lane],
        )
    for number in range(count):
        half = halves[number]
        for lane in range(WIDTH):
            value = np.uint32(np.uint32(factor[lane] * half) + addend[lane])
            least[lane] = min(least[lane], value)
    for lane in range(WIDTH):
        minima[first + lane] = least[lane]


@njit(cache=True, nogil=True)
def signatures(
    data: np.ndarray, offsets: np.ndarray, table: np.ndarray, n: int, factors: np.ndarray, addends: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Least permuted shingle of every text and lane, uint32 (texts, lanes); shingles a text, int32 (texts,).

    data, offsets: as in kernels.text.Texts; table: a fold table. Texts with fewer than n words have no
    shingle and 2^32 - 1 everywhere.
    """
    texts, lanes = len(offsets) - 1, len(factors)
    minima = np.full((texts, lanes), 0xFFFFFFFF, np.uint32)
    counts = np.zeros(texts, np.int32)
    state, ring = np.empty(5, np.int64), np.empty(n, np.uint64)
    shingles = np.empty(BLOCK, np.uint64)
    low, high = np.empty(BLOCK, np.uint32), np.empty(BLOCK, np.uint32)
    for text in range(texts):
        start_shingles(offsets[text], state, ring)
        found = next_shingles(data, offsets[text + 1], table, state, ring, shingles)
        while found > 0:
            counts[text] += found
            for number in range(found):
                low[number] = np.uint32(shingles[number])
                high[number] = np.uint32(shingles[number] >> np.uint64(32))
            for first in range(0, lanes, WIDTH):
                halves = low if first < lanes // 2 else high
                _lower_minima(minima[text], halves, found, factors, addends, first)
            found = next_shingles(data, offsets[text + 1], table, state, ring, shingles)
    return minima, counts


@njit(cache=True, nogil=True)
def sequence_shingles(words: np.ndarray, n: int) -> np.ndarray:
    """Hashes of the n-grams of a sequence of numbers, uint64 (words - n + 1,) or empty. words: uint64."""
    found = np.empty(max(0, len(words) - n + 1), np.uint64)
    for gram in range(len(found)):
        total = np.uint64(0)
        for place in range(gram, gram + n):
            total = mix(total * np.uint64(_GRAM_STEP) + words[place] + np.uint64(1))
        found[gram] = total
    return found


@njit(cache=True, nogil=True)
def signature_of(shingles: np.ndarray, factors: np.ndarray, addends: np.ndarray) -> np.ndarray:
    """Least permuted shingle by lane, uint32 (lanes,); 2^32 - 1 where there is none. shingles: uint64."""
    lanes = len(factors)
    minima = np.full(lanes, 0xFFFFFFFF, np.uint32)
    low, high = np.empty(len(shingles), np.uint32), np.empty(len(shingles), np.uint32)
    for number in range(len(shingles)):
        low[number] = np.uint32(shingles[number])
        high[number] = np.uint32(shingles[number] >> np.uint64(32))
    for first in range(0, lanes, WIDTH):
        _lower_minima(minima, low if first < lanes // 2 else high, len(shingles), factors, addends, first)
    return minima


@njit(cache=True, nogil=True)
def sketches(minima: np.ndarray, bands: int, rows: int, count: int) -> np.ndarray:
    """A byte of each of the first `count` hashes, those of the first row of every band first, uint8 (texts, count)."""
    found = np.empty((len(minima), count), np.uint8)
    lanes = minima.shape[1]
    for text in range(len(minima)):
        for number in range(count):
            value = np.uint64(minima[text, lane_of(number % bands, number // bands, bands, rows, lanes)])
            found[text, number] = mix(value + np.uint64(number) * np.uint64(GOLDEN)) >> np.uint64(56)
    return found


@njit(cache=True, nogil=True)
def band_keys(minima: np.ndarray, bands: int, rows: int, seed: int) -> np.ndarray:
    """One 64-bit hash of the rows of each band, uint64 (texts, bands); the band's number is part of it."""
    keys = np.empty((len(minima), bands), np.uint64)
    lanes = minima.shape[1]
    for text in range(len(minima)):
        for band in range(bands):
            key = mix(np.uint64(seed) + np.uint64(band + 1) * np.uint64(GOLDEN))
            for row in range(rows):
                value = np.uint64(minima[text, lane_of(band, row, bands, rows, lanes)])
                key = mix(key ^ (value + np.uint64(row) * np.uint64(GOLDEN)))
            keys[text, band] = key
    return keys
