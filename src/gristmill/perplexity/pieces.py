"""Texts → ids of a language model's words, by a SentencePiece model.

The models that CCNet trained, and those this package trains, are unigram models without frills: they are run by a kernel that is
exact against the library and several times faster. Anything else goes through the sentencepiece package.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from gristmill.errors import UserError
from gristmill.kernels import unigram_pieces as kernels
from gristmill.kernels.code_points import code_point_tables
from gristmill.kernels.text import Texts

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, BYTE, UNUSED = 1, 2, 3, 4, 6, 5
UNIGRAM = 1
PENALTY = np.float32(10)  # sentencepiece's, by which an unknown character is worse than the worst piece


@dataclass(frozen=True)
class PieceModel:
    """What a .sp.model says, as far as it is used here."""

    path: str
    pieces: tuple[str, ...]
    scores: np.ndarray  # float32
    types: np.ndarray  # int8
    plain: bool  # a unigram model that the kernel can run
    units: np.ndarray  # the character map, see kernels.unigram_pieces
    strings: np.ndarray
    prefix: bool
    squeeze: bool


@cache
def read_pieces(path: str) -> PieceModel:
    """Read a SentencePiece model file. Raises UserError when it is none."""
    try:
        with open(path, "rb") as stream:
            return _parse(path, stream.read())
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})", hint="check the path") from error
    except (ValueError, IndexError, struct.error, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not a SentencePiece model", hint="give a file as spm_train writes it") from error


def _parse(path: str, data: bytes) -> PieceModel:
    """ModelProto: 1 pieces (1 piece, 2 score, 3 type), 2 trainer (3 model type, 24 spaces as suffix, 35 byte fallback),
    3 normalizer (2 character map, 3 dummy prefix, 4 extra spaces removed, 5 spaces escaped)."""
    pieces: list[str] = []
    scores: list[float] = []
    types: list[int] = []
    trainer: dict[int, Any] = {}
    normalizer: dict[int, Any] = {}
    for field, value in _fields(data):
        if field == 1:
            piece = dict(_fields(value))
            pieces.append(piece.get(1, b"").decode())
            scores.append(struct.unpack("<f", piece.get(2, bytes(4)))[0])
            types.append(piece.get(3, NORMAL))
        elif field == 2:
            trainer = dict(_fields(value))
        elif field == 3:
            normalizer = dict(_fields(value))
    if not pieces:
        raise ValueError("no pieces")
    charsmap = normalizer.get(2, b"")
    size = struct.unpack_from("<I", charsmap)[0] if charsmap else 0
    units = np.frombuffer(charsmap, "<u4", size // 4, 4) if charsmap else np.empty(0, np.uint32)
    strings = np.frombuffer(charsmap, np.uint8, offset=4 + size) if charsmap else np.zeros(1, np.uint8)
    plain = (
        trainer.get(3, UNIGRAM) == UNIGRAM
        and not trainer.get(24, 0)
        and not trainer.get(35, 0)
        and normalizer.get(5, 1) == 1
        and not {USER_DEFINED, BYTE, UNUSED} & set(types)
    )
    return PieceModel(
        path,
        tuple(pieces),
        np.array(scores, np.float32),
        np.array(types, np.int8),
        bool(plain),
        units,
        strings,
        bool(normalizer.get(3, 1)),
        bool(normalizer.get(4, 1)),
    )


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """Fields of a protocol buffer message: numbers as int, everything else as bytes. Raises ValueError for what is none."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        kind = tag & 7
        if kind == 0:
            value, at = _varint(data, at)
            yield tag >> 3, value
            continue
        size = {1: 8, 5: 4}.get(kind)
        if kind == 2:
            size, at = _varint(data, at)
        if size is None or at + size > len(data):
            raise ValueError("not a protocol buffer")
        yield tag >> 3, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        shift, at = shift + 7, at + 1
        if byte < 128:
            return value, at
        if shift > 63:
            raise ValueError("not a number")


class PieceEncoder:
    """Encodes normalised texts as ids of a language model's words. `library`: always by the sentencepiece package."""

    def __init__(self, model: PieceModel, words: Mapping[str, int], unknown: int, *, library: bool = False) -> None:
        self.model, self.unknown = model, unknown
        self._ids = words
        self._by_library = library or not model.plain
        if self._by_library:
            return
        normal = model.types == NORMAL
        mine = [(piece.encode(), number) for number, piece in enumerate(model.pieces) if normal[number] and piece]
        self._trie = kernels.make_trie(mine)
        self._words = np.array([words.get(piece, unknown) for piece in model.pieces], np.int32)
        self._unknown_score = np.float32(model.scores[normal].min() - PENALTY)
        pieces = set(model.pieces)
        surfaces = [word for word in words if word not in pieces]
        texts = Texts.from_strings(surfaces)
        hashes = np.empty(len(surfaces), np.uint64)
        kernels.hash_all(texts.data, texts.offsets, hashes)
        order = np.argsort(hashes, kind="stable")
        self._surface_hashes = hashes[order]
        self._surface_words = np.array([words[surfaces[place]] for place in order.tolist()], np.int32)

    def encode(self, texts: Texts) -> tuple[np.ndarray, np.ndarray]:
        """int32 ids of all texts end to end, and int64 (texts + 1,) where each begins."""
        if self._by_library:
            return _flat([self._one_by_library(texts[row]) for row in range(len(texts))])
        model = self.model
        out = np.empty(len(texts.data) * 3 + 2 * len(texts), np.int32)
        offsets, odd = np.zeros(len(texts) + 1, np.int64), np.zeros(len(texts), np.bool_)
        used = kernels.encode(
            texts.data, texts.offsets, model.units, model.strings, model.prefix, model.squeeze, *self._trie, model.scores,
            self._unknown_score, self._words, np.int32(self.unknown), self._surface_hashes, self._surface_words,
            *code_point_tables(), out, offsets, odd,
        )  # fmt: skip
        if not odd.any():
            return out[:used], offsets
        parts = [
            self._one_by_library(texts[row]) if odd[row] else out[offsets[row] : offsets[row + 1]]
            for row in range(len(texts))
        ]
        return _flat(parts)

    def _one_by_library(self, text: str) -> np.ndarray:
        pieces = " ".join(load_library(self.model.path).encode(text, out_type=str)).split()
        return np.array([self._ids.get(piece, self.unknown) for piece in pieces], np.int32)


def _flat(parts: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    offsets = np.concatenate([[0], np.cumsum([len(part) for part in parts])]).astype(np.int64)
    return np.concatenate([*parts, np.empty(0, np.int32)]).astype(np.int32), offsets


@cache
def load_library(path: str) -> Any:
    """The sentencepiece package's processor for a model. Raises UserError when it is not installed."""
    return library().SentencePieceProcessor(model_file=path)


def library() -> Any:
    try:
        import sentencepiece
    except ImportError as error:
        raise UserError("sentencepiece is not installed", hint="pip install sentencepiece") from error
    return sentencepiece
