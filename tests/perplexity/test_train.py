"""A recipe trains its models, scores its crawl with them and sorts it into buckets; from the command line too."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest

from gristmill import api
from gristmill.errors import UserError
from tests.pipeline.command import PROJECT, data_files, environment, plan_here, run, run_here
from tests.pipeline.small_corpus import SENTENCES, write_jsonl, write_recipe

ENGLISH = [
    "The miller opens the sluice before sunrise and listens to the wheel of the old mill.",
    "Flour settles on every beam of the loft, and nobody in the house sweeps it in summer.",
    "She weighed the sacks of flour twice, wrote the figure down in the book, and went home.",
    "The wheel of the mill turns slowly in summer, when there is little water in the river.",
]


def make_recipe(folder: Path, **settings: object) -> Path:
    chance = random.Random(1)
    pages = []
    for number in range(30):
        words = " ".join(chance.sample(ENGLISH, 3)).split()
        if number % 3 == 2:  # a third of the pages is word salad
            chance.shuffle(words)
        pages.append(" ".join(words))
    write_jsonl(folder / "in" / "pages.jsonl", pages)
    write_jsonl(
        folder / "in" / "more.jsonl", ["Le moulin tourne lentement en été, quand la rivière est basse et claire."]
    )
    write_jsonl(folder / "books" / "books.jsonl", ["\n".join(ENGLISH)] * 3 + ["\n".join(SENTENCES[:2])])
    stages = [
        "language",
        {"perplexity": {"models": {"en": "english"}}},
        {"perplexity_buckets": {"keep": ["head", "all"]}},
    ]
    stages[0] = {"language": {"keep": None, "threshold": 0.1}}
    sources = {
        "web": {"read": "jsonl", "input": "in/*.jsonl", "stages": stages},
        "books": {"read": "jsonl", "input": "books/*.jsonl"},
    }
    train = {"source": "books", "language": "en", "vocabulary": 200, **settings}
    return write_recipe(folder / "recipe.yaml", sources, models={"english": {"train_perplexity": train}})


def test_word_salad_is_tail_and_what_has_no_model_is_all(tmp_path: Path) -> None:
    recipe = make_recipe(tmp_path)
    result = run_here(recipe, tmp_path / "root")
    assert result.ok, result.failures
    columns = ["perplexity.perplexity", "language.code", "perplexity_buckets.bucket", "drop", "url"]
    rows = (
        api.open_dataset(api.load(str(recipe), root=str(tmp_path / "root")), "web")
        .to_table(columns, dropped=True)
        .to_pylist()
    )
    pages = [row for row in rows if "pages" in row["url"] and row["language.code"] == "en"]
    found = np.array([row["perplexity.perplexity"] for row in pages])
    salad = np.array([int(row["url"].rpartition("/")[2]) % 3 == 2 for row in pages])
    assert found[salad].min() > found[~salad].max()
    limits = json.loads(next((tmp_path / "root").glob("web/perplexity_buckets-*/cutoffs/cutoffs.json")).read_text())[
        "en"
    ]
    assert limits == pytest.approx([np.percentile(found, 30), np.percentile(found, 60)], rel=0.05)
    for row in pages:
        value = row["perplexity.perplexity"]
        expected = "head" if value < limits[0] else "middle" if value < limits[1] else "tail"
        assert row["perplexity_buckets.bucket"] == expected
        assert row["drop"] == (None if expected == "head" else f"perplexity_buckets.{expected}")
    (french,) = [row for row in rows if "more" in row["url"]]
    assert (french["perplexity_buckets.bucket"], french["drop"]) == ("all", None)


def test_another_vocabulary_trains_and_scores_again_and_reads_nothing_raw(tmp_path: Path) -> None:
    recipe = make_recipe(tmp_path)
    assert run_here(recipe, tmp_path / "root").ok
    again = {
        name
        for name, state in plan_here(
            recipe, tmp_path / "root", "models.english.train_perplexity.vocabulary=150"
        ).states.items()
        if not state.done
    }
    scored = {"web/perplexity.signals", "web/perplexity", "web/perplexity_buckets", "web/statistics"}
    assert again == {"models/english", *scored}
    keep = plan_here(recipe, tmp_path / "root", "sources.web.stages.perplexity.keep=[head]").states
    assert keep["web/perplexity.signals"].done
    assert keep["models/english"].done


def test_workers_and_memory_do_not_change_a_byte(tmp_path: Path) -> None:
    recipe = make_recipe(tmp_path, arpa=True, prune=[0, 0, 1])
    assert run_here(recipe, tmp_path / "one").ok
    assert run_here(recipe, tmp_path / "two", "memory=64 MiB", workers=2).ok
    assert data_files(tmp_path / "one") == data_files(tmp_path / "two")


def test_train_writes_a_model_that_perplexity_takes_by_path(tmp_path: Path) -> None:
    recipe = make_recipe(tmp_path)
    out = tmp_path / "models" / "en"
    command = [
        "train",
        "perplexity",
        recipe,
        "source=books",
        "vocabulary=180",
        "--out",
        out,
        "--root",
        tmp_path / "root",
    ]
    done = run(command, PROJECT, environment())
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in out.iterdir()) == ["lm.json", "lm.ngrams", "lm.sp.model"]
    assert str(out) in done.stdout
    result = run_here(recipe, tmp_path / "root", f"sources.web.stages.perplexity.models={{en: {out}}}", "models={}")
    assert result.ok
    assert "web/perplexity.signals" in result.ran


def test_train_takes_a_model_of_the_recipe_by_name(tmp_path: Path) -> None:
    recipe = make_recipe(tmp_path)
    done = run(
        ["train", "perplexity", recipe, "english", "--out", tmp_path / "m", "--root", tmp_path / "r"],
        PROJECT,
        environment(),
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "m" / "lm.ngrams").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["perplexity", "englisch"], "Did you mean 'english'?"),
        (["perplexity", "source=bokks"], "Did you mean 'books'?"),
        (["perplexity", "source=books", "vocabulari=3"], "Did you mean 'vocabulary'?"),
    ],
)
def test_mistakes_in_train_are_told(tmp_path: Path, arguments: list[str], says: str) -> None:
    recipe = make_recipe(tmp_path)
    command = ["train", arguments[0], recipe, *arguments[1:], "--out", tmp_path / "m", "--root", tmp_path / "r"]
    done = run(command, PROJECT, environment())
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_prune_limits_that_fall_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"prune is \[0, 2, 1\]"):
        run_here(make_recipe(tmp_path, prune=[0, 2, 1]), tmp_path / "root")


def test_nothing_to_train_on_is_told(tmp_path: Path) -> None:
    result = run_here(make_recipe(tmp_path), tmp_path / "root", "models.english.train_perplexity.sample_bytes=1")
    assert not result.ok
    assert "english: the sample is empty" in result.failures[0].reason
