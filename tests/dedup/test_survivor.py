from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.dataset import Batch
from gristmill.dedup.exact import Exact
from gristmill.dedup.loss import LossLimit
from gristmill.dedup.survivor import LOWEST, SurvivorRule
from gristmill.errors import UserError
from gristmill.stage import GlobalStage
from tests.stages import read_layer, run_phases, write_shard, write_signals


def scores(values: pa.Array, survivor: str) -> list[int]:
    batch = Batch(0, len(values))
    batch.add_column("x.value", values)
    return SurvivorRule(survivor=survivor, survivor_column="x.value").scores(batch, "s").tolist()


@given(st.lists(st.one_of(st.none(), st.floats(), st.integers(-5, 5).map(float)), max_size=30))
def test_scores_are_ordered_as_the_values_are_and_none_and_nan_come_last(values):
    for kind in (pa.float64(), pa.float32()):
        array = pa.array(values, kind)
        numbers = array.to_pylist()
        for survivor, sign in (("highest", 1), ("lowest", -1)):
            found = scores(array, survivor)
            for one, left in zip(numbers, found, strict=True):
                assert (left == LOWEST) == (one is None or one != one)
                for two, right in zip(numbers, found, strict=True):
                    if LOWEST not in (left, right):
                        assert (left > right) == (sign * one > sign * two)


@given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=20))
def test_large_integers_are_compared_exactly(values):
    found = scores(pa.array(values, pa.int64()), "highest")
    clipped = [max(value, LOWEST + 1) for value in values]
    assert found == clipped
    assert scores(pa.array(values, pa.int64()), "lowest") == [-value for value in clipped]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"survivor": "highest"}, "survivor_column"),
        ({"survivor_column": "bytes"}, "survivor_column"),
        ({"survivor": "source"}, "survivor_sources"),
        ({"survivor": "highest", "survivor_column": "title"}, "is no number"),
    ],
)
def test_half_a_rule_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        SurvivorRule(**fields)


def test_a_column_of_text_is_refused():
    batch = Batch(0, 1)
    batch.add_column("x.value", pa.array(["a"]))
    with pytest.raises(UserError, match="holds string, not numbers"):
        SurvivorRule(survivor="lowest", survivor_column="x.value").scores(batch, "s")


@pytest.mark.parametrize(
    ("rule", "kept"),
    [
        ({"survivor": "first"}, ("crawl", 0)),
        ({"survivor": "longest"}, ("books", 1)),
        ({"survivor": "newest"}, ("crawl", 1)),
        ({"survivor": "oldest"}, ("books", 0)),
        ({"survivor": "highest", "survivor_column": "length"}, ("crawl", 2)),
        ({"survivor": "lowest", "survivor_column": "length"}, ("books", 0)),
        ({"survivor": "source", "survivor_sources": ("books", "crawl")}, ("books", 0)),
        ({"survivor": "source", "survivor_sources": ("other", "books")}, ("books", 0)),
    ],
)
def test_the_document_that_the_recipe_names_survives(tmp_path: Path, rule, kept):
    stage = Exact(normalise="words", max_loss=1, **rule)
    day = pa.timestamp("s", tz="UTC")
    shards = [
        write_shard(tmp_path, "crawl", "c", ["one"] * 3, date=pa.array([5, 9, None], day), length=[3, 4, 9]),
        write_shard(tmp_path, "books", "b", ["one", "one!"], date=pa.array([2, 9], day), length=[3, 9]),
    ]
    if rule.get("survivor_column") == "length" and rule["survivor"] == "lowest":
        shards[1] = write_shard(tmp_path, "books", "b", ["one", "one!"], length=[1, 9])
    shards = [write_signals(stage, shard, tmp_path) for shard in shards]
    scope = run_phases(stage, shards, tmp_path / "out")
    for shard in shards:
        layer = read_layer(stage, scope, shard).to_pydict()
        survivors = [row for row, reason in enumerate(layer["drop"]) if reason is None]
        assert survivors == ([kept[1]] if shard.source == kept[0] else [])
        for row, reason in enumerate(layer["drop"]):
            twin = (layer["exact.twin_source"][row], layer["exact.twin_row"][row])
            assert twin == (kept if reason else (None, None))
            assert layer["exact.method"][row] == ("text" if reason else None)
            assert layer["exact.similarity"][row] == (1.0 if reason else None)


@pytest.mark.parametrize("limit", [0.5, 0.75])
def test_a_stage_stops_before_it_writes_a_layer_when_a_source_would_lose_too_much(tmp_path: Path, limit):
    stage = Exact(max_loss=limit)
    shards = [
        write_signals(stage, write_shard(tmp_path, source, source, texts), tmp_path)
        for source, texts in (("first", ["a", "b", "c", "d"]), ("second", ["a", "b", "c", "x", "dropped"]))
    ]
    shards[1] = write_signals(
        stage, write_shard(tmp_path, "second", "second", ["a", "b", "c", "x", "a"], [4]), tmp_path
    )
    if limit == 0.75:
        run_phases(stage, shards, tmp_path / "out")  # three of four that reach it: not more than the limit
        return
    with pytest.raises(UserError, match=r"3 of 4 documents of source 'second' \(75\.0%\); max_loss allows 50\.0%"):
        run_phases(stage, shards, tmp_path / "out")
    assert not (tmp_path / "out" / "layers").exists()


def test_the_limit_is_no_part_of_what_a_stage_writes():
    assert "max_loss" in Exact.guards
    assert issubclass(Exact, LossLimit)
    assert issubclass(Exact, GlobalStage)


@settings(max_examples=20, deadline=None)
@given(st.dictionaries(st.sampled_from("abc"), st.tuples(st.integers(0, 50), st.floats(0, 1))))
def test_the_alarm_sounds_for_exactly_the_sources_past_the_limit(sources):
    stage = Exact(max_loss=0.6)
    documents = {source: count for source, (count, _) in sources.items()}
    lost = {source: int(count * share) for source, (count, share) in sources.items()}
    loud = sorted(source for source in lost if lost[source] > 0.6 * documents[source])
    if not loud:
        stage.stop_on_loss(documents, lost)
        return
    with pytest.raises(UserError) as caught:
        stage.stop_on_loss(documents, lost)
    assert [source for source in "abc" if f"source {source!r}" in caught.value.message] == loud
