"""Laws of the shuffle and the clusters, with words as keys: common words connect documents."""

from __future__ import annotations

import itertools
import pickle
import random
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.commit import Commit, read_receipt
from gristmill.dataset import ShardRef
from gristmill.dedup.exact import Exact
from gristmill.dedup.keyed import KeyedDedup
from gristmill.dedup.minhash import MinHash
from gristmill.dedup.shuffle import MATCH_BYTES, Records, ShufflePlan
from gristmill.stage import Scope
from tests.stages import read_layer, write_shard, write_signals


class CommonWords(KeyedDedup):
    """Clusters of documents that have a word in common."""

    kind = "common_words"
    max_loss: float = 1
    values = pa.schema([("words", pa.list_(pa.uint64()))])

    @property
    def keys_per_row(self):
        return 4

    @property
    def key_columns(self):
        return ("common_words.words",)

    def signals(self, batch):
        texts = [batch.texts[row] for row in range(batch.rows)]
        keys = [[xxhash.xxh3_64_intdigest(word.encode()) for word in text.split()] for text in texts]
        return {"words": pa.array(keys, pa.list_(pa.uint64()))}

    def records(self, batch):
        rows, keys = [], []
        for row, words in enumerate(batch.column("common_words.words").to_pylist()):
            if batch.keep[row]:
                rows += [row] * len(words)
                keys += words
        return Records(np.array(rows, np.int64), np.array(keys, np.uint64))


def clusters_by_hand(texts: Sequence[str], dropped: set[int], survivor: str = "first") -> list[int]:
    labels = list(range(len(texts)))
    for _ in texts:
        for left in range(len(texts)):
            for right in range(left):
                if not {left, right} & dropped and set(texts[left].split()) & set(texts[right].split()):
                    labels[left] = labels[right] = min(labels[left], labels[right])
    if survivor == "first":
        return labels
    members = [[row for row, label in enumerate(labels) if label == root] for root in labels]
    return [max(cluster, key=lambda row: (len(texts[row]), -row)) for cluster in members]


def run(
    stage: CommonWords,
    texts: Sequence[str],
    dropped: set[int],
    lengths: Sequence[int],
    plan: tuple[int, int, int],
    seed: int,
    folder: Path,
    in_memory: bool = False,
) -> tuple[list[int], list[bool], list[str]]:
    """Clusters, drops and checksums of the layers, with texts split into shards and tasks in random order."""
    bounds = [0, *np.cumsum(lengths).tolist()]
    shards = []
    for number, (start, stop) in enumerate(itertools.pairwise(bounds)):
        here = [row - start for row in dropped if start <= row < stop]
        shard = write_shard(folder, f"source{number // 2}", f"shard{number}", texts[start:stop], here, batch_rows=3)
        shards.append(write_signals(stage, shard, folder))
    scope = Scope(tuple(shards), tuple(lengths), str(folder / "out"), 1 << 20)
    group, ranges, held = plan
    groups = tuple((start, min(len(shards), start + group)) for start in range(0, len(shards), group))
    clusters: list[int] = []
    drops: list[bool] = []
    checksums: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gristmill.dedup.match.CROWDED", 3)
        made = ShufflePlan(groups, ranges, held, in_memory=in_memory)
        patch.setattr(ShufflePlan, "of", classmethod(lambda cls, *scope, **how: made))
        for phase in stage.phases(scope):
            tasks = list(phase.tasks)
            random.Random(seed).shuffle(tasks)
            for task in tasks:
                with Commit(phase.folder, task.name) as commit:
                    pickle.loads(pickle.dumps(task)).run(commit)
    for shard in shards:
        layer = read_layer(stage, scope, shard)
        clusters += layer.column("common_words.cluster").to_pylist()
        drops += [reason is not None for reason in layer.column("drop").to_pylist()]
        receipt = read_receipt(scope.layer_folder(shard), shard.name)
        checksums += [] if receipt is None else [file.checksum for file in receipt.files]
    return clusters, drops, checksums


some_texts = st.lists(st.lists(st.sampled_from("abcdefghijkl"), max_size=3).map(" ".join), min_size=1, max_size=14)


@pytest.mark.parametrize("survivor", ["first", "longest"])
@settings(max_examples=20, deadline=None)
@given(some_texts, st.data())
def test_clusters_do_not_depend_on_shards_groups_ranges_runs_or_task_order(survivor, texts, data):
    dropped = data.draw(st.sets(st.integers(0, len(texts) - 1)))
    cuts = sorted(data.draw(st.sets(st.integers(1, max(1, len(texts) - 1)), max_size=4))) if len(texts) > 1 else []
    lengths = np.diff([0, *cuts, len(texts)]).tolist()
    plan = data.draw(st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 7)))
    with tempfile.TemporaryDirectory() as folder:
        stage, seed, in_memory = CommonWords(survivor=survivor), data.draw(st.integers(0, 9)), data.draw(st.booleans())
        clusters, drops, _ = run(stage, texts, dropped, lengths, plan, seed, Path(folder), in_memory)
    expected = clusters_by_hand(texts, dropped, survivor)
    assert clusters == expected
    assert drops == [root != row for row, root in enumerate(expected)]


def test_layers_are_the_same_bytes_whatever_the_plan(tmp_path: Path):
    texts = ["a b", "c", "b d", "e f", "f", "c", "g", "d h", "h"]
    first = run(CommonWords(), texts, {5}, [4, 5], (1, 1, 100), 0, tmp_path / "first")
    second = run(CommonWords(), texts, {5}, [4, 5], (2, 4, 2), 1, tmp_path / "second")
    third = run(CommonWords(), texts, {5}, [4, 5], (2, 3, 2), 2, tmp_path / "third", in_memory=True)
    assert first == second == third


@pytest.mark.parametrize("stage", [Exact(max_loss=1), MinHash(max_loss=1)])
def test_layers_are_the_same_bytes_whether_records_fit_the_memory_of_a_task(stage, tmp_path: Path):
    texts = [" ".join(chr(97 + (number * k) % 7) * 3 for k in range(1, 12)) for number in range(40)]
    found = []
    for memory, first_phase in ((1 << 30, "match"), (1 << 10, "partition")):
        folder = tmp_path / first_phase
        shards = [
            write_signals(stage, write_shard(folder, "s", name, texts[start::2]), folder)
            for start, name in enumerate("ab")
        ]
        scope = Scope(tuple(shards), (20, 20), str(folder / "out"), memory)
        names = []
        for phase in stage.phases(scope):
            names.append(phase.name)
            for task in phase.tasks:
                with Commit(phase.folder, task.name) as commit:
                    task.run(commit)
        assert names[0] == first_phase
        found.append([Path(scope.layer_folder(shard), f"{shard.name}.parquet").read_bytes() for shard in shards])
    assert found[0] == found[1]


def test_layers_have_the_row_groups_of_the_documents(tmp_path: Path):
    stage = Exact(max_loss=1)
    shard = write_signals(stage, write_shard(tmp_path, "s", "a", ["x"] * 25, batch_rows=10), tmp_path)
    scope = Scope((shard,), (25,), str(tmp_path / "out"), 1 << 20)
    for phase in stage.phases(scope):
        for task in phase.tasks:
            with Commit(phase.folder, task.name) as commit:
                task.run(commit)
    layer = pq.ParquetFile(f"{scope.layer_folder(shard)}/a.parquet").metadata
    assert [layer.row_group(group).num_rows for group in range(layer.num_row_groups)] == [10, 10, 5]
    receipt = read_receipt(scope.layer_folder(shard), "a")
    assert receipt is not None
    assert receipt.counts == {"rows": 25, "drop.exact.duplicate": 24}


def test_boilerplate_in_every_document_is_one_record_a_group(tmp_path: Path):
    stage = Exact(max_loss=1)
    shards = [write_signals(stage, write_shard(tmp_path, "s", name, ["x"] * 50), tmp_path) for name in "ab"]
    scope = Scope(tuple(shards), (50, 50), str(tmp_path / "out"), 1 << 10)
    for phase in stage.phases(scope):
        for task in phase.tasks:
            with Commit(phase.folder, task.name) as commit:
                task.run(commit)
        if phase.name == "match":
            receipts = [read_receipt(phase.folder, task.name) for task in phase.tasks]
            assert sum(receipt.counts["records"] for receipt in receipts if receipt) == 2


def test_a_crawl_of_90_000_shards_is_a_few_hundred_partitions_that_fit_in_memory():
    shard = ShardRef("crawl", "shard", "documents")
    scope = Scope((shard,) * 90_000, (11_000,) * 90_000, "out", 2 << 30)
    plan = ShufflePlan.of(scope, keys_per_row=14)
    assert 256 <= len(plan.groups) <= 600
    assert plan.groups[0][0] == 0
    assert plan.groups[-1][1] == 90_000
    assert all(stop == start for (_, stop), (start, _) in itertools.pairwise(plan.groups))
    assert sum(scope.rows) * 14 / (plan.ranges // plan.together) * MATCH_BYTES < 2 << 30


@pytest.mark.parametrize("stage", [Exact(), MinHash().named("near")])
def test_tasks_are_small_when_pickled(stage):
    shards = tuple(ShardRef("crawl", f"{number:05d}", "documents") for number in range(600))
    scope = Scope(shards, (10,) * 600, "out", 1 << 10)
    partition = next(stage.phases(scope))
    assert len(pickle.dumps(partition.tasks[0])) < 10_000
    again = pickle.loads(pickle.dumps(partition.tasks[0]))
    assert again.stage.name == stage.name


def test_stages_are_imported_without_numba():
    program = "import sys, gristmill.dedup.exact, gristmill.dedup.minhash; sys.exit('numba' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)
