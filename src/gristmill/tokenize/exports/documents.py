"""The documents of a token shard, put together again from their pieces in consecutive rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from gristmill.tokenize.shards import TokenShards


@dataclass(frozen=True)
class Documents:
    """The documents of some rows; where rows break off, so do they, and the next ones go on."""

    ids: np.ndarray  # of all documents, end to end
    lengths: np.ndarray  # int64 (documents,)
    names: pa.Array  # string (documents,)
    numbers: np.ndarray  # int64 (documents,): in the source's encoded shards
    sources: pa.Array  # string (documents,)
    goes_on: bool  # does the first go on with the last of the rows before?


def documents(shards: TokenShards, shard: int) -> Iterator[Documents]:
    """The documents of one shard, a record batch at a time. A document cut by the end of a shard is two."""
    before: tuple[str, int, int] | None = None  # source, number and end of the last piece
    for batch in shards.table(shard).to_batches():
        lengths = _flat(batch, "document_lengths").astype(np.int64)
        trained = _flat(batch, "trained").astype(bool)
        ids = batch.column("input_ids").flatten().to_numpy()
        if not trained.all():
            ids, lengths = ids[np.repeat(trained, lengths)], lengths[trained]
        kept = pa.array(np.flatnonzero(trained))
        offsets = _flat(batch, "document_offsets").astype(np.int64)[trained]
        numbers = _flat(batch, "document_numbers")[trained]
        sources = batch.column("sources").flatten().take(kept)
        names = batch.column("document_ids").flatten().take(kept)
        if not len(lengths):
            continue
        codes = sources.dictionary_encode().indices.to_numpy()
        starts = np.ones(len(lengths), bool)
        starts[1:] = (numbers[1:] != numbers[:-1]) | (codes[1:] != codes[:-1])
        starts[1:] |= (offsets[1:] != offsets[:-1] + lengths[:-1]) | (offsets[1:] == 0)
        goes_on = before == (sources[0].as_py(), int(numbers[0]), int(offsets[0])) and offsets[0] > 0
        before = (sources[-1].as_py(), int(numbers[-1]), int(offsets[-1] + lengths[-1]))
        first = np.flatnonzero(starts)
        yield Documents(
            ids,
            np.add.reduceat(lengths, first),
            names.take(pa.array(first)),
            numbers[first],
            sources.take(pa.array(first)),
            bool(goes_on),
        )


def _flat(batch: pa.RecordBatch, name: str) -> np.ndarray:
    return batch.column(name).flatten().to_numpy(zero_copy_only=False)


def joined_lengths(parts: list[tuple[np.ndarray, bool]]) -> np.ndarray:
    """Lengths of all documents from those of consecutive rows and whether the first of them goes on."""
    found: list[np.ndarray] = []
    for lengths, goes_on in parts:
        if goes_on and found:
            found[-1] = found[-1].copy()
            found[-1][-1] += lengths[0]
            lengths = lengths[1:]
        if len(lengths):
            found.append(lengths)
    return np.concatenate(found) if found else np.zeros(0, np.int64)
