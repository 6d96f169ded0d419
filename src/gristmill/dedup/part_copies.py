"""Noting where the repeated parts of documents stand, lines or runs of sentences, so that their first copies can be told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from gristmill.commit import Commit
from gristmill.dataset import ShardRef
from gristmill.dedup.first_copies import CopyPlan, CopyWriter, records_of
from gristmill.dedup.repeats import read_marks, scope_number
from gristmill.stage import Task


class PlacedParts(Protocol):
    """What the task asks of its stage."""

    @property
    def name(self) -> str: ...

    @property
    def part_columns(self) -> tuple[str, ...]: ...

    def part_spans(self, first: np.ndarray, *columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]: ...


@dataclass(frozen=True)
class NoteParts(Task):
    """Of every part of a group of shards that stands more than once, where it stands first and how often."""

    name: str
    stage: PlacedParts
    shards: tuple[ShardRef, ...]
    scopes: tuple[int, ...]  # of each shard
    marks: str  # folder
    plan: CopyPlan = field(repr=False)

    def run(self, commit: Commit) -> None:
        writer = CopyWriter(commit, self.name, self.plan.ranges, self.plan.held)
        for number, (shard, scope) in enumerate(zip(self.shards, self.scopes, strict=True)):
            marks = read_marks(self.marks, self.name, number)
            if not marks.any():
                continue
            parts: list[tuple[np.ndarray, ...]] = []
            held = first_row = stop_row = 0
            for rows, keys, offsets, stop_row in self._noted(shard, marks):
                parts.append((keys ^ np.uint64(scope_number(scope)), rows, offsets))
                held += len(keys)
                if held >= self.plan.held:
                    writer.add(records_of(*map(np.concatenate, zip(*parts, strict=True))), number, first_row, stop_row)
                    parts, held, first_row = [], 0, stop_row
            if held:
                writer.add(records_of(*map(np.concatenate, zip(*parts, strict=True))), number, first_row, stop_row)
        writer.close()

    def _noted(self, shard: ShardRef, marks: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, int]]:
        """Rows, keys and places of the parts that are marked, batch by batch, and the row after the batch."""
        names = [f"{self.stage.name}.{name}" for name in ("keys", *self.stage.part_columns)]
        done = 0
        for batch in shard.batches(names):
            lists = batch.column(names[0])
            first = lists.offsets.to_numpy().astype(np.int64)
            first -= first[0]
            keys, *columns = (batch.column(name).flatten().to_numpy() for name in names)
            counts = np.diff(first)
            takes_part = np.flatnonzero(np.repeat(batch.keep, counts) & (keys != 0))
            chosen = takes_part[marks[done : done + len(takes_part)] != 0]
            done += len(takes_part)
            rows = np.repeat(np.arange(batch.rows, dtype=np.uint32), counts)[chosen] + np.uint32(batch.first_row)
            offsets = self.stage.part_spans(first, *columns)[0][chosen].astype(np.uint32)
            yield rows, keys[chosen], offsets, batch.first_row + batch.rows
