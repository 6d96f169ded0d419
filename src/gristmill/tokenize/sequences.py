"""Rows of token ids and the pieces of documents they are made of: how they are gathered and written."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from gristmill.tokenize.encoded import EncodedShard, EncodedSource, Encoding
from gristmill.tokenize.layouts import Layout

BATCH_TOKENS = 1 << 22  # tokens of a record batch; what a packing task holds in memory


@dataclass(frozen=True)
class Rows:
    """Consecutive sequences and the pieces of documents in them; padding is a piece of no document."""

    ids: np.ndarray  # (rows × sequence length,)
    piece_ends: np.ndarray  # int32 (rows + 1,): pieces before each row's first
    lengths: np.ndarray  # int32 (pieces,): tokens of each piece
    offsets: np.ndarray  # int32 (pieces,): where a piece begins in its document's tokens
    sources: np.ndarray  # (pieces,): number of the source, -1 for padding
    documents: pa.Array  # string (pieces,): document id, null for padding
    numbers: np.ndarray  # int64 (pieces,): number of the document in its source, shard after shard; -1 for padding


def fill(layout: Layout, sources: Sequence[EncodedSource], encoding: Encoding, length: int) -> Rows:
    """The rows of a layout with their ids, gathered shard by shard, ascending in each. Rows are filled up with padding."""
    entries = layout.entries
    filled = np.bincount(layout.rows, layout.lengths, minlength=layout.count).astype(np.int64)
    within = np.cumsum(layout.lengths) - layout.lengths  # tokens before each piece, padding left out
    places = within + np.concatenate([[0], np.cumsum(length - filled)])[layout.rows]
    ids = np.full(layout.count * length, encoding.pad_id, encoding.dtype)
    shards = np.empty(len(entries.document), np.int64)
    rows = np.empty(len(entries.document), np.int64)  # of the document in its encoded shard
    for number, source in enumerate(sources):
        mine = np.flatnonzero(entries.source == number)
        if len(mine):
            firsts = np.concatenate([[0], np.cumsum(source.documents)])
            shards[mine] = np.searchsorted(firsts, entries.document[mine], side="right") - 1
            rows[mine] = entries.document[mine] - firsts[shards[mine]]
    names: list[pa.Array] = []
    entry = layout.entry
    grouped = np.lexsort((rows[entry], shards[entry], entries.source[entry]))
    changes = np.diff(entries.source[entry[grouped]].astype(np.int64)) != 0
    changes |= np.diff(shards[entry[grouped]]) != 0
    for group in np.split(grouped, np.flatnonzero(changes) + 1):
        first = entry[group[0]]
        source = sources[int(entries.source[first])]
        with EncodedShard.open(source.folder, source.shards[int(shards[first])]) as shard:
            documents = shard.documents.take(pa.array(rows[entry[group]]))
            begins = documents.column("start").to_numpy() + layout.offsets[group]
            shard.copy_ids(begins, layout.lengths[group], ids, places[group])
            names.append(documents.column("id").combine_chunks())
    ids_in_order = pa.concat_arrays(names).take(pa.array(np.argsort(grouped)))
    return _with_padding(layout, length, filled, ids, ids_in_order)


def _with_padding(layout: Layout, length: int, filled: np.ndarray, ids: np.ndarray, names: pa.Array) -> Rows:
    """A piece of padding after the last of every row that is not full."""
    short = np.flatnonzero(filled < length)
    at = np.searchsorted(layout.rows, short, side="right")
    counts = np.bincount(np.concatenate([layout.rows, short]), minlength=layout.count)
    taken = np.insert(np.arange(len(layout.rows)), at, -1)
    return Rows(
        ids,
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int32),
        np.insert(layout.lengths, at, (length - filled)[short]).astype(np.int32),
        np.insert(layout.offsets, at, 0).astype(np.int32),
        np.insert(layout.entries.source[layout.entry].astype(np.int32), at, -1),
        names.take(pa.array(taken, mask=taken < 0)) if len(short) else names,
        np.insert(layout.entries.document[layout.entry], at, -1),
    )


def sequence_schema(length: int, encoding: Encoding, sources: Sequence[str]) -> pa.Schema:
    """Columns of a token shard. Everything but `input_ids` is a list with an item per piece of a document.

    The loss is taken over the tokens of pieces that are `trained`: all but padding and what was retracted.
    """
    metadata = {
        "sequence_length": str(length),
        "tokenizer": f"xxh3-128:{encoding.tokenizer}",
        "vocabulary": str(encoding.vocabulary),
        "bos": encoding.bos or "",
        "eos": encoding.eos or "",
        "bos_id": "" if encoding.bos_id is None else str(encoding.bos_id),
        "eos_id": "" if encoding.eos_id is None else str(encoding.eos_id),
        "pad_id": str(encoding.pad_id),
        "sources": "\n".join(sources),
    }
    ids = pa.uint16() if encoding.dtype == "uint16" else pa.uint32()
    return pa.schema(
        [
            pa.field("input_ids", pa.list_(pa.field("item", ids, nullable=False), length), nullable=False),
            pa.field("document_lengths", pa.list_(pa.int32()), nullable=False),  # tokens; they sum to the sequence's
            pa.field("document_offsets", pa.list_(pa.int32()), nullable=False),  # tokens of the document before
            pa.field("document_ids", pa.list_(pa.string()), nullable=False),  # null: padding
            pa.field("document_numbers", pa.list_(pa.int64()), nullable=False),  # in the source's encoded shards, or -1
            pa.field("sources", pa.list_(pa.string()), nullable=False),  # null: padding
            pa.field("trained", pa.list_(pa.bool_()), nullable=False),
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
        self.rows = self.pieces = self.padding = 0

    def write(self, rows: Rows) -> None:
        ends = pa.array(rows.piece_ends)
        columns: list[pa.Array] = [
            pa.FixedSizeListArray.from_arrays(pa.array(rows.ids), type=self._schema.field("input_ids").type),
            pa.ListArray.from_arrays(ends, pa.array(rows.lengths)),
            pa.ListArray.from_arrays(ends, pa.array(rows.offsets)),
            pa.ListArray.from_arrays(ends, rows.documents),
            pa.ListArray.from_arrays(ends, pa.array(rows.numbers)),
            pa.ListArray.from_arrays(ends, self._names.take(pa.array(rows.sources, mask=rows.sources < 0))),
            pa.ListArray.from_arrays(ends, pa.array(rows.sources >= 0)),
        ]
        self._writer.write_batch(pa.record_batch(columns, schema=self._schema))
        self.rows += len(rows.piece_ends) - 1
        self.pieces += int((rows.sources >= 0).sum())
        self.padding += int(rows.lengths[rows.sources < 0].sum())

    def __enter__(self) -> SequenceWriter:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()
