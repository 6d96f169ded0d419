"""Published corpora by name: rows as their cards describe them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gristmill.sources.fields import Fields
from gristmill.sources.jsonl import JsonLines
from gristmill.sources.parquet import Parquet
from gristmill.stage import InputFile
from tests.sources.archives import read

URL, DATE = "http://mill.example/", 1_580_702_706
ROWS: dict[str, dict[str, Any]] = {
    "c4": {"text": "Words", "url": URL, "timestamp": "2020-02-03T04:05:06Z"},
    "oscar": {
        "content": "Words",
        "warc_headers": {"warc-target-uri": URL, "warc-date": "2020-02-03T04:05:06Z"},
        "metadata": {"identification": {"label": "en", "prob": 0.9}, "annotation": ["short_sentences"]},
    },
    "redpajama": {"text": "Words", "meta": {"url": URL, "timestamp": "2020-02-03T04:05:06", "language": "en"}},
    "redpajama_v2": {"raw_content": "Words", "url": URL, "date_download": "2020-02-03T04:05:06Z", "language": "en"},
    "refinedweb": {"content": "Words", "url": URL, "timestamp": "2020-02-03 04:05:06"},
    "fineweb": {"text": "Words", "id": "<urn:uuid:1>", "dump": "CC", "url": URL, "date": "2020-02-03T04:05:06Z"},
    "dolma": {"id": "7", "text": "Words", "source": "x", "created": "2020-02-03T04:05:06Z", "metadata": {"url": URL}},
}


@pytest.mark.parametrize("preset", sorted(ROWS))
def test_a_row_of_the_corpus_is_read_whole(tmp_path: Path, preset: str) -> None:
    (found,) = read(tmp_path, json.dumps(ROWS[preset]).encode(), "a.jsonl", JsonLines(preset=preset))
    assert (found.text, found.url, found.date) == ("Words", URL, DATE)


def test_the_pile_keeps_which_part_a_text_is_from(tmp_path: Path) -> None:
    row = {"text": "Words", "meta": {"pile_set_name": "ArXiv"}}
    (found,) = read(tmp_path, json.dumps(row).encode(), "a.jsonl", JsonLines(preset="pile"))
    assert found.metadata == {"meta.pile_set_name": "ArXiv"}


def test_fields_of_the_recipe_count_before_those_of_the_preset(tmp_path: Path) -> None:
    row = {"body": "Words", "url": URL, "timestamp": "2020-02-03T04:05:06Z"}
    source = JsonLines(preset="c4", fields=Fields(text="body"))
    (found,) = read(tmp_path, json.dumps(row).encode(), "a.jsonl", source)
    assert (found.text, found.date) == ("Words", DATE)


def test_presets_read_parquet_too(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.Table.from_pylist([ROWS["fineweb"]]), path)
    (found,) = Parquet(preset="fineweb").records(InputFile(str(path), "a", 1, "v"))
    assert (found.text, found.id, found.metadata) == ("Words", "<urn:uuid:1>", {"dump": "CC"})
