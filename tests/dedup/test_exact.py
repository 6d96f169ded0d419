from __future__ import annotations

import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.dedup.exact import Exact, text_digests
from gristmill.documents import DOCUMENT_SCHEMA
from gristmill.kernels.text import Texts
from tests.stages import read_layer, run_phases, write_shard, write_signals

KEYS = {
    "none": lambda text: text,
    "whitespace": lambda text: " ".join(text.split()),
    "words": lambda text: " ".join(re.findall(r"\w+", text.lower())),
}


@pytest.mark.parametrize("normalise", ["none", "whitespace", "words"])
@settings(max_examples=60, deadline=None)
@given(st.lists(st.text("aB .\n2é", max_size=6), max_size=12))
def test_digests_are_equal_exactly_where_normalised_texts_are(normalise, texts):
    digests = [tuple(digest) for digest in text_digests(Texts.from_strings(texts), normalise).tolist()]
    keys = [KEYS[normalise](text.replace("é", "e") if normalise == "words" else text) for text in texts]
    assert [digests.index(d) for d in digests] == [keys.index(k) for k in keys]


def test_the_first_in_recipe_order_survives_and_is_named_as_twin(tmp_path: Path):
    stage = Exact()
    shards = [
        write_shard(tmp_path, "books", "b", ["one", "two"]),
        write_shard(tmp_path, "crawl", "a", ["two ", "three", " one", "two"]),
    ]
    shards = [write_signals(stage, shard, tmp_path) for shard in shards]
    scope = run_phases(stage, shards, tmp_path / "out")
    assert read_layer(stage, scope, shards[0]).column("drop").to_pylist() == [None, None]
    layer = read_layer(stage, scope, shards[1]).to_pydict()
    assert layer["drop"] == ["exact.duplicate", None, "exact.duplicate", "exact.duplicate"]
    assert layer["exact.cluster"] == [1, 3, 0, 1]
    assert layer["exact.size"] == [3, 1, 2, 3]
    assert layer["exact.twin_source"] == ["books", None, "books", "books"]
    assert layer["exact.twin_shard"] == ["b", None, "b", "b"]
    assert layer["exact.twin_row"] == [1, None, 0, 1]


def test_dropped_documents_take_no_part(tmp_path: Path):
    stage = Exact()
    shard = write_signals(
        stage, write_shard(tmp_path, "s", "a", ["one", "one", "one", "two"], dropped=[0, 3]), tmp_path
    )
    layer = read_layer(stage, run_phases(stage, [shard], tmp_path / "out"), shard).to_pydict()
    assert layer["drop"] == [None, None, "exact.duplicate", None]
    assert layer["exact.size"] == [0, 2, 2, 0]
    assert layer["exact.twin_row"] == [None, None, 1, None]


def test_the_longest_survives_when_asked_for(tmp_path: Path):
    stage = Exact(survivor="longest", normalise="words")
    shards = [
        write_shard(tmp_path, "s", name, texts) for name, texts in (("a", ["one", "two"]), ("b", ["One!", "ONE!"]))
    ]
    shards = [write_signals(stage, shard, tmp_path) for shard in shards]
    scope = run_phases(stage, shards, tmp_path / "out")
    layers = [read_layer(stage, scope, shard).to_pydict() for shard in shards]
    assert [layer["drop"] for layer in layers] == [["exact.duplicate", None], [None, "exact.duplicate"]]
    assert layers[0]["exact.twin_shard"] == ["b", None]
    assert layers[1]["exact.twin_row"] == [None, 0]


def test_nothing_comes_of_no_shards_and_empty_shards(tmp_path: Path):
    stage = Exact()
    assert list(stage.phases(run_phases(stage, [], tmp_path / "none"))) == []
    shard = write_shard(tmp_path, "s", "empty", [])
    pq.ParquetWriter(f"{shard.documents}/empty.parquet", DOCUMENT_SCHEMA).close()  # no row group, like the layers
    shard = write_signals(stage, shard, tmp_path)
    scope = run_phases(stage, [shard], tmp_path / "out")
    assert read_layer(stage, scope, shard).num_rows == 0
