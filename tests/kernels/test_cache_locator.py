"""A compiled kernel is out of date when any file it is made of has changed, and only then."""

from __future__ import annotations

from pathlib import Path

import pytest

from gristmill.kernels import cache_locator


@pytest.fixture
def kernels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "outer.py").write_text(
        "from gristmill.kernels.middle import step\nfrom gristmill.kernels import leaf\n"
    )
    (tmp_path / "middle.py").write_text("def load():\n    from gristmill.kernels.inner import add\n")
    for name in ("inner", "leaf", "other"):
        (tmp_path / f"{name}.py").write_text("x = 1\n")
    monkeypatch.setattr(cache_locator, "FOLDER", tmp_path)
    cache_locator.source_stamp.cache_clear()
    yield tmp_path
    cache_locator.source_stamp.cache_clear()


@pytest.mark.parametrize("changed", ["outer", "middle", "inner", "leaf"])
def test_a_change_in_an_imported_file_makes_a_kernel_stale(kernels: Path, changed: str) -> None:
    before = cache_locator.source_stamp("outer")
    with (kernels / f"{changed}.py").open("a") as stream:
        stream.write("y = 2\n")
    cache_locator.source_stamp.cache_clear()
    assert cache_locator.source_stamp("outer") != before


def test_a_change_elsewhere_leaves_a_kernel_as_it_is(kernels: Path) -> None:
    before = cache_locator.source_stamp("outer")
    (kernels / "other.py").write_text("x = 2\n")
    cache_locator.source_stamp.cache_clear()
    assert cache_locator.source_stamp("outer") == before


def test_files_that_import_each_other_have_a_stamp(kernels: Path) -> None:
    (kernels / "leaf.py").write_text("from gristmill.kernels.outer import x\n")
    cache_locator.source_stamp.cache_clear()
    assert cache_locator.source_stamp("outer") != cache_locator.source_stamp("leaf")
