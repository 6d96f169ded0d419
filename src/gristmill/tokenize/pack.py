"""Encoded documents in the order of a mixture → Arrow files of equally long token sequences."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import xxhash

from gristmill import storage
from gristmill.commit import Commit, read_receipt
from gristmill.errors import UserError
from gristmill.mixtures import plan as mixture_plan
from gristmill.mixtures.order import Order, write_order
from gristmill.mixtures.plan import Available, MixturePlan
from gristmill.mixtures.solver import solve
from gristmill.mixtures.spec import Mixture
from gristmill.stage import Location, Phase, PhasedStage, Scope, Task, setting
from gristmill.tokenize.encode import tokenizer_location
from gristmill.tokenize.encoded import EncodedShard, EncodedSource, Encoding
from gristmill.tokenize.layouts import Packing, concat, whole_documents
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

    tokenizer: Location | None = setting(None, "a tokenizer's file; null: the one trained by this recipe")
    sources: tuple[str, ...] = setting(doc="sources that take part, in the recipe's order")
    mixture: Mixture | None = setting(None, "how much of each source; null: each once")
    sequence_length: int = setting(2048, "tokens in a row", unit="tokens", ge=1)
    packing: Packing = setting("concat", "how documents are put into rows")
    shard_sequences: int | None = setting(None, "rows of an output file; null: 64 Mi tokens", unit="sequences", ge=1)

    def warm(self) -> None:
        from gristmill.kernels.best_fit import best_fit, copy_spans

        with tempfile.NamedTemporaryFile() as file:
            write_order(file.name, np.ones(2, np.int32), {"a": 1, "b": 1}, {"a": 1, "b": 1}, 0)
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
        plan = solve(
            self.mixture,
            {source.source: Available(sum(source.documents), source.tokens) for source in sources},
        )
        check_ends(sources)
        length = self.sequence_length
        rows = plan.tokens // length
        if not rows and self.packing == "concat":
            raise UserError(
                f"the mixture has {plan.tokens:,} tokens, less than one sequence of {length:,}",
                hint="lower tokenize.sequence_length, or see what the filters dropped",
            )
        yield Phase("order", scope.folder, (OrderDocuments("order", sources, plan),))

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


@dataclass(frozen=True)
class OrderDocuments(Task):
    """Writes the plan, the order of all documents, and the shards that the order counts them in."""

    name: str
    sources: tuple[EncodedSource, ...]
    plan: MixturePlan
    units = "orders"

    def run(self, commit: Commit) -> None:
        counts = {source.source: sum(source.documents) for source in self.sources}
        with tempfile.TemporaryFile() as file:  # lengths of all documents: on disk, they grow with the corpus
            for source in self.sources:
                for name in source.shards:
                    with EncodedShard.open(source.folder, name) as shard:
                        shard.lengths.astype(np.int32).tofile(file)
            file.flush()
            lengths = np.memmap(file, np.int32, "r", shape=(sum(counts.values()),))
            entries = write_order(commit.path(ORDER), lengths, counts, self.plan.targets, self.plan.seed)
        with open(commit.path(mixture_plan.FILE), "w", encoding="utf-8") as stream:
            json.dump(self.plan.to_dict(), stream, indent=1, sort_keys=True)
            stream.write("\n")
        with open(commit.path(SOURCES), "w", encoding="utf-8") as stream:
            json.dump({source.source: source.to_dict() for source in self.sources}, stream)
        commit.count(entries=entries, tokens=self.plan.tokens)


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
    packing: Packing
    fingerprint: str
    ends: dict[str, int]
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
                    "padding": receipt.counts["padding"],
                    "masked": 0,
                    "bytes": file.bytes,
                    "checksum": f"xxh3-128:{file.checksum}",
                }
            )
        sequences, tokens, padding = (sum(e[key] for e in entries) for key in ("sequences", "tokens", "padding"))
        digest = xxhash.xxh3_128_hexdigest("\n".join(entry["checksum"] for entry in entries).encode())
        encoding = self.encoding
        index = {
            "format": "gristmill tokens 1",
            "id": digest,  # of this order of these documents; stays when documents are retracted
            "fingerprint": self.fingerprint,  # of the recipe's settings and inputs, as in the folder's name
            "sequence_length": self.sequence_length,
            "packing": self.packing,
            "sequences": sequences,
            "tokens": tokens,  # of documents
            "padding": padding,
            "masked": 0,  # of documents that were retracted, their tokens left as context
            "dropped_tokens": self.plan.tokens - tokens,  # the last sequence when it is not full
            "tokenizer": {
                "file": encoding.file,
                "checksum": f"xxh3-128:{encoding.tokenizer}",
                "scheme": encoding.scheme,
                "vocabulary": encoding.vocabulary,
                "bos": encoding.bos,
                "bos_id": encoding.bos_id,
                "eos": encoding.eos,
                "eos_id": encoding.eos_id,
                "pad_id": encoding.pad_id,
            },
            "documents": self.ends,  # encoded ones, and how many have the begin and the end token exactly once
            "dtype": encoding.dtype,
            "sources": [row.source for row in self.plan.rows],
            "shards": entries,
            "retractions": [],
        }
        tokenizer = TokenizerFile.read(self.tokenizer, encoding.scheme)
        if tokenizer.checksum != self.encoding.tokenizer:
            raise UserError(
                f"{self.tokenizer} is not the file that the documents were encoded with",
                hint="put the old file back, or run again to encode with the new one",
            )
        with open(commit.path(encoding.file), "wb") as stream:
            stream.write(tokenizer.content)
        with open(commit.path(INDEX), "w", encoding="utf-8") as text:
            json.dump(index, text, indent=1, ensure_ascii=False)
            text.write("\n")
        commit.count(dropped_tokens=self.plan.tokens - tokens)
