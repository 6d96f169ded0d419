"""An n-gram model as one file that memory-maps: words, and a hash table per order.

    model = NgramModel.open("lm.ngrams")
    model.score(ids, offsets)                 # log10 probability per sentence, as KenLM's

Layout: a line of JSON (order, counts, where each array begins), then the arrays, little-endian, each on a multiple of 64 bytes.
Workers share its pages. Ids: 0 is no word, then <unk>, <s>, </s>, then the other words.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from gristmill.errors import UserError
from gristmill.kernels import ngram_tables

MAGIC = "gristmill n-grams 1"
PAD, UNKNOWN, BEGIN, END = 0, 1, 2, 3
SPECIAL = ("", "<unk>", "<s>", "</s>")
ZERO = np.float32(-99.0)  # log10 of a probability of nothing, as in ARPA files


@dataclass(frozen=True)
class NgramModel:
    """words: by id. unigrams: float32 (words, 2), log10 probability and back-off. starts: int64 (order + 2,)."""

    order: int
    words: tuple[str, ...]
    unigrams: np.ndarray
    starts: np.ndarray
    keys: np.ndarray
    values: np.ndarray

    @property
    def ids(self) -> dict[str, int]:
        """Every word's id; <unk>, <s> and </s> are no words of a text."""
        return {word: number for number, word in enumerate(self.words) if number >= len(SPECIAL)}

    def score(self, ids: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """log10 probability of every sentence with its end, float32 (sentences,), and its unknown words, int64 (sentences,)."""
        scores, unknowns = np.zeros(len(offsets) - 1, np.float32), np.zeros(len(offsets) - 1, np.int64)
        tables = (self.order, self.unigrams, self.starts, self.keys, self.values)
        ngram_tables.score(ids, offsets, *tables, BEGIN, END, UNKNOWN, scores, unknowns)
        return scores, unknowns

    @classmethod
    def open(cls, path: str) -> NgramModel:
        """Raises UserError when the file is no such model."""
        return _open(path)


@cache
def _open(path: str) -> NgramModel:
    try:
        with open(path, "rb") as stream:
            head = json.loads(stream.readline(1 << 16))
        if head["format"] != MAGIC:
            raise ValueError(head["format"])
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})", hint="check the path") from error
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path}: not an n-gram model of gristmill", hint="give an .arpa, .arpa.bin or .ngrams"
        ) from error
    data = np.memmap(path, np.uint8, "r")
    arrays = {name: _view(data, *place) for name, place in head["arrays"].items()}
    words = bytes(arrays["words"]).decode().split("\n")
    return NgramModel(
        head["order"], tuple(words), arrays["unigrams"], arrays["starts"], arrays["keys"], arrays["values"]
    )


def _view(data: np.ndarray, start: int, shape: Sequence[int], dtype: str) -> np.ndarray:
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    if start + size > len(data):
        raise UserError("an n-gram model is cut short", hint="make or copy it again")
    return np.asarray(data[start : start + size]).view(dtype).reshape(shape)


class NgramWriter:
    """Fills a model file of known size: words first, then n-grams of any order in any sequence."""

    def __init__(self, path: str, words: Sequence[str], counts: Sequence[int]) -> None:
        """words: by id, the special ones first. counts: n-grams of order 2, 3 …"""
        text = np.frombuffer("\n".join(words).encode(), np.uint8)
        slots = [0, 0, *(max(4, count + count // 2) for count in counts)]
        self.starts = np.concatenate([[0], np.cumsum(slots)]).astype(np.int64)
        total = int(self.starts[-1])
        places: dict[str, tuple[int, tuple[int, ...], str]] = {}
        at = 4096
        for name, shape, dtype in (
            ("words", (len(text),), "u1"),
            ("unigrams", (len(words), 2), "<f4"),
            ("starts", (len(self.starts),), "<i8"),
            ("keys", (total,), "<u8"),
            ("values", (total, 2), "<f4"),
        ):
            places[name] = (at, shape, dtype)
            at += -(-int(np.prod(shape)) * np.dtype(dtype).itemsize // 64) * 64
        head: dict[str, Any] = {"format": MAGIC, "order": len(counts) + 1, "counts": [len(words), *counts]}
        with open(path, "wb") as stream:
            stream.write(json.dumps(head | {"arrays": places}, sort_keys=True).encode() + b"\n")
            stream.truncate(at)
        self._data = np.memmap(path, np.uint8, "r+")
        arrays = {name: _view(self._data, *place) for name, place in places.items()}
        arrays["words"][:] = text
        arrays["starts"][:] = self.starts
        self.unigrams, self._keys, self._values = arrays["unigrams"], arrays["keys"], arrays["values"]
        self.unigrams[:, 0] = ZERO

    def add(self, words: np.ndarray, numbers: np.ndarray) -> None:
        """n-grams of order 2 and up. words: int32 (rows, n), the last word first; numbers: float32 (rows, 2), log10."""
        order = words.shape[1]
        first, slots = int(self.starts[order]), int(self.starts[order + 1] - self.starts[order])
        ngram_tables.insert(self._keys, self._values, first, slots, words, numbers)

    def close(self) -> None:
        self._data.flush()
        del self._data, self.unigrams, self._keys, self._values
