"""Lines that stood before anywhere are cut: boilerplate goes, what is said once stays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import pyarrow as pa

from gristmill.commit import Commit
from gristmill.dataset import Batch, LayerWriter, ShardRef, drop_reasons, layer_schema
from gristmill.dedup.copy_column import FIRST_COPIES, CopyColumn
from gristmill.dedup.line_keys import Hash, LineKeys, Reading
from gristmill.dedup.parts import MarkedParts, PartDedup, cuts_array
from gristmill.errors import UserError
from gristmill.kernels.code_points import code_point_tables
from gristmill.kernels.text import Texts
from gristmill.stage import Task, setting


class ParagraphDedup(PartDedup):
    """Cut every line that stands in the documents before it, or earlier in its own.

    A line is what newlines separate. After the cuts a text is its remaining lines joined by newlines. Empty lines are
    lines, so of all blank ones the first stays; `min_bytes: 1` leaves them alone. Only documents that no stage
    before drops take part.

    A different key for different lines is as likely as 64 bits make it: among 10^10 different lines, about three pairs
    share one by chance, and a line of each is lost.
    """

    kind = "paragraphs"
    rules = ("too_little_left", "too_few_sentences")
    version: ClassVar[int] = 3
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
            pa.field("first_copies", FIRST_COPIES),  # of every removed line; null without any, or where not asked for
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
    min_bytes: int = setting(
        0,
        "shorter lines, as normalised, take no part and stay",
        source="CCNet has no such limit [A]",
        unit="bytes",
        ge=0,
    )
    min_sentences: int | None = setting(
        None,
        "reading c4_lines: documents that are cut and keep fewer sentences are dropped, counted line by line; null: 3; 0: none",
        source="C4's code asks again after this step [A]",
        unit="sentences",
        ge=0,
    )
    min_left: int = setting(
        1,
        "documents with fewer characters left are dropped",
        source="CCNet drops what is left without lines [A]; its 300 characters are asked before this step [A]",
        unit="characters",
        ge=0,
    )

    def value_schema(self) -> pa.Schema:
        if self.reading == "ccnet":
            return self.values
        return self.values.append(pa.field("line_sentences", pa.list_(pa.uint32())))

    @property
    def sentences_limit(self) -> int:
        if self.reading == "ccnet":
            return 0
        return 3 if self.min_sentences is None else self.min_sentences

    def check(self) -> None:
        super().check()
        if self.reading == "ccnet" and self.min_sentences:
            raise UserError(f"{self.name}: min_sentences goes with reading c4_lines", hint="leave it out")

    @property
    def line_keys(self) -> LineKeys:
        return LineKeys(self.reading, self.accents, self.hash, self.min_bytes)

    def signals(self, batch: Batch) -> Mapping[str, pa.Array]:
        lines = batch.index.lines
        first = pa.array(lines.first, pa.int32())
        found: list[tuple[str, np.ndarray]] = [
            ("keys", self.line_keys.of(lines)),
            ("line_bytes", (lines.end - lines.start).astype(np.uint32)),
            ("line_characters", lines.characters.astype(np.uint32)),
        ]
        if self.reading == "c4_lines":
            from gristmill.kernels.phrases import lower_case
            from gristmill.kernels.sentences import abbreviations, count_sentences

            tables = abbreviations(), lower_case(), *code_point_tables()
            sentences = count_sentences(lines.texts.data, lines.start, lines.end, *tables)
            found.append(("line_sentences", sentences.astype(np.uint32)))
        return {name: pa.ListArray.from_arrays(first, pa.array(values)) for name, values in found}

    def warm(self) -> None:
        from gristmill.kernels.repeated_lines import cut_lines

        super().warm()
        self.signals(Batch(0, 1, Texts.from_strings(["warm"])))
        length = pa.array([0], pa.uint32()).to_numpy()  # read-only, as in a batch
        cut_lines(np.ones(1, bool), np.arange(2), length, length, np.zeros(1, bool))

    @property
    def part_columns(self) -> tuple[str, ...]:
        return ("line_bytes",)

    def part_spans(self, first: np.ndarray, *columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return line_spans(first, *columns)

    def layer_task(self, shard: ShardRef, marked: MarkedParts) -> Task:
        return CutLayer(shard.name, self.name, self.rules, self.min_left, self.sentences_limit, shard, marked)


def line_spans(first: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Start and end of lines from their bytes, without newlines; one newline lies between two."""
    before = np.concatenate([[0], np.cumsum(lengths.astype(np.int64) + 1)])
    starts = before[:-1] - np.repeat(before[first[:-1]], np.diff(first))
    return starts, starts + lengths


@dataclass(frozen=True)
class CutLayer(Task):
    """The final layer of one shard: cuts, drops and what they took."""

    name: str  # of the shard
    stage: str
    rules: tuple[str, ...]
    min_left: int
    min_sentences: int
    shard: ShardRef
    marked: MarkedParts

    def run(self, commit: Commit) -> None:
        from gristmill.kernels.repeated_lines import cut_lines

        marks, copies = self.marked.read(), self.marked.column()
        prefixed = pa.schema([f.with_name(f"{self.stage}.{f.name}") for f in ParagraphDedup.provides])
        writer = LayerWriter(commit.path(f"{self.name}.parquet"), layer_schema(prefixed, drops=True, cuts=True))
        names = tuple(f"{self.stage}.{name}" for name in ("keys", "line_bytes", "line_characters"))
        counted = [f"{self.stage}.line_sentences"] if self.min_sentences else []
        done = 0
        for batch in self.shard.batches((*names, *counted)):
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
            rules = np.where(kept & (left < self.min_left), 0, -1)
            if self.min_sentences:
                sentences = np.where(removed, 0, batch.column(counted[0]).flatten().to_numpy())
                rest = np.diff(np.concatenate([[0], np.cumsum(sentences)])[first])
                rules[(rules < 0) & (removed_lines > 0) & (rest < self.min_sentences)] = 1
            columns: dict[str, Any] = {
                f"{self.stage}.lines": np.where(kept, np.diff(first), 0).astype(np.int32),
                f"{self.stage}.removed_lines": removed_lines,
                f"{self.stage}.removed_bytes": removed_bytes,
                f"{self.stage}.first_copies": self._first_copies(
                    copies, batch.first_row, first, keys, lengths, removed
                ),
            }
            drops = drop_reasons(self.stage, self.rules, rules)
            writer.write({**columns, "drop": drops, "cuts": cuts_array(first_cut, starts, ends)})
            commit.count(rows=batch.rows, documents=int(kept.sum()))
            for number, rule in enumerate(self.rules):
                commit.count(**{f"drop.{self.stage}.{rule}": int((rules == number).sum())})
            commit.count(lines=int(takes_part.sum()), removed_lines=int(removed_lines.sum()))
            commit.count(cut_bytes=int(removed_bytes.sum()))
        writer.close()

    def _first_copies(
        self,
        column: CopyColumn,
        first_row: int,
        first: np.ndarray,
        keys: np.ndarray,
        lengths: np.ndarray,
        removed: np.ndarray,
    ) -> pa.Array:
        gone = np.flatnonzero(removed)
        rows = np.repeat(np.arange(len(first) - 1), np.diff(first))[gone]
        starts, ends = line_spans(first, lengths)
        answers = self.marked.answers(column, first_row, keys[gone]) if self.marked.copies else keys[:0]
        return column.of(rows, starts[gone], ends[gone], answers, len(first) - 1)
