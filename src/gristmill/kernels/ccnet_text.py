"""CCNet's normalisation of text before scoring: what each code point becomes, and the kernel that puts it together.

Steps of cc_net: strip, lower-case, decompose and drop marks (Mn), digits → 0, listed signs → ASCII,
drop control characters. Newlines are control characters too, so a whole text becomes one line, its lines end to end.
"""

from __future__ import annotations

import unicodedata
from functools import cache

import numpy as np
from numba import njit

from gristmill.kernels.code_points import decode
from gristmill.kernels.text import Texts

SIGNS = {
    "，": ",", "。": ".", "、": ",", "„": '"', "”": '"', "“": '"', "«": '"', "»": '"', "」": '"', "「": '"', "《": '"', "》": '"',
    "´": "'", "∶": ":", "：": ":", "？": "?", "！": "!", "（": "(", "）": ")", "；": ";", "–": "-", "—": " - ", "．": ". ",
    "～": "~", "’": "'", "…": "...", "━": "-", "〈": "<", "〉": ">", "【": "[", "】": "]", "％": "%", "►": "-",
}  # fmt: skip
"""cc_net's list; its full-width digit one never arrives there, because digits became 0 before."""

_CONTROLS = {*range(32), *range(127, 160)}
_LENGTH, _SAME, _SPACE, _SLOW, _PLACE = 15, 16, 32, 64, 7  # of an entry: bytes put out; flags; shift of where they lie
_ASSIGNED = (range(0x34000), range(0xE0000, 0xE1000))  # beyond: unassigned or private use, which stay


def normalize(text: str) -> str:
    """The same in plain Python: the meaning of the kernel, and what the few texts pass through that need context."""
    marked = unicodedata.normalize("NFD", text.strip().lower())
    bare = (c for c in marked if unicodedata.category(c) != "Mn")
    return "".join(map(_put_out, bare))


def _put_out(char: str) -> str:
    if unicodedata.category(char) == "Nd":
        return "0"
    return "" if ord(char) in _CONTROLS else SIGNS.get(char, char)


@cache
def tables() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`blocks` uint16 (4352,), `entries` int32 (blocks × 256,), `out` uint8: what every code point becomes. About 0.3 s, once."""
    entries = np.full(0x110000, _SAME, np.int32)
    out = bytearray()
    places: dict[bytes, int] = {}
    for code in (code for assigned in _ASSIGNED for code in assigned):
        if 0xD800 <= code < 0xE000:
            continue
        char = chr(code)
        low = char.lower()
        parts = unicodedata.normalize("NFD", low) if code > 127 else low
        flags = _SPACE if char.isspace() else 0
        if code == 0x3A3 or any(unicodedata.combining(c) and unicodedata.category(c) != "Mn" for c in parts):
            flags |= _SLOW  # a final sigma; marks that stay and may change places
        became = "".join(_put_out(c) for c in parts if unicodedata.category(c) != "Mn")
        if became == char:
            entries[code] = _SAME | flags
            continue
        encoded = became.encode()
        if encoded not in places:
            places[encoded] = len(out)
            out += encoded
        assert len(encoded) <= min(_LENGTH, 3 * len(char.encode()))
        entries[code] = places[encoded] << _PLACE | flags | len(encoded)
    unique, blocks = np.unique(entries.reshape(-1, 256), axis=0, return_inverse=True)
    found = blocks.reshape(-1).astype(np.uint16), np.ascontiguousarray(unique).reshape(-1), np.frombuffer(out, np.uint8)
    for table in found:
        table.flags.writeable = False
    return found


def normalize_texts(data: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> Texts:
    """The normalised ranges [start, end) of UTF-8 bytes, one text each. data: uint8; starts, ends: int64 (ranges,)."""
    blocks, entries, out = tables()
    room = int(3 * (ends - starts).sum())  # nothing becomes more than three times as long; Hangul does
    target = np.empty(room, np.uint8)
    offsets = np.zeros(len(starts) + 1, np.int64)
    slow = np.zeros(len(starts), np.bool_)
    used = _normalize(data, starts, ends, blocks, entries, out, target, offsets, slow)
    target = target[:used]
    target.flags.writeable = False
    if not slow.any():
        return Texts(target, offsets)
    texts = Texts(target, offsets)
    rows = [
        normalize(data[starts[row] : ends[row]].tobytes().decode("utf-8", "replace")) if slow[row] else texts[row]
        for row in range(len(starts))
    ]
    return Texts.from_strings(rows)


@njit(cache=True, nogil=True)
def _normalize(data, starts, ends, blocks, entries, out, target, offsets, slow):
    """Write all texts end to end into `target`; returns bytes used. Marks texts that hold something context decides."""
    used = 0
    for row in range(len(starts)):
        at, end = starts[row], ends[row]
        keep = used  # end of what is written up to the last character that is no space
        begun = False
        while at < end:
            code, after = decode(data, at, end)
            entry = entries[(np.int64(blocks[code >> 8]) << 8) | (code & 0xFF)]
            space = entry & _SPACE
            if space == 0 or begun:
                if entry & _SLOW:
                    slow[row] = True
                if entry & _SAME:
                    for place in range(at, after):
                        target[used] = data[place]
                        used += 1
                else:
                    place = entry >> _PLACE
                    for number in range(entry & _LENGTH):
                        target[used] = out[place + number]
                        used += 1
                if space == 0:
                    begun = True
                    keep = used
            at = after
        used = keep
        offsets[row + 1] = used
    return used
