"""A worker process of the local executor: receives jobs on a socket, executes them, answers.

Started as `python -m gristmill.pipeline.worker FD PARENT`. It dies with its parent, whatever killed that.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import signal
import sys
import time
import traceback
from multiprocessing.connection import Connection
from typing import Any

from gristmill.errors import UserError

PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int) -> None:
    """Ask Linux to kill this process when its parent ends; elsewhere the closed socket does it between jobs."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before we asked
        os._exit(1)


def _leave(signum: int, frame: Any) -> None:
    raise SystemExit(128 + signum)  # lets a commit discard its temporary files


def serve(connection: Connection) -> None:
    while True:
        try:
            number, job, isolate = connection.recv()
        except (EOFError, OSError):
            return
        last, documents, size = time.monotonic(), 0, 0

        def report(more_documents: int, more_bytes: int, number: int = number) -> None:
            nonlocal last, documents, size
            documents, size = documents + more_documents, size + more_bytes
            if time.monotonic() - last > 0.25:
                connection.send(("progress", number, documents, size))
                last, documents, size = time.monotonic(), 0, 0

        try:
            from gristmill.extract import set_isolation

            set_isolation(isolate)
            receipts = job.execute(report)
            connection.send(("progress", number, documents, size))
            connection.send(("done", number, receipts))
        except UserError as error:
            connection.send(("failed", number, " ".join(str(error).split()), "", False))
        except Exception as error:
            full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
            reason = "no space left on the device" if full else _one_line(error)
            connection.send(("failed", number, reason, traceback.format_exc(), full))


def _one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]


def main() -> None:
    die_with_parent(int(sys.argv[2]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    signal.signal(signal.SIGTERM, _leave)
    import pyarrow as pa

    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    connection = Connection(int(sys.argv[1]))
    connection.send(("ready", -1))
    serve(connection)


if __name__ == "__main__":
    main()
