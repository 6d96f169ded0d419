"""A wrong recipe is told with file, line, field and the nearest valid name; a right one is typed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from gristmill import recipe
from gristmill.errors import UserError
from gristmill.pipeline.graph import build_graph

PROJECT = Path(__file__).parents[1]

GOOD = """\
input: in/*.jsonl
memory: 2 GiB
sources:
  web:
    read: jsonl
    drop_early: [language]
    stages:
      - language: {keep: [no, en]}
      - gopher_quality
  more:
    read: {jsonl: {max_line_bytes: 4096}}
    input: a.txt, b.txt
stages:
  - exact
"""


def load(tmp_path: Path, text: str, *overrides: str, root: str | None = None) -> recipe.Recipe:
    path = tmp_path / "r.yaml"
    path.write_text(text, encoding="utf-8")
    return recipe.load(str(path), overrides, root)


def refused(tmp_path: Path, text: str, *overrides: str) -> UserError:
    with pytest.raises(UserError) as caught:
        load(tmp_path, text, *overrides)
    return caught.value


def test_a_good_recipe_is_typed(tmp_path: Path) -> None:
    found = load(tmp_path, GOOD)
    assert found.name == "r"
    assert found.memory == 2 << 30
    assert list(found.sources) == ["web", "more"]
    web = found.sources["web"]
    assert [stage.kind for stage in web.stages] == ["language", "gopher_quality"]
    assert [stage.name for stage in web.early] == ["language"]
    assert found.sources["more"].input == (f"{tmp_path}/a.txt", f"{tmp_path}/b.txt")
    assert found.where("sources", "web", "stages", 1) == f"{tmp_path}/r.yaml:9"


def test_no_is_norwegian(tmp_path: Path) -> None:
    language = load(tmp_path, GOOD).sources["web"].stages[0]
    assert language.keep == ["no", "en"]  # type: ignore[attr-defined]


SOURCES = "sources:\n  web:\n    input: x\n    read: jsonl\n"

WRONG = {
    "misspelt top field": (SOURCES + "stagse: [exact]\n", 5, "stagse", "'stages'"),
    "misspelt source field": (SOURCES + "    drop_erly: []\n", 5, "sources.web.drop_erly", "'drop_early'"),
    "misspelt kind of source": ("sources:\n  web:\n    input: x\n    read: jsnol\n", 4, "jsnol", "'jsonl'"),
    "misspelt kind of stage": (
        SOURCES + "    stages:\n      - gopher_qualty\n",
        6,
        "gopher_qualty",
        "'gopher_quality'",
    ),
    "misspelt kind with settings": (
        SOURCES + "    stages:\n      - langauge: {keep: [en]}\n",
        6,
        "langauge",
        "'language'",
    ),
    "misspelt setting": (
        SOURCES + "    stages:\n      - language:\n          keep: [en]\n          treshold: 0.5\n",
        8,
        "sources.web.stages.0.language.treshold",
        "'threshold'",
    ),
    "misspelt nested setting": (
        "sources:\n  web:\n    input: x\n    read:\n      jsonl:\n        fields:\n          txet: body\n",
        7,
        "sources.web.read.jsonl.fields.txet",
        "'text'",
    ),
    "wrong type": (
        SOURCES + "    stages:\n      - language:\n          threshold: high\n",
        7,
        "sources.web.stages.0.language.threshold",
        "found 'high'",
    ),
    "out of range": (SOURCES + "    stages:\n      - language: {threshold: 7}\n", 6, "threshold", "found 7"),
    "wrong choice": (
        SOURCES + "stages:\n  - exact:\n      normalise: word\n",
        7,
        "stages.0.exact.normalise",
        "'words'",
    ),
    "missing setting": ("sources:\n  web:\n    read: dataset\n", 3, "source", "required"),
    "missing read": ("sources:\n  web:\n    input: x\n", 2, "sources.web", "`read:` is missing"),
    "empty source": ("sources:\n  web:\n", 2, "sources.web", "`read:` is missing"),
    "no sources": ("input: x\n", 1, "`sources:`", "missing"),
    "empty sources": ("sources:\n", 1, "`sources:`", "missing or empty"),
    "sources as a list": ("sources:\n  - jsonl\n", 1, "sources", "expected a mapping"),
    "source as a word": ("sources:\n  web: jsonl\n", 2, "sources.web", "expected a mapping"),
    "bad name of a source": ("sources:\n  ../web: {read: jsonl}\n", 2, "'../web'", "no name"),
    "no input": ("sources:\n  web:\n    read: jsonl\n", 2, "sources.web", "no input"),
    "input of the wrong type": (
        "sources:\n  web:\n    read: jsonl\n    input: [a, 3]\n",
        4,
        "sources.web.input.1",
        "found 3",
    ),
    "a filter as source": ("sources:\n  web:\n    input: x\n    read: language\n", 4, "'language'", "not a source"),
    "a source as stage": (SOURCES + "    stages:\n      - jsonl\n", 6, "'jsonl'", "reads raw input"),
    "two stages in one item": (
        SOURCES + "    stages:\n      - exact:\n        minhash:\n",
        6,
        "stages.0",
        "expected one stage",
    ),
    "stages as a mapping": (SOURCES + "    stages:\n      exact: {}\n", 5, "sources.web.stages", "expected a list"),
    "settings as a list": (SOURCES + "    stages:\n      - language: [en]\n", 6, "language", "as a mapping"),
    "stage as a number": (SOURCES + "    stages:\n      - 3\n", 6, "stages.0", "found 3"),
    "second stage of a name": (
        SOURCES + "    stages:\n      - exact\n      - exact\n",
        7,
        "'exact'",
        "second stage named",
    ),
    "second stage given the name": (
        SOURCES + "    stages:\n      - language\n      - gopher_quality: {name: language}\n",
        7,
        "'language'",
        "second stage named",
    ),
    "the same stage in a source and across": (
        SOURCES + "    stages:\n      - exact\nstages:\n  - exact\n",
        8,
        "'exact'",
        "second stage named",
    ),
    "a name that the pipeline itself uses": (
        SOURCES + "    stages:\n      - language: {name: documents}\n",
        6,
        "'documents'",
        "name",
    ),
    "bad name of a stage": (SOURCES + "    stages:\n      - exact: {name: A/b}\n", 6, "'A/b'", "no name for a stage"),
    "shard-wise stage across sources": (
        SOURCES + "stages:\n  - exact\n  - language\n",
        7,
        "'language'",
        "cross-source",
    ),
    "unknown in drop_early": (
        SOURCES + "    drop_early: [langauge]\n    stages:\n      - language\n",
        5,
        "sources.web.drop_early.0",
        "'language'",
    ),
    "drop_early over all shards": (
        SOURCES + "    drop_early: [exact]\n    stages:\n      - exact\n",
        5,
        "'exact'",
        "shard-wise",
    ),
    "drop_early as a word": (
        SOURCES + "    drop_early: language\n    stages: [language]\n",
        5,
        "drop_early",
        "expected a list",
    ),
    "a source that reads itself": (
        "sources:\n  web:\n    read: {dataset: {source: web}}\n",
        3,
        "web reads web",
        "cycle",
    ),
    "sources that read each other": (
        "sources:\n  a:\n    read: {dataset: {source: b}}\n  b:\n    read: {dataset: {source: c}}\n"
        "  c:\n    read: {dataset: {source: a}}\n",
        7,
        "a reads b reads c reads a",
        "cycle",
    ),
    "a source that reads an unknown one": (
        SOURCES + "  next:\n    read: {dataset: {source: wbe}}\n",
        6,
        "'wbe'",
        "'web'",
    ),
    "memory without a known unit": (SOURCES + "memory: 4 gigs\n", 5, "memory", "'4 gigs'"),
    "memory that is no number": (SOURCES + "memory: 1.5.2 GiB\n", 5, "memory", "'1.5.2 GiB'"),
    "memory of nothing": (SOURCES + "memory: 0\n", 5, "memory", "0"),
    "negative group": (SOURCES + "    group: -1 MB\n", 5, "sources.web.group", "'-1 MB'"),
    "mixture without tokens": (SOURCES + "mixture: {weights: {web: 1}}\n", 5, "mixture", "`tokenize:` is missing"),
    "root of the wrong type": (SOURCES + "root: [a]\n", 5, "root", "expected a path"),
}


@pytest.mark.parametrize("case", WRONG)
def test_mistake_is_told_with_line_and_field(tmp_path: Path, case: str) -> None:
    text, line, field, says = WRONG[case]
    error = refused(tmp_path, text)
    assert error.where == f"{tmp_path}/r.yaml:{line}"
    assert field in str(error)
    assert says in str(error)
    assert "pydantic" not in str(error).lower()
    assert "Traceback" not in str(error)


def test_several_mistakes_in_one_stage_are_counted(tmp_path: Path) -> None:
    error = refused(tmp_path, SOURCES + "    stages:\n      - language: {threshold: a, max_bytes: b, keep: 3}\n")
    assert "2 more problems" in str(error)


@pytest.mark.parametrize(
    ("value", "size"),
    [("1 GiB", 1 << 30), ("512MiB", 512 << 20), ("2gb", 2 * 10**9), ("1.5 kB", 1500), ("4096", 4096), ("1e6", 10**6)],
)
def test_memory_units(tmp_path: Path, value: str, size: int) -> None:
    assert load(tmp_path, SOURCES + f"memory: {value}\n").memory == size


def test_memory_is_a_gibibyte_by_default(tmp_path: Path) -> None:
    assert load(tmp_path, SOURCES).memory == 1 << 30


def test_column_nobody_writes_is_told_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gristmill.filters.gopher import GopherQuality

    (tmp_path / "x.jsonl").write_text("")
    monkeypatch.setattr(GopherQuality, "decides_on", ("langauge.code",))
    text = (
        "sources:\n  web:\n    input: x.jsonl\n    read: jsonl\n    stages:\n      - language\n      - gopher_quality\n"
    )
    with pytest.raises(UserError) as caught:
        build_graph(load(tmp_path, text))
    assert caught.value.where == f"{tmp_path}/r.yaml:7"
    assert "Did you mean 'language.code'?" in str(caught.value)


# -- where paths are seen from ----------------------------------------------------------------------------------------


def test_recipe_paths_are_seen_from_the_recipe_and_set_paths_from_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    text = "input: in/a.jsonl\nsources:\n  web:\n    read: jsonl\n    stages:\n      - url: {domains: [lists/a.txt]}\n"
    plain = load(tmp_path, text)
    assert plain.sources["web"].input == (f"{tmp_path}/in/a.jsonl",)
    assert plain.sources["web"].stages[0].domains == [f"{tmp_path}/lists/a.txt"]  # type: ignore[attr-defined]
    assert plain.root == f"{here}/runs/r"
    moved = load(tmp_path, text, "input=in/a.jsonl", "sources.web.stages.url.domains=[lists/a.txt]", "root=out")
    assert moved.sources["web"].input == (f"{here}/in/a.jsonl",)
    assert moved.sources["web"].stages[0].domains == [f"{here}/lists/a.txt"]  # type: ignore[attr-defined]
    assert moved.root == f"{here}/out"
    assert load(tmp_path, text + "root: out\n").root == f"{tmp_path}/out"
    assert load(tmp_path, text + "root: out\n", root="other").root == f"{here}/other"


def test_input_may_be_a_list_or_separated_by_commas(tmp_path: Path) -> None:
    text = "sources:\n  web:\n    read: jsonl\n    input: [a.jsonl, 'b/*.jsonl , s3://bucket/c.jsonl', /d.jsonl]\n"
    expected = (f"{tmp_path}/a.jsonl", f"{tmp_path}/b/*.jsonl", "s3://bucket/c.jsonl", "/d.jsonl")
    assert load(tmp_path, text).sources["web"].input == expected


def test_home_folder_is_known(tmp_path: Path) -> None:
    text = "sources:\n  web:\n    read: jsonl\n    input: ~/a.jsonl\n"
    assert load(tmp_path, text).sources["web"].input == (os.path.expanduser("~/a.jsonl"),)


def test_mistake_in_set_points_at_the_command_line(tmp_path: Path) -> None:
    error = refused(tmp_path, GOOD, "sources.web.stages.language.threshold=high")
    assert error.where == "--set sources.web.stages.language.threshold=high"
    error = refused(tmp_path, GOOD, "memroy=1 GiB")
    assert error.where == "--set memroy=1 GiB"
    assert "'memory'" in str(error)


# -- the schema for editors -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def validator() -> Any:
    jsonschema = pytest.importorskip("jsonschema")
    from gristmill.report.reference import recipe_schema

    schema = json.loads(json.dumps(recipe_schema()))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def as_json(text: str) -> object:
    from gristmill import yamltree

    return yamltree.parse(text).value


@pytest.mark.parametrize("path", sorted((PROJECT / "configs").glob("*.yaml")), ids=lambda path: path.name)
def test_schema_and_loader_accept_every_shipped_recipe(validator: Any, path: Path) -> None:
    validator.validate(as_json(path.read_text()))
    recipe.load(str(path))


def test_schema_accepts_the_forms_of_a_stage(validator: Any) -> None:
    validator.validate(as_json(GOOD))
    validator.validate(
        as_json(SOURCES + "    group: 100 MB\n    stages:\n      - exact:\n      - url: {name: first}\n")
    )


@pytest.mark.parametrize(
    "case",
    [
        "misspelt top field",
        "misspelt source field",
        "misspelt kind of source",
        "misspelt kind of stage",
        "misspelt kind with settings",
        "misspelt setting",
        "misspelt nested setting",
        "wrong type",
        "out of range",
        "wrong choice",
        "missing setting",
        "missing read",
        "no sources",
        "a filter as source",
        "a source as stage",
        "shard-wise stage across sources",
        "bad name of a stage",
        "memory without a known unit",
    ],
)
def test_schema_refuses_what_the_loader_refuses(validator: Any, case: str) -> None:
    assert not validator.is_valid(as_json(WRONG[case][0]))
