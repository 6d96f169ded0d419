"""Lines, paragraphs and other parts of a byte stream with their positions, however long they are.

A stream that breaks off raises Damage; the part in which that happens is yielded with it, and nothing after.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gristmill.sources.compressed import Damage

KEPT_OF_TOO_LONG = 4096  # bytes of an over-long part that are shown with its error


@dataclass(slots=True)
class Line:
    """One part without what ends it. `data` is only the beginning when the part is `too_long`."""

    offset: int
    length: int  # what ends it not counted
    data: bytes
    too_long: bool = False
    damage: Damage | None = None  # the stream broke off in this part


def lines(pieces: Iterable[bytes], max_bytes: int) -> Iterator[Line]:
    """The lines of a stream cut into pieces anywhere; \\n, \\r\\n or the end of the stream ends them."""
    for line in divided(pieces, b"\n", max_bytes):
        if line.data.endswith(b"\r") and not line.too_long:
            line.data = line.data[:-1]
        yield line


def paragraphs(source: Iterable[Line], max_bytes: int) -> Iterator[Line]:
    """Runs of lines that are not blank, joined by \\n."""
    held: list[bytes] = []
    size = 0
    start = end = 0
    damage: Damage | None = None

    def gathered() -> Line:
        data = b"\n".join(held)
        too_long = size > max_bytes
        return Line(start, end - start, data[:KEPT_OF_TOO_LONG] if too_long else data, too_long, damage)

    for line in source:
        damage = line.damage
        if line.data.strip() or line.too_long:
            if not size:
                start = line.offset
            end = line.offset + line.length
            size += line.length + 1
            if size <= max_bytes or not held:
                held.append(line.data)
        elif size or damage is not None:
            yield gathered()
            held, size = [], 0
    if size:
        yield gathered()


def divided(pieces: Iterable[bytes], divider: bytes, max_bytes: int) -> Iterator[Line]:
    """The parts of a stream between the divider; all of it as one part when the divider is empty.

    Parts over `max_bytes` are passed over without being held. An empty last part is none.
    """
    offset = 0  # of the part being gathered
    held: list[bytes] = []  # its bytes so far, no longer gathered once it is too long
    size = 0  # how many bytes it has so far, held or not
    tail = b""  # last bytes seen, for a divider that is cut by the pieces
    damage: Damage | None = None
    source = iter(pieces)
    while True:
        try:
            piece = next(source)
        except StopIteration:
            break
        except Damage as met:
            damage = met
            break
        if tail:  # let the divider be found whole: take back what may be its beginning
            piece = tail + piece
            size -= len(tail)
            _take_back(held, len(tail))
        start = 0
        while divider and (end := piece.find(divider, start)) >= 0:
            if size <= max_bytes:
                held.append(piece[start:end])
            size += end - start
            part = held[0] if len(held) == 1 else b"".join(held)
            yield _part(offset, size, part, max_bytes)
            offset += size + len(divider)
            held, size, start = [], 0, end + len(divider)
        rest = piece[start:] if start else piece
        if size <= max_bytes:
            held.append(rest)
        size += len(rest)
        tail = rest[-(len(divider) - 1) :] if len(divider) > 1 else b""
    if size or damage is not None:
        last = _part(offset, size, b"".join(held), max_bytes)
        last.damage = damage
        yield last


def _take_back(held: list[bytes], count: int) -> None:
    """Remove the last bytes; those of a part that is too long may not be there any more."""
    if held and len(held[-1]) >= count:
        held[-1] = held[-1][: len(held[-1]) - count]


def _part(offset: int, size: int, data: bytes, max_bytes: int) -> Line:
    if size > max_bytes:
        return Line(offset, size, data[:KEPT_OF_TOO_LONG], too_long=True)
    return Line(offset, size, data)
