"""Files inside archives of every kind, sound and broken."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile

import pytest
import zstandard

from gristmill.sources.members import members

FILES = {"a/one.tex": b"First.", "a/two.tex": b"Second, longer.", "b.pdf": b"%PDF-" + bytes(2000)}


def tarred(form: int = tarfile.PAX_FORMAT) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as archive:
        archive.addfile(tarfile.TarInfo("a"))
        for name, data in FILES.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return stream.getvalue()


def zipped() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in FILES.items():
            archive.writestr(name, data)
    return stream.getvalue()


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress, zstandard.compress])
@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_tar_in_any_packing(pack, form: int) -> None:
    found = list(members(io.BytesIO(pack(tarred(form))), "x.tar", 10_000))
    assert {one.name: one.data for one in found if one.name != "a"} == FILES
    data = tarred(form)
    assert all(data[one.offset : one.offset + one.length] == one.data for one in found)


def test_zip() -> None:
    found = list(members(io.BytesIO(zipped()), "x.zip", 10_000, wanted=lambda name: name.endswith(".tex")))
    assert [(one.name, one.data) for one in found] == [("a/one.tex", b"First."), ("a/two.tex", b"Second, longer.")]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_single_file_is_its_own_member(pack) -> None:
    (found,) = members(io.BytesIO(pack(b"Just text.")), "x.tex", 100)
    assert (found.name, found.data, found.problem) == ("x.tex", b"Just text.", None)


@pytest.mark.parametrize("archive", [tarred(), zipped(), gzip.compress(tarred())])
def test_large_members_are_told_and_the_rest_is_read(archive: bytes) -> None:
    found = {one.name: one.problem for one in members(io.BytesIO(archive), "x", 100) if one.name != "a"}
    assert found == {"a/one.tex": None, "a/two.tex": None, "b.pdf": "too_large"}


def test_an_archive_that_breaks_off_gives_what_came_before() -> None:
    whole = gzip.compress(tarred())
    for cut in (len(whole) - 9, len(whole) // 2):
        found = list(members(io.BytesIO(whole[:cut]), "x.tar.gz", 10_000))
        assert found[-1].problem in ("truncated", "truncated_gzip", "corrupt_tar", "corrupt_gzip")
    found = list(members(io.BytesIO(tarred()[:2600]), "x.tar", 10_000))
    assert [one.problem for one in found][-1] == "corrupt_tar"
    found = list(members(io.BytesIO(zipped()[:-30]), "x.zip", 10_000))
    assert [one.problem for one in found] == ["corrupt_zip"]
