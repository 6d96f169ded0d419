"""Stages that cut give the same bytes for any workers, hash seed and order of inputs, and after a kill."""

from __future__ import annotations

import json
import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.pipeline.command import data_files, environment, run, run_here, start
from tests.pipeline.small_corpus import SENTENCES, usual_recipe, write_corpus

pytestmark = pytest.mark.slow


def recipe_of(folder: Path) -> Path:
    write_corpus(folder / "in", files=5, documents=12)
    rows = [{"question": SENTENCES[0], "answer": "What the miller hears."}, {"question": SENTENCES[1], "answer": "-"}]
    evaluation = folder / "evaluation.jsonl"
    evaluation.write_text("".join(json.dumps(row) + "\n" for row in rows))
    sets = {"mill": {"files": "evaluation.jsonl", "fields": ["question", "answer"]}}
    how = {"sets": sets, "n": 8, "most_documents": 0, "margin": 5, "min_piece": 20, "max_pieces": 0, "max_loss": 1}
    across = [
        {"paragraphs": {"index": "own", "max_loss": 1}},
        {"sentences": {"length": 2, "min_sentences": 1, "max_loss": 1}},
        {"substring": {"length": 6, "mode": "keep_first", "max_loss": 1}},
        {"decontaminate": how},
        {"contamination_report": {"sets": sets, "seed_tokens": 4, "min_tokens": 5}},
    ]
    return usual_recipe(folder, [], across)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    recipe_of(folder)
    return folder


@pytest.fixture(scope="module")
def expected(corpus: Path) -> dict[str, tuple[int, str]]:
    result = run_here(corpus / "recipe.yaml", corpus / "root", workers=1)
    assert result.ok, result.failures
    sets = result.summary["evaluation_sets"]["all/decontaminate"]["mill"]
    assert sets["found"] > 5
    cut = result.summary["sources"]["web"]["cut_bytes"]
    assert all(cut[stage] > 0 for stage in ("sentences", "substring", "decontaminate"))
    return data_files(corpus / "root")


def test_workers_and_hash_seed_change_no_byte(corpus, expected, tmp_path):
    for workers, seed in ((2, "0"), (5, "random")):
        root = tmp_path / str(workers)
        arguments = ["run", corpus / "recipe.yaml", "--root", root, "-w", workers, "-q"]
        done = run(arguments, tmp_path, environment(PYTHONHASHSEED=seed))
        assert done.returncode == 0, done.stderr
        assert data_files(root) == expected


def test_order_of_inputs_changes_no_byte(corpus, expected, tmp_path):
    shutil.copytree(corpus / "in", tmp_path / "in")
    shuffled = ",".join(str(tmp_path / "in" / f"part{n}.jsonl") for n in (3, 0, 4, 2, 1))
    assert run_here(corpus / "recipe.yaml", tmp_path / "root", f"sources.web.input={shuffled}", workers=2).ok
    assert data_files(tmp_path / "root") == expected


def test_killed_in_any_phase_and_run_again_is_as_if_undisturbed(corpus, expected, tmp_path):
    root = tmp_path / "root"
    for begun in ("all/sentences-*/match", "all/decontaminate-*/search"):
        process = start(["run", corpus / "recipe.yaml", "--root", root, "-w", 2, "-q"], tmp_path, environment())
        deadline = time.monotonic() + 100
        while process.poll() is None and not list(root.glob(begun)):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    result = run_here(corpus / "recipe.yaml", root, workers=2)
    assert result.ok, result.failures
    assert data_files(root) == expected
