"""Engines that misbehave on purpose, named in settings as `tests.extract.planted:NAME`.

What a page does is its own text: `<p>hang native</p>` and so on; every other page is returned as it is.
"""

from __future__ import annotations

import ctypes
import os
import time


def misbehaving(settings):
    def run(html: str, url: str | None) -> str:
        if "hang native" in html:
            ctypes.PyDLL(None).usleep(ctypes.c_uint(600_000_000))  # PyDLL keeps the interpreter lock
        elif "hang python" in html:
            return hang_swallowing_exceptions()
        elif "crash" in html:
            ctypes.string_at(0)
        elif "exit" in html:
            os._exit(3)
        elif "chatter" in html:
            os.write(1, b"a library that prints\n")
        elif "process" in html:
            return str(os.getpid())
        return html

    return run


def hang_swallowing_exceptions() -> str:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            sum(range(1000))
        except Exception:
            continue
    return "ran to the end"


def swallowing_everything(settings):
    """Catches even BaseException once, then returns half a page."""

    def run(html: str, url: str | None) -> str:
        try:
            hang_swallowing_exceptions()
        except BaseException:
            return "half a page"
        return html

    return run


def raising(settings):
    def run(html: str, url: str | None) -> str:
        raise RecursionError("too deep")

    return run
