"""Keeps the documents with the highest (or lowest) values of any number that a stage before wrote, by an exact quantile.

Values are float32. As whole numbers of the same order their upper 16 bits are counted first, shard by shard, then the lower 16
bits of those in whose bin the limit must lie: two passes over one thin column, and the limit is exact.

    coarse:  a task per shard  → counts of the upper halves, by group
    bins:    one task          → for each group the bin of the limit, and how many are still wanted from it
    fine:    a task per shard  → counts of the lower halves in that bin
    limits:  one task          → limits.parquet: group, documents, limit, kept
    layers:  a task per shard  → drop
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gristmill import storage
from gristmill.commit import Commit
from gristmill.dataset import Batch, LayerWriter, ShardRef, drop_reasons, layer_schema
from gristmill.stage import GlobalStage, Phase, Scope, Task, setting

COUNTS = pa.schema([("group", pa.string()), ("bin", pa.int64()), ("count", pa.int64())])
LIMITS = pa.schema([("group", pa.string()), ("documents", pa.int64()), ("limit", pa.float32()), ("kept", pa.int64())])
MOST_ROWS = 1 << 20  # of counts read before they are summed
_HALF = 16
_SIGN = np.uint32(1 << 31)


class Quantile(GlobalStage):
    """Keep a share of the documents: those with the best values of one column, over all shards, group by group.

    Of n documents the ceil(share × n) best stay, and with the last of them all that equal it. Documents without a value go.
    Groups are sources, or the values of another column within each source. Limits are written to `limits/limits.parquet` in
    the stage's folder.
    """

    kind = "quantile"
    rules = ("outside", "no_value")
    values = pa.schema([("value", pa.float32()), ("group", pa.string())])
    signal_settings = ("of", "by")

    of: str = setting(..., "the column, as classifier.score")
    share: float = setting(
        0.1,
        "documents that stay",
        source="DCLM: the top 10 % of a quality classifier",
        unit="share of documents",
        gt=0,
        le=1,
    )
    best: Literal["highest", "lowest"] = setting("highest", "which values are best; perplexity: lowest", source="DCLM")
    by: str | None = setting(
        None,
        "another column, as language.code, whose values have each a limit of their own; null: a limit per source",
        source="this project's choice; DCLM has English only",
    )

    @property
    def needs(self) -> tuple[str, ...]:  # type: ignore[override]
        return (self.of, self.by) if self.by else (self.of,)

    def signals(self, batch: Batch) -> Mapping[str, pa.Array | np.ndarray]:
        groups = batch.column(self.by).cast(pa.string()) if self.by else pa.nulls(batch.rows, pa.string())
        return {"value": batch.column(self.of).cast(pa.float32()), "group": groups.fill_null("")}

    def phases(self, scope: Scope) -> Iterator[Phase]:
        if not scope.shards:
            return
        numbered = [(f"{number:05d}", shard) for number, shard in enumerate(scope.shards)]
        lowest = self.best == "lowest"
        coarse = scope.phase("coarse", [CountHalves(name, self.name, shard, lowest) for name, shard in numbered])
        yield coarse
        bins = scope.phase("bins", [ChooseBins("bins", coarse.folder, tuple(dict(numbered)), self.share)])
        yield bins
        place = storage.join(bins.folder, "bins.parquet")
        fine = scope.phase("fine", [CountHalves(name, self.name, shard, lowest, place) for name, shard in numbered])
        yield fine
        limits = scope.phase("limits", [FindLimits("limits", fine.folder, tuple(dict(numbered)), place, lowest)])
        yield limits
        tasks: dict[str, list[Task]] = {}
        folders: dict[str, str] = {}
        for shard in scope.shards:
            found = storage.join(limits.folder, "limits.parquet")
            tasks.setdefault(shard.source, []).append(QuantileLayer(shard.name, self.name, shard, found, lowest))
            folders[shard.source] = scope.layer_folder(shard)
        for source, layers in tasks.items():
            yield Phase("layers." + source, folders[source], tuple(layers))


# -- floats in order --------------------------------------------------------------------------------------------------


def ranks(values: np.ndarray, *, lowest: bool) -> np.ndarray:
    """Whole numbers uint32 (rows,), the higher the better the value; float32 (rows,), no NaN."""
    bits = (values + np.float32(0)).view(np.uint32)  # -0 becomes 0
    ordered = np.where(bits & _SIGN, ~bits, bits | _SIGN)
    return ~ordered if lowest else ordered


def unranked(rank: int, *, lowest: bool) -> float:
    """The float32 of such a number."""
    ordered = (rank ^ 0xFFFFFFFF) if lowest else rank
    bits = ordered ^ 0x80000000 if ordered & 0x80000000 else ordered ^ 0xFFFFFFFF
    return float(np.array([bits], np.uint32).view(np.float32)[0])


def group_names(shard: ShardRef, batch: Batch, stage: str) -> pa.Array:
    """The group of every row: its source, and the value of `by` after a slash if there is one."""
    own = batch.column(f"{stage}.group")
    name = pc.binary_join_element_wise(shard.source, own, "/")
    return pc.if_else(pc.equal(own, ""), pa.scalar(shard.source), name)


def _read(folder: str, names: tuple[str, ...]) -> pa.Table:
    """The sum of the counts that some tasks wrote, ascending by group, the best bin first."""
    parts = [COUNTS.empty_table()]
    for name in names:
        with storage.open_input(storage.join(folder, f"{name}.parquet")) as stream:
            parts.append(pq.read_table(stream))
        if sum(part.num_rows for part in parts[1:]) > max(MOST_ROWS, parts[0].num_rows):
            parts = [_summed(pa.concat_tables(parts))]
    table = _summed(pa.concat_tables(parts))
    return table.sort_by([("group", "ascending"), ("bin", "descending")])


def _summed(table: pa.Table) -> pa.Table:
    summed = table.group_by(["group", "bin"], use_threads=False).aggregate([("count", "sum")])
    return summed.select(["group", "bin", "count_sum"]).rename_columns(COUNTS.names).cast(COUNTS)


def _by_group(table: pa.Table) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    for name in pc.unique(table.column("group")).to_pylist():
        rows = table.filter(pc.equal(table.column("group"), name))
        yield name, rows.column("bin").to_numpy(), rows.column("count").to_numpy()


# -- tasks ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CountHalves(Task):
    """How many documents of a shard have each upper half, or, of those in the chosen bins, each lower half."""

    name: str
    stage: str
    shard: ShardRef
    lowest: bool
    bins: str | None = None

    def run(self, commit: Commit) -> None:
        chosen = None
        if self.bins is not None:
            with storage.open_input(self.bins) as stream:
                table = pq.read_table(stream)
            chosen = dict(zip(*(table.column(name).to_pylist() for name in ("group", "bin")), strict=True))
        total = COUNTS.empty_table()
        for batch in self.shard.batches((f"{self.stage}.value", f"{self.stage}.group")):
            values = batch.numbers(f"{self.stage}.value").astype(np.float32)
            rows = batch.keep & ~np.isnan(values)
            groups = group_names(self.shard, batch, self.stage).filter(pa.array(rows))
            found = ranks(values[rows], lowest=self.lowest).astype(np.int64)
            if chosen is None:
                halves = found >> _HALF
            else:
                wanted = np.fromiter((chosen[name] for name in groups.to_pylist()), np.int64, len(groups))
                inside = found >> _HALF == wanted
                halves, groups = found[inside] & 0xFFFF, groups.filter(pa.array(inside))
            ones = pa.array(np.ones(len(halves), np.int64))
            total = _summed(pa.concat_tables([total, pa.table([groups, pa.array(halves), ones], schema=COUNTS)]))
            commit.count(documents=len(halves))
        pq.write_table(
            total.sort_by([("group", "ascending"), ("bin", "ascending")]), commit.path(f"{self.name}.parquet")
        )


@dataclass(frozen=True)
class ChooseBins(Task):
    """For each group the upper half of the limit, how many documents are better, and how many are still wanted."""

    name: str
    folder: str
    counts: tuple[str, ...]
    share: float

    def run(self, commit: Commit) -> None:
        rows = []
        for group, bins, counts in _by_group(_read(self.folder, self.counts)):
            wanted = math.ceil(round(self.share * int(counts.sum()), 6))
            so_far = np.cumsum(counts)
            place = int(np.searchsorted(so_far, wanted))
            better = int(so_far[place - 1]) if place else 0
            rows.append(
                {
                    "group": group,
                    "documents": int(counts.sum()),
                    "bin": int(bins[place]),
                    "better": better,
                    "wanted": wanted - better,
                }
            )
        columns = ["group", *(("documents", "bin", "better", "wanted"))]
        schema = pa.schema([(name, pa.string() if name == "group" else pa.int64()) for name in columns])
        pq.write_table(pa.Table.from_pylist(rows, schema), commit.path("bins.parquet"))


@dataclass(frozen=True)
class FindLimits(Task):
    """The exact limit of each group and how many documents it keeps."""

    name: str
    folder: str
    counts: tuple[str, ...]
    bins: str
    lowest: bool

    def run(self, commit: Commit) -> None:
        with storage.open_input(self.bins) as stream:
            chosen = {row["group"]: row for row in pq.read_table(stream).to_pylist()}
        rows = []
        for group, halves, counts in _by_group(_read(self.folder, self.counts)):
            row = chosen[group]
            so_far = np.cumsum(counts)
            place = int(np.searchsorted(so_far, row["wanted"]))
            limit = unranked(row["bin"] << _HALF | int(halves[place]), lowest=self.lowest)
            kept = row["better"] + int(so_far[place])
            rows.append({"group": group, "documents": row["documents"], "limit": limit, "kept": kept})
        pq.write_table(pa.Table.from_pylist(rows, LIMITS), commit.path("limits.parquet"))
        commit.count(groups=len(rows))


@dataclass(frozen=True)
class QuantileLayer(Task):
    """The drops of one shard."""

    name: str  # of the shard
    stage: str
    shard: ShardRef
    limits: str
    lowest: bool

    def run(self, commit: Commit) -> None:
        with storage.open_input(self.limits) as stream:
            table = pq.read_table(stream)
        limits = dict(zip(*(table.column(name).to_pylist() for name in ("group", "limit")), strict=True))
        writer = LayerWriter(commit.path(f"{self.name}.parquet"), layer_schema(None, drops=True, cuts=False))
        for batch in self.shard.batches((f"{self.stage}.value", f"{self.stage}.group")):
            values = batch.numbers(f"{self.stage}.value").astype(np.float32)
            groups = group_names(self.shard, batch, self.stage).to_pylist()
            limit = np.fromiter((limits.get(name, 0.0) for name in groups), np.float32, batch.rows)
            numbers = np.where(values > limit if self.lowest else values < limit, 0, -1)
            numbers[np.isnan(values)] = 1
            numbers[~batch.keep] = -1
            writer.write({"drop": drop_reasons(self.stage, Quantile.rules, numbers)})
            for number, rule in enumerate(Quantile.rules):
                commit.count(**{f"drop.{self.stage}.{rule}": int((numbers == number).sum())})
            commit.count(rows=batch.rows)
        writer.close()
