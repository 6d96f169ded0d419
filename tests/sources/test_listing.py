"""Lists of input files."""

from __future__ import annotations

import gzip

import pytest

from gristmill.errors import UserError
from gristmill.sources.warc import Warc

KEYS = "crawl-data/CC-MAIN-2024-51/segments/1/warc/a.warc.gz\n\n# note\ncrawl-data/CC-MAIN-2024-51/b.warc.gz\n"


def test_keys_are_seen_from_the_prefix(tmp_path):
    path = tmp_path / "warc.paths.gz"
    path.write_bytes(gzip.compress(KEYS.encode(), mtime=0))
    assert Warc().expand(str(path)) == [
        "https://data.commoncrawl.org/crawl-data/CC-MAIN-2024-51/segments/1/warc/a.warc.gz",
        "https://data.commoncrawl.org/crawl-data/CC-MAIN-2024-51/b.warc.gz",
    ]
    assert (
        Warc(prefix="s3://commoncrawl").expand(str(path))[1] == "s3://commoncrawl/crawl-data/CC-MAIN-2024-51/b.warc.gz"
    )


def test_files_beside_the_list_are_taken(tmp_path):
    (tmp_path / "warcs").mkdir()
    (tmp_path / "warcs" / "a.warc.gz").write_bytes(b"")
    path = tmp_path / "some.paths"
    path.write_text("warcs/a.warc.gz\n/other/b.warc.gz\nhttps://site.example/c.warc.gz\n")
    assert Warc().expand(str(path)) == [
        str(tmp_path / "warcs" / "a.warc.gz"),
        "/other/b.warc.gz",
        "https://site.example/c.warc.gz",
    ]


def test_other_locations_stand_for_themselves():
    assert Warc().expand("/data/a.warc.gz") == ["/data/a.warc.gz"]


@pytest.mark.parametrize("data", [gzip.compress(KEYS.encode(), mtime=0)[:-12], b"\x1f\x8bgarbage", b"\xff\xfe\x00\x01"])
def test_an_unreadable_list_is_explained(tmp_path, data):
    path = tmp_path / "warc.paths.gz"
    path.write_bytes(data)
    with pytest.raises(UserError, match="paths"):
        Warc().expand(str(path))
    with pytest.raises(UserError, match="no such file"):
        Warc().expand(str(tmp_path / "absent.paths"))
