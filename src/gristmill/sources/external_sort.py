"""Sorting more records than fit in memory: sorted runs on disk, then a merge.

    with tempfile.TemporaryDirectory() as folder:
        sorter = ExternalSort(folder, memory=256 << 20)
        sorter.add(question, kind, post, b"...")
        for question, kind, post, content in sorter.merged(): ...

Records are three integers and bytes, in ascending order of all four. What fits in `memory` never touches the disk.
"""

from __future__ import annotations

import heapq
import os
import struct
from collections.abc import Iterable, Iterator
from typing import IO

Entry = tuple[int, int, int, bytes]

_HEAD = struct.Struct("<qqqI")
_OVERHEAD = 220  # bytes Python needs for an entry beside its content
_MOST_RUNS = 96  # merged at a time: each holds a read buffer and a decoder
_WINDOW_LOG = 17  # zstd looks back 128 KB: what a reader of a run must hold


class ExternalSort:
    """Collects entries, spilling sorted runs to `folder` whenever about `memory` bytes are held."""

    def __init__(self, folder: str, memory: int) -> None:
        self._folder, self._memory = folder, memory
        self._held: list[Entry] = []
        self._size = 0
        self._runs: list[str] = []
        self._written = 0  # runs ever written, for their names

    def add(self, first: int, second: int, third: int, content: bytes) -> None:
        """Integers of at most 64 bits, content of at most 4 GB."""
        self._held.append((first, second, third, content))
        self._size += len(content) + _OVERHEAD
        if self._size >= self._memory:
            self._spill()

    @property
    def spilled(self) -> int:
        """Runs that lie on disk."""
        return len(self._runs)

    def merged(self) -> Iterator[Entry]:
        """All entries in order, once; runs are removed as they are used up."""
        self._held.sort()
        if not self._runs:
            held, self._held = self._held, []
            yield from held
            return
        if self._held:
            self._spill()
        while len(self._runs) > _MOST_RUNS:
            oldest, self._runs = self._runs[:_MOST_RUNS], self._runs[_MOST_RUNS:]
            self._write(_merge(oldest))
        runs, self._runs = self._runs, []
        yield from _merge(runs)

    def _spill(self) -> None:
        self._held.sort()
        self._write(self._held)
        self._held, self._size = [], 0

    def _write(self, entries: Iterable[Entry]) -> None:
        import zstandard

        path = os.path.join(self._folder, f"{self._written:06d}.run")
        self._written += 1
        parameters = zstandard.ZstdCompressionParameters.from_level(1, window_log=_WINDOW_LOG)
        compressor = zstandard.ZstdCompressor(compression_params=parameters)
        with open(path, "wb") as stream, compressor.stream_writer(stream) as packed:
            parts: list[bytes] = []
            size = 0
            for first, second, third, content in entries:
                parts += (_HEAD.pack(first, second, third, len(content)), content)
                size += len(content)
                if size > 1 << 18:
                    packed.write(b"".join(parts))
                    parts, size = [], 0
            packed.write(b"".join(parts))
        self._runs.append(path)


def _merge(runs: list[str]) -> Iterator[Entry]:
    yield from heapq.merge(*(_read(path) for path in runs))


def _read(path: str) -> Iterator[Entry]:
    import zstandard

    with open(path, "rb") as stream, zstandard.ZstdDecompressor().stream_reader(stream, read_size=1 << 16) as packed:
        while head := _exactly(packed, _HEAD.size):
            first, second, third, size = _HEAD.unpack(head)
            yield first, second, third, _exactly(packed, size)
    os.unlink(path)


def _exactly(packed: IO[bytes], size: int) -> bytes:
    data = packed.read(size)
    while len(data) < size:
        more = packed.read(size - len(data))
        if not more:
            break
        data += more
    return data
