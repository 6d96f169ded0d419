"""tiktoken's rank files. They hold merges only, so the words and special tokens come from tables here."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import numpy as np

from gristmill.errors import UserError
from gristmill.tokenize.tokenizer_file import END, flatten, missing_package, starts_of


@dataclass(frozen=True)
class Scheme:
    """What a rank file does not say: how text is split into words, and the special tokens."""

    name: str
    ranks: int  # entries of the published file, by which it is known
    pattern: str
    special: dict[str, int]
    gigatoken: str  # that library's name of the pattern


_GPT2 = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"
_GPT4 = r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
_UPPER, _LOWER = r"\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}", r"\p{Ll}\p{Lm}\p{Lo}\p{M}"
_ENDING = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
_GPT4O = "|".join(
    [
        rf"[^\r\n\p{{L}}\p{{N}}]?[{_UPPER}]*[{_LOWER}]+{_ENDING}",
        rf"[^\r\n\p{{L}}\p{{N}}]?[{_UPPER}]+[{_LOWER}]*{_ENDING}",
        r"\p{N}{1,3}",
        r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    ]
)
_LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
SCHEMES = (
    Scheme("r50k_base", 50_256, _GPT2, {END: 50_256}, "gpt2"),
    Scheme("cl100k_base", 100_256, _GPT4, {END: 100_257, "<|endofprompt|>": 100_276}, "gpt4"),
    Scheme("o200k_base", 199_998, _GPT4O, {END: 199_999, "<|endofprompt|>": 200_018}, "o200k"),
    Scheme("llama3", 128_000, _LLAMA3, {"<|begin_of_text|>": 128_000, "<|end_of_text|>": 128_001}, ""),
)


class TiktokenRanks:
    """Published files are told by their number of ranks; others need the scheme said. Nothing is guessed."""

    package = "tiktoken"
    space_begins_piece: bool | None = False

    def __init__(self, content: bytes, scheme: str | None) -> None:
        try:
            import tiktoken
        except ImportError as error:
            raise missing_package("tiktoken", error) from error
        try:
            pairs = (line.split() for line in content.splitlines() if line)
            ranks = {base64.b64decode(token, validate=True): int(rank) for token, rank in pairs}
        except ValueError as error:
            raise UserError(f"not a tiktoken file: {error}", hint="its lines are base64 and a rank") from error
        known = [entry for entry in SCHEMES if (entry.name == scheme if scheme else entry.ranks == len(ranks))]
        if not known:
            raise UserError(
                f"a tiktoken file of {len(ranks):,} ranks, which is none of those known",
                hint=f"say with tokenize.scheme how it splits text: {', '.join(entry.name for entry in SCHEMES)}",
            )
        self.scheme, self.content = known[0], content
        shift = 0 if self.scheme.ranks == len(ranks) else max(ranks.values()) + 1 - min(self.scheme.special.values())
        self.special = {token: number + shift for token, number in self.scheme.special.items()}
        missing = [value for value in range(256) if bytes([value]) not in ranks]
        if missing:
            raise UserError(
                f"not a whole tiktoken file: {len(missing)} of the 256 bytes have no rank", hint="fetch it again"
            )
        self._encoding = tiktoken.Encoding(
            self.scheme.name, pat_str=self.scheme.pattern, mergeable_ranks=ranks, special_tokens=self.special
        )
        self.vocabulary = self._encoding.max_token_value + 1
        begin = "<|begin_of_text|>" if "<|begin_of_text|>" in self.special else None
        self.ends: tuple[str | None, str | None] = (begin, "<|end_of_text|>" if begin else END)

    def encode(self, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
        return flatten([self._encoding.encode_ordinary(text) for text in texts])

    def spans(self, text: str) -> tuple[np.ndarray, np.ndarray]:
        tokens = self._encoding.decode_tokens_bytes(self._encoding.encode_ordinary(text))
        ends = np.cumsum([len(token) for token in tokens], dtype=np.int64)
        return np.concatenate([[0], ends[:-1]])[: len(ends)], ends

    def decode(self, ids: list[int]) -> str:
        return self._encoding.decode(ids, errors="replace")

    def starts(self, text: str, ids: np.ndarray) -> np.ndarray | None:
        return starts_of([len(token) for token in self._encoding.decode_tokens_bytes(ids.tolist())], text)

    def token_id(self, token: str) -> int | None:
        if token in self.special:
            return self.special[token]
        try:
            return self._encoding.encode_single_token(token)
        except KeyError:
            return None
