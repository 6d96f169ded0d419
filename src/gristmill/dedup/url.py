"""Documents with the same URL: a 128-bit hash of what the chosen normalisation leaves of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gristmill.dataset import Batch
from gristmill.dedup.keyed import KeyedDedup
from gristmill.dedup.shuffle import Records
from gristmill.stage import setting

_SCHEME = re.compile(r"https?://(?:www\.)?")
_TRACKING = re.compile(r"\?(?:utm_|ref|feed).*")


class UrlDedup(KeyedDedup):
    """Keep one of all documents that have the same URL after normalisation.

    Documents without URL always survive, and so do those of whose URL nothing is left.
    """

    kind = "url_dedup"
    checked = True
    needs = ("url",)
    values = pa.schema([("high", pa.uint64()), ("low", pa.uint64())])
    signal_settings: ClassVar[tuple[str, ...]] = ("normalise",)
    normalise: Literal["exact", "c4"] = setting(
        "c4",
        "what may differ: nothing; or scheme, www, a query that begins with utm_, ref or feed, slashes at the end",
        source="C4, c4_utils.py normalize_url [A]",
    )

    @property
    def method(self) -> str:
        return "url"

    @property
    def keys_per_row(self) -> int:
        return 1

    @property
    def key_columns(self) -> tuple[str, ...]:
        return (f"{self.name}.high", f"{self.name}.low")

    def signals(self, batch: Batch) -> Mapping[str, np.ndarray]:
        digests = url_digests(batch.column("url"), self.normalise)
        return {"high": digests[:, 0], "low": digests[:, 1]}

    def records(self, batch: Batch) -> Records:
        high, low = (batch.numbers(name) for name in self.key_columns)
        kept = np.flatnonzero(batch.keep & ((high != 0) | (low != 0)))
        return Records(kept, high[kept], low[kept])


def c4_url(url: str) -> str:
    """The URL as C4's `normalize_url` leaves it, letter for letter.

    `http://` and `https://`, with a `www.` behind, go wherever they stand, also inside an archive's URL; case counts.
    A query goes from its `?` on when its first parameter begins with utm_, ref or feed, so `?reference=1` goes and
    `?id=1&utm_source=x` stays. All slashes at the end go.
    """
    return _TRACKING.sub("", _SCHEME.sub("", url)).rstrip("/")


def url_digests(urls: pa.Array, normalise: Literal["exact", "c4"]) -> np.ndarray:
    """XXH3-128 of every URL as its normalisation leaves it, uint64 (rows, 2), the high half first; zeros for none."""
    import xxhash

    joined = bytearray()
    for url in pc.utf8_trim_whitespace(urls).to_pylist():
        left = (c4_url(url) if normalise == "c4" else url) if url else ""
        joined += xxhash.xxh3_128_digest(left.encode()) if left else bytes(16)
    return np.frombuffer(bytes(joined), ">u8").reshape(-1, 2).astype(np.uint64)
