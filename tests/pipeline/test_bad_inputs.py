"""Inputs that are missing, empty or something else: a clear message, or a record that is counted."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tests.pipeline.command import run, run_here
from tests.pipeline.small_corpus import text_of, usual_recipe, write_jsonl, write_recipe


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("nothing.jsonl", "no such file"),
        ("in/*.jsonl.gz", "no file matches"),
        ("empty_folder", "no file matches"),
        ("nowhere/*.jsonl", "no file matches"),
        ("ftpp://host/x", "unknown protocol"),
        ("http://127.0.0.1:9/x.jsonl", "127.0.0.1:9"),
    ],
)
def test_input_that_leads_to_no_file_is_a_user_error(
    planted: dict[str, str], tmp_path: Path, pattern: str, says: str
) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", [text_of(1)])
    (tmp_path / "empty_folder").mkdir()
    recipe = usual_recipe(tmp_path, input=pattern)
    done = run(["plan", recipe], tmp_path, planted)
    assert done.returncode == 2, done.stderr
    assert "recipe.yaml:4: input" in done.stderr
    assert pattern in done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_folder_as_input_means_its_files_of_the_format(planted: dict[str, str], tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in" / "deep" / "a.jsonl", [text_of(1)])
    write_jsonl(tmp_path / "in" / "b.jsonl", [text_of(2)])
    (tmp_path / "in" / "readme.html").write_text("not this one")
    result = run_here(usual_recipe(tmp_path, input="in"), tmp_path / "root", stage="web/documents")
    assert result.ok
    assert result.summary["sources"]["web"]["input_files"] == 2
    assert result.summary["sources"]["web"]["records"] == 2


def test_files_of_the_same_name_in_two_folders_are_two_shards(planted: dict[str, str], tmp_path: Path) -> None:
    for folder in ("x", "y"):
        write_jsonl(tmp_path / folder / "in" / "a.jsonl", [text_of(1)])
    result = run_here(
        usual_recipe(tmp_path, input="x/in/*.jsonl, y/in/*.jsonl"), tmp_path / "root", stage="web/documents"
    )
    assert result.ok
    assert result.summary["sources"]["web"]["documents"]["documents"] == 2


@pytest.mark.parametrize(
    ("name", "content", "outcome"),
    [
        ("empty.warc.gz", b"", {}),
        ("text.warc.gz", b"this is no archive\n", {"not_warc": 1}),
        ("packed.warc.gz", gzip.compress(b"this is no archive\n", mtime=0), {"not_warc": 1}),
        ("html.warc", b"<!doctype html><title>404</title>\n", {"not_warc": 1}),
    ],
)
def test_file_that_is_no_warc_is_a_counted_record(
    planted: dict[str, str], tmp_path: Path, name: str, content: bytes, outcome: dict[str, int]
) -> None:
    (tmp_path / name).write_bytes(content)
    recipe = write_recipe(tmp_path / "r.yaml", {"web": {"read": "warc", "input": name}})
    result = run_here(recipe, tmp_path / "root")
    assert result.ok, result.failures
    found = result.summary["sources"]["web"]
    assert found["quarantined"] == outcome
    assert found["balanced"]
    assert found["kept"]["documents"] == 0


@pytest.mark.parametrize(("content", "says"), [(None, "no such"), (b"these are no weights", "not a fastText model")])
def test_model_that_is_none_is_told_before_any_work(
    planted: dict[str, str], tmp_path: Path, content: bytes | None, says: str
) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", [text_of(1)])
    if content is not None:
        (tmp_path / "model.bin").write_bytes(content)
    recipe = usual_recipe(tmp_path, [{"language": {"model": "model.bin"}}])
    done = run(["run", recipe, "--root", tmp_path / "root"], tmp_path, planted)
    assert done.returncode == 2, done.stderr
    assert f"{tmp_path}/model.bin" in done.stderr
    assert says in done.stderr
    assert "language" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "root" / "web" / "documents").exists()


def test_file_that_vanishes_between_plan_and_run_is_a_failed_task(planted: dict[str, str], tmp_path: Path) -> None:
    from gristmill import api

    write_jsonl(tmp_path / "in" / "a.jsonl", [text_of(1)])
    write_jsonl(tmp_path / "in" / "b.jsonl", [text_of(2)])
    plan = api.plan(api.load(usual_recipe(tmp_path), root=str(tmp_path / "root")))
    (tmp_path / "in" / "a.jsonl").unlink()
    result = api.run(plan, workers=1)
    assert [failure.job.split("-")[0] for failure in result.failures] == ["web/a"]
    assert "no such file" in result.failures[0].reason
