"""Runs of three sentences that stood before anywhere are cut: C4's rule as its paper words it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa

from gristmill.commit import Commit
from gristmill.dataset import Batch, LayerWriter, ShardRef, drop_reasons, layer_schema
from gristmill.dedup.copy_column import FIRST_COPIES, CopyColumn
from gristmill.dedup.line_keys import LineKeys
from gristmill.dedup.parts import MarkedParts, PartDedup, cuts_array
from gristmill.kernels.code_points import code_point_tables
from gristmill.kernels.text import Texts
from gristmill.kernels.text_index import Spans
from gristmill.stage import Task, setting


class SentenceDedup(PartDedup):
    """Cut every run of three sentences that stands in the documents before it, or earlier in its own.

    Sentences are told by rules (kernels.sentences) and end with their line; they are the same when they differ only in case and
    in white space at their ends. Runs overlap: of five repeated sentences in a row all five go. Between what is left the gap with
    more newlines stays.
    """

    kind = "sentences"
    version: ClassVar[int] = 2
    rules = ("too_few_sentences",)
    values = pa.schema(
        [
            pa.field(
                "keys", pa.list_(pa.uint64())
            ),  # at each sentence that of the run it begins; 0: the text ends before
            pa.field("starts", pa.list_(pa.uint32())),  # bytes of the text, without white space
            pa.field("ends", pa.list_(pa.uint32())),
        ]
    )
    provides = pa.schema(
        [
            pa.field("sentences", pa.int32(), nullable=False),  # 0 in documents dropped before
            pa.field("removed_sentences", pa.int32(), nullable=False),
            pa.field("removed_bytes", pa.int64(), nullable=False),
            pa.field("first_copies", FIRST_COPIES),  # of every repeated run; null without any, or where not asked for
        ]
    )
    signal_settings: ClassVar[tuple[str, ...]] = ("length",)
    length: int = setting(
        3, "sentences in a run", source="C4's paper [A]; its code compares lines", unit="sentences", ge=1
    )
    min_sentences: int = setting(
        3, "documents that are cut and keep fewer sentences are dropped", source="C4 [A]", unit="sentences", ge=0
    )

    def signals(self, batch: Batch) -> Mapping[str, pa.Array]:
        from gristmill.kernels.phrases import lower_case
        from gristmill.kernels.sentence_spans import span_keys, split_sentences
        from gristmill.kernels.sentences import abbreviations

        texts, lines = batch.texts, batch.index.lines
        tables = abbreviations(), lower_case(), *code_point_tables()
        first, starts, ends = split_sentences(texts.data, lines.first, lines.start, lines.end, *tables)
        keys = LineKeys("c4_lines", "keep", "xxh64", 0).of(Spans(texts, first, starts, ends))
        base = np.repeat(texts.offsets[:-1], np.diff(first))
        found = (
            ("keys", span_keys(first, keys, self.length)),
            ("starts", (starts - base).astype(np.uint32)),
            ("ends", (ends - base).astype(np.uint32)),
        )
        offsets = pa.array(first, pa.int32())
        return {name: pa.ListArray.from_arrays(offsets, pa.array(values)) for name, values in found}

    def warm(self) -> None:
        super().warm()
        self.signals(Batch(0, 1, Texts.from_strings(["warm"])))
        number = pa.array([0], pa.uint32()).to_numpy()  # read-only, as in a batch
        none = np.zeros(1, bool)
        cut_runs(Texts.from_strings(["warm"]), ~none, np.array([0, 1]), number, number, none, self.length)

    @property
    def part_columns(self) -> tuple[str, ...]:
        return ("starts", "ends")

    def part_spans(self, first: np.ndarray, *columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return run_spans(columns[0], columns[1], self.length)

    def layer_task(self, shard: ShardRef, marked: MarkedParts) -> Task:
        return CutSentences(shard.name, self.name, self.rules, self.length, self.min_sentences, shard, marked)


def run_spans(starts: np.ndarray, ends: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Start and end of the `length` sentences from each on, where there are so many."""
    last = np.minimum(np.arange(len(ends)) + length - 1, len(ends) - 1)
    return starts, ends[last]


def cut_runs(
    texts: Texts,
    keep: np.ndarray,
    first: np.ndarray,
    starts: np.ndarray,
    ends: np.ndarray,
    marked: np.ndarray,
    length: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Row, start and end of each cut, int64, and the sentences that stay in each text, int64 (rows,).

    first: int64 (rows + 1,), sentences before each row; starts, ends: of sentences; marked: bool (sentences,), begins a
    run that goes.
    """
    from gristmill.kernels.sentence_spans import covered_runs
    from gristmill.kernels.span_edges import take_gaps

    rows, cut_starts, cut_ends, left = covered_runs(keep, first, starts, ends, marked, length)
    take_gaps(texts.data, texts.offsets, rows, cut_starts, cut_ends, *code_point_tables())
    return rows, cut_starts, cut_ends, left


@dataclass(frozen=True)
class CutSentences(Task):
    """The final layer of one shard: cuts, drops and what they took."""

    name: str  # of the shard
    stage: str
    rules: tuple[str, ...]
    length: int
    min_sentences: int
    shard: ShardRef
    marked: MarkedParts

    def run(self, commit: Commit) -> None:
        marks, copies = self.marked.read(), self.marked.column()
        prefixed = pa.schema([f.with_name(f"{self.stage}.{f.name}") for f in SentenceDedup.provides])
        writer = LayerWriter(commit.path(f"{self.name}.parquet"), layer_schema(prefixed, drops=True, cuts=True))
        names = tuple(f"{self.stage}.{name}" for name in ("keys", "starts", "ends"))
        done = 0
        for batch in self.shard.batches(names, texts=bool(marks.any())):
            kept = batch.keep
            first = batch.column(names[0]).offsets.to_numpy().astype(np.int64)
            first -= first[0]
            keys, starts, ends = (batch.column(name).flatten().to_numpy() for name in names)
            takes_part = np.repeat(kept, np.diff(first)) & (keys != 0)
            marked = np.zeros(len(keys), bool)
            count = int(takes_part.sum())
            marked[takes_part] = marks[done : done + count]
            done += count
            sentences = np.where(kept, np.diff(first), 0)
            if marked.any():
                rows, cut_starts, cut_ends, left = cut_runs(batch.texts, kept, first, starts, ends, marked, self.length)
            else:
                rows = cut_starts = cut_ends = np.empty(0, np.int64)
                left = sentences
            removed_bytes = np.bincount(rows, cut_ends - cut_starts, minlength=batch.rows).astype(np.int64)
            fallen = (left < sentences) & (left < self.min_sentences)
            cuts = np.bincount(rows, minlength=batch.rows)
            writer.write(
                {
                    f"{self.stage}.sentences": sentences.astype(np.int32),
                    f"{self.stage}.removed_sentences": (sentences - left).astype(np.int32),
                    f"{self.stage}.removed_bytes": removed_bytes,
                    f"{self.stage}.first_copies": self._first_copies(
                        copies, batch.first_row, first, keys, run_spans(starts, ends, self.length), marked
                    ),
                    "drop": drop_reasons(self.stage, self.rules, np.where(fallen, 0, -1)),
                    "cuts": cuts_array(np.concatenate([[0], np.cumsum(cuts)]), cut_starts, cut_ends),
                }
            )
            commit.count(
                rows=batch.rows, documents=int(kept.sum()), **{f"drop.{self.stage}.{self.rules[0]}": int(fallen.sum())}
            )
            commit.count(sentences=int(sentences.sum()), removed_sentences=int((sentences - left).sum()))
            commit.count(cut_bytes=int(removed_bytes.sum()))
        writer.close()

    def _first_copies(
        self,
        column: CopyColumn,
        first_row: int,
        first: np.ndarray,
        keys: np.ndarray,
        spans: tuple[np.ndarray, np.ndarray],
        marked: np.ndarray,
    ) -> pa.Array:
        gone = np.flatnonzero(marked)
        rows = np.repeat(np.arange(len(first) - 1), np.diff(first))[gone]
        answers = self.marked.answers(column, first_row, keys[gone]) if self.marked.copies else keys[:0]
        return column.of(rows, spans[0][gone], spans[1][gone], answers, len(first) - 1)
