"""Reading a tokenizer.json as something that turns text into ids and does nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Literal

import numpy as np
import xxhash

from gristmill import storage
from gristmill.errors import UserError, nearest

if TYPE_CHECKING:
    from tokenizers import Tokenizer

FILE = "tokenizer.json"
Width = Literal["auto", "uint16", "uint32"]
UINT16_IDS = 1 << 16


@dataclass(frozen=True)
class TokenizerFile:
    """A tokenizer.json and the checksum (xxh3-128) of its bytes."""

    location: str
    content: bytes

    @classmethod
    def read(cls, location: str) -> TokenizerFile:
        """Raises UserError when there is no such file; `tokenizer` raises it when it is not a tokenizer."""
        return cls(location, storage.read_bytes(location))

    @property
    def checksum(self) -> str:
        return xxhash.xxh3_128_hexdigest(self.content)

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer without padding or truncation; special tokens spelt out in a text are plain text."""
        try:
            return _parse(self.content)
        except Exception as error:  # the package raises bare Exception with serde's words
            raise UserError(
                f"{self.location}: not a tokenizer file: {error}",
                hint="give the tokenizer.json that Hugging Face tokenizers writes",
            ) from error

    @cached_property
    def vocabulary(self) -> int:
        """Highest id + 1."""
        return max(self.tokenizer.get_vocab(with_added_tokens=True).values(), default=-1) + 1

    def token_id(self, token: str | None, role: str) -> int | None:
        """The id of a begin or end token. Raises UserError when the vocabulary does not have it."""
        if token is None:
            return None
        number = self.tokenizer.token_to_id(token)
        if number is None:
            special = [entry.content for _, entry in sorted(self.tokenizer.get_added_tokens_decoder().items())]
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


@lru_cache(maxsize=2)
def _parse(content: bytes) -> Tokenizer:
    """One object per process and file: parsing takes longer than encoding a small shard."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(content.decode("utf-8"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.encode_special_tokens = True  # a page that says <|endoftext|> must not end a document
    return tokenizer
