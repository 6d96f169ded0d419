"""The two ways to compare a pair: by what signatures keep, or by the words of the texts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from gristmill.dataset import Batch
from gristmill.dedup.compare import Likeness, Measure
from gristmill.dedup.fetch import Payload
from gristmill.dedup.readings import Reading


@dataclass(frozen=True)
class SketchPayload(Payload):
    """A byte a hash, then four bytes a band."""

    stage: str
    hashes: int
    bands: int

    @property
    def columns(self) -> tuple[str, ...]:  # type: ignore[override]
        return (f"{self.stage}.sketch", f"{self.stage}.keys")

    def read(self, batch: Batch, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        sketches = fixed_rows(batch.column(self.columns[0]), "u1")[rows]
        low = fixed_rows(batch.column(self.columns[1]), "<u8")[rows].astype("<u4")
        both = np.concatenate([sketches, low.view(np.uint8)], axis=1)
        return both.reshape(-1), np.full(len(rows), both.shape[1], np.int64)


@dataclass(frozen=True)
class SketchMeasure(Measure):
    """Jaccard similarity as estimated from the share of hashes that agree."""

    stage: str
    hashes: int
    bands: int
    least: float

    @property
    def payload(self) -> Payload:  # type: ignore[override]
        return SketchPayload(self.stage, self.hashes, self.bands)

    def compare(
        self, left: np.ndarray, left_places: np.ndarray, right: np.ndarray, right_places: np.ndarray
    ) -> Likeness:
        from gristmill.kernels.similarity import compare_sketches

        similarity, band = compare_sketches(left, left_places[:, 0], right, right_places[:, 0], self.hashes, self.bands)
        return Likeness(similarity, band, similarity >= self.least)


@dataclass(frozen=True)
class WordPayload(Payload):
    """The words of a text in order, 32 bits of hash each."""

    reading: Reading
    texts: bool = True

    def read(self, batch: Batch, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        words = [self.reading.sequence(batch.texts, int(row)).astype("<u4") for row in rows]
        lengths = np.array([4 * len(found) for found in words], np.int64)
        joined = np.concatenate(words) if words else np.empty(0, "<u4")
        return joined.view(np.uint8), lengths


@dataclass(frozen=True)
class WordMeasure(Measure):
    """Jaccard similarity of the sets of n-grams and, where asked for, edit similarity, both from the words themselves."""

    reading: Reading
    n: int
    least: float
    least_edit: float | None

    @property
    def payload(self) -> Payload:  # type: ignore[override]
        return WordPayload(self.reading)

    def compare(
        self, left: np.ndarray, left_places: np.ndarray, right: np.ndarray, right_places: np.ndarray
    ) -> Likeness:
        from gristmill.kernels.similarity import compare_words

        words = [np.frombuffer(side, "<u4") for side in (left, right)]
        one, two = left_places // 4, right_places // 4
        edits = self.least_edit is not None
        similarity, edit = compare_words(
            words[0], one[:, 0], one[:, 1], words[1], two[:, 0], two[:, 1], self.n, self.least, edits
        )
        passes = similarity >= np.float32(self.least)
        if self.least_edit is not None:
            passes &= edit >= np.float32(self.least_edit)
        return Likeness(similarity, np.full(len(similarity), -1, np.int16), passes)


def fixed_binary(numbers: np.ndarray) -> pa.FixedSizeBinaryArray:
    """Rows of an array (n, k) as binary values of one length: Parquet reads them five times as fast as lists."""
    width = numbers.shape[1] * numbers.itemsize
    buffer = pa.py_buffer(np.ascontiguousarray(numbers).reshape(-1).view(np.uint8))
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(width), len(numbers), [None, buffer])


def fixed_rows(values: pa.FixedSizeBinaryArray, kind: str) -> np.ndarray:
    """The same back: an array (n, k) of the little-endian numbers."""
    width = values.type.byte_width
    data = np.frombuffer(values.buffers()[1], np.uint8, len(values) * width, values.offset * width)
    return data.view(kind).reshape(len(values), -1)
