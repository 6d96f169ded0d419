"""Drops whole sites that hold much personal data, as Llama 2's authors did (Touvron et al. 2023, arXiv 2307.09288).

The paper says that sites known to contain a high volume of personal information were left out, and no more. Here a site is a
registered domain, and its volume the hits of a `pii` stage per document.

    tally:   a task per shard          → <shard>.arrow: domain, documents, hits; split by range of the domain's hash
    found:   a task per range of hash  → <range>.parquet: the domains that are over the limit, with their numbers
    layers:  a task per shard          → drop, and the numbers of the document's domain where it is over the limit
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import field_validator

from gristmill import storage
from gristmill.commit import Commit
from gristmill.dataset import Batch, LayerWriter, ShardRef, drop_reasons, layer_schema
from gristmill.filters.url_matcher import registered_domain
from gristmill.stage import GlobalStage, Phase, Scope, Task, setting

DOMAIN_BYTES = 256  # of memory for one domain while it is counted
TALLY = pa.schema([("domain", pa.string()), ("documents", pa.int64()), ("hits", pa.int64())])
KINDS = ("emails", "ips", "phones")


class PiiDomains(GlobalStage):
    """Drop every document of the domains on which much personal data was found.

    It reads the hits that a `pii` stage before it counted, in all documents that are left and in those that this stage dropped
    itself for their hits. Documents without a usable URL stay. The domains found, with their documents and hits, are written to
    `found/*.parquet` in the stage's folder.
    """

    kind = "pii_domains"
    rules = ("high_volume",)
    values = pa.schema([("domain", pa.string()), ("hits", pa.int32())])
    provides = pa.schema([("domain_documents", pa.int64()), ("domain_hits", pa.int64())])  # null: the domain stays
    signal_settings = ("pii", "count")

    pii: str = setting("pii", "name of the stage that found personal data")
    count: list[str] = setting(
        factory=lambda: ["emails", "phones"],
        doc="which of its hits count: emails, ips, phones",
        source="this project's choice; unpublished in Llama 2 [U]",
    )
    min_hits_per_document: float = setting(
        2.0,
        "domains with this many hits per document or more are dropped",
        source="this project's choice; unpublished in Llama 2 [U]",
        unit="hits per document",
        gt=0,
    )
    min_documents: int = setting(
        10,
        "domains with fewer documents stay",
        source="this project's choice; unpublished in Llama 2 [U]",
        unit="documents",
        ge=1,
    )

    @property
    def needs(self) -> tuple[str, ...]:  # type: ignore[override]
        return ("url", *(f"{self.pii}.{kind}" for kind in self.count))

    @field_validator("count")
    @classmethod
    def _kinds(cls, value: list[str]) -> list[str]:
        if not value or not set(value) <= set(KINDS):
            raise ValueError(f"expected some of {', '.join(KINDS)}, found {value}")
        return value

    def signals(self, batch: Batch) -> Mapping[str, pa.Array | np.ndarray]:
        hits = sum(batch.numbers(f"{self.pii}.{kind}").astype(np.int64) for kind in self.count)
        return {"domain": domains_of(batch.column("url")), "hits": np.asarray(hits, np.int32)}

    def phases(self, scope: Scope) -> Iterator[Phase]:
        if not scope.shards:
            return
        ranges = max(1, -(-sum(scope.rows) * DOMAIN_BYTES // scope.memory))
        tally = scope.phase(
            "tally", [Tally(numbered(n), self.name, self.pii, s, ranges) for n, s in enumerate(scope.shards)]
        )
        yield tally
        names = tuple(task.name for task in tally.tasks)
        limits = self.min_hits_per_document, self.min_documents
        found = scope.phase("found", [Found(numbered(n), tally.folder, names, n, *limits) for n in range(ranges)])
        yield found
        tasks: dict[str, list[Task]] = {}
        folders: dict[str, str] = {}
        for shard in scope.shards:
            places = tuple(storage.join(found.folder, f"{task.name}.parquet") for task in found.tasks)
            tasks.setdefault(shard.source, []).append(DomainLayer(shard.name, self.name, shard, places))
            folders[shard.source] = scope.layer_folder(shard)
        for source, layers in tasks.items():
            yield Phase("layers." + source, folders[source], tuple(layers))


def numbered(number: int) -> str:
    return f"{number:05d}"


# -- domains ----------------------------------------------------------------------------------------------------------


def domains_of(urls: pa.Array) -> pa.Array:
    """The registered domain of every URL, the host where it has none (an address), null without a usable URL."""
    from gristmill.kernels.text import Texts
    from gristmill.kernels.url_parts import Urls

    parsed = Urls.parse(Texts.from_arrow(urls))
    hosts = [None if parsed.bad[row] else parsed.host(row) for row in range(len(urls))]
    found = [_domain(host) if host else None for host in hosts]
    return pa.array(found, pa.string())


@lru_cache(maxsize=1 << 16)
def _domain(host: str) -> str:
    return registered_domain(host) or host


def domain_hashes(domains: pa.Array) -> np.ndarray:
    """XXH64 of every domain, uint64 (rows,)."""
    import xxhash

    return np.fromiter((xxhash.xxh64_intdigest(name.encode()) for name in domains.to_pylist()), np.uint64, len(domains))


def counted(table: pa.Table) -> pa.Table:
    """One row per domain, ascending."""
    groups = table.group_by("domain", use_threads=False).aggregate([("documents", "sum"), ("hits", "sum")])
    renamed = groups.select(["domain", "documents_sum", "hits_sum"]).rename_columns(TALLY.names)
    return renamed.cast(TALLY).sort_by("domain")


# -- tasks ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tally(Task):
    """Documents and hits of every domain in a shard, a record batch per range of hashes."""

    name: str
    stage: str
    pii: str
    shard: ShardRef
    ranges: int

    def run(self, commit: Commit) -> None:
        parts = [TALLY.empty_table()]
        columns = (f"{self.stage}.domain", f"{self.stage}.hits")
        for batch in self.shard.batches(columns):
            counts = np.ones(batch.rows, bool)
            for stage, reasons in batch.drops:
                counts &= np.asarray(reasons.is_null()) | (stage == self.pii)
            known = pc.and_(pa.array(counts), batch.column(columns[0]).is_valid())
            domains = batch.column(columns[0]).filter(known)
            hits = batch.column(columns[1]).filter(known).cast(pa.int64())
            ones = pa.array(np.ones(len(domains), np.int64))
            parts.append(counted(pa.Table.from_arrays([domains, ones, hits], schema=TALLY)))
            commit.count(documents=len(domains), hits=int(pc.sum(hits).as_py() or 0))
        table = counted(pa.concat_tables(parts)).combine_chunks()
        part = range_of(domain_hashes(table.column("domain").combine_chunks()), self.ranges)
        with pa.OSFile(commit.path(f"{self.name}.arrow"), "wb") as stream, pa.ipc.new_file(stream, TALLY) as writer:
            for number in range(self.ranges):
                chosen = table.filter(pa.array(part == number)).combine_chunks()
                arrays = [chosen.column(name).combine_chunks() for name in TALLY.names]
                writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=TALLY))
        commit.count(domains=table.num_rows)


def range_of(hashes: np.ndarray, ranges: int) -> np.ndarray:
    return ((hashes >> np.uint64(32)) * np.uint64(ranges) >> np.uint64(32)).astype(np.int64)


@dataclass(frozen=True)
class Found(Task):
    """The domains of one range that are over the limit."""

    name: str
    folder: str  # of the tallies
    tallies: tuple[str, ...]
    part: int
    min_hits_per_document: float
    min_documents: int

    def run(self, commit: Commit) -> None:
        table = TALLY.empty_table()
        parts: list[pa.Table] = []
        for name in self.tallies:
            with storage.open_input(storage.join(self.folder, f"{name}.arrow")) as stream:
                parts.append(pa.Table.from_batches([pa.ipc.open_file(stream).get_batch(self.part)]))
            if sum(part.num_rows for part in parts) > max(1 << 16, table.num_rows):
                table, parts = counted(pa.concat_tables([table, *parts])), []
        table = counted(pa.concat_tables([table, *parts]))
        rates = pc.divide(table.column("hits").cast(pa.float64()), table.column("documents").cast(pa.float64()))
        over = pc.and_(
            pc.greater_equal(rates, self.min_hits_per_document),
            pc.greater_equal(table.column("documents"), self.min_documents),
        )
        evidence = table.append_column("hits_per_document", rates).filter(over)
        pq.write_table(evidence, commit.path(f"{self.name}.parquet"))
        commit.count(domains=table.num_rows, found=evidence.num_rows)


@dataclass(frozen=True)
class DomainLayer(Task):
    """Drops of one shard. In memory: the domains found."""

    name: str  # of the shard
    stage: str
    shard: ShardRef
    found: tuple[str, ...]

    def run(self, commit: Commit) -> None:
        tables = []
        for place in self.found:
            with storage.open_input(place) as stream:
                tables.append(pq.read_table(stream, columns=TALLY.names))
        over = pa.concat_tables(tables).combine_chunks()
        prefixed = pa.schema([f.with_name(f"{self.stage}.{f.name}") for f in PiiDomains.provides])
        writer = LayerWriter(commit.path(f"{self.name}.parquet"), layer_schema(prefixed, drops=True, cuts=False))
        for batch in self.shard.batches((f"{self.stage}.domain",)):
            place = pc.index_in(batch.column(f"{self.stage}.domain"), over.column("domain").combine_chunks())
            fallen = batch.keep & np.asarray(place.is_valid())
            place = pc.if_else(pa.array(fallen), place, None)
            reasons = drop_reasons(self.stage, PiiDomains.rules, np.where(fallen, 0, -1))
            columns: dict[str, Any] = {"drop": reasons}
            for field, name in zip(prefixed, ("documents", "hits"), strict=True):
                columns[field.name] = over.column(name).combine_chunks().take(place)
            writer.write(columns)
            commit.count(rows=batch.rows, **{f"drop.{self.stage}.{PiiDomains.rules[0]}": int(fallen.sum())})
        writer.close()
