"""Documents with the same text: a 128-bit hash of what the chosen normalisation leaves of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np
import pyarrow as pa

from gristmill.dataset import Batch
from gristmill.dedup.keyed import KeyedDedup
from gristmill.dedup.shuffle import Records
from gristmill.kernels.text import Texts
from gristmill.stage import setting


class Exact(KeyedDedup):
    """Keep one of all documents whose texts are the same after normalisation."""

    kind = "exact"
    checked = True
    values = pa.schema([("high", pa.uint64()), ("low", pa.uint64())])
    signal_settings: ClassVar[tuple[str, ...]] = ("normalise",)
    normalise: Literal["none", "whitespace", "words"] = setting(
        "whitespace",
        "what may differ: nothing; white space; or anything but the words (case, accents, punctuation)",
        source="RedPajama v2 and Dolma hash the text as it is; the default is this project's choice",
    )

    @property
    def method(self) -> str:
        return "text"

    @property
    def keys_per_row(self) -> int:
        return 1

    @property
    def key_columns(self) -> tuple[str, ...]:
        return (f"{self.name}.high", f"{self.name}.low")

    def signals(self, batch: Batch) -> Mapping[str, np.ndarray]:
        digests = text_digests(batch.texts, self.normalise)
        return {"high": digests[:, 0], "low": digests[:, 1]}

    def records(self, batch: Batch) -> Records:
        kept = np.flatnonzero(batch.keep)
        high, low = (batch.numbers(name) for name in self.key_columns)
        return Records(kept, high[kept], low[kept])

    def warm(self) -> None:
        super().warm()
        text_digests(Texts.from_strings(["warm"]), self.normalise)


def text_digests(texts: Texts, normalise: str) -> np.ndarray:
    """XXH3-128 of every text as its normalisation leaves it, uint64 (rows, 2), the high half first."""
    import xxhash

    joined = bytearray()
    if normalise == "none":
        for start, stop in zip(texts.offsets, texts.offsets[1:], strict=False):
            joined += xxhash.xxh3_128_digest(texts.data[start:stop].data)
    else:
        from gristmill.kernels import shingles

        table = shingles.whitespace_table() if normalise == "whitespace" else shingles.words_table(digits_to_zero=False)
        symbols = np.empty(2 * int(texts.lengths.max(initial=0)), np.uint32)
        for start, stop in zip(texts.offsets, texts.offsets[1:], strict=False):
            count = shingles.normalise(texts.data, start, stop, table, symbols)
            joined += xxhash.xxh3_128_digest(symbols[:count].data)
    return np.frombuffer(bytes(joined), ">u8").reshape(-1, 2).astype(np.uint64)
