"""A time limit that also ends native code.

Two timers run beside the work. The first counts processor time: past the limit its signal raises inside
Python code, and nothing but the page is lost. Native code that never returns to Python does not see that
exception. The second timer counts wall time and its signal, SIGALRM, has no handler at all: the kernel ends
the process, whatever holds the interpreter. Whoever supervises the process tries again with
`set_isolation(True)`, so that the page's child process dies in its stead.

Signals belong to the main thread; work in another thread runs without a limit.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from importlib import import_module
from typing import TypeVar

# signal.signal wraps these in enum conversions that cost ten times as much as the call itself
set_handler: Callable[[int, object], object] = import_module("_signal").signal
DEFAULT = import_module("_signal").SIG_DFL

T = TypeVar("T")

REPEAT = 0.25
"""Seconds of processor time after which the exception is raised again, should someone have swallowed it."""


class TimeLimitReached(BaseException):
    """Not an Exception, because parsers are full of `except Exception`."""


def wall_limit(seconds: float) -> float:
    """Seconds of wall time after which the kernel ends the process.

    Room for a machine that runs three times too many jobs.
    """
    return 3 * seconds + 5


class _Watch:
    running = False
    expired = False


_watch = _Watch()


def _on_soft_limit(signum: int, frame: object) -> None:
    if _watch.running:
        _watch.expired = True
        raise TimeLimitReached


def limit_time(work: Callable[[], T], seconds: float) -> T:
    """The result of `work()`, or TimeLimitReached after `seconds` of this process's processor time.

    SIGALRM ends the process after `wall_limit(seconds)`. Handlers and a running alarm clock are restored.
    """
    if threading.current_thread() is not threading.main_thread() or _watch.running:
        return work()
    old_soft = set_handler(signal.SIGPROF, _on_soft_limit)
    old_hard = set_handler(signal.SIGALRM, DEFAULT)
    started = time.monotonic()
    alarm, alarm_repeat = signal.setitimer(signal.ITIMER_REAL, wall_limit(seconds))
    _watch.expired, _watch.running = False, True
    try:
        signal.setitimer(signal.ITIMER_PROF, seconds, REPEAT)
        result = work()
    finally:
        _watch.running = False  # first of all: from here on the handler does nothing
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        set_handler(signal.SIGPROF, old_soft or DEFAULT)
        set_handler(signal.SIGALRM, old_hard or DEFAULT)
        if alarm:
            signal.setitimer(signal.ITIMER_REAL, max(alarm - (time.monotonic() - started), 0.001), alarm_repeat)
    if _watch.expired:
        raise TimeLimitReached  # something caught it on the way; what came back may be half a page
    return result
