"""The final layer of one shard: what evaluation text costs a document, and beside it a row of evidence for every match."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gristmill import storage
from gristmill.commit import Commit
from gristmill.dataset import Batch, LayerWriter, ShardRef, drop_reasons, layer_schema
from gristmill.decontamination.needles import Needles
from gristmill.decontamination.search import (
    DOCUMENTS,
    Hits,
    evaluation_counts,
    first_places,
    hits_of_shard,
    is_ignored,
    read_needles,
)
from gristmill.kernels.text import CUTS
from gristmill.stage import Task

VALUES = pa.schema(
    [
        pa.field("matches", pa.int32()),  # null in documents that a stage before dropped
        pa.field("matched_bytes", pa.int64()),  # of the text this stage saw
        pa.field("evaluation_sets", pa.list_(pa.string())),  # null without a match
    ]
)
EXCERPT = 200  # bytes of a match that evidence shows

EVIDENCE = pa.schema(
    [
        pa.field("row", pa.int64()),  # of the shard
        pa.field("id", pa.string()),  # of the document
        pa.field("url", pa.string()),
        pa.field("evaluation_set", pa.string()),
        pa.field("evaluation_row", pa.int64()),  # counted from 0
        pa.field("position", pa.int32()),  # of the first matching token in that row, its fields read one after another
        pa.field("grams", pa.int32()),  # n-grams in a row that match
        pa.field("start", pa.int64()),  # bytes of the text this stage saw
        pa.field("end", pa.int64()),
        pa.field("text", pa.string()),  # the match, shortened
    ]
)


@dataclass(frozen=True)
class Action:
    """What happens to a document with a match: report, drop or cut; the rest is for cuts, in characters and pieces."""

    kind: str
    margin: int
    min_piece: int
    max_pieces: int


@dataclass(frozen=True)
class Matches:
    """Hits of one set joined where they follow one another in document and row; arrays of one entry a match."""

    sets: np.ndarray
    rows: np.ndarray
    places: np.ndarray
    grams: np.ndarray
    starts: np.ndarray
    ends: np.ndarray

    @classmethod
    def of(cls, hits: Hits, needles: Needles) -> Matches:
        """Ascending by row of the batch, start and set."""
        parts = []
        for number in range(len(needles.sets)):
            known = needles.in_set(number)
            mine = hits.where(np.isin(hits.needles, known))
            places = first_places(needles, mine.needles, number)
            tokens, rows = needles.place_tokens[places].astype(np.int64), needles.place_rows[places]
            last = np.append(0, np.diff(mine.tokens) - 1) | np.append(0, np.diff(tokens) - 1)
            last |= np.append(0, np.diff(mine.rows)) | np.append(0, np.diff(rows))
            begins = np.flatnonzero(np.append(True, last[1:] != 0)) if len(mine) else np.empty(0, np.int64)
            ends = np.append(begins[1:], len(mine)) - 1 if len(mine) else begins
            parts.append(
                (
                    np.full(len(begins), number),
                    mine.rows[begins],
                    places[begins],
                    ends - begins + 1,
                    mine.starts[begins],
                    mine.ends[ends],
                )
            )
        columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
        order = np.lexsort((columns[0], columns[4], columns[1]))
        return cls(*(column[order] for column in columns))

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class DecontaminationLayer(Task):
    """Drops, cuts and evidence of one shard."""

    name: str  # of the shard
    stage: str
    rules: tuple[str, str, str]
    action: Action
    most_documents: int
    shard: ShardRef
    group: str
    number: int  # of the shard in its group
    needles: str  # folders
    search: str
    count: str

    def run(self, commit: Commit) -> None:
        prefixed = pa.schema([part.with_name(f"{self.stage}.{part.name}") for part in VALUES])
        writer = LayerWriter(commit.path(f"{self.name}.parquet"), layer_schema(prefixed, drops=True, cuts=True))
        evidence: list[pa.Table] = []
        commit.count(rows=0, matches=0, documents_with_matches=0, cut_bytes=0)
        hits = {first: found for first, found in hits_of_shard(self.search, self.group, self.number)}
        if not hits:
            for batch in self.shard.batches():
                writer.write(self._columns(batch, Hits.none(), None, commit, evidence))
            writer.close()
            return
        needles = read_needles(self.needles)
        with storage.open_input(storage.join(self.count, DOCUMENTS)) as stream:
            ignored = is_ignored(np.load(stream), self.most_documents)
        for batch in self.shard.batches(("id", "url"), texts=True):
            found = hits.get(batch.first_row, Hits.none()) if batch.rows else Hits.none()
            found = found.where(~ignored[found.needles])
            writer.write(self._columns(batch, found, needles, commit, evidence))
        writer.close()
        if any(len(table) for table in evidence):
            pq.write_table(pa.concat_tables(evidence), commit.path(f"{self.name}.evidence.parquet"), compression="zstd")

    def _columns(
        self, batch: Batch, hits: Hits, needles: Needles | None, commit: Commit, evidence: list[pa.Table]
    ) -> dict[str, pa.Array]:
        keep = batch.keep
        counts, matched = np.zeros(batch.rows, np.int32), np.zeros(batch.rows, np.int64)
        rules = np.full(batch.rows, -1, np.int16)
        cuts, sets = pa.nulls(batch.rows, CUTS), pa.nulls(batch.rows, pa.list_(pa.string()))
        if needles is not None and len(hits):
            matches = Matches.of(hits, needles)
            counts += np.bincount(matches.rows, minlength=batch.rows).astype(np.int32)
            matched += _covered(hits, batch.rows)
            sets = _set_names(matches, needles, batch.rows)
            evidence.append(_evidence(batch, matches, needles))
            if self.action.kind == "drop":
                rules[counts > 0] = 0
            elif self.action.kind == "cut":
                cuts = self._cuts(batch, matches, rules, commit)
            self._count_sets(matches, needles, commit)
        commit.count(rows=batch.rows, documents=int(keep.sum()))
        commit.count(matches=int(counts.sum()), documents_with_matches=int((counts > 0).sum()))
        for number, rule in enumerate(self.rules):
            if fallen := int((rules == number).sum()):
                commit.count(**{f"drop.{self.stage}.{rule}": fallen})
        values = {
            "matches": pa.array(counts, mask=~keep),
            "matched_bytes": pa.array(matched, mask=~keep),
            "evaluation_sets": sets,
        }
        named = {f"{self.stage}.{name}": column for name, column in values.items()}
        return {**named, "drop": drop_reasons(self.stage, self.rules, rules), "cuts": cuts}

    def _cuts(self, batch: Batch, matches: Matches, rules: np.ndarray, commit: Commit) -> pa.Array:
        from gristmill.kernels.window_cuts import cut_around

        texts = batch.texts
        pieces, left = np.zeros(batch.rows, np.int64), np.ones(batch.rows, np.int64)
        rows, starts, ends = cut_around(
            texts.data,
            texts.offsets,
            matches.rows,
            matches.starts,
            matches.ends,
            self.action.margin,
            self.action.min_piece,
            pieces,
            left,
        )
        rules[left == 0] = 2
        if self.action.max_pieces:
            rules[pieces > self.action.max_pieces] = 1
        commit.count(cut_bytes=int((ends - starts).sum()))
        inside = (starts > 0) & (ends < texts.lengths[rows])
        spans = pa.StructArray.from_arrays(
            [pa.array(starts), pa.array(ends), pa.array(np.where(inside, "\n\n", ""), pa.string(), mask=~inside)],
            fields=list(CUTS.value_type),
        )
        sizes = np.bincount(rows, minlength=batch.rows)
        offsets = pa.array(np.concatenate([[0], np.cumsum(sizes)]), pa.int32())
        return pa.ListArray.from_arrays(offsets, spans, type=CUTS, mask=pa.array(sizes == 0))

    @staticmethod
    def _count_sets(matches: Matches, needles: Needles, commit: Commit) -> None:
        for number, name in enumerate(needles.sets):
            mine = matches.rows[matches.sets == number]
            commit.count(**evaluation_counts(name, matches=len(mine), documents=len(np.unique(mine))))


def _covered(hits: Hits, rows: int) -> np.ndarray:
    """Bytes of each text that hits cover, each byte once, int64 (rows,)."""
    order = np.lexsort((hits.ends, hits.starts, hits.rows))
    covered = np.zeros(rows, np.int64)
    row, done = -1, 0
    for place in order:
        if hits.rows[place] != row:
            row, done = int(hits.rows[place]), 0
        covered[row] += max(0, int(hits.ends[place]) - max(done, int(hits.starts[place])))
        done = max(done, int(hits.ends[place]))
    return covered


def _set_names(matches: Matches, needles: Needles, rows: int) -> pa.Array:
    pairs = np.unique(np.stack([matches.rows, matches.sets], axis=1), axis=0)
    counts = np.bincount(pairs[:, 0], minlength=rows)
    offsets = pa.array(np.concatenate([[0], np.cumsum(counts)]), pa.int32())
    names = pa.array([needles.sets[number] for number in pairs[:, 1]], pa.string())
    return pa.ListArray.from_arrays(offsets, names, mask=pa.array(counts == 0))


def _evidence(batch: Batch, matches: Matches, needles: Needles) -> pa.Table:
    rows = pa.array(matches.rows)
    texts = [
        _excerpt(batch, int(row), int(start), int(end))
        for row, start, end in zip(matches.rows, matches.starts, matches.ends, strict=True)
    ]
    return pa.table(
        [
            pa.array(matches.rows + batch.first_row),
            batch.column("id").take(rows).cast(pa.string()),
            batch.column("url").take(rows).cast(pa.string()),
            pa.array([needles.sets[number] for number in matches.sets], pa.string()),
            needles.place_rows[matches.places],
            needles.place_tokens[matches.places],
            matches.grams.astype(np.int32),
            matches.starts,
            matches.ends,
            pa.array(texts, pa.string()),
        ],
        schema=EVIDENCE,
    )


def _excerpt(batch: Batch, row: int, start: int, end: int) -> str:
    first = int(batch.texts.offsets[row])
    data = bytes(batch.texts.data[first + start : first + min(end, start + EXCERPT)])
    return data.decode("utf-8", "ignore") + ("…" if end - start > EXCERPT else "")
