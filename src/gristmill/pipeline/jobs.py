"""What executors know: a job has a name, a weight and an `execute` that commits its own output."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Protocol

from gristmill.commit import Commit, Receipt
from gristmill.kernels import cache_folder, sources_digest
from gristmill.stage import Stage, Task

Report = Callable[[int, int], None]
"""Called with documents and bytes done since the last call."""


class Job(Protocol):
    """Picklable. `group` names the progress bar it counts for, `weight` its share of it; `limited`: the time limit holds."""

    limited: ClassVar[bool]

    @property
    def name(self) -> str: ...
    @property
    def group(self) -> str: ...
    @property
    def weight(self) -> float: ...
    def execute(self, report: Report) -> list[Receipt]: ...


@dataclass(frozen=True)
class TaskJob:
    """One task of a phased stage."""

    limited: ClassVar[bool] = True
    node: str
    phase: str
    folder: str
    task: Task

    @property
    def name(self) -> str:
        return f"{self.node} {self.phase}/{self.task.name}"

    @property
    def group(self) -> str:
        return f"{self.node} {self.phase}"

    @property
    def weight(self) -> float:
        return float(self.task.weight)

    def execute(self, report: Report) -> list[Receipt]:
        commit = Commit(self.folder, self.task.name)
        with commit:
            self.task.run(commit)
        assert commit.receipt is not None
        return [commit.receipt]


@dataclass(frozen=True)
class WarmJob:
    """Compiles the kernels of a stage about to run, once, so that every worker finds them on disk."""

    limited: ClassVar[bool] = False
    stage: Stage
    group: str = "compile kernels"
    weight: float = 1.0

    @property
    def name(self) -> str:
        return f"compile kernels of {self.stage.name}"

    @property
    def marker(self) -> str:
        """A file that says these kernels were compiled from the present sources; it only saves time, so it may be wrong."""
        return os.path.join(cache_folder(), f"{self.stage.kernel_set}-{sources_digest()}.compiled")

    def execute(self, report: Report) -> list[Receipt]:
        self.stage.warm()
        os.makedirs(cache_folder(), exist_ok=True)
        with open(self.marker, "w"):
            return []


@dataclass(frozen=True)
class Failure:
    """A job that came to nothing: a line for the table, and what a bug report needs."""

    job: str
    reason: str
    detail: str = ""
    fatal: bool = False  # nothing else can succeed either, as on a full disk
