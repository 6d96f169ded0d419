"""Models a recipe trains on its own sources: what comes after what, what runs again, which names are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from gristmill import api
from gristmill.errors import UserError
from tests.pipeline.command import data_files, plan_here, run_here
from tests.pipeline.small_corpus import write_corpus, write_recipe

pytestmark = pytest.mark.usefixtures("planted")

MEAN = {"planted_mean": {"of": ["books"]}}


def make_recipe(folder: Path, models: dict, model: str = "mean", **books: object) -> Path:
    """A source `web`, named first, whose filter uses a model of the source `books`."""
    by_mean = {"planted_by_mean": {"model": model, "limit": 1.2}}
    sources = {
        "web": {"read": "jsonl", "input": "in/*.jsonl", "stages": [by_mean]},
        "books": {
            "read": "jsonl",
            "input": "in/part1.jsonl",
            "stages": [{"planted_length": {"minimum": 150}}],
            **books,
        },
    }
    return write_recipe(folder / "recipe.yaml", sources, models=models, stages=["planted_twins"])


def stale(recipe: Path, root: Path, *overrides: str) -> set[str]:
    return {name for name, state in plan_here(recipe, root, *overrides).states.items() if not state.done}


@pytest.fixture
def finished(tmp_path: Path) -> tuple[Path, Path]:
    write_corpus(tmp_path / "in")
    recipe = make_recipe(tmp_path, {"mean": MEAN})
    result = run_here(recipe, tmp_path / "root")
    assert result.ok, result.failures
    return recipe, tmp_path / "root"


def test_a_model_sees_the_survivors_of_its_source_and_reaches_the_workers(finished: tuple[Path, Path]) -> None:
    recipe, root = finished
    loaded = api.load(str(recipe), root=str(root))
    lengths = api.open_dataset(loaded, "books").to_table(["text", "drop"], dropped=True).to_pylist()
    kept = [len(row["text"].encode()) for row in lengths if len(row["text"].encode()) >= 150]
    assert 0 < len(kept) < len(lengths)
    (mean,) = root.glob("models/mean-*/mean.txt")
    assert float(mean.read_text()) == pytest.approx(sum(kept) / len(kept))
    rows = api.open_dataset(loaded, "web").to_table(["text", "planted_by_mean.means", "drop"], dropped=True).to_pylist()
    for row in rows:
        assert row["planted_by_mean.means"] == pytest.approx(len(row["text"].encode()) / float(mean.read_text()))
        assert (row["drop"] == "planted_by_mean.too_long") == (row["planted_by_mean.means"] > 1.2)


def test_another_model_makes_what_uses_it_stale_and_nothing_else(finished: tuple[Path, Path]) -> None:
    recipe, root = finished
    after = {"web/planted_by_mean.signals", "web/planted_by_mean", "all/planted_twins"}
    assert stale(recipe, root) == set()
    changed = stale(recipe, root, "models.mean.planted_mean.factor=2")
    assert changed == {"models/mean", *after, "web/statistics", "books/statistics"}
    upstream = stale(recipe, root, "sources.books.stages.planted_length.minimum=100")
    assert upstream == {"books/planted_length", "models/mean", *after, "web/statistics", "books/statistics"}
    limit = stale(recipe, root, "sources.web.stages.planted_by_mean.limit=2")
    assert limit == {"web/planted_by_mean", "all/planted_twins", "web/statistics", "books/statistics"}


def test_one_worker_and_two_write_the_same_bytes(finished: tuple[Path, Path], tmp_path: Path) -> None:
    recipe, root = finished
    assert run_here(recipe, tmp_path / "again", workers=2).ok
    assert data_files(tmp_path / "again") == data_files(root)


def test_a_model_can_be_run_alone(tmp_path: Path) -> None:
    write_corpus(tmp_path / "in")
    recipe = make_recipe(tmp_path, {"mean": MEAN})
    result = run_here(recipe, tmp_path / "root", stage="mean")
    assert result.ran[-1] == "models/mean"
    assert not any(name.startswith("web/") for name in result.ran)


def test_a_model_given_by_path_is_known_by_its_content(tmp_path: Path) -> None:
    write_corpus(tmp_path / "in")
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / "mean.txt").write_text("100")
    recipe = make_recipe(tmp_path, {}, model="./given")
    assert run_here(recipe, tmp_path / "root").ok
    assert stale(recipe, tmp_path / "root") == set()
    (tmp_path / "given" / "mean.txt").write_text("200")
    assert "web/planted_by_mean.signals" in stale(recipe, tmp_path / "root")


WRONG = {
    "a model nobody trains": (
        {"maen": MEAN},
        {},
        "recipe.yaml:7",
        "no model 'mean' in this recipe. Did you mean 'maen'?",
    ),
    "a source that is not there": ({"mean": {"planted_mean": {"of": ["book"]}}}, {}, ":19", "Did you mean 'books'?"),
    "a stage that is no model": ({"mean": "exact"}, {}, "", "'exact' trains no model"),
    "a model without a kind": ({"mean": None}, {}, "", "nothing says how it is trained"),
    "a model among the stages": ({"mean": MEAN}, {"stages": [MEAN]}, "", "give it a name under `models:`"),
    "a ring": (
        {"mean": MEAN},
        {"stages": [{"planted_by_mean": {"model": "mean"}}]},
        "",
        "a cycle: models.mean is trained on books uses models.mean",
    ),
    "a longer ring": (
        {"mean": MEAN, "other": {"planted_mean": {"of": ["web"]}}},
        {"stages": [{"planted_by_mean": {"model": "other"}}]},
        "",
        "a cycle: web uses models.mean is trained on books uses models.other is trained on web",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_mistakes_name_the_line(tmp_path: Path, case: str) -> None:
    models, books, where, says = WRONG[case]
    write_corpus(tmp_path / "in")
    with pytest.raises(UserError) as caught:
        api.load(str(make_recipe(tmp_path, models, **books)))
    assert says in str(caught.value)
    assert where in str(caught.value.where)
    assert ".yaml:" in str(caught.value.where)


def test_a_trained_model_cannot_decide_before_documents_are_written(tmp_path: Path) -> None:
    write_corpus(tmp_path / "in")
    recipe = make_recipe(tmp_path, {"mean": MEAN})
    with pytest.raises(UserError, match="cannot drop early"):
        plan_here(recipe, tmp_path / "root", "sources.web.drop_early=[planted_by_mean]")
