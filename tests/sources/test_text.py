"""Documents from plain text files."""

from __future__ import annotations

import gzip

import pytest
from pydantic import ValidationError

from gristmill.documents import Outcome
from gristmill.sources.text import PlainText
from tests.sources.archives import ends, read


def texts(folder, data: bytes, **options) -> list[str | None]:
    return [found.text for found in read(folder, data, "a.txt", PlainText(**options))]


def test_a_file_is_a_document(tmp_path):
    assert texts(tmp_path, "Zwölf\r\n\r\nBoxkämpfer\n".encode()) == ["Zwölf\n\nBoxkämpfer\n"]
    assert texts(tmp_path, gzip.compress(b"packed")) == ["packed"]


def test_files_split_into_documents(tmp_path):
    data = b"one\r\ntwo\r\n\r\n\r\nthree\r\n"
    assert texts(tmp_path, data, document="line") == ["one", "two", "three"]
    assert texts(tmp_path, data, document="blank_line") == ["one\ntwo", "three"]
    assert texts(tmp_path, b"a\n%%\nb\nc\n%%\n\n", document="separator", separator="\n%%\n") == ["a", "b\nc"]


def test_places_are_bytes_of_the_file(tmp_path):
    data = "äö\nü\n".encode()
    records = read(tmp_path, data, "a.txt", PlainText(document="line"))
    assert [(found.offset, found.length) for found in records] == [(0, 4), (5, 2)]


@pytest.mark.parametrize(
    ("data", "encoding", "expected"),
    [
        ("naïve café".encode("latin-1"), "latin-1", "naïve café"),
        (b"\xef\xbb\xbfmark", "utf-8", "mark"),
        ("mark".encode("utf-16"), "utf-8", "mark"),
        ("Это обычный русский текст, и его довольно много. ".encode("cp1251") * 20, "utf-8", None),
        ("ünïcödé".encode(), "ascii", "ünïcödé"),
    ],
)
def test_encodings(tmp_path, data, encoding, expected):
    (found,) = texts(tmp_path, data, encoding=encoding)
    assert found == (expected or data.decode("cp1251"))


def test_what_gives_no_document(tmp_path):
    (blank,) = read(tmp_path, b" \n", "a.txt", PlainText())
    assert (blank.outcome, blank.reason) == (Outcome.DROPPED, "empty")
    assert ends(read(tmp_path, b"x" * 2000, "a.txt", PlainText(max_document_bytes=1000))) == ["too_large"]
    data = gzip.compress(bytes(range(256)) * 5000)
    assert ends(read(tmp_path, data[:-20], "a.txt.gz", PlainText())) == ["truncated"]


@pytest.mark.parametrize(
    "options",
    [
        {"document": "separator"},
        {"separator": "x"},
        {"encoding": "klingon"},
        {"encoding": "utf-16", "document": "line"},
    ],
)
def test_settings_that_make_no_sense(options):
    with pytest.raises(ValidationError):
        PlainText(**options)
