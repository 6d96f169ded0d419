"""The same bytes of every data file, whatever the number of workers, the hash seed or the order of the inputs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.pipeline.command import data_files, run, run_here
from tests.pipeline.small_corpus import usual_recipe, write_corpus

FILTERS = [
    {"planted_length": {"minimum": 150}},
    {"planted_cut": {"word": "miller", "by": "Müller"}},
    {"language": {"keep": None, "threshold": 0.2}},
]


@pytest.fixture(scope="module")
def corpus(planted: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    write_corpus(folder / "in", files=5)
    usual_recipe(folder, FILTERS, ["planted_twins", "exact"])
    return folder


@pytest.fixture(scope="module")
def expected(corpus: Path) -> dict[str, tuple[int, str]]:
    assert run_here(corpus / "recipe.yaml", corpus / "root", workers=1).ok
    found = data_files(corpus / "root")
    assert len(found) > 5 * 8
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("workers", "seed"), [(2, "0"), (5, "random")])
def test_workers_and_hash_seed_change_no_byte(
    planted: dict[str, str], corpus: Path, expected: dict[str, tuple[int, str]], tmp_path: Path, workers: int, seed: str
) -> None:
    done = run(
        ["run", corpus / "recipe.yaml", "--root", tmp_path / "root", "-w", workers, "-q"],
        tmp_path,
        planted | {"PYTHONHASHSEED": seed},
    )
    assert done.returncode == 0, done.stderr
    assert data_files(tmp_path / "root") == expected


@pytest.mark.slow
def test_order_of_inputs_and_their_folder_change_no_byte(
    corpus: Path, expected: dict[str, tuple[int, str]], tmp_path: Path
) -> None:
    shutil.copytree(corpus / "in", tmp_path / "in")
    shuffled = ",".join(str(tmp_path / "in" / f"part{n}.jsonl") for n in (3, 0, 4, 2, 1))
    result = run_here(corpus / "recipe.yaml", tmp_path / "root", f"sources.web.input={shuffled}", workers=2)
    assert result.ok
    assert data_files(tmp_path / "root") == expected
