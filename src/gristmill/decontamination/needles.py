"""What is searched for: the n-grams of evaluation sets, or their whole passages, as arrays that kernels take.

Every row becomes one sequence of tokens, its fields one after another, so that n-grams may cross from one into the next
(`across_fields`), or one sequence a field. A *needle* is a run of these tokens; equal ones are one needle that stands at several
*places* (set, row, token).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import IO

import numpy as np

from gristmill.decontamination.evaluation_sets import EvaluationRow, EvaluationSet, read_rows
from gristmill.decontamination.tokenizer_tokens import TokenizerTokens
from gristmill.errors import UserError
from gristmill.kernels.folded_tokens import Folding, fold, tokens_of
from gristmill.kernels.text import Texts
from gristmill.stage import Settings

ARRAYS = (
    "row_first",
    "first_rows",
    "rows",
    "tokens",
    "keys",
    "starts",
    "lengths",
    "first_place",
    "place_sets",
    "place_rows",
    "place_tokens",
)


class NeedleReading(Settings):
    """How texts are folded and which runs of tokens are needles."""

    folding: Folding
    n: int | None  # tokens of an n-gram; None: whole texts
    least: int  # texts with fewer tokens give nothing; those with fewer than n are searched for whole
    across_fields: bool
    min_distinct: int = 1  # different tokens


@dataclass(frozen=True)
class Needles:
    """Needles ascending by key (kernels.needle_search.needle_keys).

    tokens: uint64, hashes of all tokens. keys uint64; starts int64, lengths int32 (needles,): runs of `tokens`. first_place
    int64 (needles + 1,) into the places: their set int32, row int64 and token int32 in the row. rows: int64 (sets, 2), rows of
    each set, and how many of them have no needle. first_rows: int64 (sets + 1,), rows before each set; row_first: int64
    (all rows + 1,), tokens before each row.
    """

    reading: NeedleReading
    sets: tuple[str, ...]
    window: int
    tokens: np.ndarray
    keys: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray
    first_place: np.ndarray
    place_sets: np.ndarray
    place_rows: np.ndarray
    place_tokens: np.ndarray
    rows: np.ndarray
    first_rows: np.ndarray
    row_first: np.ndarray

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def longest(self) -> int:
        return int(self.lengths.max(initial=1))

    @cached_property
    def tables(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Hash table and filter of the distinct keys, and the first needle of each slot."""
        from gristmill.kernels.key_table import make_filter, make_table
        from gristmill.kernels.needle_search import first_of_key

        table = make_table(np.unique(self.keys))
        return table, make_filter(table), first_of_key(self.keys, table)

    def in_set(self, number: int) -> np.ndarray:
        """Needles that stand in a set, int64, ascending."""
        counts = np.diff(self.first_place)
        return np.unique(np.repeat(np.arange(len(self)), counts)[self.place_sets == number])

    def write(self, stream: IO[bytes]) -> None:
        arrays = {name: getattr(self, name) for name in ARRAYS}
        about = json.dumps({"reading": self.reading.model_dump(), "sets": self.sets, "window": self.window})
        np.savez(stream, about=np.frombuffer(about.encode(), np.uint8), **arrays)

    @classmethod
    def read(cls, stream: IO[bytes]) -> Needles:
        with np.load(stream, allow_pickle=False) as found:
            about = json.loads(found["about"].tobytes())
            arrays = {name: found[name] for name in ARRAYS}
        return cls(NeedleReading(**about["reading"]), tuple(about["sets"]), about["window"], **arrays)


def make_needles(
    sets: Mapping[str, EvaluationSet], reading: NeedleReading, tokenizer: TokenizerTokens | None = None
) -> Needles:
    """The needles of evaluation sets, of a tokenizer's tokens if there is one. Raises UserError when a set gives none."""
    from gristmill.kernels.needle_search import needle_keys

    parts = [_SetNeedles.of(evaluation, name, reading, tokenizer) for name, evaluation in sets.items()]
    bases = np.cumsum([0, *(len(part.tokens) for part in parts)])
    tokens = np.concatenate([part.tokens for part in parts])
    starts = np.concatenate([part.starts + base for part, base in zip(parts, bases, strict=False)])
    lengths = np.concatenate([part.lengths for part in parts])
    window = int(lengths.min())
    keys, whole = needle_keys(tokens, starts, lengths, window)
    order = np.lexsort((lengths, whole, keys))  # stable: equal needles stay in order of sets, rows and places
    ordered = [column[order] for column in (keys, whole, lengths)]
    same = np.logical_and.reduce([column[1:] == column[:-1] for column in ordered])
    new = np.concatenate([[True], ~same])
    distinct = order[new]
    sets_of = np.concatenate([np.full(len(part.starts), number, np.int32) for number, part in enumerate(parts)])
    return Needles(
        reading,
        tuple(sets),
        window,
        tokens,
        keys[distinct],
        starts[distinct],
        lengths[distinct],
        np.append(np.flatnonzero(new), len(order)),
        sets_of[order],
        np.concatenate([part.rows for part in parts])[order],
        np.concatenate([part.places for part in parts])[order],
        np.array([(part.row_count, part.row_count - len(np.unique(part.rows))) for part in parts], np.int64),
        np.cumsum([0, *(part.row_count for part in parts)]),
        np.concatenate([[0], *(part.row_ends + base for part, base in zip(parts, bases, strict=False))]),
    )


@dataclass(frozen=True)
class _SetNeedles:
    """Every needle of one set, equal ones too: tokens, and of each needle start, length, row and place in the row."""

    tokens: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray
    rows: np.ndarray
    places: np.ndarray
    row_ends: np.ndarray  # tokens up to the end of each row

    @property
    def row_count(self) -> int:
        return len(self.row_ends)

    @classmethod
    def of(
        cls, evaluation: EvaluationSet, name: str, reading: NeedleReading, tokenizer: TokenizerTokens | None
    ) -> _SetNeedles:
        from gristmill.kernels.needle_search import distinct_tokens

        sequences: list[tuple[int, int, int]] = []  # row, parts of context, parts
        texts: list[str] = []
        texts_up_to: list[int] = []
        for row, found in enumerate(read_rows(evaluation, name)):
            for context, searched in _sequences(found, reading):
                sequences.append((row, len(context), len(context) + len(searched)))
                texts += [*context, *searched]
            texts_up_to.append(len(texts))
        found_texts = Texts.from_strings(texts)
        folded = tokens_of(found_texts, fold(reading.folding)) if tokenizer is None else tokenizer.of(found_texts)
        starts: list[np.ndarray] = []
        lengths: list[np.ndarray] = []
        rows: list[np.ndarray] = []
        places: list[np.ndarray] = []
        text = 0
        for of_row, before, parts in sequences:
            first, own, end = (int(folded.first[text + part]) for part in (0, before, parts))
            text += parts
            at, length = _runs(end - first, own - first, reading)
            starts.append(first + at)
            lengths.append(np.full(len(at), length, np.int32))
            rows.append(np.full(len(at), of_row, np.int64))
            places.append(at.astype(np.int32))
        columns = [np.concatenate(parts) for parts in (starts, lengths, rows, places)] if starts else []
        if columns and reading.min_distinct > 1:
            many = distinct_tokens(folded.hashes, columns[0], columns[1], reading.min_distinct) >= reading.min_distinct
            columns = [column[many] for column in columns]
        if not columns or not len(columns[0]):
            unit = "characters" if reading.folding == "characters" else "tokens" if tokenizer else "words"
            files = ", ".join(evaluation.files)
            raise UserError(
                f"evaluation set {name}: nothing to search for, none of {len(texts_up_to):,} rows in {files} has "
                f"{reading.least} {unit}",
                hint="are these the right fields?",
            )
        return cls(folded.hashes, columns[0], columns[1], columns[2], columns[3], folded.first[texts_up_to])


def _sequences(row: EvaluationRow, reading: NeedleReading) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    if reading.across_fields:
        yield row.context, row.texts
    else:
        for text in row.texts:
            yield (), (text.strip(),)


def _runs(tokens: int, context: int, reading: NeedleReading) -> tuple[np.ndarray, int]:
    """Where in a sequence needles begin that reach beyond its context, and their length."""
    if tokens == context or tokens < reading.least:
        return np.empty(0, np.int64), 0
    if reading.n is None or tokens < reading.n:
        return np.zeros(1, np.int64), tokens
    return np.arange(max(0, context - reading.n + 1), tokens - reading.n + 1), reading.n
