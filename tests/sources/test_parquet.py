"""Documents from Parquet files."""

from __future__ import annotations

import datetime as dt
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gristmill.errors import UserError
from gristmill.sources.fields import Fields
from gristmill.sources.parquet import Parquet
from tests.sources.archives import ends, read


def table_bytes(table: pa.Table, **options) -> bytes:
    stream = io.BytesIO()
    pq.write_table(table, stream, **options)
    return stream.getvalue()


TABLE = pa.table(
    {
        "content": [f"Text number {n}" for n in range(3000)],
        "meta": [{"url": f"http://site.example/{n}", "tags": ["a", str(n)]} for n in range(3000)],
        "when": pa.array([dt.datetime(2020, 2, 3, 4, 5, 6)] * 3000, pa.timestamp("ns")),
        "blob": [b"\xff\x00"] * 3000,
    }
)


def test_rows_over_row_groups(tmp_path):
    fields = Fields(text="content", url="meta.url", date="when", metadata=("meta.tags", "blob"))
    data = table_bytes(TABLE, row_group_size=700)
    records = read(tmp_path, data, "a.parquet", Parquet(fields=fields))
    assert [found.offset for found in records] == list(range(3000))
    last = records[-1]
    assert (last.text, last.url, last.date) == ("Text number 2999", "http://site.example/2999", 1580702706)
    assert last.length == len("Text number 2999")
    assert json.loads(json.dumps(last.metadata)) == {"meta.tags": ["a", "2999"], "blob": "\ufffd\x00"}


def test_all_other_columns_as_metadata(tmp_path):
    source = Parquet(fields=Fields(text="content", metadata="all"))
    found = read(tmp_path, table_bytes(TABLE), "a.parquet", source)[5]
    assert json.loads(json.dumps(found.metadata))["meta"] == {
        "url": "http://site.example/5",
        "tags": ["a", "5"],
    }


def test_rows_without_text_are_quarantined(tmp_path):
    table = pa.table({"text": ["a", None, " ", "b"]})
    assert ends(read(tmp_path, table_bytes(table), "a.parquet", Parquet())) == [
        "open",
        "no_text",
        "empty_text",
        "open",
    ]


def test_text_that_is_not_utf8_is_repaired(tmp_path):
    column = pa.array([b"good", b"b\xe4d"], pa.binary()).view(pa.binary())
    broken = pa.Array.from_buffers(pa.string(), 2, column.buffers())
    records = read(tmp_path, table_bytes(pa.table({"text": broken})), "a.parquet", Parquet())
    assert [found.text for found in records] == ["good", "b\ufffdd"]


@pytest.mark.parametrize("data", [b"", b"PAR1", b"words" * 100, table_bytes(TABLE)[:-10]])
def test_another_kind_of_file_is_one_quarantined_record(tmp_path, data):
    assert ends(read(tmp_path, data, "a.parquet", Parquet())) == ["not_parquet"]


def test_a_corrupt_row_group_costs_its_rows(tmp_path):
    table = pa.table({"text": [f"Text number {n}" for n in range(3000)]})
    data = bytearray(table_bytes(table, row_group_size=1000, compression="zstd"))
    start = pq.read_metadata(io.BytesIO(bytes(data))).row_group(1).column(0).dictionary_page_offset
    data[start : start + 400] = b"\xff" * 400
    records = read(tmp_path, bytes(data), "a.parquet", Parquet())
    assert ends(records) == ["open"] * 1000 + ["corrupt_parquet"] + ["open"] * 1000
    assert (records[1000].offset, records[1001].offset) == (1000, 2000)


def test_a_missing_text_column_is_the_recipe_s_mistake(tmp_path):
    with pytest.raises(UserError, match=r"no column 'text'.*content"):
        read(tmp_path, table_bytes(TABLE), "a.parquet", Parquet())
