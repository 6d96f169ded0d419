"""Attention to ancestors alone, as Falcon has it for conversations: a token sees its own post so far and the posts it answers.

    trees = ReplyTrees.open("runs/forum/tokens-0123456789abcdef")   # after: gristmill trees RECIPE
    lengths, parents = trees.runs(5)        # of row 5: runs of tokens of one post each, and the run that each answers
    seen = ancestors_mask(lengths, parents) # bool (sequence length, sequence length)

A document that is no tree of posts is one run, so the mask keeps documents apart and is causal inside them. Where a row begins
in the middle of a document, posts whose parents lie in the row before see themselves alone.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from gristmill import storage
from gristmill.errors import UserError
from gristmill.tokenize.pack import SOURCES
from gristmill.tokenize.shards import TokenShards

FOLDER, INDEX, FORMAT = "trees", "index.json", "gristmill reply trees 1"
SCHEMA = pa.schema(
    [
        pa.field("lengths", pa.list_(pa.int32())),  # tokens of each post in order; null when the document is no tree
        pa.field("parents", pa.list_(pa.int32())),  # the post that each answers, -1 for the first
    ]
)


def ancestors_mask(lengths: np.ndarray, parents: np.ndarray) -> np.ndarray:
    """bool (tokens, tokens): may token i (row) attend to token j (column)?

    lengths: tokens of each run, (runs,). parents: the run, before it, that each answers, or -1, (runs,).
    """
    runs = np.eye(len(lengths), dtype=bool)
    for run, parent in enumerate(parents.tolist()):
        if parent >= 0:
            runs[run] |= runs[parent]
    of = np.repeat(np.arange(len(lengths)), lengths)
    return np.tril(runs[of][:, of])


def ancestor_positions(lengths: np.ndarray, parents: np.ndarray) -> np.ndarray:
    """int64 (tokens,): how many tokens each sees before itself, so that every branch counts on from its parent."""
    ends: list[int] = []
    for length, parent in zip(lengths.tolist(), parents.tolist(), strict=True):
        ends.append(length + (ends[parent] if parent >= 0 else 0))
    begins = np.array(ends, np.int64) - lengths
    offsets = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths, dtype=np.int64) - lengths, lengths)
    return np.repeat(begins, lengths) + offsets


class ReplyTrees:
    """Which runs of tokens in a row are posts, and what they answer; Arrow files beside the shards, mapped when local."""

    def __init__(self, shards: TokenShards, packed: dict[str, Any]) -> None:
        self.shards = shards
        self._names = {source: list(about["shards"]) for source, about in packed.items()}
        self._firsts = {source: np.cumsum([0, *about["documents"]]).tolist() for source, about in packed.items()}
        self._tables: dict[tuple[str, str], pa.Table] = {}

    @classmethod
    def open(cls, folder: str | TokenShards) -> ReplyTrees:
        """Raises UserError when the trees of these shards were not written, or are those of others."""
        shards = folder if isinstance(folder, TokenShards) else TokenShards.open(folder)
        location = storage.join(shards.folder, FOLDER, INDEX)
        if not storage.exists(location):
            raise UserError(f"{shards.folder}: which posts answer which is not written", hint="gristmill trees RECIPE")
        about = json.loads(storage.read_bytes(location))
        if about.get("format") != FORMAT or about.get("data") != shards.id:
            raise UserError(f"{location}: of other shards than those beside it", hint="gristmill trees RECIPE")
        return cls(shards, json.loads(storage.read_bytes(storage.join(shards.folder, SOURCES))))

    def runs(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Of one sequence: int64 (runs,) tokens of each run, and int64 (runs,) the run it answers, or -1."""
        pieces = self.shards.pieces(number)
        lengths: list[int] = []
        parents: list[int] = []
        columns = ("document_lengths", "document_offsets", "document_numbers", "sources")
        for tokens, offset, document, source in zip(*(pieces[name] for name in columns), strict=True):
            posts = None if source is None else self._posts(source, document)
            found = ([tokens], [-1]) if posts is None else part(*posts, offset, offset + tokens)
            parents += [parent + len(lengths) if parent >= 0 else -1 for parent in found[1]]
            lengths += found[0]
        return np.array(lengths, np.int64), np.array(parents, np.int64)

    def _posts(self, source: str, document: int) -> tuple[list[int], list[int]] | None:
        shard = bisect_right(self._firsts[source], document) - 1
        row = self._table(source, self._names[source][shard]).slice(document - self._firsts[source][shard], 1)
        lengths, parents = (row.column(name)[0].as_py() for name in SCHEMA.names)
        return None if lengths is None else (lengths, parents)

    def _table(self, source: str, name: str) -> pa.Table:
        if (source, name) not in self._tables:
            location = storage.join(self.shards.folder, FOLDER, source, f"{name}.arrow")
            if storage.is_remote(location):
                table = pa.ipc.open_file(pa.BufferReader(storage.read_bytes(location))).read_all()
            else:
                table = pa.ipc.open_file(pa.memory_map(storage.local_path(location))).read_all()
            self._tables[source, name] = table
        return self._tables[source, name]

    def __getstate__(self) -> dict[str, Any]:
        """Maps are opened again in another process."""
        return self.__dict__ | {"_tables": {}}


def part(lengths: Sequence[int], parents: Sequence[int], begin: int, end: int) -> tuple[list[int], list[int]]:
    """The posts in tokens [begin, end) of a document: tokens of each in that range and the one it answers, or -1.

    A post without tokens there hands its children to its own parent.
    """
    kept: list[int] = []
    answers: list[int] = []
    place: list[int] = []  # of each post, or of the next above it, among those kept; -1 for none
    at = 0
    for length, parent in zip(lengths, parents, strict=True):
        inside = min(end, at + length) - max(begin, at)
        above = place[parent] if parent >= 0 else -1
        if inside > 0:
            place.append(len(kept))
            kept.append(inside)
            answers.append(above)
        else:
            place.append(above)
        at += length
    return kept, answers


__all__ = ["ReplyTrees", "ancestor_positions", "ancestors_mask"]
