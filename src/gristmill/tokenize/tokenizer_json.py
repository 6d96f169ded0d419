"""tokenizer.json, the format of Hugging Face tokenizers."""

from __future__ import annotations

import numpy as np

from gristmill.errors import UserError
from gristmill.tokenize.tokenizer_file import END, flatten, in_bytes, starts_of


class TokenizerJson:
    """The tokenizer without padding or truncation; special tokens spelt out in a text are plain text."""

    package = "tokenizers"
    space_begins_piece: bool | None = False  # every byte-level tokenizer begins a word at a space between letters

    def __init__(self, content: bytes) -> None:
        from tokenizers import Tokenizer

        try:
            self.tokenizer = Tokenizer.from_str(content.decode("utf-8"))
        except Exception as error:  # the package raises bare Exception with serde's words
            raise UserError(
                f"not a tokenizer file: {error}",
                hint="give a tokenizer.json of Hugging Face tokenizers, a sentencepiece .model or a .tiktoken file",
            ) from error
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()
        self.tokenizer.encode_special_tokens = True  # a page that says <|endoftext|> must not end a document
        self.vocabulary = max(self.tokenizer.get_vocab(with_added_tokens=True).values(), default=-1) + 1
        added = sorted(self.tokenizer.get_added_tokens_decoder().items())
        self.special = {token.content: number for number, token in added if token.special}
        llama = "</s>" in self.special and END not in self.special
        self.ends: tuple[str | None, str | None] = ("<s>", "</s>") if llama else (None, END)

    def encode(self, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
        # measured: encode_batch_fast, which leaves out places in the text, takes a tenth longer here (tokenizers 0.23)
        return flatten([entry.ids for entry in self.tokenizer.encode_batch(texts, add_special_tokens=False)])

    def spans(self, text: str) -> tuple[np.ndarray, np.ndarray]:
        return in_bytes(text, self.tokenizer.encode(text, add_special_tokens=False).offsets)

    def decode(self, ids: list[int]) -> str:
        return self.tokenizer.decode(ids, skip_special_tokens=False)

    def starts(self, text: str, ids: np.ndarray) -> np.ndarray | None:
        if type(self.tokenizer.decoder).__name__ == "ByteLevel":  # a character of a token stands for a byte
            return starts_of([len(self.tokenizer.id_to_token(number) or "") for number in ids.tolist()], text)
        found = self.tokenizer.encode(text, add_special_tokens=False)
        return in_bytes(text, found.offsets)[0] if found.ids == ids.tolist() else None

    def token_id(self, token: str) -> int | None:
        return self.tokenizer.token_to_id(token)
