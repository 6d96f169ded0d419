"""The column `first_copies` of a layer: of every part that is cut or marked, where the first one like it lies."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np
import pyarrow as pa

from gristmill import storage
from gristmill.dedup.first_copies import ANSWER, CopyRun, FirstCopies

FIRST_COPIES = pa.list_(
    pa.struct(
        [
            ("start", pa.int64()),  # bytes of the part in the text this stage saw
            ("end", pa.int64()),
            ("copies", pa.int64()),  # in all documents of this run that reach the stage, this one included
            ("source", pa.string()),  # where the first of them lies; null where an index has it
            ("shard", pa.string()),
            ("row", pa.int64()),
            ("offset", pa.int64()),  # bytes from the beginning of that document's text, as this stage saw it
            ("index", pa.int32()),  # number of the index in `against` that has it, counted from 0; null for this run's
        ]
    )
)


class CopyColumn:
    """Makes the column for the batches of one shard, in order."""

    def __init__(self, copies: FirstCopies | None, group: str, place: int) -> None:
        self._copies = copies
        self._runs: Iterator[CopyRun] = iter(()) if copies is None else copies.runs(group, place)
        self._run: CopyRun | None = None

    def answers(self, first_row: int, keys: np.ndarray) -> np.ndarray:
        """What is known of keys that stand in the batch of this first row, ANSWER; each run ends with a batch."""
        while len(keys) and (self._run is None or self._run.stop_row <= first_row):
            self._run = next(self._runs)
        return look_up(self._run, keys)

    def next_run(self) -> CopyRun | None:
        return next(self._runs, None)

    def of(self, rows: np.ndarray, starts: np.ndarray, ends: np.ndarray, answers: np.ndarray, count: int) -> pa.Array:
        """The column for `count` rows. rows: int64, ascending, the row of each part; starts, ends: bytes; answers: ANSWER."""
        if self._copies is None or not len(rows):
            return pa.nulls(count, FIRST_COPIES)
        mine = answers["shard"] >= 0
        counts = np.bincount(rows, minlength=count)
        known = ~mine
        columns = [
            pa.array(starts, pa.int64()),
            pa.array(ends, pa.int64()),
            pa.array(answers["copies"]),
            *self._names(answers["shard"], mine),
            pa.array(answers["row"].astype(np.int64), mask=known),
            pa.array(answers["offset"].astype(np.int64), mask=known),
            pa.array(-1 - answers["shard"], pa.int32(), mask=mine),
        ]
        structs = pa.StructArray.from_arrays(columns, fields=list(FIRST_COPIES.value_type))
        offsets = pa.array(np.concatenate([[0], np.cumsum(counts)]), pa.int32())
        return pa.ListArray.from_arrays(offsets, structs, type=FIRST_COPIES, mask=pa.array(counts == 0))

    def _names(self, shards: np.ndarray, mine: np.ndarray) -> list[pa.Array]:
        used, codes = np.unique(np.where(mine, shards, 0), return_inverse=True)
        taken = self._shards.take(pa.array(used))
        places = pa.array(codes.reshape(-1), mask=~mine)
        return [taken.column(name).cast(pa.string()).combine_chunks().take(places) for name in ("source", "shard")]

    @cached_property
    def _shards(self) -> pa.Table:
        assert self._copies is not None
        with storage.open_input(self._copies.shards) as stream:
            return pa.ipc.open_file(stream).read_all()


def look_up(run: CopyRun | None, keys: np.ndarray) -> np.ndarray:
    """The answers to keys that the run has."""
    if run is None or not len(keys):
        return np.empty(0, ANSWER)
    return run.answers[np.searchsorted(run.answers["key"], keys)]
