"""gigatoken and fastokens: the reference's ids many times faster, for the tokenizers they know."""

from __future__ import annotations

import json
import os
import tempfile
from importlib import import_module
from typing import Any

import numpy as np

from gristmill.tokenize.engines import Unusable, first_line, raise_if_not_its_own
from gristmill.tokenize.falcon import one_pattern
from gristmill.tokenize.tokenizer_file import TokenizerFile

REFRESH_BYTES = 64 << 20  # gigatoken remembers every word it met: begin anew after that much text


def _load(package: str) -> Any:
    try:
        return import_module(package)
    except ImportError as error:
        raise Unusable("not_installed", f"it is not installed ({error})") from error


def without_special(tokenizer: str | bytes) -> str:
    """A tokenizer.json that reads special tokens in a text as plain text, since it knows of none."""
    found = json.loads(tokenizer)
    found["added_tokens"] = [token for token in found.get("added_tokens", []) if not token.get("special")]
    found["post_processor"] = found["truncation"] = found["padding"] = None
    return json.dumps(one_pattern(found))


class Gigatoken:
    """Knows the usual pre-tokenizers of byte-level BPE, SentencePiece BPE with byte fallback, and tiktoken's schemes."""

    def __init__(self, file: TokenizerFile) -> None:
        self._package, self._file = _load("gigatoken"), file
        try:
            self._tokenizer = self._open()
        except BaseException as error:  # whatever its loaders do not know
            raise_if_not_its_own(error)
            raise Unusable("cannot_read", f"it cannot read the tokenizer ({first_line(error)})") from error
        self._seen = 0

    def _open(self) -> Any:
        file, tokenizer = self._file, self._package.Tokenizer
        if file.format == "json":
            return tokenizer.from_json(without_special(file.content))
        if file.format == "sentencepiece":
            converted = import_module("gigatoken._load.sentencepiece").sentencepiece_to_tokenizer_json(file.content)
            return tokenizer.from_json(without_special(converted))
        scheme: Any = file.reference.scheme  # type: ignore[attr-defined]
        with tempfile.NamedTemporaryFile(suffix=".tiktoken") as copy:
            copy.write(file.content)
            copy.flush()
            return tokenizer.from_tiktoken(copy.name, scheme.gigatoken, {})

    def encode(self, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
        self._seen += sum(map(len, texts))
        if self._seen > REFRESH_BYTES:
            self._tokenizer, self._seen = self._open(), 0
        found = self._tokenizer.encode_batch(texts, parallel=False).layout
        offsets = np.asarray(found.offsets.data).astype(np.int64)
        return np.asarray(found.content.data)[offsets[0] : offsets[-1]], np.diff(offsets)


class Fastokens:
    """Reads most tokenizer.json of byte-level BPE; fastest with one Split pattern before ByteLevel."""

    def __init__(self, file: TokenizerFile) -> None:
        package = _load("fastokens")
        os.environ.setdefault("RAYON_NUM_THREADS", "1")  # the pipeline's workers are the parallelism
        if file.format != "json":
            raise Unusable("cannot_read", "it reads tokenizer.json only")
        try:
            self._tokenizer = package.Tokenizer.from_json_str(without_special(file.content))
        except BaseException as error:  # whatever its loader does not know
            raise_if_not_its_own(error)
            raise Unusable("cannot_read", f"it cannot read the tokenizer ({first_line(error)})") from error

    def encode(self, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
        ids, offsets = self._tokenizer.encode_batch_flat(texts, split_special_tokens=True)
        return np.frombuffer(ids, np.uint32), np.diff(np.frombuffer(offsets, np.uint64).astype(np.int64))
