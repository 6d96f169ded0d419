"""A SentencePiece model and an n-gram model together: sentences in, log probabilities out.

A model is named by what its files' names begin with: PREFIX.sp.model, and PREFIX.ngrams (ours), PREFIX.arpa, or PREFIX.arpa.bin
(KenLM's, as CCNet published them), the first that is there. A folder stands for FOLDER/lm.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from gristmill import storage
from gristmill.errors import UserError
from gristmill.kernels import cache_folder
from gristmill.kernels.text import Texts
from gristmill.perplexity import arpa
from gristmill.perplexity.ngram_file import SPECIAL, UNKNOWN, NgramModel, NgramWriter
from gristmill.perplexity.pieces import NORMAL, PieceEncoder, PieceModel, load_library, read_pieces

STEM = "lm"  # of the files in a folder that training leaves
PIECES, NGRAMS, ARPA, BINARY = ".sp.model", ".ngrams", ".arpa", ".arpa.bin"


@dataclass(frozen=True)
class Scores:
    """Per sentence: log10 probability with its end, float32; pieces, int64; pieces the model does not know, int64."""

    logs: np.ndarray
    pieces: np.ndarray
    unknown: np.ndarray


@cache
def files(location: str) -> tuple[str, str]:
    """The two files of a model. Raises UserError when one is not there."""
    prefix = storage.join(location, STEM) if storage.is_dir(location) else location
    if not storage.exists(prefix + PIECES):
        raise UserError(f"{prefix}{PIECES}: no such file", hint="a model is given by what its files' names begin with")
    for suffix in (NGRAMS, ARPA, BINARY):
        if storage.exists(prefix + suffix):
            return prefix + PIECES, prefix + suffix
    raise UserError(f"{prefix}: no {NGRAMS}, {ARPA} or {BINARY} beside {PIECES}", hint="copy both files")


@cache
def open_scorer(location: str, *, library: bool = False) -> Scorer | KenlmScorer:
    """The model at a location, loaded once a process. Raises UserError when it cannot be used.

    library: encode by the sentencepiece package whatever the model.
    """
    pieces, ngrams = files(location)
    pieces = _local(pieces)
    if ngrams.endswith(BINARY):
        return KenlmScorer(pieces, _local(ngrams))
    path = _converted(ngrams) if ngrams.endswith(ARPA) else _local(ngrams)
    return Scorer(pieces, path, library=library)


class Scorer:
    """Both models run by kernels."""

    def __init__(self, pieces: str, ngrams: str, *, library: bool = False) -> None:
        self._ngrams = NgramModel.open(ngrams)
        self._encoder = PieceEncoder(read_pieces(pieces), self._ngrams.ids, UNKNOWN, library=library)

    def score(self, texts: Texts) -> Scores:
        """Scores of normalised texts, a sentence each."""
        ids, offsets = self._encoder.encode(texts)
        logs, unknown = self._ngrams.score(ids, offsets)
        return Scores(logs, np.diff(offsets), unknown)


class KenlmScorer:
    """An n-gram model in KenLM's binary form, by the kenlm package, pieces by sentencepiece."""

    def __init__(self, pieces: str, ngrams: str) -> None:
        self._pieces = load_library(pieces)
        try:
            self._model = _kenlm().Model(ngrams)
        except (OSError, RuntimeError) as error:
            raise UserError(
                f"{ngrams}: KenLM cannot load it ({error})", hint="give a model made by build_binary"
            ) from error

    def score(self, texts: Texts) -> Scores:
        logs, counts, unknown = (
            np.zeros(len(texts), np.float32),
            np.zeros(len(texts), np.int64),
            np.zeros(len(texts), np.int64),
        )
        for row in range(len(texts)):
            words = " ".join(self._pieces.encode(texts[row], out_type=str)).split()
            logs[row] = self._model.score(" ".join(words))
            counts[row], unknown[row] = len(words), sum(word not in self._model for word in words)
        return Scores(logs, counts, unknown)


def _kenlm() -> Any:
    try:
        import kenlm
    except ImportError as error:
        hint = "pip install 'gristmill[kenlm]', or give the model as .arpa"
        raise UserError("reading .arpa.bin needs the kenlm package, which is not installed", hint=hint) from error
    return kenlm


def _local(location: str) -> str:
    """The file on this machine; what lies elsewhere is copied once."""
    if not storage.is_remote(location):
        return storage.local_path(location)
    return _kept(location, "", lambda target: storage.fetch(location, target))


def _converted(location: str) -> str:
    """An ARPA file as .ngrams, converted once a machine."""
    return _kept(location, NGRAMS, lambda target: arpa.convert(location, target))


def _kept(location: str, suffix: str, make: Any) -> str:
    """A file of the user's cache made from a location, made anew when that changes."""
    import xxhash

    found = storage.stat(location)
    mark = xxhash.xxh3_64_hexdigest(f"{location}\n{found.size}\n{found.version}".encode())
    folder = os.path.join(os.path.dirname(cache_folder()), "models")
    path = os.path.join(folder, f"{mark}-{os.path.basename(location)}{suffix}")
    if not os.path.exists(path):
        os.makedirs(folder, exist_ok=True)
        temporary = f"{path}.{os.getpid()}.tmp"
        make(temporary)
        os.replace(temporary, path)
    return path


def warm() -> None:
    """Compile what scoring needs, on models of one word."""
    units, strings = np.frombuffer(bytes(4), np.uint32), np.frombuffer(bytes(1), np.uint8)
    model = PieceModel(
        "", ("a",), np.zeros(1, np.float32), np.full(1, NORMAL, np.int8), True, units, strings, True, True
    )
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "one" + NGRAMS)
        writer = NgramWriter(path, [*SPECIAL, "a"], [1])
        writer.add(np.array([[4, 4]], np.int32), np.zeros((1, 2), np.float32))
        writer.close()
        ngrams = NgramModel.open(path)
        ids, offsets = PieceEncoder(model, ngrams.ids, UNKNOWN).encode(Texts.from_strings(["a a"]))
        ngrams.score(ids, offsets)
