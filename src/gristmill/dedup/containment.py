"""Books that stand in other books: the share of a document's n-grams that another one holds, whatever their lengths."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pyarrow as pa
from pydantic import model_validator

from gristmill.dataset import Batch
from gristmill.dedup.compare import Likeness, Measure
from gristmill.dedup.compared import ComparedDedup
from gristmill.dedup.fetch import Payload
from gristmill.dedup.readings import fold_table
from gristmill.dedup.shuffle import Records
from gristmill.kernels.text import Texts
from gristmill.stage import setting


class Containment(ComparedDedup):
    """Drop documents nearly all of whose content stands in another one that stays: other editions of a book, and parts of it.

    Containment is the share of a document's different n-grams that the other one has. Where either of two documents is
    contained in the other they belong together; the survivor is chosen among all that do, by default the longest, and only
    those contained in it fall: a collection does not fall for one of its stories.

    Shares are estimated from samples of n-grams: with 1,024 of them the standard error at 0.9 is 0.009. Documents of fewer
    than `least_grams` n-grams always survive.
    """

    kind = "containment"
    rules = ("contained",)
    version: ClassVar[int] = 2
    overlap: float = setting(
        0.9,
        "a document falls when at least this share of its n-grams stands in its survivor",
        source="LLaMA: books with more than 90 % content overlap [A]; the method is not published [U]",
        unit="share of n-grams",
        gt=0,
        le=1,
    )
    n: int = setting(
        3,
        "words in an n-gram",
        source="this project's choice: editions of a novel share 92-100 % of their 3-grams, different novels at most 18 %",
        unit="words",
        ge=1,
        le=64,
    )
    normalise: Literal["words", "whitespace", "refinedweb", "dclm"] = setting(
        "words", "what a word is, as for minhash", source="this project's choice"
    )
    sample: int = setting(
        1024,
        "most n-grams kept of a document, 8 bytes each",
        source="this project's choice",
        unit="n-grams",
        ge=64,
        le=65536,
    )
    least_grams: int = setting(
        16,
        "sampled n-grams that a document must have for a share to be told",
        source="this project's choice",
        unit="n-grams",
        ge=1,
        le=1024,
    )
    compared_with: int = setting(
        8,
        "earlier documents that each one is compared with, for each sampled n-gram they share",
        source="this project's choice: text that stands in many books, a licence say, must not make every pair a candidate",
        unit="documents",
        ge=1,
        le=256,
    )
    survivor: Literal["first", "longest", "newest", "oldest", "highest", "lowest", "source"] = setting(
        "longest",
        "the document that stays, as for exact",
        source="this project's choice; RedPajama v1 keeps the first [A]",
    )

    signal_settings = ("n", "normalise", "sample")

    @model_validator(mode="after")
    def _no_index(self) -> Self:
        if self.against or self.index != "none":
            raise ValueError("containment keeps no index: give earlier books as a source of the same recipe")
        return self

    def value_schema(self) -> pa.Schema:
        return pa.schema([("sample", pa.list_(pa.uint64())), ("level", pa.int8())])

    @property
    def keys_per_row(self) -> int:
        return self.sample

    @property
    def key_columns(self) -> tuple[str, ...]:
        return (f"{self.name}.sample",)

    def signals(self, batch: Batch) -> Mapping[str, Any]:
        hashes, first, levels = self.samples_of(batch.texts)
        return {"sample": pa.ListArray.from_arrays(pa.array(first, pa.int32()), pa.array(hashes)), "level": levels}

    def samples_of(self, texts: Texts) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Sampled hashes uint64, where each text's begin int64 (rows + 1,), and levels int8 (rows,)."""
        from gristmill.kernels.containment import samples

        return samples(texts.data, texts.offsets, fold_table(self.normalise), self.n, self.sample)

    def records(self, batch: Batch) -> Records:
        from gristmill.kernels.hashing import mix_all

        hashes, first = list_parts(batch.column(self.key_columns[0]))
        rows = np.repeat(np.arange(batch.rows), np.diff(first))
        kept = batch.keep[rows]
        return Records(rows[kept], mix_all(hashes[kept]))  # samples are small numbers: mixed they fall into all ranges

    def warm(self) -> None:
        super().warm()
        self.samples_of(Texts.from_strings(["warm"]))

    @property
    def measure(self) -> Measure:
        return SampleMeasure(self.name, self.overlap, self.least_grams)

    @property
    def candidates(self) -> int | None:
        return self.compared_with

    @property
    def least_likeness(self) -> float | None:
        return self.overlap


def list_parts(lists: pa.ListArray) -> tuple[np.ndarray, np.ndarray]:
    """Values and offsets, int64 (rows + 1,), of lists of numbers."""
    offsets = lists.offsets.to_numpy().astype(np.int64)
    return lists.flatten().to_numpy(), offsets - offsets[0]


@dataclass(frozen=True)
class SamplePayload(Payload):
    """The level and the sample, 8 bytes a number."""

    stage: str

    @property
    def columns(self) -> tuple[str, ...]:  # type: ignore[override]
        return (f"{self.stage}.sample", f"{self.stage}.level")

    def read(self, batch: Batch, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        hashes, first = list_parts(batch.column(self.columns[0]))
        levels = batch.numbers(self.columns[1]).astype(np.uint64)
        parts = [np.concatenate([levels[row : row + 1], hashes[first[row] : first[row + 1]]]) for row in rows]
        joined = np.concatenate(parts) if parts else np.empty(0, np.uint64)
        return joined.astype("<u8").view(np.uint8), np.array([8 * len(part) for part in parts], np.int64)


@dataclass(frozen=True)
class SampleMeasure(Measure):
    """The share of the left document's n-grams that the right one has; a pair passes when either is contained in the other."""

    stage: str
    overlap: float
    least_grams: int

    @property
    def payload(self) -> Payload:  # type: ignore[override]
        return SamplePayload(self.stage)

    def compare(
        self, left: np.ndarray, left_places: np.ndarray, right: np.ndarray, right_places: np.ndarray
    ) -> Likeness:
        from gristmill.kernels.containment import compare_samples

        numbers = [np.frombuffer(side, "<u8") for side in (left, right)]
        one, two = left_places // 8, right_places // 8
        inside, around = compare_samples(
            numbers[0], one[:, 0], one[:, 1], numbers[1], two[:, 0], two[:, 1], self.least_grams
        )
        passes = np.maximum(inside, around) >= np.float32(self.overlap)
        return Likeness(inside, np.full(len(inside), -1, np.int16), passes)


__all__ = ["Containment"]
