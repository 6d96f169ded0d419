"""Encoded shards: the ids of a shard's surviving documents, end to end, and where each document lies in them.

`<shard>.ids` is nothing but little-endian ids, so that any range of it can be mapped or fetched.
`<shard>.documents.arrow` is an Arrow IPC file with a row per document; its schema's metadata says what made
the ids.
"""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import IO, Any

import numpy as np
import pyarrow as pa

from gristmill import storage
from gristmill.commit import Commit, FileEntry, checksum, read_receipt
from gristmill.errors import UserError
from gristmill.tokenize.tokenizer_file import SchemeName

FOLDER = "shards"  # inside the folder of an encode node
DOCUMENTS = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("row", pa.int64(), nullable=False),  # in the documents shard
        pa.field("start", pa.int64(), nullable=False),  # first token in the ids file
        pa.field("tokens", pa.int32(), nullable=False),  # begin and end tokens counted
    ]
)
METADATA = b"gristmill"


@dataclass(frozen=True)
class Encoding:
    """What turned text into ids: the same for all shards that are packed together."""

    file: str  # name of the tokenizer's file
    tokenizer: str  # xxh3-128 of it
    scheme: SchemeName | None  # of a .tiktoken file
    vocabulary: int  # highest id + 1
    dtype: str  # uint16 or uint32
    bos: str | None
    eos: str | None
    bos_id: int | None
    eos_id: int | None

    @property
    def pad_id(self) -> int:
        """What fills rows that documents do not: the end token, which no loss is taken over there."""
        return self.eos_id or 0


class EncodedWriter:
    """Writes one encoded shard, batch by batch."""

    def __init__(self, commit: Commit, shard: str, encoding: Encoding) -> None:
        self._schema = DOCUMENTS.with_metadata({METADATA: json.dumps(asdict(encoding), sort_keys=True)})
        self._dtype = np.dtype(encoding.dtype).newbyteorder("<")
        self._stack = contextlib.ExitStack()
        self._ids = self._stack.enter_context(open(commit.path(f"{shard}.ids"), "wb"))  # noqa: SIM115
        stream = self._stack.enter_context(pa.OSFile(commit.path(f"{shard}.documents.arrow"), "wb"))
        self._documents = self._stack.enter_context(pa.ipc.new_file(stream, self._schema))
        self.tokens = 0

    def write(self, ids: np.ndarray, lengths: np.ndarray, rows: np.ndarray, names: pa.Array) -> None:
        """Add documents: their ids end to end, and per document tokens, row and id."""
        ids.astype(self._dtype).tofile(self._ids)
        ends = self.tokens + np.cumsum(lengths, dtype=np.int64)
        arrays = [names, pa.array(rows, pa.int64()), pa.array(ends - lengths), pa.array(lengths, pa.int32())]
        self._documents.write_batch(pa.record_batch(arrays, schema=self._schema))
        self.tokens += len(ids)

    def __enter__(self) -> EncodedWriter:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()


@dataclass(frozen=True)
class EncodedSource:
    """The encoded shards of one source in a mixture."""

    source: str
    folder: str
    shards: tuple[str, ...]
    documents: tuple[int, ...]  # in each shard
    tokens: int  # in all shards
    bytes: int = 0  # of text, in all shards
    counts: Mapping[str, int] = field(default_factory=dict, compare=False)  # of the receipts

    @classmethod
    def read(cls, source: str, node: str, shards: tuple[str, ...]) -> EncodedSource:
        """From the receipts in the folder of an encode node. Raises UserError when a shard is missing or cut."""
        folder = storage.join(node, FOLDER)
        documents: list[int] = []
        counts: Counter[str] = Counter()
        for shard in shards:
            receipt = read_receipt(folder, shard)
            if receipt is None:
                raise FileNotFoundError(f"{folder}/{shard}: not encoded yet")
            for file in receipt.files:
                check_size(node, file)
            documents.append(receipt.counts.get("documents", 0))
            counts.update(receipt.counts)
        return cls(source, folder, shards, tuple(documents), counts["tokens"], counts["bytes"], counts)

    def open(self, number: int) -> AbstractContextManager[EncodedShard]:
        return EncodedShard.open(self.folder, self.shards[number])

    def to_dict(self) -> dict[str, Any]:
        """Without the folder, which differs from root to root."""
        return {"shards": self.shards, "documents": self.documents, "tokens": self.tokens}

    @classmethod
    def from_dict(cls, source: str, folder: str, values: Mapping[str, Any]) -> EncodedSource:
        return cls(source, folder, tuple(values["shards"]), tuple(values["documents"]), values["tokens"])

    def lengths(self, shard: str) -> np.ndarray:
        """Tokens of every document of a shard, int32 (documents,)."""
        with EncodedShard.open(self.folder, shard) as found:
            return found.lengths.copy()

    @property
    def encoding(self) -> Encoding | None:
        """What made the ids, from the first shard; None when the source has no shards."""
        if not self.shards:
            return None
        with EncodedShard.open(self.folder, self.shards[0]) as shard:
            return shard.encoding


def check_size(node: str, file: FileEntry) -> None:
    """Raise UserError when a file of an encode node is not there in the size that its receipt says."""
    location = storage.join(node, FOLDER, file.name)
    size = storage.stat(location).size if storage.exists(location) else None
    if size != file.bytes:
        raise damaged(node, file, "missing" if size is None else f"{size:,} bytes, its receipt says {file.bytes:,}")


def check_checksum(node: str, file: FileEntry) -> None:
    """Raise UserError when a file of an encode node is not byte for byte what its receipt says."""
    check_size(node, file)
    with storage.localized(storage.join(node, FOLDER, file.name)) as path:
        found = checksum(str(path))
    if found != file.checksum:
        raise damaged(node, file, f"its checksum is {found}, its receipt says {file.checksum}")


def damaged(node: str, file: FileEntry, what: str) -> UserError:
    return UserError(
        f"{storage.join(node, FOLDER, file.name)}: {what}",
        hint=f"put it back, or delete {node} and run again: the source is encoded anew",
    )


class EncodedShard:
    """One encoded shard, opened for reading: mapped when it is local, fetched by range when it is remote."""

    def __init__(self, ids: IO[bytes] | str, documents: Any) -> None:
        self._ids = ids
        self._documents = pa.ipc.open_file(documents)

    @classmethod
    @contextlib.contextmanager
    def open(cls, folder: str, shard: str) -> Iterator[EncodedShard]:
        ids, documents = (
            storage.join(folder, f"{shard}.ids"),
            storage.join(folder, f"{shard}.documents.arrow"),
        )
        with contextlib.ExitStack() as stack:
            if storage.is_remote(folder):
                yield cls(
                    stack.enter_context(storage.open_input(ids)),
                    stack.enter_context(storage.open_input(documents)),
                )
            else:
                yield cls(storage.local_path(ids), stack.enter_context(pa.memory_map(storage.local_path(documents))))

    @cached_property
    def encoding(self) -> Encoding:
        return Encoding(**json.loads(self._documents.schema.metadata[METADATA]))

    @cached_property
    def documents(self) -> pa.Table:
        return self._documents.read_all()

    @cached_property
    def lengths(self) -> np.ndarray:
        """Tokens of every document, int32 (documents,)."""
        return self.documents.column("tokens").to_numpy()

    def copy_ids(self, starts: np.ndarray, lengths: np.ndarray, out: np.ndarray, places: np.ndarray) -> None:
        """Copy ranges of ids: `lengths[k]` ids from `starts[k]` in the file to `places[k]` in `out`."""
        dtype = np.dtype(self.encoding.dtype).newbyteorder("<")
        spans = zip(starts.tolist(), lengths.tolist(), places.tolist(), strict=True)
        if isinstance(self._ids, str):
            from gristmill.kernels.best_fit import copy_spans

            if len(starts):
                copy_spans(np.memmap(self._ids, dtype, "r"), starts, lengths, out, places)
            return
        for start, length, place in spans:
            self._ids.seek(start * dtype.itemsize)
            out[place : place + length] = np.frombuffer(self._ids.read(length * dtype.itemsize), dtype)
