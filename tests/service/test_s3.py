"""Input from and output to object storage, on a real server on loopback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gristmill import api, storage
from gristmill.commit import read_receipt
from gristmill.errors import UserError
from tests.pipeline.command import data_files, plan_here, run_here
from tests.pipeline.small_corpus import text_of, write_corpus, write_jsonl, write_recipe

pytestmark = pytest.mark.service
pytest.importorskip("s3fs")
pytest.importorskip("moto.server")


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="module")
def bucket(endpoint: str) -> Iterator[str]:
    """A fresh bucket; s3:// means this server here and in the workers."""
    import s3fs

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", endpoint)
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        s3fs.S3FileSystem.clear_instance_cache()
        s3fs.S3FileSystem().mkdir("mill")
        yield "s3://mill"
        s3fs.S3FileSystem.clear_instance_cache()


def upload(path: Path, location: str) -> None:
    storage.write_bytes(location, path.read_bytes())


def test_bytes_are_written_whole_and_listed(bucket: str) -> None:
    place = f"{bucket}/plain/deep/a.bin"
    storage.write_bytes(place, b"x" * 100)
    assert storage.read_bytes(place) == b"x" * 100
    assert storage.exists(place)
    assert storage.is_dir(f"{bucket}/plain")
    assert storage.list_names(f"{bucket}/plain/deep") == ["a.bin"]
    assert storage.list_names(f"{bucket}/nowhere") == []
    assert storage.glob(f"{bucket}/plain/**/*.bin") == [place]
    before = storage.stat(place)
    storage.write_bytes(place, b"y" * 100)
    assert storage.stat(place) != before  # the entity tag


def test_what_is_not_there_is_a_user_error(bucket: str, tmp_path: Path) -> None:
    for location in (f"{bucket}/none.jsonl", "s3://nobody-has-this-bucket/x.jsonl", f"{bucket}/none/*.jsonl"):
        recipe = write_recipe(tmp_path / "r.yaml", {"web": {"read": "jsonl", "input": location}})
        with pytest.raises(UserError) as caught:
            plan_here(recipe, tmp_path / "root")
        assert location in str(caught.value)


def test_documents_come_from_a_bucket(bucket: str, tmp_path: Path) -> None:
    for path in write_corpus(tmp_path / "in", files=2, documents=5):
        upload(path, f"{bucket}/crawl/in/{path.name}")
    recipe = write_recipe(tmp_path / "r.yaml", {"web": {"read": "jsonl", "input": f"{bucket}/crawl/in/*.jsonl"}})
    result = run_here(recipe, tmp_path / "root")
    assert result.ok, result.failures
    assert result.summary["sources"]["web"]["kept"]["documents"] == 10
    assert plan_here(recipe, tmp_path / "root").done
    table = api.open_dataset(api.load(recipe, root=str(tmp_path / "root")), "web").to_table(["file"])
    assert set(table["file"].to_pylist()) == {"in/part0.jsonl", "in/part1.jsonl"}
    folder = write_recipe(tmp_path / "f.yaml", {"web": {"read": "jsonl", "input": f"{bucket}/crawl/in"}})
    assert plan_here(folder, tmp_path / "root").done


def test_outputs_in_a_bucket_are_those_of_a_disk_and_grow_by_what_is_new(bucket: str, tmp_path: Path) -> None:
    write_corpus(tmp_path / "in", files=2, documents=5)
    source = {"read": "jsonl", "input": "in/*.jsonl", "stages": [{"language": {"keep": None, "threshold": 0.2}}]}
    recipe = write_recipe(tmp_path / "r.yaml", {"web": source})
    root = f"{bucket}/runs/one"

    def run_there() -> api.Result:
        return api.run(api.plan(api.load(recipe, root=root)), workers=1)

    first = run_there()
    assert first.ok, first.failures
    assert first.summary["complete"]
    assert api.plan(api.load(recipe, root=root)).done
    there = api.open_dataset(api.load(recipe, root=root), "web").to_table()
    assert run_here(recipe, tmp_path / "root").ok
    assert there == api.open_dataset(api.load(recipe, root=str(tmp_path / "root")), "web").to_table()
    for path, (size, checksum) in data_files(tmp_path / "root").items():
        folder, name = path.rsplit("/", 1)
        receipt = read_receipt(f"{root}/{folder}", name.split(".")[0])
        assert receipt is not None
        assert (size, checksum) in [(entry.bytes, entry.checksum) for entry in receipt.files]

    write_jsonl(tmp_path / "in" / "new.jsonl", [text_of(99)])
    second = run_there()
    assert second.ok, second.failures
    assert second.summary["complete"], "a listing from before the run was believed"
    assert second.summary["sources"]["web"]["records"] == 11
    assert not [name for name in os.listdir("/tmp") if name.startswith(".new-") and name.endswith(".tmp")]


def test_missing_credentials_are_named(endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import s3fs

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(UserError, match="no credentials found"):
        storage.read_bytes("s3://mill/a")
    s3fs.S3FileSystem.clear_instance_cache()
