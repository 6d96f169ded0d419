"""A folder of finished token shards, read through its index.

shards = TokenShards.open("runs/demo/tokens-0123456789abcdef")
shards.ids(0, 8)                # the first eight sequences, (8, sequence length)
shards.verify()                 # every checksum
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from gristmill import storage
from gristmill.commit import checksum
from gristmill.errors import GristmillError, UserError, nearest
from gristmill.tokenize.index import FORMAT, INDEX
from gristmill.tokenize.tokenizer_file import TokenizerFile


class DamagedShards(GristmillError):
    """A token shard is missing or not what the index says."""


@dataclass(frozen=True)
class ShardEntry:
    """A line of the index."""

    name: str  # file below the folder
    sequences: int
    tokens: int  # trained on
    padding: int
    masked: int  # of documents, but not trained on
    bytes: int
    checksum: str

    @property
    def label(self) -> str:
        """The shard's name without folder, ending and number of a retraction."""
        return self.name.rsplit("/", 1)[-1].removesuffix(".arrow").split(".", 1)[0]


class TokenShards:
    """Sequences by number through all shards in order; local shards are memory-mapped, when first asked for."""

    def __init__(self, folder: str, index: dict[str, Any]) -> None:
        self.folder, self.index = folder.rstrip("/"), index
        self.entries = tuple(ShardEntry(**entry) for entry in index["shards"])
        self.length = int(index["sequence_length"])
        self.firsts = np.concatenate([[0], np.cumsum([entry.sequences for entry in self.entries])]).astype(np.int64)
        self._tables: dict[int, pa.Table] = {}
        self._ids: dict[int, tuple[np.ndarray, list[np.ndarray]]] = {}
        self._pieces: dict[int, list[tuple[np.ndarray, np.ndarray, np.ndarray]]] = {}

    @classmethod
    def open(cls, folder: str) -> TokenShards:
        """Reads the index and looks whether every shard is there in its size.

        Raises UserError when there is no index, DamagedShards for a missing or cut shard.
        """
        location = storage.join(folder, INDEX)
        if not storage.exists(location):
            raise UserError(
                f"{folder}: no {INDEX} here", hint="give the folder of token shards that a run has finished"
            )
        try:
            index = json.loads(storage.read_bytes(location))
            if index["format"] != FORMAT:
                raise UserError(f"{location}: format {index['format']!r}, this version reads {FORMAT!r}")
            found = cls(folder, index)
        except (ValueError, KeyError, TypeError) as error:
            raise DamagedShards(f"{location}: not an index of token shards ({error})\n  {REMEDY}") from error
        found.check_sizes()
        return found

    @property
    def id(self) -> str:
        """What tells one data set from another; the same before and after a retraction."""
        return str(self.index["id"])

    @property
    def masked(self) -> bool:
        """Are there tokens that no loss is taken over?"""
        return bool(self.index["padding"] or self.index["masked"])

    @cached_property
    def tokenizer(self) -> TokenizerFile:
        about = self.index["tokenizer"]
        return TokenizerFile.read(storage.join(self.folder, about["file"]), about["scheme"])

    def __len__(self) -> int:
        return int(self.firsts[-1])

    def location(self, shard: int) -> str:
        return storage.join(self.folder, self.entries[shard].name)

    def check_sizes(self) -> None:
        for number, entry in enumerate(self.entries):
            location = self.location(number)
            try:
                size = storage.stat(location).size
            except UserError as error:
                raise DamagedShards(f"{location}: missing, though the index lists it\n  {REMEDY}") from error
            if size != entry.bytes:
                raise DamagedShards(f"{location}: {size:,} bytes, the index says {entry.bytes:,}\n  {REMEDY}")

    def verify(self) -> Iterator[str]:
        """Yields the name of every file found to be sound: the shards, then the tokenizer.

        Raises DamagedShards at the first whose checksum is not that of the index.
        """
        about = self.index["tokenizer"]
        files = [(entry.name, entry.checksum) for entry in self.entries] + [(about["file"], about["checksum"])]
        for name, expected in files:
            location = storage.join(self.folder, name)
            try:
                with storage.localized(location) as path:
                    found = f"xxh3-128:{checksum(str(path))}"
            except (UserError, FileNotFoundError) as error:
                raise DamagedShards(f"{location}: missing, though the index lists it\n  {REMEDY}") from error
            if found != expected:
                raise DamagedShards(f"{location}: its checksum is {found}, the index says {expected}\n  {REMEDY}")
            yield name

    def find(self, shard: str) -> int:
        """A shard by number, name or file name. Raises UserError with the nearest name."""
        labels = [entry.label for entry in self.entries]
        name = shard.rsplit("/", 1)[-1].removesuffix(".arrow").split(".", 1)[0]
        if name in labels:
            return labels.index(name)
        if name.isdigit() and int(name) < len(labels):
            return int(name)
        raise UserError(f"no shard {shard!r} in {self.folder}.{nearest(name, labels)}", hint=f"0 to {len(labels) - 1}")

    def table(self, shard: int) -> pa.Table:
        """All columns of a shard, mapped when it is local. Raises DamagedShards when it is no Arrow file."""
        if shard not in self._tables:
            location = self.location(shard)
            try:
                if storage.is_remote(location):
                    with storage.open_input(location) as stream:
                        table = pa.ipc.open_file(pa.BufferReader(stream.read())).read_all()
                else:
                    table = pa.ipc.open_file(pa.memory_map(storage.local_path(location))).read_all()
            except pa.ArrowInvalid as error:
                raise DamagedShards(f"{location}: not a whole Arrow file ({error})\n  {REMEDY}") from error
            self._tables[shard] = table
        return self._tables[shard]

    def ids(self, start: int, stop: int) -> np.ndarray:
        """Sequences [start, stop), (sequences, length), copied."""
        return self.take(np.arange(start, stop))

    def take(self, numbers: np.ndarray) -> np.ndarray:
        """Sequences by number, (numbers, length), in the dtype they are stored in."""
        out = np.empty((len(numbers), self.length), self.index["dtype"])
        shards = np.searchsorted(self.firsts, numbers, side="right") - 1
        for place, (shard, number) in enumerate(zip(shards.tolist(), numbers.tolist(), strict=True)):
            firsts, chunks = self._chunks(shard)
            row = number - int(self.firsts[shard])
            chunk = int(np.searchsorted(firsts, row, side="right")) - 1
            out[place] = chunks[chunk][row - int(firsts[chunk])]
        return out

    def _chunks(self, shard: int) -> tuple[np.ndarray, list[np.ndarray]]:
        """First row and (rows, length) ids of every record batch, views of the map."""
        if shard not in self._ids:
            chunks = [
                chunk.flatten().to_numpy().reshape(-1, self.length)
                for chunk in self.table(shard).column("input_ids").chunks
            ]
            firsts = np.cumsum([0, *(len(chunk) for chunk in chunks[:-1])]) if chunks else np.zeros(0, int)
            self._ids[shard] = firsts, chunks
        return self._ids[shard]

    def lengths(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Of the pieces of one sequence: tokens int32 and whether they are trained on, bool; views of the map or small."""
        shard = int(np.searchsorted(self.firsts, number, side="right")) - 1
        if shard not in self._pieces:
            table = self.table(shard)
            lists = zip(table.column("document_lengths").chunks, table.column("trained").chunks, strict=True)
            self._pieces[shard] = [
                (
                    lengths.offsets.to_numpy(),
                    lengths.values.to_numpy(),
                    trained.values.to_numpy(zero_copy_only=False),
                )
                for lengths, trained in lists
            ]
        row = number - int(self.firsts[shard])
        firsts, _ = self._chunks(shard)
        chunk = int(np.searchsorted(firsts, row, side="right")) - 1
        offsets, lengths, trained = self._pieces[shard][chunk]
        start, end = offsets[row - int(firsts[chunk]) :][:2].tolist()
        return lengths[start:end], trained[start:end]

    def pieces(self, number: int) -> dict[str, list[Any]]:
        """The pieces of one sequence: lengths, offsets, ids, numbers, sources, trained."""
        shard = int(np.searchsorted(self.firsts, number, side="right")) - 1
        (row,) = self.table(shard).slice(number - int(self.firsts[shard]), 1).drop_columns(["input_ids"]).to_pylist()
        return row

    def __getstate__(self) -> dict[str, Any]:
        """Maps are opened again in another process."""
        return self.__dict__ | {"_tables": {}, "_ids": {}, "_pieces": {}}


REMEDY = "fetch it again, or delete the folder and run the recipe: what was encoded is packed anew"
