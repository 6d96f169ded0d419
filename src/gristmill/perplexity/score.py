"""The perplexity of each document under a language model of its language, as CCNet computes it.

10^(−Σ log10 P / Σ (pieces + 1)) over the document's sentences; the one is the sentence's end. CCNet's pipeline takes the whole
text as one sentence: its normalisation removes newlines, so the last word of a line and the first of the next stand
together. Its published cut-offs were made so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal, Self

import numpy as np
import pyarrow as pa
from pydantic import model_validator

from gristmill import storage
from gristmill.dataset import Batch
from gristmill.kernels.ccnet_text import normalize_texts
from gristmill.kernels.text import Texts
from gristmill.perplexity import scorer
from gristmill.perplexity.buckets import BUCKETS, CCNET, Bucket, bucket_numbers
from gristmill.stage import Filter, ModelName, ModelRef, setting


class Perplexity(Filter):
    """Score documents with a language model of their language; keep them by CCNet's buckets where asked.

    Documents in a language without a model have no perplexity and are in the bucket `all`.
    """

    kind = "perplexity"
    uses_models = "perplexity"
    rules = BUCKETS
    needs = ("text", "language.code")
    decides_on = ("language.code",)
    signal_settings: ClassVar[tuple[str, ...]] = ("models", "sentences", "per_line")
    models: dict[str, ModelRef] = setting(
        ...,
        "by language: a model that this recipe trains, or what the names of its files begin with, as in lm/en of "
        "lm/en.sp.model and lm/en.arpa.bin",
    )
    sentences: Literal["document", "lines"] = setting(
        "document",
        "what is scored as one sentence: the whole text with its newlines removed, or each line that is not blank",
        source="cc_net's pipeline (mine.py) [A]; its class DocLM by itself has lines",
    )
    per_line: bool = setting(False, "also write every line's perplexity; needs sentences: lines")
    cutoffs: Literal["ccnet"] | dict[str, tuple[float, float]] = setting(
        "ccnet", "where head ends and tail begins, per language; cc_net's table is for its own models", source="cc_net"
    )
    keep: list[Bucket] = setting(
        factory=lambda: list(BUCKETS),
        doc="buckets that stay; all: no model or no cut-off",
        source="CCNet keeps all apart",
    )

    @model_validator(mode="after")
    def _lines_are_scored(self) -> Self:
        if self.per_line and self.sentences != "lines":
            raise ValueError("per_line needs sentences: lines")
        return self

    def value_schema(self) -> pa.Schema:
        columns = [("perplexity", pa.float64()), ("tokens", pa.int32()), ("unknown", pa.int32())]
        return pa.schema([*columns, *([("lines", pa.list_(pa.float32()))] if self.per_line else [])])

    def signals(self, batch: Batch) -> Mapping[str, pa.Array | np.ndarray]:
        codes = np.array(batch.column("language.code").to_pylist(), object)
        logs = np.zeros(batch.rows)
        tokens, unknown = np.zeros(batch.rows, np.int64), np.zeros(batch.rows, np.int64)
        lines: list[list[float] | None] = [None] * batch.rows
        for code, reference in self.models.items():
            rows = np.flatnonzero(codes == code)
            if len(rows):
                texts, owners = self._sentences(batch.texts, rows)
                found = scorer.open_scorer(self.model_location(reference)).score(texts)
                lengths = found.pieces + 1
                np.add.at(logs, owners, found.logs.astype(np.float64))
                np.add.at(tokens, owners, lengths)
                np.add.at(unknown, owners, found.unknown)
                if self.per_line:
                    shown = perplexities(found.logs, lengths)
                    for row in rows.tolist():
                        lines[row] = []
                    for row, value in zip(owners.tolist(), shown.tolist(), strict=True):
                        lines[row].append(value)
        scored = tokens > 0
        result = perplexities(logs, np.maximum(tokens, 1))
        values: dict[str, pa.Array | np.ndarray] = {
            "perplexity": pa.array(result, mask=~scored),
            "tokens": pa.array(tokens, pa.int32(), mask=~scored),
            "unknown": pa.array(unknown, pa.int32(), mask=~scored),
        }
        return values | ({"lines": pa.array(lines, pa.list_(pa.float32()))} if self.per_line else {})

    def _sentences(self, texts: Texts, rows: np.ndarray) -> tuple[Texts, np.ndarray]:
        """Normalised sentences that are not empty, and the row each belongs to."""
        starts, ends, owners = texts.offsets[rows], texts.offsets[rows + 1], rows
        if self.sentences == "lines":
            starts, ends, owners = _lines(texts, rows)
        normal = normalize_texts(texts.data, starts, ends)
        filled = normal.lengths > 0
        if filled.all():
            return normal, owners
        return Texts.from_arrow(normal.to_arrow().take(pa.array(np.flatnonzero(filled)))), owners[filled]

    def decide(self, batch: Batch) -> np.ndarray:
        cutoffs = CCNET if self.cutoffs == "ccnet" else self.cutoffs
        languages = batch.column("language.code").to_pylist()
        numbers = bucket_numbers(self.value(batch, "perplexity"), languages, cutoffs)
        dropped = np.array([bucket not in self.keep for bucket in BUCKETS])
        return np.where(dropped[numbers], numbers, -1)

    def model_location(self, reference: str) -> str:
        place = super().model_location(reference)
        return storage.join(place, scorer.STEM) if isinstance(reference, ModelName) else place

    def model_files(self, location: str) -> tuple[str, ...]:
        return scorer.files(location)

    def check(self) -> None:
        for reference in self.models.values():
            if not isinstance(reference, ModelName):
                scorer.open_scorer(str(reference))

    def warm(self) -> None:
        text = Texts.from_strings(["a"])
        normalize_texts(text.data, text.offsets[:-1], text.offsets[1:])
        scorer.warm()


def perplexities(logs: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """10^(−log / length), rounded to 0.1; at most 10^300."""
    exponents = np.minimum(-logs.astype(np.float64) / lengths, 300.0)
    return np.array([round(10.0**exponent, 1) for exponent in exponents.tolist()])


def _lines(texts: Texts, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Start and end of every line of some rows, and whose it is."""
    starts: list[np.ndarray] = []
    ends: list[np.ndarray] = []
    owners: list[np.ndarray] = []
    for row in rows.tolist():
        first, stop = int(texts.offsets[row]), int(texts.offsets[row + 1])
        breaks = first + np.flatnonzero(texts.data[first:stop] == 10)
        starts.append(np.concatenate([[first], breaks + 1]))
        ends.append(np.concatenate([breaks, [stop]]))
        owners.append(np.full(len(breaks) + 1, row))
    return np.concatenate(starts), np.concatenate(ends), np.concatenate(owners)
