"""What a user sees while a run goes on: live bars on a terminal, plain lines elsewhere, nothing when quiet."""

from __future__ import annotations

import sys
import time
from typing import Protocol

from gristmill.pipeline.jobs import Failure


class Display(Protocol):
    def start(self, group: str, weight: float, jobs: int) -> None: ...
    def advance(self, group: str, weight: float, documents: int, size: int) -> None: ...
    def finish(self, group: str) -> None: ...
    def fail(self, failure: Failure) -> None: ...
    def close(self) -> None: ...


class Quiet:
    def start(self, group: str, weight: float, jobs: int) -> None: ...
    def advance(self, group: str, weight: float, documents: int, size: int) -> None: ...
    def finish(self, group: str) -> None: ...
    def fail(self, failure: Failure) -> None: ...
    def close(self) -> None: ...


class Lines:
    """A line when a group of jobs begins and ends, and every ten seconds between."""

    every = 10.0

    def __init__(self) -> None:
        self._begun: dict[str, float] = {}
        self._total: dict[str, float] = {}
        self._done: dict[str, float] = {}
        self._work: dict[str, tuple[int, int]] = {}
        self._last: dict[str, float] = {}

    def start(self, group: str, weight: float, jobs: int) -> None:
        self._begun[group] = self._last[group] = time.monotonic()
        self._total[group], self._done[group], self._work[group] = weight, 0.0, (0, 0)
        print(f"{group}: {jobs} task{'s' if jobs != 1 else ''}", file=sys.stderr, flush=True)

    def advance(self, group: str, weight: float, documents: int, size: int) -> None:
        self._done[group] += weight
        before = self._work[group]
        self._work[group] = before[0] + documents, before[1] + size
        if time.monotonic() - self._last[group] >= self.every:
            self._last[group] = time.monotonic()
            share = self._done[group] / max(self._total[group], 1e-9)
            elapsed = time.monotonic() - self._begun[group]
            eta = f", {elapsed * (1 - share) / share:.0f} s left" if share > 0 else ""
            print(f"{group}: {share:.0%}{self._rates(group)}{eta}", file=sys.stderr, flush=True)

    def finish(self, group: str) -> None:
        seconds = time.monotonic() - self._begun[group]
        print(f"{group}: finished in {seconds:.1f} s{self._rates(group)}", file=sys.stderr, flush=True)

    def _rates(self, group: str) -> str:
        documents, size = self._work[group]
        seconds = max(time.monotonic() - self._begun[group], 1e-3)
        return f", {documents / seconds:,.0f} documents/s, {size / seconds / 1e6:.1f} MB/s of text" if documents else ""

    def fail(self, failure: Failure) -> None:
        print(f"failed: {failure.job}: {failure.reason}", file=sys.stderr, flush=True)

    def close(self) -> None: ...


class Bars:
    """Live bars with documents/s, MB/s of text and the time left."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        self._console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TaskProgressColumn(),
            TextColumn("{task.fields[rates]}", markup=False),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=self._console,
        )
        self._progress.start()
        self._ids: dict[str, object] = {}
        self._work: dict[str, tuple[int, int, float]] = {}

    def start(self, group: str, weight: float, jobs: int) -> None:
        self._ids[group] = self._progress.add_task(group, total=weight, rates="")
        self._work[group] = 0, 0, time.monotonic()

    def advance(self, group: str, weight: float, documents: int, size: int) -> None:
        before = self._work[group]
        now = before[0] + documents, before[1] + size, before[2]
        self._work[group] = now
        seconds = max(time.monotonic() - now[2], 1e-3)
        rates = f"{now[0] / seconds:,.0f} documents/s {now[1] / seconds / 1e6:.1f} MB/s" if now[0] else ""
        self._progress.update(self._ids[group], advance=weight, rates=rates)  # type: ignore[arg-type]

    def finish(self, group: str) -> None:
        self._progress.stop_task(self._ids[group])  # type: ignore[arg-type]

    def fail(self, failure: Failure) -> None:
        from rich.text import Text

        line = Text.assemble(
            ("failed", "red"), f": {failure.job}: {failure.reason}"
        )  # no markup: the reason may quote a page
        self._console.print(line, highlight=False)

    def close(self) -> None:
        self._progress.stop()


def make_display(quiet: bool = False) -> Display:
    if quiet:
        return Quiet()
    return Bars() if sys.stderr.isatty() else Lines()
