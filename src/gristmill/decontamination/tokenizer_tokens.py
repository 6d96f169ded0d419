"""Tokens of a tokenizer in place of words: ids of whole texts, and where in a text each stands.

tokens = TokenizerTokens("tokenizer.model")          # or tokenizer.json, or a .tiktoken file
found = tokens.of(texts, keep)                       # found.hashes, found.first
starts, ends = tokens.spans(text)
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np

from gristmill.kernels.folded_tokens import FoldedTokens
from gristmill.kernels.hashing import GOLDEN, mix_all
from gristmill.kernels.text import Texts
from gristmill.tokenize.engines import PIECE_CHARACTERS, Engine, Unusable, candidates, open_engine, pieces
from gristmill.tokenize.tokenizer_file import TokenizerFile

CALL_BYTES = 1 << 20  # text per call of the tokenizer: its results are some hundred bytes a token


class TokenizerTokens:
    """Reads texts as a tokenizer's file does; a fast engine is used where it gives the same ids.

    Raises UserError when the file is no tokenizer, or its library is not installed.
    """

    def __init__(self, location: str) -> None:
        self._file = TokenizerFile.read(location)
        self._reference = self._file.reference
        self._engines = iter(candidates("auto", self._file))

    def of(self, texts: Texts, keep: np.ndarray | None = None) -> FoldedTokens:
        """Tokens of texts, none of those that `keep`, bool (rows,), leaves out; without their places, which `spans` gives."""
        counts = np.zeros(len(texts), np.int64)
        parts = [np.empty(0, np.uint32)]
        for rows in _calls(texts, np.ones(len(texts), bool) if keep is None else keep):
            ids, counts[rows] = self._encode([texts[row] for row in rows])
            parts.append(ids)
        numbers = np.concatenate(parts).astype(np.uint64) + np.uint64(1)
        first = np.concatenate([[0], np.cumsum(counts)])
        nowhere = np.empty(0, np.int64)
        return FoldedTokens(first, mix_all(numbers * np.uint64(GOLDEN)), nowhere, nowhere)

    def spans(self, text: str) -> tuple[np.ndarray, np.ndarray]:
        """Start and end of every token, int64, in bytes of the text; tokens inside a character share its place."""
        begins_with_space = self._reference.space_begins_piece
        whole = begins_with_space is None or len(text) <= PIECE_CHARACTERS
        starts, ends, base = [], [], 0
        for number, piece in enumerate([text] if whole else pieces(text, PIECE_CHARACTERS)):
            skipped = int(number > 0 and bool(begins_with_space) and piece.startswith(" "))  # as engines.InPieces does
            found = self._reference.spans(piece[skipped:])
            starts.append(found[0] + base + skipped)
            ends.append(found[1] + base + skipped)
            base += len(piece.encode())
        return np.concatenate(starts), np.concatenate(ends)

    @cached_property
    def _engine(self) -> Engine:
        for name in self._engines:
            try:
                return open_engine(name, self._file)
            except Unusable:
                continue
        return self._reference

    def _encode(self, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
        while True:
            try:
                return self._engine.encode(texts)
            except Unusable:  # the next engine gives the same ids as this one did so far
                del self._engine


def _calls(texts: Texts, keep: np.ndarray) -> Iterator[list[int]]:
    """Rows that take part, some at a time."""
    rows: list[int] = []
    size = 0
    for row in np.flatnonzero(keep).tolist():
        if rows and size + int(texts.lengths[row]) > CALL_BYTES:
            yield rows
            rows, size = [], 0
        rows.append(row)
        size += int(texts.lengths[row])
    if rows:
        yield rows
