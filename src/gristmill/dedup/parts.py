"""Dedup of the parts of documents: parts that share a key with an earlier one are cut, whole documents stay."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import pyarrow as pa
from pydantic import field_validator

from gristmill.dataset import ShardRef
from gristmill.dedup.copy_column import CopyColumn
from gristmill.dedup.first_copies import CopyPlan, FirstCopies, find_copies
from gristmill.dedup.line_index import IndexPlan, KeyIndex, find_index
from gristmill.dedup.loss import LossLimit, counts_by_source
from gristmill.dedup.part_copies import NoteParts
from gristmill.dedup.records import numbered
from gristmill.dedup.repeats import RepeatPlan, Repeats, find_over_shards, read_marks, scope_number
from gristmill.dedup.repeats_match import REPEAT, FirstCopy
from gristmill.errors import UserError
from gristmill.kernels.text import CUTS
from gristmill.stage import GlobalStage, Location, LocationText, Phase, Scope, Task, setting


class PartDedup(LossLimit, GlobalStage):
    """Base of the stages whose signals are a list of keys a document; a subclass says of what parts, and cuts them."""

    makes_cuts: ClassVar[bool] = True
    first_copy: FirstCopy = setting(
        "keep",
        "whether the first of equal parts stays, or all go that stand in more than one document",
        source="C4 keeps one [A]; cc_net's pipeline cuts them all (dedup.py, deduplicate_two_pass) [A]: contested",
    )
    shards_per_group: int | None = setting(
        None,
        "parts are compared within this many consecutive shards of a source; null: within all shards of all sources",
        source="CCNet hashes groups of 50 (hash_in_mem) [A], RedPajama v1 of 1 [A]",
        unit="shards",
        ge=1,
    )
    index: Literal["none", "own", "all"] = setting(
        "none",
        "leave an index behind, in the folder `index` of this stage: of the parts in this run, or also of those it was "
        "checked against",
        source="this project's choice",
    )
    against: tuple[Location, ...] = setting(
        (),
        "indexes of earlier runs: the parts they hold are cut here, as if those documents stood before these. An index folder, "
        "a copy of one, or the folder of the stage that left it",
        source="this project's choice",
    )

    first_copies: bool = setting(
        True,
        "write down for every part that is cut where the first like it lies and how many there are",
        source="this project's choice",
    )

    @field_validator("against")
    @classmethod
    def _find_indexes(cls, locations: tuple[str, ...]) -> tuple[str, ...]:
        """Each as its index.json, which names the checksums of all its files: that is what makes the fingerprint."""
        return tuple(LocationText(find_index(location)) for location in locations)

    @property
    def about_keys(self) -> str:
        """JSON of what makes the keys."""
        settings = {name: getattr(self, name) for name in self.signal_settings}
        return json.dumps({"kind": self.kind, **settings}, sort_keys=True)

    def indexes(self) -> tuple[KeyIndex, ...]:
        return tuple(KeyIndex.open(location, self.about_keys) for location in self.against)

    def check(self) -> None:
        if (self.index != "none" or self.against) and (self.shards_per_group or self.first_copy != "keep"):
            raise UserError(
                f"{self.name}: `index` and `against` go with `first_copy: keep` and without `shards_per_group`",
                hint="an index says of a part that it was kept once, somewhere",
            )
        self.indexes()

    @property
    @abstractmethod
    def part_columns(self) -> tuple[str, ...]:
        """The list columns of its signals that `part_spans` reads."""

    @abstractmethod
    def part_spans(self, first: np.ndarray, *columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Start and end of every part of a batch in bytes of its row's text. first: int64 (rows + 1,), parts before each row."""

    @abstractmethod
    def layer_task(self, shard: ShardRef, marked: MarkedParts) -> Task:
        """What writes the layer of a shard."""

    def warm(self) -> None:
        from gristmill.kernels import hashing, key_repeats

        keys = np.zeros(2, np.uint64)
        key_repeats.find_repeats(keys, keys if self.first_copy == "cut" else None)
        key_repeats.find_repeats(keys)
        hashing.range_order(keys, np.zeros(len(hashing.range_counts(keys, 1)), np.int64))

    def phases(self, scope: Scope) -> Iterator[Phase]:
        if not scope.shards:
            return
        repeats = None
        index = None if self.index == "none" else IndexPlan(self.about_keys, self.index == "all")
        column, known = f"{self.name}.keys", self.indexes()
        marked = 0
        steps = find_over_shards(
            scope, column, self.first_copy, self.shards_per_group, known, index, note_firsts=self.first_copies
        )
        for step in steps:
            if isinstance(step, Repeats):
                repeats = step
            else:
                yield step
                marked += counts_by_source(step, "repeats").get("", 0)
        assert repeats is not None
        copies: FirstCopies | None = None
        scopes = RepeatPlan.of(scope, self.shards_per_group).scopes
        for found in (
            self._find_copies(scope, repeats, scopes, 2 * marked, known) if self.first_copies and marked else ()
        ):
            if isinstance(found, FirstCopies):
                copies = found
            else:
                yield found
        tasks: dict[str, list[Task]] = {}
        folders: dict[str, str] = {}
        for number, shard in enumerate(scope.shards):
            group, place = repeats.place(number)
            task = self.layer_task(shard, MarkedParts(repeats.folder, group, place, copies, scopes[number]))
            tasks.setdefault(shard.source, []).append(task)
            folders[shard.source] = scope.layer_folder(shard)
        phases = {source: Phase("layers." + source, folders[source], tuple(of)) for source, of in tasks.items()}
        yield from phases.values()  # a phase per source: its layers lie in a folder of their own
        self.stop_on_lost_layers(phases)

    def _find_copies(
        self, scope: Scope, repeats: Repeats, scopes: tuple[int, ...], most: int, known: tuple[KeyIndex, ...]
    ) -> Iterator[Phase | FirstCopies]:
        plan = CopyPlan.of(scope, most)
        tasks: list[Task] = [
            NoteParts(numbered(number), self, scope.shards[start:stop], scopes[start:stop], repeats.folder, plan)
            for number, (start, stop) in enumerate(repeats.groups)
        ]
        noted = scope.phase(f"copies-{plan.ranges}", tasks)
        yield from find_copies(scope, noted, repeats.groups, plan.ranges, known)


@dataclass(frozen=True)
class MarkedParts:
    """Where the marks of a shard's parts lie, and their first copies where these are known."""

    folder: str
    group: str
    place: int  # of the shard in its group
    copies: FirstCopies | None
    scope: int  # within which parts are compared

    def read(self) -> np.ndarray:
        """Which parts are repeats, bool, of those that take part."""
        return (read_marks(self.folder, self.group, self.place) & REPEAT).astype(bool)

    def column(self) -> CopyColumn:
        return CopyColumn(self.copies, self.group, self.place)

    def answers(self, column: CopyColumn, first_row: int, keys: np.ndarray) -> np.ndarray:
        return column.answers(first_row, keys ^ np.uint64(scope_number(self.scope)))


def cuts_array(first: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> pa.Array:
    """Cuts without replacement as kernels.text.CUTS; first: int64 (rows + 1,), cuts before each row."""
    spans = pa.StructArray.from_arrays(
        [pa.array(starts), pa.array(ends), pa.nulls(len(starts), pa.string())], fields=list(CUTS.value_type)
    )
    return pa.ListArray.from_arrays(pa.array(first, pa.int32()), spans, type=CUTS, mask=pa.array(np.diff(first) == 0))
