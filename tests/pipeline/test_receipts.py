"""Receipts say what is true of their files, and only what they name is read."""

from __future__ import annotations

import json
import mmap
import random
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import xxhash

from gristmill import api
from gristmill.commit import Commit, checksum, read_receipt
from tests.pipeline.command import receipts, run_here, temporary_files
from tests.pipeline.small_corpus import usual_recipe, write_corpus


@pytest.fixture
def finished(planted: dict[str, str], tmp_path: Path) -> Path:
    write_corpus(tmp_path / "in")
    recipe = usual_recipe(tmp_path, [{"planted_length": {"minimum": 150}}, {"planted_cut": {"word": "miller"}}])
    assert run_here(recipe, tmp_path / "root").ok
    return recipe


@pytest.mark.parametrize("size", [0, 1, mmap.ALLOCATIONGRANULARITY, 3 * mmap.ALLOCATIONGRANULARITY + 5])
def test_checksums_are_of_all_bytes_however_many_are_read_at_a_time(size: int, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("gristmill.commit.CHECKED_AT_A_TIME", mmap.ALLOCATIONGRANULARITY)
    data = random.Random(size).randbytes(size)
    (tmp_path / "file").write_bytes(data)
    assert checksum(str(tmp_path / "file")) == xxhash.xxh3_128_hexdigest(data)


def test_checksums_sizes_and_counts_are_true(finished: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    found = receipts(root)
    named = set()
    for name, receipt in found.items():
        folder = (root / name).parent
        for entry in receipt["files"]:
            path = folder / entry["name"]
            named.add(path)
            assert path.stat().st_size == entry["bytes"]
            assert checksum(str(path)) == entry["checksum"]
        rows = receipt["counts"].get("rows", receipt["counts"].get("documents"))
        data = folder / f"{receipt['name']}.parquet"
        if data in named and rows is not None:
            assert pq.read_metadata(data).num_rows == rows
        dropped = sum(n for key, n in receipt["counts"].items() if key.startswith("drop."))
        if "planted_length-" in name:
            assert pq.read_table(data)["drop"].drop_null().length() == dropped
        assert receipt["seconds"] >= 0
    assert named == set(root.rglob("*.parquet"))
    inputs = [receipt["inputs"] for name, receipt in found.items() if "/documents-" in f"/{name}"]
    assert sorted(name for each in inputs for name in each) == [f"in/part{n}.jsonl" for n in range(3)]


def test_manifest_sums_its_receipts(finished: Path, tmp_path: Path) -> None:
    (folder,) = (tmp_path / "root" / "web").glob("documents-*")
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["counts"]["documents"] == 60
    assert len(manifest["shards"]) == 3
    for name, shard in manifest["shards"].items():
        receipt = read_receipt(str(folder), name)
        assert receipt is not None
        assert receipt.counts == shard["counts"]
    assert (folder / "stage.json").exists()


def test_files_without_a_receipt_are_not_read(finished: Path, tmp_path: Path) -> None:
    recipe = api.load(finished, root=str(tmp_path / "root"))
    before = api.open_dataset(recipe, "web").to_table()
    (folder,) = (tmp_path / "root" / "web").glob("documents-*")
    whole = next(folder.glob("part0-????????" + "??.parquet"))
    (folder / "stray-0123456789.parquet").write_bytes(whole.read_bytes())
    (folder / "half-0123456789.parquet").write_bytes(whole.read_bytes()[:100])
    (folder / ".part0.parquet.99999.tmp").write_bytes(b"PAR1")
    assert api.plan(recipe).done
    assert api.open_dataset(recipe, "web").to_table() == before


def test_lost_receipt_means_the_shard_is_made_again_with_the_same_bytes(finished: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    (folder,) = (root / "web").glob("planted_length-*")
    before = receipts(root)
    lost = next(folder.glob("part1-*.receipt.json"))
    lost.unlink()
    (folder / "manifest.json").unlink()
    next(folder.glob("part1-*.parquet")).write_bytes(b"torn")
    (folder / ".torn.parquet.1.tmp").write_bytes(b"torn")
    result = run_here(finished, root)
    assert result.ok
    assert result.ran == ("web/planted_length",)
    assert {name: receipt["files"] for name, receipt in receipts(root).items()} == {
        name: receipt["files"] for name, receipt in before.items()
    }
    assert temporary_files(root) == []


def test_half_written_receipt_is_not_believed(finished: Path, tmp_path: Path) -> None:
    (folder,) = (tmp_path / "root" / "web").glob("planted_length-*")
    path = next(folder.glob("part1-*.receipt.json"))
    path.write_text(path.read_text()[:50])
    assert read_receipt(str(folder), path.name.removesuffix(".receipt.json")) is None


def test_task_that_fails_publishes_nothing(tmp_path: Path) -> None:
    def fail_half_way() -> None:
        with Commit(str(tmp_path / "out"), "a") as commit:
            Path(commit.path("a.bin")).write_bytes(b"half")
            raise ArithmeticError

    with pytest.raises(ArithmeticError):
        fail_half_way()
    assert list((tmp_path / "out").iterdir()) == []


def test_commit_gives_the_same_receipt_apart_from_time_and_memory(tmp_path: Path) -> None:
    found = []
    for folder in ("one", "two"):
        with Commit(str(tmp_path / folder), "a", "id", {"x": "1"}) as commit:
            for name in ("b.bin", "a.bin"):
                Path(commit.path(name)).write_bytes(name.encode())
            commit.count(rows=2)
            commit.count(rows=3, other=0)
        assert commit.receipt == read_receipt(str(tmp_path / folder), "a")
        found.append({k: v for k, v in vars(commit.receipt).items() if k not in ("seconds", "peak_memory")})
    assert found[0] == found[1]
    assert found[0]["counts"] == {"rows": 5, "other": 0}
    assert [entry.name for entry in found[0]["files"]] == ["a.bin", "b.bin"]
