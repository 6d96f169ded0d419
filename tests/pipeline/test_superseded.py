"""A later run lists what an earlier one kept too much, and the list can be applied to that run."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gristmill import api
from gristmill.errors import UserError
from gristmill.report.funnel import funnel_text
from tests.dedup.planted import page

LOOSE = {"bands": 12, "rows": 2, "max_loss": 1}


def ladder(step: int) -> str:
    return " ".join(page(1, 420).split()[40 * step : 40 * step + 100])


def run(folder: Path, name: str, steps: list[int], stage: dict):
    (folder / f"{name}.jsonl").write_text("".join(json.dumps({"text": ladder(step)}) + "\n" for step in steps))
    recipe = {"sources": {"web": {"read": "jsonl", "input": f"{name}.jsonl"}}, "stages": [{"minhash": stage}]}
    (folder / f"{name}.yaml").write_text(json.dumps(recipe))
    loaded = api.load(folder / f"{name}.yaml", [], root=str(folder / f"run-{name}"))
    result = api.run(api.plan(loaded), workers=1)
    assert result.ok
    return loaded, result


def test_the_superseded_of_an_earlier_run_are_found_by_id(tmp_path: Path):
    old, _ = run(tmp_path, "a", [0, 2, 6], {"index": "own", **LOOSE})
    _, result = run(tmp_path, "b", [1, 8], {"against": ["run-a"], **LOOSE})
    assert "1 documents that earlier runs kept would have fallen in one run: " in funnel_text(result.summary)
    listed = pq.read_table(next((tmp_path / "run-b" / "all").glob("minhash-*/superseded/documents.parquet")))
    web = api.open_dataset(old, "web")
    rows = web.to_table(["id", "text"]).to_pylist()
    assert web.ids_at(listed) == [row["id"] for row in rows if row["text"] == ladder(2)]
    other = pa.table({"source": ["web"], "shard": ["nowhere"], "row": [0]})
    with pytest.raises(UserError, match="web has no shard 'nowhere'"):
        web.ids_at(other)
    assert web.ids_at(other.set_column(0, "source", pa.array(["books"]))) == []
