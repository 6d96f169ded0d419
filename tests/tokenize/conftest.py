from __future__ import annotations

from pathlib import Path

import pytest

from gristmill.dataset import ShardRef
from tests.tokenize.corpus import run_nodes, write_corpus


@pytest.fixture(scope="session")
def corpus(tmp_path_factory) -> dict[str, list[ShardRef]]:
    return write_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="session")
def folders(tmp_path_factory, corpus) -> dict[str, Path]:
    """Output folders of the nodes of a recipe that trains a tokenizer and packs every source once."""
    return run_nodes(tmp_path_factory.mktemp("nodes"), corpus)


@pytest.fixture(scope="session")
def tokenizer_json(folders) -> str:
    return str(folders["tokenizer"] / "tokenizer.json")
