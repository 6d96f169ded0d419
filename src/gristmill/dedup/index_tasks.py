"""Writing the index of a run: a task per range of keys, then one that describes it."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from gristmill.commit import Commit, read_receipt
from gristmill.dedup.key_index import FORMAT, INDEX, INDEX_SHARDS, SHARDS, KeyIndex
from gristmill.dedup.records import RangeReader
from gristmill.stage import Task


@dataclass(frozen=True)
class WriteIndex(Task):
    """The keys of one range, ascending, each once, with the first row that had it."""

    name: str
    records: RangeReader
    carried: tuple[KeyIndex, ...]  # earlier indexes whose keys this one holds too
    first_row: int  # the first row of this run in the index

    def run(self, commit: Commit) -> None:
        keys, checks, rows = self.records.read()
        rows = rows.astype(np.int64) + self.first_row
        known = [part for index in self.carried for part in index.part(self.records.part, self.records.tasks)]
        keys = np.concatenate([*(part.keys for part in known), keys])
        rows = np.concatenate([*(part.rows for part in known), rows])
        if checks is not None:
            checks = np.concatenate([*(part.checks for part in known if part.checks is not None), checks])
        order = np.argsort(keys, kind="stable") if checks is None else np.lexsort((checks, keys))
        keys, rows = keys[order], rows[order]
        new = np.ones(len(keys), bool)
        new[1:] = keys[1:] != keys[:-1]
        if checks is not None:
            checks = checks[order]
            new[1:] |= checks[1:] != checks[:-1]
        with open(commit.path(self.name + ".keys"), "wb") as stream:
            for column in (keys, checks, rows):
                if column is not None:
                    stream.write(np.ascontiguousarray(column[new]).tobytes())
        commit.count(records=int(new.sum()))


@dataclass(frozen=True)
class DescribeIndex(Task):
    """index.json and shards.arrow."""

    name: str
    folder: str
    parts: tuple[str, ...]  # tasks that wrote the ranges, and the clusters
    kind: str
    keys: str  # JSON of the settings that make keys
    checked: bool
    label: str  # what this run's shards are known by: the fingerprint of the stage
    ranges: int
    carried: tuple[KeyIndex, ...]
    sources: tuple[str, ...]
    shards: tuple[str, ...]
    rows: tuple[int, ...]

    def run(self, commit: Commit) -> None:
        first = sum(index.rows for index in self.carried)
        own = pa.table(
            {
                "index": pa.array([self.label] * len(self.shards)).dictionary_encode(),
                "source": pa.array(self.sources, pa.string()).dictionary_encode(),
                "shard": pa.array(self.shards, pa.string()),
                "first_row": pa.array(np.cumsum([first, *self.rows])[:-1], pa.int64()),
            }
        ).cast(INDEX_SHARDS)
        table = (
            pa.concat_tables([*(index.shards() for index in self.carried), own]).unify_dictionaries().combine_chunks()
        )
        with pa.OSFile(commit.path(SHARDS), "wb") as stream, pa.ipc.new_file(stream, INDEX_SHARDS) as writer:
            writer.write_table(table)
        files: dict[str, str] = {}
        records = 0
        for part in self.parts:
            receipt = read_receipt(self.folder, part)
            if receipt is None:
                raise FileNotFoundError(f"{self.folder}/{part}: not written yet")
            records += receipt.counts.get("records", 0)
            files |= {entry.name: entry.checksum for entry in receipt.files}
        description = {
            "format": FORMAT,
            "kind": self.kind,
            "keys": json.loads(self.keys),
            "label": self.label,
            "ranges": self.ranges,
            "rows": first + sum(self.rows),
            "records": records,
            "files": files,
        }
        with open(commit.path(INDEX), "w", encoding="utf-8") as text:
            text.write(json.dumps(description, sort_keys=True, indent=1) + "\n")
        commit.count(records=records)
