"""Documents and their layers as batches; cuts against a plain-Python oracle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.commit import Commit
from gristmill.dataset import Dataset, LayerRef, LayerWriter, ShardRef, drop_reasons, layer_schema
from gristmill.documents import DOCUMENT_SCHEMA
from gristmill.errors import UserError
from gristmill.kernels.text import CUTS, Texts, apply_cuts
from tests.stages import write_shard

TEXTS = ["ähm eins", "zwei", "", "drei 三", "vier", "fünf"]


def add_layer(
    folder: Path,
    shard: ShardRef,
    stage: str,
    groups: list[int],
    values: dict[str, pa.Array] | None = None,
    drops: list[int] | None = None,
    cuts: list | None = None,
) -> ShardRef:
    """The shard with one more layer, in row groups of the sizes given."""
    names = {f"{stage}.{name}": array for name, array in (values or {}).items()}
    schema = layer_schema(
        pa.schema([(name, array.type) for name, array in names.items()]), drops=drops is not None, cuts=cuts is not None
    )
    target = str(folder / shard.source / stage)
    with Commit(target, shard.name) as commit:
        writer = LayerWriter(commit.path(f"{shard.name}.parquet"), schema)
        start = 0
        for size in groups:
            columns: dict = {name: array.slice(start, size) for name, array in names.items()}
            if drops is not None:
                columns["drop"] = drop_reasons(stage, ("odd", "even"), np.array(drops[start : start + size]))
            if cuts is not None:
                columns["cuts"] = pa.array(cuts[start : start + size], CUTS)
            writer.write(columns)
            start += size
        writer.close()
    layer = LayerRef(stage, target, tuple(names), drops=drops is not None, cuts=cuts is not None)
    return ShardRef(shard.source, shard.name, shard.documents, (*shard.layers, layer))


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """Six rows in groups of four and two; row 4 dropped at once, row 1 and 4 later; two layers of cuts."""
    shard = write_shard(tmp_path, "web", "one", TEXTS, dropped=[4], batch_rows=4)
    first = [
        [{"start": 0, "end": 5, "replacement": None}],
        None,
        None,
        [{"start": 4, "end": 5, "replacement": "→"}],
        None,
        [],
    ]
    shard = add_layer(tmp_path, shard, "first", [4, 2], {"n": pa.array([0, 1, 2, 3, 4, None])}, cuts=first)
    second = [
        [{"start": 0, "end": 0, "replacement": "1 "}],
        None,
        None,
        [{"start": 4, "end": 7, "replacement": "-"}],
        None,
        None,
    ]
    shard = add_layer(tmp_path, shard, "second", [4, 2], drops=[-1, 0, -1, -1, 1, -1], cuts=second)
    return Dataset("web", (shard,))


def test_survivors_with_cuts_of_every_layer_in_order(dataset: Dataset) -> None:
    assert dataset.to_table(["text"])["text"].to_pylist() == ["1 eins", "", "drei-三", "fünf"]
    assert dataset.count_rows() == 4


def test_columns_come_in_the_order_asked_for(dataset: Dataset) -> None:
    table = dataset.to_table(["first.n", "url"])
    assert table.column_names == ["first.n", "url"]
    assert table.to_pydict() == {
        "first.n": [0, 2, 3, None],
        "url": [f"http://one.example/{row}" for row in (0, 2, 3, 5)],
    }


def test_all_columns_are_listed_and_can_be_asked_for(dataset: Dataset) -> None:
    assert dataset.columns == [*DOCUMENT_SCHEMA.names, "first.n", "drop"]
    assert dataset.to_table(dataset.columns).column_names == dataset.columns
    assert dataset.to_table().column_names == DOCUMENT_SCHEMA.names


def test_dropped_rows_come_with_the_first_reason(dataset: Dataset) -> None:
    table = dataset.to_table(["drop", "text"], dropped=True)
    assert table["drop"].to_pylist() == [None, "second.odd", None, None, "planted.dropped", None]
    assert table["text"].to_pylist() == ["1 eins", "zwei", "", "drei-三", "vier", "fünf"]


def test_unknown_column_names_the_nearest(dataset: Dataset) -> None:
    with pytest.raises(UserError, match=r"no column 'first.m' in web. Did you mean 'first.n'\?"):
        dataset.to_table(["first.m"])


def test_batches_know_their_first_row(dataset: Dataset) -> None:
    batches = list(dataset.shards[0].batches(["first.n"]))
    assert [(batch.first_row, batch.rows) for batch in batches] == [(0, 4), (4, 2)]
    with pytest.raises(KeyError, match="without its texts"):
        _ = batches[0].texts
    with pytest.raises(KeyError, match=r"'url' was not read"):
        batches[0].column("url")


def test_layer_whose_rows_do_not_fit_is_refused(tmp_path: Path) -> None:
    shard = write_shard(tmp_path, "web", "one", TEXTS, batch_rows=4)
    crooked = add_layer(tmp_path, shard, "first", [3, 3], {"n": pa.array(range(6))})
    with pytest.raises(ValueError, match="row group 0 has 3 rows, documents 4"):
        Dataset("web", (crooked,)).to_table(["first.n"])


def test_shards_without_rows_or_survivors_are_passed_over(tmp_path: Path) -> None:
    empty = write_shard(tmp_path, "web", "empty", [])
    gone = write_shard(tmp_path, "web", "gone", ["a", "b"], dropped=[0, 1])
    full = write_shard(tmp_path, "web", "full", ["c"])
    assert Dataset("web", (empty, gone, full)).to_table(["text"])["text"].to_pylist() == ["c"]
    assert Dataset("web", (empty, gone)).to_table(["text"]).num_rows == 0
    assert Dataset("web", ()).to_table().num_rows == 0


def test_no_columns_at_all_still_counts_rows(dataset: Dataset) -> None:
    assert sum(batch.num_rows for batch in dataset.to_batches([])) == 4


@pytest.mark.parametrize("library", ["polars", "duckdb", "pandas"])
def test_other_libraries_read_the_batches(dataset: Dataset, library: str) -> None:
    module = pytest.importorskip(library)
    reader = dataset.reader(["text", "source", "first.n"])
    if library == "polars":
        found = module.from_arrow(reader.read_all())["text"].to_list()
    elif library == "duckdb":
        found = [row[0] for row in module.connect().execute("SELECT text FROM reader").fetchall()]
    else:
        found = reader.read_pandas()["text"].tolist()
    assert found == ["1 eins", "", "drei-三", "fünf"]


# -- cuts -------------------------------------------------------------------------------------------------------------


@st.composite
def texts_with_cuts(draw: st.DrawFn) -> tuple[list[str], list[list[tuple[int, int, str | None]] | None]]:
    """Texts, and cuts between their characters."""
    texts = draw(st.lists(st.text(max_size=12), max_size=8))
    every: list[list[tuple[int, int, str | None]] | None] = []
    for text in texts:
        places = sorted(draw(st.lists(st.integers(0, len(text)), max_size=6)))
        pairs = list(zip(places[::2], places[1::2], strict=False))
        cuts = [(start, end, draw(st.none() | st.text(max_size=4))) for start, end in pairs]
        every.append(cuts if cuts or draw(st.booleans()) else None)
    return texts, every


@given(texts_with_cuts(), st.integers(0, 3))
def test_apply_cuts_is_slicing(drawn: tuple[list[str], list], skipped: int) -> None:
    texts, cuts = drawn
    expected, rows = [], []
    for text, mine in zip(texts, cuts, strict=True):
        result, at = "", 0
        for start, end, replacement in mine or []:
            result += text[at:start] + (replacement or "")
            at = end
        expected.append(result + text[at:])
        rows.append(
            None
            if mine is None
            else [
                {"start": len(text[:start].encode()), "end": len(text[:end].encode()), "replacement": replacement}
                for start, end, replacement in mine
            ]
        )
    column = pa.array(texts, pa.large_string()).slice(skipped)
    found = apply_cuts(Texts.from_arrow(column), pa.array(rows, CUTS).slice(skipped))
    assert len(found) == max(0, len(texts) - skipped)
    assert found.to_arrow().to_pylist() == expected[skipped:]
    found.to_arrow().validate(full=True)
    assert [found[row] for row in range(len(found))] == expected[skipped:]
    assert found.lengths.tolist() == [len(text.encode()) for text in expected[skipped:]]


@given(st.lists(st.none() | st.text(max_size=10), max_size=8), st.sampled_from([pa.string(), pa.large_string()]))
def test_texts_and_arrow_are_the_same(values: list[str | None], kind: pa.DataType) -> None:
    texts = Texts.from_arrow(pa.array(values, kind))
    assert texts.to_arrow().to_pylist() == [value or "" for value in values]


@given(st.lists(st.text(max_size=10), max_size=8), st.data())
def test_selecting_rows_keeps_columns_and_texts_together(values: list[str], data: st.DataObject) -> None:
    from tests.stages import make_batch

    keep = np.array(data.draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values))), bool)
    batch = make_batch(values, {"n": pa.array(range(len(values)), pa.int64())})
    chosen = batch.select(keep)
    assert chosen.column("n").to_pylist() == np.flatnonzero(keep).tolist()
    assert chosen.texts.to_arrow().to_pylist() == [value for value, good in zip(values, keep, strict=True) if good]


def test_columns_of_a_layer_are_compressed_also_inside_lists_but_for_hashes(tmp_path):
    parts = pa.list_(pa.struct([("name", pa.string()), ("sizes", pa.list_(pa.int32())), ("hash", pa.binary(8))]))
    schema = pa.schema(
        [("a.keys", pa.binary(16)), ("a.parts", parts), ("a.pair", pa.list_(pa.float32(), 2)), ("cuts", CUTS)]
    )
    writer = LayerWriter(str(tmp_path / "layer.parquet"), schema)
    rows = {name: pa.array([None, None], kind) for name, kind in zip(schema.names, schema.types, strict=True)}
    writer.write(rows)
    writer.close()
    group = pq.ParquetFile(tmp_path / "layer.parquet").metadata.row_group(0)
    columns = [group.column(number) for number in range(group.num_columns)]
    bare = {column.path_in_schema for column in columns if column.compression == "UNCOMPRESSED"}
    assert bare == {"a.keys", "a.parts.list.element.hash"}
