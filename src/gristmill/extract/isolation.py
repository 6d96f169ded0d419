"""Isolated mode: pages go to one child process; a page that crashes or hangs takes only that child with it.

A frame on the pipes, either way: two little-endian uint32 (bytes of header, bytes of body), a JSON header,
the body. Request: {"settings", "content_type", "url"} and the payload. Reply: {"title", "confidence"} and the text, or
{"reason", "message"}.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, Any

from gristmill.extract.limits import wall_limit

if TYPE_CHECKING:
    from gristmill.extract.page import Extraction, ExtractionError
    from gristmill.extract.settings import ExtractSettings

FRAME = struct.Struct("<II")

START_SECONDS = 60.0
"""Wall time a child may take to start and import its engine, beside the page's own limit."""

_lock = threading.Lock()
_state: dict[str, Any] = {"on": False, "child": None}


def is_on() -> bool:
    """Whether this process is in isolated mode."""
    return _state["on"]


def set_isolation(on: bool) -> None:
    """Switch this process to isolated mode (a crash costs a page) or direct mode (a crash ends it)."""
    with _lock:
        _state["on"] = on
        if not on:
            _stop_child()


@contextmanager
def isolated(on: bool = True) -> Iterator[None]:
    """Isolated mode for the length of a `with` block."""
    before = is_on()
    set_isolation(on)
    try:
        yield
    finally:
        set_isolation(before)


class _Child:
    """The child process. It belongs to the process that started it: after a fork the copy is worthless."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        paths = [path for path in sys.path if path]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gristmill.extract.child", str(self.owner)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        )
        self.used: set[str] = set()  # engines it has loaded

    @property
    def usable(self) -> bool:
        return self.owner == os.getpid() and self.process.poll() is None

    def stop(self) -> int:
        """Kill and reap; the exit status, negative for a signal."""
        if self.owner != os.getpid():
            return 0
        if self.process.poll() is None:
            self.process.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                with suppress(OSError):
                    pipe.close()
        return self.process.wait()

    def send(self, header: dict[str, Any], body: bytes) -> None:
        assert self.process.stdin is not None
        write_frame(self.process.stdin, header, body)

    def receive(self, seconds: float) -> tuple[dict[str, Any], bytes]:
        """The reply. Raises TimeoutError after `seconds` of wall time and EOFError when the child is gone."""
        assert self.process.stdout is not None
        descriptor, deadline = self.process.stdout.fileno(), time.monotonic() + seconds
        lengths = FRAME.unpack(_read_exactly(descriptor, FRAME.size, deadline))
        header = _read_exactly(descriptor, lengths[0], deadline)
        return json.loads(header), _read_exactly(descriptor, lengths[1], deadline)


def _read_exactly(descriptor: int, size: int, deadline: float) -> bytes:
    pieces, missing = [], size
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    while missing:
        wait = deadline - time.monotonic()
        if wait <= 0 or not poll.poll(wait * 1000):
            raise TimeoutError
        piece = os.read(descriptor, min(missing, 1 << 20))
        if not piece:
            raise EOFError
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces)


def write_frame(stream: IO[bytes], header: dict[str, Any], body: bytes) -> None:
    encoded = json.dumps(header).encode()
    stream.write(FRAME.pack(len(encoded), len(body)) + encoded)
    stream.write(body)
    stream.flush()


def _stop_child() -> int:
    child, _state["child"] = _state["child"], None
    return child.stop() if child else 0


atexit.register(_stop_child)


def extract_in_child(
    payload: bytes, settings: ExtractSettings, content_type: str | None, url: str | None
) -> Extraction:
    """`extract` in the child process. Raises ExtractionError; time_limit or crashed when the child died."""
    from gristmill.extract.page import Extraction, ExtractionError

    request = {"settings": settings.model_dump(mode="json"), "content_type": content_type, "url": url}
    with _lock:
        try:
            header, body = _ask(request, payload, settings.time_limit)
        except _Died as death:
            if death.status != -signal.SIGKILL:
                raise _lost_to(death.status, settings) from None
            # killed from outside, by a person or for want of memory: not the page's fault before it happens twice
            try:
                header, body = _ask(request, payload, settings.time_limit)
            except _Died as again:
                raise _lost_to(again.status, settings) from None
        except TimeoutError as error:
            raise ExtractionError("time_limit", str(error)) from None
    if "reason" in header:
        raise ExtractionError(header["reason"], header["message"])
    return Extraction(body.decode("utf-8"), header["title"], header["confidence"])


class _Died(Exception):
    """The child ended while it had a page; `status` as subprocess has it."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def _ask(request: dict[str, Any], payload: bytes, time_limit: float) -> tuple[dict[str, Any], bytes]:
    """One page to the child and back. Raises _Died, or TimeoutError when the child does not even heed its alarm."""
    _send(request, payload)
    child: _Child = _state["child"]
    # the child's own SIGALRM comes well before this
    engine = request["settings"]["engine"]
    patience = wall_limit(time_limit) + (5 if engine in child.used else START_SECONDS)
    try:
        reply = child.receive(patience)
    except TimeoutError:
        _stop_child()
        raise TimeoutError(f"no answer after {patience:g} s of wall time") from None
    except EOFError:
        status = child.process.wait()
        _stop_child()
        raise _Died(status) from None
    except BaseException:
        _stop_child()  # interrupted between frames: the pipes are out of step
        raise
    child.used.add(engine)
    return reply


def _send(request: dict[str, Any], payload: bytes) -> None:
    """Hand the page to the child, to a new one where there is none or it died between pages."""
    for last_try in (False, True):
        if _state["child"] is None or not _state["child"].usable:
            _stop_child()
            _state["child"] = _Child()
        try:
            _state["child"].send(request, payload)
            return
        except BrokenPipeError:
            _stop_child()
            if last_try:
                raise


def _lost_to(status: int, settings: ExtractSettings) -> ExtractionError:
    """What the page of a child that ended with `status` gets."""
    from gristmill.extract.page import ExtractionError

    if status == -signal.SIGALRM:
        limit = wall_limit(settings.time_limit)
        return ExtractionError("time_limit", f"native code ran over {limit:g} s of wall time")
    try:
        how = f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
    except ValueError:
        how = f"was ended by signal {-status}"
    return ExtractionError("crashed", f"{settings.engine}: the process {how}")
