"""The documents of every component as plain arrays on disk, gathered from encoded shards in their order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import IO, Protocol

import numpy as np
import pyarrow as pa

from gristmill import storage
from gristmill.mixtures.select import FOLDER, parts_of
from gristmill.mixtures.shuffle import Population
from gristmill.mixtures.tree import Leaf


class Encoded(Protocol):
    """The encoded shards of a source."""

    @property
    def source(self) -> str: ...
    @property
    def shards(self) -> tuple[str, ...]: ...
    def lengths(self, shard: str) -> np.ndarray:
        """Tokens of every document, int32 (documents,)."""


@dataclass
class _Gathered:
    lengths: IO[bytes]
    documents: IO[bytes] | None
    count: int = 0


def gather(
    leaves: Sequence[Leaf],
    sources: Sequence[Encoded],
    selected: Mapping[str, str],
    scratch: Callable[[str], str],
) -> list[Population]:
    """One population for each leaf, in their order, a shard at a time.

    selected: folders of the `select` stages, by source. scratch: a path for a temporary file of this name.
    """
    numbers = {source.source: number for number, source in enumerate(sources)}
    paths = {leaf.name: (scratch(f"{n}.lengths"), scratch(f"{n}.documents")) for n, leaf in enumerate(leaves)}
    found: dict[str, _Gathered] = {}
    with ExitStack() as stack:
        for leaf in leaves:
            lengths, documents = paths[leaf.name]
            chosen = leaf.source in selected
            found[leaf.name] = _Gathered(
                stack.enter_context(open(lengths, "wb")),
                stack.enter_context(open(documents, "wb")) if chosen else None,
            )
        for source in sources:
            mine = parts_of([leaf for leaf in leaves if leaf.source == source.source])
            first = 0
            for shard in source.shards:
                tokens = source.lengths(shard).astype("<i4")
                _add_shard([found[leaf.name] for leaf in mine], tokens, first, selected.get(source.source), shard)
                first += len(tokens)
    return [
        Population(
            leaf.name,
            numbers[leaf.source],
            found[leaf.name].count,
            paths[leaf.name][0],
            paths[leaf.name][1] if leaf.source in selected else None,
        )
        for leaf in leaves
    ]


def _add_shard(parts: list[_Gathered], tokens: np.ndarray, first: int, selected: str | None, shard: str) -> None:
    if selected is None:
        for part in parts:
            tokens.tofile(part.lengths)
            part.count += len(tokens)
        return
    with storage.open_input(storage.join(selected, FOLDER, f"{shard}.arrow")) as stream:
        table = pa.ipc.open_file(stream).read_all()
    component, repeats = (table.column(name).to_numpy() for name in ("component", "repeats"))
    for number, part in enumerate(parts):
        rows = np.flatnonzero(component == number)
        rows = np.repeat(rows, repeats[rows])
        tokens[rows].tofile(part.lengths)
        if part.documents is not None:
            (first + rows).astype("<i8").tofile(part.documents)
        part.count += len(rows)
