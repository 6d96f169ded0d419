"""How much of each evaluation row stands in the training documents, counted in tokens as for Llama 2. Nothing is removed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gristmill import storage
from gristmill.commit import Commit
from gristmill.dataset import Batch, ShardRef
from gristmill.decontamination.evaluation_sets import EvaluationSet
from gristmill.decontamination.layer import EXCERPT
from gristmill.decontamination.needles import NeedleReading, Needles, make_needles
from gristmill.decontamination.search import FIRST_ROOM, MakeNeedles, evaluation_counts, read_needles
from gristmill.decontamination.tokenizer_tokens import TokenizerTokens
from gristmill.dedup.records import numbered
from gristmill.dedup.shuffle import ShufflePlan
from gristmill.errors import UserError
from gristmill.kernels.folded_tokens import FoldedTokens, fold, tokens_of
from gristmill.kernels.text import Texts
from gristmill.stage import Location, Phase, PhasedStage, Scope, Task, setting

ROWS = pa.schema(
    [
        pa.field("evaluation_set", pa.string()),
        pa.field("evaluation_row", pa.int64()),  # counted from 0
        pa.field("tokens", pa.int64()),
        pa.field("contaminated", pa.int64()),  # tokens in any match; those skipped in it do not count
        pa.field("share", pa.float64()),
    ]
)
MATCHES = pa.schema(
    [
        pa.field("source", pa.string()),
        pa.field("shard", pa.string()),
        pa.field("row", pa.int64()),
        pa.field("id", pa.string()),
        pa.field("evaluation_set", pa.string()),
        pa.field("evaluation_row", pa.int64()),
        pa.field("position", pa.int64()),  # of the first token in the evaluation row
        pa.field("tokens", pa.int64()),
        pa.field("start", pa.int64()),  # bytes of the document's text as this stage saw it
        pa.field("end", pa.int64()),
        pa.field("text", pa.string()),
    ]
)


class ContaminationReport(PhasedStage):
    """Report the share of every evaluation row's tokens that stand in the surviving documents; drop and cut nothing.

    A token is contaminated when it lies in a run of `min_tokens` tokens or more that row and document share, but for
    `skips` places at most, none of them among the first `seed_tokens` or at the end. A row is clean below 20 % of its
    tokens and dirty from 80 % on. Tokens are lower-cased words without punctuation, or those of `tokenizer`, as Llama 2's
    are; the fields of a row are then tokenised one by one.

    `rows.parquet` has every evaluation row, `<group>.matches.parquet` every match; sums are in the summary.
    """

    kind = "contamination_report"

    sets: dict[str, EvaluationSet] = setting(doc="evaluation sets by name: files, and the fields that make up a row")
    min_tokens: int = setting(
        11, "least length of a match", source="Llama 2, appendix A.6: longer than 10 [B]", unit="tokens", ge=2
    )
    seed_tokens: int = setting(10, "tokens at the beginning that all agree", source="Llama 2 [B]", unit="tokens", ge=2)
    tokenizer: Location | None = setting(
        None,
        "a tokenizer.json, SentencePiece .model or .tiktoken file whose tokens are counted; null: words",
        source="Llama 2 counts tokens of its tokenizer [B]",
    )
    skips: int = setting(4, "places behind them that may differ", source="Llama 2 [B]", unit="tokens", ge=0)
    clean_below: float = setting(0.2, "share below which a row is clean", source="Llama 2 [B]", ge=0, le=1)
    dirty_from: float = setting(0.8, "share from which on a row is dirty", source="Llama 2 [B]", ge=0, le=1)

    @property
    def needle_reading(self) -> NeedleReading:
        return NeedleReading(folding="gpt3", n=self.seed_tokens, least=self.seed_tokens, across_fields=True)

    def check(self) -> None:
        if self.seed_tokens > self.min_tokens:
            raise UserError("contamination_report: seed_tokens is more than min_tokens")
        make_needles(self.sets, self.needle_reading, self._tokens())

    def _tokens(self) -> TokenizerTokens | None:
        return None if self.tokenizer is None else TokenizerTokens(self.tokenizer)

    def warm(self) -> None:
        needles = make_needles(self.sets, self.needle_reading, self._tokens())
        finder = MatchFinder(needles, self.min_tokens, self.skips, self._tokens())
        finder.find(Batch(0, 1, Texts.from_strings(["warm"])))

    def phases(self, scope: Scope) -> Iterator[Phase]:
        if not scope.shards:
            return
        needles = scope.phase("needles", [MakeNeedles("needles", self.sets, self.needle_reading, self.tokenizer)])
        yield needles
        search = scope.phase(
            "search",
            [
                MarkRows(
                    numbered(number),
                    scope.shards[start:stop],
                    needles.folder,
                    self.min_tokens,
                    self.skips,
                    self.tokenizer,
                )
                for number, (start, stop) in enumerate(ShufflePlan.of(scope, 1).groups)
            ],
        )
        yield search
        groups = tuple(task.name for task in search.tasks)
        limits = (self.clean_below, self.dirty_from)
        yield scope.phase("report", [ReportRows("report", needles.folder, search.folder, groups, limits)])


class MatchFinder:
    """Matches of batches with evaluation rows; `marked` bool (tokens,) collects which evaluation tokens any of them holds."""

    def __init__(self, needles: Needles, least: int, skips: int, tokenizer: TokenizerTokens | None = None) -> None:
        self._needles, self._least, self._skips, self._tokenizer = needles, least, skips, tokenizer
        self._tables = needles.tables
        self._rows = needles.place_rows + needles.first_rows[needles.place_sets]
        self._places = needles.row_first[self._rows] + needles.place_tokens
        self._found = np.empty((FIRST_ROOM, 5), np.int64)
        self.marked = np.zeros(len(needles.tokens), bool)

    def find(self, batch: Batch) -> np.ndarray:
        """Of each match the row, bytes [start, end) of its text, the evaluation row, the place in it and its tokens.

        int64 (m, 6); evaluation rows are counted through all sets.
        """
        from gristmill.kernels.skip_matches import mark_matches

        needles, keep = self._needles, batch.keep
        if self._tokenizer is None:
            folded = tokens_of(batch.texts, fold(needles.reading.folding))
        else:
            folded = self._tokenizer.of(batch.texts, keep)
        parts = [np.empty((0, 5), np.int64)]
        row = 0
        while row < batch.rows:
            at = row
            row, count = mark_matches(
                folded.hashes,
                folded.first,
                keep,
                row,
                needles.window,
                self._least,
                self._skips,
                *self._tables,
                needles.keys,
                needles.first_place,
                self._places,
                self._rows,
                needles.tokens,
                needles.row_first,
                self.marked,
                self._found,
            )
            if count:
                parts.append(self._found[:count].copy())
            elif row == at:
                self._found = np.empty((4 * len(self._found), 5), np.int64)
        found = np.concatenate(parts)
        starts, ends = self._bytes(batch.texts, folded, found)
        sizes = found[:, 2] - found[:, 1]
        return np.stack([found[:, 0], starts, ends, found[:, 3], found[:, 4], sizes], axis=1)

    def _bytes(self, texts: Texts, folded: FoldedTokens, found: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where each match begins and ends in its text. A tokenizer is asked again, for the few texts that have any."""
        if self._tokenizer is None:
            first, offsets = folded.first[found[:, 0]], texts.offsets[found[:, 0]]
            return folded.starts[first + found[:, 1]] - offsets, folded.ends[first + found[:, 2] - 1] - offsets
        starts, ends = np.empty(len(found), np.int64), np.empty(len(found), np.int64)
        for row in np.unique(found[:, 0]).tolist():
            mine = found[:, 0] == row
            token_starts, token_ends = self._tokenizer.spans(texts[row])
            starts[mine], ends[mine] = token_starts[found[mine, 1]], token_ends[found[mine, 2] - 1]
        return starts, ends


@dataclass(frozen=True)
class MarkRows(Task):
    """Matches in a group of shards, and the evaluation tokens they hold: <group>.matches.parquet, <group>.marked."""

    name: str
    shards: tuple[ShardRef, ...]
    folder: str  # of the needles
    min_tokens: int
    skips: int
    tokenizer: str | None

    def run(self, commit: Commit) -> None:
        needles = read_needles(self.folder)
        tokens = TokenizerTokens(self.tokenizer) if self.tokenizer else None
        finder = MatchFinder(needles, self.min_tokens, self.skips, tokens)
        with pq.ParquetWriter(commit.path(self.name + ".matches.parquet"), MATCHES, compression="zstd") as writer:
            for shard in self.shards:
                for batch in shard.batches(("id",), texts=True):
                    keep = batch.keep
                    commit.count(documents=int(keep.sum()), text_bytes=int(batch.texts.lengths[keep].sum()))
                    found = finder.find(batch)
                    if len(found):
                        writer.write_table(_table(shard, batch, found, needles))
                        commit.count(matches=len(found))
        with open(commit.path(self.name + ".marked"), "wb") as stream:
            stream.write(np.packbits(finder.marked).data)


def _table(shard: ShardRef, batch: Batch, found: np.ndarray, needles: Needles) -> pa.Table:
    rows, starts, ends, evaluation_rows, places, sizes = found.T
    sets = np.searchsorted(needles.first_rows, evaluation_rows, "right") - 1
    offsets = batch.texts.offsets[rows]
    texts = [
        bytes(batch.texts.data[offset + start : offset + min(end, start + EXCERPT)]).decode("utf-8", "ignore")
        for offset, start, end in zip(offsets, starts, ends, strict=True)
    ]
    return pa.table(
        [
            pa.array([shard.source] * len(found)),
            pa.array([shard.name] * len(found)),
            rows + batch.first_row,
            batch.column("id").take(pa.array(rows)).cast(pa.string()),
            pa.array([needles.sets[number] for number in sets]),
            evaluation_rows - needles.first_rows[sets],
            places,
            sizes,
            starts,
            ends,
            pa.array(texts),
        ],
        schema=MATCHES,
    )


@dataclass(frozen=True)
class ReportRows(Task):
    """The share of contaminated tokens of every evaluation row, over all groups."""

    name: str
    needles: str  # folders
    search: str
    groups: tuple[str, ...] = field(repr=False)
    limits: tuple[float, float]

    def run(self, commit: Commit) -> None:
        needles = read_needles(self.needles)
        marked = np.zeros(-(-len(needles.tokens) // 8), np.uint8)
        for group in self.groups:
            with storage.open_input(storage.join(self.search, group + ".marked")) as stream:
                marked |= np.frombuffer(stream.read(), np.uint8)
        before = np.concatenate([[0], np.cumsum(np.unpackbits(marked, count=len(needles.tokens)), dtype=np.int64)])
        tokens = np.diff(needles.row_first)
        contaminated = np.diff(before[needles.row_first])
        shares = contaminated / np.maximum(1, tokens)
        clean, dirty = self.limits
        names: list[str] = []
        numbers: list[np.ndarray] = []
        for number, name in enumerate(needles.sets):
            mine = slice(int(needles.first_rows[number]), int(needles.first_rows[number + 1]))
            share = shares[mine]
            counts: Mapping[str, int] = evaluation_counts(
                name,
                tokens=int(tokens[mine].sum()),
                contaminated=int(contaminated[mine].sum()),
                clean=int((share < clean).sum()),
                not_clean=int((share >= clean).sum()),
                not_dirty=int((share < dirty).sum()),
                dirty=int((share >= dirty).sum()),
            )
            commit.count(**counts)
            names += [name] * (mine.stop - mine.start)
            numbers.append(np.arange(mine.stop - mine.start))
        columns = [pa.array(names), np.concatenate(numbers), tokens, contaminated, shares]
        pq.write_table(pa.table(columns, schema=ROWS), commit.path("rows.parquet"), compression="zstd")
