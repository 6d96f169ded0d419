"""Encoded documents in the order of a mixture → Arrow files of equally long token sequences."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from gristmill import storage
from gristmill.commit import Commit, read_receipt
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
from gristmill.tokenize import tokenizer_file
from gristmill.tokenize.encode import tokenizer_location
from gristmill.tokenize.encoded import EncodedSource, Encoding
from gristmill.tokenize.sequences import BATCH_TOKENS, SequenceWriter, fill
from gristmill.tokenize.tokenizer_file import TokenizerFile

SHARD_TOKENS = 1 << 26
ORDER = "order.arrow"
SOURCES = "sources.json"
INDEX = "index.json"
SHARDS = "shards"


class Pack(PhasedStage):
    """Put encoded documents end to end in the mixture's order and cut them into rows of equal length."""

    kind = "pack"
    version = 2
    needs = ()

    tokenizer: Location | None = setting(None, "a tokenizer.json; null: the one trained by this recipe")
    sources: tuple[str, ...] = setting(doc="sources that take part, in the recipe's order")
    mixture: Mixture | None = setting(None, "how much of each source; null: each once")
    sequence_length: int = setting(2048, "tokens in a row", unit="tokens", ge=1)
    packing: Literal["concat"] = setting("concat", "documents are put end to end and cut into rows")
    shard_sequences: int | None = setting(None, "rows of an output file; null: 64 Mi tokens", unit="sequences", ge=1)

    def warm(self) -> None:
        warm_shuffle()

    def phases(self, scope: Scope) -> Iterator[Phase]:
        sources = tuple(
            EncodedSource.read(
                source,
                scope.inputs[f"encode.{source}"],
                tuple(shard.name for shard in scope.shards if shard.source == source),
            )
            for source in self.sources
        )
        tree = resolve(self.mixture, self.sources)
        leaves = tuple(tree.leaves())
        selected = {s: scope.inputs[f"select.{s}"] for s in self.sources if f"select.{s}" in scope.inputs}
        plan = solve(self.mixture, available(leaves, sources, selected), tree, self.sequence_length)
        order = OrderDocuments("order", sources, leaves, selected, plan, self.mixture, scope.memory)
        yield Phase("order", scope.folder, (order,))

        plan = read_plan(scope.folder)
        rows = plan.tokens // self.sequence_length
        if not rows:
            raise UserError(
                f"the mixture has {plan.tokens:,} tokens, less than one sequence of {self.sequence_length:,}",
                hint="lower tokenize.sequence_length, or see what the filters dropped",
            )
        shard_rows = self.shard_sequences or max(1, SHARD_TOKENS // self.sequence_length)
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
                    self.sequence_length,
                )
                for number, start in enumerate(starts)
            ],
        )
        yield shards
        names = tuple(task.name for task in shards.tasks)
        location = tokenizer_location(self.tokenizer, scope)
        index = WriteIndex("index", shards.folder, names, plan, encoding, location, self.sequence_length)
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
    """Writes rows [first_row, last_row) of the packed mixture; needs no other shard to have been written."""

    name: str
    mixture: str  # folder of the order and of what it counts documents in
    folders: tuple[tuple[str, str], ...]  # source, folder of its encoded shards; their names would weigh megabytes
    encoding: Encoding
    first_row: int
    last_row: int
    sequence_length: int
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
            for first in range(self.first_row, self.last_row, step):
                start, end = first * length, min(self.last_row, first + step) * length
                writer.write(fill(order.between(start, end), sources, self.encoding, start, end, length))
        rows = self.last_row - self.first_row
        commit.count(sequences=rows, tokens=rows * length, pieces=writer.pieces)


@dataclass(frozen=True)
class WriteIndex(Task):
    """Writes the index and a copy of the tokenizer, so that the folder is all a training run needs."""

    name: str
    folder: str
    shards: tuple[str, ...]
    plan: MixturePlan
    encoding: Encoding
    tokenizer: str
    sequence_length: int
    units = "indexes"

    def run(self, commit: Commit) -> None:
        entries: list[dict[str, Any]] = []
        for name in self.shards:
            receipt = read_receipt(self.folder, name)
            if receipt is None:
                raise FileNotFoundError(f"{self.folder}/{name}: not packed yet")
            (file,) = receipt.files
            entries.append(
                {
                    "name": f"{SHARDS}/{file.name}",
                    "sequences": receipt.counts["sequences"],
                    "tokens": receipt.counts["tokens"],
                    "bytes": file.bytes,
                    "checksum": f"xxh3-128:{file.checksum}",
                }
            )
        sequences = sum(entry["sequences"] for entry in entries)
        tokens = sum(entry["tokens"] for entry in entries)
        index = {
            "format": "gristmill tokens 1",
            "sequence_length": self.sequence_length,
            "sequences": sequences,
            "tokens": tokens,
            "dropped_tokens": self.plan.tokens - tokens,  # the last sequence when it is not full
            "tokenizer": {
                "file": tokenizer_file.FILE,
                "checksum": f"xxh3-128:{self.encoding.tokenizer}",
                "vocabulary": self.encoding.vocabulary,
                "bos": self.encoding.bos,
                "bos_id": self.encoding.bos_id,
                "eos": self.encoding.eos,
                "eos_id": self.encoding.eos_id,
            },
            "dtype": self.encoding.dtype,
            "sources": list(dict.fromkeys(row.source for row in self.plan.rows)),
            "shards": entries,
        }
        tokenizer = TokenizerFile.read(self.tokenizer)
        if tokenizer.checksum != self.encoding.tokenizer:
            raise UserError(
                f"{self.tokenizer} is not the file that the documents were encoded with",
                hint="put the old file back, or run again to encode with the new one",
            )
        with open(commit.path(tokenizer_file.FILE), "wb") as stream:
            stream.write(tokenizer.content)
        with open(commit.path(INDEX), "w", encoding="utf-8") as text:
            json.dump(index, text, indent=1, ensure_ascii=False)
            text.write("\n")
        commit.count(sequences=sequences, tokens=tokens, dropped_tokens=self.plan.tokens - tokens)
