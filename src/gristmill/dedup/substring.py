"""Spans of text that stand more than once in the surviving documents, found exactly and in bounded memory.

    sample:        a task per group of shards → keys of a sample of grams        (substring_grams)
    match_sample:  a task per range of keys   → which of them stand twice        (substring_runs)
    gather_sample: a task per group of shards → those of its own
    grams:         a task per group of shards → keys of the grams near these
    match_grams:   a task per range of keys   → which of them stand twice
    gather_grams:  a task per group of shards → those of its own
    copies …:      four phases               → where each of them stands first       (first_copies)
    layers:        a task per shard           → spans, cuts, drops               (substring_layer)

A *gram* is `length` tokens in a row. Two equal grams have the same minimiser (kernels.grams), so a gram whose minimiser stands
nowhere else is no repeat; only the few others are compared as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar, Literal

import numpy as np
import pyarrow as pa

from gristmill import storage
from gristmill.commit import read_receipt
from gristmill.dedup.first_copies import CopyPlan, FirstCopies, find_copies
from gristmill.dedup.loss import LossLimit
from gristmill.dedup.readings import load_tokenizer
from gristmill.dedup.records import numbered
from gristmill.dedup.shuffle import ShufflePlan
from gristmill.dedup.substring_copies import NoteGrams
from gristmill.dedup.substring_grams import GramsNearSample, SampleGrams
from gristmill.dedup.substring_layer import SUBSTRING_VALUES, SubstringLayer
from gristmill.dedup.substring_runs import HELD_BYTES, MATCH_BYTES, GatherRuns, MatchRuns, RepeatedKeys, keys_in
from gristmill.dedup.substring_tokens import EncodeShard, GramReading
from gristmill.errors import UserError
from gristmill.kernels.text import Texts
from gristmill.stage import GlobalStage, Location, Phase, Scope, Task, setting

BYTES_A_TOKEN = {"words": 6, "bytes": 1, "ids": 4}  # of text, spaces included: English web pages
COMPRESSION = 3  # bytes of text a byte of a documents file stands for, where its receipt does not say


class ExactSubstring(LossLimit, GlobalStage):
    """Remove spans of text, `length` tokens or longer, that stand more than once in the surviving documents of its scope.

    A span is every token of every gram of `length` tokens that stands twice: in two documents, or in one, also
    where the two overlap. No gram crosses from one document into the next. Words are equal when their bytes are; how
    much and which white space lies between them does not matter.

    `keep_first` leaves the first occurrence of each gram, by source, shard and row; of a text that repeats with a period shorter
    than `length`, a line of dashes say, it leaves one period. The other modes count every copy.

    A cut of words takes the white space at one side with it, so that one gap is left, the one with more newlines. A cut of
    bytes begins and ends where characters do. Cutting brings texts together that were apart, which may make new repeats: a second
    such stage behind this one finds them (Lee et al. run their tool twice).

    Grams are compared by 63-bit hashes: of n grams that are compared, n^2 / 2^64 pairs are taken for equal by chance.
    """

    kind = "substring"
    rules = ("duplicated", "too_little_left")
    version: ClassVar[int] = 2
    provides = SUBSTRING_VALUES
    makes_cuts: ClassVar[bool] = True

    length: int = setting(
        50,
        "least length of a repeated span",
        source="RefinedWeb and Lee et al., of BPE tokens, not words [B]; Lee et al.'s tool: 100 bytes of token ids [A]",
        unit="tokens",
        ge=1,
        le=100_000,
    )
    tokens: Literal["words", "bytes", "ids"] = setting(
        "words",
        "what a token is: what white space separates; a byte (for scripts without spaces, with a greater length); or an id of "
        "`tokenizer`",
        source="this project's choice; RefinedWeb and Lee et al. use BPE tokens [B]",
    )
    tokenizer: Location | None = setting(
        None, "tokens ids: a tokenizer.json of Hugging Face tokenizers", source="RefinedWeb: GPT-2's [B]"
    )
    mode: Literal["cut", "keep_first", "drop", "mark"] = setting(
        "cut",
        "remove every copy; every copy but the first; drop documents with too large a share; or only write the spans down "
        "in the column `ranges`, so that a loss can pass over them",
        source="RefinedWeb compares cutting, masking and dropping, and cuts [B]; every copy, as Lee et al.'s tool does [A]",
    )
    drop_share: float = setting(
        0.2,
        "mode drop: a document with a larger share of its bytes in repeated spans is dropped",
        source="RefinedWeb DropPartial [C]; 0 is its DropAny",
        unit="share of bytes",
        ge=0,
        le=1,
    )
    min_left: int = setting(
        20,
        "modes cut and keep_first: a document that is cut and keeps fewer characters is dropped",
        source="RefinedWeb [B]",
        unit="characters",
        ge=0,
    )

    first_copies: bool = setting(
        True,
        "write down for every span where the first copy of its first `length` tokens lies and how many there are",
        source="this project's choice",
    )

    def check(self) -> None:
        if (self.tokens == "ids") != (self.tokenizer is not None):
            raise UserError(f"{self.name}: `tokens: ids` and `tokenizer` go together", hint="tokenizer: tokenizer.json")
        if self.tokenizer is not None:
            load_tokenizer(str(self.tokenizer))

    def reading(self, scope: Scope | None = None) -> GramReading:
        encoded = storage.join(scope.folder, "encoded") if scope is not None and self.tokens == "ids" else ""
        return GramReading(self.length, self.tokens, self.tokenizer or "", encoded)

    def phases(self, scope: Scope) -> Iterator[Phase]:
        if not scope.shards:
            return
        from gristmill.kernels.grams import sampled_share

        reading = self.reading(scope)
        if self.tokenizer is not None:
            yield from _encode(scope, reading)
        groups = ShufflePlan.of(scope, 1).groups
        tokens = _text_bytes(scope) // BYTES_A_TOKEN[self.tokens]
        expected = tokens * sampled_share(self.length)
        ranges, held = _ranges(expected, scope), keys_in(scope.memory, HELD_BYTES, expected)
        sample = _phase(
            scope,
            "sample",
            ranges,
            [
                SampleGrams(numbered(number), reading, scope.shards[start:stop], ranges, held)
                for number, (start, stop) in enumerate(groups)
            ],
        )
        yield sample
        match = self._match(scope, "match_sample", sample, ranges)
        yield match
        gather = self._gather(scope, "gather_sample", sample, match)
        yield gather
        near = sum(_count(match, task.name, "repeated") for task in match.tasks)
        expected = near / sampled_share(self.length) * 1.5
        ranges, held = _ranges(expected, scope), keys_in(scope.memory, HELD_BYTES, expected)
        repeated = RepeatedKeys(gather.folder, sample.folder)
        grams = _phase(
            scope,
            "grams",
            ranges,
            [
                GramsNearSample(numbered(number), reading, number, scope.shards[start:stop], repeated, ranges, held)
                for number, (start, stop) in enumerate(groups)
            ],
        )
        yield grams
        match = self._match(scope, "match_grams", grams, ranges)
        yield match
        gather = self._gather(scope, "gather_grams", grams, match)
        yield gather
        repeated = RepeatedKeys(gather.folder, grams.folder)
        copies: FirstCopies | None = None
        most = sum(_count(match, task.name, "repeated") for task in match.tasks)
        for found in self._find_copies(scope, groups, repeated, most) if self.first_copies and most else ():
            if isinstance(found, FirstCopies):
                copies = found
            else:
                yield found
        yield from self._layers(scope, groups, repeated, copies)

    def _find_copies(
        self, scope: Scope, groups: tuple[tuple[int, int], ...], repeated: RepeatedKeys, most: int
    ) -> Iterator[Phase | FirstCopies]:
        plan = CopyPlan.of(scope, most)
        tasks: list[Task] = [
            NoteGrams(numbered(number), self.reading(scope), number, scope.shards[start:stop], repeated, plan)
            for number, (start, stop) in enumerate(groups)
        ]
        yield from find_copies(scope, scope.phase(f"copies-{plan.ranges}", tasks), groups, plan.ranges)

    def _match(self, scope: Scope, name: str, written: Phase, ranges: int) -> Phase:
        first_runs = _first_runs(written)
        keys = sum(_count(written, task.name, "distinct_keys") for task in written.tasks)
        most = keys_in(scope.memory, MATCH_BYTES, keys)
        tasks = [MatchRuns(numbered(part), written.folder, part, ranges, first_runs, most) for part in range(ranges)]
        return _phase(scope, name, ranges, tasks)

    def _gather(self, scope: Scope, name: str, written: Phase, match: Phase) -> Phase:
        ranges, first_runs = len(match.tasks), _first_runs(written)
        tasks = [
            GatherRuns(task.name, match.folder, number, ranges, first_runs) for number, task in enumerate(written.tasks)
        ]
        return _phase(scope, name, ranges, tasks)

    def _layers(
        self,
        scope: Scope,
        groups: tuple[tuple[int, int], ...],
        repeated: RepeatedKeys,
        copies: FirstCopies | None,
    ) -> Iterator[Phase]:
        """A phase per source: its layers lie in a folder of their own."""
        tasks: dict[str, list[Task]] = {}
        folders: dict[str, str] = {}
        for group, (start, stop) in enumerate(groups):
            for number, shard in enumerate(scope.shards[start:stop]):
                task = SubstringLayer(
                    shard.name,
                    self.name,
                    self.rules,
                    self.reading(scope),
                    self.mode,
                    self.drop_share,
                    self.min_left,
                    shard,
                    group,
                    number,
                    repeated,
                    copies,
                )
                tasks.setdefault(shard.source, []).append(task)
                folders[shard.source] = scope.layer_folder(shard)
        phases = {source: Phase("layers." + source, folders[source], tuple(of)) for source, of in tasks.items()}
        yield from phases.values()
        self.stop_on_lost_layers(phases)

    def warm(self) -> None:
        from gristmill.kernels import grams, key_table, span_edges
        from gristmill.kernels.code_points import code_point_tables

        texts, keep = Texts.from_strings(["warm"]), np.ones(1, bool)
        keys, none = np.empty(8, np.uint64), np.empty(0, np.int64)
        spans = none, none, none
        first_keys = np.empty(0, np.uint64)
        if self.tokens == "ids":
            texts = Texts(pa.array([1], pa.uint32()).to_numpy(), np.array([0, 1]))
        reading = self.reading()
        reading.sample(texts, keep)(0, keys, 0)
        read_only = np.frombuffer(bytes(8), np.uint64)
        for found in (keys[:0], read_only[:0]):
            table = key_table.make_table(found)
        key_table.merge_equal(keys[:0])
        key_table.repeated_keys(keys[:0])
        key_table.keep_repeated(keys[:0], np.zeros(1, np.int64), table)
        reading.near(texts, keep, 1, table)(0, keys, 0)
        bits = key_table.make_filter(table)
        keep_first = self.mode == "keep_first"
        arguments = reading.arguments()
        grams.covered_spans(
            texts.data, texts.offsets, keep, 0, 1, *arguments, table, bits, keep_first, *spans, first_keys, 0
        )
        grams.join_touching(texts.data, texts.offsets, *spans, first_keys, *arguments[1:])
        if self.first_copies:
            noted, nowhere = np.zeros((len(table), 3), np.uint32), np.empty(0, np.uint32)
            grams.note_places(texts.data, texts.offsets, keep, 0, 1, *arguments, table, bits, 0, 0, nowhere, noted)
        grams.piece_edges(texts.data, 0, 1, 1, *arguments, np.empty((2, 2), np.int64))
        texts = Texts.from_strings(["warm"])
        span_edges.take_gaps(texts.data, texts.offsets, *spans, *code_point_tables())
        span_edges.shrink_to_characters(texts.data, texts.offsets, *spans)
        span_edges.characters_left(texts.data, texts.offsets, *spans, np.empty(1, np.int64))


def _encode(scope: Scope, reading: GramReading) -> Iterator[Phase]:
    """A phase per source, as its shards are named within it."""
    for source in dict.fromkeys(shard.source for shard in scope.shards):
        tasks = tuple(
            EncodeShard(shard.name, shard, reading.tokenizer) for shard in scope.shards if shard.source == source
        )
        yield Phase(f"encoded.{source}", storage.join(reading.encoded, source), tasks)


def _phase(scope: Scope, name: str, ranges: int, tasks: Sequence[Task]) -> Phase:
    """A phase whose folder names the ranges: a run that is taken up with another memory must not mix two splits."""
    return Phase(name, storage.join(scope.folder, f"{name}-{ranges}"), tuple(tasks))


def _ranges(keys: float, scope: Scope) -> int:
    """Ranges for about so many keys; a match task that gets too many takes several passes."""
    return max(1, min(1 << 14, -(-int(keys) // keys_in(scope.memory, MATCH_BYTES, keys))))


def _text_bytes(scope: Scope) -> int:
    """Bytes of all documents as written, from receipts."""
    total = 0
    for shard in scope.shards:
        receipt = read_receipt(shard.documents, shard.name)
        if receipt is not None:
            stored = sum(entry.bytes for entry in receipt.files if entry.name == f"{shard.name}.parquet")
            total += receipt.counts.get("bytes", stored * COMPRESSION)
    return total


def _count(phase: Phase, task: str, key: str) -> int:
    receipt = read_receipt(phase.folder, task)
    if receipt is None:
        raise FileNotFoundError(f"{phase.folder}/{task}: not written yet")
    return receipt.counts.get(key, 0)


def _first_runs(phase: Phase) -> tuple[int, ...]:
    """Number of the first run of each group, then of all runs."""
    counts = [_count(phase, task.name, "runs") for task in phase.tasks]
    return tuple(int(start) for start in np.concatenate([[0], np.cumsum(counts)]))
