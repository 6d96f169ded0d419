"""Our own encoder for tokenizers that split text as Falcon's does, which the fast libraries do not or slowly.

Nothing is assumed about Unicode: what is a letter, a number, white space or punctuation is asked of `tokenizers` itself.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

import numpy as np

from gristmill.kernels.byte_pairs import PADDING, Memory, Merges, encode_words, make_memory, make_merges
from gristmill.kernels.falcon_words import LETTER, NUMBER, PUNCTUATION, SPACE, falcon_words
from gristmill.tokenize import falcon
from gristmill.tokenize.engines import Unusable
from gristmill.tokenize.tokenizer_file import TokenizerFile

ASKED = (range(0xD800), range(0xE000, 0x40000), range(0xE0000, 0xE1000))  # the rest is unassigned or for private use


class FalconEngine:
    """Reads a tokenizer.json of byte-level BPE with Falcon's four parts."""

    def __init__(self, file: TokenizerFile) -> None:
        self._merges, self._memory = _state(file)
        self._classes = code_point_classes()
        self._ends = np.empty(0, np.int64)
        self._ids = np.empty(0, np.uint32)

    def encode(self, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
        parts = [text.encode() for text in texts]
        offsets = np.concatenate([[0], np.cumsum(np.fromiter(map(len, parts), np.int64, len(parts)))])
        data = np.frombuffer(b"".join([*parts, bytes(PADDING)]), np.uint8)
        if len(data) > len(self._ids):  # kept from call to call: fresh memory costs as much as encoding
            self._ends, self._ids = np.empty(len(data), np.int64), np.empty(len(data), np.uint32)
        words, counts = np.empty(len(texts), np.int64), np.empty(len(texts), np.int64)
        ends = self._ends[: falcon_words(data, offsets, self._classes, self._ends, words)]
        found = encode_words(data, ends, words, self._merges, self._memory, self._ids, counts)
        return self._ids[:found].copy(), counts


def warm() -> None:
    """Compile the kernels."""
    data, one = np.frombuffer(b"a" + bytes(PADDING), np.uint8), np.ones(1, np.int64)
    falcon_words(data, np.array([0, 1]), np.zeros(0x110000, np.uint8), one, one)
    encode_words(data, one, one, make_merges(range(256), [], [], []), make_memory(), np.empty(1, np.uint32), one)


@lru_cache(maxsize=1)
def _state(file: TokenizerFile) -> tuple[Merges, Memory]:
    """One per process: words met in one shard are known in the next."""
    return _merges(file), make_memory()


def _merges(file: TokenizerFile) -> Merges:
    """Raises Unusable when the tokenizer is not of the kind this encoder knows."""
    if file.format != "json":
        raise Unusable("cannot_read", "it reads tokenizer.json only")
    found = json.loads(file.content)
    model = found["model"]
    if not falcon.has_its_parts(found) or found.get("normalizer"):
        raise Unusable("cannot_read", "it knows no way to split text into words but Falcon's")
    if any(not token["special"] for token in found.get("added_tokens", [])):
        raise Unusable("cannot_read", "it does not know added tokens that are not special")
    odd = [
        name for name in ("dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix") if model.get(name)
    ]
    odd += [name for name in ("byte_fallback", "ignore_merges") if model.get(name)]
    vocabulary: dict[str, int] = model["vocab"]
    singles = [vocabulary[sign] for sign in byte_signs() if sign in vocabulary]
    if model.get("type") != "BPE" or odd or len(singles) < 256:
        raise Unusable(
            "cannot_read", f"its model is not plain byte-level BPE ({', '.join(odd) or 'bytes are missing'})"
        )
    pairs = [tuple(pair.split(" ") if isinstance(pair, str) else pair) for pair in model["merges"]]
    left, right = ([vocabulary[pair[side]] for pair in pairs] for side in (0, 1))
    return make_merges(singles, left, right, [vocabulary[first + second] for first, second in pairs])


def byte_signs() -> list[str]:
    """The character that stands for each byte in a byte-level vocabulary (GPT-2's)."""
    plain = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = iter(range(256, 512))
    return [chr(byte if byte in plain else next(others)) for byte in range(256)]


@lru_cache(maxsize=1)
def code_point_classes() -> np.ndarray:
    """What every code point is to `tokenizers`, uint8 (0x110000,)."""
    from tokenizers import Regex, pre_tokenizers

    points = np.concatenate([np.arange(part.start, part.stop) for part in ASKED])
    text = "".join(map(chr, points.tolist()))
    classes = np.zeros(0x110000, np.uint8)
    parts: list[tuple[int, Any]] = [
        (kind, pre_tokenizers.Split(Regex(pattern), "removed"))
        for kind, pattern in ((LETTER, r"\p{L}+"), (NUMBER, r"\p{N}+"), (SPACE, r"\s+"))
    ]
    for kind, part in [*parts, (PUNCTUATION, pre_tokenizers.Punctuation("removed"))]:
        is_kind = np.ones(len(points), bool)
        for _, (start, end) in part.pre_tokenize_str(text):
            is_kind[start:end] = False
        classes[points[is_kind]] = kind
    return classes
