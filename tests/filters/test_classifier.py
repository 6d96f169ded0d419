"""Quality classifiers: scores, the three ways to keep, training in a recipe and what it refuses."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill import api
from gristmill.errors import UserError
from gristmill.filters.classifier import Classifier, pareto_draws, prepared
from gristmill.filters.classifier_evaluation import area_under_curve, evaluation
from gristmill.filters.train_classifier import Example, TrainClassifier, chosen_examples, held_out_examples
from tests.pipeline.command import data_files, environment, run, run_here
from tests.stages import run_filter

GOOD = "the lecture explains how enzymes bind a substrate and why temperature matters"
BAD = "buy cheap watches now free shipping click here best price sale"


def small_text(kind: str, number: int) -> str:
    words = (GOOD if kind == "good" else BAD).split()
    generator = np.random.default_rng([number, kind == "good"])
    return "\n".join(" ".join(generator.choice(words, 9)) for _ in range(4)) + f" {number}"


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> str:
    """A model with DCLM's labels."""
    import fasttext_new

    folder = tmp_path_factory.mktemp("model")
    lines = [
        f"__label__{label} {prepared(small_text(kind, n))}"
        for n in range(150)
        for kind, label in (("good", "hq"), ("bad", "cc"))
    ]
    (folder / "train.txt").write_text("\n".join(lines) + "\n")
    trained = fasttext_new.train_supervised(
        str(folder / "train.txt"), wordNgrams=2, bucket=2000, dim=10, epoch=20, lr=0.3, thread=1, verbose=0
    )
    trained.save_model(str(folder / "model.bin"))
    return str(folder / "model.bin")


def test_scores_are_those_of_dclms_and_redpajamas_code(model):
    import fasttext_new

    texts = [small_text(kind, n) for n in range(200, 220) for kind in ("good", "bad")] + [f"\n {GOOD}\r\n\n{BAD} "]
    batch = run_filter(Classifier(model=model), texts)
    loaded = fasttext_new.load_model(model)
    for text, score in zip(texts, batch.numbers("classifier.score"), strict=True):
        labels, probabilities = loaded.predict(" ".join(text.strip().splitlines()))
        expected = 1 - probabilities[0] if labels[0] == "__label__cc" else probabilities[0]
        assert score == pytest.approx(min(1, expected), abs=1e-7)


def test_blank_texts_score_nothing_and_labels_in_texts_are_words(model):
    batch = run_filter(Classifier(model=model, keep="all"), ["", " \n ", f"__label__cc {GOOD}"])
    scores = batch.numbers("classifier.score")
    assert scores[:2].tolist() == [0, 0]
    assert scores[2] > 0.5
    assert batch.column("drop").to_pylist() == [None] * 3


def test_a_score_equal_to_the_threshold_stays(model):
    texts = [small_text("good", 1), small_text("bad", 1)]
    scores = run_filter(Classifier(model=model), texts).numbers("classifier.score")
    stage = Classifier(model=model, threshold=float(scores[1]))
    assert run_filter(stage, texts).column("drop").to_pylist() == [None, None]
    stage = Classifier(model=model, threshold=float(np.nextafter(scores[1], np.float32(1))))
    assert run_filter(stage, texts).column("drop").to_pylist() == [None, "classifier.low_score"]


@pytest.mark.parametrize(("dialect", "limit"), [("dclm", 0.018112), ("redpajama", 0.25)])
def test_dialects_bring_thresholds(model, dialect, limit):
    texts = [small_text(kind, n) for n in range(30) for kind in ("good", "bad")] + [f"{GOOD} {BAD} {BAD} sale sale"]
    batch = run_filter(Classifier(model=model, dialect=dialect, label="hq"), texts)
    kept = batch.numbers("classifier.score") >= np.float32(limit)
    assert [reason is None for reason in batch.column("drop").to_pylist()] == kept.tolist()


def test_pareto_keeps_as_many_as_its_distribution_says_whatever_the_order():
    ids = [f"{n:032x}" for n in range(20_000)]
    draws = pareto_draws(ids, 9.0, 1)
    assert pareto_draws(ids[::-1], 9.0, 1).tolist() == draws[::-1].tolist()
    assert (pareto_draws(ids, 9.0, 2) != draws).all()
    for score in (0.0, 0.5, 0.9, 0.99):
        expected = (1 + 1 - score) ** -9.0
        assert (draws > 1 - score).mean() == pytest.approx(
            expected, abs=4 * (expected * (1 - expected) / 20_000) ** 0.5
        )
    reference = np.random.default_rng(0).pareto(9, 20_000)
    for quantile in (0.1, 0.5, 0.9, 0.99):
        assert np.quantile(draws, quantile) == pytest.approx(np.quantile(reference, quantile), rel=0.15)


def test_pareto_as_a_stage_reads_ids(model):
    stage = Classifier(model=model, keep="pareto")
    assert stage.decides_on == ("id",)
    assert Classifier(model=model).decides_on == ()
    texts = [small_text("good", n) for n in range(100)]
    batch = run_filter(stage, texts, {"id": [f"{n:032x}" for n in range(100)]})
    share = np.mean([reason is None for reason in batch.column("drop").to_pylist()])
    assert 0.4 < share <= 1


def test_mistakes_are_told(model, tmp_path):
    with pytest.raises(UserError, match="no label 'wiki'"):
        Classifier(model=model, dialect="redpajama").check()
    with pytest.raises(UserError, match="no such classifier"):
        Classifier(model=str(tmp_path / "absent.bin")).check()
    with pytest.raises(ValueError, match="uses none"):
        Classifier(model=model, keep="all", threshold=0.5)
    with pytest.raises(ValueError, match="among the good examples and the bad ones"):
        TrainClassifier(positive=["a", "b"], negative=["b"])


# -- evaluation -------------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([0, 0.25, 0.5, 0.75, 1])), min_size=2))
def test_the_area_under_the_curve_is_a_share_of_pairs(pairs):
    good = np.array([g for g, _ in pairs])
    scores = np.array([s for _, s in pairs], np.float32)
    if good.all() or not good.any():
        return
    wins = [(a > b) + (a == b) / 2 for a in scores[good] for b in scores[~good]]
    assert area_under_curve(good, scores) == pytest.approx(np.mean(wins))


def test_precision_and_recall_of_a_small_example():
    good = np.array([1, 1, 1, 0, 0, 0, 0], bool)
    scores = np.array([0.9, 0.8, 0.2, 0.7, 0.1, 0.1, 0.0], np.float32)
    found = evaluation(good, scores)
    assert (found["precision"], found["recall"], found["auc"]) == (round(2 / 3, 6), round(2 / 3, 6), round(11 / 12, 6))
    assert found["threshold_keeping_a_tenth_of_negatives"] == pytest.approx(0.7)
    assert found["recall_at_that_threshold"] == round(2 / 3, 6)


# -- choice of examples -----------------------------------------------------------------------------------------------


def test_classes_are_balanced_and_duplicates_count_once():
    good = [Example(key, bytes([key % 7]), True) for key in range(40)]  # seven texts
    bad = [Example(100 + key, bytes([5 + key]), False) for key in range(50)]  # of which two are good ones too
    chosen = chosen_examples([*bad, *good], 100)
    assert Counter(example.good for example in chosen) == {True: 5, False: 5}
    assert {example.digest[0] for example in chosen if example.good} == {0, 1, 2, 3, 4}
    assert min(example.digest[0] for example in chosen if not example.good) == 7
    assert chosen == chosen_examples([*good, *bad][::-1], 100)
    assert Counter(example.good for example in held_out_examples(chosen, 0.4)) == {True: 2, False: 2}
    assert len(chosen_examples([*good, *bad], 3)) == 6
    assert replace(chosen[0], key=0) != chosen[1]


# -- in a recipe ------------------------------------------------------------------------------------------------------


def write_recipe(folder: Path, **settings: object) -> Path:
    for kind in ("good", "bad"):
        with (folder / f"{kind}.jsonl").open("w") as stream:
            for n in range(120):
                stream.write(json.dumps({"text": small_text(kind, n if n % 10 else 0)}) + "\n")  # ten are the same
    with (folder / "web.jsonl").open("w") as stream:
        for n in range(200, 260):
            stream.write(json.dumps({"text": small_text("good" if n % 3 == 0 else "bad", n)}) + "\n")
    training = {
        "positive": ["good"],
        "negative": ["bad"],
        "min_characters": 50,
        "buckets": 2000,
        "dimensions": 8,
        "epochs": 25,
        "learning_rate": 0.4,
        **settings,
    }
    recipe = {
        "models": {"quality": {"train_classifier": training}},
        "sources": {
            "web": {
                "read": "jsonl",
                "input": "web.jsonl",
                "stages": [
                    {"classifier": {"model": "quality", "keep": "all"}},
                    {"quantile": {"of": "classifier.score", "share": 1 / 3}},
                ],
            },
            "good": {"read": "jsonl", "input": "good.jsonl"},
            "bad": {"read": "jsonl", "input": "bad.jsonl"},
        },
    }
    (folder / "recipe.yaml").write_text(json.dumps(recipe))
    return folder / "recipe.yaml"


def test_a_recipe_trains_its_classifier_and_keeps_the_best_third(tmp_path):
    recipe = write_recipe(tmp_path)
    result = run_here(recipe, tmp_path / "root")
    assert result.ok, result.failures
    loaded = api.load(str(recipe), root=str(tmp_path / "root"))
    rows = api.open_dataset(loaded, "web").to_table(["text"]).column("text").to_pylist()
    assert len(rows) == 20
    assert all(set(row.split()) & {"lecture", "enzymes", "substrate", "temperature"} for row in rows)
    (report,) = (tmp_path / "root").glob("models/quality-*/classifier.json")
    found = json.loads(report.read_text())
    assert found["labels"] == {"positive": "hq", "negative": "cc"}
    assert found["examples_per_class"] == {"trained": 98, "held_out": 11}
    assert found["held_out"]["auc"] > 0.99
    again = run_here(recipe, tmp_path / "again", workers=2)
    assert again.ok
    assert data_files(tmp_path / "again") == data_files(tmp_path / "root")


def test_the_command_trains_on_datasets_of_a_recipe_and_prints_what_came_of_it(tmp_path):
    write_recipe(tmp_path)
    small = ["buckets=2000", "dimensions=8", "epochs=25", "learning_rate=0.4", "min_characters=50"]
    settings = [f"--set=models.other.train_classifier.{each}" for each in small]
    arguments = ["--positive=good", "--negative=bad", "--negative=web", "--name=other", "--root=out"]
    done = run(["train", "classifier", "recipe.yaml", *arguments, *settings], tmp_path, environment())
    assert done.returncode == 0, done.stderr
    assert re.search(r"on 11 of each held out:\n +precision +[01]\.\d\d\d ", done.stdout)
    place = done.stdout.rsplit("model: ", 1)[1].strip()
    assert Path(tmp_path, place).exists()
    wrong = run(["train", "classifier", "recipe.yaml", "--name=qualty"], tmp_path, environment())
    assert wrong.returncode == 2
    assert "no model 'qualty' of kind train_classifier" in wrong.stderr


def test_parts_of_bounded_size_change_no_byte(tmp_path):
    recipe = write_recipe(tmp_path)
    models = []
    for memory in ("1 GiB", "8 KiB"):
        result = run_here(recipe, tmp_path / memory, f"memory={memory}")
        assert result.ok, result.failures
        models.append(next((tmp_path / memory).glob("models/quality-*/model.bin")).read_bytes())
    assert models[0] == models[1]


def test_too_few_examples_are_refused(tmp_path):
    recipe = write_recipe(tmp_path, min_characters=50_000)
    result = run_here(recipe, tmp_path / "root")
    assert not result.ok
    assert "0 examples a class are left" in str(result.failures)
