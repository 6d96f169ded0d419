"""Members of a .7z archive as streams of pieces, in bounded memory and without extracting to disk."""

from __future__ import annotations

import queue
import threading
from collections.abc import Collection, Iterator
from typing import IO, Any

from gristmill.errors import UserError
from gristmill.sources.compressed import PIECE, Damage

_WAITING = 4  # pieces the decoder may be ahead of the reader
_STEP = 0.2  # seconds after which a decoder that waits looks whether it is still wanted


def check_installed() -> None:
    """Raise UserError when the package that reads .7z is missing."""
    from importlib.util import find_spec

    if find_spec("py7zr") is None:
        raise UserError(
            "reading .7z archives needs a package that is not installed", hint="pip install 'gristmill[7z]'"
        )


def member_pieces(stream: IO[bytes], wanted: Collection[str]) -> Iterator[tuple[str, bytes]]:
    """(name, piece) of the members whose last path part is in `wanted`, in archive order; one with no content has b"".

    Raises Damage where the archive is broken, encrypted or none, after everything before that has been yielded.
    The decoder of the package pushes; it runs in a thread that waits for its reader, so few pieces are ever held.
    """
    import py7zr

    waiting: queue.Queue[tuple[str, bytes] | Damage | None] = queue.Queue(_WAITING)
    stopped = threading.Event()
    decoder = threading.Thread(target=_decode, args=(py7zr, stream, wanted, waiting, stopped), daemon=True)
    decoder.start()
    try:
        while (item := waiting.get()) is not None:
            if isinstance(item, Damage):
                raise item
            yield item
    finally:
        stopped.set()
        decoder.join()


class _Stopped(Exception):
    """Nobody reads any more."""


def _decode(py7zr: Any, stream: IO[bytes], wanted: Collection[str], waiting: queue.Queue, stopped: Any) -> None:
    def put(item: tuple[str, bytes] | Damage | None) -> None:
        while not stopped.is_set():
            try:
                waiting.put(item, timeout=_STEP)
                return
            except queue.Full:
                continue
        raise _Stopped

    class Writer(py7zr.Py7zIO):
        def __init__(self, name: str) -> None:
            self.name, self.written = name, 0

        def write(self, data: bytes | bytearray) -> int:
            for at in range(0, len(data), PIECE):
                put((self.name, bytes(data[at : at + PIECE])))
            self.written += len(data)
            return len(data)

        def read(self, size: int | None = None) -> bytes:
            return b""

        def seek(self, offset: int, whence: int = 0) -> int:
            return offset

        def flush(self) -> None:
            pass

        def size(self) -> int:
            return self.written

    class Factory(py7zr.WriterFactory):
        def create(self, filename: str) -> Any:
            return Writer(filename.rsplit("/", 1)[-1])

    end: Damage | None = None
    try:
        with py7zr.SevenZipFile(stream) as archive:
            targets = [name for name in archive.getnames() if name.rsplit("/", 1)[-1] in wanted]
            if targets:
                archive.extract(targets=targets, factory=Factory())
    except _Stopped:
        return
    except py7zr.exceptions.PasswordRequired:
        end = Damage("encrypted_7z", "the archive is encrypted")
    except Exception as error:  # damaged archives raise nearly anything: lzma, struct, zlib, its own kinds
        end = Damage("corrupt_7z", f"not a readable 7z archive: {type(error).__name__}: {error}"[:500])
    try:
        put(end)
        if end is not None:
            put(None)
    except _Stopped:
        return
