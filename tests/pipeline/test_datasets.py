"""What comes out of a run as a dataset: cuts in order, drop_early, compact, a dataset as a source, and the ledger."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from gristmill import api
from gristmill.compact import compact
from gristmill.dataset import Dataset
from gristmill.errors import UserError
from tests.pipeline.command import run_here
from tests.pipeline.small_corpus import text_of, usual_recipe, write_corpus, write_jsonl, write_recipe

pytestmark = pytest.mark.usefixtures("planted")


def opened(recipe: Path, root: Path, source: str = "web", *overrides: str) -> Dataset:
    return api.open_dataset(api.load(recipe, list(overrides), root=str(root)), source)


def texts(dataset: Dataset) -> list[str]:
    return dataset.to_table(["text"])["text"].to_pylist()


def test_cuts_of_two_stages_are_carried_out_in_order(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", ["ab ba", "水b水", "nothing", "b"])
    cuts = [
        {"planted_cut": {"name": "one", "word": "b", "by": "水"}},
        {"planted_cut": {"name": "two", "word": "水水", "by": None, "forbidden": "nothing"}},
        {"planted_length": {"minimum": 3}},
    ]
    recipe = usual_recipe(tmp_path, cuts, [])
    result = run_here(recipe, tmp_path / "root")
    assert result.ok, result.failures
    dataset = opened(recipe, tmp_path / "root")
    assert texts(dataset) == ["a水 水a", "水", "水"]
    every = dataset.to_table(["text", "planted_length.bytes", "drop"], dropped=True).to_pydict()
    assert every["text"] == ["a水 水a", "水", "nothing", "水"]
    assert every["planted_length.bytes"] == [9, 3, 7, 3]
    assert every["drop"] == [None, None, "two.forbidden", None]


def test_changed_cut_runs_the_signals_behind_it_again(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", ["ab ba"])
    recipe = usual_recipe(
        tmp_path, ["planted_length", {"planted_cut": {"word": "b"}}, {"planted_length": {"name": "after"}}], []
    )
    run_here(recipe, tmp_path / "root")
    again = run_here(recipe, tmp_path / "root", "sources.web.stages.planted_cut.word=a")
    assert again.ok, again.failures
    assert sorted(again.ran) == ["web/after", "web/after.signals", "web/planted_cut", "web/statistics"]
    column = opened(recipe, tmp_path / "root", "web", "sources.web.stages.planted_cut.word=a").to_table(["after.bytes"])
    assert column["after.bytes"].to_pylist() == [3]


def test_stage_reads_the_column_of_a_stage_before_it(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", ["ab", "abc", "abcd"])
    recipe = usual_recipe(tmp_path, ["planted_length", "planted_follower"], [])
    assert run_here(recipe, tmp_path / "root").ok
    assert texts(opened(recipe, tmp_path / "root")) == ["ab", "abcd"]
    wrong = usual_recipe(tmp_path, ["planted_follower", "planted_length"], [])
    with pytest.raises(
        UserError, match=r"planted_follower reads the column 'planted_length.bytes', which no stage before it"
    ):
        run_here(wrong, tmp_path / "root")


def run_unless_refused(recipe: Path, root: Path) -> api.Result | None:
    """The run, or None when the recipe is refused because of its drop_early."""
    try:
        return run_here(recipe, root)
    except UserError as error:
        if "drop_early" not in str(error):
            raise
        return None


# -- drop_early -------------------------------------------------------------------------------------------------------


def test_drop_early_keeps_the_same_survivors_and_says_why_in_the_ledger(tmp_path: Path) -> None:
    write_corpus(tmp_path / "in")
    filters = [{"url": {"curated": ["part1.example"]}}, {"planted_length": {"minimum": 150, "maximum": 500}}]
    late = usual_recipe(tmp_path, filters)
    assert run_here(late, tmp_path / "root").ok
    early = usual_recipe(tmp_path, filters, drop_early=["url", "planted_length"])
    result = run_here(early, tmp_path / "root")
    assert result.ok, result.failures
    kept = opened(early, tmp_path / "root").to_table(["id", "text"]).to_pydict()
    late = usual_recipe(tmp_path, filters)
    assert kept == opened(late, tmp_path / "root").to_table(["id", "text"]).to_pydict()
    figures = result.summary["sources"]["web"]
    assert figures["balanced"]
    assert figures["dropped_early"]["url.curated_source"] == 20
    assert set(figures["dropped_early"]) == {
        "url.curated_source",
        "planted_length.too_short",
        "planted_length.too_long",
    }
    assert set(figures["removed"]) <= {"planted_twins.twin"}
    assert figures["documents"]["documents"] < figures["records"] == 60


@pytest.mark.parametrize("early", [["planted_cut"], ["planted_length"], ["planted_cut", "planted_length"]])
def test_drop_early_behind_a_cut_is_the_same_or_is_refused(tmp_path: Path, early: list[str]) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", ["ab ba", "aa", "forbidden", "bbbbbbb"])
    filters = [{"planted_cut": {"word": "b", "forbidden": "forb"}}, {"planted_length": {"minimum": 3}}]
    recipe = usual_recipe(tmp_path, filters, [])
    assert run_here(recipe, tmp_path / "root").ok
    expected = texts(opened(recipe, tmp_path / "root"))
    assert expected == ["a a"]
    recipe = usual_recipe(tmp_path, filters, [], drop_early=early)
    result = run_unless_refused(recipe, tmp_path / "root")
    if result is None:
        return
    assert result.ok, result.failures
    assert texts(opened(recipe, tmp_path / "root")) == expected


def test_drop_early_of_a_stage_that_reads_a_later_column_works_or_is_refused(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", ["ab", "abc", "abcd"])
    recipe = usual_recipe(tmp_path, ["planted_length", "planted_follower"], [], drop_early=["planted_follower"])
    result = run_unless_refused(recipe, tmp_path / "root")
    if result is None:
        return
    assert result.ok, result.failures
    assert texts(opened(recipe, tmp_path / "root")) == ["ab", "abcd"]


# -- the ledger -------------------------------------------------------------------------------------------------------


def test_every_record_is_in_the_ledger_once(tmp_path: Path) -> None:
    lines = [
        '{"text": "one two three"}',
        "not json",
        '{"text": ""}',
        '{"other": 1}',
        '{"text": "four"}',
        "",
        '{"text": 5}',
        "[1]",
    ]
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jsonl").write_text("\n".join(lines))
    write_corpus(tmp_path / "in", files=2)
    recipe = usual_recipe(tmp_path, [{"planted_length": {"minimum": 10}}], drop_early=["planted_length"])
    result = run_here(recipe, tmp_path / "root", workers=2)
    assert result.ok
    figures = result.summary["sources"]["web"]
    assert figures["balanced"]
    folder = Path(figures["folder"])
    outcomes: Counter[str] = Counter()
    for path in sorted(folder.glob("*.ledger.parquet")):
        ledger = pq.read_table(path)
        documents = pq.read_table(str(path).replace(".ledger", ""))
        places = list(zip(ledger["file"].to_pylist(), ledger["offset"].to_pylist(), strict=True))
        assert len(set(places)) == len(places)
        outcomes.update(ledger["outcome"].to_pylist())
        for row in ledger.to_pylist():
            if row["outcome"] == "document":
                document = documents.slice(row["row"], 1).to_pylist()[0]
                assert (document["file"], document["offset"], row["reason"]) == (row["file"], row["offset"], None)
            else:
                assert row["row"] is None
                assert row["reason"]
        assert sum(row is not None for row in ledger["row"].to_pylist()) == documents.num_rows
    assert sum(outcomes.values()) == figures["records"] == 7 + 40
    assert outcomes["document"] == figures["documents"]["documents"]
    broken = pq.read_table(next(folder.glob("a-*.quarantine.parquet")))
    assert b"not json" in broken["content"].to_pylist()
    assert broken.num_rows == outcomes["quarantined"]


# -- compact and `read: dataset` --------------------------------------------------------------------------------------


def test_compact_and_dataset_source_have_the_survivors_of_the_dataset(tmp_path: Path) -> None:
    write_corpus(tmp_path / "in")
    web = {
        "read": "jsonl",
        "input": "in/*.jsonl",
        "stages": [
            {"planted_length": {"minimum": 150}},
            {"planted_cut": {"word": "miller", "by": "Müller"}},
            "planted_twins",
        ],
    }
    again = {"read": {"dataset": {"source": "web"}}, "stages": [{"planted_length": {"minimum": 300}}]}
    recipe = write_recipe(tmp_path / "r.yaml", {"again": again, "web": web})
    result = run_here(recipe, tmp_path / "root")
    assert result.ok, result.failures
    survivors = opened(recipe, tmp_path / "root").to_table(["id", "url", "text", "bytes", "file", "offset"])
    assert 0 < survivors.num_rows < 60
    assert any("Müller" in text for text in survivors["text"].to_pylist())
    assert survivors["bytes"].to_pylist() == [len(text.encode()) for text in survivors["text"].to_pylist()]

    files, rows = compact(opened(recipe, tmp_path / "root"), str(tmp_path / "out"))
    assert (files, rows) == (3, survivors.num_rows)
    written = pq.read_table(sorted((tmp_path / "out").glob("*.parquet")))
    assert written.select(survivors.column_names).to_pydict() == survivors.to_pydict()

    figures = result.summary["sources"]["again"]
    assert figures["documents"]["documents"] == survivors.num_rows
    assert figures["balanced"]
    assert figures["records"] == 60
    assert set(figures["dropped_early"]) == {"planted_length.too_short", "planted_twins.twin"}
    every = opened(recipe, tmp_path / "root", "again").to_table(["text", "url", "source"], dropped=True)
    assert every["text"].to_pylist() == survivors["text"].to_pylist()
    assert set(every["source"].to_pylist()) == {"again"}
    assert all(len(text.encode()) >= 300 for text in texts(opened(recipe, tmp_path / "root", "again")))


def test_compact_follows_a_changed_and_a_removed_input(tmp_path: Path) -> None:
    write_corpus(tmp_path / "in", files=2, documents=3)
    recipe = usual_recipe(tmp_path, [], [])
    run_here(recipe, tmp_path / "root")
    compact(opened(recipe, tmp_path / "root"), str(tmp_path / "out"))
    write_jsonl(tmp_path / "in" / "part0.jsonl", ["entirely new"])
    (tmp_path / "in" / "part1.jsonl").unlink()
    run_here(recipe, tmp_path / "root")
    compact(opened(recipe, tmp_path / "root"), str(tmp_path / "out"))
    written = pq.read_table(sorted((tmp_path / "out").glob("*.parquet")))
    assert written["text"].to_pylist() == ["entirely new"]


def test_compact_twice_writes_nothing_again(tmp_path: Path) -> None:
    write_corpus(tmp_path / "in", files=2, documents=3)
    recipe = usual_recipe(tmp_path, [], [])
    run_here(recipe, tmp_path / "root")
    compact(opened(recipe, tmp_path / "root"), str(tmp_path / "out"))
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    assert compact(opened(recipe, tmp_path / "root"), str(tmp_path / "out")) == (2, 6)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()} == before


def test_files_without_records_and_shards_without_survivors_are_no_trouble(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in" / "empty.jsonl", [])
    write_jsonl(tmp_path / "in" / "short.jsonl", ["a", "b"])
    write_jsonl(tmp_path / "in" / "usual.jsonl", [text_of(1)])
    recipe = usual_recipe(tmp_path, [{"planted_length": {"minimum": 20}}, {"planted_cut": {"word": "e"}}])
    result = run_here(recipe, tmp_path / "root")
    assert result.ok, result.failures
    assert result.summary["sources"]["web"]["balanced"]
    table = opened(recipe, tmp_path / "root").to_table()
    assert table.num_rows == 1
    nothing = run_here(recipe, tmp_path / "root", "sources.web.stages.planted_length.minimum=100000")
    assert nothing.ok, nothing.failures
    high = "sources.web.stages.planted_length.minimum=100000"
    none = opened(recipe, tmp_path / "root", "web", high).to_table()
    assert none.num_rows == 0
    assert none.schema == table.schema
    columns = ["text", "planted_length.bytes", "drop"]
    some = opened(recipe, tmp_path / "root").to_table(columns)
    assert opened(recipe, tmp_path / "root", "web", high).to_table(columns).schema == some.schema


def test_dataset_of_an_unknown_source_names_the_nearest(tmp_path: Path) -> None:
    write_corpus(tmp_path / "in", files=1, documents=2)
    recipe = usual_recipe(tmp_path, [], [])
    with pytest.raises(UserError, match=r"Did you mean 'web'\?"):
        opened(recipe, tmp_path / "root", "wbe")
