"""Text as RedPajama-V2 normalises it: without ASCII punctuation, in lower case, white space collapsed, decomposed (NFD).

    normalise(Texts.from_strings(["Don't   look!"]))[0]        # "dont look"

A kernel replaces every code point by a table. Two things need their surroundings, and Python does the rows where they occur:
the capital sigma, whose lower case depends on its place, and marks that NFD puts into another order.
"""

from __future__ import annotations

import re
import string
import unicodedata
from functools import cache
from typing import NamedTuple

import numpy as np
from numba import njit

from gristmill.kernels.code_points import decode
from gristmill.kernels.leaf import leaf
from gristmill.kernels.text import Texts

SAME, DROPPED, REPLACED, BLANK, CONTEXTUAL = range(5)  # what becomes of a code point
_SIGMA = 0x3A3
_SPACE = 0x20
_TABLE_SIZE = 0x30000  # past it nothing has case or is decomposed
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_BLANKS = re.compile(r"\s+")


class Normaliser(NamedTuple):
    """kinds: uint8 (196608,). first: int32 (196609,) into `pieces` uint8, the UTF-8 that replaces a code point. leads, trails:
    uint8 (196608,), the combining class that its replacement begins and ends with."""

    kinds: np.ndarray
    first: np.ndarray
    pieces: np.ndarray
    leads: np.ndarray
    trails: np.ndarray


@cache
def normaliser() -> Normaliser:
    """Takes about 0.2 s, once a process."""
    kinds = np.zeros(_TABLE_SIZE, np.uint8)
    lengths = np.zeros(_TABLE_SIZE, np.int32)
    leads, trails = np.zeros(_TABLE_SIZE, np.uint8), np.zeros(_TABLE_SIZE, np.uint8)
    pieces = bytearray()
    for code in range(_TABLE_SIZE):
        if 0xD800 <= code < 0xE000:  # surrogates never stand in UTF-8
            continue
        sign = chr(code)
        if code < 0x80 and sign in string.punctuation:
            kinds[code] = DROPPED
            continue
        if sign.isspace():
            kinds[code] = BLANK
            continue
        folded = unicodedata.normalize("NFD", sign.lower())
        leads[code], trails[code] = unicodedata.combining(folded[0]), unicodedata.combining(folded[-1])
        if folded != sign:
            kinds[code] = REPLACED
            lengths[code] = len(folded.encode())
            pieces += folded.encode()
    kinds[_SIGMA] = CONTEXTUAL
    first = np.zeros(_TABLE_SIZE + 1, np.int32)
    np.cumsum(lengths, out=first[1:])
    tables = Normaliser(kinds, first, np.frombuffer(bytes(pieces), np.uint8), leads, trails)
    for table in tables:
        table.flags.writeable = False
    return tables


def normalise_string(text: str) -> str:
    """What `normalise` makes of one text, in Python."""
    text = text.translate(_PUNCTUATION).lower().strip()
    return unicodedata.normalize("NFD", _BLANKS.sub(" ", text))


@leaf
def _write(data, start, end, tables, out, size):
    """Write data[start:end] normalised behind `size` bytes of `out`, or only measure it where `out` is empty; the bytes there
    are then, -1 when the text needs its surroundings."""
    at = start
    gap = False
    begun = size
    last = np.int64(0)  # combining class of what was written last
    room = len(out) > 0
    while at < end:
        byte = data[at]
        code, after = (np.int64(byte), at + 1) if byte < 0x80 else decode(data, at, end)
        kind = SAME
        if code < len(tables.kinds):
            kind = tables.kinds[code]
        if kind == BLANK:
            gap = size > begun
        elif kind == CONTEXTUAL:
            return np.int64(-1)
        elif kind != DROPPED:
            if gap:
                if room:
                    out[size] = _SPACE
                size += 1
                gap = False
                last = np.int64(0)
            if code >= 0x80 and code < len(tables.kinds):
                lead = np.int64(tables.leads[code])
                if 0 < lead < last:
                    return np.int64(-1)
                last = np.int64(tables.trails[code])
            else:
                last = np.int64(0)
            if kind == SAME:
                if room:
                    for place in range(at, after):
                        out[size + place - at] = data[place]
                size += after - at
            else:
                for place in range(tables.first[code], tables.first[code + 1]):
                    if room:
                        out[size] = tables.pieces[place]
                    size += 1
        at = after
    return size


@njit(cache=True, nogil=True)
def _fold(data, starts, ends, tables):
    """The normalised spans, uint8, one after another; where each ends, int64 (spans,); and bool (spans,): it is left empty, as
    it needs its surroundings."""
    spans = len(starts)
    hard = np.zeros(spans, np.bool_)
    stops = np.zeros(spans, np.int64)
    nothing = np.empty(0, np.uint8)
    total = np.int64(0)
    for span in range(spans):
        size = _write(data, starts[span], ends[span], tables, nothing, np.int64(0))
        hard[span] = size < 0
        total += max(size, 0)
        stops[span] = total
    folded = np.empty(total + 1, np.uint8)
    at = np.int64(0)
    for span in range(spans):
        if not hard[span]:
            at = _write(data, starts[span], ends[span], tables, folded, at)
    return folded[:total], stops, hard


def normalise(texts: Texts) -> Texts:
    """The texts normalised."""
    return normalise_spans(texts, texts.offsets[:-1], texts.offsets[1:])


def normalise_spans(texts: Texts, starts: np.ndarray, ends: np.ndarray) -> Texts:
    """Some spans of the texts, each normalised by itself, as rows."""
    folded, stops, hard = _fold(texts.data, starts, ends, normaliser())
    offsets = np.concatenate([[0], stops])
    if hard.any():
        parts, done = [], 0
        lengths = np.diff(offsets)
        for span in np.flatnonzero(hard):
            parts.append(folded[done : offsets[span]])
            done = int(offsets[span])
            text = bytes(texts.data[starts[span] : ends[span]]).decode()
            parts.append(np.frombuffer(normalise_string(text).encode(), np.uint8))
            lengths[span] = len(parts[-1])
        folded = np.concatenate([*parts, folded[done:]])
        offsets = np.concatenate([[0], np.cumsum(lengths)])
    folded.flags.writeable = False  # as texts are, so that kernels are compiled once
    return Texts(folded, offsets)
