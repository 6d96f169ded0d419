"""What runs again after a change, and what does not."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from gristmill import api
from gristmill.errors import UserError
from tests.pipeline.command import data_files, plan_here, run_here
from tests.pipeline.small_corpus import text_of, usual_recipe, write_corpus, write_jsonl, write_recipe

pytestmark = pytest.mark.usefixtures("planted")

EVERYTHING = [
    "web/documents",
    "web/planted_length.signals",
    "web/planted_length",
    "all/planted_twins",
    "web/statistics",
]


@pytest.fixture(scope="module")
def finished_once(planted: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    write_corpus(folder / "in")
    result = run_here(usual_recipe(folder), folder / "root")
    assert result.ok
    assert sorted(result.ran) == sorted(EVERYTHING)
    return folder


@pytest.fixture
def finished(finished_once: Path, tmp_path: Path) -> Path:
    """A recipe that has run once; outputs in tmp_path/root."""
    shutil.copytree(finished_once, tmp_path, dirs_exist_ok=True)
    return tmp_path / "recipe.yaml"


def written(root: Path) -> dict[str, int]:
    """When each file of a run was written; the summary and the lock are written every time."""
    files = (path for path in root.rglob("*") if path.is_file() and path.parent != root)
    return {str(path.relative_to(root)): path.stat().st_mtime_ns for path in files}


def changed_since(before: dict[str, int], root: Path) -> set[str]:
    """Names of nodes with files that are new or written again."""
    after = written(root)
    return {path.rpartition("/")[0].rpartition("-")[0] for path, when in after.items() if before.get(path) != when}


def states(plan: api.Plan) -> dict[str, str]:
    return {name: state.status for name, state in plan.states.items()}


def test_second_run_runs_nothing_and_touches_no_file(finished: Path, tmp_path: Path) -> None:
    before = written(tmp_path / "root")
    result = run_here(finished, tmp_path / "root")
    assert result.ran == ()
    assert written(tmp_path / "root") == before


def test_changed_threshold_runs_its_decision_and_what_counts_survivors(finished: Path, tmp_path: Path) -> None:
    before = written(tmp_path / "root")
    plan = plan_here(finished, tmp_path / "root", "sources.web.stages.planted_length.minimum=300")
    assert states(plan) == {
        "web/documents": "up to date",
        "web/planted_length.signals": "up to date",
        "web/planted_length": "stale",
        "all/planted_twins": "stale",
        "web/statistics": "stale",
    }
    result = api.run(plan, workers=1)
    assert sorted(result.ran) == ["all/planted_twins", "web/planted_length", "web/statistics"]
    assert not any("documents" in path or "signals" in path for path in changed_since(before, tmp_path / "root"))


def test_plan_names_the_changed_setting(finished: Path, tmp_path: Path) -> None:
    text = str(plan_here(finished, tmp_path / "root", "sources.web.stages.planted_length.minimum=300"))
    assert "minimum 150 → 300" in text
    assert "web/planted_length changed" in text
    assert "3 of 5 stages to run" in text


def test_changed_signal_setting_runs_the_signals_too_but_not_the_documents(finished: Path, tmp_path: Path) -> None:
    plan = plan_here(finished, tmp_path / "root", "sources.web.stages.planted_length.factor=2")
    assert "factor 1 → 2" in plan.states["web/planted_length.signals"].why
    assert sorted(api.run(plan, workers=1).ran) == sorted(set(EVERYTHING) - {"web/documents"})


def test_old_outputs_are_still_there_when_the_threshold_goes_back(finished: Path, tmp_path: Path) -> None:
    run_here(finished, tmp_path / "root", "sources.web.stages.planted_length.minimum=300")
    assert run_here(finished, tmp_path / "root").ran == ()


def test_default_value_written_out_changes_nothing(finished: Path, tmp_path: Path) -> None:
    assert plan_here(finished, tmp_path / "root", "sources.web.stages.planted_length.factor=1").done


def test_changed_input_file_runs_only_its_shard(finished: Path, tmp_path: Path) -> None:
    before = written(tmp_path / "root")
    write_jsonl(tmp_path / "in" / "part1.jsonl", [text_of(900), text_of(901)])
    plan = plan_here(finished, tmp_path / "root")
    assert plan.states["web/documents"].why == "1 input file changed"
    assert plan.states["web/documents"].pending == 1
    assert api.run(plan, workers=1).ok
    after = written(tmp_path / "root")
    shards = {
        Path(path).name.split("-")[0]
        for path, when in after.items()
        if before.get(path) != when and path.startswith("web/") and "statistics" not in path
    }
    assert shards == {"part1", "manifest.json", "stage.json"}


def test_added_input_file_only_adds(finished: Path, tmp_path: Path) -> None:
    before = data_files(tmp_path / "root")
    write_jsonl(tmp_path / "in" / "part9.jsonl", [text_of(900)])
    plan = plan_here(finished, tmp_path / "root")
    assert plan.states["web/documents"].why == "1 shard not done yet"
    assert api.run(plan, workers=1).ok
    added = set(data_files(tmp_path / "root")) - set(before)
    assert {Path(path).name.split("-")[0] for path in added if path.startswith("web/")} == {"part9"}


def test_removed_input_file_takes_its_documents_out(finished: Path, tmp_path: Path) -> None:
    (tmp_path / "in" / "part2.jsonl").unlink()
    plan = plan_here(finished, tmp_path / "root")
    assert not plan.done
    result = api.run(plan, workers=1)
    assert result.ok
    assert result.summary["sources"]["web"]["records"] == 40
    assert result.summary["sources"]["web"]["balanced"]
    files = set(api.open_dataset(plan.recipe, "web").to_table(["file"])["file"].to_pylist())
    assert files == {"in/part0.jsonl", "in/part1.jsonl"}


def test_plan_of_a_removed_input_file_says_so(finished: Path, tmp_path: Path) -> None:
    (tmp_path / "in" / "part2.jsonl").unlink()
    why = plan_here(finished, tmp_path / "root").states["web/documents"].why
    assert "removed" in why or "fewer" in why, why


def test_recipes_with_a_common_prefix_share_its_outputs(finished: Path, tmp_path: Path) -> None:
    other = write_recipe(
        tmp_path / "other.yaml",
        {
            "web": {
                "read": "jsonl",
                "input": "in/*.jsonl",
                "stages": [{"planted_length": {"minimum": 150}}, {"planted_cut": {"word": "miller"}}],
            }
        },
    )
    result = run_here(other, tmp_path / "root")
    assert result.ok
    assert sorted(result.ran) == ["web/planted_cut", "web/statistics"]


def test_moved_inputs_and_recipe_find_the_same_outputs(finished: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(tmp_path / "in", elsewhere / "in", copy_function=shutil.copy2)
    shutil.copy(finished, elsewhere / "renamed.yaml")
    assert plan_here(elsewhere / "renamed.yaml", tmp_path / "root").done


def test_stage_option_runs_that_stage_and_what_it_needs(tmp_path: Path) -> None:
    write_corpus(tmp_path / "in")
    recipe = usual_recipe(tmp_path)
    result = run_here(recipe, tmp_path / "root", stage="planted_length")
    assert result.ok
    assert sorted(result.ran) == ["web/documents", "web/planted_length", "web/planted_length.signals"]
    assert not result.summary["complete"]
    assert sorted(run_here(recipe, tmp_path / "root").ran) == ["all/planted_twins", "web/statistics"]


def test_unknown_stage_option_names_the_nearest(finished: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"Did you mean 'planted_length'\?"):
        run_here(finished, tmp_path / "root", stage="planted_lenght")


def test_changed_content_of_a_list_file_is_stale_and_a_new_name_is_not(tmp_path: Path) -> None:
    write_corpus(tmp_path / "in", files=1, documents=3)
    listed = tmp_path / "domains.txt"
    listed.write_text("bad.example\n")
    source = {"read": "jsonl", "input": "in/*.jsonl", "stages": [{"url": {"domains": ["domains.txt"]}}]}
    recipe = write_recipe(tmp_path / "recipe.yaml", {"web": source})
    assert run_here(recipe, tmp_path / "root").ok
    os.utime(listed, (1, 1))
    assert plan_here(recipe, tmp_path / "root").done
    listed.rename(tmp_path / "renamed.txt")
    assert plan_here(recipe, tmp_path / "root", f"sources.web.stages.url.domains=[{tmp_path}/renamed.txt]").done
    listed.write_text("worse.example\n")
    plan = plan_here(recipe, tmp_path / "root")
    assert states(plan)["web/documents"] == "up to date"
    assert states(plan)["web/url.signals"] == "stale"
    assert "content of" in plan.states["web/url.signals"].why
    assert "domains.txt" in plan.states["web/url.signals"].why


def test_input_files_may_stand_in_any_order(finished: Path, tmp_path: Path) -> None:
    shuffled = "input=" + ",".join(str(tmp_path / "in" / f"part{n}.jsonl") for n in (2, 0, 1))
    assert plan_here(finished, tmp_path / "root", f"sources.web.{shuffled}").done


def test_small_input_files_share_a_shard_up_to_the_group_size(tmp_path: Path) -> None:
    write_corpus(tmp_path / "in", files=4, documents=5)
    recipe = usual_recipe(tmp_path)
    one = run_here(recipe, tmp_path / "root", "sources.web.group=1 MB", stage="web/documents")
    assert len(list((tmp_path / "root").rglob("*.quarantine.parquet"))) == 1
    assert one.summary["sources"]["web"]["input_files"] == 4
    assert one.summary["sources"]["web"]["records"] == 20
