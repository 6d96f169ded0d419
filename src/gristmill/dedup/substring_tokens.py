"""Documents as the tokens that substring dedup compares: words, bytes, or the ids of a tokenizer.

    encode: a task per shard → <shard>.tokens.parquet      (ids only)

Words and bytes are read straight from the text. Ids are made once, in a phase of their own, with the bytes each stands for; later
phases read those files. Row group k holds the tokens of batch k of the shard, null for documents dropped before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gristmill import storage
from gristmill.commit import Commit
from gristmill.dataset import Batch, ShardRef
from gristmill.kernels.text import Texts
from gristmill.stage import Task

ENCODED_CHARACTERS = 1 << 18  # of text whose tokens are Python objects at a time

TOKENS = pa.schema(
    [
        pa.field("ids", pa.list_(pa.uint32())),
        pa.field("starts", pa.list_(pa.uint32())),  # bytes of the text; of whole characters only
        pa.field("ends", pa.list_(pa.uint32())),
    ]
)

Fill = Callable[[int, np.ndarray, int], tuple[int, int]]
"""Writes keys of texts from a row on into a buffer behind others: row and count when the buffer is full or all is done."""


@dataclass(frozen=True)
class GramReading:
    """What a gram is: how many tokens, and what a token is."""

    length: int
    tokens: str  # words | bytes | ids
    tokenizer: str = ""  # location of the tokenizer.json of ids
    encoded: str = ""  # folder of the encoded shards

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

    def batches(self, shard: ShardRef) -> Iterator[TokenBatch]:
        """All batches of a shard with the tokens of their documents."""
        if self.tokens != "ids":
            for batch in shard.batches(texts=True):
                yield TokenBatch(batch, batch.texts)
            return
        with storage.open_input(storage.join(self.encoded, shard.source, shard.name + ".tokens.parquet")) as stream:
            file = pq.ParquetFile(stream)
            for number, batch in enumerate(shard.batches()):
                table = file.read_row_group(number, use_threads=False) if batch.rows else TOKENS.empty_table()
                ids, starts, ends = (_flat(table.column(name)) for name in TOKENS.names)
                first = np.concatenate([[0], np.cumsum(_lengths(table.column("ids")))]).astype(np.int64)
                yield TokenBatch(batch, Texts(ids, first), starts, ends)


def _flat(column: pa.ChunkedArray) -> np.ndarray:
    return column.combine_chunks().flatten().to_numpy()


def _lengths(column: pa.ChunkedArray) -> np.ndarray:
    return column.combine_chunks().value_lengths().fill_null(0).to_numpy(zero_copy_only=False)


@dataclass(frozen=True)
class TokenBatch:
    """A batch and what kernels read of it: its texts, or ids in the place of bytes, with the bytes each stands for."""

    batch: Batch
    texts: Texts
    starts: np.ndarray | None = None
    ends: np.ndarray | None = None

    def to_bytes(self, rows: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Spans as bytes of the documents' texts; a span inside one character becomes empty."""
        if self.starts is None or self.ends is None:
            return starts, ends
        first = self.texts.offsets[rows]
        begin, stop = self.starts[first + starts].astype(np.int64), self.ends[first + ends - 1].astype(np.int64)
        return begin, np.maximum(begin, stop)


@dataclass(frozen=True)
class EncodeShard(Task):
    """Token ids of a shard's surviving documents, and the bytes they stand for."""

    name: str  # of the shard
    shard: ShardRef
    tokenizer: str

    def run(self, commit: Commit) -> None:
        from gristmill.dedup.readings import load_tokenizer

        tokenizer = load_tokenizer(self.tokenizer)
        with pq.ParquetWriter(commit.path(self.name + ".tokens.parquet"), TOKENS, compression="zstd") as writer:
            for batch in self.shard.batches(texts=True):
                parts: list[list[np.ndarray]] = [[], [], []]
                counts = np.zeros(batch.rows, np.int64)
                for row in np.flatnonzero(batch.keep).tolist():
                    data = batch.texts.data[batch.texts.offsets[row] : batch.texts.offsets[row + 1]]
                    for found in token_spans(tokenizer, data):
                        counts[row] += len(found[0])
                        for column, part in zip(parts, found, strict=True):
                            column.append(part)
                offsets = pa.array(np.concatenate([[0], np.cumsum(counts)]), pa.int32())
                columns = [np.concatenate([np.empty(0, np.uint32), *column]) for column in parts]
                arrays = [pa.ListArray.from_arrays(offsets, pa.array(column, pa.uint32())) for column in columns]
                writer.write_table(pa.table(arrays, schema=TOKENS), row_group_size=max(1, batch.rows))
                commit.count(documents=int(batch.keep.sum()), tokens=int(counts.sum()))


def token_spans(tokenizer, data: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:  # type: ignore[no-untyped-def]
    """Ids, starts and ends in bytes of a text, uint32, some of it at a time.

    Where a character is split between tokens, the ones after its first begin behind it and those before its last end
    in front of it, so that a span of tokens holds the characters that all lie in it.
    """
    from gristmill.tokenize.engines import pieces

    base = 0
    for piece in pieces(bytes(data).decode("utf-8"), ENCODED_CHARACTERS):
        encoded = piece.encode()
        begins = np.flatnonzero((np.frombuffer(encoded, np.uint8) & 0xC0) != 0x80)
        places = np.append(begins, len(encoded))
        found = tokenizer.encode(piece, add_special_tokens=False)
        spans = np.array(found.offsets, np.int64).reshape(-1, 2)
        starts, ends = spans[:, 0].copy(), spans[:, 1].copy()
        shared = spans[1:, 0] < spans[:-1, 1]  # with the token before
        starts[1:][shared] = spans[:-1, 1][shared]
        ends[:-1][shared] = spans[1:, 0][shared]
        yield (
            np.array(found.ids, np.uint32),
            (places[starts] + base).astype(np.uint32),
            (places[ends] + base).astype(np.uint32),
        )
        base += len(encoded)


@dataclass(frozen=True)
class Piece:
    """Part of a document too large for one run: the tokens [begin, stop) in which grams of it begin, read up to `end`.

    In bytes of the text, or in tokens where those are ids.
    """

    begin: int
    stop: int
    end: int

    def of(self, texts: Texts, row: int) -> Texts:
        """The piece as a text of its own."""
        first = int(texts.offsets[row])
        return Texts(texts.data[first + self.begin : first + self.end], np.array([0, self.end - self.begin]))


def pieces_of(texts: Texts, row: int, reading: GramReading, size: int) -> list[Piece]:
    """A document in pieces of about `size` bytes (or ids) that together have each of its grams once."""
    from gristmill.kernels.grams import piece_edges

    first, end = int(texts.offsets[row]), int(texts.offsets[row + 1])
    edges = np.empty(((end - first) // size + 2, 2), np.int64)
    count = piece_edges(texts.data, first, end, size, *reading.arguments(), edges)
    begins = edges[:count, 0] - first
    stops = np.append(begins[1:], end - first)
    return [
        Piece(int(begin), int(stop), int(reach - first))
        for begin, stop, reach in zip(begins, stops, edges[:count, 1], strict=True)
    ]
