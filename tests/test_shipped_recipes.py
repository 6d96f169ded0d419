"""Every recipe in configs/ runs from the command line, on the demo's archives, and accounts for every record."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
RECIPES = sorted(path.name for path in (REPOSITORY / "configs").glob("*.yaml") if path.name != "demo.yaml")


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES)
def test_recipe_runs_and_its_counts_add_up(recipe: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "gristmill", "run", f"configs/{recipe}", "--root", str(tmp_path)]
    faster = ["--set", "sources.web.read.warc.extract.engine=resiliparse"]
    done = subprocess.run([*command, *faster], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "summary.json").read_text())
    web = summary["sources"]["web"]
    assert summary["complete"]
    assert web["balanced"]
    assert web["records"] == 519
    assert 20 < web["kept"]["documents"] < web["documents"]["documents"]
