"""The two passes over the text of a group of shards that write keys: of a sample of grams, then of the grams it points at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from gristmill.commit import Commit
from gristmill.dataset import ShardRef
from gristmill.dedup.substring_runs import RepeatedKeys, RunWriter
from gristmill.dedup.substring_tokens import Fill, GramReading, Piece, TokenBatch, pieces_of
from gristmill.kernels.text import Texts
from gristmill.stage import Task


@dataclass
class Rows:
    """Rows [start, stop) of a batch, or a piece of one of them, that go into a run, and what fills in their keys."""

    batch: TokenBatch
    start: int
    stop: int
    fill: Callable[[Texts, np.ndarray, int], Fill]  # of texts, which of them take part, and the row to stop at
    piece: Piece | None = None

    def pieces(self, reading: GramReading, size: int) -> Iterator[Rows]:
        """The same, with documents whose keys might not fit into `size` apart and in pieces."""
        if self.piece is not None:
            yield self
            return
        texts, keep = self.batch.texts, self.batch.batch.keep
        start = self.start
        large = np.flatnonzero(keep[self.start : self.stop] & (texts.lengths[self.start : self.stop] > size))
        for row in (large + self.start).tolist():
            pieces = pieces_of(texts, row, reading, size)
            if len(pieces) > 1:
                yield Rows(self.batch, start, row, self.fill)
                for piece in pieces:
                    yield Rows(self.batch, row, row + 1, self.fill, piece)
                start = row + 1
        yield Rows(self.batch, start, self.stop, self.fill)


@dataclass(frozen=True)
class KeyBuffer:
    """Keys of the documents of one shard on their way to runs.

    A document's keys never lie in two runs, unless they do not fit into one: then it takes several, one a piece.
    """

    writer: RunWriter
    reading: GramReading
    shard: int
    most_keys: int

    def write(self, parts: Iterator[Rows]) -> None:
        found = np.empty(self.most_keys, np.uint64)  # memory that is never written is never taken
        count = first_row = end = 0
        for part in (piece for rows in parts for piece in rows.pieces(self.reading, self.most_keys)):
            base = part.batch.batch.first_row
            if part.piece is not None:
                if count:
                    self.writer.add(found[:count], self.shard, first_row, base + part.start)
                    count = 0
                self._write_piece(part)
                first_row = end = base + part.stop
                continue
            texts, row = part.batch.texts, part.start
            fill = part.fill(texts, part.batch.batch.keep, part.stop)
            while row < part.stop:
                row, count = fill(row, found, count)
                end = base + row
                if row < part.stop:
                    if count:
                        self.writer.add(found[:count], self.shard, first_row, end)
                        count, first_row = 0, end
                    else:  # a document of few but long tokens
                        found = np.empty(self.reading.most_grams(int(texts.lengths[row])), np.uint64)
        if count:
            self.writer.add(found[:count], self.shard, first_row, end)

    def _write_piece(self, part: Rows) -> None:
        assert part.piece is not None
        texts = part.piece.of(part.batch.texts, part.start)
        found = np.empty(max(1, self.reading.most_grams(len(texts.data))), np.uint64)
        _, count = part.fill(texts, np.ones(1, bool), 1)(0, found, 0)
        if count:
            row = part.batch.batch.first_row + part.start
            self.writer.add(found[:count], self.shard, row, row + 1, (part.piece.begin, part.piece.end))


@dataclass(frozen=True)
class SampleGrams(Task):
    """Keys of the minimisers of a group of shards."""

    name: str
    reading: GramReading
    shards: tuple[ShardRef, ...]
    ranges: int
    most_keys: int

    def run(self, commit: Commit) -> None:
        writer = RunWriter(commit, self.name, self.ranges, self.most_keys)
        for number, shard in enumerate(self.shards):
            buffer = KeyBuffer(writer, self.reading, number, self.most_keys)
            buffer.write(self._parts(shard, commit))
        writer.close()

    def _parts(self, shard: ShardRef, commit: Commit) -> Iterator[Rows]:
        unit = "tokens" if self.reading.tokens == "ids" else "text_bytes"
        for found in self.reading.batches(shard):
            keep = found.batch.keep
            commit.count(documents=int(keep.sum()), **{unit: int(found.texts.lengths[keep].sum())})
            yield Rows(found, 0, found.batch.rows, lambda texts, keep, _: self.reading.sample(texts, keep))


@dataclass(frozen=True)
class GramsNearSample(Task):
    """Keys of the grams of a group of shards whose minimiser stands twice."""

    name: str
    reading: GramReading
    group: int
    shards: tuple[ShardRef, ...]
    sample: RepeatedKeys
    ranges: int
    most_keys: int

    def run(self, commit: Commit) -> None:
        writer = RunWriter(commit, self.name, self.ranges, self.most_keys)
        for number, shard in enumerate(self.shards):
            buffer = KeyBuffer(writer, self.reading, number, self.most_keys)
            buffer.write(self._parts(shard, number))
        writer.close()

    def _parts(self, shard: ShardRef, number: int) -> Iterator[Rows]:
        for found, start, stop, table, piece in table_parts(shard, self.reading, self.sample, self.group, number):

            def fill(texts: Texts, keep: np.ndarray, stop: int, table: np.ndarray = table) -> Fill:
                return self.reading.near(texts, keep, stop, table)

            yield Rows(found, start, stop, fill, piece)


def table_parts(
    shard: ShardRef, reading: GramReading, keys: RepeatedKeys, group: int, number: int
) -> Iterator[tuple[TokenBatch, int, int, np.ndarray, Piece | None]]:
    """Batches of a shard that any repeated key is of, rows [start, stop) of each, and the keys of their run as a table.

    Of a document that took several runs the row comes once a run, with the piece. A shard without such keys is not read at all.
    """
    from gristmill.kernels.key_table import make_table

    runs = keys.runs(group, number)
    run = next(runs, None)
    if run is None:
        return
    table: np.ndarray | None = None
    for found in reading.batches(shard):
        batch = found.batch
        last = batch.first_row + batch.rows
        while run is not None and batch.rows and run.first_row < last:
            if table is None:
                table = make_table(run.keys)
            start, stop = max(0, run.first_row - batch.first_row), min(run.stop_row, last) - batch.first_row
            piece = Piece(run.begin, run.end, run.end) if run.end else None
            yield found, start, stop, table, piece
            if run.stop_row > last:
                break
            table = None
            run = next(runs, None)
        if run is None:
            return
