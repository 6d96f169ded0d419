"""Workers that are killed, stall or raise: retried, reported in a line, and nothing else suffers."""

from __future__ import annotations

from pathlib import Path

import pytest

from gristmill import api
from tests.pipeline.command import data_files, plan_here, run, run_here, temporary_files
from tests.pipeline.small_corpus import text_of, usual_recipe, write_corpus, write_jsonl, write_recipe


def troubled_recipe(folder: Path, **settings: object) -> Path:
    """Three shards, the second of which holds the marker; the trouble stands between two filters."""
    write_corpus(folder / "in")
    write_jsonl(folder / "in" / "part1.jsonl", [text_of(1), "TROUBLE " + text_of(2)])
    return usual_recipe(folder, [{"planted_length": {"minimum": 100}}, {"planted_trouble": settings}])


def test_task_of_a_killed_worker_is_tried_again(planted: dict[str, str], tmp_path: Path) -> None:
    recipe = troubled_recipe(tmp_path, how="kill", once=str(tmp_path / "happened"))
    result = run_here(recipe, tmp_path / "root")
    assert (tmp_path / "happened").exists()
    assert result.ok
    assert result.summary["complete"]
    assert temporary_files(tmp_path / "root") == [] or run_here(recipe, tmp_path / "root").ran == ()


def test_killed_worker_leaves_the_bytes_of_an_undisturbed_run(planted: dict[str, str], tmp_path: Path) -> None:
    recipe = troubled_recipe(tmp_path, how="kill", once=str(tmp_path / "happened"))
    assert run_here(recipe, tmp_path / "first").ok
    assert run_here(recipe, tmp_path / "second").ok  # `once` is used up: nothing happens
    assert data_files(tmp_path / "first") == data_files(tmp_path / "second")


def test_task_that_always_dies_is_one_line_and_the_rest_finishes(planted: dict[str, str], tmp_path: Path) -> None:
    recipe = troubled_recipe(tmp_path, how="kill")
    done = run(["run", recipe, "--root", tmp_path / "root", "-w", 1, "--retries", 1], tmp_path, planted)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr + done.stdout
    lines = [line for line in done.stderr.splitlines() if line.startswith("  web/part1")]
    assert len(lines) == 1
    assert "SIGKILL, 2 times" in lines[0]
    assert "1 task failed" in done.stderr
    blocked = next(line for line in done.stderr.splitlines() if line.startswith("not run because of them"))
    assert "all/planted_twins" in blocked
    assert "web/statistics" in blocked
    plan = plan_here(recipe, tmp_path / "root")
    assert {name: state.pending for name, state in plan.states.items() if state.node.shard_wise} == {
        "web/documents": 1,
        "web/planted_length.signals": 1,
        "web/planted_length": 1,
        "web/planted_trouble.signals": 1,
        "web/planted_trouble": 1,
    }


def test_sources_that_do_not_need_a_failed_one_finish(planted: dict[str, str], tmp_path: Path) -> None:
    write_jsonl(tmp_path / "bad.jsonl", ["TROUBLE"])
    write_jsonl(tmp_path / "good.jsonl", [text_of(1)])
    trouble = [{"planted_trouble": {"how": "raise"}}]
    recipe = write_recipe(
        tmp_path / "r.yaml",
        {
            "bad": {"read": "jsonl", "input": "bad.jsonl", "stages": trouble},
            "good": {"read": "jsonl", "input": "good.jsonl", "stages": trouble},
        },
    )
    result = run_here(recipe, tmp_path / "root")
    assert not result.ok
    assert "good/statistics" in result.ran
    assert result.summary["sources"]["good"]["kept"]["documents"] == 1
    assert result.blocked == ("bad/statistics",)


def test_exception_in_a_stage_is_a_failure_of_one_line_and_not_retried(planted: dict[str, str], tmp_path: Path) -> None:
    recipe = troubled_recipe(tmp_path, how="raise")
    done = run(["run", recipe, "--root", tmp_path / "root", "-w", 1], tmp_path, planted)
    assert done.returncode == 1
    assert "ArithmeticError: planted trouble of <b>two</b> lines" in done.stderr
    assert "Traceback" not in done.stderr
    assert "GRISTMILL_TRACEBACK" in done.stderr
    shown = run(["run", recipe, "--root", tmp_path / "root", "-q"], tmp_path, planted | {"GRISTMILL_TRACEBACK": "1"})
    assert "in signals" in shown.stderr
    assert temporary_files(tmp_path / "root") == []


def test_run_goes_on_where_it_failed(planted: dict[str, str], tmp_path: Path) -> None:
    recipe = troubled_recipe(tmp_path, how="raise", once=str(tmp_path / "happened"))
    assert not run_here(recipe, tmp_path / "root").ok
    again = run_here(recipe, tmp_path / "root")
    assert again.ok
    assert again.summary["complete"]
    assert run_here(recipe, tmp_path / "undisturbed").ok
    assert data_files(tmp_path / "root") == data_files(tmp_path / "undisturbed")


def test_worker_that_leaves_by_itself_counts_as_dead(planted: dict[str, str], tmp_path: Path) -> None:
    result = run_here(troubled_recipe(tmp_path, how="exit"), tmp_path / "root", retries=0)
    assert [failure.reason for failure in result.failures] == ["its worker was ended by exit code 7, 1 times"]


@pytest.mark.slow
def test_task_over_its_time_is_ended_and_reported(planted: dict[str, str], tmp_path: Path) -> None:
    recipe = troubled_recipe(tmp_path, how="sleep", seconds=60)
    result = run_here(recipe, tmp_path / "root", time_limit=6, retries=0)
    assert [failure.job.split("/")[0] for failure in result.failures] == ["web"]
    assert "took longer than 6 s" in result.failures[0].reason


@pytest.mark.slow
def test_task_that_stalls_once_gets_its_second_chance(planted: dict[str, str], tmp_path: Path) -> None:
    recipe = troubled_recipe(tmp_path, how="sleep", seconds=60, once=str(tmp_path / "happened"))
    assert run_here(recipe, tmp_path / "root", time_limit=6, retries=1).ok


@pytest.mark.slow
def test_compiling_kernels_is_no_task_with_a_time_limit(planted: dict[str, str], tmp_path: Path) -> None:
    write_corpus(tmp_path / "in", files=1)
    recipe = usual_recipe(tmp_path, [{"planted_slow_start": {"seconds": 8}}])
    result = run_here(recipe, tmp_path / "root", time_limit=6, retries=0, stage="planted_slow_start")
    assert result.ok, result.failures


def test_failure_in_a_phase_of_a_global_stage_blocks_what_needs_it(planted: dict[str, str], tmp_path: Path) -> None:
    write_corpus(tmp_path / "in")
    recipe = usual_recipe(tmp_path, across=[{"planted_twins": {"fail": "web"}}])
    result = run_here(recipe, tmp_path / "root")
    assert len(result.failures) == 3
    assert {failure.reason for failure in result.failures} == {"ArithmeticError: planted"}
    assert result.blocked == ("web/statistics",)
    assert "web/planted_length" in result.ran


def test_many_failures_are_cut_short_in_the_table(planted: dict[str, str], tmp_path: Path) -> None:
    for number in range(25):
        write_jsonl(tmp_path / "in" / f"p{number}.jsonl", ["TROUBLE"])
    recipe = usual_recipe(tmp_path, [{"planted_trouble": {"how": "raise"}}])
    done = run(["run", recipe, "--root", tmp_path / "root", "-q"], tmp_path, planted)
    assert done.returncode == 1
    assert "25 tasks failed" in done.stderr
    assert "… and 5 more" in done.stderr
    assert done.stdout == ""


def test_results_are_the_same_from_python(planted: dict[str, str], tmp_path: Path) -> None:
    recipe = troubled_recipe(tmp_path, how="raise")
    result = run_here(recipe, tmp_path / "root")
    (failure,) = result.failures
    assert failure.job.startswith("web/part1-")
    assert "ArithmeticError" in failure.detail
    assert "\n" not in failure.reason
    with pytest.raises(api.UserError, match="not finished"):
        api.open_dataset(api.load(recipe, root=str(tmp_path / "root")), "web")
