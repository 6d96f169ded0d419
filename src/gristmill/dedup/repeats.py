"""Which keys of long lists of keys stood before, found over all shards in bounded memory.

    partition: a task per group of shards → <group>.records, <group>.index, <group>.shards.npy, <group>.marks
    match:     a task per range of keys   → <range>.repeats, <range>.index
    index:     a task per range of keys   → <range>.keys, where later runs shall be checked against this one
    gather:    a task per group of shards → <group>.marks

A row has a list of keys (of its lines, say); a 0 takes no part. Every key that takes part has an *ordinal*, its number
within its group of shards. `marks` is a byte per ordinal, 1 where the key is a repeat, 2 where it is only the first of
several and these are to be counted: what a shard needs is one short read.

The ordinals of a group are handled in *runs* of equal length. A run marks its own repeats and passes on one *record* a
key, so that a line that stands in every document is a record per run. `records` holds, run after run, the keys
(uint64) and then the ordinals (uint32, counted from the run's first), both in the order of the key's *slice*, which is
one of `slices` equal parts of the 64-bit numbers. `index` of a group is int64 (slices + 1, runs): the record number
where each slice begins. A range is some consecutive slices, chosen once the number of records is known. `repeats` is
twice the ordinals (int64) of repeats, and 1 more where only the first of several is meant, group after group; `index` of a
range is int64 (groups + 1,): where each group begins. All little-endian.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO

import numpy as np
import xxhash

from gristmill import storage
from gristmill.commit import Commit, Receipt, read_receipt
from gristmill.dataset import ShardRef
from gristmill.dedup.line_index import DescribeIndex, IndexPlan, KeyIndex
from gristmill.dedup.records import numbered
from gristmill.dedup.repeats_match import (
    FIRST,
    REPEAT,
    FirstCopy,
    Gather,
    KeyMatch,
    RecordRange,
    WriteIndex,
    repeats_among,
)
from gristmill.dedup.shuffle import ShufflePlan
from gristmill.stage import Phase, Scope, Task

MOST_SLICES = 1 << 14
KEYS_PER_ROW = 128  # a guess on the high side; slices are joined when they turn out small


@dataclass(frozen=True)
class RepeatPlan:
    """How a scope is split. Results depend on `scopes` alone, the rest is time and memory."""

    groups: tuple[tuple[int, int], ...]  # first shard and the shard after the last
    scopes: tuple[int, ...]  # of each shard: keys are compared within a scope only
    slices: int
    held: int  # keys a task holds

    @classmethod
    def of(cls, scope: Scope, shards_per_group: int | None) -> RepeatPlan:
        shuffle = ShufflePlan.of(scope, KEYS_PER_ROW, whole=True)
        slices = min(MOST_SLICES, 1 << max(0, shuffle.ranges - 1).bit_length())
        return cls(shuffle.groups, tuple(_scopes(scope.shards, shards_per_group)), slices, shuffle.run_records)

    def is_whole(self, start: int, stop: int) -> bool:
        """True when no scope reaches beyond these shards."""
        before = start == 0 or self.scopes[start - 1] != self.scopes[start]
        return before and (stop == len(self.scopes) or self.scopes[stop] != self.scopes[stop - 1])


def _scopes(shards: tuple[ShardRef, ...], shards_per_group: int | None) -> Iterator[int]:
    if shards_per_group is None:
        yield from itertools.repeat(0, len(shards))
        return
    number = -1
    for _, of_source in itertools.groupby(shards, key=lambda shard: shard.source):
        for place, _ in enumerate(of_source):
            number += place % shards_per_group == 0
            yield number


@dataclass(frozen=True)
class Repeats:
    """Where the marks of all shards lie once all phases are done."""

    folder: str
    groups: tuple[tuple[int, int], ...]

    def place(self, shard: int) -> tuple[str, int]:
        """The group of a shard, and its number in there."""
        for number, (start, stop) in enumerate(self.groups):
            if start <= shard < stop:
                return numbered(number), shard - start
        raise IndexError(shard)


def find_over_shards(
    scope: Scope,
    column: str,
    first_copy: FirstCopy,
    shards_per_group: int | None,
    known: tuple[KeyIndex, ...] = (),
    index: IndexPlan | None = None,
    *,
    note_firsts: bool = False,
) -> Iterator[Phase | Repeats]:
    """The phases that mark repeated keys of a list column, then where the marks are.

    known: keys of earlier runs, which count as first copies. index: what to leave behind for later ones. note_firsts: mark
    the first of several as such, too.

    first_copy: "keep" marks every key that stood before, in the order of shards, rows and places in the list. "cut"
    marks every key that stands in several rows, the first one too, and in each row all but the first of its own.
    """
    plan = RepeatPlan.of(scope, shards_per_group)
    partition = scope.phase(
        "partition",
        [
            KeyPartition(
                numbered(number),
                column,
                scope.shards[start:stop],
                plan.scopes[start:stop],
                plan.is_whole(start, stop) and not known and index is None,
                first_copy,
                plan,
                note_firsts,
            )
            for number, (start, stop) in enumerate(plan.groups)
        ],
    )
    yield partition
    receipts = [_receipt(partition.folder, task.name) for task in partition.tasks]
    records = sum(receipt.counts["records"] for receipt in receipts)
    if records == 0 and index is None:
        yield Repeats(partition.folder, plan.groups)
        return
    most = records + sum(earlier.records for earlier in known)
    ranges = max(1, min(plan.slices, -(-most * 9 // (8 * plan.held))))  # an eighth spare for uneven ranges
    bounds = [number * plan.slices // ranges for number in range(ranges + 1)]
    runs = tuple(receipt.counts["runs"] for receipt in receipts)
    parts = [
        (numbered(number), RecordRange(partition.folder, runs, start, stop, plan.slices, plan.held))
        for number, (start, stop) in enumerate(itertools.pairwise(bounds))
    ]
    match = scope.phase("match", [KeyMatch(name, part, first_copy, known, note_firsts) for name, part in parts])
    yield match
    if index is not None:
        carried = known if index.carry else ()
        written = scope.phase("index", [WriteIndex(name, part, carried) for name, part in parts])
        yield written
        firsts = tuple(part.bounds[0] for _, part in parts)
        describe = DescribeIndex("index.json", written.folder, tuple(name for name, _ in parts), firsts, index.about)
        yield Phase("index.json", written.folder, (describe,))
    gather = scope.phase(
        "gather",
        [
            Gather(task.name, number, partition.folder, match.folder, ranges)
            for number, task in enumerate(partition.tasks)
        ],
    )
    yield gather
    yield Repeats(gather.folder, plan.groups)


def _receipt(folder: str, name: str) -> Receipt:
    receipt = read_receipt(folder, name)
    if receipt is None:
        raise FileNotFoundError(f"{folder}/{name}: its receipt is gone")
    return receipt


@dataclass(frozen=True)
class KeyPartition(Task):
    """Keys of a group of shards: repeats marked run by run, the others split by range of keys."""

    name: str
    column: str
    shards: tuple[ShardRef, ...]
    scopes: tuple[int, ...]
    whole: bool  # no scope reaches beyond these shards
    first_copy: FirstCopy
    plan: RepeatPlan = field(repr=False)
    note_firsts: bool = False

    def run(self, commit: Commit) -> None:
        index: list[np.ndarray] = []
        firsts: list[int] = []
        with (
            open(commit.path(self.name + ".records"), "wb") as records,
            open(commit.path(self.name + ".marks"), "wb") as marks,
        ):
            for keys, again, last in self._runs(firsts, commit):
                alone = self.whole and last and not index  # nothing to match with
                index.append(self._write_run(keys, again, alone, index, records, marks, commit))
        columns = np.stack(index, axis=1) if index else np.zeros((self.plan.slices + 1, 0), np.int64)
        with open(commit.path(self.name + ".index"), "wb") as stream:
            stream.write(columns.astype("<i8").tobytes())
        with open(commit.path(self.name + ".shards.npy"), "wb") as stream:
            np.save(stream, np.array(firsts, np.int64))
        commit.count(runs=len(index), records=0)

    def _runs(self, firsts: list[int], commit: Commit) -> Iterator[tuple[np.ndarray, np.ndarray | None, bool]]:
        """Keys in order, `held` at a time; marks of those that stand in their row again; and whether they are the last.

        firsts: receives the first ordinal of each shard, and the number of ordinals.
        """
        most = self.plan.held
        keys = np.empty(most, np.uint64)
        again = np.empty(most, np.uint8) if self.first_copy == "cut" else None
        filled = total = 0
        for shard, scope in zip(self.shards, self.scopes, strict=True):
            firsts.append(total)
            for found, repeated in self._keys(shard, np.uint64(scope_number(scope)), commit):
                total += len(found)
                done = 0
                while done < len(found):
                    if filled == most:
                        yield keys, again, False
                        filled = 0
                    count = min(most - filled, len(found) - done)
                    keys[filled : filled + count] = found[done : done + count]
                    if again is not None and repeated is not None:
                        again[filled : filled + count] = repeated[done : done + count]
                    filled, done = filled + count, done + count
        firsts.append(total)
        commit.count(keys=total)
        if filled:
            yield keys[:filled], None if again is None else again[:filled], True

    def _keys(
        self, shard: ShardRef, scope: np.uint64, commit: Commit
    ) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
        from gristmill.kernels.key_repeats import find_repeats

        for batch in shard.batches((self.column,)):
            lists = batch.column(self.column)
            kept = batch.keep
            commit.count(documents=int(kept.sum()))
            keys = lists.flatten().to_numpy()
            counts = np.diff(lists.offsets.to_numpy())
            takes_part = np.repeat(kept, counts) & (keys != 0)
            keys = keys[takes_part]
            if self.first_copy == "keep":
                yield keys ^ scope, None
                continue
            rows = np.repeat(np.arange(batch.rows, dtype=np.uint64), counts)[takes_part]
            again = np.zeros(len(keys), np.uint8)
            places, firsts = find_repeats(keys, rows)
            again[firsts], again[places] = FIRST, REPEAT
            yield keys ^ scope, again

    def _write_run(
        self,
        keys: np.ndarray,
        again: np.ndarray | None,
        alone: bool,
        index: list[np.ndarray],
        records: IO[bytes],
        marks: IO[bytes],
        commit: Commit,
    ) -> np.ndarray:
        from gristmill.kernels.hashing import range_counts, range_order

        if again is None:
            ordinals = np.arange(len(keys), dtype=np.uint32)
        else:
            ordinals = np.flatnonzero(again != REPEAT).astype(np.uint32)
            keys = keys[ordinals]
        marked, passed, firsts = repeats_among(keys, self.first_copy)
        own = np.zeros(len(ordinals), np.uint8) if again is None else again & (REPEAT | FIRST * self.note_firsts)
        commit.count(repeats=int((own & REPEAT).sum()) + len(marked))
        own[ordinals[marked]] = REPEAT
        if self.note_firsts:
            own[ordinals[firsts]] |= FIRST
        marks.write(own.data)
        keys, ordinals = keys[passed], ordinals[passed]
        starts = np.zeros(self.plan.slices + 1, np.int64)
        if not alone:
            np.cumsum(range_counts(keys, self.plan.slices), out=starts[1:])
            order = range_order(keys, starts[:-1].copy())
            records.write(keys[order].astype("<u8").data)
            records.write(ordinals[order].astype("<u4").data)
            commit.count(records=len(keys))
        return starts + (index[-1][-1] if index else 0)


def scope_number(scope: int) -> int:
    """A number that keeps the keys of one scope apart from those of others."""
    return xxhash.xxh3_64_intdigest(scope.to_bytes(8, "little")) if scope else 0


def read_marks(folder: str, group: str, shard: int) -> np.ndarray:
    """The marks of one shard of a group, uint8 (keys that take part,): REPEAT, FIRST."""
    with storage.open_input(storage.join(folder, group + ".shards.npy")) as stream:
        start, stop = np.load(stream)[shard : shard + 2].tolist()
    with storage.open_input(storage.join(folder, group + ".marks")) as stream:
        stream.seek(start)
        return np.frombuffer(stream.read(stop - start), np.uint8)
