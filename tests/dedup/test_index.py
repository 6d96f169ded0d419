"""A later run against the index of an earlier one: as if both had been one run."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill import api
from gristmill.dedup.exact import Exact
from gristmill.dedup.key_index import KeyIndex, range_bounds, range_of
from gristmill.dedup.keyed import KeyedDedup
from gristmill.dedup.minhash import MinHash
from gristmill.dedup.url import UrlDedup
from gristmill.errors import UserError
from tests.dedup.planted import page
from tests.stages import read_layer, run_phases, write_shard, write_signals

KINDS = {"exact": Exact, "url_dedup": UrlDedup, "minhash": MinHash}


def drops(
    stage: KeyedDedup,
    folder: Path,
    parts: dict[str, Sequence[str]],
    dropped: dict[str, Sequence[int]] | None = None,
    memory: int = 1 << 30,
) -> dict[str, dict]:
    """The layer of each source; texts are URLs too."""
    shards = []
    for source, texts in parts.items():
        gone = (dropped or {}).get(source, ())
        shards.append(write_shard(folder, source, "a", texts, gone, batch_rows=3, url=list(texts)))
        shards[-1] = write_signals(stage, shards[-1], folder)
    scope = run_phases(stage, shards, folder / "out", memory)
    return {shard.source: read_layer(stage, scope, shard).to_pydict() for shard in shards}


def kept(layer: dict) -> list[bool]:
    return [reason is None for reason in layer["drop"]]


some = st.lists(st.sampled_from("abcdefgh"), max_size=8)


@pytest.mark.parametrize("kind", ["exact", "url_dedup"])
@settings(max_examples=6)
@given(some, some, some, st.data())
def test_dump_after_dump_is_as_all_dumps_together(kind, first, second, third, data):
    parts = {"one": first, "two": second, "three": third}
    dropped = {name: data.draw(st.lists(st.integers(0, 7), max_size=2)) for name in parts}
    dropped = {name: [row for row in rows if row < len(parts[name])] for name, rows in dropped.items()}
    cls = KINDS[kind]
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        together = drops(cls(max_loss=1), here / "together", parts, dropped)
        index = data.draw(st.sampled_from(["own", "all"]))
        against: list[str] = []
        for name, texts in parts.items():
            memory = data.draw(st.sampled_from([1 << 30, 1 << 16]))
            stage = cls(index=index, against=tuple(against), max_loss=1)
            apart = drops(stage, here / name, {name: texts}, dropped, memory)
            assert kept(apart[name]) == kept(together[name])
            found = str(here / name / "out" / "index")
            against = [found] if index == "all" else [*against, found]


@settings(max_examples=5)
@given(st.lists(st.integers(0, 6), min_size=1, max_size=8), st.lists(st.integers(0, 6), min_size=1, max_size=8))
def test_near_duplicates_of_a_second_dump_fall_as_they_would_in_one_run(first, second):
    """Exactly the same documents of the second dump fall, also those that only a dropped document of the first resembles."""
    texts = [" ".join(page(1, 400).split()[30 * step : 30 * step + 120]) for step in range(7)]  # neighbours overlap
    parts = {"one": [texts[n] for n in first], "two": [texts[n] for n in second]}
    loose = {"bands": 12, "rows": 2, "max_loss": 1}
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        together = drops(MinHash(**loose), here / "together", parts)
        drops(MinHash(index="own", **loose), here / "one", {"one": parts["one"]})
        stage = MinHash(against=(str(here / "one" / "out"),), **loose)
        assert kept(drops(stage, here / "two", {"two": parts["two"]})["two"]) == kept(together["two"])


def ladder(step: int) -> str:
    """Texts of which neighbours overlap, so that a missing one in between leaves two clusters that it would connect."""
    return " ".join(page(1, 420).split()[40 * step : 40 * step + 100])


steps = st.lists(st.integers(0, 8), max_size=5)


@settings(max_examples=8)
@given(steps, steps, steps, st.sampled_from(["own", "all", "apart"]), st.data())
def test_what_earlier_dumps_kept_without_the_superseded_and_the_new_is_what_one_run_keeps(a, b, c, how, data):
    """For dumps that were checked against one another, by one index or several, and for dumps that were not."""
    parts = {name: [ladder(step) for step in found] for name, found in (("a", a), ("b", b), ("c", c))}
    dropped = {name: data.draw(st.lists(st.integers(0, 4), max_size=1)) for name in parts}
    dropped = {name: [row for row in rows if row < len(parts[name])] for name, rows in dropped.items()}
    loose = {"bands": 12, "rows": 2, "max_loss": 1}
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        together = drops(MinHash(**loose), here / "together", parts, dropped)
        indexes: list[str] = []
        survivors: set[tuple[str, int]] = set()
        for name, texts in parts.items():
            last = name == "c"
            against = indexes[-1:] if how == "all" else indexes if how == "own" or last else []
            stage = MinHash(index="all" if how == "all" else "own", against=tuple(against), **loose)
            memory = data.draw(st.sampled_from([1 << 30, 1 << 16]))
            layer = drops(stage, here / name, {name: texts}, dropped, memory)[name]
            survivors |= {(name, row) for row, stays in enumerate(kept(layer)) if stays}
            indexes.append(str(here / name / "out" / "index"))
        table = pq.read_table(here / "c" / "out" / "superseded" / "documents.parquet").to_pylist()
        superseded = {(row["source"], row["row"]) for row in table}
        twins = {(row["twin_source"], row["twin_row"]) for row in table}
    one_run = {(name, row) for name in parts for row, stays in enumerate(kept(together[name])) if stays}
    assert superseded <= survivors
    gone = {(name, row) for name, rows in dropped.items() for row in rows}
    assert survivors - superseded - gone == one_run - gone
    assert twins <= one_run


def test_a_document_that_connects_two_kept_before_names_the_second_as_superseded(tmp_path: Path):
    loose = {"bands": 12, "rows": 2, "max_loss": 1}
    first = drops(MinHash(index="own", **loose), tmp_path / "one", {"one": ["short", ladder(0), ladder(2)]})["one"]
    assert kept(first) == [True, True, True]
    stage = MinHash(against=(str(tmp_path / "one" / "out"),), **loose)
    layer = drops(stage, tmp_path / "two", {"two": [ladder(1), ladder(7)]})["two"]
    assert kept(layer) == [False, True]
    assert (layer["minhash.twin_source"][0], layer["minhash.twin_row"][0]) == ("one", 1)
    table = pq.read_table(tmp_path / "two" / "out" / "superseded" / "documents.parquet").to_pylist()
    place = {"index": "out", "source": "one", "shard": "a"}
    twin = {f"twin_{name}": value for name, value in place.items()}
    assert table == [{**place, "row": 2, **twin, "twin_row": 1}]


def test_an_index_of_verified_clusters_supersedes_nothing(tmp_path: Path):
    loose = {"bands": 12, "rows": 2, "max_loss": 1}
    verified = MinHash(index="own", verify={"jaccard": 0.9}, **loose)
    drops(verified, tmp_path / "one", {"one": [ladder(0), ladder(2)]})
    stage = MinHash(against=(str(tmp_path / "one" / "out"),), **loose)
    assert kept(drops(stage, tmp_path / "two", {"two": [ladder(1)]})["two"]) == [False]
    assert pq.read_table(tmp_path / "two" / "out" / "superseded" / "documents.parquet").num_rows == 0


def test_the_twin_in_an_index_is_named(tmp_path: Path):
    drops(Exact(index="own"), tmp_path / "one", {"one": ["x", "a", "b"]})
    index = str(tmp_path / "one" / "out" / "index")
    layer = drops(Exact(against=(index,)), tmp_path / "two", {"two": ["c", "b", "c", "d"]})["two"]
    assert kept(layer) == [True, False, False, True]
    assert layer["exact.twin_index"] == [None, "out", None, None]
    assert layer["exact.twin_source"] == [None, "one", "two", None]
    assert layer["exact.twin_shard"] == [None, "a", "a", None]
    assert layer["exact.twin_row"] == [None, 2, 0, None]
    assert layer["exact.method"] == [None, "text", "text", None]


@pytest.mark.parametrize("ranges", [1, 3, 7, 1000])
def test_ranges_cover_every_key_once(ranges):
    bounds = [range_bounds(part, ranges) for part in range(ranges)]
    assert bounds[0][0] == 0
    assert bounds[-1][1] == (1 << 64) - 1
    assert all(bounds[part][1] + 1 == bounds[part + 1][0] for part in range(ranges - 1))
    for part, (first, last) in enumerate(bounds):
        assert range_of(first, ranges) == range_of(last, ranges) == part


def test_an_index_of_other_settings_or_none_is_refused(tmp_path: Path):
    drops(Exact(index="own"), tmp_path, {"one": ["x"]})
    folder = str(tmp_path / "out" / "index")
    with pytest.raises(UserError, match=r"its keys are others .*normalise 'whitespace'"):
        Exact(against=(folder,), normalise="words").check()
    with pytest.raises(UserError, match=r"its keys are others .*kind 'exact'"):
        UrlDedup(against=(folder,)).check()
    with pytest.raises(UserError, match="no index"):
        Exact(against=(str(tmp_path / "nowhere"),)).check()
    assert KeyIndex.open(folder, "exact", Exact().key_settings(), True).records == 1


def test_an_index_can_be_copied_and_is_known_by_its_content(tmp_path: Path):
    drops(Exact(index="own"), tmp_path, {"one": ["x"]})
    shutil.copytree(tmp_path / "out" / "index", tmp_path / "copy")
    layer = drops(Exact(against=(str(tmp_path / "copy"),), max_loss=1), tmp_path / "two", {"two": ["x", "y"]})["two"]
    assert kept(layer) == [False, True]


def recipe(folder: Path, number: int, texts: list[str], stage: dict) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    rows = [{"text": text, "url": f"http://site.example/{text}"} for text in texts]
    (folder / f"part{number}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    web = {"read": "jsonl", "input": f"part{number}.jsonl"}
    path = folder / f"part{number}.yaml"
    path.write_text(json.dumps({"sources": {"web": web}, "stages": [{"url_dedup": stage}]}))
    return path


def test_the_root_of_an_earlier_run_is_enough_and_another_index_runs_the_stage_again(tmp_path: Path):
    first = recipe(tmp_path, 0, ["a", "b"], {"index": "all"})
    assert api.run(api.plan(api.load(first, [], root=str(tmp_path / "run0"))), workers=1).ok
    second = recipe(tmp_path, 1, ["b", "c", "c"], {"index": "all", "against": ["run0"]})
    loaded = api.load(second, [], root=str(tmp_path / "run1"))
    assert api.run(api.plan(loaded), workers=1).ok
    table = api.open_dataset(loaded, "web").to_table(["text", "drop", "url_dedup.twin_index"], dropped=True).to_pydict()
    assert table["drop"] == ["url_dedup.duplicate", None, "url_dedup.duplicate"]
    assert table["url_dedup.twin_index"][0].startswith("url_dedup-")
    assert api.plan(api.load(second, [], root=str(tmp_path / "run1"))).done
    recipe(tmp_path, 0, ["a", "c"], {"index": "all"})
    shutil.rmtree(tmp_path / "run0")
    assert api.run(api.plan(api.load(first, [], root=str(tmp_path / "run0"))), workers=1).ok
    again = api.plan(api.load(second, [], root=str(tmp_path / "run1")))
    assert not again.done
