"""gigatoken and fastokens: the reference's ids many times faster, for the tokenizers they know."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import Any

import numpy as np

from gristmill.tokenize.engines import Unusable, first_line, raise_if_not_its_own
from gristmill.tokenize.falcon import one_pattern
from gristmill.tokenize.tokenizer_file import TokenizerFile

REFRESH_CHARACTERS = 128 << 20  # gigatoken remembers every word it met: begin anew after that much text


def _load(package: str) -> Any:
    try:
        return import_module(package)
    except ImportError as error:
        raise Unusable("not_installed", f"it is not installed ({error}): pip install 'gristmill[fast]'") from error


def without_special(tokenizer: str | bytes) -> dict[str, Any]:
    """A tokenizer.json that reads special tokens in a text as plain text, since it knows of none."""
    found = json.loads(tokenizer)
    found["added_tokens"] = [token for token in found.get("added_tokens", []) if not token.get("special")]
    found["post_processor"] = found["truncation"] = found["padding"] = None
    return found


@dataclass
class _Opened:
    """An opened tokenizer and how much text it has met."""

    tokenizer: Any
    seen: int = 0  # characters


@lru_cache(maxsize=4)
def _opened(opener: Callable[[TokenizerFile], Any], file: TokenizerFile) -> _Opened | Unusable:
    """One per process, failures too: opening takes longer than encoding a small shard."""
    try:
        return _Opened(opener(file))
    except BaseException as error:  # whatever its loader does not know
        raise_if_not_its_own(error)
        return Unusable("cannot_read", f"it cannot read the tokenizer ({first_line(error)})")


def usable(found: _Opened | Unusable) -> _Opened:
    if isinstance(found, Unusable):
        raise found
    return found


def _open_gigatoken(file: TokenizerFile) -> Any:
    tokenizer = import_module("gigatoken").Tokenizer
    if file.format == "json":
        return tokenizer.from_json(json.dumps(without_special(file.content)))
    if file.format == "sentencepiece":
        converted = import_module("gigatoken._load.sentencepiece").sentencepiece_to_tokenizer_json(file.content)
        return tokenizer.from_json(json.dumps(without_special(converted)))
    scheme: Any = file.reference.scheme  # type: ignore[attr-defined]
    with tempfile.NamedTemporaryFile(suffix=".tiktoken") as copy:
        copy.write(file.content)
        copy.flush()
        return tokenizer.from_tiktoken(copy.name, scheme.gigatoken, {})


class Gigatoken:
    """Knows the usual pre-tokenizers of byte-level BPE, SentencePiece BPE with byte fallback, and tiktoken's schemes."""

    def __init__(self, file: TokenizerFile) -> None:
        self._file = file
        _load("gigatoken")
        self._state: _Opened = usable(_opened(_open_gigatoken, file))

    def encode(self, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
        state = self._state
        state.seen += sum(map(len, texts))
        if state.seen > REFRESH_CHARACTERS:
            state.tokenizer, state.seen = _open_gigatoken(self._file), 0
        found = state.tokenizer.encode_batch(texts, parallel=False).layout
        offsets = np.asarray(found.offsets.data).astype(np.int64)
        return np.asarray(found.content.data)[offsets[0] : offsets[-1]], np.diff(offsets)


def _open_fastokens(file: TokenizerFile) -> Any:
    return import_module("fastokens").Tokenizer.from_json_str(json.dumps(one_pattern(without_special(file.content))))


class Fastokens:
    """Reads most tokenizer.json of byte-level BPE; fastest with one Split pattern before ByteLevel."""

    def __init__(self, file: TokenizerFile) -> None:
        _load("fastokens")
        os.environ.setdefault("RAYON_NUM_THREADS", "1")  # the pipeline's workers are the parallelism
        if file.format != "json":
            raise Unusable("cannot_read", "it reads tokenizer.json only")
        self._tokenizer = usable(_opened(_open_fastokens, file)).tokenizer

    def encode(self, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
        ids, offsets = self._tokenizer.encode_batch_flat(texts, split_special_tokens=True)
        return np.frombuffer(ids, np.uint32), np.diff(np.frombuffer(offsets, np.uint64).astype(np.int64))
