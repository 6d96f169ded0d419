"""How documents are laid out in rows of equal length: which piece of which document stands where.

concat: end to end, cut wherever a row ends. best_fit: no document is cut that fits into a row; longer ones give full rows
and a rest; pieces are put together so that little is padded. padded: as best_fit, but every piece on a row of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from gristmill.mixtures.order import Entries, Order

Packing = Literal["concat", "best_fit", "padded"]


@dataclass(frozen=True)
class Layout:
    """Consecutive rows. A *piece* is the part of one document that stands in one row; a row's pieces come first to last."""

    entries: Entries
    rows: np.ndarray  # int64 (pieces,): row of each piece, from 0, ascending
    entry: np.ndarray  # int64 (pieces,): the entry it is of
    offsets: np.ndarray  # int64 (pieces,): where it begins in its document's tokens
    lengths: np.ndarray  # int64 (pieces,): its tokens
    count: int  # rows


def concat(order: Order, first_row: int, last_row: int, length: int, step: int) -> Iterator[Layout]:
    """Rows [first_row, last_row) of the documents end to end, `step` rows at a time."""
    for first in range(first_row, last_row, step):
        count = min(step, last_row - first)
        start = first * length
        end = start + count * length
        entries = order.between(start, end)
        begins = np.maximum(entries.start, start) - start
        bounds = np.union1d(begins, np.arange(0, end - start, length))
        entry = np.searchsorted(begins, bounds, side="right") - 1
        offsets = bounds + start - entries.start[entry]
        yield Layout(entries, bounds // length, entry, offsets, np.diff(bounds, append=end - start), count)


def whole_documents(order: Order, start: int, end: int, length: int, step: int, packing: Packing) -> Iterator[Layout]:
    """Rows of the entries that begin at a token of [start, end), `step` rows at a time.

    A row stands where the first of its pieces stands in the order, so the mixture keeps its proportions.
    """
    from gristmill.kernels.best_fit import best_fit

    entries = order.between(start, end)
    inside = np.flatnonzero(entries.start >= start)
    pieces = -(-entries.tokens[inside].astype(np.int64) // length)
    entry = np.repeat(inside, pieces)
    firsts = np.cumsum(pieces) - pieces
    offsets = (np.arange(len(entry)) - np.repeat(firsts, pieces)) * length
    lengths = np.minimum(entries.tokens[entry] - offsets, length)
    if packing == "padded":
        rows, count = np.arange(len(entry)), len(entry)
    else:
        bins, count = best_fit(lengths.astype(np.int32), length)
        earliest = np.full(count, len(entry), np.int64)
        np.minimum.at(earliest, bins, np.arange(len(entry)))
        rank = np.empty(count, np.int64)
        rank[np.argsort(earliest, kind="stable")] = np.arange(count)
        rows = rank[bins]
    by_row = np.argsort(rows, kind="stable")
    rows, entry, offsets, lengths = rows[by_row], entry[by_row], offsets[by_row], lengths[by_row]
    for first in range(0, count, step):
        chosen = slice(*np.searchsorted(rows, [first, first + step]))
        used, renumbered = np.unique(entry[chosen], return_inverse=True)
        part = Entries(*(getattr(entries, name)[used] for name in Entries.__dataclass_fields__))
        yield Layout(part, rows[chosen] - first, renumbered, offsets[chosen], lengths[chosen], min(step, count - first))
