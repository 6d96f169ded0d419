"""The bytes of a MediaWiki dump from any of its containers, from any place where reading can begin.

A *multistream* dump is a sequence of bzip2 streams of about a hundred pages each, so that reading can begin at any of
them. Plain XML can be entered anywhere; a single bzip2 stream, 7z, gzip, xz and zstd only at their beginning.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import IO

from gristmill.sources.compressed import STORED_CHUNK, Damage, Member, Stored, bzip2_format, pieces
from gristmill.sources.seven_zip import check_installed, member_pieces

_STREAM = re.compile(rb"BZh[1-9]1AY&SY")  # stream header and the first block's: forty-eight digits of pi in bits
_STREAM_BYTES = 10
_SEVEN_ZIP = b"7z\xbc\xaf\x27\x1c"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Piece:
    """Some bytes of XML, or what kept them from being read.

    address: in a multistream dump where the piece's stream begins in the stored file, in plain XML where the piece
    itself begins; else bytes of XML before it. A piece without data announces a stream.
    """

    address: int
    data: bytes = b""
    damage: Damage | None = None


def is_multistream(name: str) -> bool:
    """Whether a dump consists of many bzip2 streams; by its name, as Wikimedia gives it."""
    file = name.rsplit("/", 1)[-1]
    return "multistream" in file and file.endswith(".bz2")


def is_plain(name: str) -> bool:
    return name.endswith(".xml")


def dump_pieces(stream: IO[bytes], name: str, start: int = 0) -> Iterator[Piece]:
    """The XML from byte `start` of the stored file on, as UTF-8. Damage ends it only where nothing can be read behind.

    Raises UserError for 7z when the package that reads it is missing.
    """
    if is_multistream(name):
        return _multistream(stream, start)
    if start:
        return _plain(stream, start)
    return _whole(stream)


def head(stream: IO[bytes], most: int) -> bytes:
    """The first bytes of a dump's XML, at most `most` and a piece."""
    found = b""
    for piece in _whole(stream):
        found += piece.data
        if len(found) >= most or b"<page>" in piece.data or piece.damage:
            break
    return found


def is_utf16(stream: IO[bytes]) -> bool:
    """Whether a plain file is UTF-16, which can only be read from its beginning."""
    stream.seek(0)
    return stream.read(2) in _UTF16_MARKS


def _multistream(stream: IO[bytes], start: int) -> Iterator[Piece]:
    stored, form = Stored(stream), bzip2_format()
    stored.seek(start)
    if start and not _to_next_stream(stored):
        return
    while stored.fill(len(form.magic)):
        at = stored.at
        if not stored.buffer.startswith(form.magic):
            yield Piece(at, damage=Damage("garbage", f"no bzip2 stream begins at byte {at}"))
        else:
            yield Piece(at)
            member = Member(stored, form)
            while data := member.read():
                yield Piece(at, data)
            if member.damage is None:
                continue
            yield Piece(at, damage=member.damage)
        stored.seek(at + 1)
        if not _to_next_stream(stored):
            return


def _to_next_stream(stored: Stored) -> bool:
    """Move to the first stream at or behind the present place; False when there is none."""
    while len(block := stored.fill(STORED_CHUNK)) >= _STREAM_BYTES:
        if found := _STREAM.search(block):
            stored.skip(found.start())
            return True
        stored.skip(len(block) - _STREAM_BYTES + 1)
    return False


def _plain(stream: IO[bytes], start: int) -> Iterator[Piece]:
    stored = Stored(stream)
    stored.seek(start)
    while data := stored.take():
        yield Piece(stored.at - len(data), data)


def _whole(stream: IO[bytes]) -> Iterator[Piece]:
    """Everything, with its place among the XML's bytes as address."""
    at = 0
    try:
        for data in _as_utf8(_unpacked(stream)):
            yield Piece(at, data)
            at += len(data)
    except Damage as damage:
        yield Piece(at, damage=damage)


def _unpacked(stream: IO[bytes]) -> Iterator[bytes]:
    stream.seek(0)
    begins = stream.read(len(_SEVEN_ZIP))
    stream.seek(0)
    if begins == _SEVEN_ZIP:
        check_installed()
        return (data for _, data in member_pieces(stream, _EveryName()))
    return pieces(stream)


class _EveryName(Collection[str]):
    """Holds any name: what a dump is called inside its archive does not matter."""

    def __contains__(self, name: object) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def _as_utf8(source: Iterator[bytes]) -> Iterator[bytes]:
    """UTF-16 with a byte order mark as UTF-8; anything else as it is."""
    decoder: codecs.IncrementalDecoder | None = None
    for number, data in enumerate(source):
        if number == 0 and data[:2] in _UTF16_MARKS:
            decoder = codecs.getincrementaldecoder("utf-16")("replace")
        yield decoder.decode(data).encode("utf-8") if decoder else data
