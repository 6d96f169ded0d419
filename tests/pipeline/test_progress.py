"""What a run shows: lines, bars or nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.pipeline.command import COMMAND, run
from tests.pipeline.small_corpus import usual_recipe, write_corpus


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    write_corpus(tmp_path / "in", files=2, documents=5)
    return usual_recipe(tmp_path, [{"planted_length": {"minimum": 150}}])


def test_plain_lines_where_there_is_no_terminal(planted: dict[str, str], recipe: Path, tmp_path: Path) -> None:
    done = run(["run", recipe, "--root", tmp_path / "root", "-w", 1], tmp_path, planted)
    assert done.returncode == 0
    assert "web: documents, planted_length: 2 tasks" in done.stderr
    assert "finished in" in done.stderr
    assert "\x1b" not in done.stderr + done.stdout
    assert "web: 10 records in 2 input files" in done.stdout
    assert "planted_length" in done.stdout
    assert f"{tmp_path}/root/summary.json" in done.stdout
    again = run(["run", recipe, "--root", tmp_path / "root"], tmp_path, planted)
    assert "nothing to do" in again.stdout
    assert again.stderr == ""


def test_quiet_shows_nothing(planted: dict[str, str], recipe: Path, tmp_path: Path) -> None:
    done = run(["run", recipe, "--root", tmp_path / "root", "-w", 1, "--quiet"], tmp_path, planted)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_bars_in_a_terminal(planted: dict[str, str], recipe: Path, tmp_path: Path) -> None:
    pexpect = pytest.importorskip("pexpect")
    env = planted | {"TERM": "xterm-256color"}
    env.pop("NO_COLOR", None)
    arguments = ["run", str(recipe), "--root", str(tmp_path / "root"), "-w", "1"]
    child = pexpect.spawn(COMMAND[0], arguments, env=env, cwd=str(tmp_path), dimensions=(40, 160), timeout=60)
    child.expect("web: documents, planted_length")
    child.expect("100%")
    child.expect("web: 10 records")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


def test_markup_in_a_reason_is_shown_as_it_is(planted: dict[str, str], tmp_path: Path) -> None:
    pexpect = pytest.importorskip("pexpect")
    write_corpus(tmp_path / "in", files=1, documents=2)
    recipe = usual_recipe(tmp_path, [{"planted_trouble": {"marker": "", "how": "markup"}}])
    arguments = ["run", str(recipe), "--root", str(tmp_path / "root"), "-w", "1"]
    child = pexpect.spawn(
        COMMAND[0], arguments, env=dict(planted) | {"TERM": "xterm"}, cwd=str(tmp_path), dimensions=(40, 200)
    )
    child.expect_exact("[/red] of [bold]markup", timeout=60)
    child.expect("1 task failed")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 1


def test_terminal_is_left_in_order_after_ctrl_c(planted: dict[str, str], tmp_path: Path) -> None:
    pexpect = pytest.importorskip("pexpect")
    write_corpus(tmp_path / "in", files=1, documents=2)
    recipe = usual_recipe(tmp_path, [{"planted_trouble": {"marker": "", "how": "sleep", "seconds": 60}}])
    arguments = ["run", str(recipe), "--root", str(tmp_path / "root"), "-w", "1"]
    child = pexpect.spawn(
        COMMAND[0], arguments, env=dict(planted) | {"TERM": "xterm"}, cwd=str(tmp_path), dimensions=(40, 160)
    )
    child.expect("web: documents", timeout=60)
    child.sendintr()
    rest = child.read()
    child.close()
    assert child.exitstatus == 130
    assert b"interrupted" in rest
    assert rest.rfind(b"\x1b[?25h") > rest.rfind(b"\x1b[?25l")  # the cursor is shown again
    assert b"Traceback" not in rest


def test_closed_pipe_is_no_trouble(planted: dict[str, str], tmp_path: Path) -> None:
    command = f"{COMMAND[0]} stages | head -n 1; echo ${{PIPESTATUS[0]}}"
    out = os.popen(f"bash -c '{command}' 2>&1").read()
    assert "Traceback" not in out
    assert "Exception ignored" not in out
