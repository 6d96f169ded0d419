"""The real command in a process of its own, and what it leaves on disk."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gristmill
from gristmill import api

PACKAGE = str(Path(gristmill.__file__).parents[1])  # the one under test, whichever is installed
PROJECT = Path(__file__).parents[2]
COMMAND = [str(Path(sys.executable).with_name("gristmill"))]


def environment(planted: Path | None = None, **more: str) -> dict[str, str]:
    """This process's environment with the planted stages on the path, and no colours."""
    path = [PACKAGE, str(planted), str(PROJECT)] if planted else [PACKAGE]
    found = os.environ | {"PYTHONPATH": os.pathsep.join(path), "NO_COLOR": "1", "COLUMNS": "160"} | more
    found.pop("GRISTMILL_TRACEBACK", None)
    return found


def start(
    arguments: Sequence[object], cwd: Path, env: Mapping[str, str], prefix: Sequence[str] = ()
) -> subprocess.Popen[str]:
    """Begin a command in a session of its own, so that a signal to its group reaches nobody else."""
    return subprocess.Popen(
        [*prefix, *COMMAND, *map(str, arguments)],
        cwd=cwd,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def run(
    arguments: Sequence[object], cwd: Path, env: Mapping[str, str], prefix: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    process = start(arguments, cwd, env, prefix)
    try:
        out, error = process.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return subprocess.CompletedProcess(process.args, process.returncode, out, error)


def run_here(recipe: Path, root: Path, *overrides: str, workers: int = 1, **options: Any) -> api.Result:
    """The same in this process; the workers are processes all the same."""
    return api.run(plan_here(recipe, root, *overrides), workers=workers, **options)


def plan_here(recipe: Path, root: Path, *overrides: str) -> api.Plan:
    return api.plan(api.load(recipe, list(overrides), root=str(root)))


def receipts(root: Path) -> dict[str, dict]:
    """Every receipt below a run's root, by path."""
    return {
        str(path.relative_to(root)).removesuffix(".receipt.json"): json.loads(path.read_text())
        for path in sorted(root.rglob("*.receipt.json"))
    }


def data_files(root: Path) -> dict[str, tuple[int, str]]:
    """Size and checksum of every data file that a receipt names, by path."""
    return {
        f"{name.rpartition('/')[0]}/{entry['name']}": (entry["bytes"], entry["checksum"])
        for name, receipt in receipts(root).items()
        for entry in receipt["files"]
    }


def temporary_files(root: Path) -> list[str]:
    return sorted(str(path) for path in root.rglob(".*.tmp"))
