"""The index a run leaves behind: every key that was seen and the first document that had it, for later runs to check against.

    index: a task per range of keys → <range>.keys, then index.json and shards.arrow

A folder `index` stands for itself: copy it anywhere, or leave it where it is. `<range>.keys` holds the keys of a range,
ascending (uint64), as many checks (uint64, where keys alone are not proof enough) and as many rows (int64). Rows number
the documents of all shards in `shards.arrow`. Where a document has several keys, `clusters` holds the root of each document's
cluster, the smallest row of it (uint32, or int64 from 2^32 documents on), and `kept` a byte, 1 for documents their run kept.
`index.json` says what the keys are, and is written last.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from gristmill import storage
from gristmill.errors import UserError

FORMAT = 1
INDEX = "index.json"
SHARDS = "shards.arrow"
CLUSTERS, KEPT = "clusters", "kept"
NAME_TYPE = pa.dictionary(pa.int32(), pa.string())
INDEX_SHARDS = pa.schema(
    [("index", NAME_TYPE), ("source", NAME_TYPE), ("shard", pa.string()), ("first_row", pa.int64())]
)


class IndexPart(NamedTuple):
    """Keys of a range, ascending; checks or None; rows in the numbering of all indexes, int64."""

    keys: np.ndarray
    checks: np.ndarray | None
    rows: np.ndarray

    def range(self, part: int, ranges: int) -> IndexPart:
        """Those of a smaller range."""
        first, last = range_bounds(part, ranges)
        inside = slice(
            int(np.searchsorted(self.keys, np.uint64(first))), int(np.searchsorted(self.keys, np.uint64(last), "right"))
        )
        return IndexPart(self.keys[inside], None if self.checks is None else self.checks[inside], self.rows[inside])


@dataclass(frozen=True)
class KeyIndex:
    """An index of an earlier run. Small: tasks carry it."""

    folder: str
    ranges: int
    checked: bool
    rows: int  # documents it numbers
    records: int
    clustered: bool = False  # holds the clusters its run found
    first_row: int = 0  # its documents' first number among those of all indexes that are read

    @classmethod
    def open(cls, location: str, kind: str, keys: dict[str, Any], checked: bool) -> KeyIndex:
        """The index at a location (index.json or its folder). Raises UserError when it is none, or one of other keys."""
        found = read_description(location)
        if found is None:
            raise UserError(
                f"{location}: no index", hint="give the folder `index` of an earlier run's stage, or that run's root"
            )
        if found.get("format") != FORMAT:
            raise UserError(
                f"{location}: an index of format {found.get('format')}", hint="make it again with this version"
            )
        wanted = json.loads(json.dumps({"kind": kind, **keys}))
        given = {"kind": found["kind"], **found["keys"]}
        if given != wanted:
            other = [f"{name} {given.get(name)!r}" for name in wanted if given.get(name) != wanted[name]]
            raise UserError(
                f"{location}: its keys are others ({', '.join(other) or 'other settings'})",
                hint="an index can be checked against only with the settings that made it",
            )
        folder = location.removesuffix("/" + INDEX)
        return cls(folder, found["ranges"], checked, found["rows"], found["records"], CLUSTERS in found["files"])

    def part(self, part: int, ranges: int) -> Iterator[IndexPart]:
        """The keys of range `part` of `ranges`, file by file."""
        first, last = range_bounds(part, ranges)
        for number in range(range_of(first, self.ranges), range_of(last, self.ranges) + 1):
            with storage.open_input(storage.join(self.folder, f"{number:05d}.keys")) as stream:
                data = stream.read()
            count = len(data) // (24 if self.checked else 16)
            keys = np.frombuffer(data, "<u8", count)
            checks = np.frombuffer(data, "<u8", count, offset=8 * count) if self.checked else None
            rows = np.frombuffer(data, "<i8", count, offset=(16 if self.checked else 8) * count)
            inside = IndexPart(keys, checks, rows).range(part, ranges)
            yield inside._replace(rows=inside.rows + self.first_row)

    def shards(self) -> pa.Table:
        """Index, source, name and first row of every shard it numbers, in the numbering of all indexes."""
        with storage.open_input(storage.join(self.folder, SHARDS)) as stream:
            table = pa.ipc.open_file(stream).read_all()
        first = pa.array(table.column("first_row").to_numpy() + self.first_row, pa.int64())
        return table.set_column(table.schema.get_field_index("first_row"), "first_row", first)


def range_of(key: int, ranges: int) -> int:
    """The range a key falls into, of `ranges` equal ones."""
    return ((key >> 32) * ranges) >> 32


def range_bounds(part: int, ranges: int) -> tuple[int, int]:
    """The smallest and the greatest key of a range."""
    first = -(-(part << 32) // ranges)
    following = -(-((part + 1) << 32) // ranges)
    return first << 32, (following << 32) - 1


def read_description(location: str) -> dict[str, Any] | None:
    """The content of an index.json, or None."""
    path = location if location.endswith(".json") else storage.join(location, INDEX)
    try:
        found = json.loads(storage.read_bytes(path))
    except (UserError, ValueError):
        return None
    return found if isinstance(found, dict) and "keys" in found else None


def find_index(location: str, kind: str) -> str:
    """The index.json at a location: the file, its folder, a stage's folder, or the root of a run that has one of this kind.

    The location itself where there is none. Raises UserError where a root has several.
    """
    for inner in ((), (INDEX,), ("index", INDEX)):
        path = storage.join(location, *inner) if inner else location
        if path.endswith(".json") and storage.exists(path):
            return path
    found = []
    if not location.startswith("http"):
        for part in storage.list_names(location):
            below = storage.join(location, part)
            for name in storage.list_names(below) if not part.startswith(".") else ():
                path = storage.join(below, name, "index", INDEX)
                if "-" in name and storage.is_dir(storage.join(below, name, "index")) and storage.exists(path):
                    found.append(path)
    fitting = [path for path in found if (read_description(path) or {}).get("kind") == kind]
    if len(fitting) > 1:
        raise UserError(f"{location} has several indexes of {kind}", hint="name one: " + ", ".join(fitting))
    return fitting[0] if fitting else location
