"""The libraries that turn text into ids, behind one method: the standard, and a fast one checked against it.

engine = open_engine("fastokens", TokenizerFile.read("tokenizer.json"))
ids, lengths = engine.encode(["some text", "another"])
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any, Literal, Protocol

import numpy as np

from gristmill.errors import UserError
from gristmill.tokenize.tokenizer_file import TokenizerFile

Name = Literal["tokenizers", "fastokens"]
PIECE_CHARACTERS = 16 << 20
GAP = re.compile(r"(?<=[^\W\d_]) (?=[^\W\d_])")  # a space between letters


class Engine(Protocol):
    """Texts → ids, nothing added, special tokens spelt out in a text read as plain text."""

    def encode(self, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
        """Ids of all texts end to end, and int64 (texts,): how many of them each text has."""
        ...


class Tokenizers:
    """Hugging Face tokenizers: the reference."""

    def __init__(self, file: TokenizerFile) -> None:
        self._tokenizer = file.tokenizer

    def encode(self, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
        found = [entry.ids for entry in self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)]
        lengths = np.array([len(ids) for ids in found], np.int64)
        return np.array([number for ids in found for number in ids], np.uint32), lengths


class Fastokens:
    """fastokens: the same ids several times faster, fastest with one Split pattern before ByteLevel."""

    def __init__(self, file: TokenizerFile) -> None:
        try:
            fastokens = import_module("fastokens")
        except ImportError as error:
            raise UserError(
                "tokenize.engine: fastokens is not installed",
                hint="pip install fastokens, or set it to tokenizers",
            ) from error
        reference = file.tokenizer  # also says clearly when the file is none
        try:
            self._tokenizer = fastokens.Tokenizer.from_json_str(reference.to_str())
        except Exception as error:  # whatever its loader does not know
            raise UserError(
                f"tokenize.engine: fastokens cannot read {file.location}: {error}",
                hint="set it to tokenizers",
            ) from error

    def encode(self, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
        ids, offsets = self._tokenizer.encode_batch_flat(texts, split_special_tokens=True)
        return np.frombuffer(ids, np.uint32), np.diff(np.frombuffer(offsets, np.uint64).astype(np.int64))


class InPieces:
    """Another engine, given long texts in pieces, so that the memory of a call is bounded.

    Pieces begin at a space between letters, where every byte-level tokenizer begins a word: same ids.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def encode(self, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
        if max(map(len, texts), default=0) <= PIECE_CHARACTERS:
            return self._engine.encode(texts)
        parts: list[np.ndarray] = []
        lengths = np.zeros(len(texts), np.int64)
        for number, text in enumerate(texts):
            for piece in pieces(text, PIECE_CHARACTERS):
                ids, counts = self._engine.encode([piece])
                parts.append(ids)
                lengths[number] += counts[0]
        return np.concatenate(parts), lengths


def open_engine(name: Name, file: TokenizerFile) -> Engine:
    """Raises UserError when the engine is not installed or cannot read the tokenizer."""
    engines: dict[str, Any] = {"tokenizers": Tokenizers, "fastokens": Fastokens}
    return InPieces(engines[name](file))


def check_agreement(engine: Engine, file: TokenizerFile, texts: list[str]) -> None:
    """Raise UserError when an engine gives other ids than Hugging Face tokenizers for these texts."""
    ids, lengths = engine.encode(texts)
    expected, expected_lengths = Tokenizers(file).encode(texts)
    if not (np.array_equal(ids, expected) and np.array_equal(lengths, expected_lengths)):
        raise UserError(
            f"tokenize.engine: with {file.location} it gives other ids than Hugging Face tokenizers",
            hint="set tokenize.engine to tokenizers",
        )


def pieces(text: str, size: int) -> Iterator[str]:
    """The text in pieces of at most `size` characters, cut before a space between letters if there is one."""
    start = 0
    while len(text) - start > size:
        gap = GAP.search(text, start + size // 2, start + size)
        end = gap.start() if gap else start + size
        yield text[start:end]
        start = end
    yield text[start:]
