"""Builds small web archives, whole and damaged."""

from __future__ import annotations

import gzip
from collections.abc import Mapping, Sequence
from pathlib import Path

from gristmill.documents import Record
from gristmill.sources.warc import Warc
from gristmill.stage import InputFile, Source

PAGE = b"<!doctype html><html><head><title>A page</title></head><body><p>Some words.</p></body></html>"


def http(body: bytes = PAGE, status: str = "200 OK", content_type: str | None = "text/html", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}"]
    lines += [f"Content-Type: {content_type}"] if content_type else []
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def record(
    block: bytes = b"",
    kind: str = "response",
    url: str | None = "http://site.example/page",
    length: int | str | None = -1,
    fields: Mapping[str, str] | None = None,
    end: bytes = b"\r\n\r\n",
) -> bytes:
    """A WARC record; `length` None leaves Content-Length out, -1 states the true one."""
    block = block or http()
    lines = [
        "WARC/1.0",
        f"WARC-Type: {kind}",
        "WARC-Record-ID: <urn:uuid:1>",
        "WARC-Date: 2020-02-03T04:05:06Z",
    ]
    lines += [f"WARC-Target-URI: {url}"] if url else []
    lines += [f"{name}: {value}" for name, value in (fields or {}).items()]
    if kind in ("response", "request", "revisit") and "Content-Type" not in (fields or {}):
        lines.append(f"Content-Type: application/http; msgtype={kind}")
    if length is not None:
        lines.append(f"Content-Length: {len(block) if length == -1 else length}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + block + end


def page(n: int, words: int = 5) -> bytes:
    """A response of its own, told from others by its URL and body."""
    body = b"<html><p>" + b" ".join(b"word%d" % (n * 1000 + k) for k in range(words)) + b"</p></html>"
    return record(http(body), url=f"http://site.example/{n}")


def arc_record(url: str, block: bytes, content_type: str = "text/html", date: str = "20080430204825") -> bytes:
    return f"{url} 10.0.0.1 {date} {content_type} {len(block)}\n".encode() + block + b"\n"


ARC_HEAD = arc_record(
    "filedesc://some.arc",
    b"1 0 Someone\nURL IP-address Archive-date Content-type Archive-length\n",
    "text/plain",
)


def members(records: Sequence[bytes]) -> bytes:
    return b"".join(gzip.compress(one, mtime=0) for one in records)


def read(folder: Path, data: bytes, name: str = "some.warc.gz", source: Source | None = None) -> list[Record]:
    """What a source reads from a file with these bytes."""
    path = folder / name
    path.write_bytes(data)
    return list((source or Warc()).records(InputFile(str(path), name, len(data), "")))


def ends(records: Sequence[Record]) -> list[str]:
    """How each record ended: `open`, or its reason."""
    return ["open" if one.open else str(one.reason) for one in records]
