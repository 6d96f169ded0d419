"""The planted stages as an installed third-party package."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from gristmill import recipe, registry
from tests import planted_stages
from tests.pipeline.command import PACKAGE, PROJECT, environment


@pytest.fixture(scope="session")
def planted_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return planted_stages.install(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def planted(planted_folder: Path) -> Iterator[dict[str, str]]:
    """Recipes of this module may name planted kinds, here and in commands run with the environment given."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(planted_folder))
        patch.setenv("PYTHONPATH", os.pathsep.join([PACKAGE, str(planted_folder), str(PROJECT)]))
        _forget_kinds()
        yield environment(planted_folder)
    _forget_kinds()


def _forget_kinds() -> None:
    registry.locations.cache_clear()
    registry.stage_class.cache_clear()
    recipe._kinds.cache_clear()
