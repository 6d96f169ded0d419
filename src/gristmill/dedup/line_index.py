"""The index of keys that a run leaves behind, for later runs to be checked against without reading its text again.

A folder `index` stands for itself: copy it anywhere, or leave it where it is. `<range>.keys` holds the keys (uint64,
little-endian) of one range, ascending, each once. `index.json`, written last, says what the keys are, where each
range begins, and the checksum of every file, so that this one small file tells one index from another.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gristmill import storage
from gristmill.commit import Commit, read_receipt
from gristmill.errors import UserError
from gristmill.stage import Task

FORMAT = 1
INDEX = "index.json"


@dataclass(frozen=True)
class IndexPlan:
    """What an index is to hold: JSON of the stage's kind and the settings that make keys; whether earlier indexes go in."""

    about: str
    carry: bool


@dataclass(frozen=True)
class KeyIndex:
    """An index of an earlier run. Small: tasks carry it."""

    folder: str
    firsts: tuple[int, ...] = field(repr=False)  # smallest key that each range may hold
    records: int

    @classmethod
    def open(cls, location: str, about: str) -> KeyIndex:
        """Raises UserError when there is no index at the location, or one whose keys were made otherwise."""
        path = find_index(location)
        try:
            found = json.loads(storage.read_bytes(path))
            made = {"kind": found["kind"], **found["keys"]}
        except (UserError, ValueError, TypeError, KeyError) as error:
            raise UserError(
                f"{location}: no index", hint="give the folder `index` inside the folder of an earlier run's stage"
            ) from error
        if found.get("format") != FORMAT:
            raise UserError(f"{location}: an index of format {found.get('format')}", hint="make it again")
        wanted = json.loads(about)
        if made != wanted:
            other = [f"{name} {made.get(name)!r}" for name in wanted if made.get(name) != wanted[name]]
            raise UserError(
                f"{location}: its keys are others ({', '.join(other) or 'other settings'})",
                hint="an index can be checked against only with the settings that made it",
            )
        return cls(path.removesuffix("/" + INDEX), tuple(found["firsts"]), found["records"])

    def between(self, low: int, high: int) -> Iterator[np.ndarray]:
        """Keys from `low` up to, not with, `high`, ascending, file by file."""
        ends = (*self.firsts[1:], 1 << 64)
        for number, (first, end) in enumerate(zip(self.firsts, ends, strict=True)):
            if first < high and end > low:
                with storage.open_input(storage.join(self.folder, f"{number:05d}.keys")) as stream:
                    keys = np.frombuffer(stream.read(), "<u8")
                start = int(np.searchsorted(keys, np.uint64(low)))
                stop = len(keys) if high >> 64 else int(np.searchsorted(keys, np.uint64(high)))
                yield keys[start:stop]


def find_index(location: str) -> str:
    """The index.json at a location: the file itself, or that of an index's or a stage's folder; else the location."""
    for inner in ((), (INDEX,), ("index", INDEX)):
        path = storage.join(location, *inner) if inner else location
        if path.endswith(".json") and storage.exists(path):
            return path
    return location


@dataclass(frozen=True)
class DescribeIndex(Task):
    """index.json."""

    name: str
    folder: str
    parts: tuple[str, ...]  # tasks that wrote the ranges
    firsts: tuple[int, ...]
    about: str

    def run(self, commit: Commit) -> None:
        about: dict[str, Any] = json.loads(self.about)
        files: dict[str, str] = {}
        records = 0
        for part in self.parts:
            receipt = read_receipt(self.folder, part)
            if receipt is None:
                raise FileNotFoundError(f"{self.folder}/{part}: its receipt is gone")
            records += receipt.counts["keys"]
            files |= {entry.name: entry.checksum for entry in receipt.files}
        content = {
            "format": FORMAT,
            "kind": about.pop("kind"),
            "keys": about,
            "firsts": self.firsts,
            "records": records,
            "files": files,
        }
        with open(commit.path(INDEX), "w", encoding="utf-8") as stream:
            stream.write(json.dumps(content, sort_keys=True, indent=1) + "\n")
        commit.count(keys=records)
