"""What Gopher's rules measure, as datatrove and as DCLM read them; filters.gopher says where the two differ.

Every function gives one array (rows,) for each column of the stage; shares are float32.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gristmill.kernels.ngrams import ngrams_seen_before, repeated_ngrams
from gristmill.kernels.quality import (
    alphanumeric_words,
    line_counts,
    listed_words,
    symbol_counts,
    word_counts,
    word_list_table,
)
from gristmill.kernels.repetition import repeated_pieces
from gristmill.kernels.text_index import Spans, TextIndex, Words
from gristmill.kernels.word_hash import hash_bytes

TOP_SIZES = (2, 3, 4)
REPEATED_SIZES = (5, 6, 7, 8, 9, 10)

Signals = dict[str, np.ndarray]


def share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """part / whole as float32 (rows,), 0 where there is nothing."""
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0).astype(np.float32)


def _repeated_pieces(pieces: Spans) -> np.ndarray:
    return repeated_pieces(pieces.first, pieces.start, pieces.end, pieces.hashes, pieces.characters)


def datatrove_repetition(index: TextIndex, words: Words) -> Signals:
    characters = index.characters
    found: Signals = {"characters": characters.astype(np.int32)}

    paragraphs = _repeated_pieces(index.paragraphs)
    found["duplicate_paragraphs"] = share(paragraphs[:, 2], paragraphs[:, 0])
    found["duplicate_paragraph_characters"] = share(paragraphs[:, 3], characters)

    lines, pieces = index.lines, _repeated_pieces(index.lines)
    # A run of newlines separates lines once, but one at either end of the text leaves an empty line there.
    opening, closing = lines.first[:-1], lines.first[1:] - 1
    broken = opening != closing
    outer = (broken & (lines.start[opening] == lines.end[opening])).astype(np.int64)
    outer += broken & (lines.start[closing] == lines.end[closing])
    found["duplicate_lines"] = share(pieces[:, 2] + (outer == 2), pieces[:, 0] + outer)
    found["duplicate_line_characters"] = share(pieces[:, 3], characters)

    top = repeated_ngrams(words.first, words.hashes, words.characters, np.array(TOP_SIZES))
    for column, n in enumerate(TOP_SIZES):
        times, length = top[:, column, 0], top[:, column, 1]
        found[f"top_{n}_gram"] = share(times * (length + n - 1), characters)  # with the spaces between words
    seen = ngrams_seen_before(
        index.texts.data,
        words.first,
        words.start,
        words.end,
        words.hashes,
        words.characters,
        np.array(REPEATED_SIZES),
    )
    for column, n in enumerate(REPEATED_SIZES):
        found[f"duplicate_{n}_grams"] = share(seen[:, column], characters)
    return found


def dclm_repetition(index: TextIndex, words: Words) -> Signals:
    lines, paragraphs = _repeated_pieces(index.lines.stripped), _repeated_pieces(index.paragraphs.stripped)
    found: Signals = {"characters": lines[:, 1].astype(np.int32)}
    for name, pieces in (("paragraph", paragraphs), ("line", lines)):
        found[f"duplicate_{name}s"] = share(pieces[:, 4], pieces[:, 0])
        found[f"duplicate_{name}_characters"] = share(pieces[:, 5], pieces[:, 1])

    first, hashes, lengths = alphanumeric_words(words.first, words.hashes, words.characters, words.flags)
    sums = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    characters = sums[first[1:]] - sums[first[:-1]]
    ngrams = repeated_ngrams(first, hashes, lengths, np.array(TOP_SIZES + REPEATED_SIZES))
    for column, n in enumerate(TOP_SIZES):
        times, longest = ngrams[:, column, 0], ngrams[:, column, 2]
        found[f"top_{n}_gram"] = share(np.where(times > 1, times * longest, 0), characters)
    for column, n in enumerate(REPEATED_SIZES, len(TOP_SIZES)):
        found[f"duplicate_{n}_grams"] = share(ngrams[:, column, 3], characters)
    return found


def datatrove_quality(index: TextIndex, words: Words, stop_words: Sequence[str]) -> Signals:
    counts = word_counts(words.first, words.characters, words.flags)
    symbols = symbol_counts(index.texts.data, index.texts.offsets)
    lines = index.broken_lines
    marked = _line_counts(lines)
    return {
        "words": counts[:, 0].astype(np.int32),
        "mean_word_length": share(counts[:, 1], counts[:, 0]),
        "hashes": share(symbols[:, 0], words.counts),
        "ellipses": share(symbols[:, 1], words.counts),
        "symbols": share(symbols[:, 0] + symbols[:, 1], words.counts),
        "bullet_lines": share(marked[:, 1], lines.counts),
        "ellipsis_lines": share(marked[:, 3], lines.counts),
        "letter_words": share(counts[:, 2], words.counts),
        "stop_words": _listed(words, stop_words)[:, 1].astype(np.int32),
    }


def dclm_quality(index: TextIndex, words: Words, stop_words: Sequence[str]) -> Signals:
    counts = word_counts(words.first, words.characters, words.flags)
    symbols = symbol_counts(index.texts.data, index.texts.offsets)
    marked = _line_counts(index.lines)
    forms = {form: None for word in stop_words for form in (word, word.lower(), word.capitalize(), word.upper())}
    return {
        "words": counts[:, 3].astype(np.int32),
        "mean_word_length": share(counts[:, 4], words.counts),
        "hashes": share(symbols[:, 0], words.counts),
        "ellipses": share(symbols[:, 1] + symbols[:, 2], words.counts),
        "symbols": share(symbols.sum(axis=1), words.counts),
        "bullet_lines": share(marked[:, 2], marked[:, 0]),
        "ellipsis_lines": share(marked[:, 4], marked[:, 0]),
        "letter_words": share(counts[:, 2], words.counts),
        "stop_words": _listed(words, list(forms))[:, 0].astype(np.int32),
    }


def _line_counts(lines: Spans) -> np.ndarray:
    stripped = lines.stripped
    return line_counts(lines.texts.data, lines.first, stripped.start, stripped.end)


def _listed(words: Words, listed: Sequence[str]) -> np.ndarray:
    """Occurrences of listed words and distinct ones, int64 (rows, 2)."""
    encoded = [np.frombuffer(word.encode(), np.uint8) for word in listed]
    table = word_list_table(np.array([hash_bytes(word, 0, len(word)) for word in encoded], np.uint64))
    return listed_words(words.first, words.hashes, table, len(table) - 1)
