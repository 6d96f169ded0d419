"""Signatures of whole batches: band keys, numbers of shingles and sketches."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from gristmill.dedup.readings import DatatroveReading, Reading, WordReading, fold_table
from gristmill.kernels.text import Texts

ROWS_AT_A_TIME = 256  # signatures are four bytes a hash: 9,000 hashes of a whole batch would be 74 MB


@dataclass(frozen=True)
class Scheme:
    """How a text becomes a signature."""

    bands: int
    rows: int
    n: int
    seed: int
    hashes: str  # own, datatrove_xxhash or datatrove_sha1
    sketch: int  # bytes
    reading: Reading

    def of(self, texts: Texts) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Band keys uint64 (rows, bands), number of shingles int32 (rows,), sketches uint8 (rows, sketch).

        Zeros where a text has no signature.
        """
        from gristmill.kernels import mersenne_minhash, minhash

        keys = np.zeros((len(texts), self.bands), np.uint64)
        counts = np.zeros(len(texts), np.int32)
        sketches = np.zeros((len(texts), self.sketch), np.uint8)
        kernels = minhash if self.hashes == "own" else mersenne_minhash
        for start in range(0, len(texts), ROWS_AT_A_TIME):
            part = slice(start, min(len(texts), start + ROWS_AT_A_TIME))
            minima, counts[part] = self._minima(texts, part)
            keys[part] = kernels.band_keys(minima, self.bands, self.rows, self.seed)
            sketches[part] = kernels.sketches(minima, self.bands, self.rows, self.sketch)
        keys[counts == 0] = 0
        sketches[counts == 0] = 0
        return keys, counts, sketches

    def minima(self, texts: Texts) -> np.ndarray:
        """Signatures of all texts as the hash family lays them out."""
        return self._minima(texts, slice(0, len(texts)))[0]

    def _minima(self, texts: Texts, part: slice) -> tuple[np.ndarray, np.ndarray]:
        from gristmill.kernels import mersenne_minhash, minhash

        if self.hashes != "own":
            factors, addends = mersenne_minhash.permutations(self.bands * self.rows, self.seed)
            shingles = [self.datatrove_shingles(texts, row) for row in range(part.start, part.stop)]
            minima = [mersenne_minhash.signature_of(found, factors, addends) for found in shingles]
            return np.stack(minima), np.array([len(found) for found in shingles], np.int32)
        chosen = minhash.Permutations.seeded(self.bands, self.rows, self.seed)
        if isinstance(self.reading, WordReading):
            offsets = texts.offsets[part.start : part.stop + 1]
            table = fold_table(self.reading.normalise)
            return minhash.signatures(texts.data, offsets, table, self.n, chosen.factors, chosen.addends)
        sequences = [self.reading.sequence(texts, row) for row in range(part.start, part.stop)]
        shingles = [minhash.sequence_shingles(sequence, self.n) for sequence in sequences]
        minima = [minhash.signature_of(found, chosen.factors, chosen.addends) for found in shingles]
        return np.stack(minima), np.array([len(found) for found in shingles], np.int32)

    def datatrove_shingles(self, texts: Texts, row: int) -> np.ndarray:
        """The hashes of the n-grams of a text as datatrove makes them, uint64."""
        from gristmill.kernels.mersenne_minhash import gram_hashes

        assert isinstance(self.reading, DatatroveReading)
        words = [word.encode() for word in self.reading.words(texts, row)]
        starts = np.cumsum([0, *(len(word) + 1 for word in words)], dtype=np.int64)
        data = b" ".join(words)
        if self.hashes == "datatrove_xxhash":
            return gram_hashes(np.frombuffer(data, np.uint8), starts, self.n)
        grams = (data[starts[k] : starts[k + self.n] - 1] for k in range(max(0, len(words) - self.n + 1)))
        digests = b"".join(hashlib.sha1(gram, usedforsecurity=False).digest()[:8] for gram in grams)
        return np.frombuffer(digests, "<u8").astype(np.uint64)
