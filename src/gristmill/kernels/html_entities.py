"""Character references: `&amp;`, `&eacute`, `&#8217;`, `&#x1F600;` → UTF-8."""

from __future__ import annotations

from html.entities import html5

import numpy as np

from gristmill.kernels.html_names import find, name_hash, step
from gristmill.kernels.leaf import leaf

_BITS = 13
_START = np.uint64(name_hash(""))
LONGEST = max(map(len, html5))
GROWTH = (6, 5)
"""No reference becomes more than 6/5 of its own bytes (`&nGt;` is five and becomes six)."""


def _tables() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Keys (names with their `;` if they have one), and per place start << 4 | length into the bytes of all values."""
    keys, places = np.zeros(1 << _BITS, np.uint64), np.zeros(1 << _BITS, np.uint64)
    pool = bytearray(16)
    for name, value in sorted(html5.items()):
        key, data = name_hash(name), value.encode()
        assert (len(data) * GROWTH[1]) <= (len(name) + 1) * GROWTH[0], name
        at = key >> (64 - _BITS)
        while keys[at]:
            at = (at + 1) & ((1 << _BITS) - 1)
        keys[at], places[at] = key, len(pool) << 4 | len(data)
        pool += data
    return keys, places, np.frombuffer(bytes(pool), np.uint8)


KEYS, PLACES, POOL = _tables()
WINDOWS = np.array([ord(bytes([b]).decode("cp1252", "replace")) for b in range(128, 160)], np.int64)
"""What browsers read in &#128; to &#159;."""


@leaf
def write_code_point(code, out, at):
    """UTF-8 of a code point at out[at:]; the place behind it."""
    if code < 0x80:
        out[at] = np.uint8(code)
        return at + 1
    if code < 0x800:
        out[at] = np.uint8(0xC0 | code >> 6)
        out[at + 1] = np.uint8(0x80 | code & 63)
        return at + 2
    if code < 0x10000:
        out[at] = np.uint8(0xE0 | code >> 12)
        out[at + 1] = np.uint8(0x80 | code >> 6 & 63)
        out[at + 2] = np.uint8(0x80 | code & 63)
        return at + 3
    out[at] = np.uint8(0xF0 | code >> 18)
    out[at + 1] = np.uint8(0x80 | code >> 12 & 63)
    out[at + 2] = np.uint8(0x80 | code >> 6 & 63)
    out[at + 3] = np.uint8(0x80 | code & 63)
    return at + 4


@leaf
def _numeric(data, at, n, out):
    """A reference whose `&#` stands at `at`: (bytes read, bytes written); (0, 0) when it is none."""
    start = at
    at += 2
    code = np.int64(0)
    digits = 0
    if at < n and data[at] | 32 == 120:
        at += 1
        while at < n:
            byte = np.int64(data[at])
            if 48 <= byte <= 57:
                value = byte - 48
            elif 97 <= byte | 32 <= 102:
                value = (byte | 32) - 87
            else:
                break
            code = code * 16 + value if code < 0x110000 else code
            digits += 1
            at += 1
    else:
        while at < n and 48 <= data[at] <= 57:
            code = code * 10 + data[at] - 48 if code < 0x110000 else code
            digits += 1
            at += 1
    if digits == 0:
        return np.int64(0), np.int64(0)
    if at < n and data[at] == 59:
        at += 1
    if 128 <= code < 160:
        code = WINDOWS[code - 128]
    if code == 0 or code >= 0x110000 or 0xD800 <= code < 0xE000:
        code = np.int64(0xFFFD)
    if code == 13:
        code = np.int64(10)
    return at - start, write_code_point(code, out, np.int64(0))


@leaf
def read_entity(data, at, n, out):
    """The reference whose `&` stands at `at` into out uint8 (16,): (bytes read, bytes written); (0, 0) when it is none."""
    if at + 1 < n and data[at + 1] == 35:
        return _numeric(data, at, n, out)
    value = _START
    best, place = np.int64(0), np.uint64(0)
    end = min(n, at + 1 + LONGEST)
    for here in range(at + 1, end):
        byte = np.int64(data[here])
        if byte != 59 and not (48 <= byte <= 57 or 65 <= byte <= 90 or 97 <= byte <= 122):
            break
        value = step(value, byte)
        found = find(KEYS, PLACES, _BITS, value)
        if found != np.uint64(0):
            best, place = np.int64(here + 1 - at), found
        if byte == 59:
            break
    if best == 0:
        return np.int64(0), np.int64(0)
    start, length = np.int64(place >> np.uint64(4)), np.int64(place & np.uint64(15))
    for k in range(length):
        out[k] = POOL[start + k]
    return best, length
