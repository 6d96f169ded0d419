from __future__ import annotations

from pathlib import Path

import pytest

from tests.perplexity.small_model import made_up_lines, train_small


@pytest.fixture(scope="package")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with lm.sp.model, lm.ngrams and lm.arpa."""
    return train_small(tmp_path_factory.mktemp("model"), made_up_lines(), arpa=True)
