"""Ctrl-C, SIGTERM and SIGKILL: nothing keeps running, and the next run ends with the bytes of an undisturbed one."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from tests.pipeline.command import data_files, run_here, start, temporary_files
from tests.pipeline.small_corpus import usual_recipe, write_corpus

Stalled = tuple[subprocess.Popen[str], list[psutil.Process]]

FOREVER = [{"planted_trouble": {"marker": "", "how": "sleep", "seconds": 60}}]


def workers_of(process: subprocess.Popen[str], at_least: int) -> list[psutil.Process]:
    """The worker processes once they are there."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(psutil.NoSuchProcess):
            found = psutil.Process(process.pid).children(recursive=True)
            if len(found) >= at_least:
                return found
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    raise AssertionError("no workers came up")


def wait_for_temporary_files(root: Path, process: subprocess.Popen[str]) -> None:
    """Until a task is in the middle of writing."""
    deadline = time.monotonic() + 60
    while not temporary_files(root):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def assert_gone(processes: list[psutil.Process], seconds: float = 6) -> None:
    _, alive = psutil.wait_procs(processes, timeout=seconds)
    assert [p for p in alive if p.status() != psutil.STATUS_ZOMBIE] == []


@pytest.fixture
def stalled(planted: dict[str, str], tmp_path: Path) -> Iterator[Stalled]:
    """A run whose tasks have begun to write and do not end."""
    write_corpus(tmp_path / "in", documents=5)
    recipe = usual_recipe(tmp_path, FOREVER)
    process = start(["run", recipe, "--root", tmp_path / "root", "-w", 2], tmp_path, planted)
    try:
        workers = workers_of(process, 2)
        wait_for_temporary_files(tmp_path / "root", process)
        yield process, workers
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.communicate()


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signal_ends_the_run_with_a_message_and_no_orphans(
    stalled: Stalled, tmp_path: Path, signum: int, code: int
) -> None:
    process, workers = stalled
    process.send_signal(signum)
    _, error = process.communicate(timeout=20)
    assert process.returncode == code
    assert "interrupted" in error
    assert "Traceback" not in error
    assert_gone(workers)
    assert temporary_files(tmp_path / "root") == []


def test_workers_die_with_a_killed_parent(stalled: Stalled, tmp_path: Path) -> None:
    process, workers = stalled
    process.kill()
    process.wait()
    assert_gone(workers)
    left = temporary_files(tmp_path / "root")
    assert left
    result = run_here(tmp_path / "recipe.yaml", tmp_path / "root", stage="web/documents")  # the lock died too
    assert result.ok
    folder = tmp_path / "root" / "web"
    assert not any("/documents-" in name for name in temporary_files(folder))


def test_two_runs_on_one_root_at_a_time_are_refused(stalled: Stalled, planted: dict[str, str], tmp_path: Path) -> None:
    second = start(["run", tmp_path / "recipe.yaml", "--root", tmp_path / "root"], tmp_path, planted)
    _, error = second.communicate(timeout=60)
    assert second.returncode == 2
    assert "another run is writing" in error


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_killed_at_any_moment_and_run_again_is_as_if_undisturbed(
    planted: dict[str, str], tmp_path: Path, undisturbed: dict[str, tuple[int, str]], seed: int
) -> None:
    chance = random.Random(seed)
    recipe = corpus_and_recipe(tmp_path)
    for _ in range(2):
        process = start(["run", recipe, "--root", tmp_path / "root", "-w", 2, "-q"], tmp_path, planted)
        time.sleep(
            chance.uniform(0.3, 3.0)
        )  # while it plans, while workers start, in the middle of work, or after the end
        workers: list[psutil.Process] = []
        with contextlib.suppress(psutil.NoSuchProcess):
            workers = psutil.Process(process.pid).children(recursive=True)
        for target in [process.pid, *(worker.pid for worker in workers)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(target, signal.SIGKILL)
        process.communicate()
    result = run_here(recipe, tmp_path / "root", workers=2)
    assert result.ok, result.failures
    assert data_files(tmp_path / "root") == undisturbed
    assert temporary_files(tmp_path / "root") == []


def corpus_and_recipe(folder: Path) -> Path:
    write_corpus(folder / "in", files=6, documents=10)
    slow = {"planted_trouble": {"marker": "", "how": "sleep", "seconds": 0.1}}
    return usual_recipe(folder, [{"planted_length": {"minimum": 150}}, slow, {"planted_cut": {"word": "miller"}}])


@pytest.fixture(scope="module")
def undisturbed(planted: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str]]:
    folder = tmp_path_factory.mktemp("undisturbed")
    assert run_here(corpus_and_recipe(folder), folder / "root").ok
    return data_files(folder / "root")
