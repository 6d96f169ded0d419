"""The command as a user meets it: exit codes, messages, and how fast it answers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests import planted_stages
from tests.pipeline.command import environment, run
from tests.pipeline.small_corpus import text_of, usual_recipe, write_jsonl, write_recipe

HEAVY = ("numba", "trafilatura", "tokenizers", "fasttext_new", "pandas", "torch", "s3fs", "aiohttp")


@pytest.fixture
def plain() -> dict[str, str]:
    return environment()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "sources:\n  web:\n    read: jsnol\n    input: x\n",
            "recipe.yaml:3: unknown stage kind 'jsnol'. Did you mean 'jsonl'?",
        ),
        ("sources: [\n", "recipe.yaml:2: not valid YAML"),
        ("sources:\n  web:\n    read: jsonl\n    input: none.jsonl\n", "none.jsonl: no such file"),
    ],
)
def test_mistake_in_a_recipe_ends_with_2_and_no_traceback(
    plain: dict[str, str], tmp_path: Path, text: str, says: str
) -> None:
    (tmp_path / "recipe.yaml").write_text(text)
    for command in ("plan", "run"):
        done = run([command, "recipe.yaml"], tmp_path, plain)
        assert done.returncode == 2
        assert done.stderr.startswith("error: ")
        assert says in done.stderr
        assert done.stdout == ""
        assert "Traceback" not in done.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    "arguments",
    [["run"], ["run", "none.yaml"], ["run", "."], ["fly"], ["plan", "none.yaml", "--wrong"], ["stages", "langauge"]],
)
def test_mistake_on_the_command_line_ends_with_2(plain: dict[str, str], tmp_path: Path, arguments: list[str]) -> None:
    done = run(arguments, tmp_path, plain)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "assignment", ["memory", "memroy=1", "sources.web.read.jsonl.fields.txet=a", "memory=[", "sources.x=1"]
)
def test_mistake_in_set_is_shown_with_the_assignment(plain: dict[str, str], tmp_path: Path, assignment: str) -> None:
    write_jsonl(tmp_path / "a.jsonl", [text_of(1)])
    write_recipe(tmp_path / "r.yaml", {"web": {"read": "jsonl", "input": "a.jsonl"}})
    done = run(["plan", "r.yaml", "--set", assignment], tmp_path, plain)
    assert done.returncode == 2
    assert f"--set {assignment}" in done.stderr


def test_set_may_be_given_many_times(plain: dict[str, str], tmp_path: Path) -> None:
    write_jsonl(tmp_path / "b.jsonl", [text_of(1)])
    write_recipe(tmp_path / "deep" / "r.yaml", {"web": {"read": "jsonl", "input": "a.jsonl"}})
    options = ["--set", "sources.web.input=b.jsonl", "--set", "sources.web.read.jsonl.fields.text=body"]
    done = run(["plan", "deep/r.yaml", *options], tmp_path, plain)
    assert done.returncode == 0, done.stderr
    assert "web/documents" in done.stdout
    assert "1 shard" in done.stdout or "0/1" in done.stdout


def test_stages_of_a_third_party_are_listed_documented_and_in_the_schema(tmp_path: Path) -> None:
    env = environment(planted_stages.install(tmp_path / "site"))
    listed = run(["stages"], tmp_path, env)
    assert "planted_cut" in listed.stdout
    assert "Replace every occurrence of a word" in listed.stdout
    page = run(["stages", "planted_length"], tmp_path, env)
    assert "minimum: int = 0  [bytes]" in page.stdout
    assert "planted_length.too_short" in page.stdout
    assert "planted_length.bytes: int64" in page.stdout
    schema = json.loads(run(["schema"], tmp_path, env).stdout)
    assert "stage.planted_cut" in schema["$defs"]


@pytest.mark.parametrize(
    ("target", "command"),
    [("no.such:Thing", "run"), ("json:nothing", "run"), ("json:dumps", "run"), ("no.such:Thing", "stages")],
)
def test_broken_third_party_package_is_named(tmp_path: Path, target: str, command: str) -> None:
    info = tmp_path / "site" / "broken-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[gristmill.stages]\nbroken_stage = {target}\n")
    write_jsonl(tmp_path / "a.jsonl", [text_of(1)])
    write_recipe(tmp_path / "r.yaml", {"web": {"read": "jsonl", "input": "a.jsonl", "stages": ["broken_stage"]}})
    done = run(["stages"] if command == "stages" else ["run", "r.yaml"], tmp_path, environment(tmp_path / "site"))
    assert "Traceback" not in done.stderr
    assert "broken_stage" in done.stderr + done.stdout
    if command == "run":
        assert done.returncode == 2


def test_every_kind_has_a_page(plain: dict[str, str], tmp_path: Path) -> None:
    from gristmill.registry import BUILT_IN
    from gristmill.report.reference import stage_page

    for kind in BUILT_IN:
        assert stage_page(kind).startswith(kind)


def test_version_and_help(plain: dict[str, str], tmp_path: Path) -> None:
    from gristmill import __version__

    assert run(["--version"], tmp_path, plain).stdout.strip() == __version__
    shown = run(["run", "--help"], tmp_path, plain).stdout
    for option in ("--set", "--root", "--stage", "--workers", "--quiet"):
        assert option in shown


def test_nothing_to_do_imports_nothing_heavy(tmp_path: Path) -> None:
    env = environment(planted_stages.install(tmp_path / "site"))
    write_jsonl(tmp_path / "in" / "a.jsonl", [text_of(1)])
    recipe = usual_recipe(tmp_path, ["planted_length"])
    assert run(["run", recipe, "-w", 1, "-q"], tmp_path, env).returncode == 0
    write_recipe(
        tmp_path / "every.yaml",
        {
            "web": {
                "read": "warc",
                "input": "in/a.jsonl",
                "stages": ["url", "language", "gopher_repetition", "gopher_quality"],
            }
        },
        stages=["exact", "minhash"],
        tokenize={"train": {"vocabulary": 300}},
    )
    script = (
        "import sys\nfrom gristmill import api\n"
        f"assert api.plan(api.load({str(recipe)!r})).done\n"
        f"api.plan(api.load({str(tmp_path / 'every.yaml')!r}))\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_compact_writes_survivors(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    env = environment(planted_stages.install(tmp_path / "site"))
    write_jsonl(tmp_path / "in" / "a.jsonl", ["short", text_of(8)])
    recipe = usual_recipe(tmp_path, [{"planted_length": {"minimum": 20}}])
    early = run(["compact", recipe, "web", "out"], tmp_path, env)
    assert early.returncode == 2
    assert "not finished" in early.stderr
    assert run(["run", recipe, "-w", 1, "-q"], tmp_path, env).returncode == 0
    done = run(["compact", recipe, "web", "out"], tmp_path, env)
    assert done.returncode == 0, done.stderr
    assert "1 documents in 1 files" in done.stdout or "1 document in 1 file" in done.stdout
    assert pq.read_table(next((tmp_path / "out").glob("*.parquet")))["text"].to_pylist() == [text_of(8)]
    unknown = run(["compact", recipe, "wbe", "out"], tmp_path, env)
    assert unknown.returncode == 2
    assert "Did you mean 'web'?" in unknown.stderr
