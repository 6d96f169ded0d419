"""Every recipe in configs/ runs from the command line, on the demo's archives, and accounts for every record."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[1]
RECIPES = sorted(path.name for path in (REPOSITORY / "configs").glob("*.yaml") if path.name != "demo.yaml")
WHOLE = ("falcon.yaml", "llama.yaml", "llama2.yaml")  # of many sources, the one of web pages called `crawl`


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES)
def test_recipe_runs_and_its_counts_add_up(recipe: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "gristmill", "run", f"configs/{recipe}", "--root", str(tmp_path), "--workers", "1"]
    pages = "crawl" if recipe in WHOLE else "web"
    faster = ["--set", f"sources.{pages}.read.warc.extract.engine=resiliparse"]
    done = subprocess.run([*command, *faster], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "summary.json").read_text())
    web = summary["sources"][pages]
    assert summary["complete"]
    assert web["balanced"]
    assert web["records"] == 519
    assert 20 < web["kept"]["documents"] < web["documents"]["documents"]
    if recipe in WHOLE:
        assert all(source["balanced"] for source in summary["sources"].values())
        check_shares(summary["tokens"]["mixture"])


def check_shares(mixture: dict[str, Any]) -> None:
    """Every component has the share it should have, to the two tokens that rounding in a group of a group may take."""
    assert len([row for row in mixture["rows"] if row["taken"]]) >= 7
    for row in mixture["rows"]:
        if row["tokens"]:
            assert abs(row["taken"] - row["target"] * mixture["tokens"]) < 2, row
