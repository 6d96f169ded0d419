"""Published corpora by name: rows as their cards describe them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from typer.testing import CliRunner

import gristmill
from gristmill.cli import app
from gristmill.sources.fields import Fields
from gristmill.sources.jsonl import JsonLines
from gristmill.sources.parquet import Parquet
from gristmill.sources.presets import PRESETS
from gristmill.stage import InputFile
from tests.sources.archives import read

URL, DATE = "http://mill.example/", 1_580_702_706
STAMP = "2020-02-03T04:05:06Z"
_CCNET_ROW = {
    "url": URL,
    "date_download": STAMP,
    "digest": "sha1:AB",
    "length": 5,
    "nlines": 1,
    "source_domain": "mill.example",
    "title": "Rye",
    "raw_content": "Words",
    "language": "en",
    "language_score": 0.98,
    "perplexity": 210.5,
    "bucket": "head",
}
ROWS: dict[str, dict[str, Any]] = {
    "c4": {"text": "Words", "url": URL, "timestamp": STAMP},
    "oscar": {
        "content": "Words",
        "warc_headers": {"warc-target-uri": URL, "warc-date": STAMP, "warc-type": "conversion"},
        "metadata": {
            "identification": {"label": "en", "prob": 0.9},
            "harmful_pp": 612.0,
            "tlsh": "tlsh:A1",
            "quality_warnings": ["short_sentences"],
            "categories": None,
            "sentence_identifications": [{"label": "en", "prob": 0.9}, None],
        },
    },
    "ccnet": _CCNET_ROW,
    "redpajama": {
        "text": "Words",
        "meta": {"url": URL, "timestamp": "2020-02-03T04:05:06", "language": "en", "source": "c4"},
        "red_pajama_subset": "c4",
    },
    "redpajama_v2": _CCNET_ROW | {"cc_segment": "crawl-data/x.wet.gz", "original_nlines": 2, "line_ids": [0]},
    "refinedweb": {
        "content": "Words",
        "url": URL,
        "timestamp": "2020-02-03 04:05:06",
        "dump": "CC-MAIN-2020-05",
        "segment": "1",
    },
    "fineweb": {
        "text": "Words",
        "id": "<urn:uuid:1>",
        "dump": "CC-MAIN-2020-05",
        "url": URL,
        "date": STAMP,
        "file_path": "s3://x.warc.gz",
        "language": "en",
        "language_score": 0.9,
        "token_count": 1,
    },
    "dolma": {
        "id": "7",
        "text": "Words",
        "source": "cc",
        "added": "2023-03-01T00:00:00Z",
        "created": STAMP,
        "metadata": {"url": URL},
    },
}
UNDATED: dict[str, dict[str, Any]] = {
    "pile": {"text": "Words", "meta": {"pile_set_name": "ArXiv"}},
    "slimpajama": {"text": "Words", "meta": {"redpajama_set_name": "RedPajamaC4"}},
    "stack": {
        "hexsha": "ab",
        "ext": "py",
        "lang": "Python",
        "max_stars_repo_path": "mill/rye.py",
        "max_stars_repo_name": "ann/mill",
        "max_stars_repo_licenses": ["MIT"],
        "max_stars_count": 3,
        "content": "Words",
    },
}


def test_every_corpus_is_read_from_the_command_line(tmp_path: Path) -> None:
    rows = ROWS | UNDATED
    assert set(rows) == set(PRESETS)
    recipe = ["sources:"]
    for preset, row in rows.items():
        kind = "parquet" if preset in ("fineweb", "refinedweb", "stack") else "jsonl"
        path = (
            tmp_path / f"{preset}.{'parquet' if kind == 'parquet' else 'jsonl.zst' if preset == 'oscar' else 'json.gz'}"
        )
        if kind == "parquet":
            pq.write_table(pa.Table.from_pylist([row]), path)
        else:
            line = json.dumps(row).encode() + b"\n"
            path.write_bytes(zstandard.compress(line) if path.suffix == ".zst" else gzip.compress(line))
        recipe += [f"  {preset}:", f"    read: {{{kind}: {{preset: {preset}}}}}", f"    input: {path.name}"]
    (tmp_path / "r.yaml").write_text("\n".join(recipe))
    root = str(tmp_path / "runs")
    done = CliRunner().invoke(app, ["run", str(tmp_path / "r.yaml"), "--quiet", "--workers", "1", "--root", root])
    assert done.exit_code == 0, done.output
    loaded = gristmill.load(tmp_path / "r.yaml", root=root)
    for preset in rows:
        columns = ["text", "url", "date", "language", "title", "metadata"]
        (found,) = gristmill.open_dataset(loaded, preset).to_table(columns).to_pylist()
        assert found["text"] == "Words"
        if preset in ROWS:
            assert (found["url"], int(found["date"].timestamp())) == (URL, DATE)
        assert found["language"] == {"dolma": None, "refinedweb": None, "c4": None, "stack": "Python"}.get(
            preset, None if preset in UNDATED else "en"
        )
        assert found["metadata"] or preset == "c4"


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
    assert (found.text, found.id, found.metadata) == (
        "Words",
        "<urn:uuid:1>",
        {"dump": "CC-MAIN-2020-05", "file_path": "s3://x.warc.gz", "language_score": 0.9, "token_count": 1},
    )
