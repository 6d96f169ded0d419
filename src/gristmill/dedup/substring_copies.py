"""Noting where the repeated grams of a group of shards stand, so that the first copies of spans can be told."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from gristmill.commit import Commit
from gristmill.dataset import ShardRef
from gristmill.dedup.first_copies import RECORD, CopyPlan, CopyWriter
from gristmill.dedup.substring_grams import table_parts
from gristmill.dedup.substring_runs import RepeatedKeys
from gristmill.dedup.substring_tokens import GramReading, Piece, TokenBatch
from gristmill.stage import Task


@dataclass(frozen=True)
class NoteGrams(Task):
    """Of every repeated gram of a group of shards, where it stands first and how often: a run for each run of repeated keys."""

    name: str
    reading: GramReading
    group: int
    shards: tuple[ShardRef, ...]
    grams: RepeatedKeys
    plan: CopyPlan = field(repr=False)

    def run(self, commit: Commit) -> None:
        from gristmill.kernels.key_table import make_filter

        writer = CopyWriter(commit, self.name, self.plan.ranges, self.plan.held)
        for number, shard in enumerate(self.shards):
            table: np.ndarray | None = None
            noted = np.empty((0, 3), np.uint32)
            for found, start, stop, of_run, piece in table_parts(shard, self.reading, self.grams, self.group, number):
                if of_run is not table:
                    if table is not None:
                        writer.add(_records(table, noted), number, 0, 0)
                    table, bits, noted = of_run, make_filter(of_run), np.zeros((len(of_run), 3), np.uint32)
                self._note(found, start, stop, (of_run, bits), piece, noted)
            if table is not None:
                writer.add(_records(table, noted), number, 0, 0)
        writer.close()

    def _note(
        self,
        found: TokenBatch,
        start: int,
        stop: int,
        tables: tuple[np.ndarray, np.ndarray],
        piece: Piece | None,
        noted: np.ndarray,
    ) -> None:
        from gristmill.kernels.grams import note_places

        texts, keep, base = found.texts, found.batch.keep, 0
        first_row = found.batch.first_row
        places = np.empty(0, np.uint32) if found.starts is None else found.starts
        if piece is not None:
            first = int(texts.offsets[start]) + piece.begin
            texts, keep, base = piece.of(texts, start), np.ones(1, bool), piece.begin
            places = places[first:]
            first_row, start, stop = first_row + start, 0, 1
        arguments = self.reading.arguments()
        note_places(texts.data, texts.offsets, keep, start, stop, *arguments, *tables, first_row, base, places, noted)


def _records(table: np.ndarray, noted: np.ndarray) -> np.ndarray:
    slots = np.flatnonzero(noted[:, 2])
    keys = table[slots] & ~np.uint64(1)
    order = np.argsort(keys)
    slots = slots[order]
    found = np.empty(len(slots), RECORD)
    found["key"] = keys[order]
    for column, name in enumerate(("row", "offset", "count")):
        found[name] = noted[slots, column]
    return found
