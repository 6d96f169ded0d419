"""Documents of one component in shuffled order, epoch after epoch, in memory that does not grow with them.

    population = Population("web", source=0, count=10**9, lengths="lengths.i4")
    for documents, tokens in shuffled(population, seed=0, rows=1 << 20, scratch="scratch"):
        ...                                           # endless

An epoch is a keyed permutation of the documents (kernels.pack_order.permuted), the same whatever `rows` is. A
population of more than `rows` documents is dealt out on disk: one pass over the lengths puts every document into
the range of positions it belongs to, then range after range is put in order in memory.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import xxhash

MOST_RANGES = 512  # dealt at once: what is read of `lengths` a pass is spread over this many pieces
DEAL_ROWS = 1 << 20

Block = tuple[np.ndarray, np.ndarray]
"""Numbers of documents in their source int64, and their tokens int32."""


@dataclass(frozen=True)
class Population:
    """What one epoch of a component holds. Its files are plain little-endian arrays."""

    name: str
    source: int  # number of the source its documents belong to
    count: int  # documents, repeats counted
    lengths: str  # file of int32 (count,): tokens
    documents: str | None = None  # file of int64 (count,): their numbers in the source; None: 0, 1, 2 …


def source_key(seed: int, name: str) -> np.uint64:
    """The key of a component's permutations: its name counts, not its place among the components."""
    return np.uint64(xxhash.xxh3_64_intdigest(f"{seed}\n{name}".encode()))


def shuffled(
    population: Population, seed: int, rows: int, scratch: str, expected: int | None = None
) -> Iterator[Block]:
    """Blocks of at most `rows` documents without end: whole epochs, each in a permutation of its own.

    scratch: a file that may be written. expected: documents that will be asked for, about; dealing more than that is put off.
    """
    from gristmill.kernels.pack_order import epoch_key

    key, given = source_key(seed, population.name), 0
    epoch = 0
    while population.count:
        own = np.uint64(epoch_key(key, epoch))
        left = population.count if expected is None else max(rows, expected - given)
        yield from (
            _in_memory(population, own)
            if population.count <= rows
            else _on_disk(population, own, rows, scratch, min(left, population.count))
        )
        given += population.count
        epoch += 1


def _in_memory(population: Population, key: np.uint64) -> Iterator[Block]:
    from gristmill.kernels.pack_order import permuted_range

    members = np.empty(population.count, np.int64)
    permuted_range(0, population.count, key, members)
    tokens = np.fromfile(population.lengths, "<i4")[members]
    yield _numbers(population, members), tokens


def _on_disk(population: Population, key: np.uint64, rows: int, scratch: str, expected: int) -> Iterator[Block]:
    from gristmill.kernels.pack_order import permuted_range

    window = min(MOST_RANGES, -(-expected // rows)) * rows  # positions dealt in one pass over the documents
    for first in range(0, population.count, window):
        stop = min(population.count, first + window)
        _deal(population, key, first, stop, rows, scratch)
        with open(scratch, "rb") as stream:
            for start in range(first, stop, rows):
                count = min(stop, start + rows) - start
                records = np.fromfile(stream, "<i4", 2 * count).reshape(-1, 2)
                tokens = np.empty(count, np.int32)
                tokens[records[:, 0]] = records[:, 1]
                members = np.empty(count, np.int64)
                permuted_range(start, population.count, key, members)
                yield _numbers(population, members), tokens
        os.truncate(scratch, 0)


def _deal(population: Population, key: np.uint64, first: int, stop: int, rows: int, scratch: str) -> None:
    """Write (position in its range, tokens) of all documents at positions [first, stop), range after range."""
    from gristmill.kernels.pack_order import deal, positions_of

    ranges = -(-(stop - first) // rows)
    filled = np.arange(ranges, dtype=np.int64) * rows  # records, from the start of the file
    ends = np.empty(ranges, np.int64)
    with open(population.lengths, "rb") as lengths, open(scratch, "w+b", buffering=0) as stream:
        for start in range(0, population.count, DEAL_ROWS):
            found = np.fromfile(lengths, "<i4", DEAL_ROWS)
            positions = np.empty(len(found), np.int64)
            positions_of(start, population.count, key, positions)
            records = np.empty((len(found), 2), "<i4")
            deal(positions, found, first, stop, rows, ends, records)
            begin = 0
            for part, end in enumerate(ends.tolist()):
                if end > begin:
                    os.pwrite(stream.fileno(), records[begin:end].tobytes(), int(filled[part]) * 8)
                    filled[part] += end - begin
                    begin = end


def _numbers(population: Population, members: np.ndarray) -> np.ndarray:
    """The documents that members of the population are."""
    if population.documents is None:
        return members
    return np.memmap(population.documents, "<i8", "r")[members]


def warm() -> None:
    """Compile the kernels of an order."""
    import tempfile

    from gristmill.mixtures.order import Targets, write_order

    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "lengths")
        np.ones(2000, "<i4").tofile(path)
        populations = [Population("a", 0, 2000, path), Population("b", 1, 1, path)]
        write_order(os.path.join(folder, "order"), populations, Targets([[2000, 1]]), 0, memory=1)
