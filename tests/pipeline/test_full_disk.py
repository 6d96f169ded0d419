"""A disk that fills up, and folders one may not write to or read."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pipeline.command import run, run_here, temporary_files
from tests.pipeline.small_corpus import text_of, usual_recipe, write_corpus, write_jsonl


def without_capabilities() -> list[str]:
    """A prefix under which root is bound by modes like anyone else; nothing for other users."""
    if os.geteuid():
        return []
    setpriv = shutil.which("setpriv")
    prefix = [str(setpriv), "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"]
    if setpriv is None or subprocess.run([*prefix, "true"], capture_output=True).returncode:
        pytest.skip("running as root, and setpriv cannot take its rights away")
    return prefix


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 400 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("mounting a file system needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_full_disk_is_told_and_the_run_goes_on_after_there_is_room(
    planted: dict[str, str], tmp_path: Path, small_disk: Path
) -> None:
    noise = [os.urandom(20_000).hex() for _ in range(60)]  # 1.2 MB that do not compress to less than half of 2.4
    for part in range(3):
        write_jsonl(tmp_path / "in" / f"part{part}.jsonl", noise[part * 20 : part * 20 + 20])
    recipe = usual_recipe(tmp_path)
    first = run(["run", recipe, "--root", small_disk, "-w", 1], tmp_path, planted)
    assert first.returncode == 1, first.stderr
    assert "no space left" in first.stderr.lower()
    assert "Traceback" not in first.stderr
    subprocess.run(["mount", "-o", "remount,size=20m", str(small_disk)], check=True)
    second = run(["run", recipe, "--root", small_disk, "-w", 1], tmp_path, planted)
    assert second.returncode == 0, second.stderr
    assert temporary_files(small_disk) == []
    undisturbed = run_here(recipe, tmp_path / "root")
    assert undisturbed.ok
    assert undisturbed.summary["sources"]["web"]["kept"]["documents"] == 60


def test_disk_with_no_room_at_all_is_told(planted: dict[str, str], tmp_path: Path, small_disk: Path) -> None:
    write_corpus(tmp_path / "in", files=1, documents=2)
    with pytest.raises(OSError, match="No space"):
        (small_disk / "fill").write_bytes(b"x" * (1 << 20))
    done = run(["run", usual_recipe(tmp_path), "--root", small_disk, "-w", 1], tmp_path, planted)
    assert done.returncode == 1, done.stderr
    assert "no space left" in done.stderr.lower()
    assert "Traceback" not in done.stderr


def test_root_without_permission_is_a_user_error(planted: dict[str, str], tmp_path: Path) -> None:
    write_corpus(tmp_path / "in", files=1, documents=2)
    recipe = usual_recipe(tmp_path)
    (tmp_path / "closed").mkdir(mode=0o555)
    done = run(["run", recipe, "--root", tmp_path / "closed" / "root"], tmp_path, planted, without_capabilities())
    assert done.returncode == 2, done.stderr
    assert f"{tmp_path}/closed/root" in done.stderr
    assert "no permission to write" in done.stderr
    assert "Traceback" not in done.stderr


def test_closed_folder_inside_the_root_is_told(planted: dict[str, str], tmp_path: Path) -> None:
    write_corpus(tmp_path / "in", files=1, documents=2)
    recipe = usual_recipe(tmp_path)
    (tmp_path / "root" / "web").mkdir(parents=True, mode=0o555)
    (tmp_path / "root" / "web").chmod(0o555)
    done = run(["run", recipe, "--root", tmp_path / "root"], tmp_path, planted, without_capabilities())
    assert done.returncode in (1, 2), done.stderr
    assert "no permission to write" in done.stderr
    assert "/root/web/documents-" in done.stderr
    assert "Traceback" not in done.stderr


def test_input_folder_without_permission_is_a_user_error(planted: dict[str, str], tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", [text_of(1)])
    recipe = usual_recipe(tmp_path, input="in/a.jsonl")
    (tmp_path / "in").chmod(0o000)
    try:
        done = run(["run", recipe, "--root", tmp_path / "root"], tmp_path, planted, without_capabilities())
    finally:
        (tmp_path / "in").chmod(0o755)
    assert done.returncode == 2, done.stderr
    assert "no permission to read" in done.stderr
    assert "recipe.yaml:4" in done.stderr


def test_input_file_without_permission_is_a_failed_task_and_the_others_finish(
    planted: dict[str, str], tmp_path: Path
) -> None:
    write_corpus(tmp_path / "in", files=2, documents=2)
    (tmp_path / "in" / "part0.jsonl").chmod(0o000)
    done = run(
        ["run", usual_recipe(tmp_path), "--root", tmp_path / "root", "-w", 1], tmp_path, planted, without_capabilities()
    )
    assert done.returncode == 1, done.stderr
    assert "part0.jsonl: no permission to read" in done.stderr
    assert "1 task failed" in done.stderr
    assert "Traceback" not in done.stderr
