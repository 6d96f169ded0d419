"""The local executor: worker processes under supervision.

A worker that is killed, crashes or runs out of time costs its job one attempt; the job is tried again in a fresh
worker with page extraction isolated, and reported when its attempts are used up. Leaving the `with` block, by any
exception, ends every worker.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from types import TracebackType

from gristmill.commit import Receipt
from gristmill.errors import GristmillError
from gristmill.kernels import cache_environment
from gristmill.pipeline.jobs import Failure, Job

_ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "RAYON_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
_GRACE = 3.0  # seconds a worker has to clean up after SIGTERM


@dataclass(frozen=True)
class Progress:
    """Documents and bytes a running job has done since its last report."""

    job: Job
    documents: int
    bytes: int


@dataclass(frozen=True)
class Done:
    job: Job
    receipts: list[Receipt]


Event = Progress | Done | Failure


class _Worker:
    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-m", "gristmill.pipeline.worker", str(theirs.fileno()), str(os.getpid())]
        self.process = subprocess.Popen(
            command,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            env=cache_environment() | os.environ | _ONE_THREAD,
            start_new_session=True,  # Ctrl-C reaches the supervisor alone
        )
        theirs.close()
        self.connection = Connection(ours.detach())
        self.ready = False
        self.number: int | None = None
        self.started = 0.0
        self.overdue = False
        self.limited = True

    def give(self, number: int, job: Job, isolate: bool) -> None:
        self.number, self.started, self.overdue = number, time.monotonic(), False
        self.limited = job.limited
        self.connection.send((number, job, isolate))

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()

    def close(self) -> None:
        self.connection.close()
        self.process.wait()


class LocalExecutor:
    """Runs jobs in `workers` processes, which stay alive from one call of `run` to the next.

    retries: further attempts for a job whose worker died. time_limit: seconds a job may take, None for no limit.
    """

    def __init__(self, workers: int, retries: int = 2, time_limit: float | None = None) -> None:
        self.workers, self.retries, self.time_limit = workers, retries, time_limit
        self._pool: list[_Worker] = []
        self._failed_starts = 0

    def run(self, jobs: Sequence[Job], on_event: Callable[[Event], None]) -> None:
        """Run all jobs, heaviest first; returns when each has ended as Done or Failure."""
        order = sorted(range(len(jobs)), key=lambda number: -jobs[number].weight)
        waiting = deque(order)
        attempts = dict.fromkeys(order, 0)
        left = len(jobs)
        while left:
            self._fill(min(self.workers, left))
            for worker in self._pool:
                if worker.ready and worker.number is None and waiting:
                    number = waiting.popleft()
                    try:
                        worker.give(number, jobs[number], attempts[number] > 0)
                    except (BrokenPipeError, ConnectionResetError):  # it died while idle
                        waiting.appendleft(number)
                        worker.number = None
            for worker in self._next_messages():
                for event in self._receive(worker, jobs, waiting, attempts):
                    if isinstance(event, Done | Failure):
                        left -= 1
                    if isinstance(event, Failure) and event.fatal:
                        left -= len(waiting)
                        waiting.clear()
                    on_event(event)

    def _fill(self, wanted: int) -> None:
        while len(self._pool) < wanted:
            self._pool.append(_Worker())

    def _next_messages(self) -> list[_Worker]:
        timeout = 1.0 if self.time_limit else None
        ready = wait([worker.connection for worker in self._pool], timeout)
        for worker in self._pool if self.time_limit else ():
            if worker.number is None or not worker.limited or worker.overdue:
                continue
            if time.monotonic() - worker.started > self.time_limit:  # type: ignore[operator]
                worker.overdue = True
                worker.kill()
        return [worker for worker in self._pool if worker.connection in ready]

    def _receive(
        self, worker: _Worker, jobs: Sequence[Job], waiting: deque[int], attempts: dict[int, int]
    ) -> list[Event]:
        try:
            message, number, *rest = worker.connection.recv()
        except (EOFError, OSError):
            return self._bury(worker, jobs, waiting, attempts)
        if message == "ready":
            worker.ready, self._failed_starts = True, 0
            return []
        job = jobs[number]
        if message == "progress":
            return [Progress(job, *rest)]
        worker.number = None
        if message == "done":
            return [Done(job, rest[0])]
        reason, detail, fatal = rest
        return [Failure(job.name, reason, detail, fatal)]

    def _bury(self, worker: _Worker, jobs: Sequence[Job], waiting: deque[int], attempts: dict[int, int]) -> list[Event]:
        self._pool.remove(worker)
        worker.close()
        if not worker.ready:
            self._failed_starts += 1
            if self._failed_starts >= 3:
                raise GristmillError("worker processes end as soon as they start; see their message above")
            return []
        number = worker.number
        if number is None:
            return []
        attempts[number] += 1
        if attempts[number] <= self.retries:
            waiting.appendleft(number)
            return []
        if worker.overdue:
            reason = f"took longer than {self.time_limit:g} s, {attempts[number]} times"
        else:
            reason = f"its worker was ended by {_how(worker.process.returncode)}, {attempts[number]} times"
        return [Failure(jobs[number].name, reason)]

    def close(self) -> None:
        """End all workers: SIGTERM, then SIGKILL for those that do not listen."""
        for worker in self._pool:
            with contextlib.suppress(ProcessLookupError):
                worker.process.terminate() if worker.number is not None else worker.process.kill()
        deadline = time.monotonic() + _GRACE
        for worker in self._pool:
            with contextlib.suppress(subprocess.TimeoutExpired):
                worker.process.wait(max(0.0, deadline - time.monotonic()))
            worker.kill()
            worker.close()
        self._pool.clear()

    def __enter__(self) -> LocalExecutor:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()


def _how(code: int | None) -> str:
    if code is not None and code < 0:
        try:
            return signal.Signals(-code).name
        except ValueError:
            return f"signal {-code}"
    return f"exit code {code}"
