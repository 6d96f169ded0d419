"""Every phase of the keyed dedup stages: the same bytes for any worker count, input order and hash seed, and after a kill."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from gristmill import api
from tests.dedup.planted import edited, page
from tests.pipeline.command import PROJECT, data_files, run, run_here, start, temporary_files
from tests.pipeline.small_corpus import WRITTEN, write_jsonl, write_recipe

STAGES = [
    {"url_dedup": {"survivor": "longest", "index": "own"}},
    {"exact": {"survivor": "highest", "survivor_column": "length", "index": "all"}},
    {
        "minhash": {
            "name": "near",
            "bands": 20,
            "rows": 3,
            "verify": {"jaccard": 0.5, "edit": 0.5},
            "near_survivor": 0.6,
            "survivor": "longest",
        }
    },
    {"minhash": {"index": "own"}},
    {"minhash": {"name": "in_memory", "bands": 5}},
    {"containment": {"sample": 64}},
]


def write_pages(folder: Path) -> None:
    for file in range(5):
        texts = [edited(page(number % 9, 60), 0.07 * ((number + file) % 4), number % 5) for number in range(14)]
        path = write_jsonl(folder / f"part{file}.jsonl", [*texts, " ".join(page(n, 60) for n in range(3))])
        os.utime(path, (WRITTEN, WRITTEN))


@pytest.fixture(scope="module")
def corpus(planted: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    write_pages(folder / "in")
    web = {"read": "jsonl", "input": "in/*.jsonl", "stages": []}
    write_recipe(folder / "recipe.yaml", {"web": web}, stages=STAGES, memory="64 KiB")
    return folder


@pytest.fixture(scope="module")
def expected(corpus: Path) -> dict[str, tuple[int, str]]:
    result = run_here(corpus / "recipe.yaml", corpus / "root", workers=1)
    assert result.ok, result.failures
    found = data_files(corpus / "root")
    for phase in ("near-", "/verify/", "/similarity.answer/", "/settle/", "/index/", "in_memory-", "containment-"):
        assert any(phase in name for name in found), phase
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("workers", "seed"), [(2, "0"), (5, "random")])
def test_workers_and_hash_seed_change_no_byte(
    planted: dict[str, str], corpus: Path, expected: dict[str, tuple[int, str]], tmp_path: Path, workers: int, seed: str
) -> None:
    arguments = ["run", corpus / "recipe.yaml", "--root", tmp_path / "root", "-w", workers, "-q"]
    done = run(arguments, tmp_path, planted | {"PYTHONHASHSEED": seed})
    assert done.returncode == 0, done.stderr
    assert data_files(tmp_path / "root") == expected


@pytest.mark.slow
def test_order_of_inputs_changes_no_byte(corpus: Path, expected: dict[str, tuple[int, str]], tmp_path: Path) -> None:
    shutil.copytree(corpus / "in", tmp_path / "in")
    shuffled = ",".join(str(tmp_path / "in" / f"part{n}.jsonl") for n in (3, 0, 4, 2, 1))
    result = run_here(corpus / "recipe.yaml", tmp_path / "root", f"sources.web.input={shuffled}", workers=2)
    assert result.ok
    assert data_files(tmp_path / "root") == expected


@pytest.mark.slow
@pytest.mark.parametrize("memory", ["1 GiB", "16 KiB"])
def test_memory_changes_no_layer(
    corpus: Path, expected: dict[str, tuple[int, str]], tmp_path: Path, memory: str
) -> None:
    result = run_here(corpus / "recipe.yaml", tmp_path / "root", f"memory={memory}", workers=2)
    assert result.ok
    found = data_files(tmp_path / "root")
    layers = {name: entry for name, entry in expected.items() if "/layers/" in name}
    assert {name: found[name] for name in layers} == layers


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_killed_at_any_moment_and_run_again_is_as_if_undisturbed(
    planted: dict[str, str], corpus: Path, expected: dict[str, tuple[int, str]], tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    for _ in range(3):
        arguments = ["run", corpus / "recipe.yaml", "--root", tmp_path / "root", "-w", 2, "-q"]
        process = start(arguments, tmp_path, planted)
        time.sleep(chance.uniform(2.0, 9.0))  # start-up alone takes a second or two
        targets = [process.pid]
        if psutil.pid_exists(process.pid):
            targets += [child.pid for child in psutil.Process(process.pid).children(recursive=True)]
        for target in targets:
            if psutil.pid_exists(target):
                os.kill(target, signal.SIGKILL)
        process.communicate()
    result = run_here(corpus / "recipe.yaml", tmp_path / "root", workers=2)
    assert result.ok, result.failures
    assert data_files(tmp_path / "root") == expected
    assert temporary_files(tmp_path / "root") == []


@pytest.mark.slow
def test_kept_urls_go_from_part_to_part(tmp_path: Path) -> None:
    archives = sorted((PROJECT / "examples" / "demo" / "warc").glob("*.warc.gz"))
    parts = [archives[::2], [*archives[1::2], archives[0]]]  # the first archive is crawled again
    kept: list[list[str]] = []
    for number, part in enumerate(parts):
        overrides = [
            "input=" + ",".join(map(str, part)),
            "sources.web.read.warc.extract.engine=resiliparse",
            f"sources.web.stages.url_dedup.against={[str(tmp_path / 'part-0')] if number else []}",
        ]
        recipe, root = PROJECT / "configs" / "refinedweb-part.yaml", tmp_path / f"part-{number}"
        result = run_here(recipe, root, *overrides, workers=2)
        assert result.ok, result.failures
        dataset = api.open_dataset(api.load(recipe, overrides, root=str(root)), "web")
        table = dataset.to_table(["url", "drop", "url_dedup.twin_index"], dropped=True).to_pydict()
        kept.append([url for url, reason in zip(table["url"], table["drop"], strict=True) if reason is None])
        again = sum(reason == "url_dedup.duplicate" for reason in table["drop"])
        assert (again > 0) == (number > 0)
    assert kept[0]
    assert kept[1]
    assert not set(kept[0]) & set(kept[1])
