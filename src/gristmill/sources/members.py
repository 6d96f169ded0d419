"""The files inside archives, or a file that is none: tar (plain or compressed in any way), zip, or a single compressed file.

    for member in members(stream, "2301_001.tar", most_bytes=50_000_000):
        member.name, member.offset, member.data

Archives are read in one pass and a member at a time; a member that is too large or broken comes with its problem.
"""

from __future__ import annotations

import io
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO

from gristmill.sources.compressed import Damage, pieces

TAR_MAGIC = (257, b"ustar")
_ZIP_MAGIC = b"PK\x03\x04"
_OLD_TAR_HEADER = 512


@dataclass(slots=True)
class Member:
    """One file of an archive. Offset: of its bytes in the decompressed tar, of its header in a zip, 0 for a single file."""

    name: str
    offset: int
    length: int  # bytes, decompressed
    data: bytes = b""
    problem: str | None = None  # too_large, corrupt_zip, truncated …
    message: str | None = None


def members(
    stream: IO[bytes], name: str, most_bytes: int, wanted: Callable[[str], bool] = lambda name: True
) -> Iterator[Member]:
    """Regular files whose name is wanted, in the order of the archive. `name`: of the file, for what is no archive.

    Damage to the archive itself ends in a member that says so; nothing is raised.
    """
    magic = stream.read(4)
    stream.seek(0)
    if magic == _ZIP_MAGIC:
        yield from _zipped(stream, name, most_bytes, wanted)
        return
    source = _Pieces(pieces(stream))
    try:
        head = source.peek(_OLD_TAR_HEADER)
    except Damage as damage:
        yield Member(name, 0, 0, b"", damage.reason, str(damage))
        return
    if not is_tar(head):
        yield _single(source, name, most_bytes)
        return
    yield from _tarred(source, name, most_bytes, wanted)


def unpacked(data: bytes, name: str, most_bytes: int) -> Iterator[Member]:
    """The same for bytes that were a member themselves: a paper's tar.gz inside a month's tar."""
    return members(io.BytesIO(data), name, most_bytes)


def is_tar(head: bytes) -> bool:
    """Whether these first 512 bytes are a tar's: by its mark or, before there was one, by the header's checksum."""
    if len(head) < _OLD_TAR_HEADER:
        return False
    if head[TAR_MAGIC[0] : TAR_MAGIC[0] + 5] == TAR_MAGIC[1]:
        return True
    try:
        stated = int(head[148:156].split(b"\0")[0].strip() or b"x", 8)
    except ValueError:
        return False
    return stated == sum(head[:148]) + 8 * 32 + sum(head[156:512])


def _single(source: _Pieces, name: str, most_bytes: int) -> Member:
    try:
        data = source.read(most_bytes + 1)
    except Damage as damage:
        return Member(name, 0, len(source.left), source.left[:most_bytes], damage.reason, str(damage))
    if len(data) > most_bytes:
        return Member(name, 0, len(data), b"", "too_large", f"more than {most_bytes} bytes")
    return Member(name, 0, len(data), data)


def _tarred(source: _Pieces, name: str, most_bytes: int, wanted: Callable[[str], bool]) -> Iterator[Member]:
    try:
        with tarfile.open(fileobj=source, mode="r|", ignore_zeros=False) as archive:
            for entry in archive:
                if not entry.isreg() or not wanted(entry.name):
                    continue
                member = Member(entry.name, entry.offset_data, entry.size)
                if entry.size > most_bytes:
                    member.problem, member.message = "too_large", f"{entry.size} bytes, the limit is {most_bytes}"
                else:
                    content = archive.extractfile(entry)
                    member.data = content.read() if content is not None else b""
                yield member
                archive.members.clear()  # type: ignore[attr-defined]  # it would remember every header
        while source.read(1 << 20):  # damage behind the last member is damage too
            pass
        if source.tail.strip(b"\0"):  # tarfile takes the end of the file for the end of the archive
            yield Member(name, source.position, 0, b"", "corrupt_tar", "the archive breaks off: it has no end mark")
    except Damage as damage:
        yield Member(name, source.position, 0, b"", damage.reason, str(damage))
    except (tarfile.TarError, EOFError, ValueError) as error:
        yield Member(name, source.position, 0, b"", "corrupt_tar", str(error) or "the archive breaks off")


def _zipped(stream: IO[bytes], name: str, most_bytes: int, wanted: Callable[[str], bool]) -> Iterator[Member]:
    try:
        archive = zipfile.ZipFile(stream)
        entries = sorted(archive.infolist(), key=lambda entry: entry.header_offset)
    except (zipfile.BadZipFile, ValueError, EOFError, OSError, NotImplementedError) as error:
        yield Member(name, 0, 0, b"", "corrupt_zip", str(error))
        return
    for entry in entries:
        if entry.is_dir() or not wanted(entry.filename):
            continue
        member = Member(entry.filename, entry.header_offset, entry.file_size)
        try:
            with archive.open(entry) as content:
                member.data = content.read(most_bytes + 1)  # the size it states may be wrong
        except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError) as error:
            member.problem, member.message = "corrupt_zip", str(error)[:300]
        if len(member.data) > most_bytes:
            member.data, member.problem = b"", "too_large"
            member.message = f"{entry.file_size} bytes, the limit is {most_bytes}"
        yield member


class _Pieces(io.RawIOBase):
    """Pieces as something to read from. Damage is raised to the reader once what came before it has been read."""

    def __init__(self, source: Iterator[bytes]) -> None:
        self._source, self.left, self.position = source, b"", 0
        self.tail = b""  # the last bytes read

    def peek(self, count: int) -> bytes:
        self._fill(count)
        return self.left[:count]

    def read(self, count: int = -1) -> bytes:
        self._fill(count if count >= 0 else 1 << 62)
        data, self.left = (self.left, b"") if count < 0 else (self.left[:count], self.left[count:])
        self.position += len(data)
        self.tail = (self.tail + data[-_OLD_TAR_HEADER:])[-_OLD_TAR_HEADER:]
        return data

    def _fill(self, count: int) -> None:
        held, size = [self.left], len(self.left)
        try:
            while size < count and (piece := next(self._source, b"")):
                held.append(piece)
                size += len(piece)
        finally:
            self.left = b"".join(held)
