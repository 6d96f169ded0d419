"""Token shards open in the tools that train on them, as they are."""

import numpy as np
import pyarrow as pa
import pytest

from tests.tokenize.corpus import packed, shard_paths


@pytest.fixture(scope="module")
def expected(folders) -> np.ndarray:
    """All sequences, (rows, 32)."""
    return packed(folders["tokens"]).column("input_ids").combine_chunks().values.to_numpy().reshape(-1, 32)


def test_hugging_face_datasets_load_the_shards(folders, expected, tmp_path):
    datasets = pytest.importorskip("datasets")
    found = datasets.load_dataset(
        "arrow", data_files=shard_paths(folders["tokens"]), split="train", cache_dir=str(tmp_path)
    )
    assert (found.with_format("numpy", columns=["input_ids"])[:]["input_ids"] == expected).all()
    assert sum(found[1]["document_lengths"]) == 32
    assert found[0]["sources"][0] in ("web", "books")


def test_hugging_face_datasets_stream_the_shards(folders, expected):
    datasets = pytest.importorskip("datasets")
    found = datasets.load_dataset("arrow", data_files=shard_paths(folders["tokens"]), split="train", streaming=True)
    assert np.array_equal([row["input_ids"] for row in found], expected)


def test_hugging_face_datasets_take_the_mapped_table_without_a_copy(folders, expected):
    datasets = pytest.importorskip("datasets")
    table = pa.concat_tables(
        pa.ipc.open_file(pa.memory_map(path)).read_all() for path in shard_paths(folders["tokens"])
    )
    assert datasets.Dataset(table)[5]["input_ids"] == expected[5].tolist()


def test_polars_reads_a_shard(folders, expected):
    polars = pytest.importorskip("polars")
    found = polars.read_ipc(shard_paths(folders["tokens"])[0])
    assert found["input_ids"][0].to_list() == expected[0].tolist()
