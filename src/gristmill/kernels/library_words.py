"""Words that other libraries find, in the same arrays as ours: spaCy's English ones, and ICU's, which knows dictionaries of
Chinese, Japanese, Thai, Lao, Khmer and Burmese. Both are extras and tens to hundreds of times slower than our own segmentation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
from numba import njit

from gristmill.errors import UserError
from gristmill.kernels.code_points import code_point_tables
from gristmill.kernels.text import Texts
from gristmill.kernels.words import describe

_SPACY_CANNOT = "IS_ALPHA"  # text that spaCy's tokenizer fails on


@cache
def spacy_tokenizer() -> Any:
    """spaCy's rules for English. Raises UserError when spaCy is not installed."""
    try:
        import spacy
    except ImportError as error:
        raise UserError("words: spacy needs spaCy", hint="pip install 'gristmill[spacy]'") from error
    return spacy.blank("en")


@cache
def icu_breaker() -> Any:
    """ICU's word breaker. Raises UserError when icu4py is not installed."""
    try:
        from icu4py.breakers import WordBreaker
    except ImportError as error:
        raise UserError("words: icu needs icu4py", hint="pip install 'gristmill[icu]'") from error
    return WordBreaker


def check_reading(reading: str | None) -> None:
    """Raise UserError when a reading of words needs a package that is not installed."""
    if reading == "spacy":
        spacy_tokenizer()
    elif reading == "icu":
        icu_breaker()


def _spacy_spans(text: str) -> Iterator[tuple[int, int]]:
    """Code points of each token, start and end, as datatrove's split_into_words has them."""
    language = spacy_tokenizer()
    language.max_length = len(text) + 10
    pieces = [text]
    try:
        with language.memory_zone():
            spans = [(token.idx, token.idx + len(token)) for token in language.make_doc(text)]
    except Exception:
        if _SPACY_CANNOT not in text:
            raise
        pieces = text.split(_SPACY_CANNOT)  # datatrove tokenizes the text without it, near enough to its parts
        spans, start = [], 0
        for piece in pieces:
            with language.memory_zone():
                found = [(token.idx, token.idx + len(token)) for token in language.make_doc(piece)]
            spans += [(start + first, start + last) for first, last in found]
            start += len(piece) + len(_SPACY_CANNOT)
    yield from spans


def _icu_spans(text: str) -> Iterator[tuple[int, int]]:
    """UTF-16 units of each segment; ICU's rules for English, which differ in no dictionary."""
    yield from icu_breaker()(text, "en").segments()


def segment_by_spacy(texts: Texts) -> tuple[np.ndarray, ...]:
    """The same arrays as words.segment."""
    return _collect(texts, _spacy_spans, np.uint32, visible=False)


def segment_by_icu(texts: Texts) -> tuple[np.ndarray, ...]:
    """The same arrays as words.segment; white space and controls are no words."""
    return _collect(texts, _icu_spans, np.uint16, visible=True)


def _collect(
    texts: Texts, spans: Callable[[str], Iterator[tuple[int, int]]], unit: type[np.unsignedinteger], *, visible: bool
) -> tuple[np.ndarray, ...]:
    """The words of spans counted in code points (unit uint32) or UTF-16 units (uint16), without white space at their ends and,
    where `visible`, without those in which nothing can be seen."""
    first = np.zeros(len(texts) + 1, np.int64)
    starts: list[int] = []
    ends: list[int] = []
    for row in range(len(texts)):
        text, base = texts[row], int(texts.offsets[row])
        places = [base, *(base + np.cumsum(_bytes_of_units(text, unit))).tolist()]
        for start_unit, end_unit in spans(text):
            start, end = places[start_unit], places[end_unit]
            word = bytes(texts.data[start:end])
            if word.isalnum():  # of ASCII, as most are
                starts.append(start)
                ends.append(end)
                continue
            string = word.decode()
            if not string.strip() or (visible and not any(s.isprintable() and not s.isspace() for s in string)):
                continue
            start += len(word) - len(string.lstrip().encode())
            end -= len(word) - len(string.rstrip().encode())
            starts.append(start)
            ends.append(end)
        first[row + 1] = len(starts)
    start_array, end_array = np.array(starts, np.int64), np.array(ends, np.int64)
    hashes, characters, flags = _describe(texts.data, start_array, end_array, *code_point_tables())
    return first, start_array, end_array, hashes, characters, flags


def _bytes_of_units(text: str, unit: type[np.unsignedinteger]) -> np.ndarray:
    """Bytes of UTF-8 that each unit stands for; of a surrogate pair the first stands for all four."""
    if unit is np.uint32:
        codes = np.frombuffer(text.encode("utf-32-le"), np.uint32)
        return 1 + (codes >= 0x80).astype(np.int64) + (codes >= 0x800) + (codes >= 0x10000)
    units = np.frombuffer(text.encode("utf-16-le"), np.uint16)
    widths = 1 + (units >= 0x80).astype(np.int64) + (units >= 0x800)
    widths[(units >= 0xD800) & (units < 0xDC00)] = 4
    widths[(units >= 0xDC00) & (units < 0xE000)] = 0
    return widths


@njit(cache=True, nogil=True)
def _describe(data, starts, ends, blocks, traits):
    """Hash uint64, code points int32 and flags uint16 of each word."""
    hashes = np.empty(len(starts), np.uint64)
    characters = np.empty(len(starts), np.int32)
    flags = np.empty(len(starts), np.uint16)
    for word in range(len(starts)):
        hashes[word], characters[word], flags[word] = describe(data, starts[word], ends[word], blocks, traits)
    return hashes, characters, flags
