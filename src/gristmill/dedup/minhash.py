"""Near duplicates: MinHash signatures over word n-grams, cut into bands; a shared band makes a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import pyarrow as pa

from gristmill.dataset import Batch
from gristmill.dedup.keyed import KeyedDedup
from gristmill.dedup.shuffle import Records
from gristmill.kernels.text import Texts
from gristmill.stage import setting

ROWS_AT_A_TIME = 256  # signatures are four bytes a hash: 9,000 hashes of a whole batch would be 74 MB


class MinHash(KeyedDedup):
    """Keep one of all documents that are near duplicates, directly or through others.

    Two documents whose sets of n-grams have Jaccard similarity s share a band with probability 1 - (1 -
    s^rows)^bands (Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, 3.4.2). Shared bands are not
    verified, as in FineWeb and RefinedWeb. Documents with fewer than `n` words have no signature and always
    survive.
    """

    kind = "minhash"
    bands: int = setting(
        14,
        "bands of a signature",
        source="FineWeb, 14 x 8 [A]; RefinedWeb has 450 x 20 [B]",
        unit="bands",
        ge=1,
        le=4096,
    )
    rows: int = setting(
        8,
        "hashes a band",
        source="FineWeb, 14 x 8 [A]; RefinedWeb has 450 x 20 [B]",
        unit="hashes",
        ge=1,
        le=256,
    )
    n: int = setting(
        5,
        "words in a shingle",
        source="FineWeb, words [A]; RefinedWeb, 5 GPT-2 tokens [B]; RedPajama v2, 13 words [A]",
        unit="words",
        ge=1,
        le=64,
    )
    normalise: Literal["words", "whitespace"] = setting(
        "words",
        "what a word is: lower-case letters without accents, or a number as 0; or what white space splits",
        source="FineWeb [A]; RefinedWeb's is not published in detail [C]",
    )
    seed: int = setting(
        1,
        "seed of the permutations",
        source="FineWeb, though its hash family is another [A]",
        ge=0,
        lt=1 << 63,
    )

    signal_settings = ("bands", "rows", "n", "normalise", "seed")

    def value_schema(self) -> pa.Schema:
        return pa.schema([("keys", pa.list_(pa.uint64(), self.bands)), ("shingles", pa.int32())])

    @property
    def keys_per_row(self) -> int:
        return self.bands

    @property
    def key_columns(self) -> tuple[str, ...]:
        return (f"{self.name}.keys", f"{self.name}.shingles")

    def collision(self, similarity: float) -> float:
        """Probability that two documents of this Jaccard similarity share a band."""
        return 1 - (1 - similarity**self.rows) ** self.bands

    def signals(self, batch: Batch) -> Mapping[str, np.ndarray]:
        keys, shingles = self.keys_of(batch.texts)
        return {"keys": keys, "shingles": shingles}

    def keys_of(self, texts: Texts) -> tuple[np.ndarray, np.ndarray]:
        """Band keys uint64 (rows, bands), zeros without a signature; number of shingles int32 (rows,)."""
        from gristmill.kernels import minhash, shingles

        table = shingles.words_table(digits_to_zero=True) if self.normalise == "words" else shingles.whitespace_table()
        permutations = minhash.Permutations.seeded(self.bands, self.rows, self.seed)
        keys, counts = np.zeros((len(texts), self.bands), np.uint64), np.zeros(len(texts), np.int32)
        for start in range(0, len(texts), ROWS_AT_A_TIME):
            part = slice(start, start + ROWS_AT_A_TIME)
            offsets = texts.offsets[start : start + ROWS_AT_A_TIME + 1]
            minima, counts[part] = minhash.signatures(
                texts.data, offsets, table, self.n, permutations.factors, permutations.addends
            )
            keys[part] = minhash.band_keys(minima, self.bands, self.rows, self.seed)
        keys[counts == 0] = 0
        return keys, counts

    def records(self, batch: Batch) -> Records:
        keys_name, shingles_name = self.key_columns
        rows = np.flatnonzero(batch.keep & (batch.numbers(shingles_name) > 0))
        keys = batch.column(keys_name).flatten().to_numpy().reshape(-1, self.bands)
        return Records(np.repeat(rows, self.bands), keys[rows].reshape(-1))

    def warm(self) -> None:
        super().warm()
        self.keys_of(Texts.from_strings(["warm"]))
