"""Which document of a cluster stays: a score for every row, the highest survives, ties go to the first in manifest order."""

from __future__ import annotations

from typing import Literal, Self

import numpy as np
import pyarrow as pa
from pydantic import model_validator

from gristmill.dataset import Batch
from gristmill.documents import DOCUMENT_SCHEMA
from gristmill.errors import UserError
from gristmill.stage import Settings, setting

LOWEST = np.iinfo(np.int64).min  # the score of a document of which the rule knows nothing
_COLUMNS = {"longest": "bytes", "newest": "date", "oldest": "date"}


class SurvivorRule(Settings):
    """The settings that say which document of a cluster stays."""

    survivor: Literal["first", "longest", "newest", "oldest", "highest", "lowest", "source"] = setting(
        "first",
        "the document that stays: the first by source, shard and row; the longest as first written; the newest or oldest by "
        "date; the one with the highest or lowest value of `survivor_column`; or the one whose source stands first in "
        "`survivor_sources`. A value wins over none; the first wins among equals",
        source="RefinedWeb keeps one at random, C4 whichever comes last: neither can be repeated [B, A]; this project's choice",
    )
    survivor_column: str | None = setting(
        None, "survivor highest or lowest: a numeric column, `bytes` or a value such as language.score"
    )
    survivor_sources: tuple[str, ...] = setting(
        (), "survivor source: sources, the most trusted first; those not named come after them all"
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.survivor in ("highest", "lowest")) != (self.survivor_column is not None):
            raise ValueError("`survivor: highest` and `lowest` need `survivor_column`, and nothing else takes it")
        if (self.survivor == "source") != bool(self.survivor_sources):
            raise ValueError("`survivor: source` needs `survivor_sources`, and nothing else takes it")
        column = self.survivor_column
        if column in DOCUMENT_SCHEMA.names and not _is_number(DOCUMENT_SCHEMA.field(column).type):
            raise ValueError(f"survivor_column: {column!r} is no number")
        return self

    @property
    def survivor_reads(self) -> tuple[str, ...]:
        """The column that the rule looks at, if any."""
        name = self.survivor_column or _COLUMNS.get(self.survivor)
        return (name,) if name else ()

    def scores(self, batch: Batch, source: str) -> np.ndarray:
        """How much speaks for each row, int64 (rows,). Raises UserError for a column that holds no numbers."""
        if self.survivor == "source":
            known = source in self.survivor_sources
            place = self.survivor_sources.index(source) if known else len(self.survivor_sources)
            return np.full(batch.rows, -place, np.int64)
        values = batch.column(self.survivor_reads[0])
        if not _is_number(values.type):
            name = self.survivor_reads[0]
            raise UserError(f"survivor_column: {name!r} holds {values.type}, not numbers", hint="name a numeric column")
        return _ordered(values, lowest_first=self.survivor in ("oldest", "lowest"))


def _is_number(kind: pa.DataType) -> bool:
    return (
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_timestamp(kind)
    )


def _ordered(values: pa.Array, *, lowest_first: bool) -> np.ndarray:
    """Integers in the order of the values, or the reverse; LOWEST for null and NaN."""
    known = np.asarray(values.is_valid())
    if pa.types.is_floating(values.type):
        numbers = values.fill_null(0).cast(pa.float64()).to_numpy(zero_copy_only=False)
        known &= ~np.isnan(numbers)
        numbers = np.where(known, -numbers if lowest_first else numbers, 0.0) + 0.0  # no negative zero
        bits = numbers.view(np.int64)  # IEEE 754: as integers, negative numbers are ordered the wrong way round
        found = np.where(bits < 0, bits ^ np.iinfo(np.int64).max, bits)
    else:
        if pa.types.is_timestamp(values.type):
            values = values.cast(pa.timestamp("s", values.type.tz), safe=False)
        if pa.types.is_uint64(values.type):
            numbers = values.fill_null(0).to_numpy(zero_copy_only=False)
            found = np.minimum(numbers, np.uint64(np.iinfo(np.int64).max)).astype(np.int64)
        else:
            found = values.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
        found = -np.maximum(found, LOWEST + 1) if lowest_first else found
    return np.where(known, np.maximum(found, LOWEST + 1), LOWEST)


__all__ = ["LOWEST", "SurvivorRule"]
