"""A retraction by the command line holds for every mixture that is packed under the same root later."""

import json
from pathlib import Path

import pytest

from gristmill import api
from gristmill.errors import UserError
from gristmill.tokenize.remembered import Remembered, remembered
from gristmill.tokenize.requests import Requests
from gristmill.tokenize.shards import TokenShards
from tests.pipeline.command import environment, run
from tests.pipeline.small_corpus import text_of, write_jsonl

RECIPE = """
sources:
  web: {read: jsonl, input: web.jsonl}
  notes: {read: jsonl, input: notes.jsonl}
mixture: {weights: {web: 0.5, notes: 0.5}, shortfall: redistribute}
tokenize: {train: {vocabulary: 400}, sequence_length: 64}
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A folder in which a recipe was run and a page retracted."""
    folder = tmp_path_factory.mktemp("retracted")
    write_jsonl(folder / "web.jsonl", [text_of(n) for n in range(40)])
    write_jsonl(folder / "notes.jsonl", [text_of(n + 100) for n in range(40)])
    (folder / "recipe.yaml").write_text(RECIPE)
    (folder / "urls.txt").write_text("# by letter of 3 May\nhttps://web.example/7\n")
    assert command(folder, "run", "--quiet") == ""
    said = command(folder, "retract", "--urls", "urls.txt")
    assert "tokens of 1 documents replaced by padding" in said
    return folder


def command(folder: Path, name: str, *arguments: str) -> str:
    done = run([name, "recipe.yaml", "--root", "out", *arguments], folder, environment())
    assert done.returncode == 0, done.stderr
    return done.stdout


def open_shards(folder: Path, *overrides: str) -> TokenShards:
    return api.open_tokens(api.load(folder / "recipe.yaml", list(overrides), root=str(folder / "out")))


def documents(shards: TokenShards) -> set[str]:
    found = {name for k in range(len(shards)) for name in shards.pieces(k)["document_ids"]}
    return found - {None}


def url_of(folder: Path, name: str) -> str:
    recipe = api.load(folder / "recipe.yaml", root=str(folder / "out"))
    table = api.open_dataset(recipe, "web").to_table(columns=["id", "url"]).to_pylist()
    return next(row["id"] for row in table if row["url"] == name)


def test_another_mixture_is_rid_of_it_and_nothing_is_tokenised_again(finished):
    page = url_of(finished, "http://web.example/7")
    encoded = {path: path.stat().st_mtime_ns for path in finished.glob("out/encode.*/**/*")}
    other = "mixture.weights={web: 0.9, notes: 0.1}"
    said = command(finished, "run", "--set", other)
    assert "retracted: " in said
    shards = open_shards(finished, other)
    assert shards.folder != open_shards(finished).folder
    for found in (shards, open_shards(finished)):
        assert page not in documents(found)
        assert len(documents(found)) > 20
        assert len(found.index["requests"]) == len(found.index["retractions"]) == 1
        assert list(found.verify())
    assert {path: path.stat().st_mtime_ns for path in finished.glob("out/encode.*/**/*")} == encoded
    assert "retracted: " not in command(finished, "run", "--set", other)


def test_the_same_retraction_is_kept_once_and_its_shards_have_the_same_bytes(finished):
    before = {path.name: path.read_bytes() for path in finished.glob("out/tokens-*/index.json")}
    assert "nothing changed" in command(finished, "retract", "--urls", "urls.txt")
    assert {path.name: path.read_bytes() for path in finished.glob("out/tokens-*/index.json")} == before
    assert [path.name for path in (finished / "out/retractions").iterdir()] == ["0001.json"]


def test_shards_finished_before_are_told_and_rid_of_it_by_the_next_run(finished):
    longer = "tokenize.sequence_length=32"
    command(finished, "run", "--set", longer, "--quiet")
    (finished / "domains.txt").write_text("notes.example\n")
    command(finished, "retract", "--domains", "domains.txt")
    with pytest.raises(UserError, match=r"documents that were retracted .* are still in these shards"):
        open_shards(finished, longer)
    assert "1 retraction to carry out in the token shards" in command(finished, "plan", "--set", longer)
    assert "everything else is up to date" in command(finished, "run", "--set", longer)
    table = api.open_dataset(api.load(finished / "recipe.yaml", root=str(finished / "out")), "notes").to_table(["id"])
    assert not documents(open_shards(finished, longer)) & set(table.column("id").to_pylist())
    assert json.loads((finished / "out/retractions/0002.json").read_text())["domains"] == ["notes.example"]


def test_requests_are_told_apart_by_what_they_name_and_how(tmp_path):
    root = str(tmp_path)
    for how in ("pad", "mask", "pad"):
        Remembered(Requests(urls=("b", "a")), how).keep(root)
    Remembered(Requests(urls=("a", "b", "a")), "pad").keep(root)
    assert [one.how for one in remembered(root)] == ["pad", "mask"]


@pytest.mark.parametrize("text", ["{", "[]", '{"how": "burn", "urls": ["a"]}', '{"how": "pad"}'])
def test_a_broken_request_is_named(tmp_path, text):
    (tmp_path / "retractions").mkdir()
    (tmp_path / "retractions/0001.json").write_text(text)
    with pytest.raises(UserError):
        remembered(str(tmp_path))
