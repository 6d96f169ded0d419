"""What Gopher's quality rules measure, as four programs read them; filters.gopher says where they differ.

Every function gives one array (rows,) for each column of the stage; shares are float32. `stop_words` holds the occurrences of
stop words and the different ones, int64 (rows, 2), counted in the words that the dialect looks for them in.
"""

from __future__ import annotations

import numpy as np

from gristmill.filters.gopher_repetition_signals import share
from gristmill.kernels.quality import (
    DATATROVE_BULLET,
    DCLM_BULLET,
    DCLM_ELLIPSIS,
    DOLMA_BULLET,
    DOLMA_ELLIPSIS,
    ELLIPSIS,
    LISTED_BULLET,
    VISIBLE,
    line_counts,
    median_characters,
    symbol_counts,
    word_counts,
    words_with_symbols,
)
from gristmill.kernels.text_index import Spans, TextIndex, Words
from gristmill.kernels.word_punct import flag_counts

Signals = dict[str, np.ndarray]


def datatrove_quality(index: TextIndex, words: Words, stop_words: np.ndarray) -> Signals:
    counts = word_counts(words.first, words.characters, words.flags)
    symbols = symbol_counts(index.texts.data, index.texts.offsets)
    lines = index.broken_lines
    marked = _line_counts(lines.stripped)
    return {
        "words": counts[:, 0].astype(np.int32),
        "word_length": share(counts[:, 1], counts[:, 0]),
        "hashes": share(symbols[:, 0], words.counts),
        "ellipses": share(symbols[:, 1], words.counts),
        "symbols": share(symbols[:, 0] + symbols[:, 1], words.counts),
        "bullet_lines": share(marked[:, DATATROVE_BULLET], lines.counts),
        "ellipsis_lines": share(marked[:, ELLIPSIS], lines.counts),
        "letter_words": share(counts[:, 2], words.counts),
        "stop_words": stop_words[:, 1].astype(np.int32),
        "stop_word_share": share(stop_words[:, 0], words.counts),
    }


def dclm_quality(index: TextIndex, words: Words, stop_words: np.ndarray) -> Signals:
    counts = word_counts(words.first, words.characters, words.flags)
    symbols = symbol_counts(index.texts.data, index.texts.offsets)
    marked = _line_counts(index.lines.stripped)
    return {
        "words": counts[:, 3].astype(np.int32),
        "word_length": share(counts[:, 4], words.counts),
        "hashes": share(symbols[:, 0], words.counts),
        "ellipses": share(symbols[:, 1] + symbols[:, 2], words.counts),
        "symbols": share(symbols.sum(axis=1), words.counts),
        "bullet_lines": share(marked[:, DCLM_BULLET], marked[:, VISIBLE]),
        "ellipsis_lines": share(marked[:, DCLM_ELLIPSIS], marked[:, VISIBLE]),
        "letter_words": share(counts[:, 2], words.counts),
        "stop_words": stop_words[:, 0].astype(np.int32),
        "stop_word_share": share(stop_words[:, 0], words.counts),
    }


def dolma_quality(index: TextIndex, words: Words, stop_words: np.ndarray) -> Signals:
    counts = word_counts(words.first, words.characters, words.flags)
    symbols = symbol_counts(index.texts.data, index.texts.offsets)
    lines = index.lines
    marked = _line_counts(lines)
    return {
        "words": words.counts.astype(np.int32),
        "word_length": median_characters(words.first, words.characters).astype(np.float32),
        "hashes": share(symbols[:, 0], words.counts),
        "ellipses": share(symbols[:, 1], words.counts),
        "symbols": share(words_with_symbols(index.texts.data, words.first, words.start, words.end), words.counts),
        "bullet_lines": share(marked[:, DOLMA_BULLET], lines.counts),
        "ellipsis_lines": share(marked[:, DOLMA_ELLIPSIS], lines.counts),
        "letter_words": share(counts[:, 2], words.counts),
        "stop_words": stop_words[:, 0].astype(np.int32),
        "stop_word_share": share(stop_words[:, 0], words.counts),
    }


def redpajama_quality(index: TextIndex, words: Words, stop_words: np.ndarray) -> Signals:
    """words: of the normalised text; symbols, letters and stop words are counted in the text as it is."""
    lengths = word_counts(words.first, words.characters, words.flags)[:, 4]
    raw = index.words("word_punct")
    symbols = symbol_counts(index.texts.data, index.texts.offsets)
    lines = ended_lines(index)
    marked = _line_counts(index.lines.stripped)
    return {
        "words": words.counts.astype(np.int32),
        "word_length": share(lengths, words.counts),
        "hashes": share(symbols[:, 0], raw.counts),
        "ellipses": share(symbols[:, 1], raw.counts),
        "symbols": share(symbols[:, 0] + symbols[:, 1], raw.counts),
        "bullet_lines": share(marked[:, LISTED_BULLET], lines),
        "ellipsis_lines": share(marked[:, ELLIPSIS], lines),
        "letter_words": share(flag_counts(raw.first, raw.flags)[:, 0], raw.counts),
        "stop_words": stop_words[:, 0].astype(np.int32),
        "stop_word_share": share(stop_words[:, 0], raw.counts),
    }


def ended_lines(index: TextIndex) -> np.ndarray:
    """Lines of each row, int64 (rows,), without the empty one behind a newline at its end."""
    lines = index.lines
    last = lines.first[1:] - 1
    return lines.counts - (lines.start[last] == lines.end[last])


def _line_counts(lines: Spans) -> np.ndarray:
    return line_counts(lines.texts.data, lines.first, lines.start, lines.end)
