"""Time and memory of the engine `gristmill` on pages made to hurt, at three sizes each: is either worse than linear?

    python benchmarks/hostile_pages.py [--only NAME ...] [--scale 0.1] [--no-peer]

Every page goes through `gristmill.extract.extract` in a child process of its own: once under the default settings, once with
Markdown, links, comments and all blocks that may be text (`all`). Printed of the largest page: MB, CPU seconds, by how much time
grows with each doubling up to half of it and up to all of it (2.0 is linear), seconds per MB, MB by which the peak of resident
memory rises over what stood before the call, the same as a multiple of the page, and what came of it. Behind that the smallest
page, a quarter, through trafilatura (fast), where it ends within its limit of CPU seconds, and our time for the same page.

Exits with 1 when time grows by more than 2.2 twice, or memory is more than 100 times the page.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from gristmill.extract import ExtractionError, ExtractSettings, extract
from hostile_shapes import SHAPES

SIZES = (0.25, 0.5, 1.0)
PLAIN = ExtractSettings(engine="gristmill", time_limit=3600, max_bytes=1_000_000_000)
ALL = PLAIN.model_copy(update={"favour": "recall", "markup": "markdown", "links": True, "comments": True})
PEER_SECONDS = 2
PEER = ExtractSettings(engine="trafilatura", fast=True, time_limit=3600, max_bytes=1_000_000_000)
WORST_GROWTH = 2.2  # of time per doubling of the page
WORST_MEMORY = 100  # times the page
LEAST_SECONDS = 0.05  # shorter times say nothing of growth


@dataclass(frozen=True)
class Cost:
    """What one page took: bytes of it, CPU seconds, bytes of memory above what stood before; what came of it."""

    size: int
    seconds: float
    memory: int
    outcome: str


def cost(make: Callable[[], bytes], settings: ExtractSettings, limit: int | None = None) -> Cost | str:
    """The cost of one page in a child process; a word where it gave no text within `limit` CPU seconds."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        os.write(writing, json.dumps(_measure(make, settings, limit)).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        reply = stream.read()
    status = os.waitpid(child, 0)[1]
    if not reply:
        return f"over {limit} s" if os.WTERMSIG(status) == signal.SIGXCPU else f"signal {os.WTERMSIG(status)}"
    return Cost(*json.loads(reply))


def _measure(make: Callable[[], bytes], settings: ExtractSettings, limit: int | None) -> tuple[int, float, int, str]:
    page = make()
    if limit:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time()) + limit, resource.RLIM_INFINITY))
    with open("/proc/self/clear_refs", "w") as stream:
        stream.write("5")  # the peak begins anew
    before, started = _peak(), time.process_time()
    try:
        outcome = f"{len(extract(page, settings, content_type='text/html').text):,} chars"
    except ExtractionError as error:
        outcome = error.reason
    return len(page), time.process_time() - started, _peak() - before, outcome


def _peak() -> int:
    """Highest resident memory so far, in bytes."""
    with open("/proc/self/status") as stream:
        return next(int(line.split()[1]) * 1024 for line in stream if line.startswith("VmHWM"))


def report(name: str, scale: float, peer: bool) -> bool:
    """Print a shape's lines; whether it is linear."""
    good = True
    for label, settings in (("", PLAIN), ("all", ALL)):
        costs = measured(SHAPES[name], scale, settings)
        if isinstance(costs, str):
            print(f"{name:24} {label:4} {costs}")
            return False
        other = cost(partial(SHAPES[name], SIZES[0] * scale), PEER, PEER_SECONDS) if peer and not label else None
        good &= _print(name, label, costs, other)
    return good


def measured(shape: Callable[[float], bytes], scale: float, settings: ExtractSettings) -> list[Cost] | str:
    """The cost of each of SIZES. What looks worse than linear is measured twice more: other work on the machine is, too."""
    best: list[Cost] = []
    for _ in range(3):
        costs = [cost(partial(shape, share * scale), settings) for share in SIZES]
        if died := [found for found in costs if isinstance(found, str)]:
            return died[0]
        found = [one for one in costs if isinstance(one, Cost)]
        best = [min(pair, key=lambda one: one.seconds) for pair in zip(best, found, strict=True)] if best else found
        if not _is_slow(best):
            break
    return best


def _is_slow(costs: list[Cost]) -> bool:
    first, half, last = costs
    return half.seconds > LEAST_SECONDS and min(_growth(first, half), _growth(half, last)) > WORST_GROWTH


def _print(name: str, label: str, costs: list[Cost], other: Cost | str | None) -> bool:
    first, half, last = costs
    growth = [_growth(first, half), _growth(half, last)]
    times = last.memory / last.size
    good = not _is_slow(costs) and times < WORST_MEMORY
    beside = ""
    if isinstance(other, Cost):
        beside = f"{other.seconds:6.2f} s {other.memory / other.size:5.0f} x page, {other.outcome}; ours {first.seconds:.2f} s"
    elif other:
        beside = f"{other}; ours {first.seconds:.2f} s"
    print(
        f"{name:24} {label:4} {last.size / 1e6:6.2f} {last.seconds:8.2f} {growth[0]:5.1f} {growth[1]:5.1f}"
        f" {last.seconds / last.size * 1e6:8.3f} {last.memory / 1e6:8.0f} {times:6.1f}  {last.outcome:16}  {beside}"
        f"{'' if good else '  <-- WORSE THAN LINEAR'}",
        flush=True,
    )
    return good


def _growth(small: Cost, large: Cost) -> float:
    """Of time, for each doubling of the page."""
    return float((large.seconds / small.seconds) ** (1 / math.log2(large.size / small.size)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=SHAPES, help="these shapes alone")
    parser.add_argument("--scale", type=float, default=1.0, help="of the sizes (default: %(default)s)")
    parser.add_argument("--no-peer", dest="peer", action="store_false", help="without trafilatura")
    arguments = parser.parse_args()
    for settings in (PLAIN, ALL, *((PEER,) if arguments.peer else ())):
        extract(b"<title>warm</title><p>Everything is loaded before the first fork.", settings)
    started = time.perf_counter()
    print(f"{'':24} {'':4} {'MB':>6} {'CPU s':>8} {'per doubling':>11} {'s/MB':>8} {'MB more':>8} {'x page':>6}")
    good = [report(name, arguments.scale, arguments.peer) for name in arguments.only or SHAPES]
    print(f"{sum(good)} of {len(good)} shapes are linear; {time.perf_counter() - started:.0f} s")
    sys.exit(not all(good))


if __name__ == "__main__":
    main()
