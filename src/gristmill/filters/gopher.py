"""Gopher's two rule families (Rae et al. 2021, arXiv 2112.11446, appendix A.1): repetition, then quality.

The paper leaves open what counts as a duplicate and what a fraction is a share of; reproductions disagree. `dialect` names
whose reading is followed. `datatrove` (what made FineWeb) is the default:
  - the first copy of a line, paragraph or n-gram is no duplicate; the copies after it are;
  - fractions of characters are shares of all characters of the text, white space included;
  - n-grams are over words and punctuation marks alike; a repeated 5- to 10-gram is counted whole and jumped over;
  - a document needs two *different* stop words, as they are written.
datatrove splits English by spaCy's rules; `words: unicode` (Unicode's word boundaries, any language) comes near that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import pyarrow as pa

from gristmill.dataset import Batch
from gristmill.stage import Filter, setting

if TYPE_CHECKING:
    from gristmill.kernels.text_index import Words

TOP_SIZES = (2, 3, 4)
REPEATED_SIZES = (5, 6, 7, 8, 9, 10)
STOP_WORDS = ["the", "be", "to", "of", "and", "that", "have", "with"]

_TABLE_A1 = "Gopher, table A1"
_APPENDIX = "Gopher, appendix A.1.1"
_WARM_TEXT = "A line with the words.\n\n- A line with the words. - A line with the words. And so it is…\n\nA line."

Words_ = Literal["unicode", "whitespace"]


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """part / whole as float32 (rows,), 0 where there is nothing."""
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0).astype(np.float32)


def _above(values: np.ndarray, limit: float | None) -> np.ndarray:
    return np.zeros(len(values), bool) if limit is None else values > np.float32(limit)


def _below(values: np.ndarray, limit: float | None) -> np.ndarray:
    return np.zeros(len(values), bool) if limit is None else values < np.float32(limit)


class GopherRepetition(Filter):
    """Drop texts that repeat themselves: lines, paragraphs, n-grams of words.

    A limit of null turns its rule off. Values are shares of the text's characters, or of its lines and paragraphs.
    """

    kind = "gopher_repetition"
    abstract: ClassVar[bool] = False
    values = pa.schema(
        [("characters", pa.int32())]
        + [
            (name, pa.float32())
            for name in (
                "duplicate_paragraphs",
                "duplicate_paragraph_characters",
                "duplicate_lines",
                "duplicate_line_characters",
                *(f"top_{n}_gram" for n in TOP_SIZES),
                *(f"duplicate_{n}_grams" for n in REPEATED_SIZES),
            )
        ]
    )
    rules = ("empty", *values.names[1:])
    signal_settings = ("dialect", "words")

    dialect: Literal["datatrove"] = setting("datatrove", "whose reading of the rules", source="datatrove 0.10")
    words: Words_ = setting(
        "unicode",
        "what a word is: Unicode's word boundaries, or white space",
        source="near datatrove's spaCy words",
    )
    max_duplicate_paragraphs: float | None = setting(
        0.30, "paragraphs that stand after an equal one", source=_TABLE_A1, unit="share of paragraphs", ge=0
    )
    max_duplicate_paragraph_characters: float | None = setting(
        0.20, "characters in such paragraphs", source=_TABLE_A1, unit="share of characters", ge=0
    )
    max_duplicate_lines: float | None = setting(
        0.30, "lines that stand after an equal one", source=_TABLE_A1, unit="share of lines", ge=0
    )
    max_duplicate_line_characters: float | None = setting(
        0.20, "characters in such lines", source=_TABLE_A1, unit="share of characters", ge=0
    )
    max_top_2_gram: float | None = setting(
        0.20,
        "characters of all copies of the commonest 2-gram",
        source=_TABLE_A1,
        unit="share of characters",
        ge=0,
    )
    max_top_3_gram: float | None = setting(
        0.18, "the same for 3-grams", source=_TABLE_A1, unit="share of characters", ge=0
    )
    max_top_4_gram: float | None = setting(
        0.16, "the same for 4-grams", source=_TABLE_A1, unit="share of characters", ge=0
    )
    max_duplicate_5_grams: float | None = setting(
        0.15, "characters in repeated 5-grams", source=_TABLE_A1, unit="share of characters", ge=0
    )
    max_duplicate_6_grams: float | None = setting(
        0.14, "the same for 6-grams", source=_TABLE_A1, unit="share of characters", ge=0
    )
    max_duplicate_7_grams: float | None = setting(
        0.13, "the same for 7-grams", source=_TABLE_A1, unit="share of characters", ge=0
    )
    max_duplicate_8_grams: float | None = setting(
        0.12, "the same for 8-grams", source=_TABLE_A1, unit="share of characters", ge=0
    )
    max_duplicate_9_grams: float | None = setting(
        0.11, "the same for 9-grams", source=_TABLE_A1, unit="share of characters", ge=0
    )
    max_duplicate_10_grams: float | None = setting(
        0.10, "the same for 10-grams", source=_TABLE_A1, unit="share of characters", ge=0
    )

    def signals(self, batch: Batch) -> Mapping[str, np.ndarray]:
        from gristmill.kernels.repetition import repeated_ngrams, repeated_pieces, top_ngrams

        index = batch.index
        characters = index.characters
        words = index.words(self.words)
        found: dict[str, np.ndarray] = {"characters": characters.astype(np.int32)}

        paragraphs = index.paragraphs
        pieces = repeated_pieces(
            paragraphs.first, paragraphs.start, paragraphs.end, paragraphs.hashes, paragraphs.characters
        )
        found["duplicate_paragraphs"] = _share(pieces[:, 1], pieces[:, 0])
        found["duplicate_paragraph_characters"] = _share(pieces[:, 2], characters)

        lines = index.lines
        pieces = repeated_pieces(lines.first, lines.start, lines.end, lines.hashes, lines.characters)
        # A run of newlines separates lines once, but one at either end of the text leaves an empty line there.
        opening, closing = lines.first[:-1], lines.first[1:] - 1
        broken = opening != closing
        outer = (broken & (lines.start[opening] == lines.end[opening])).astype(np.int64)
        outer += broken & (lines.start[closing] == lines.end[closing])
        found["duplicate_lines"] = _share(pieces[:, 1] + (outer == 2), pieces[:, 0] + outer)
        found["duplicate_line_characters"] = _share(pieces[:, 2], characters)

        top = top_ngrams(words.first, words.hashes, words.characters, np.array(TOP_SIZES))
        for column, n in enumerate(TOP_SIZES):
            times, length = top[:, column, 0], top[:, column, 1]
            found[f"top_{n}_gram"] = _share(times * (length + n - 1), characters)  # with the spaces between words
        sizes = np.array(REPEATED_SIZES)
        repeated = repeated_ngrams(
            index.texts.data, words.first, words.start, words.end, words.hashes, words.characters, sizes
        )
        for column, n in enumerate(REPEATED_SIZES):
            found[f"duplicate_{n}_grams"] = _share(repeated[:, column], characters)
        return found

    def decide(self, batch: Batch) -> np.ndarray:
        failed = [self.value(batch, "characters") == 0]
        failed += [_above(self.value(batch, name), getattr(self, f"max_{name}")) for name in self.rules[1:]]
        return self.first_rule(*failed)

    def warm(self) -> None:
        self.signals(_warm_batch())


class GopherQuality(Filter):
    """Drop texts that do not look like prose: too short, odd words, symbols, bullets, no stop words.

    A limit of null turns its rule off. Everything but the stop words is independent of the language.
    """

    kind = "gopher_quality"
    abstract: ClassVar[bool] = False
    rules = (
        "too_few_words",
        "too_many_words",
        "short_words",
        "long_words",
        "many_hashes",
        "many_ellipses",
        "many_bullets",
        "ellipsis_lines",
        "few_letters",
        "few_stop_words",
    )
    values = pa.schema(
        [
            ("words", pa.int32()),  # words that are not punctuation alone
            ("mean_word_length", pa.float32()),  # characters of these words
            ("hashes", pa.float32()),  # per word or mark
            ("ellipses", pa.float32()),  # per word or mark
            ("bullet_lines", pa.float32()),
            ("ellipsis_lines", pa.float32()),
            ("letter_words", pa.float32()),  # share of words and marks that hold a letter
            ("stop_words", pa.int32()),  # different ones
        ]
    )
    signal_settings = ("dialect", "words", "stop_words")

    dialect: Literal["datatrove"] = setting("datatrove", "whose reading of the rules", source="datatrove 0.10")
    words: Words_ = setting(
        "unicode",
        "what a word is: Unicode's word boundaries, or white space",
        source="near datatrove's spaCy words",
    )
    min_words: int | None = setting(50, "least words of a document", source=_APPENDIX, unit="words", ge=0)
    max_words: int | None = setting(100_000, "most words of a document", source=_APPENDIX, unit="words", ge=0)
    min_mean_word_length: float | None = setting(
        3, "least mean length of words", source=_APPENDIX, unit="characters", ge=0
    )
    max_mean_word_length: float | None = setting(
        10, "greatest mean length of words", source=_APPENDIX, unit="characters", ge=0
    )
    max_hashes: float | None = setting(0.1, "hash signs", source=_APPENDIX, unit="per word", ge=0)
    max_ellipses: float | None = setting(0.1, "ellipses", source=_APPENDIX, unit="per word", ge=0)
    max_bullet_lines: float | None = setting(
        0.9, "lines that begin with a bullet", source=_APPENDIX, unit="share of lines", ge=0
    )
    max_ellipsis_lines: float | None = setting(
        0.3, "lines that end with an ellipsis", source=_APPENDIX, unit="share of lines", ge=0
    )
    min_letter_words: float | None = setting(
        0.8, "words that hold a letter", source=_APPENDIX, unit="share of words", ge=0
    )
    min_stop_words: int | None = setting(2, "different stop words", source=_APPENDIX, unit="words", ge=0)
    stop_words: list[str] = setting(
        factory=lambda: list(STOP_WORDS), doc="the stop words, compared as they are written", source=_APPENDIX
    )

    def signals(self, batch: Batch) -> Mapping[str, np.ndarray]:
        from gristmill.kernels.quality import line_counts, symbol_counts, word_counts

        index = batch.index
        words, lines = index.words(self.words), index.broken_lines
        counts = word_counts(words.first, words.hashes, words.characters, words.flags)
        symbols = symbol_counts(index.texts.data, index.texts.offsets)
        marked = line_counts(index.texts.data, lines.first, lines.stripped.start, lines.stripped.end)
        return {
            "words": counts[:, 0].astype(np.int32),
            "mean_word_length": _share(counts[:, 1], counts[:, 0]),
            "hashes": _share(symbols[:, 0], words.counts),
            "ellipses": _share(symbols[:, 1], words.counts),
            "bullet_lines": _share(marked[:, 0], lines.counts),
            "ellipsis_lines": _share(marked[:, 1], lines.counts),
            "letter_words": _share(counts[:, 2], words.counts),
            "stop_words": self._stop_words(words).astype(np.int32),
        }

    def _stop_words(self, words: Words) -> np.ndarray:
        """Different stop words in each row."""
        from gristmill.kernels.quality import listed_words, word_list_table
        from gristmill.kernels.word_hash import hash_bytes

        listed = [np.frombuffer(word.encode(), np.uint8) for word in self.stop_words]
        table = word_list_table(np.array([hash_bytes(word, 0, len(word)) for word in listed], np.uint64))
        return listed_words(words.first, words.hashes, table, len(table) - 1)[:, 1]

    def decide(self, batch: Batch) -> np.ndarray:
        value = {field.name: self.value(batch, field.name) for field in self.values}
        return self.first_rule(
            _below(value["words"], self.min_words),
            _above(value["words"], self.max_words),
            _below(value["mean_word_length"], self.min_mean_word_length),
            _above(value["mean_word_length"], self.max_mean_word_length),
            _above(value["hashes"], self.max_hashes),
            _above(value["ellipses"], self.max_ellipses),
            _above(value["bullet_lines"], self.max_bullet_lines),
            _above(value["ellipsis_lines"], self.max_ellipsis_lines),
            _below(value["letter_words"], self.min_letter_words),
            _below(value["stop_words"], self.min_stop_words),
        )

    def warm(self) -> None:
        self.signals(_warm_batch())


def _warm_batch() -> Batch:
    from gristmill.kernels.text import Texts

    return Batch(0, 1, Texts.from_strings([_WARM_TEXT]))
