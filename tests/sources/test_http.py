"""HTTP responses: chunks, content encodings, and headers that lie about both."""

from __future__ import annotations

import gzip
import zlib

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from gristmill.sources.compressed import Damage
from gristmill.sources.http import dechunked, decoded_body, parse_response

BODY = b"<html><body>" + b"Some words in a page. " * 100 + b"</body></html>"


def body_of(block: bytes, limit: int = 1 << 20) -> bytes:
    response = parse_response(block)
    assert response is not None
    return decoded_body(block, response, limit)


def message(headers: str, body: bytes) -> bytes:
    return f"HTTP/1.1 200 OK\r\n{headers}\r\n\r\n".encode() + body


@pytest.mark.parametrize(
    ("start", "status"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", 200),
        (b"HTTP/1.0 404\r\n\r\n", 404),
        (b"HTTP/2 200\n\n", 200),
        (b"HTTP/1.1 HTTP/1.1 200 OK\r\nA: b\r\n\r\n", 200),
        (b"HTTP/1.1  301 Moved\r\r\nA: b\r\r\n\r\r\n", 301),
        (b"HTTP/1.1 2000 OK\r\n\r\n", None),
        (b"<html>", 200),
    ],
)
def test_status_lines(start, status):
    response = parse_response(start + b"body")
    assert response is not None
    assert response.status == status
    assert (start + b"body")[response.body :].endswith(b"body")


def test_no_response_at_all():
    assert parse_response(b"") is None
    assert parse_response(b"GET / HTTP/1.1\r\n\r\n") is None


def test_headers_are_found_whatever_their_case_and_blanks():
    response = parse_response(
        b"HTTP/1.1 200 OK\r\nX-Content-Type: a\r\ncontent-TYPE :  text/html \r\n\r\nContent-Type: no"
    )
    assert response is not None
    assert response.header(b"content-type") == b"text/html"
    assert response.header(b"server") is None


def pack(name: str) -> bytes:
    raw = zlib.compressobj(wbits=-15)
    return {
        "gzip": gzip.compress(BODY),
        "deflate": zlib.compress(BODY),
        "raw deflate": raw.compress(BODY) + raw.flush(),
        "br": brotli.compress(BODY),
        "zstd": zstandard.ZstdCompressor().compress(BODY),
    }[name]


@pytest.mark.parametrize("name", ["gzip", "deflate", "raw deflate", "br", "zstd"])
def test_content_encodings(name):
    header = f"Content-Encoding: {name.rsplit(' ')[-1]}"
    assert body_of(message(header, pack(name))) == BODY
    assert body_of(message(header, BODY)) == BODY  # decoded by the crawler, header left in place
    clipped = body_of(message(header, pack(name)[:-8]))
    assert BODY.startswith(clipped)


@pytest.mark.parametrize("name", ["gzip", "br", "zstd"])
def test_bombs_are_refused(name):
    bomb = {"gzip": gzip.compress, "br": brotli.compress, "zstd": zstandard.compress}[name](bytes(50_000_000))
    with pytest.raises(Damage) as caught:
        body_of(message(f"Content-Encoding: {name}", bomb))
    assert caught.value.reason == "too_large"


def test_a_body_that_cannot_be_decoded():
    with pytest.raises(Damage) as caught:
        body_of(message("Content-Encoding: gzip", b"\x1f\x8b\x08" + b"\xff" * 100))
    assert caught.value.reason == "bad_encoding"


def test_headers_that_common_crawl_renamed_mean_nothing():
    headers = "X-Crawl-Content-Encoding: gzip\r\nX-Crawl-Transfer-Encoding: chunked"
    assert body_of(message(headers, BODY)) == BODY


def test_two_encodings():
    assert body_of(message("Content-Encoding: deflate, gzip", gzip.compress(zlib.compress(BODY)))) == BODY


def test_blank_line_too_much_of_2018_34():
    assert body_of(message(f"Content-Length: {len(BODY)}", b"\r\n" + BODY)) == BODY
    assert body_of(message("Content-Length: 7", b"\r\n" + BODY)) == b"\r\n" + BODY


@given(st.lists(st.binary(min_size=1, max_size=50)), st.sampled_from([b"\r\n", b"\n"]))
def test_chunks_are_joined(parts, end):
    framed = b"".join(b"%x;a=b" % len(part) + end + part + end for part in parts) + b"0" + end + end
    assert dechunked(framed) == b"".join(parts)


def test_chunked_only_by_name():
    assert dechunked(BODY) == BODY
    assert dechunked(b"5\r\nabcdeXX4\r\nfghi\r\n0\r\n\r\n") == b"5\r\nabcdeXX4\r\nfghi\r\n0\r\n\r\n"


def test_clipped_chunk_is_kept():
    assert dechunked(b"5\r\nabcde\r\n9\r\nfgh") == b"abcdefgh"
