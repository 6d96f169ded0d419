"""Block lists on disk: the shapes they come in, what is wrong with them, and how they are kept compiled."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import zstandard

from gristmill.errors import UserError
from gristmill.filters import blocklist
from gristmill.filters.blocklist import compiled, list_hashes, read_words
from gristmill.filters.url import UrlFilter

LIST = b"# domains\n\nbad.com\r\n  worse.org  # why\n*.third.net\nbad.com"


@pytest.fixture(autouse=True)
def cache_folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "gristmill" / "blocklists"


def written(folder: Path, name: str, data: bytes) -> str:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return str(path)


def tar(folder: Path, name: str, **members: bytes) -> str:
    path = folder / name
    with tarfile.open(path, "w:gz" if name.endswith("gz") else "w") as archive:
        for member, data in members.items():
            entry = tarfile.TarInfo(f"adult/{member}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return str(path)


def test_a_list_says_the_same_in_every_packing(tmp_path):
    plain = list_hashes(written(tmp_path, "plain", LIST), "domains")
    assert len(plain) == 3
    packed = [
        written(tmp_path, "with_mark", b"\xef\xbb\xbf" + LIST),
        written(tmp_path, "list.gz", gzip.compress(LIST[:20]) + gzip.compress(LIST[20:])),
        written(tmp_path, "list.zst", zstandard.compress(LIST)),
        os.path.dirname(written(tmp_path, "adult/domains", LIST)),
        tar(tmp_path, "adult.tar.gz", domains=LIST, urls=b"x.com/y", usage=b"black"),
        tar(tmp_path, "adult.tar", domains=LIST),
    ]
    for location in packed:
        assert np.array_equal(list_hashes(location, "domains"), plain), location
    assert len(list_hashes(packed[4], "urls")) == 1


def test_blocks_end_at_lines(tmp_path, monkeypatch):
    location = written(tmp_path, "domains", b"\n".join(b"site%d.com" % n for n in range(500)))
    whole = list_hashes(location, "domains")
    monkeypatch.setattr(blocklist, "_BLOCK", 7)
    assert np.array_equal(list_hashes(location, "domains"), whole)
    assert len(whole) == 500
    written(tmp_path, "domains", b"\n".join(b"site%d.com" % n for n in range(500)) + b"\nnot one")
    with pytest.raises(UserError) as caught:
        list_hashes(location, "domains")
    assert caught.value.where == f"{location}:501"


@pytest.mark.parametrize(
    ("data", "line", "what"),
    [
        (b"a.com\n\n0.0.0.0 b.com\n", 3, "blank inside"),
        (b"a.com\nb.com\0\n", 2, "binary"),
        (b"\x7fELF\x02\x01\x01", 1, "binary"),
        ("a.com\n".encode("utf-16"), 1, "binary"),
        (b"a.com\n||b.com^\n", 2, "not one of domains"),
        (b"a.com\nb.com/page\n", 2, "not one of domains"),
        (b"a..com\n", 1, "not one of domains"),
        (b"a" * 70_000, 1, "64 KB"),
    ],
)
def test_what_is_no_domain_is_named_with_file_and_line(tmp_path, data, line, what):
    location = written(tmp_path, "domains", data)
    with pytest.raises(UserError, match=what) as caught:
        UrlFilter(domains=[location]).check()
    assert caught.value.where == f"{location}:{line}"


def test_a_line_in_an_archive_is_named_with_its_member(tmp_path):
    location = tar(tmp_path, "adult.tar.gz", domains=b"ok.com\nnot ok\n")
    with pytest.raises(UserError) as caught:
        UrlFilter(domains=[location]).check()
    assert caught.value.where == f"{location}:adult/domains:2"


@pytest.mark.parametrize("kind", ["domains", "urls", "strict_words", "hard_words", "soft_words"])
def test_missing_empty_and_damaged_lists_are_refused(tmp_path, kind):
    packed = gzip.compress(os.urandom(5000).hex().encode())
    wrong = {
        "no such file": str(tmp_path / "absent"),
        "empty list": written(tmp_path, "empty", b"\n# nothing here\n   \n"),
        "damaged or unreadable": written(tmp_path, "cut.gz", packed[:-40]),
        "has no file|is a folder": os.path.dirname(written(tmp_path, "folder/usage", b"black")),
    }
    wrong["empty list|empty"] = written(tmp_path, "nothing", b"")
    for what, location in wrong.items():
        with pytest.raises(UserError, match=what):
            UrlFilter(**{kind: [location]}).check()


def test_a_text_file_named_gz_is_damaged(tmp_path):
    with pytest.raises(UserError, match="damaged"):
        list_hashes(written(tmp_path, "list.gz", LIST), "domains")


def test_an_archive_without_the_list_is_refused(tmp_path):
    with pytest.raises(UserError, match="no file called 'urls'"):
        list_hashes(tar(tmp_path, "adult.tar", domains=LIST), "urls")


def test_words_keep_inner_blanks_and_lose_comments(tmp_path):
    location = written(tmp_path, "words", "# list\nred herring\nC# \n plum # soft\n\nсли́ва\n".encode())
    assert read_words(location) == ["red herring", "C#", "plum", "сли́ва"]


@pytest.mark.parametrize(
    ("data", "what"), [(b"a\nb\0", "binary"), (b"a\n\xff\n", "not UTF-8"), (b"word\n" * 300_000, "1 MB")]
)
def test_what_is_no_word_list_is_refused(tmp_path, data, what):
    with pytest.raises(UserError, match=what):
        UrlFilter(strict_words=[written(tmp_path, "words", data)]).check()


def test_a_compiled_list_is_mapped_and_made_once(tmp_path, cache_folder):
    location = written(tmp_path, "domains", LIST)
    first = compiled([location], "domains")
    assert isinstance(first, np.memmap)
    (kept,) = cache_folder.glob("*.npy")
    made = kept.stat().st_mtime_ns
    assert np.array_equal(compiled([location], "domains"), first)
    assert kept.stat().st_mtime_ns == made
    assert kept.stat().st_size < 200


def test_a_changed_list_is_compiled_again(tmp_path, cache_folder):
    location = written(tmp_path, "domains", LIST)
    assert len(compiled([location], "domains")) == 3
    written(tmp_path, "domains", LIST + b"\nfourth.com\n")
    assert len(compiled([location], "domains")) == 4
    other = written(tmp_path, "more", b"bad.com\nfifth.com")
    assert len(compiled([location, other], "domains")) == 5
    assert len(list(cache_folder.glob("*.npy"))) == 3


def test_a_damaged_compiled_list_is_made_again(tmp_path, cache_folder):
    location = written(tmp_path, "domains", LIST)
    good = np.array(compiled([location], "domains"))
    (kept,) = cache_folder.glob("*.npy")
    kept.write_bytes(kept.read_bytes()[:-8])
    assert np.array_equal(compiled([location], "domains"), good)


def test_many_that_ask_at_once_get_the_same(tmp_path, cache_folder):
    location = written(tmp_path, "domains", LIST)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: compiled([location], "domains").tolist(), range(16)))
    assert all(hashes == found[0] for hashes in found)
    assert not [name for name in os.listdir(cache_folder) if name.endswith(".tmp")]


def test_a_cache_folder_that_cannot_be_made_is_a_clear_error(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", written(tmp_path, "file", b""))
    with pytest.raises(UserError, match="cannot be kept") as caught:
        compiled([written(tmp_path, "domains", LIST)], "domains")
    assert "XDG_CACHE_HOME" in str(caught.value)


def test_ready_made_lists_say_what_to_install(monkeypatch):
    blocklist.datatrove_lists.cache_clear()
    monkeypatch.setattr(blocklist, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="datatrove") as caught:
        UrlFilter(lists="datatrove").check()
    assert "pip install datatrove" in str(caught.value)
