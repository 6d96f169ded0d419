"""A tokenizer file of any of three formats, as something that turns text into ids and does nothing else.

    file = TokenizerFile.read("tokenizer.json")          # or tokenizer.model, cl100k_base.tiktoken
    ids, lengths = file.reference.encode(["some text"])

The format is seen from the content. The library of each format is the reference: tokenizers, sentencepiece,
tiktoken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal, Protocol

import numpy as np
import xxhash

from gristmill import storage
from gristmill.errors import UserError, nearest

Width = Literal["auto", "uint16", "uint32"]
Format = Literal["json", "sentencepiece", "tiktoken"]
SchemeName = Literal["r50k_base", "cl100k_base", "o200k_base", "llama3"]
FILES: dict[Format, str] = {
    "json": "tokenizer.json",
    "sentencepiece": "tokenizer.model",
    "tiktoken": "tokenizer.tiktoken",
}
UINT16_IDS = 1 << 16
AUTO = "auto"
END = "<|endoftext|>"


class Reference(Protocol):
    """The library of a format: texts → ids, nothing added, special tokens spelt out in a text read as plain text."""

    package: str
    vocabulary: int  # highest id + 1
    special: dict[str, int]  # tokens that no text comes to
    ends: tuple[str | None, str | None]  # begin and end token where the recipe leaves them to the tokenizer
    space_begins_piece: bool | None  # may a long text be cut before a space? True: the space is then left out

    def encode(self, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
        """Ids of all texts end to end, uint32, and int64 (texts,): how many of them each text has."""
        ...

    def spans(self, text: str) -> tuple[np.ndarray, np.ndarray]:
        """Start and end of each token of a text, int64, in its bytes; tokens inside a character share its place."""
        ...

    def decode(self, ids: list[int]) -> str: ...

    def starts(self, text: str, ids: np.ndarray) -> np.ndarray | None:
        """In which byte of the text each of its ids begins, int64 (ids,); None when the ids are not those of the text."""
        ...

    def token_id(self, token: str) -> int | None: ...


@dataclass(frozen=True)
class TokenizerFile:
    """A tokenizer's file, the checksum (xxh3-128) of its bytes, and its format."""

    location: str
    content: bytes
    scheme: SchemeName | None = None  # of a tiktoken file

    @classmethod
    def read(cls, location: str, scheme: SchemeName | None = None) -> TokenizerFile:
        """Raises UserError when there is no such file; `reference` raises it when it is not a tokenizer."""
        return cls(location, storage.read_bytes(location), scheme)

    @property
    def checksum(self) -> str:
        return xxhash.xxh3_128_hexdigest(self.content)

    @property
    def format(self) -> Format:
        """tiktoken: lines of base64 and a rank; sentencepiece: a protocol buffer whose first field is a piece."""
        head = self.content.lstrip()[:1]
        if head == b"{":
            return "json"
        if self.content[:1] == b"\n" and len(self.content) > 64 and b"\x15" in self.content[:64]:
            return "sentencepiece"
        first = self.content.split(b"\n", 1)[0].split()
        return "tiktoken" if len(first) == 2 and first[1].isdigit() else "json"

    @property
    def name(self) -> str:
        """What a copy of the file is called."""
        return FILES[self.format]

    @cached_property
    def reference(self) -> Reference:
        """Raises UserError when the content is no tokenizer, or its library is not installed."""
        try:
            return _open(self.format, self.content, self.scheme)
        except UserError as error:
            raise UserError(f"{self.location}: {error.message}", hint=error.hint) from error

    @property
    def vocabulary(self) -> int:
        """Highest id + 1."""
        return self.reference.vocabulary

    def ends(self, bos: str | None, eos: str | None) -> tuple[str | None, str | None]:
        """The begin and end token, `auto` replaced by what is usual for this tokenizer."""
        own = self.reference.ends
        return own[0] if bos == AUTO else bos, own[1] if eos == AUTO else eos

    def token_id(self, token: str | None, role: str) -> int | None:
        """The id of a begin or end token. Raises UserError when the vocabulary does not have it."""
        if token is None:
            return None
        number = self.reference.token_id(token)
        if number is None:
            special = list(self.reference.special)
            raise UserError(
                f"tokenize.{role}: {self.location} has no token {token!r}.{nearest(token, special)}",
                hint=f"its special tokens: {', '.join(special[:20]) or 'none'}; null for no {role} token",
            )
        return number

    def dtype(self, width: Width) -> np.dtype:
        """What ids are stored as. Raises UserError when the vocabulary does not fit the width asked for."""
        if width == "auto":
            width = "uint16" if self.vocabulary <= UINT16_IDS else "uint32"
        if width == "uint16" and self.vocabulary > UINT16_IDS:
            raise UserError(
                f"tokenize.dtype: ids of {self.location} go up to {self.vocabulary - 1:,}, past uint16",
                hint="set tokenize.dtype to uint32 or auto",
            )
        return np.dtype(width).newbyteorder("<")


def trained_file(folder: str) -> str:
    """The file that training wrote into a folder, whatever its format."""
    names = set(storage.list_names(folder))
    for name in FILES.values():
        if name in names:
            return storage.join(folder, name)
    raise FileNotFoundError(f"{folder}: no tokenizer was trained here yet")


def flatten(found: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Lists of ids as one array, and how long each was."""
    lengths = np.fromiter(map(len, found), np.int64, len(found))
    ids = np.empty(int(lengths.sum()), np.uint32)
    start = 0
    for row, length in zip(found, lengths.tolist(), strict=True):
        ids[start : start + length] = row
        start += length
    return ids, lengths


def starts_of(lengths: list[int], text: str) -> np.ndarray | None:
    """Where tokens of so many bytes begin; None when they are not as long as the text."""
    ends = np.cumsum(np.array(lengths, np.int64))
    return ends - lengths if len(ends) and ends[-1] == len(text.encode()) else None


@lru_cache(maxsize=2)
def _open(kind: Format, content: bytes, scheme: SchemeName | None) -> Reference:
    """One object per process and file: parsing takes longer than encoding a small shard."""
    if kind == "json":
        from gristmill.tokenize.tokenizer_json import TokenizerJson

        return TokenizerJson(content)
    if kind == "sentencepiece":
        from gristmill.tokenize.sentencepiece_model import SentencePieceModel

        return SentencePieceModel(content)
    from gristmill.tokenize.tiktoken_ranks import TiktokenRanks

    return TiktokenRanks(content, scheme)


def in_bytes(text: str, spans: Sequence[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    """Spans of characters as starts and ends in bytes, int64."""
    data = np.frombuffer(text.encode(), np.uint8)
    places = np.append(np.flatnonzero((data & 0xC0) != 0x80), len(data))
    found = places[np.array(spans, np.int64).reshape(-1, 2)]
    return found[:, 0], found[:, 1]


def missing_package(package: str, error: ImportError) -> UserError:
    return UserError(
        f"reading it needs {package}, which is not installed ({error})", hint=f"pip install 'gristmill[{package}]'"
    )


__all__ = [
    "AUTO",
    "END",
    "FILES",
    "Reference",
    "SchemeName",
    "TokenizerFile",
    "Width",
    "flatten",
    "in_bytes",
    "starts_of",
    "trained_file",
]
