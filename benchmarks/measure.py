"""What several benchmarks measure with and on."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path


def cpu_seconds(work: Callable[[], object], runs: int = 3) -> float:
    """CPU seconds of this process for `work`, the least of several runs."""
    best = float("inf")
    for _ in range(runs):
        started = time.process_time()
        work()
        best = min(best, time.process_time() - started)
    return best


def add_data_option(parser: argparse.ArgumentParser) -> None:
    """`--data FOLDER`, the folder of real data."""
    default = Path(os.environ.get("GRISTMILL_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
    parser.add_argument("--data", type=Path, default=default, help="folder of real data (default: %(default)s)")


def data_folder(description: str | None) -> Path:
    """The folder of real data, from the command line of a script that takes nothing else."""
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    add_data_option(parser)
    data: Path = parser.parse_args().data
    if not data.is_dir():
        parser.error(f"no real data at {data}; give --data FOLDER")
    return data
