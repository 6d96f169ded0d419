"""From text to the sequence of words or tokens whose n-grams MinHash compares.

reading = WordReading("refinedweb")
reading.sequence(texts, row)      # uint64, one number a word
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

import numpy as np

from gristmill.errors import UserError
from gristmill.kernels.text import Texts

if TYPE_CHECKING:
    from spacy.language import Language

Normalisation = Literal["words", "whitespace", "refinedweb", "dclm", "code", "datatrove"]
MOST_REMEMBERED = 1 << 18  # chunks between spaces whose words are remembered


def fold_table(normalise: str) -> np.ndarray:
    """The table that kernels.shingles reads text by."""
    from gristmill.kernels import shingles

    if normalise == "words":
        return shingles.words_table(digits_to_zero=True)
    return {
        "whitespace": shingles.whitespace_table,
        "refinedweb": shingles.refinedweb_table,
        "dclm": shingles.dclm_table,
        "code": shingles.code_table,
    }[normalise]()


@dataclass(frozen=True)
class WordReading:
    """Words as a fold table leaves them, hashed to 64 bits."""

    normalise: str

    def sequence(self, texts: Texts, row: int) -> np.ndarray:
        from gristmill.kernels.shingles import shingles_of

        start, stop = texts.offsets[row], texts.offsets[row + 1]
        return shingles_of(texts.data, start, stop, fold_table(self.normalise), 1)


@dataclass(frozen=True)
class TokenReading:
    """Ids of a tokenizer.json over the text as a fold table leaves it."""

    normalise: str
    tokenizer: str

    def sequence(self, texts: Texts, row: int) -> np.ndarray:
        encoded = load_tokenizer(self.tokenizer).encode(self._text(texts, row), add_special_tokens=False)
        return np.array(encoded.ids, np.uint64)

    def _text(self, texts: Texts, row: int) -> str:
        if self.normalise == "whitespace":
            return texts[row]
        from gristmill.kernels.shingles import normalised_text

        start, stop = texts.offsets[row], texts.offsets[row + 1]
        return normalised_text(texts.data, start, stop, fold_table(self.normalise))


@cache
def load_tokenizer(location: str):  # type: ignore[no-untyped-def]
    """The tokenizer of a tokenizer.json. Raises UserError when it is none."""
    from tokenizers import Tokenizer

    from gristmill import storage

    content = storage.read_bytes(location)
    try:
        found = Tokenizer.from_str(content.decode())
    except Exception as error:  # the package raises bare Exception with serde's words
        hint = "give the tokenizer.json that Hugging Face tokenizers writes"
        raise UserError(f"{location}: not a tokenizer file: {error}", hint=hint) from error
    found.no_padding()
    found.no_truncation()
    return found


# -- as datatrove reads -----------------------------------------------------------------------------------------------

_NUMBER = re.compile(r"\d+([.,،٫⎖⎗⎘]\d+)?")
_SPACES = re.compile(r"\s+")


@cache
def _signs() -> dict[int, str]:
    from gristmill.kernels.code_points import SIGNS

    found: dict[int, str] = {}
    for part in SIGNS.split():
        first, _, last = part.partition("-")
        found |= dict.fromkeys(range(int(first, 16), int(last or first, 16) + 1), " ")
    return found


def datatrove_text(text: str) -> str:
    """The text as datatrove's `simplify_text` leaves it by default: small letters, numbers as 0, punctuation as spaces, one space
    between words, no accents."""
    text = _NUMBER.sub("0", text.lower()).translate(_signs())
    text = _SPACES.sub(" ", text.strip())
    if not text.isascii():
        text = "".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn")
    return text.strip()


@cache
def _spacy_words() -> Language:
    try:
        import spacy
    except ImportError as error:
        raise UserError(
            "normalise: datatrove needs spaCy's English word rules", hint="pip install 'gristmill[spacy]'"
        ) from error
    return spacy.blank("en")


_remembered: dict[str, tuple[str, ...]] = {}


def datatrove_words(text: str) -> list[str]:
    """The words that datatrove's English tokenizer finds in `datatrove_text`. spaCy looks at what stands between spaces by
    itself, so that the words of a chunk need to be asked for once."""
    words: list[str] = []
    for chunk in datatrove_text(text).split(" "):
        found = _remembered.get(chunk)
        if found is None:
            if len(_remembered) >= MOST_REMEMBERED:
                _remembered.clear()
            stripped = (token.text.strip() for token in _spacy_words().tokenizer(chunk))
            found = _remembered[chunk] = tuple(word for word in stripped if word)
        words += found
    return words


@dataclass(frozen=True)
class DatatroveReading:
    """Words as datatrove finds them, hashed to 64 bits."""

    def words(self, texts: Texts, row: int) -> list[str]:
        return datatrove_words(texts[row])

    def sequence(self, texts: Texts, row: int) -> np.ndarray:
        from gristmill.kernels.xxh64 import hash_pieces

        words = [word.encode() for word in self.words(texts, row)]
        ends = np.cumsum([len(word) for word in words], dtype=np.int64)
        return hash_pieces(np.frombuffer(b"".join(words), np.uint8), ends)


Reading = WordReading | TokenReading | DatatroveReading
