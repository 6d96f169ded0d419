"""The final layer of one shard: the spans that repeated grams cover, as cuts, as a reason to drop, or as values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from gristmill.commit import Commit
from gristmill.dataset import Batch, LayerWriter, ShardRef, drop_reasons, layer_schema
from gristmill.dedup.copy_column import FIRST_COPIES, CopyColumn, look_up
from gristmill.dedup.first_copies import ANSWER, CopyRun, FirstCopies
from gristmill.dedup.records import numbered
from gristmill.dedup.substring_grams import table_parts
from gristmill.dedup.substring_runs import RepeatedKeys
from gristmill.dedup.substring_tokens import GramReading, TokenBatch
from gristmill.kernels.text import CUTS, Texts
from gristmill.stage import Task

RANGES = pa.list_(pa.struct([("start", pa.int64()), ("end", pa.int64())]))

SUBSTRING_VALUES = pa.schema(
    [
        pa.field("duplicated_bytes", pa.int64()),  # in all spans of the document, in the text this stage saw
        pa.field("spans", pa.int32()),
        pa.field("ranges", RANGES),  # bytes of each span, where the mode cuts nothing; ascending and disjoint
        pa.field(
            "first_copies", FIRST_COPIES
        ),  # of the first gram of each span; null without any, or where not asked for
    ]
)


@dataclass
class Spans:
    """Spans of some texts: row, and bytes [start, end) from the start of that text; int64 (spans,), ascending, disjoint.

    keys: uint64 (spans,), of the first gram of each.
    """

    rows: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    keys: np.ndarray

    @classmethod
    def empty(cls, room: int = 0) -> Spans:
        rows, starts, ends = (np.empty(room, np.int64) for _ in range(3))
        return cls(rows, starts, ends, np.empty(room, np.uint64))

    def __len__(self) -> int:
        return len(self.rows)

    def where(self, chosen: np.ndarray | slice) -> Spans:
        return Spans(self.rows[chosen], self.starts[chosen], self.ends[chosen], self.keys[chosen])

    def copy(self) -> Spans:
        return Spans(self.rows.copy(), self.starts.copy(), self.ends.copy(), self.keys.copy())

    @property
    def sizes(self) -> np.ndarray:
        return self.ends - self.starts

    def to_arrow(self, kind: pa.ListType, rows: int) -> pa.Array:
        """A list of structs with `start` and `end` for each of `rows` texts, null for those without spans."""
        counts = np.bincount(self.rows, minlength=rows)
        columns = {"start": pa.array(self.starts), "end": pa.array(self.ends)}
        fields = [kind.value_type.field(number) for number in range(kind.value_type.num_fields)]
        parts = [columns.get(part.name, pa.nulls(len(self), part.type)) for part in fields]
        offsets = pa.array(np.concatenate([[0], np.cumsum(counts)]), pa.int32())
        structs = pa.StructArray.from_arrays(parts, fields=fields)
        return pa.ListArray.from_arrays(offsets, structs, type=kind, mask=pa.array(counts == 0))


@dataclass(frozen=True)
class SubstringLayer(Task):
    """Spans, cuts and drops of one shard."""

    name: str  # of the shard
    stage: str
    rules: tuple[str, str]  # the reasons of too much duplicated, of too little left
    reading: GramReading
    mode: str
    drop_share: float
    min_left: int
    shard: ShardRef
    group: int
    number: int  # of the shard in its group
    grams: RepeatedKeys = field(repr=False)
    copies: FirstCopies | None = None

    def run(self, commit: Commit) -> None:
        prefixed = pa.schema([part.with_name(f"{self.stage}.{part.name}") for part in SUBSTRING_VALUES])
        writer = LayerWriter(commit.path(f"{self.name}.parquet"), layer_schema(prefixed, drops=True, cuts=True))
        commit.count(rows=0, spans=0, duplicated_bytes=0, documents_with_spans=0)
        column = CopyColumn(self.copies, numbered(self.group), self.number)
        found = self._batches(column)
        with_spans = next(found, None)
        texts = self._texts()
        for batch in self.shard.batches():
            if with_spans is not None and batch.rows and with_spans[0].first_row == batch.first_row:
                read, spans, answers = with_spans
                writer.write(self._columns(batch, texts(read), spans, answers, column, commit))
                with_spans = next(found, None)
            else:
                writer.write(self._columns(batch, None, Spans.empty(), np.empty(0, ANSWER), column, commit))
        writer.close()

    def _texts(self) -> Callable[[Batch], Texts]:
        """What gives the texts of a batch; batches are asked for in order."""
        if self.reading.tokens != "ids":
            return lambda batch: batch.texts
        rest = self.shard.batches(texts=True)
        return lambda batch: next(read.texts for read in rest if read.rows and read.first_row == batch.first_row)

    def _batches(self, column: CopyColumn) -> Iterator[tuple[Batch, Spans, np.ndarray]]:
        """Every batch that may have spans, these in order, and what is known of their first grams, ANSWER."""
        from gristmill.kernels.key_table import make_filter

        parts: list[Spans] = []
        known: CopyRun | None = None
        answers = [np.empty(0, ANSWER)]
        previous: TokenBatch | None = None
        filtered: np.ndarray | None = None
        for found, start, stop, table, piece in table_parts(
            self.shard, self.reading, self.grams, self.group, self.number
        ):
            if previous is not None and previous is not found:
                yield previous.batch, *self._finished(previous, parts, answers)
                parts, answers = [], answers[:1]
            if filtered is not table:
                filtered, bits, known = table, make_filter(table), column.next_run()
            if piece is None:
                part = self._covered(found.texts, found.batch.keep, start, stop, table, bits)
            else:
                part = self._covered(piece.of(found.texts, start), np.ones(1, bool), 0, 1, table, bits)
                part = Spans(part.rows + start, part.starts + piece.begin, part.ends + piece.begin, part.keys)
            parts.append(part)
            answers.append(look_up(known, part.keys))
            previous = found
        if previous is not None:
            yield previous.batch, *self._finished(previous, parts, answers)

    def _covered(
        self, texts: Texts, keep: np.ndarray, start: int, stop: int, table: np.ndarray, bits: np.ndarray
    ) -> Spans:
        from gristmill.kernels import grams

        spans = Spans.empty(grams.most_spans(texts.offsets[start : stop + 1], self.reading.length))
        arrays = spans.rows, spans.starts, spans.ends, spans.keys
        spare_first = self.mode == "keep_first"
        arguments = self.reading.arguments()
        count = grams.covered_spans(
            texts.data, texts.offsets, keep, start, stop, *arguments, table, bits, spare_first, *arrays, 0
        )
        return spans.where(slice(count)).copy()

    def _finished(self, found: TokenBatch, parts: list[Spans], answers: list[np.ndarray]) -> tuple[Spans, np.ndarray]:
        """All spans of a batch: those that meet where a document was cut into pieces joined, in bytes, of whole characters.

        And what is known of the first gram of each.
        """
        from gristmill.kernels import grams, span_edges

        spans, texts = _joined(parts), found.texts
        if self.copies is not None:
            spans.keys = np.arange(len(spans), dtype=np.uint64)  # from here on the places of their answers
        if len(parts) > 1:
            arguments = self.reading.arguments()
            arrays = spans.rows, spans.starts, spans.ends, spans.keys
            spans = spans.where(slice(grams.join_touching(texts.data, texts.offsets, *arrays, *arguments[1:])))
        starts, ends = found.to_bytes(spans.rows, spans.starts, spans.ends)
        spans = Spans(spans.rows, starts, ends, spans.keys)
        if self.reading.tokens == "bytes":
            span_edges.shrink_to_characters(texts.data, texts.offsets, spans.rows, spans.starts, spans.ends)
        spans = spans.where(spans.sizes > 0)
        every = np.concatenate(answers)
        return spans, every if self.copies is None else every[spans.keys.astype(np.int64)]

    def _columns(
        self,
        batch: Batch,
        texts: Texts | None,
        spans: Spans,
        answers: np.ndarray,
        column: CopyColumn,
        commit: Commit,
    ) -> dict[str, pa.Array]:
        keep = batch.keep
        counts = np.bincount(spans.rows, minlength=batch.rows)
        duplicated = np.bincount(spans.rows, spans.sizes, minlength=batch.rows).astype(np.int64)
        rules = np.full(batch.rows, -1, np.int16)
        cuts = Spans.empty()
        if texts is not None and self.mode in ("cut", "keep_first"):
            cuts = self._cuts(texts, spans)
            rules[self._characters_left(texts, cuts) < self.min_left] = 1
        elif texts is not None and self.mode == "drop":
            rules[(counts > 0) & (duplicated > self.drop_share * texts.lengths)] = 0
        commit.count(
            rows=batch.rows,
            documents=int(keep.sum()),
            spans=len(spans),
            duplicated_bytes=int(duplicated.sum()),
            documents_with_spans=int((counts > 0).sum()),
            cut_bytes=int(cuts.sizes.sum()),
        )
        for number, rule in enumerate(self.rules):
            if fallen := int((rules == number).sum()):
                commit.count(**{f"drop.{self.stage}.{rule}": fallen})
        shown = Spans.empty() if self.mode in ("cut", "keep_first") else spans
        values = {
            "duplicated_bytes": pa.array(duplicated, mask=~keep),
            "spans": pa.array(counts.astype(np.int32), mask=~keep),
            "ranges": shown.to_arrow(RANGES, batch.rows),
            "first_copies": column.of(spans.rows, spans.starts, spans.ends, answers, batch.rows),
        }
        named = {f"{self.stage}.{name}": column for name, column in values.items()}
        return {
            **named,
            "drop": drop_reasons(self.stage, self.rules, rules),
            "cuts": cuts.to_arrow(CUTS, batch.rows),
        }

    def _cuts(self, texts: Texts, spans: Spans) -> Spans:
        from gristmill.kernels import span_edges
        from gristmill.kernels.code_points import code_point_tables

        if self.reading.tokens != "words":
            return spans
        cuts = spans.copy()
        arrays = cuts.rows, cuts.starts, cuts.ends
        span_edges.take_gaps(texts.data, texts.offsets, *arrays, *code_point_tables())
        return cuts

    def _characters_left(self, texts: Texts, cuts: Spans) -> np.ndarray:
        """Characters left of every text that is cut, int64 (rows,); more than any limit for the others."""
        from gristmill.kernels import span_edges

        left = np.full(len(texts), np.iinfo(np.int64).max)
        span_edges.characters_left(texts.data, texts.offsets, cuts.rows, cuts.starts, cuts.ends, left)
        return left


def _joined(parts: list[Spans]) -> Spans:
    if len(parts) == 1:
        return parts[0]
    return Spans(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in ("rows", "starts", "ends", "keys"))
    )
