"""What Gopher's repetition rules measure, as four programs read them; filters.gopher says where they differ.

Every function gives one array (rows,) for each column of the stage, or None for a column it has no reading of; shares are
float32.
"""

from __future__ import annotations

import numpy as np

from gristmill.kernels.ngrams import ngrams_seen_before, repeated_ngrams
from gristmill.kernels.quality import alphanumeric_words
from gristmill.kernels.repetition import repeated_pieces
from gristmill.kernels.text_index import Spans, TextIndex, Words

TOP_SIZES = (2, 3, 4)
REPEATED_SIZES = (5, 6, 7, 8, 9, 10)

Signals = dict[str, np.ndarray | None]


def share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """part / whole as float32 (rows,), 0 where there is nothing."""
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0).astype(np.float32)


def _sums(first: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The sum of each row's lengths, int64 (rows,)."""
    sums = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    return sums[first[1:]] - sums[first[:-1]]


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
    characters = _sums(first, lengths)
    ngrams = repeated_ngrams(first, hashes, lengths, np.array(TOP_SIZES + REPEATED_SIZES))
    for column, n in enumerate(TOP_SIZES):
        times, longest = ngrams[:, column, 0], ngrams[:, column, 2]
        found[f"top_{n}_gram"] = share(np.where(times > 1, times * longest, 0), characters)
    for column, n in enumerate(REPEATED_SIZES, len(TOP_SIZES)):
        found[f"duplicate_{n}_grams"] = share(ngrams[:, column, 3], characters)
    return found


def dolma_repetition(index: TextIndex, words: Words) -> Signals:
    lines, pieces = index.lines, _repeated_pieces(index.lines)
    characters = _sums(words.first, words.characters)  # those of words: white space does not count
    empty = lines.counts - pieces[:, 0]
    found: Signals = {
        "characters": index.characters.astype(np.int32),
        "duplicate_paragraphs": None,
        "duplicate_paragraph_characters": None,
        "duplicate_lines": share(pieces[:, 4] + np.where(empty > 1, empty, 0), lines.counts),
        "duplicate_line_characters": share(pieces[:, 5], characters),
    }
    ngrams = repeated_ngrams(words.first, words.hashes, words.characters, np.array(TOP_SIZES + REPEATED_SIZES))
    for column, n in enumerate(TOP_SIZES):
        found[f"top_{n}_gram"] = share(ngrams[:, column, 0] * ngrams[:, column, 1], characters)
    for column, n in enumerate(REPEATED_SIZES, len(TOP_SIZES)):
        found[f"duplicate_{n}_grams"] = share(ngrams[:, column, 4], _ngram_characters(words, n))
    return found


def _ngram_characters(words: Words, n: int) -> np.ndarray:
    """Code points of all n-grams of each row together, int64 (rows,)."""
    sums = np.concatenate([[0], np.cumsum(words.characters, dtype=np.int64)])
    lengths = np.zeros(len(words), np.int64)  # of the n-gram that begins with each word
    if len(words) >= n:
        lengths[: len(words) - n + 1] = sums[n:] - sums[:-n]
    totals = np.concatenate([[0], np.cumsum(lengths)])
    last = np.maximum(words.first[1:] - (n - 1), words.first[:-1])
    return totals[last] - totals[words.first[:-1]]


def redpajama_repetition(index: TextIndex, words: Words) -> Signals:
    """words: of the normalised text."""
    characters = _sums(words.first, words.characters)
    found: Signals = {
        "characters": index.characters.astype(np.int32),
        "duplicate_paragraphs": None,
        "duplicate_paragraph_characters": None,
        "duplicate_lines": None,
        "duplicate_line_characters": None,
    }
    ngrams = repeated_ngrams(words.first, words.hashes, words.characters, np.array(TOP_SIZES + REPEATED_SIZES))
    for column, n in enumerate(TOP_SIZES):
        times, length = ngrams[:, column, 0], ngrams[:, column, 1]
        found[f"top_{n}_gram"] = share(np.where(times > 1, times * length, 0), characters)
    for column, n in enumerate(REPEATED_SIZES, len(TOP_SIZES)):
        found[f"duplicate_{n}_grams"] = share(ngrams[:, column, 3], characters)
    return found
