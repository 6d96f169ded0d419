"""The order in which a mixture reads its documents: a function of the seed, written once, read in slices.

    write_order(path, lengths, counts={"web": 900, "books": 40}, targets=plan.targets, seed=0)
    with Order.open(path) as order:
        entries = order.between(0, 2048)              # what stands in the first 2,048 tokens

An *entry* is one document (or the first part of the last one) at its place. Of each source, whole epochs come
before repeats, every epoch in a permutation of its own. Sources are interleaved by tokens at every scale.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import xxhash

from gristmill import storage

SCHEMA = pa.schema(
    [
        pa.field("source", pa.uint16(), nullable=False),  # number of the source in the plan
        pa.field("document", pa.int64(), nullable=False),  # number of the document in its source, shard after shard
        pa.field("epoch", pa.int32(), nullable=False),  # from 0
        pa.field("tokens", pa.int32(), nullable=False),  # all of the document's, but for the last entry of a source
        pa.field("start", pa.int64(), nullable=False),  # token of the mixture at which the entry begins
    ]
)
BATCH_ENTRIES = 1 << 16


def source_key(seed: int, source: str) -> np.uint64:
    """The key of a source's permutations: its name counts, not its place among the sources."""
    return np.uint64(xxhash.xxh3_64_intdigest(f"{seed}\n{source}".encode()))


def write_order(
    path: str, lengths: np.ndarray, counts: Mapping[str, int], targets: Mapping[str, int], seed: int
) -> int:
    """Write the order as an Arrow IPC file and return the number of entries. Memory does not grow with it.

    lengths: int32 (documents,), tokens of every document, source after source; may be a memory map.
    counts, targets: documents of each source and the tokens to take of it, in the same order of sources.

    The last document of a source is cut where its target is reached, so that every count is exact.
    """
    from gristmill.kernels.pack_order import interleave

    names = list(counts)
    documents = np.array([counts[name] for name in names], np.int64)
    firsts = np.concatenate([[0], np.cumsum(documents)[:-1]]).astype(np.int64)
    wanted = np.array([targets.get(name, 0) for name in names], np.int64)
    keys = np.array([source_key(seed, name) for name in names], np.uint64)
    step, done = np.zeros(len(names), np.int64), np.zeros(len(names), np.int64)
    columns = [np.empty(BATCH_ENTRIES, field.type.to_pandas_dtype()) for field in SCHEMA]
    start = entries = 0
    with pa.OSFile(path, "wb") as stream, pa.ipc.new_file(stream, SCHEMA) as writer:
        while count := interleave(lengths, firsts, documents, wanted, keys, step, done, *columns[:4]):
            ends = np.cumsum(columns[3][:count], dtype=np.int64)
            columns[4][:count] = start + ends - columns[3][:count]
            writer.write_batch(pa.record_batch([pa.array(column[:count]) for column in columns], schema=SCHEMA))
            start += int(ends[-1])
            entries += count
    return entries


@dataclass(frozen=True)
class Entries:
    """Consecutive entries of an order, as NumPy arrays of the same length."""

    source: np.ndarray
    document: np.ndarray
    epoch: np.ndarray
    tokens: np.ndarray
    start: np.ndarray


class Order:
    """A written order, read by token position."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader

    @classmethod
    @contextlib.contextmanager
    def open(cls, location: str) -> Iterator[Order]:
        with contextlib.ExitStack() as stack:
            if storage.is_remote(location):
                source: Any = stack.enter_context(storage.open_input(location))
            else:
                source = stack.enter_context(pa.memory_map(storage.local_path(location)))
            yield cls(pa.ipc.open_file(source))

    def batch(self, number: int) -> Entries:
        batch = self._reader.get_batch(number)
        return Entries(*(batch.column(name).to_numpy() for name in SCHEMA.names))

    def between(self, start: int, end: int) -> Entries:
        """The entries with a token in [start, end); the first and last may reach beyond it."""
        low, high = 0, self._reader.num_record_batches
        while high - low > 1:  # the last batch that begins at or before `start`
            middle = (low + high) // 2
            low, high = (middle, high) if self.batch(middle).start[0] <= start else (low, middle)
        parts: list[Entries] = []
        for number in range(low, self._reader.num_record_batches):
            found = self.batch(number)
            if found.start[0] >= end:
                break
            inside = (found.start < end) & (found.start + found.tokens > start)
            parts.append(Entries(*(getattr(found, name)[inside] for name in SCHEMA.names)))
        if not parts:
            return Entries(*(np.empty(0, field.type.to_pandas_dtype()) for field in SCHEMA))
        return Entries(*(np.concatenate([getattr(part, name) for part in parts]) for name in SCHEMA.names))

    def __iter__(self) -> Iterator[Entries]:
        for number in range(self._reader.num_record_batches):
            yield self.batch(number)
