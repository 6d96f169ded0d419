"""MinHash signatures with datatrove's hash family, so that both find the same candidates.

A shingle is the 64-bit hash of its words with one space between them. Its value under a permutation is
((factor * h + addend) mod 2^64) mod (2^61 - 1), as 64-bit NumPy integers overflow; factors and addends come from NumPy's
RandomState (datatrove, pipeline/dedup/minhash.py).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from gristmill.kernels.hashing import GOLDEN, mix
from gristmill.kernels.xxh64 import xxh64

PRIME = (1 << 61) - 1


def permutations(hashes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Factors and addends, uint64 (hashes,)."""
    generator = np.random.RandomState(seed)
    factors = generator.randint(1, PRIME, dtype=np.uint64, size=hashes)
    return factors, generator.randint(0, PRIME, dtype=np.uint64, size=hashes)


@njit(cache=True, nogil=True)
def gram_hashes(data: np.ndarray, starts: np.ndarray, n: int) -> np.ndarray:
    """XXH64 of every n words, uint64 (words - n + 1,) or empty. data: words with one byte between them, uint8; starts: int64
    (words + 1,), where each begins, and the end plus one."""
    found = np.empty(max(0, len(starts) - n), np.uint64)
    for gram in range(len(found)):
        found[gram] = xxh64(data, starts[gram], starts[gram + n] - 1)
    return found


@njit(cache=True, nogil=True)
def signature_of(shingles: np.ndarray, factors: np.ndarray, addends: np.ndarray) -> np.ndarray:
    """Least value by permutation, uint64 (hashes,); 2^64 - 1 where there is no shingle. shingles: uint64."""
    minima = np.full(len(factors), np.uint64(0xFFFFFFFFFFFFFFFF))
    prime = np.uint64(PRIME)
    for number in range(len(shingles)):
        shingle = shingles[number]
        for place in range(len(factors)):
            value = shingle * factors[place] + addends[place]
            value = (value & prime) + (value >> np.uint64(61))  # modulo 2^61 - 1: what overflows counts once more
            value = value - prime if value >= prime else value
            minima[place] = min(minima[place], value)
    return minima


@njit(cache=True, nogil=True)
def band_keys(minima: np.ndarray, bands: int, rows: int, seed: int) -> np.ndarray:
    """One 64-bit hash of the rows of each band, uint64 (texts, bands). minima: uint64 (texts, bands * rows), by band."""
    keys = np.empty((len(minima), bands), np.uint64)
    for text in range(len(minima)):
        for band in range(bands):
            key = mix(np.uint64(seed) + np.uint64(band + 1) * np.uint64(GOLDEN))
            for row in range(rows):
                key = mix(key ^ (minima[text, band * rows + row] + np.uint64(row) * np.uint64(GOLDEN)))
            keys[text, band] = key
    return keys


@njit(cache=True, nogil=True)
def sketches(minima: np.ndarray, bands: int, rows: int, count: int) -> np.ndarray:
    """A byte of each of the first `count` hashes, those of the first row of every band first, uint8 (texts, count)."""
    found = np.empty((len(minima), count), np.uint8)
    for text in range(len(minima)):
        for number in range(count):
            value = minima[text, (number % bands) * rows + number // bands]
            found[text, number] = mix(value + np.uint64(number) * np.uint64(GOLDEN)) >> np.uint64(56)
    return found
