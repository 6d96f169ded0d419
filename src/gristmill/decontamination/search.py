"""The phases that find needles in documents.

    needles: one task                  → needles.npz
    search:  a task per group of shards → <group>.hits.parquet, <group>.batches.npy, <group>.found.npy
    count:   one task                  → documents.npy, found.parquet

A row group of `<group>.hits.parquet` is the hits of one batch of one shard; `<group>.batches.npy`, int64 (row groups, 2),
says which shard of the group and which first row. `<group>.found.npy`, int64 (m, 2), is the needles found in the group and
in how many of its documents. `documents.npy`, int64 (needles,), is the same over all groups.
"""

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
from gristmill.decontamination.needles import NeedleReading, Needles, make_needles
from gristmill.decontamination.tokenizer_tokens import TokenizerTokens
from gristmill.stage import Task

NEEDLES, DOCUMENTS = "needles.npz", "documents.npy"
FIRST_ROOM = 1 << 12  # hits that a batch has room for at first

HITS = pa.schema(
    [
        pa.field("row", pa.int64(), nullable=False),  # of the batch
        pa.field("needle", pa.int64(), nullable=False),
        pa.field("token", pa.int64(), nullable=False),  # of the document
        pa.field("start", pa.int64(), nullable=False),  # bytes of the document's text
        pa.field("end", pa.int64(), nullable=False),
    ]
)


@dataclass(frozen=True)
class Hits:
    """Hits in the texts of one batch, one entry a hit, ascending by row and end; int64, as HITS says."""

    rows: np.ndarray
    needles: np.ndarray
    tokens: np.ndarray
    starts: np.ndarray
    ends: np.ndarray

    @classmethod
    def none(cls) -> Hits:
        return cls(*(np.empty(0, np.int64) for _ in HITS))

    def __len__(self) -> int:
        return len(self.rows)

    def where(self, chosen: np.ndarray) -> Hits:
        return Hits(*(column[chosen] for column in self.columns))

    @property
    def columns(self) -> tuple[np.ndarray, ...]:
        return self.rows, self.needles, self.tokens, self.starts, self.ends

    @classmethod
    def from_table(cls, table: pa.Table) -> Hits:
        return cls(*(table.column(part.name).to_numpy() for part in HITS))


def find_hits(batch: Batch, needles: Needles) -> Hits:
    """All hits in the documents of a batch that no stage so far dropped."""
    from gristmill.kernels.folded_tokens import fold
    from gristmill.kernels.needle_search import search

    texts, keep = batch.texts, batch.keep
    table, bits, firsts = needles.tables
    room = FIRST_ROOM
    found = [np.empty(room, np.int64) for _ in HITS]
    parts: list[Hits] = []
    row = 0
    while row < batch.rows:
        at = row
        row, count = search(
            texts.data,
            texts.offsets,
            keep,
            row,
            *fold(needles.reading.folding).arguments,
            needles.window,
            needles.longest,
            table,
            bits,
            firsts,
            needles.keys,
            needles.tokens,
            needles.starts,
            needles.lengths,
            *found,
        )
        if count:
            parts.append(Hits(*(column[:count].copy() for column in found)))
        elif row == at:  # one text has more hits than there is room for
            room *= 4
            found = [np.empty(room, np.int64) for _ in HITS]
    return (
        Hits(*(np.concatenate(columns) for columns in zip(*(part.columns for part in parts), strict=True)))
        if (parts)
        else Hits.none()
    )


@dataclass(frozen=True)
class MakeNeedles(Task):
    """Evaluation sets as needles."""

    name: str
    sets: Mapping[str, EvaluationSet]
    reading: NeedleReading
    tokenizer: str | None = None  # location

    def run(self, commit: Commit) -> None:
        needles = make_needles(self.sets, self.reading, TokenizerTokens(self.tokenizer) if self.tokenizer else None)
        with open(commit.path(NEEDLES), "wb") as stream:
            needles.write(stream)
        for number, name in enumerate(needles.sets):
            rows, without = needles.rows[number].tolist()
            searched = len(needles.in_set(number))
            commit.count(**evaluation_counts(name, rows=rows, rows_without=without, searched=searched))


def evaluation_counts(name: str, **amounts: int) -> dict[str, int]:
    """Counts of a receipt about one evaluation set."""
    return {f"evaluation/{name}/{what}": amount for what, amount in amounts.items()}


def read_needles(folder: str) -> Needles:
    with storage.open_input(storage.join(folder, NEEDLES)) as stream:
        return Needles.read(stream)


@dataclass(frozen=True)
class Search(Task):
    """Hits in a group of shards."""

    name: str
    shards: tuple[ShardRef, ...]
    folder: str  # of the needles

    def run(self, commit: Commit) -> None:
        needles = read_needles(self.folder)
        documents = np.zeros(len(needles), np.int64)
        batches: list[tuple[int, int]] = []
        with pq.ParquetWriter(commit.path(self.name + ".hits.parquet"), HITS, compression="zstd") as writer:
            for number, shard in enumerate(self.shards):
                for batch in shard.batches(texts=True):
                    keep = batch.keep
                    commit.count(documents=int(keep.sum()), text_bytes=int(batch.texts.lengths[keep].sum()))
                    hits = find_hits(batch, needles)
                    if len(hits):
                        table = pa.table(list(hits.columns), schema=HITS)
                        writer.write_table(table, row_group_size=len(hits))
                        batches.append((number, batch.first_row))
                        pairs = np.unique(np.stack([hits.needles, hits.rows], axis=1), axis=0)
                        documents += np.bincount(pairs[:, 0], minlength=len(needles))
                        commit.count(hits=len(hits))
        found = np.flatnonzero(documents)
        for suffix, array in (
            (".batches.npy", np.array(batches, np.int64).reshape(-1, 2)),
            (".found.npy", np.stack([found, documents[found]], axis=1)),
        ):
            with open(commit.path(self.name + suffix), "wb") as stream:
                np.save(stream, array)


def hits_of_shard(folder: str, group: str, shard: int) -> Iterator[tuple[int, Hits]]:
    """First row and hits of every batch of a shard that has any, in order."""
    with storage.open_input(storage.join(folder, group + ".batches.npy")) as stream:
        batches = np.load(stream)
    mine = np.flatnonzero(batches[:, 0] == shard)
    if not len(mine):
        return
    with storage.open_input(storage.join(folder, group + ".hits.parquet")) as stream:
        file = pq.ParquetFile(stream)
        for number in mine.tolist():
            yield int(batches[number, 1]), Hits.from_table(file.read_row_group(number, use_threads=False))


FOUND = pa.schema(
    [
        pa.field("evaluation_set", pa.string()),
        pa.field("evaluation_row", pa.int64()),  # the first of the set it stands in, counted from 0
        pa.field("position", pa.int32()),  # of its first token in the row
        pa.field("tokens", pa.int32()),
        pa.field("documents", pa.int64()),
        pa.field("ignored", pa.bool_()),  # in too many documents to count as contamination
    ]
)


@dataclass(frozen=True)
class CountDocuments(Task):
    """In how many documents each needle stands, over all groups."""

    name: str
    needles: str  # folders
    search: str
    groups: tuple[str, ...] = field(repr=False)
    most_documents: int  # needles in more documents are ignored; 0: none is

    def run(self, commit: Commit) -> None:
        needles = read_needles(self.needles)
        documents = np.zeros(len(needles), np.int64)
        for group in self.groups:
            with storage.open_input(storage.join(self.search, group + ".found.npy")) as stream:
                found = np.load(stream)
            documents[found[:, 0]] += found[:, 1]
        with open(commit.path(DOCUMENTS), "wb") as stream:
            np.save(stream, documents)
        ignored = is_ignored(documents, self.most_documents)
        tables = []
        for number, name in enumerate(needles.sets):
            found = needles.in_set(number)
            found = found[documents[found] > 0]
            first = first_places(needles, found, number)
            touched = ~ignored[found]
            counts = evaluation_counts(name, found=len(found), ignored=int(ignored[found].sum()))
            rows = rows_with(needles, found[touched], number)
            commit.count(**counts, **evaluation_counts(name, rows_found=len(rows)))
            tables.append(
                pa.table(
                    [
                        pa.array([name] * len(found), pa.string()),
                        needles.place_rows[first],
                        needles.place_tokens[first],
                        needles.lengths[found],
                        documents[found],
                        ignored[found],
                    ],
                    schema=FOUND,
                ).sort_by([("evaluation_row", "ascending"), ("position", "ascending")])
            )
        pq.write_table(pa.concat_tables(tables), commit.path("found.parquet"), compression="zstd")


def is_ignored(documents: np.ndarray, most: int) -> np.ndarray:
    """Needles that are in too many documents, bool (needles,)."""
    return documents > most if most else np.zeros(len(documents), bool)


def first_places(needles: Needles, chosen: np.ndarray, number: int) -> np.ndarray:
    """The first place in a set of each of these needles, all of which stand in it; int64 indices of places."""
    mine = np.flatnonzero(needles.place_sets == number)
    return mine[np.searchsorted(mine, needles.first_place[chosen])]


def rows_with(needles: Needles, chosen: np.ndarray, number: int) -> np.ndarray:
    """Rows of a set in which any of these needles stands, int64, ascending."""
    marked = np.zeros(len(needles), bool)
    marked[chosen] = True
    places = np.repeat(marked, np.diff(needles.first_place)) & (needles.place_sets == number)
    return np.unique(needles.place_rows[places])
