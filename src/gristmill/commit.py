"""The commit protocol: files under temporary names, then renames, then one receipt. Only what a receipt names is read.

    with Commit(folder, "web-00001", identity) as commit:
        with open(commit.path("web-00001.parquet"), "wb") as stream: ...
        commit.count(rows=12, **{"drop.language.other": 3})

A task killed before the receipt leaves nothing that is believed; a task run twice leaves the same bytes.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import resource
import time
from dataclasses import asdict, dataclass, field
from types import TracebackType
from typing import Any

import xxhash

from gristmill import storage

RECEIPT = ".receipt.json"
CHECKED_AT_A_TIME = 16 << 20  # bytes mapped: a file just written is in the system's memory and need not be copied


@dataclass(frozen=True)
class FileEntry:
    """A file a receipt vouches for: name relative to the receipt's folder, size in bytes, xxh3-128 of its bytes."""

    name: str
    bytes: int
    checksum: str


@dataclass(frozen=True)
class Receipt:
    """What one task says of the output it committed."""

    name: str
    identity: str  # hash of everything the output depends on that its folder's name does not say
    files: list[FileEntry] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)  # input name → checksum or version
    seconds: float = 0.0
    peak_memory: int = 0  # bytes of resident memory at the task's highest

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> Receipt:
        fields = json.loads(text)
        fields["files"] = [FileEntry(**entry) for entry in fields["files"]]
        return cls(**fields)


def read_receipt(folder: str, name: str) -> Receipt | None:
    location = storage.join(folder, name + RECEIPT)
    try:
        return Receipt.from_json(storage.read_bytes(location))
    except Exception:  # absent, or half-written by something other than Commit: not believed either way
        return None


def checksum(path: str) -> str:
    digest, size = xxhash.xxh3_128(), os.path.getsize(path)
    with open(path, "rb") as stream:
        for start in range(0, size, CHECKED_AT_A_TIME):
            length = min(CHECKED_AT_A_TIME, size - start)
            with mmap.mmap(stream.fileno(), length, access=mmap.ACCESS_READ, offset=start) as block:
                digest.update(block)
    return digest.hexdigest()


class Commit:
    """Collects one task's files in `folder` and publishes them together with a receipt when the block ends well."""

    def __init__(self, folder: str, name: str, identity: str = "", inputs: dict[str, str] | None = None) -> None:
        self.folder, self.name, self.identity = folder, name, identity
        self.inputs = dict(inputs or {})
        self.counts: dict[str, int] = {}
        self.receipt: Receipt | None = None
        self._pending: dict[str, str] = {}  # final name → temporary path
        self._started = time.monotonic()

    def path(self, name: str) -> str:
        """A local path to write the file `name` of this commit to."""
        if name not in self._pending:
            self._pending[name] = storage.temporary_path(storage.join(self.folder, name))
        return self._pending[name]

    def forget(self, name: str) -> None:
        """Give up the file `name` of this commit: scratch that was asked for by `path` and is not to be published."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._pending.pop(name))

    def count(self, **amounts: int) -> None:
        for key, amount in amounts.items():
            self.counts[key] = self.counts.get(key, 0) + int(amount)

    def publish_files(self) -> None:
        """Move the files to their final names; they are not believed before `publish_receipt`."""
        entries = []
        for name, temporary in sorted(self._pending.items()):
            entries.append(FileEntry(name, os.path.getsize(temporary), checksum(temporary)))
            storage.publish(temporary, storage.join(self.folder, name))
        if not storage.is_remote(self.folder):
            storage.make_dir(self.folder)
            storage.fsync_directory(storage.local_path(self.folder))
        self._pending.clear()
        seconds = round(time.monotonic() - self._started, 3)
        self.receipt = Receipt(
            self.name,
            self.identity,
            entries,
            dict(sorted(self.counts.items())),
            self.inputs,
            seconds,
            peak_memory(),
        )

    def publish_receipt(self) -> Receipt:
        if self.receipt is None:
            raise RuntimeError("publish_files comes first")
        storage.write_bytes(storage.join(self.folder, self.name + RECEIPT), self.receipt.to_json().encode())
        return self.receipt

    def discard(self) -> None:
        for temporary in self._pending.values():
            with contextlib.suppress(OSError):
                os.unlink(temporary)
        self._pending.clear()

    def __enter__(self) -> Commit:
        reset_peak_memory()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if kind is not None:
            self.discard()
            return
        self.publish_files()
        self.publish_receipt()


def reset_peak_memory() -> None:
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w") as stream:
        stream.write("5")  # Linux: restart the high-water mark, so that each task reports its own


def peak_memory() -> int:
    """Highest resident memory of this process in bytes since `reset_peak_memory` (where the system can tell)."""
    with contextlib.suppress(OSError, IndexError), open("/proc/self/status") as stream:
        return next(int(line.split()[1]) << 10 for line in stream if line.startswith("VmHWM"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def write_json(location: str, value: Any) -> None:
    storage.write_bytes(location, (json.dumps(value, sort_keys=True, indent=1) + "\n").encode())
