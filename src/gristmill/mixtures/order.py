"""The order in which a mixture reads its documents: a function of the seed, written once, read in slices.

    write_order(path, populations, targets, seed=0)
    with Order.open(path) as order:
        entries = order.between(0, 2048)              # what stands in the first 2,048 tokens

An *entry* is one document (or the first part of the last one) at its place. Of each component, whole epochs come
before repeats, every epoch in a permutation of its own. Components are interleaved by tokens at every scale.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from gristmill import storage
from gristmill.mixtures.shuffle import Block, Population, shuffled, source_key

SCHEMA = pa.schema(
    [
        pa.field("source", pa.uint16(), nullable=False),  # number of the source among those packed
        pa.field("document", pa.int64(), nullable=False),  # number of the document in its source, shard after shard
        pa.field("epoch", pa.int32(), nullable=False),  # from 0
        pa.field("tokens", pa.int32(), nullable=False),  # all of the document's, but for a component's last entry
        pa.field("start", pa.int64(), nullable=False),  # token of the mixture at which the entry begins
        pa.field("component", pa.uint16(), nullable=False),  # row of the mixture's plan
    ]
)
BATCH_ENTRIES = 1 << 16
MEMORY = 1 << 28
_BYTES_A_ROW = 40  # of a block and of what it is made from


@dataclass(frozen=True)
class Targets:
    """How much to take of each component."""

    phases: Sequence[Sequence[int]]  # for each phase, of each component: tokens, or documents
    by_documents: bool = False

    @property
    def bounds(self) -> np.ndarray:
        """Amounts given at the start of each phase and at the end, float64 (phases + 1, components)."""
        amounts = np.array(self.phases, np.int64)
        return np.concatenate([np.zeros((1, amounts.shape[1]), np.int64), np.cumsum(amounts, axis=0)]).astype(
            np.float64
        )

    @property
    def totals(self) -> np.ndarray:
        return np.array(self.phases, np.int64).sum(axis=0)


@dataclass(frozen=True)
class Written:
    """What an order came to."""

    entries: int
    tokens: tuple[int, ...]  # of each component


def write_order(
    path: str,
    populations: Sequence[Population],
    targets: Targets,
    seed: int,
    memory: int = MEMORY,
    scratch: str | None = None,
) -> Written:
    """Write the order as an Arrow IPC file, in `memory` bytes or so however many documents there are.

    populations, targets: of each component, in the same order. scratch: prefix of temporary files; else beside `path`.

    The last document of a component is cut where its target is reached, so that every count is exact; where targets
    are documents nothing is cut.
    """
    taken = np.zeros(len(populations), np.int64)
    entries = 0
    with pa.OSFile(path, "wb") as stream, pa.ipc.new_file(stream, SCHEMA) as writer:
        for batch in order_batches(populations, targets, seed, memory, scratch or path + ".scratch"):
            writer.write_batch(batch)
            component, tokens = (batch.column(name).to_numpy() for name in ("component", "tokens"))
            taken += np.bincount(component, tokens, len(taken)).astype(np.int64)  # exact: far below 2 ** 53
            entries += batch.num_rows
    return Written(entries, tuple(taken.tolist()))


def order_batches(
    populations: Sequence[Population], targets: Targets, seed: int, memory: int, scratch: str
) -> Iterator[pa.RecordBatch]:
    """The order as record batches of SCHEMA; see write_order."""
    from gristmill.kernels.pack_order import interleave

    bounds, wanted = targets.bounds, targets.totals
    counts = np.array([max(1, population.count) for population in populations], np.int64)
    rows = max(1024, memory // (_BYTES_A_ROW * len(populations)))
    step, done, given = (np.zeros(len(populations), np.int64) for _ in range(3))
    columns = [np.empty(BATCH_ENTRIES, kind) for kind in (np.uint16, np.int64, np.int32, np.int32)]
    sources = np.array([population.source for population in populations], np.uint16)
    start = 0
    with contextlib.ExitStack() as stack:
        blocks = _Blocks(stack, populations, targets, seed, rows, scratch)
        while True:
            filled = 0
            while filled < BATCH_ENTRIES and (done < wanted).any():
                blocks.refill(done < wanted)
                parts = [column[filled:] for column in columns]
                state = (blocks.documents, blocks.tokens, blocks.begins, blocks.ends, counts, wanted, bounds)
                filled += interleave(*state, targets.by_documents, step, done, given, *parts)
            if not filled:
                return
            component, document, epoch, tokens = (np.asarray(column[:filled]) for column in columns)
            ends = np.cumsum(tokens, dtype=np.int64)
            arrays = (sources[component], document, epoch, tokens, start + ends - tokens.astype(np.int64), component)
            yield pa.record_batch([pa.array(array.copy()) for array in arrays], schema=SCHEMA)
            start += int(ends[-1])


class _Blocks:
    """The next documents of every component, one block each in common arrays."""

    def __init__(
        self,
        stack: contextlib.ExitStack,
        populations: Sequence[Population],
        targets: Targets,
        seed: int,
        rows: int,
        scratch: str,
    ) -> None:
        self._streams: list[Iterator[Block]] = []
        self._rows = [min(rows, population.count) for population in populations]
        for number, (population, amount) in enumerate(zip(populations, targets.totals.tolist(), strict=True)):
            file = f"{scratch.removesuffix('.tmp')}.{number}.tmp"
            if population.count > rows:
                stack.callback(_remove, file)
            mean = 1.0 if targets.by_documents else _mean(population)
            expected = int(amount / mean * 1.05) + rows if mean else None
            self._streams.append(shuffled(population, seed, rows, file, expected))
        firsts = np.concatenate([[0], np.cumsum(self._rows)]).astype(np.int64)
        self._firsts = firsts[:-1]
        self.documents, self.tokens = np.empty(firsts[-1], np.int64), np.empty(firsts[-1], np.int32)
        self.begins, self.ends = self._firsts.copy(), self._firsts.copy()

    def refill(self, wanted: np.ndarray) -> None:
        """Give every component that is `wanted` and has run out its next block."""
        for component in np.flatnonzero(wanted & (self.begins == self.ends)).tolist():
            documents, tokens = next(self._streams[component])
            first, last = self._firsts[component], self._firsts[component] + len(documents)
            self.documents[first:last], self.tokens[first:last] = documents, tokens
            self.begins[component], self.ends[component] = first, last


def _mean(population: Population) -> float:
    """Mean tokens of its documents, from a part of them when they are many."""
    found = np.fromfile(population.lengths, "<i4", min(population.count, 1 << 20))
    return float(found.mean()) if len(found) else 0.0


def _remove(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


@dataclass(frozen=True)
class Entries:
    """Consecutive entries of an order, as NumPy arrays of the same length."""

    source: np.ndarray
    document: np.ndarray
    epoch: np.ndarray
    tokens: np.ndarray
    start: np.ndarray
    component: np.ndarray


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


__all__ = [
    "SCHEMA",
    "Entries",
    "Order",
    "Population",
    "Targets",
    "Written",
    "order_batches",
    "source_key",
    "write_order",
]
