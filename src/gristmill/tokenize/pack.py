"""Encoded documents in the order of a mixture → Arrow files of equally long token sequences."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gristmill import storage
from gristmill.commit import Commit
from gristmill.errors import UserError
from gristmill.mixtures import plan as mixture_plan
from gristmill.mixtures.order import Order, Targets, write_order
from gristmill.mixtures.plan import Available, MixturePlan, read_plan
from gristmill.mixtures.populations import gather
from gristmill.mixtures.select import counted
from gristmill.mixtures.shuffle import warm as warm_shuffle
from gristmill.mixtures.solver import solve
from gristmill.mixtures.spec import Mixture
from gristmill.mixtures.tree import Leaf, resolve
from gristmill.stage import Location, Phase, PhasedStage, Scope, Task, setting
from gristmill.tokenize.encode import tokenizer_location
from gristmill.tokenize.encoded import EncodedSource, Encoding
from gristmill.tokenize.index import SHARDS, WriteIndex
from gristmill.tokenize.layouts import Packing, concat, whole_documents
from gristmill.tokenize.sequences import BATCH_TOKENS, SequenceWriter, fill

SHARD_TOKENS = 1 << 26
ORDER = "order.arrow"
SOURCES = "sources.json"


class Pack(PhasedStage):
    """Put encoded documents end to end in the mixture's order and cut them into rows of equal length."""

    kind = "pack"
    version = 3
    needs = ()

    tokenizer: Location | None = setting(None, "a tokenizer's file; null: the one trained by this recipe")
    sources: tuple[str, ...] = setting(doc="sources that take part, in the recipe's order")
    mixture: Mixture | None = setting(None, "how much of each source; null: each once")
    sequence_length: int = setting(2048, "tokens in a row", unit="tokens", ge=1)
    packing: Packing = setting("concat", "how documents are put into rows")
    shard_sequences: int | None = setting(None, "rows of an output file; null: 64 Mi tokens", unit="sequences", ge=1)

    def warm(self) -> None:
        from gristmill.kernels.best_fit import best_fit, copy_spans

        warm_shuffle()
        best_fit(np.ones(1, np.int32), 1)
        one = np.zeros(1, np.int64)
        for dtype in (np.uint16, np.uint32):
            file_ids = np.zeros(1, dtype)
            file_ids.flags.writeable = False  # as a memory map's
            copy_spans(file_ids, one, one, np.zeros(1, dtype), one)

    def phases(self, scope: Scope) -> Iterator[Phase]:
        sources = tuple(
            EncodedSource.read(
                source,
                scope.inputs[f"encode.{source}"],
                tuple(shard.name for shard in scope.shards if shard.source == source),
            )
            for source in self.sources
        )
        check_ends(sources)
        tree = resolve(self.mixture, self.sources)
        leaves = tuple(tree.leaves())
        selected = {s: scope.inputs[f"select.{s}"] for s in self.sources if f"select.{s}" in scope.inputs}
        plan = solve(self.mixture, available(leaves, sources, selected), tree, self.sequence_length)
        order = OrderDocuments("order", sources, leaves, selected, plan, self.mixture, scope.memory)
        yield Phase("order", scope.folder, (order,))

        plan = read_plan(scope.folder)
        length = self.sequence_length
        rows = plan.tokens // length
        if not rows and self.packing == "concat":
            raise UserError(
                f"the mixture has {plan.tokens:,} tokens, less than one sequence of {length:,}",
                hint="lower tokenize.sequence_length, or see what the filters dropped",
            )
        shard_rows = self.shard_sequences or max(1, SHARD_TOKENS // length)
        if self.packing != "concat":
            rows = -(-plan.tokens // length)  # if nothing were padded; an output file gets what begins in its share
        starts = range(0, rows, shard_rows)
        encoding = common_encoding(sources)
        folders = tuple((source.source, source.folder) for source in sources)
        shards = scope.phase(
            SHARDS,
            [
                PackShard(
                    f"tokens-{number:05d}-of-{len(starts):05d}",
                    scope.folder,
                    folders,
                    encoding,
                    start,
                    min(rows, start + shard_rows),
                    length,
                    self.packing,
                )
                for number, start in enumerate(starts)
            ],
        )
        yield shards
        names = tuple(task.name for task in shards.tasks)
        location = tokenizer_location(self.tokenizer, scope)
        ends = {key: sum(source.counts[key] for source in sources) for key in ("documents", "bos_once", "eos_once")}
        index = WriteIndex(
            "index",
            shards.folder,
            names,
            plan,
            encoding,
            location,
            length,
            self.packing,
            fingerprint(scope.folder),
            ends,
        )
        yield Phase("index", scope.folder, (index,))


def common_encoding(sources: tuple[EncodedSource, ...]) -> Encoding:
    """How the ids were made. Raises UserError when two sources were encoded differently."""
    found = {source.source: source.encoding for source in sources}
    different = {encoding: name for name, encoding in found.items() if encoding is not None}
    if len(different) > 1:
        (_, first), (_, second), *_ = different.items()
        raise UserError(
            f"sources {first!r} and {second!r} were encoded with different tokenizers or settings",
            hint="encode them with the same `tokenize` section",
        )
    return next(iter(different))


def check_ends(sources: tuple[EncodedSource, ...]) -> None:
    """Raise UserError when an end or begin token was asked for and no document of a source has it exactly once."""
    for source in sources:
        encoding, documents = source.encoding, source.counts["documents"]
        for role in ("bos", "eos"):
            if documents and getattr(encoding, role) is not None and not source.counts[f"{role}_once"]:
                raise UserError(
                    f"not one of the {documents:,} documents of {source.source!r} has exactly one {role} token "
                    f"{getattr(encoding, role)!r}",
                    hint=f"its texts must come to that token themselves; set tokenize.{role} to another one",
                )


def fingerprint(folder: str) -> str:
    """The fingerprint at the end of an output folder's name, empty when it has none."""
    found = re.search(r"-([0-9a-f]{16})$", folder)
    return found[1] if found else ""


def available(
    leaves: Sequence[Leaf], sources: Sequence[EncodedSource], selected: Mapping[str, str]
) -> dict[str, Available]:
    """What each component offers. selected: folders of the `select` stages, by source."""
    found: dict[str, Available] = {}
    for source in sources:
        mine = [leaf for leaf in leaves if leaf.source == source.source]
        if source.source in selected:
            found |= counted(selected[source.source], source.shards, mine)
        else:
            offer = Available(sum(source.documents), source.tokens, source.bytes)
            found |= {leaf.name: offer for leaf in mine}
    return found


@dataclass(frozen=True)
class OrderDocuments(Task):
    """Writes the plan, the order of all documents, and the shards that the order counts them in."""

    name: str
    sources: tuple[EncodedSource, ...]
    leaves: tuple[Leaf, ...]
    selected: Mapping[str, str]  # folders of the `select` stages, by source
    plan: MixturePlan
    mixture: Mixture | None
    memory: int  # bytes
    units = "orders"

    def run(self, commit: Commit) -> None:
        scratch: list[str] = []

        def temporary(name: str) -> str:
            scratch.append(name)
            return commit.path(name)

        try:
            populations = gather(self.leaves, self.sources, self.selected, temporary)
            written = write_order(
                commit.path(ORDER), populations, self.targets(), self.plan.seed, self.memory // 4, temporary("shuffle")
            )
        finally:
            for name in scratch:  # lengths of all documents and the like: on disk, they grow with the corpus
                commit.forget(name)
        plan = self.plan.measured(dict(zip(self.plan.targets, written.tokens, strict=True)))
        with open(commit.path(mixture_plan.FILE), "w", encoding="utf-8") as stream:
            json.dump(plan.to_dict(), stream, indent=1, sort_keys=True)
            stream.write("\n")
        with open(commit.path(SOURCES), "w", encoding="utf-8") as stream:
            json.dump({source.source: source.to_dict() for source in self.sources}, stream)
        commit.count(entries=written.entries, tokens=plan.tokens)

    def targets(self) -> Targets:
        rows = self.plan.rows
        if self.mixture is not None and self.mixture.unit == "documents":
            return Targets([[row.documents_taken or 0 for row in rows]], by_documents=True)
        phases = [[phase.taken[row.name] for row in rows] for phase in self.plan.phases]
        return Targets(phases or [[row.taken for row in rows]])


@dataclass(frozen=True)
class PackShard(Task):
    """Writes one shard of the packed mixture; needs no other shard to have been written.

    concat: rows [first_row, last_row). Else the rows of the documents that begin in the tokens that those rows would be.
    """

    name: str
    mixture: str  # folder of the order and of what it counts documents in
    folders: tuple[tuple[str, str], ...]  # source, folder of its encoded shards; their names would weigh megabytes
    encoding: Encoding
    first_row: int
    last_row: int
    sequence_length: int
    packing: Packing
    units = "shards"

    def run(self, commit: Commit) -> None:
        length = self.sequence_length
        step = max(1, BATCH_TOKENS // length)
        shards = json.loads(storage.read_bytes(storage.join(self.mixture, SOURCES)))
        sources = [EncodedSource.from_dict(source, folder, shards[source]) for source, folder in self.folders]
        names = [source.source for source in sources]
        with (
            Order.open(storage.join(self.mixture, ORDER)) as order,
            SequenceWriter(commit.path(f"{self.name}.arrow"), length, self.encoding, names) as writer,
        ):
            if self.packing == "concat":
                layouts = concat(order, self.first_row, self.last_row, length, step)
            else:
                first, last = self.first_row * length, self.last_row * length
                layouts = whole_documents(order, first, last, length, step, self.packing)
            for layout in layouts:
                writer.write(fill(layout, sources, self.encoding, length))
        tokens = writer.rows * length - writer.padding
        commit.count(sequences=writer.rows, tokens=tokens, pieces=writer.pieces, padding=writer.padding)
