"""Compressed files as the *members* they are made of: read in bounded pieces, damage found and reading
resumed.

    for piece in pieces(stream): ...                     # everything, decompressed

A member is what a format concatenates: a gzip member, a zstd or lz4 frame, an xz or bzip2 stream, or the
whole of a plain file. Web archives store one record in each, so a member's place in the stored file is a
record's address. The format is told by the first bytes, never by the file's name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Any, Protocol, cast

STORED_CHUNK = 64 << 10  # bytes read from the stored file at a time
PIECE = 4 << 20  # most bytes one read decompresses: what a zip bomb can cost
GZIP_PIECE = 64 << 10  # the same for gzip: igzip sets so much memory aside for every call
SALVAGE_STEP = 16  # stored bytes fed at a time when a damaged member is read as far as it goes


class Damage(Exception):
    """A stored file cannot be read on from here. `reason` goes to the ledger."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(reason, message)
        self.reason, self.message = reason, message

    def __str__(self) -> str:
        return self.message


class Decompressor(Protocol):
    """One member's decoder, in the manner of bz2.BZ2Decompressor."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


@dataclass(frozen=True)
class Format:
    """A compressed format: name for messages, first bytes of a member, a fresh decoder, and what its decoder
    raises.
    """

    name: str
    magic: bytes
    decoder: Callable[[], Decompressor]
    errors: tuple[type[Exception], ...]
    piece: int = PIECE  # most bytes one call may give

    @property
    def corrupt(self) -> str:
        return f"corrupt_{self.name}"


def gzip_format() -> Format:
    from isal import igzip_lib

    def decoder() -> Decompressor:
        return igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)

    damaged = cast(type[Exception], igzip_lib.IsalError)  # its stub says instance
    return Format("gzip", b"\x1f\x8b\x08", decoder, (damaged, EOFError), GZIP_PIECE)


def bzip2_format() -> Format:
    import bz2

    return Format("bzip2", b"BZh", bz2.BZ2Decompressor, (OSError, EOFError))


def xz_format() -> Format:
    import lzma

    return Format("xz", b"\xfd7zXZ\x00", lzma.LZMADecompressor, (lzma.LZMAError, EOFError))


def lz4_format() -> Format:
    from lz4.frame import LZ4FrameDecompressor

    return Format("lz4", b"\x04\x22\x4d\x18", LZ4FrameDecompressor, (RuntimeError, EOFError))


def zstd_format(dictionary: bytes | None = None) -> Format:
    import zstandard

    shared = zstandard.ZstdCompressionDict(dictionary) if dictionary else None

    def decoder() -> Decompressor:
        return _ZstdFrame(zstandard.ZstdDecompressor(dict_data=shared).decompressobj())

    return Format("zstd", b"\x28\xb5\x2f\xfd", decoder, (zstandard.ZstdError,))


class _ZstdFrame:
    """A zstd frame decoded in small steps: zstandard's decoder has no bound on what a call returns."""

    STEP = 1 << 10  # stored bytes a call; one of them cannot make more than 32 MB

    def __init__(self, decoder: Any) -> None:
        self._decoder = decoder
        self._input = b""
        self._at = 0
        self.unused_data = b""

    @property
    def eof(self) -> bool:
        return bool(self._decoder.eof)

    @property
    def needs_input(self) -> bool:
        return self._at >= len(self._input) and not self.eof

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        if data:
            self._input, self._at = self._input[self._at :] + data, 0
        parts, size = [], 0
        while self._at < len(self._input) and (max_length < 0 or size < max_length):
            step = self._input[self._at : self._at + self.STEP]
            part = self._decoder.decompress(step)
            self._at += len(step)
            size += len(part)
            parts.append(part)
            if self._decoder.eof:
                self.unused_data = self._decoder.unused_data + self._input[self._at :]
                break
        return b"".join(parts)


FORMATS: tuple[tuple[bytes, Callable[[], Format]], ...] = (
    (b"\x1f\x8b", gzip_format),
    (b"\x28\xb5\x2f\xfd", zstd_format),
    (b"\x04\x22\x4d\x18", lz4_format),
    (b"\xfd7zXZ\x00", xz_format),
    (b"BZh", bzip2_format),
)

_SKIPPABLE = tuple(bytes([low]) + b"\x2a\x4d\x18" for low in range(0x50, 0x60))  # zstd and lz4 share these
_DICTIONARY = b"\x5d\x2a\x4d\x18"  # the frame that WARC-in-zstd files open with
_MAX_DICTIONARY = 64 << 20


class Stored:
    """The stored bytes of a file, with the position of the next unread one."""

    def __init__(self, stream: IO[bytes], start: int = 0) -> None:
        self._stream = stream
        self.at = start
        self.buffer = b""

    def fill(self, least: int = 1) -> bytes:
        """The unread bytes, at least `least` of them unless the file ends."""
        while len(self.buffer) < least:
            block = self._stream.read(max(STORED_CHUNK, least - len(self.buffer)))
            if not block:
                break
            self.buffer = self.buffer + block if self.buffer else block
        return self.buffer

    def take(self) -> bytes:
        """The next unread bytes, at most STORED_CHUNK; b"" at the end."""
        data = self.fill()
        if len(data) > STORED_CHUNK:
            data, self.buffer = data[:STORED_CHUNK], data[STORED_CHUNK:]
        else:
            self.buffer = b""
        self.at += len(data)
        return data

    def skip(self, count: int) -> None:
        if count <= len(self.buffer):
            self.buffer = self.buffer[count:]
            self.at += count
        else:
            self.seek(self.at + count)

    def give_back(self, data: bytes) -> None:
        self.buffer = data + self.buffer if self.buffer else data
        self.at -= len(data)

    def seek(self, at: int) -> None:
        self._stream.seek(at)
        self.at, self.buffer = at, b""

    def end(self) -> int:
        """Bytes in the file."""
        end = self._stream.seek(0, 2)
        self._stream.seek(self.at + len(self.buffer))
        return end


class Member:
    """One member of a file, decompressed from front to back; `restart` reads it again."""

    def __init__(self, stored: Stored, form: Format | None) -> None:
        self._stored, self._form = stored, form
        self.start = stored.at
        self.end: int | None = None  # in the stored file, known once all of it has been read
        self.damage: Damage | None = None
        self._decoder = form.decoder() if form else None
        self._given = 0  # decompressed bytes handed out
        self._salvaged: list[bytes] = []

    @property
    def compressed(self) -> bool:
        return self._form is not None

    def read(self) -> bytes:
        """The next bytes, at most a few MB; b"" when the member is over or broken (see `damage`)."""
        if self.end is not None or self.damage is not None:
            return self._salvaged.pop(0) if self._salvaged else b""
        decoder, form = self._decoder, self._form
        if decoder is None or form is None:
            data = self._stored.take()
            if not data:
                self.end = self._stored.at
            self._given += len(data)
            return data
        while True:
            fresh = b""
            if decoder.needs_input:
                fresh = self._stored.take()
                if not fresh:
                    self.damage = Damage("truncated", f"the file ends inside a {form.name} member")
                    return b""
            try:
                data = decoder.decompress(fresh, form.piece)
            except form.errors as error:
                return self._salvage(error)
            if decoder.eof:
                self._stored.give_back(decoder.unused_data or b"")
                self.end = self._stored.at
            if data or self.end is not None:
                self._given += len(data)
                return data

    def _salvage(self, error: Exception) -> bytes:
        """What can still be decoded before the damage: a decoder that raises keeps its last output back."""
        assert self._form is not None
        broken_at = self._stored.at
        self.damage = Damage(self._form.corrupt, f"{self._form.name} member at byte {self.start}: {error}")
        self._stored.seek(self.start)
        decoder = self._form.decoder()
        skip = self._given
        try:
            while self._stored.at < broken_at and not decoder.eof:
                if decoder.needs_input:
                    block = self._stored.take()
                    near = self._stored.at >= broken_at
                    steps = range(0, len(block), SALVAGE_STEP if near else len(block))
                    size = SALVAGE_STEP if near else len(block)
                else:
                    block, steps, size = b"", range(1), 0
                for at in steps:
                    data = decoder.decompress(block[at : at + size], PIECE)
                    while True:
                        if data[skip:]:
                            self._salvaged.append(data[skip:])
                        skip = max(0, skip - len(data))
                        if decoder.needs_input or decoder.eof:
                            break
                        data = decoder.decompress(b"", PIECE)
        except self._form.errors:
            pass
        if self._salvaged:
            self._salvaged = _joined(self._salvaged)
            self._given += sum(map(len, self._salvaged))
            return self._salvaged.pop(0)
        return b""

    def restart(self) -> None:
        """Go back to the first byte of the member."""
        self._stored.seek(self.start)
        self.end = self.damage = None
        self._given = 0
        self._salvaged = []
        self._decoder = self._form.decoder() if self._form else None


def _joined(parts: list[bytes]) -> list[bytes]:
    """Neighbours merged into pieces of about PIECE bytes."""
    merged, held, size = [], [], 0
    for part in parts:
        held.append(part)
        size += len(part)
        if size >= PIECE:
            merged.append(b"".join(held))
            held, size = [], 0
    return [*merged, b"".join(held)] if held else merged


class Members:
    """The members of a stored file in order.

        members = Members(stream)
        while (member := members.next()) is not None:
            while data := member.read(): ...

    A member must have been read to its end, or `resume` called, before the next is asked for.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self.stored = Stored(stream)
        head = self.stored.fill(8)
        if head[:4] == _DICTIONARY:
            self.form: Format | None = zstd_format(self._read_dictionary())
        elif head[:4] in _SKIPPABLE:
            self.form = self._behind_skippable()
        else:
            self.form = next((make() for magic, make in FORMATS if head.startswith(magic)), None)

    def _behind_skippable(self) -> Format | None:
        self._skip_frames()
        head = self.stored.fill(8)
        return next((make() for magic, make in FORMATS[1:3] if head.startswith(magic)), None)

    def _read_dictionary(self) -> bytes:
        size = int.from_bytes(self.stored.fill(8)[4:8], "little")
        if size > _MAX_DICTIONARY:
            return b""
        frame = self.stored.fill(8 + size)[8 : 8 + size]
        self.stored.skip(8 + size)
        if frame.startswith(b"\x28\xb5\x2f\xfd"):  # the dictionary is itself compressed
            import zstandard

            try:
                return zstandard.ZstdDecompressor().decompress(frame, max_output_size=_MAX_DICTIONARY)
            except zstandard.ZstdError:
                return b""
        return frame

    def _skip_frames(self) -> None:
        while (head := self.stored.fill(8))[:4] in _SKIPPABLE:
            self.stored.skip(8 + int.from_bytes(head[4:8], "little"))

    def next(self) -> Member | None:
        """The next member; None at the end of the file. Raises Damage when something else stands where one
        should begin.
        """
        if self.form is None:
            return Member(self.stored, None) if self.stored.fill() else None
        if self.form.name in ("zstd", "lz4"):
            self._skip_frames()
        head = self.stored.fill(len(self.form.magic))
        if not head:
            return None
        if not head.startswith(self.form.magic):
            if self.stored.at and self._only_zeros_left():
                return None
            raise Damage("garbage", f"no {self.form.name} member begins at byte {self.stored.at}")
        return Member(self.stored, self.form)

    def _only_zeros_left(self) -> bool:
        """Tape-era writers pad files with zeros."""
        start = self.stored.at
        while block := self.stored.fill():
            if block.count(0) != len(block):
                self.stored.seek(start)
                return False
            self.stored.take()
        return True

    def resume(self, after: int, begins: Callable[[bytes], bool]) -> int:
        """Move to the first member behind byte `after` whose content begins as wanted; the position, or the
        file's end.
        """
        if self.form is None:
            return self._to_end()
        magic = self.form.magic
        self.stored.seek(after)
        while True:
            block = self.stored.fill(STORED_CHUNK)
            found = block.find(magic)
            if found < 0:
                if len(block) < STORED_CHUNK:
                    return self._to_end()
                self.stored.skip(len(block) - len(magic) + 1)
                continue
            self.stored.skip(found)
            if begins(self.first_bytes()):
                return self.stored.at
            self.stored.skip(1)

    def first_bytes(self) -> bytes:
        """A little of the content of the member that begins here; b"" when none does."""
        if self.form is None or not self.stored.fill(8).startswith(self.form.magic):
            return b""
        try:
            return self.form.decoder().decompress(self.stored.fill(4096)[:4096], 4096)
        except self.form.errors:
            return b""

    def _to_end(self) -> int:
        end = self.stored.end()
        self.stored.seek(end)
        return end


def pieces(stream: IO[bytes]) -> Iterator[bytes]:
    """All of a file, decompressed where it is compressed, a few MB at a time.

    Raises Damage where it cannot be read on, after everything before that has been yielded.
    """
    members = Members(stream)
    while (member := members.next()) is not None:
        while data := member.read():
            yield data
        if member.damage is not None:
            raise member.damage
