"""Which documents of an encoded source belong to which component, looked up in value columns; no text is read.

    select.<source>-<fingerprint>/shards/<shard>.arrow     component int16, repeats int16, a row per encoded document

Only sources of which a mixture takes parts, or repeats documents, have this stage. Weights are no part of it, so
another weighting looks nothing up again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from gristmill import storage
from gristmill.commit import Commit, read_receipt
from gristmill.dataset import Batch, ShardRef
from gristmill.mixtures.plan import Available
from gristmill.mixtures.spec import Rehydrate
from gristmill.mixtures.tree import Leaf
from gristmill.mixtures.where import columns_of, matches
from gristmill.stage import Phase, PhasedStage, Scope, Settings, Task, setting

FOLDER = "shards"
SCHEMA = pa.schema(
    [
        pa.field("component", pa.int16(), nullable=False),  # number among the stage's components; -1: of none
        pa.field("repeats", pa.int16(), nullable=False),  # times it stands in one epoch
    ]
)


class Part(Settings):
    """Documents of a source that belong together."""

    where: dict[str, Any] = setting(doc="conditions over value columns", factory=dict)
    repeat: Rehydrate | None = setting(None, "how often each document stands in an epoch")

    @property
    def columns(self) -> tuple[str, ...]:
        repeat = (self.repeat.column,) if self.repeat is not None else ()
        return tuple(dict.fromkeys((*columns_of(self.where), *repeat)))


class SelectDocuments(PhasedStage):
    """Say for every encoded document of a source which component of the mixture takes it.

    The first component whose conditions a document fulfils takes it; one without conditions takes what is left.
    """

    kind = "select"
    needs = ()
    source: str = setting(doc="the source")
    parts: tuple[Part, ...] = setting(doc="its components; those without conditions last")

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(column for part in self.parts for column in part.columns))

    def phases(self, scope: Scope) -> Iterator[Phase]:
        encoded = scope.inputs[f"encode.{self.source}"]
        tasks = [SelectShard(shard.name, shard, encoded, self) for shard in scope.shards]
        yield scope.phase(FOLDER, list[Task](tasks))


@dataclass(frozen=True)
class SelectShard(Task):
    """Looks up one shard. Counts documents, tokens and bytes of every component, repeats counted."""

    name: str
    shard: ShardRef
    encoded: str  # folder of the encode node
    stage: SelectDocuments
    units = "shards"

    def run(self, commit: Commit) -> None:
        with (
            pa.OSFile(commit.path(f"{self.name}.arrow"), "wb") as stream,
            pa.ipc.new_file(stream, SCHEMA) as writer,
        ):
            for selection in select(self.shard, self.encoded, self.stage.parts):
                columns = [pa.array(selection.component), pa.array(selection.repeats)]
                writer.write_batch(pa.record_batch(columns, schema=SCHEMA))
                commit.count(**selection.counts(len(self.stage.parts)))


@dataclass(frozen=True)
class Selection:
    """The encoded documents of one batch."""

    component: np.ndarray  # int16 (documents,)
    repeats: np.ndarray  # int16 (documents,)
    tokens: np.ndarray  # int32 (documents,)
    bytes: np.ndarray  # int64 (documents,): of text as first written

    def counts(self, parts: int) -> dict[str, int]:
        found = {"unused/documents": int((self.component < 0).sum())}
        for number in range(parts):
            mine = self.component == number
            times = self.repeats[mine].astype(np.int64)
            found |= {
                f"{number}/documents": int(times.sum()),
                f"{number}/tokens": int((self.tokens[mine] * times).sum()),
                f"{number}/bytes": int((self.bytes[mine] * times).sum()),
            }
        return found


def select(shard: ShardRef, encoded: str, parts: Sequence[Part]) -> Iterator[Selection]:
    """The component and repeats of every encoded document of a shard, batch by batch, in order."""
    from gristmill.tokenize.encoded import FOLDER as ENCODED
    from gristmill.tokenize.encoded import EncodedShard

    columns = list(dict.fromkeys(["bytes", *(column for part in parts for column in part.columns)]))
    with EncodedShard.open(storage.join(encoded, ENCODED), shard.name) as documents:
        rows = documents.documents.column("row").to_numpy()
        tokens = documents.lengths
        for batch in shard.batches(columns):
            first, last = np.searchsorted(rows, [batch.first_row, batch.first_row + batch.rows])
            if last > first:
                mine = rows[first:last] - batch.first_row
                component, repeats = assign(batch, parts)
                sizes = batch.numbers("bytes")[mine].astype(np.int64)
                yield Selection(component[mine], repeats[mine], tokens[first:last], sizes)


def assign(batch: Batch, parts: Sequence[Part]) -> tuple[np.ndarray, np.ndarray]:
    """Number of the part that takes each row (-1: none) and its repeats, int16 (rows,)."""
    component, repeats = np.full(batch.rows, -1, np.int16), np.ones(batch.rows, np.int16)
    for number, part in enumerate(parts):
        columns: Mapping[str, pa.Array] = {name: batch.column(name) for name in part.columns}
        mine = (component < 0) & matches(part.where, columns, batch.rows)
        component[mine] = number
        if part.repeat is not None:
            repeats[mine] = times(part.repeat, batch.numbers(part.repeat.column)[mine])
    return component, repeats


def times(repeat: Rehydrate, sizes: np.ndarray) -> np.ndarray:
    """How often documents stand in an epoch, from the sizes of their clusters; once where the size is not known."""
    bounds = np.array(list(repeat.table), np.float64)
    counts = np.array([1, *repeat.table.values()], np.int16)
    sizes = np.nan_to_num(sizes.astype(np.float64), nan=-1.0)
    return counts[np.searchsorted(bounds, sizes, side="right")]


def parts_of(leaves: Sequence[Leaf]) -> list[Leaf]:
    """The components of one source in the order in which they take documents: those with conditions first."""
    return sorted(leaves, key=lambda leaf: not leaf.where)


def as_part(leaf: Leaf) -> Part:
    return Part(where=dict(leaf.where), repeat=leaf.repeat)


def counted(folder: str, shards: Sequence[str], leaves: Sequence[Leaf]) -> dict[str, Available]:
    """What the components of a source offer, from the receipts of a finished `select` stage."""
    totals: dict[str, int] = {}
    for shard in shards:
        receipt = read_receipt(storage.join(folder, FOLDER), shard)
        if receipt is None:
            raise FileNotFoundError(f"{folder}/{FOLDER}/{shard}: not selected yet")
        for key, amount in receipt.counts.items():
            totals[key] = totals.get(key, 0) + amount
    return offers(totals, leaves)


def offers(totals: Mapping[str, int], leaves: Sequence[Leaf]) -> dict[str, Available]:
    """What components offer, from summed counts."""
    return {
        leaf.name: Available(*(totals.get(f"{number}/{unit}", 0) for unit in ("documents", "tokens", "bytes")))
        for number, leaf in enumerate(parts_of(leaves))
    }
