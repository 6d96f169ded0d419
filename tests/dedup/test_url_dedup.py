from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from gristmill.dataset import ShardRef
from gristmill.dedup.url import UrlDedup, c4_url
from tests.stages import read_layer, run_phases, write_shard, write_signals


@pytest.mark.parametrize(
    ("url", "left"),
    [
        ("https://www.Example.com/Page/", "Example.com/Page"),
        ("http://example.com/a?utm_source=x&id=1", "example.com/a"),
        ("http://example.com/a?ref=home", "example.com/a"),
        ("http://example.com/a?feed=rss", "example.com/a"),
        ("http://example.com/a/?reference=7", "example.com/a"),
        ("http://example.com/a?id=1&utm_source=x", "example.com/a?id=1&utm_source=x"),
        ("http://example.com/a?ID=1", "example.com/a?ID=1"),
        ("http://example.com///", "example.com"),
        ("ftp://www.example.com/", "ftp://www.example.com"),
        ("HTTP://www.example.com/", "HTTP://www.example.com"),
        ("https://archive.example/2019/http://www.example.com/", "archive.example/2019/example.com"),
        ("https://www.", ""),
    ],
)
def test_c4_normalisation(url, left):
    assert c4_url(url) == left


def shard_of(
    folder: Path, stage: UrlDedup, name: str, urls: list[str | None], dates: list[int | None] | None = None, **more
) -> ShardRef:
    columns = {"url": pa.array(urls, pa.string())}
    if dates is not None:
        columns["date"] = pa.array(dates, pa.timestamp("s", tz="UTC"))
    texts = more.pop("texts", ["text"] * len(urls))
    return write_signals(stage, write_shard(folder, "s", name, texts, **more, **columns), folder)


def drops(stage: UrlDedup, shards: list[ShardRef], folder: Path, memory: int = 1 << 30) -> list[list[bool]]:
    scope = run_phases(stage, shards, folder / "out", memory)
    layers = [read_layer(stage, scope, shard) for shard in shards]
    return [[reason == "url_dedup.duplicate" for reason in layer.column("drop").to_pylist()] for layer in layers]


def test_the_first_of_each_url_survives_and_is_named_as_twin(tmp_path: Path):
    stage = UrlDedup()
    shards = [
        shard_of(tmp_path, stage, "a", ["http://x.example/", "https://y.example/1"]),
        shard_of(tmp_path, stage, "b", ["https://www.x.example?utm_a=1", "https://y.example/2", "x.example"]),
    ]
    scope = run_phases(stage, shards, tmp_path / "out")
    layer = read_layer(stage, scope, shards[1]).to_pydict()
    assert layer["drop"] == ["url_dedup.duplicate", None, "url_dedup.duplicate"]
    assert layer["url_dedup.twin_shard"] == ["a", None, "a"]
    assert layer["url_dedup.twin_row"] == [0, None, 0]


def test_exact_urls_differ_in_scheme(tmp_path: Path):
    stage = UrlDedup(normalise="exact")
    shard = shard_of(tmp_path, stage, "a", ["http://x.example", "https://x.example", "http://x.example"])
    assert drops(stage, [shard], tmp_path) == [[False, False, True]]


def test_documents_without_url_always_survive(tmp_path: Path):
    stage = UrlDedup()
    shard = shard_of(tmp_path, stage, "a", [None, "", None, "  ", "https://www.", "http://", "x", "x"])
    assert drops(stage, [shard], tmp_path) == [[False] * 7 + [True]]


def test_dropped_documents_take_no_part(tmp_path: Path):
    stage = UrlDedup()
    shard = shard_of(tmp_path, stage, "a", ["x", "x", "x"], dropped=[0])
    assert drops(stage, [shard], tmp_path) == [[False, False, True]]


@pytest.mark.parametrize("survivor", ["first", "newest", "oldest", "longest"])
def test_one_document_of_each_url_survives_as_declared(tmp_path: Path, survivor):
    stage = UrlDedup(survivor=survivor)
    shards = [
        shard_of(tmp_path, stage, "a", ["x", "z", "x"], [50, None, -10], texts=["aa", "b", "a"]),
        shard_of(tmp_path, stage, "b", ["x", "x", None], [None, 70, 5], texts=["aaaa", "a", "a"]),
        shard_of(tmp_path, stage, "c", ["x"], [70], texts=["aaaa"]),
    ]
    expected = {
        "first": [[False, False, True], [True, True, False], [True]],
        "longest": [[True, False, True], [False, True, False], [True]],
        "newest": [[True, False, True], [True, False, False], [True]],
        "oldest": [[True, False, False], [True, True, False], [True]],
    }
    assert drops(stage, shards, tmp_path) == expected[survivor]


def test_without_any_date_the_first_survives(tmp_path: Path):
    for survivor in ("newest", "oldest"):
        stage = UrlDedup(survivor=survivor)
        shard = shard_of(tmp_path / survivor, stage, "a", ["x", "x"], [None, None])
        assert drops(stage, [shard], tmp_path / survivor) == [[False, True]]
