"""Real data when it is there, and small real shards for stages to run on without a recipe."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

from gristmill.kernels import cache_environment

os.environ.update(cache_environment() | os.environ)
settings.register_profile("gristmill", deadline=None)  # the first example may compile a kernel
settings.load_profile("gristmill")

SHARED_DATA = Path(os.environ.get("GRISTMILL_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real sample data; tests that need it are skipped where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no real sample data at {SHARED_DATA} (set GRISTMILL_TEST_DATA)")
    return SHARED_DATA
