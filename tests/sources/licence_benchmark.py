"""The benchmark of licence detection, as modules: its folder goes last on the path, since names in it shadow Python's own."""

from __future__ import annotations

import sys
from pathlib import Path

FOLDER = str(Path(__file__).parents[2] / "benchmarks")
if FOLDER not in sys.path:
    sys.path.append(FOLDER)

import debian_copyright  # noqa: E402
import licence_trees  # noqa: E402
import source_packages  # noqa: E402

__all__ = ["debian_copyright", "licence_trees", "source_packages"]
