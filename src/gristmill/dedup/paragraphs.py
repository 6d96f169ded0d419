"""Lines that stood before anywhere are cut: boilerplate goes, what is said once stays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import pyarrow as pa

from gristmill.commit import Commit
from gristmill.dataset import Batch, LayerWriter, ShardRef, drop_reasons, layer_schema
from gristmill.dedup.line_keys import Hash, LineKeys, Reading
from gristmill.dedup.repeats import FirstCopy, Repeats, find_over_shards, read_marks
from gristmill.kernels.text import CUTS, Texts
from gristmill.stage import GlobalStage, Phase, Scope, Task, setting


class ParagraphDedup(GlobalStage):
    """Cut every line that stands in the documents before it, or earlier in its own.

    A line is what newlines separate. After the cuts a text is its remaining lines joined by newlines. Empty lines are
    lines, so of all blank ones the first stays; `min_bytes: 1` leaves them alone. Only documents that no stage
    before drops take part.

    A different key for different lines is as likely as 64 bits make it: among 10^10 different lines, about three pairs
    share one by chance, and a line of each is lost.
    """

    kind = "paragraphs"
    rules = ("too_little_left",)
    makes_cuts = True
    values = pa.schema(
        [
            pa.field("keys", pa.list_(pa.uint64())),  # of each line; 0 takes no part
            pa.field("line_bytes", pa.list_(pa.uint32())),  # without the newline
            pa.field("line_characters", pa.list_(pa.uint32())),
        ]
    )
    provides = pa.schema(
        [
            pa.field("lines", pa.int32(), nullable=False),  # 0 in documents dropped before
            pa.field("removed_lines", pa.int32(), nullable=False),
            pa.field("removed_bytes", pa.int64(), nullable=False),
        ]
    )
    signal_settings: ClassVar[tuple[str, ...]] = ("reading", "accents", "hash", "min_bytes")
    reading: Reading = setting(
        "ccnet",
        "which lines are the same: cc_net's (case, digits, listed punctuation and control characters do not count) or "
        "C4's (case does not count)",
        source="CCNet, text_normalizer.py [A]; C4's code, c4_utils.py [A], while its paper speaks of three sentences",
    )
    accents: Literal["keep", "remove"] = setting(
        "keep",
        "whether accents count (reading ccnet only)",
        source="CCNet's code keeps them [A], its paper removes them [B]: contested",
    )
    hash: Hash = setting(
        "xxh64",
        "what keys are made with: XXH64, which is faster, or SHA-1, whose keys are cc_net's; they cut the same lines",
        source="this project's choice; CCNet uses SHA-1 [A]",
    )
    first_copy: FirstCopy = setting(
        "keep",
        "whether the first of equal lines stays, or all go that stand in more than one document",
        source="C4 keeps one [A]; cc_net's pipeline cuts them all (dedup.py, deduplicate_two_pass) [A]: contested",
    )
    shards_per_group: int | None = setting(
        None,
        "lines are compared within this many consecutive shards of a source; null: within all shards of all sources",
        source="CCNet hashes groups of 50 (hash_in_mem) [A], RedPajama v1 of 1 [A]",
        unit="shards",
        ge=1,
    )
    min_bytes: int = setting(
        0,
        "shorter lines, as normalised, take no part and stay",
        source="CCNet has no such limit [A]",
        unit="bytes",
        ge=0,
    )
    min_left: int = setting(
        1,
        "documents with fewer characters left are dropped",
        source="CCNet drops what is left without lines [A]; its 300 characters are asked before this step [A]",
        unit="characters",
        ge=0,
    )

    @property
    def line_keys(self) -> LineKeys:
        return LineKeys(self.reading, self.accents, self.hash, self.min_bytes)

    def signals(self, batch: Batch) -> Mapping[str, pa.Array]:
        lines = batch.index.lines
        first = pa.array(lines.first, pa.int32())
        found = (
            ("keys", self.line_keys.of(lines)),
            ("line_bytes", (lines.end - lines.start).astype(np.uint32)),
            ("line_characters", lines.characters.astype(np.uint32)),
        )
        return {name: pa.ListArray.from_arrays(first, pa.array(values)) for name, values in found}

    def warm(self) -> None:
        from gristmill.kernels import hashing
        from gristmill.kernels.repeated_lines import cut_lines

        self.signals(Batch(0, 1, Texts.from_strings(["warm"])))
        keys = np.zeros(2, np.uint64)
        hashing.find_repeats(keys, keys if self.first_copy == "cut" else None)
        hashing.find_repeats(keys)
        hashing.range_order(keys, np.zeros(len(hashing.range_counts(keys, 1)), np.int64))
        length = pa.array([0], pa.uint32()).to_numpy()  # read-only, as in a batch
        cut_lines(np.ones(1, bool), np.arange(2), length, length, np.zeros(1, bool))

    def phases(self, scope: Scope) -> Iterator[Phase]:
        if not scope.shards:
            return
        repeats = None
        for step in find_over_shards(scope, f"{self.name}.keys", self.first_copy, self.shards_per_group):
            if isinstance(step, Repeats):
                repeats = step
            else:
                yield step
        assert repeats is not None
        tasks: dict[str, list[Task]] = {}
        folders: dict[str, str] = {}
        for number, shard in enumerate(scope.shards):
            group, place = repeats.place(number)
            task = CutLayer(shard.name, self.name, self.rules, self.min_left, shard, repeats.folder, group, place)
            tasks.setdefault(shard.source, []).append(task)
            folders[shard.source] = scope.layer_folder(shard)
        for source, layers in tasks.items():  # a phase per source: its layers lie in a folder of their own
            yield Phase("layers." + source, folders[source], tuple(layers))


@dataclass(frozen=True)
class CutLayer(Task):
    """The final layer of one shard: cuts, drops and what they took."""

    name: str  # of the shard
    stage: str
    rules: tuple[str, ...]
    min_left: int
    shard: ShardRef
    folder: str  # of the marks
    group: str
    place: int  # of the shard in its group

    def run(self, commit: Commit) -> None:
        from gristmill.kernels.repeated_lines import cut_lines

        marks = read_marks(self.folder, self.group, self.place)
        prefixed = pa.schema([f.with_name(f"{self.stage}.{f.name}") for f in ParagraphDedup.provides])
        writer = LayerWriter(commit.path(f"{self.name}.parquet"), layer_schema(prefixed, drops=True, cuts=True))
        names = tuple(f"{self.stage}.{name}" for name in ("keys", "line_bytes", "line_characters"))
        done = 0
        for batch in self.shard.batches(names):
            kept = batch.keep
            lists = batch.column(names[0])
            first = lists.offsets.to_numpy().astype(np.int64)
            first -= first[0]
            keys, lengths, characters = (batch.column(name).flatten().to_numpy() for name in names)
            takes_part = np.repeat(kept, np.diff(first)) & (keys != 0)
            removed = np.zeros(len(keys), bool)
            count = int(takes_part.sum())
            removed[takes_part] = marks[done : done + count]
            done += count
            cuts = cut_lines(kept, first, lengths, characters, removed)
            first_cut, starts, ends, removed_lines, removed_bytes, left = cuts
            fallen = kept & (left < self.min_left)
            columns: dict[str, Any] = {
                f"{self.stage}.lines": np.where(kept, np.diff(first), 0).astype(np.int32),
                f"{self.stage}.removed_lines": removed_lines,
                f"{self.stage}.removed_bytes": removed_bytes,
            }
            drops = drop_reasons(self.stage, self.rules, np.where(fallen, 0, -1))
            writer.write({**columns, "drop": drops, "cuts": cuts_array(first_cut, starts, ends)})
            commit.count(rows=batch.rows, **{f"drop.{self.stage}.{self.rules[0]}": int(fallen.sum())})
            commit.count(lines=int(takes_part.sum()), removed_lines=int(removed_lines.sum()))
            commit.count(cut_bytes=int(removed_bytes.sum()))
        writer.close()


def cuts_array(first: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> pa.Array:
    """Cuts without replacement as kernels.text.CUTS; first: int64 (rows + 1,), cuts before each row."""
    spans = pa.StructArray.from_arrays(
        [pa.array(starts), pa.array(ends), pa.nulls(len(starts), pa.string())], fields=list(CUTS.value_type)
    )
    return pa.ListArray.from_arrays(pa.array(first, pa.int32()), spans, type=CUTS, mask=pa.array(np.diff(first) == 0))
