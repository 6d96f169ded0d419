"""The two passes over the text of a group of shards that write keys: of a sample of grams, then of the grams it points at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from gristmill.commit import Commit
from gristmill.dataset import Batch, ShardRef
from gristmill.dedup.substring_runs import RepeatedKeys, RunWriter
from gristmill.kernels.text import Texts
from gristmill.stage import Task

Fill = Callable[[int, np.ndarray, int], tuple[int, int]]
"""Writes keys of texts from a row on into a buffer behind others: row and count when the buffer is full or all is done."""


@dataclass(frozen=True)
class GramReading:
    """What a gram is: how many tokens, and what a token is."""

    length: int
    tokens: str  # words | bytes

    def sample(self, texts: Texts, keep: np.ndarray) -> Fill:
        """Keys of the minimisers of the texts that take part, bool (rows,)."""
        from gristmill.kernels import grams

        def fill(row: int, found: np.ndarray, count: int) -> tuple[int, int]:
            return grams.sample_minimisers(texts.data, texts.offsets, keep, row, *self.arguments(), found, count)

        return fill

    def near(self, texts: Texts, keep: np.ndarray, stop: int, table: np.ndarray) -> Fill:
        """Keys of the grams, up to row `stop`, whose minimiser is in the table."""
        from gristmill.kernels import grams

        def fill(row: int, found: np.ndarray, count: int) -> tuple[int, int]:
            arguments = self.arguments()
            return grams.grams_near(texts.data, texts.offsets, keep, row, stop, *arguments, table, found, count)

        return fill

    def arguments(self) -> tuple[int, int, np.ndarray, np.ndarray, np.ndarray]:
        """Length, reading and tables, as the kernels take them."""
        from gristmill.kernels import grams
        from gristmill.kernels.code_points import code_point_tables

        return self.length, grams.READINGS[self.tokens], *code_point_tables(), grams.byte_values()

    def most_grams(self, size: int) -> int:
        from gristmill.kernels import grams

        return grams.most_grams(size, self.length, grams.READINGS[self.tokens])


@dataclass(frozen=True)
class KeyBuffer:
    """Keys of the documents of one shard on their way to runs; a document's keys never lie in two runs."""

    writer: RunWriter
    reading: GramReading
    shard: int
    most_keys: int

    def write(self, parts: Iterator[tuple[Texts, int, int, int, Fill]]) -> None:
        """parts: texts, the number of their first row in the shard, the rows [start, stop) of them, and what fills."""
        found = np.empty(self.most_keys, np.uint64)  # memory that is never written is never taken
        count = first_row = end = 0
        for texts, base, row, stop, fill in parts:
            while row < stop:
                row, count = fill(row, found, count)
                end = base + row
                if row < stop:
                    if count:
                        self.writer.add(found[:count], self.shard, first_row, end)
                        count, first_row = 0, end
                    else:  # a document longer than any before
                        found = np.empty(self.reading.most_grams(int(texts.lengths[row])), np.uint64)
        if count:
            self.writer.add(found[:count], self.shard, first_row, end)


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

    def _parts(self, shard: ShardRef, commit: Commit) -> Iterator[tuple[Texts, int, int, int, Fill]]:
        for batch in shard.batches(texts=True):
            keep = batch.keep
            commit.count(documents=int(keep.sum()), text_bytes=int(batch.texts.lengths[keep].sum()))
            yield batch.texts, batch.first_row, 0, batch.rows, self.reading.sample(batch.texts, keep)


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

    def _parts(self, shard: ShardRef, number: int) -> Iterator[tuple[Texts, int, int, int, Fill]]:
        for batch, start, stop, table in table_parts(shard, self.sample, self.group, number):
            fill = self.reading.near(batch.texts, batch.keep, stop, table)
            yield batch.texts, batch.first_row, start, stop, fill


def table_parts(
    shard: ShardRef, keys: RepeatedKeys, group: int, number: int
) -> Iterator[tuple[Batch, int, int, np.ndarray]]:
    """Batches of a shard that any repeated key is of, rows [start, stop) of each, and the keys of their run as a table.

    A shard without such keys is not read at all.
    """
    from gristmill.kernels.key_table import make_table

    runs = keys.runs(group, number)
    run = next(runs, None)
    if run is None:
        return
    first, stop, found = run
    table: np.ndarray | None = make_table(found)
    for batch in shard.batches(texts=True):
        last = batch.first_row + batch.rows
        while run is not None and batch.rows and first < last:
            if table is None:
                table = make_table(found)
            yield batch, max(0, first - batch.first_row), min(stop, last) - batch.first_row, table
            if stop > last:
                break
            table = None
            run = next(runs, None)
            if run is not None:
                first, stop, found = run
        if run is None:
            return
