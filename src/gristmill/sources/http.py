"""HTTP responses as archives store them: status, headers, body behind transfer and content encodings."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from gristmill.sources.compressed import Damage

MAX_HEADER = 256 << 10  # bytes; a header that is longer is none

_STATUS_LINE = re.compile(rb"(?:HTTP/\d(?:\.\d)?[ \t]+){1,2}(\d{3})(?!\d)")
_BLANK_LINE = re.compile(rb"\n\r*\n")
_CHUNK_SIZE = re.compile(rb"[ \t]*([0-9a-fA-F]{1,12})[ \t]*(?:;[^\r\n]*)?\r?\n")


@dataclass(slots=True)
class Response:
    """A parsed response; `body` begins at that byte of the block. `status` is None where no status line could
    be read.
    """

    status: int | None
    head: bytes
    body: int
    lower: bytes = b""  # `head` in lower case

    def __post_init__(self) -> None:
        self.lower = self.head.lower()

    def header(self, name: bytes) -> bytes | None:
        """The first header of that lower-case name, stripped; None when absent."""
        head = self.head
        lower = self.lower
        at = lower.find(b"\n" + name + b":")
        if at < 0:
            found = re.search(rb"\n" + re.escape(name) + rb"[ \t]*:", lower)
            if found is None:
                return None
            start = found.end()
        else:
            start = at + len(name) + 2
        end = head.find(b"\n", start)
        return head[start : end if end >= 0 else len(head)].strip()


def parse_response(block: bytes) -> Response | None:
    """Status line and headers of a response; None when the block does not begin as one.

    HTTP/0.9 responses, which are all body, are told by their markup and count as status 200.
    """
    found = _STATUS_LINE.match(block)
    if found is None:
        if block.startswith(b"HTTP/"):
            return Response(None, b"", 0)
        return Response(200, b"", 0) if block[:64].lstrip().startswith(b"<") else None
    line_end = block.find(b"\n", 0, MAX_HEADER)
    if line_end < 0:
        return Response(int(found[1]), block, len(block))
    blank = _BLANK_LINE.search(block, line_end, MAX_HEADER)
    if blank is None:
        return Response(int(found[1]), block[:MAX_HEADER], len(block))
    return Response(int(found[1]), block[: blank.start() + 1], blank.end())


def decoded_body(block: bytes, response: Response, limit: int) -> bytes:
    """The body without chunks and content encoding.

    Common Crawl stores bodies already decoded, newer crawls with the headers renamed to X-Crawl-…, older ones
    with the headers left in place: an encoding is undone only where the bytes bear it. Raises Damage
    too_large above `limit` bytes, bad_encoding where a compressed body cannot be decoded at all.
    """
    body = block[response.body :] if response.body else block
    head = response.lower
    if b"transfer-encoding" in head and b"chunked" in (response.header(b"transfer-encoding") or b"").lower():
        body = dechunked(body)
    if b"content-encoding" in head:
        for name in reversed((response.header(b"content-encoding") or b"").lower().split(b",")):
            body = _decoded(body, name.strip(), limit)
    if body[:2] == b"\r\n" and response.header(b"content-length") == b"%d" % (len(body) - 2):
        body = body[2:]  # the blank line too much of CC-MAIN-2018-34
    if len(body) > limit:
        raise Damage("too_large", f"the body has {len(body)} bytes, max_page_bytes is {limit}")
    return body


def dechunked(body: bytes) -> bytes:
    """The body without chunk framing; as it is where the framing is absent or broken. A clipped last chunk is
    kept.
    """
    parts: list[bytes] = []
    at = 0
    while at < len(body):
        found = _CHUNK_SIZE.match(body, at)
        if found is None:
            return body
        size = int(found[1], 16)
        if size == 0:
            return b"".join(parts)
        start = found.end()
        parts.append(body[start : start + size])
        at = start + size
        if at >= len(body):
            break
        if body[at : at + 2] == b"\r\n":
            at += 2
        elif body[at : at + 1] == b"\n":
            at += 1
        elif body[at:] != b"\r":
            return body
    return b"".join(parts)


def _decoded(body: bytes, name: bytes, limit: int) -> bytes:
    decode = _DECODERS.get(name)
    return decode(body, limit) if decode and body else body


def _too_large(limit: int) -> Damage:
    return Damage("too_large", f"the body decodes to more than max_page_bytes = {limit} bytes")


def _inflated(body: bytes, window_bits: int, limit: int) -> bytes | None:
    """Members one after another; the beginning of a broken stream, None when nothing can be decoded."""
    parts: list[bytes] = []
    size = 0
    while body:
        decoder = zlib.decompressobj(window_bits)
        try:
            while body and not decoder.eof:
                part = decoder.decompress(body, limit + 1 - size)
                parts.append(part)
                size += len(part)
                if size > limit:
                    raise _too_large(limit)
                body = decoder.unconsumed_tail
        except zlib.error:
            return b"".join(parts) or None
        body = decoder.unused_data
        if body[:2] != b"\x1f\x8b":
            break
    return b"".join(parts)


def _gunzip(body: bytes, limit: int) -> bytes:
    if body[:2] != b"\x1f\x8b":
        return body
    decoded = _inflated(body, 31, limit)
    if decoded is None:
        raise Damage("bad_encoding", "Content-Encoding gzip, but the body cannot be decompressed")
    return decoded


def _inflate(body: bytes, limit: int) -> bytes:
    """`deflate` means zlib, but many servers send it without the zlib header."""
    if _looks_like_text(body):
        return body
    decoded = _inflated(body, 15, limit)
    if decoded is None:
        decoded = _inflated(body, -15, limit)
    if decoded is None:
        raise Damage("bad_encoding", "Content-Encoding deflate, but the body cannot be decompressed")
    return decoded


def _unbrotli(body: bytes, limit: int) -> bytes:
    import brotli

    if _looks_like_text(body):
        return body
    decoder = brotli.Decompressor()
    parts: list[bytes] = []
    size = 0
    try:
        data = body
        while not decoder.is_finished():
            part = decoder.process(data, output_buffer_limit=limit + 1)
            parts.append(part)
            size += len(part)
            if size > limit:
                raise _too_large(limit)
            data = b""
            if not part and decoder.can_accept_more_data():
                break  # clipped
    except brotli.error as error:
        if not parts:
            raise Damage("bad_encoding", "Content-Encoding br, but the body cannot be decompressed") from error
    return b"".join(parts)


def _unzstd(body: bytes, limit: int) -> bytes:
    import zstandard

    if body[:4] != b"\x28\xb5\x2f\xfd":
        return body
    parts: list[bytes] = []
    size = 0
    try:
        with zstandard.ZstdDecompressor().stream_reader(body, read_across_frames=True) as reader:
            while part := reader.read(1 << 20):
                parts.append(part)
                size += len(part)
                if size > limit:
                    raise _too_large(limit)
    except zstandard.ZstdError as error:
        if not parts:
            raise Damage("bad_encoding", "Content-Encoding zstd, but the body cannot be decompressed") from error
    return b"".join(parts)


def _looks_like_text(body: bytes) -> bool:
    """Markup in the first bytes: what a decoded body begins with and a deflate or brotli stream does not."""
    return body[:512].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<" and body[:512].isascii()


_DECODERS: dict[bytes, Callable[[bytes, int], bytes]] = {
    b"gzip": _gunzip,
    b"x-gzip": _gunzip,
    b"deflate": _inflate,
    b"br": _unbrotli,
    b"zstd": _unzstd,
}
