"""URLs as spans of bytes, and as the text their words are looked for in.

    urls = Urls.parse(Texts.from_strings(["HTTP://user@WWW.Example.com.:80/a%20b#c"]))
    urls.host(0)       # 'www.example.com'
    urls.words().text  # 'user@www.example.com.:80/a b#c'

What a URL is here is what browsers accept, without their repairs: a scheme is whatever stands before `://`
and may be missing; user names, ports and fragments are recognised; `\\` separates like `/`. A host is made of
letters, digits, `-`, `_` and dots, or is a bracketed IPv6 address; letters of other scripts, also
percent-encoded ones, become punycode as in UTS #46.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote_to_bytes

import numpy as np
from numba import njit

from gristmill.kernels.text import Texts

START, HOST, HOST_END, TAIL, END = range(5)
"""Columns of `Urls.spans`: after the scheme; first and past-the-end byte of the host without port and
trailing dots; where the path begins; past the end. Blanks around the URL belong to nothing."""

FINE, BAD, FOREIGN = range(3)
"""Of a URL: usable; without a usable host; with a host that must be turned into ASCII first."""

LONGEST_HOST = 253  # bytes, RFC 1035
_LONGEST_FOREIGN_HOST = 1000  # bytes before conversion: a bound on its quadratic cost
_PUNYCODE = re.compile(r"xn--[a-z0-9-]{1,59}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Urls:
    """A batch of URLs: `texts` with hosts in ASCII, `spans` int64 (rows, 5) of absolute positions in
    `texts.data`, `bad` bool (rows,).

    The spans of bad rows cover the whole URL as if it had no host.
    """

    texts: Texts
    spans: np.ndarray
    bad: np.ndarray

    @classmethod
    def parse(cls, texts: Texts) -> Urls:
        data = texts.data.view()
        data.flags.writeable = False  # some Arrow buffers are, some are not: kernels are compiled for one type
        texts = Texts(data, texts.offsets)
        spans, status = split_urls(texts.data, texts.offsets)
        foreign = np.flatnonzero(status == FOREIGN)
        if len(foreign):
            ends = texts.offsets[1:][foreign]
            starts = texts.offsets[:-1][foreign]
            pieces = []
            for start, end, span in zip(starts, ends, spans[foreign], strict=True):
                host = ascii_host(texts.data[span[HOST] : span[HOST_END]].tobytes())
                before, after = (
                    texts.data[start : span[HOST]].tobytes(),
                    texts.data[span[HOST_END] : end].tobytes(),
                )
                pieces.append(before + host + after)
            texts = _replace_rows(texts, foreign, pieces)
            spans, status = split_urls(texts.data, texts.offsets)
            hopeless = status == FOREIGN
            for column in (HOST, HOST_END, TAIL):
                spans[hopeless, column] = spans[hopeless, START]
        return cls(texts, spans, status != FINE)

    def __len__(self) -> int:
        return len(self.spans)

    def host(self, row: int) -> str:
        """The host in lower-case ASCII, empty for a bad URL."""
        return self._slice(row, HOST, HOST_END).decode("ascii", "replace").lower()

    def key(self, row: int) -> str:
        """What `hash_urls` hashes: host, unusual port, path and query."""
        from gristmill.kernels.url_hashes import key_span, port_start

        data, span = self.texts.data, self.spans[row]
        start, end = key_span(data, span)
        port = data[port_start(data, span) : span[TAIL]].tobytes()
        host, path = data[start : span[HOST_END]].tobytes(), data[span[TAIL] : end].tobytes()
        return (host.lower() + port + path).decode("utf-8", "replace")

    def _slice(self, row: int, first: int, last: int) -> bytes:
        return self.texts.data[self.spans[row, first] : self.spans[row, last]].tobytes()

    def words(self, *, lower: bool = True) -> Texts:
        """Everything after the scheme with percent-encoding and punycode undone, in lower case if asked:
        where words are sought.

        Bytes that are no UTF-8 stay as they are.
        """
        data, offsets, foreign = decode_urls(self.texts.data, self.spans, lower)
        data.flags.writeable = False
        texts = Texts(data, offsets)
        rows = np.flatnonzero(foreign)
        if len(rows):
            pieces = [_readable(data[offsets[row] : offsets[row + 1]].tobytes(), lower) for row in rows]
            texts = _replace_rows(texts, rows, pieces)
        return texts


@lru_cache(1 << 14)  # hosts repeat, and the tables of UTS #46 are slow
def ascii_host(host: bytes) -> bytes:
    """A host with other letters than ASCII's in lower-case punycode (UTS #46); unchanged where that is
    impossible.
    """
    import idna

    if len(host) > _LONGEST_FOREIGN_HOST:
        return host
    try:
        text = unquote_to_bytes(host).decode("utf-8")
    except UnicodeDecodeError:
        return host
    try:
        return idna.encode(text, uts46=True)
    except (idna.IDNAError, UnicodeError):
        pass  # emoji, underscores beside other scripts: browsers and resolvers are laxer than the standard
    try:
        labels = [_ascii_label(label) for label in re.split("[.\u3002\uff0e\uff61]", text.lower())]
    except UnicodeError:
        return host
    found = b".".join(labels)
    return found if re.fullmatch(rb"[a-z0-9_.-]+", found) else host


def _ascii_label(label: str) -> bytes:
    return label.encode() if label.isascii() else b"xn--" + label.encode("punycode")


def _readable(text: bytes, lower: bool) -> bytes:
    decoded = _PUNYCODE.sub(_from_punycode, text.decode("utf-8", "surrogateescape"))
    return (decoded.lower() if lower else decoded).encode("utf-8", "surrogateescape")


def _from_punycode(label: re.Match[str]) -> str:
    try:
        found = label[0][4:].encode("ascii").decode("punycode")
        found.encode("utf-8")  # punycode can spell lone surrogates
    except (UnicodeError, OverflowError, ValueError):
        return label[0]
    return found


def _replace_rows(texts: Texts, rows: np.ndarray, pieces: list[bytes]) -> Texts:
    """The texts with `pieces` in place of `rows` (ascending)."""
    lengths = texts.lengths.copy()
    lengths[rows] = [len(piece) for piece in pieces]
    offsets = np.zeros(len(texts) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    whole: list[bytes] = []
    data, done = texts.data, 0
    for row, piece in zip(rows, pieces, strict=True):
        whole += [data[done : texts.offsets[row]].tobytes(), piece]
        done = int(texts.offsets[row + 1])
    whole.append(data[done:].tobytes())
    return Texts(np.frombuffer(b"".join(whole), np.uint8), offsets)


# -- kernels -------------------------------------------------------------------------------------------------


@njit(cache=True, nogil=True)
def is_letter_or_digit(byte: int) -> bool:
    """ASCII letters and digits, and every byte of a character outside ASCII."""
    return 97 <= byte <= 122 or 65 <= byte <= 90 or 48 <= byte <= 57 or byte >= 128


@njit(cache=True, nogil=True)
def _after_scheme(data: np.ndarray, start: int, end: int) -> int:
    at = start
    while at < end and (is_letter_or_digit(data[at]) or data[at] in (43, 45, 46)):  # + - .
        at += 1
    if at > start and at < end and data[at] == 58:  # :
        at += 1
    elif at > start:
        return start
    if at + 1 < end and data[at] in (47, 92) and data[at + 1] in (47, 92):  # / or \
        return at + 2
    return start


@njit(cache=True, nogil=True)
def _host_status(data: np.ndarray, start: int, end: int) -> int:
    """Status of a host that is not in brackets."""
    if start == end or data[start] == 46:
        return BAD
    status = FINE
    for at in range(start, end):
        byte = data[at]
        if byte == 46:
            if data[at + 1] == 46 and at + 1 < end:
                return BAD
        elif byte >= 128 or byte == 37:  # %
            status = FOREIGN
        elif not (is_letter_or_digit(byte) or byte in (45, 95)):  # - _
            return BAD
    if status == FINE and end - start > LONGEST_HOST:
        return BAD
    return status


@njit(cache=True, nogil=True)
def _authority(data: np.ndarray, start: int, tail: int, span: np.ndarray) -> int:
    """Sets HOST and HOST_END from the bytes between scheme and path; the status."""
    host = start
    for at in range(start, tail):
        if data[at] == 64:  # the last @ ends the user's name
            host = at + 1
    if host < tail and data[host] == 91:  # [
        close = host + 1
        while close < tail and (data[close] in (46, 58) or (is_letter_or_digit(data[close]) and data[close] < 128)):
            close += 1
        if close == tail or data[close] != 93 or close - host < 3:
            return BAD
        host_end = port = close + 1
        status = FINE
    else:
        port = host
        while port < tail and data[port] != 58:
            port += 1
        host_end = port
        while host_end > host and data[host_end - 1] == 46:
            host_end -= 1
        status = _host_status(data, host, host_end)
    if port < tail:
        if data[port] != 58:
            return BAD
        for at in range(port + 1, tail):
            if not 48 <= data[at] <= 57:
                return BAD
    span[HOST], span[HOST_END] = host, host_end
    return status


@njit(cache=True, nogil=True)
def split_urls(data: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Spans int64 (rows, 5) and status uint8 (rows,) of every row."""
    rows = len(offsets) - 1
    spans = np.zeros((rows, 5), np.int64)
    status = np.zeros(rows, np.uint8)
    for row in range(rows):
        start, end = offsets[row], offsets[row + 1]
        while start < end and data[start] <= 32:
            start += 1
        while end > start and data[end - 1] <= 32:
            end -= 1
        start = _after_scheme(data, start, end)
        tail = start
        while tail < end and data[tail] not in (47, 92, 63, 35):  # / \ ? #
            tail += 1
        span = spans[row]
        span[START], span[TAIL], span[END] = start, tail, end
        status[row] = _authority(data, start, tail, span)
        if status[row] == BAD:
            span[HOST] = span[HOST_END] = span[TAIL] = start
    return spans, status


@njit(cache=True, nogil=True)
def _hex_digit(byte: int) -> int:
    if 48 <= byte <= 57:
        return byte - 48
    if 97 <= byte <= 102:
        return byte - 87
    if 65 <= byte <= 70:
        return byte - 55
    return -1


@njit(cache=True, nogil=True)
def decode_urls(data: np.ndarray, spans: np.ndarray, lower: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Bytes and offsets of the URLs without scheme, percent-encoding undone once; and which rows hold more
    than plain ASCII words.
    """
    rows = len(spans)
    size = 0
    for row in range(rows):
        size += spans[row, END] - spans[row, START]
    decoded = np.empty(size, np.uint8)
    offsets = np.zeros(rows + 1, np.int64)
    foreign = np.zeros(rows, np.bool_)
    out = 0
    for row in range(rows):
        at, end = spans[row, START], spans[row, END]
        while at < end:
            byte = int(data[at])
            if byte == 37 and at + 2 < end:
                high, low = _hex_digit(data[at + 1]), _hex_digit(data[at + 2])
                if high >= 0 and low >= 0:
                    byte = 16 * high + low
                    at += 2
            if lower and 65 <= byte <= 90:
                byte += 32
            if byte >= 128:
                foreign[row] = True
            decoded[out] = byte
            out += 1
            at += 1
        for at in range(spans[row, HOST], spans[row, HOST_END] - 3):
            if data[at] | 32 == 120 and data[at + 1] | 32 == 110 and data[at + 2] == 45 and data[at + 3] == 45:  # xn--
                foreign[row] = True
        offsets[row + 1] = out
    return decoded[:out], offsets, foreign
