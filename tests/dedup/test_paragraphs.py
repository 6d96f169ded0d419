"""Lines that stood before are cut, as a set of seen lines would do it."""

from __future__ import annotations

import itertools
import pickle
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.commit import Commit, read_receipt
from gristmill.dataset import Dataset, LayerRef, ShardRef
from gristmill.dedup.line_index import KeyIndex
from gristmill.dedup.paragraphs import ParagraphDedup
from gristmill.dedup.repeats import RepeatPlan
from gristmill.dedup.sentences import SentenceDedup
from gristmill.documents import DOCUMENT_SCHEMA
from gristmill.errors import UserError
from gristmill.kernels.text import Texts, apply_cuts
from gristmill.stage import Scope
from tests.stages import read_layer, run_phases, write_shard, write_signals


@pytest.fixture(autouse=True, scope="module")
def without_waiting_for_the_disk():
    """Hundreds of commits, none of which is interrupted."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", lambda handle: None)
        yield


Shards = Sequence[tuple[str, Sequence[str], set[int]]]  # source, texts, rows dropped before


def key_of(line: str) -> str:
    """The default reading over the letters these tests use."""
    return line.strip().lower().replace("2", "0").replace("1", "0").replace("“", "")


def kept_by_hand(stage: ParagraphDedup, shards: Shards) -> list[list[str]]:
    """What is left of every text when lines are kept in a set as they come."""
    left: list[list[str]] = []
    scopes: list[int] = []
    of_source: dict[str, int] = {}
    for source, _, _ in shards:
        place = of_source[source] = of_source.get(source, -1) + 1
        starts = stage.shards_per_group is not None and place % stage.shards_per_group == 0
        scopes.append(len(scopes) if starts or not scopes else scopes[-1])
    documents: dict[tuple[int, str], int] = {}
    for scope, (_, texts, dropped) in zip(scopes, shards, strict=True):
        for row, text in enumerate(texts):
            for key in {key_of(line) for line in text.split("\n")} if row not in dropped else ():
                documents[scope, key] = documents.get((scope, key), 0) + 1
    seen: set[tuple[int, str]] = set()
    for scope, (_, texts, dropped) in zip(scopes, shards, strict=True):
        left.append([])
        for row, text in enumerate(texts):
            own: set[str] = set()
            lines = []
            for line in text.split("\n"):
                key = key_of(line)
                if row in dropped or len(key.encode()) < stage.min_bytes:
                    lines.append(line)
                elif stage.first_copy == "keep":
                    if (scope, key) not in seen:
                        lines.append(line)
                    seen.add((scope, key))
                elif documents[scope, key] == 1 and key not in own:
                    lines.append(line)
                    own.add(key)
            left[-1].append("\n".join(lines))
    return left


class Result(NamedTuple):
    texts: list[list[str]]
    layers: list[dict[str, list]]
    checksums: list[str]


def run(
    stage: ParagraphDedup, shards: Shards, folder: Path, plan: tuple[int, int, int] | None = None, seed: int = 0
) -> Result:
    """Runs the stage with tasks in random order; plan: shards a group, slices, keys held."""
    stage = stage.model_copy(update={"max_loss": 1.0})
    refs: list[ShardRef] = []
    for number, (source, texts, dropped) in enumerate(shards):
        ref = write_shard(folder, source, f"shard{number}", texts, sorted(dropped), batch_rows=3)
        if not len(texts):
            pq.ParquetWriter(f"{ref.documents}/{ref.name}.parquet", DOCUMENT_SCHEMA).close()
        refs.append(write_signals(stage, ref, folder))
    scope = Scope(tuple(refs), tuple(len(texts) for _, texts, _ in shards), str(folder / "out"), 1 << 20)
    with pytest.MonkeyPatch.context() as patch:
        if plan is not None:
            size, slices, held = plan
            groups = tuple((start, min(len(refs), start + size)) for start in range(0, len(refs), size))
            whole = RepeatPlan.of(scope, stage.shards_per_group)
            planned = RepeatPlan(groups, whole.scopes, slices, held)
            patch.setattr(RepeatPlan, "of", classmethod(lambda cls, *_: planned))
        for phase in stage.phases(scope):
            tasks = list(phase.tasks)
            random.Random(seed).shuffle(tasks)
            for task in tasks:
                with Commit(phase.folder, task.name) as commit:
                    pickle.loads(pickle.dumps(task)).run(commit)
    result = Result([], [], [])
    for ref, (_, texts, _) in zip(refs, shards, strict=True):
        layer = read_layer(stage, scope, ref)
        result.layers.append(layer.to_pydict())
        cut = apply_cuts(Texts.from_strings(list(texts)), layer.column("cuts").combine_chunks())
        result.texts.append([cut[row] for row in range(len(cut))])
        receipt = read_receipt(scope.layer_folder(ref), ref.name)
        assert receipt is not None
        result.checksums.extend(file.checksum for file in receipt.files)
    return result


LINES = ["", "a", "A ", "b", "é1", "É2", "“c", "c\r", "日本", "\t", "a b"]
some_texts = st.lists(st.lists(st.sampled_from(LINES), max_size=6).map("\n".join), max_size=5)
some_shards = st.lists(
    st.tuples(st.sampled_from(["books", "crawl"]), some_texts, st.sets(st.integers(0, 4), max_size=2)),
    min_size=1,
    max_size=6,
).map(lambda shards: sorted(shards, key=lambda shard: shard[0]))
some_stages = st.builds(
    ParagraphDedup,
    first_copy=st.sampled_from(["keep", "cut"]),
    shards_per_group=st.sampled_from([None, 1, 2]),
    min_bytes=st.sampled_from([0, 0, 1, 2]),
    hash=st.sampled_from(["xxh64", "sha1"]),
    min_left=st.sampled_from([0, 1, 3]),
)


@settings(max_examples=30, deadline=None)
@given(some_stages, some_shards, st.tuples(st.integers(1, 3), st.sampled_from([1, 4]), st.integers(1, 9)))
def test_cut_texts_are_those_that_a_set_of_seen_lines_leaves(stage, shards, plan):
    shards = [(source, texts, {n for n in dropped if n < len(texts)}) for source, texts, dropped in shards]
    expected = kept_by_hand(stage, shards)
    with tempfile.TemporaryDirectory() as folder:
        result = run(stage, shards, Path(folder), plan)
    for (_, texts, dropped), left, found, layer in zip(shards, expected, result.texts, result.layers, strict=True):
        assert found == left
        for row, (text, rest) in enumerate(zip(texts, left, strict=True)):
            whole = 0 if row in dropped else text.count("\n") + 1
            assert layer["paragraphs.lines"][row] == whole
            removed = layer["paragraphs.removed_bytes"][row]
            assert removed == len(text.encode()) - len(rest.encode())
            short = row not in dropped and len(rest) < stage.min_left
            assert layer["drop"][row] == ("paragraphs.too_little_left" if short else None)
            assert (layer["cuts"][row] is None) == (text == rest)


@settings(max_examples=20, deadline=None)
@given(some_stages, some_shards, st.data())
def test_bytes_do_not_depend_on_groups_slices_runs_or_task_order(stage, shards, data):
    shards = [(source, texts, {n for n in dropped if n < len(texts)}) for source, texts, dropped in shards]
    checksums = []
    for _ in range(2):
        plan = data.draw(st.tuples(st.integers(1, 7), st.sampled_from([1, 2, 16]), st.integers(1, 20)))
        with tempfile.TemporaryDirectory() as folder:
            checksums.append(run(stage, shards, Path(folder), plan, data.draw(st.integers(0, 99))).checksums)
    assert checksums[0] == checksums[1]


def test_the_plan_made_for_a_scope_gives_the_same_as_any_other(tmp_path: Path):
    shards = [("s", [f"x\nline {letter}\ny" for letter in letters], set()) for letters in ("abc", "bcd", "xay")]
    stage = ParagraphDedup()
    by_plan = run(stage, shards, tmp_path / "a")
    assert by_plan.texts == kept_by_hand(stage, shards)
    assert by_plan.checksums == run(stage, shards, tmp_path / "b", (2, 4, 3)).checksums


def test_little_memory_means_more_runs_and_ranges_but_the_same_cuts(tmp_path: Path):
    texts = [
        "\n".join(f"line {chr(97 + n % 7)}{chr(97 + n // 26 % 26)}{n // 676 * 'x'}" for n in range(start, start + 700))
        for start in range(0, 7000, 350)
    ]
    stage = ParagraphDedup()
    ref = write_signals(stage, write_shard(tmp_path, "s", "a", texts, batch_rows=3), tmp_path)
    cut = {}
    for memory in (1 << 16, 1 << 30):
        scope = run_phases(stage, [ref], tmp_path / str(memory), memory)
        cut[memory] = read_layer(stage, scope, ref)
        receipt = read_receipt(f"{scope.folder}/partition", "00000")
        assert receipt is not None
        assert receipt.counts["runs"] == (14 if memory == 1 << 16 else 1)
        assert receipt.counts["keys"] == 14_000
    assert cut[1 << 16].equals(cut[1 << 30])
    removed = sum(cut[1 << 16].column("paragraphs.removed_lines").to_pylist())
    assert removed == 14_000 - len({line for text in texts for line in text.split("\n")})


def test_scopes_restart_at_each_source_and_know_where_they_end(tmp_path: Path):
    refs = [ShardRef(source, str(number), "") for number, source in enumerate("aaabb")]
    plan = RepeatPlan.of(Scope(tuple(refs), (1,) * 5, str(tmp_path), 1 << 20), 2)
    assert plan.scopes == (0, 0, 1, 2, 2)
    whole = [(start, stop) for start in range(5) for stop in range(start + 1, 6) if plan.is_whole(start, stop)]
    assert whole == [(0, 2), (0, 3), (0, 5), (2, 3), (2, 5), (3, 5)]


def test_removed_lines_and_texts_read_back_through_the_dataset(tmp_path: Path):
    stage = ParagraphDedup()
    shard = write_signals(
        stage, write_shard(tmp_path, "s", "a", ["Menu\nOne.\nMenu\nTwo.", "MENU\nThree.", "menu"]), tmp_path
    )
    scope = run_phases(stage, [shard], tmp_path / "out")
    layer = read_layer(stage, scope, shard).to_pydict()
    assert layer["paragraphs.lines"] == [4, 2, 1]
    assert layer["paragraphs.removed_lines"] == [1, 1, 1]
    columns = tuple(f"paragraphs.{name}" for name in stage.provides.names)
    ref = LayerRef("paragraphs", scope.layer_folder(shard), columns, drops=True, cuts=True)
    dataset = Dataset("s", (ShardRef("s", "a", shard.documents, (ref,)),))
    assert dataset.to_table(["text"]).column("text").to_pylist() == ["Menu\nOne.\nTwo.", "Three."]


def test_empty_lines_count_as_lines_unless_short_ones_take_no_part(tmp_path: Path):
    texts = ["a\n\nb\n\nc\n", "d\n\ne"]
    assert run(ParagraphDedup(), [("s", texts, set())], tmp_path / "a").texts == [["a\n\nb\nc", "d\ne"]]
    assert run(ParagraphDedup(min_bytes=1), [("s", texts, set())], tmp_path / "b").texts == [texts]


def test_cutting_first_copies_spares_what_one_document_repeats(tmp_path: Path):
    stage = ParagraphDedup(first_copy="cut")
    texts = ["menu\none\none\nx", "menu\ntwo", "x"]
    assert run(stage, [("s", texts, set())], tmp_path).texts == [["one", "two", ""]]


def test_groups_of_shards_do_not_see_each_other(tmp_path: Path):
    stage = ParagraphDedup(shards_per_group=2)
    shards = [("a", ["x"], set()), ("a", ["x"], set()), ("a", ["x"], set()), ("b", ["x"], set()), ("b", ["x"], set())]
    assert run(stage, shards, tmp_path).texts == [["x"], [""], ["x"], ["x"], [""]]


def test_a_source_that_would_lose_nearly_all_stops_the_stage(tmp_path: Path):
    stage = ParagraphDedup(max_loss=0.5)
    shards = [("a", ["x", "y", "z"], set()), ("b", ["x", "y", "new"], set())]
    refs = [
        write_signals(stage, write_shard(tmp_path, source, f"{source}0", texts), tmp_path)
        for source, texts, _ in shards
    ]
    with pytest.raises(UserError, match="2 of 3 documents of source 'b'"):
        run_phases(stage, refs, tmp_path / "out")


def test_no_shards_make_no_phases(tmp_path: Path):
    assert list(ParagraphDedup().phases(Scope((), (), str(tmp_path), 1 << 20))) == []


def test_a_group_that_fits_in_memory_passes_no_records_on(tmp_path: Path):
    stage = ParagraphDedup(shards_per_group=1, first_copies=False)
    refs = [write_signals(stage, write_shard(tmp_path, "s", name, ["x\nx"]), tmp_path) for name in "ab"]
    scope = Scope(tuple(refs), (1, 1), str(tmp_path / "out"), 1 << 20)
    phases = []
    for phase in stage.phases(scope):
        phases.append(phase.name)
        for task in phase.tasks:
            with Commit(phase.folder, task.name) as commit:
                task.run(commit)
    assert phases == ["partition", "layers.s"]


def test_real_lines_repeat_as_a_set_says(real_data: Path, tmp_path: Path):
    path = next((real_data / "lmtext" / "wikitext2").rglob("valid.txt"))
    text = path.read_text()[:300_000]
    texts = [text[start : start + 5000] for start in range(0, len(text), 5000)]
    stage = ParagraphDedup(reading="c4_lines")
    shards = [("s", texts[start : start + 20], set()) for start in range(0, len(texts), 20)]
    result = run(stage, shards, tmp_path, (1, 4, 500))
    seen: set[str] = set()
    for found, (_, whole, _) in zip(result.texts, shards, strict=True):
        for left, one in zip(found, whole, strict=True):
            lines = []
            for line in one.split("\n"):
                if line.strip().lower() not in seen:
                    lines.append(line)
                seen.add(line.strip().lower())
            assert left == "\n".join(lines)


def test_cuts_of_sliced_batches_are_of_the_declared_type(tmp_path: Path):
    stage = ParagraphDedup()
    shard = write_signals(stage, write_shard(tmp_path, "s", "a", ["x\ny", "x"], batch_rows=1), tmp_path)
    layer = read_layer(stage, run_phases(stage, [shard], tmp_path / "out"), shard)
    assert layer.column("cuts").to_pylist() == [None, [{"start": 0, "end": 1, "replacement": None}]]
    assert layer.schema.field("paragraphs.lines").type == pa.int32()
    assert np.all(np.array(layer.column("paragraphs.removed_bytes")) == [0, 1])
    assert len(list(itertools.chain(layer.column("drop")))) == 2


# -- across runs -------------------------------------------------------------------------------------------------------


def index_of(result_folder: Path) -> str:
    return str(result_folder / "out" / "index")


@settings(max_examples=25, deadline=None)
@given(
    dumps=st.lists(st.lists(some_texts, min_size=1, max_size=3), min_size=2, max_size=3),
    plan=st.tuples(st.integers(1, 3), st.sampled_from([1, 4]), st.integers(1, 9)),
    carry=st.booleans(),
    kind=st.sampled_from([ParagraphDedup, SentenceDedup]),
)
def test_dumps_checked_against_the_index_of_earlier_ones_are_as_all_of_them_at_once(dumps, plan, carry, kind):
    settings_ = {"min_bytes": 1} if kind is ParagraphDedup else {"length": 1}
    whole = [
        ("s", texts, {0} if texts and number == 1 else set()) for dump in dumps for number, texts in enumerate(dump)
    ]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        expected = run(kind(**settings_), whole, folder / "all", plan).texts
        found: list[list[str]] = []
        indexes: list[str] = []
        for number, dump in enumerate(dumps):
            against = indexes[-1:] if carry else indexes
            stage = kind(index="all" if carry else "own", against=against, **settings_)
            stage.check()
            shards = [("s", texts, {0} if texts and place == 1 else set()) for place, texts in enumerate(dump)]
            found += run(stage, shards, folder / str(number), plan).texts
            indexes.append(index_of(folder / str(number)))
    assert found == expected


def test_an_index_holds_each_key_once_and_its_bytes_depend_on_nothing_else(tmp_path: Path):
    shards = [("s", ["x\ny\nx", "z"], set()), ("s", ["y", "w"], {1})]
    stage = ParagraphDedup(index="own")
    contents = []
    for name, plan in (("a", (1, 4, 2)), ("b", (2, 4, 2)), ("c", None)):
        run(stage, shards, tmp_path / name, plan)
        index = KeyIndex.open(index_of(tmp_path / name), stage.about_keys)
        assert index.records == 3
        contents.append(np.concatenate(list(index.between(0, 1 << 64))).tolist())
    assert contents[0] == contents[1] == contents[2] == sorted(stage.line_keys.of_line(line)[0] for line in "xyz")


def test_indexes_that_do_not_fit_are_errors(tmp_path: Path):
    run(ParagraphDedup(index="own", hash="sha1"), [("s", ["x"], set())], tmp_path)
    for against, said in ((index_of(tmp_path), "its keys are others"), (str(tmp_path / "none"), "no index")):
        with pytest.raises(UserError, match=said):
            ParagraphDedup(against=[against]).check()
    with pytest.raises(UserError, match="first_copy"):
        ParagraphDedup(index="own", first_copy="cut").check()


def test_c4_drops_what_keeps_too_few_sentences_after_its_lines_went(tmp_path: Path):
    texts = ["One is here.\nTwo is here.\nThree is here.", "ONE is here.\nFour is here. Five is here.", "Six is here."]
    shards = [("s", texts, set())]
    assert run(ParagraphDedup(reading="c4_lines"), shards, tmp_path / "a").layers[0]["drop"] == [
        None,
        "paragraphs.too_few_sentences",
        None,
    ]
    stage = ParagraphDedup(reading="c4_lines", min_sentences=2)
    assert run(stage, shards, tmp_path / "b").layers[0]["drop"] == [None, None, None]
