"""Rows of token ids and the pieces of documents they are made of: how they are gathered and written."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from gristmill.mixtures.order import Entries
from gristmill.tokenize.encoded import EncodedShard, EncodedSource, Encoding

BATCH_TOKENS = 1 << 22  # tokens of a record batch; what a packing task holds in memory


@dataclass(frozen=True)
class Rows:
    """Consecutive sequences. A *piece* is the part of one document that stands in one sequence."""

    ids: np.ndarray  # (rows × sequence length,)
    piece_ends: np.ndarray  # int32 (rows + 1,): pieces before each row's first
    lengths: np.ndarray  # int32 (pieces,): tokens of each piece
    offsets: np.ndarray  # int32 (pieces,): where a piece begins in its document's tokens
    sources: np.ndarray  # (pieces,): number of the source
    documents: pa.Array  # string (pieces,): document id


def fill(
    entries: Entries, sources: Sequence[EncodedSource], encoding: Encoding, start: int, end: int, length: int
) -> Rows:
    """The sequences in tokens [start, end) of the mixture, gathered shard by shard, ascending in each."""
    begins = np.maximum(entries.start, start)
    counts = np.minimum(entries.start + entries.tokens, end) - begins
    ids = np.empty(end - start, encoding.dtype)
    shards = np.empty(len(begins), np.int64)
    rows = np.empty(len(begins), np.int64)  # of the document in its encoded shard
    for number, source in enumerate(sources):
        mine = np.flatnonzero(entries.source == number)
        if len(mine):
            firsts = np.concatenate([[0], np.cumsum(source.documents)])
            shards[mine] = np.searchsorted(firsts, entries.document[mine], side="right") - 1
            rows[mine] = entries.document[mine] - firsts[shards[mine]]
    names: list[pa.Array] = []
    grouped = np.lexsort((rows, shards, entries.source))
    changes = np.diff(entries.source[grouped].astype(np.int64)) != 0
    changes |= np.diff(shards[grouped]) != 0
    for group in np.split(grouped, np.flatnonzero(changes) + 1):
        source = sources[int(entries.source[group[0]])]
        with EncodedShard.open(source.folder, source.shards[int(shards[group[0]])]) as shard:
            documents = shard.documents.take(pa.array(rows[group]))
            inner = begins[group] - entries.start[group]
            first = documents.column("start").to_numpy() + inner
            shard.copy_ids(first, counts[group], ids, begins[group] - start)
            names.append(documents.column("id").combine_chunks())
    ids_in_order = pa.concat_arrays(names).take(pa.array(np.argsort(grouped)))

    bounds = np.union1d(begins - start, np.arange(0, end - start, length))
    piece_entry = np.searchsorted(begins - start, bounds, side="right") - 1
    return Rows(
        ids,
        np.searchsorted(bounds, np.arange(0, end - start + 1, length)).astype(np.int32),
        np.diff(bounds, append=end - start).astype(np.int32),
        (bounds + start - entries.start[piece_entry]).astype(np.int32),
        entries.source[piece_entry],
        ids_in_order.take(pa.array(piece_entry)),
    )


def sequence_schema(length: int, encoding: Encoding, sources: Sequence[str]) -> pa.Schema:
    """Columns of a token shard. Everything but `input_ids` is a list with an item per piece of a document."""
    metadata = {
        "sequence_length": str(length),
        "tokenizer": f"xxh3-128:{encoding.tokenizer}",
        "vocabulary": str(encoding.vocabulary),
        "bos": encoding.bos or "",
        "eos": encoding.eos or "",
        "bos_id": "" if encoding.bos_id is None else str(encoding.bos_id),
        "eos_id": "" if encoding.eos_id is None else str(encoding.eos_id),
        "sources": "\n".join(sources),
    }
    ids = pa.uint16() if encoding.dtype == "uint16" else pa.uint32()
    return pa.schema(
        [
            pa.field("input_ids", pa.list_(pa.field("item", ids, nullable=False), length), nullable=False),
            pa.field("document_lengths", pa.list_(pa.int32()), nullable=False),  # tokens; they sum to the sequence's
            pa.field("document_offsets", pa.list_(pa.int32()), nullable=False),  # tokens of the document before
            pa.field("document_ids", pa.list_(pa.string()), nullable=False),
            pa.field("sources", pa.list_(pa.string()), nullable=False),
        ],
        metadata=metadata,
    )


class SequenceWriter:
    """Writes one token shard: an Arrow IPC file, uncompressed, so that it can be memory-mapped."""

    def __init__(self, path: str, length: int, encoding: Encoding, sources: Sequence[str]) -> None:
        self._schema = sequence_schema(length, encoding, sources)
        self._names = pa.array(sources, pa.string())
        self._stack = contextlib.ExitStack()
        stream = self._stack.enter_context(pa.OSFile(path, "wb"))
        self._writer = self._stack.enter_context(pa.ipc.new_file(stream, self._schema))
        self.pieces = 0

    def write(self, rows: Rows) -> None:
        ends = pa.array(rows.piece_ends)
        columns: list[pa.Array] = [
            pa.FixedSizeListArray.from_arrays(pa.array(rows.ids), type=self._schema.field("input_ids").type),
            pa.ListArray.from_arrays(ends, pa.array(rows.lengths)),
            pa.ListArray.from_arrays(ends, pa.array(rows.offsets)),
            pa.ListArray.from_arrays(ends, rows.documents),
            pa.ListArray.from_arrays(ends, self._names.take(pa.array(rows.sources))),
        ]
        self._writer.write_batch(pa.record_batch(columns, schema=self._schema))
        self.pieces += len(rows.lengths)

    def __enter__(self) -> SequenceWriter:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()
