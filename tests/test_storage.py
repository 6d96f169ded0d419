"""Local paths and URLs behind the same functions; writing is all or nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gristmill import storage
from gristmill.errors import UserError


@pytest.mark.parametrize(
    ("location", "base", "expected"),
    [
        ("a/b.txt", "/home/x", "/home/x/a/b.txt"),
        ("../b.txt", "/home/x", "/home/b.txt"),
        ("/a/./b", "/home/x", "/a/b"),
        ("s3://bucket/a", "/home/x", "s3://bucket/a"),
        ("https://host/a?b=c", "/home/x", "https://host/a?b=c"),
        ("a.txt", "s3://bucket/recipes", "s3://bucket/recipes/a.txt"),
        ("file:///a/b", "/home/x", "/a/b"),
    ],
)
def test_resolve(location: str, base: str, expected: str) -> None:
    assert storage.resolve(location, base) == expected


def test_written_bytes_are_read_back(tmp_path: Path) -> None:
    place = str(tmp_path / "new" / "folder" / "a.bin")
    storage.write_bytes(place, b"first")
    storage.write_bytes(place, b"second")
    assert storage.read_bytes(place) == b"second"
    assert storage.stat(place).size == 6
    assert storage.list_names(str(tmp_path / "new" / "folder")) == ["a.bin"]


def test_write_that_fails_leaves_the_old_file_and_no_trace(tmp_path: Path) -> None:
    place = str(tmp_path / "a.bin")
    storage.write_bytes(place, b"old")
    with pytest.raises(TypeError):
        storage.write_bytes(place, "not bytes")  # type: ignore[arg-type]
    assert storage.read_bytes(place) == b"old"
    assert os.listdir(tmp_path) == ["a.bin"]


def test_version_tells_a_rewritten_file_of_the_same_size(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("one")
    before = storage.stat(str(path))
    os.utime(path, ns=(1, 1))
    assert storage.stat(str(path)) != before


def test_publish_moves_the_whole_file(tmp_path: Path) -> None:
    place = str(tmp_path / "a.bin")
    temporary = storage.temporary_path(place)
    assert os.path.dirname(temporary) == str(tmp_path)
    assert os.path.basename(temporary).startswith(".")
    Path(temporary).write_bytes(b"x")
    storage.publish(temporary, place)
    assert os.listdir(tmp_path) == ["a.bin"]


def test_glob_is_sorted_and_crosses_folders(tmp_path: Path) -> None:
    for name in ("b.txt", "a.txt", "sub/deep/c.txt", "d.md"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "folder.txt").mkdir()
    assert storage.glob(f"{tmp_path}/*.txt") == [f"{tmp_path}/a.txt", f"{tmp_path}/b.txt"]
    assert storage.glob(f"{tmp_path}/**/*.txt") == [
        f"{tmp_path}/a.txt",
        f"{tmp_path}/b.txt",
        f"{tmp_path}/sub/deep/c.txt",
    ]
    assert storage.glob(f"{tmp_path}/plain") == [f"{tmp_path}/plain"]


def test_folder_that_is_not_there_has_no_names(tmp_path: Path) -> None:
    assert storage.list_names(str(tmp_path / "none")) == []
    assert not storage.exists(str(tmp_path / "none"))


@pytest.mark.parametrize("place", ["none", "."])
def test_what_cannot_be_read_is_a_user_error(tmp_path: Path, place: str) -> None:
    with pytest.raises(UserError) as caught:
        storage.read_bytes(os.path.join(tmp_path, place))
    assert str(tmp_path) in caught.value.message


def test_file_where_a_folder_should_be_is_a_user_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="file"):
        storage.make_dir(str(tmp_path / "file" / "sub"))


def test_unknown_protocol_is_a_user_error() -> None:
    with pytest.raises(UserError, match="unknown protocol 'gopher'"):
        storage.read_bytes("gopher://host/a")


def test_missing_package_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import fsspec

    def absent(protocol: str, **options: object) -> None:
        raise ImportError(protocol)

    monkeypatch.setattr(fsspec, "filesystem", absent)
    with pytest.raises(UserError, match=r"pip install 'gristmill\[s3\]'"):
        storage.read_bytes("s3://bucket/a")


def test_localized_is_the_file_itself(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    with storage.localized(str(tmp_path / "a")) as path:
        assert path == tmp_path / "a"
