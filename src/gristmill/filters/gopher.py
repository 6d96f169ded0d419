"""Gopher's two rule families (Rae et al. 2021, arXiv 2112.11446, appendix A.1): repetition, then quality.

The paper leaves open what counts as a duplicate and what a fraction is a share of; reproductions disagree. `dialect` names
whose reading is followed: datatrove's, which made FineWeb, or that of DCLM's reproduction of RefinedWeb, which is stricter on
repetition and milder on punctuation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import pyarrow as pa

from gristmill.dataset import Batch
from gristmill.stage import Filter, setting

if TYPE_CHECKING:
    from gristmill.kernels.text_index import WordReading

TOP_SIZES = (2, 3, 4)
REPEATED_SIZES = (5, 6, 7, 8, 9, 10)
STOP_WORDS = ["the", "be", "to", "of", "and", "that", "have", "with"]

_TABLE_A1 = "Gopher, table A1"
_APPENDIX = "Gopher, appendix A.1.1"
_WARM_TEXT = "A line with the words.\n\n- A line with the words. - A line with the words. And so it is…\n\nA line."

Dialect = Literal["datatrove", "dclm"]
Reading = Literal["unicode", "english", "whitespace"]


def _above(values: np.ndarray, limit: float | None) -> np.ndarray:
    return np.zeros(len(values), bool) if limit is None else values > np.float32(limit)


def _below(values: np.ndarray, limit: float | None) -> np.ndarray:
    return np.zeros(len(values), bool) if limit is None else values < np.float32(limit)


class GopherRepetition(Filter):
    """Drop texts that repeat themselves: lines, paragraphs, n-grams of words.

    A limit of null turns its rule off. Ten lines of which two pairs are equal: datatrove finds 20 % of them duplicate and
    keeps the text, dclm 40 % and drops it, at the same limit.

                            datatrove                             dclm
    duplicates              the copies after the first            all copies
    shares of characters    of the whole text                     of the lines, paragraphs or words
    repeated 5-10-grams     from the left, jumping over repeats   every word in any n-gram that occurs twice
    equally common n-grams  the first counts                      the longest counts; one that occurs once does not
    words                   and punctuation marks                 that begin with a letter or a digit
    lines, paragraphs       as they are                           stripped of white space, empty ones left out
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

    dialect: Dialect = setting("datatrove", "whose reading of the rules", source="datatrove 0.10; mlfoundations/dclm")
    words: Reading | None = setting(
        None,
        "what a word is: by Unicode's boundaries, near spaCy's for English, or by white space; null: the dialect's",
        source="datatrove: spaCy, in its stead unicode; dclm: unicode",
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
        from gristmill.filters.gopher_signals import datatrove_repetition, dclm_repetition

        reading: WordReading = self.words or "unicode"
        measure = dclm_repetition if self.dialect == "dclm" else datatrove_repetition
        return measure(batch.index, batch.index.words(reading))

    def decide(self, batch: Batch) -> np.ndarray:
        failed = [self.value(batch, "characters") == 0]
        failed += [_above(self.value(batch, name), getattr(self, f"max_{name}")) for name in self.rules[1:]]
        return self.first_rule(*failed)

    def warm(self) -> None:
        self.signals(_warm_batch())


class GopherQuality(Filter):
    """Drop texts that do not look like prose: too short, odd words, symbols, bullets, no stop words.

    A limit of null turns its rule off. Everything but the stop words is independent of the language. With datatrove's reading
    a punctuation mark is a word without a letter, so that English with many of them fails `min_letter_words`.

                            datatrove                             dclm
    words                   Unicode's, and punctuation marks      what white space separates
    words, least and most   those that are not signs alone        those that begin with a letter or a digit
    hash signs, ellipses    each against its own limit            together against `max_symbols`; `. . .` is one too
    bullets                 • -                                   ● • * -
    lines                   blank ones count                      blank ones do not
    stop words              different ones, as they are written   occurrences, in capitals too
    """

    kind = "gopher_quality"
    abstract: ClassVar[bool] = False
    version: ClassVar[int] = 2
    rules = (
        "too_few_words",
        "too_many_words",
        "short_words",
        "long_words",
        "many_hashes",
        "many_ellipses",
        "many_symbols",
        "many_bullets",
        "ellipsis_lines",
        "few_letters",
        "few_stop_words",
    )
    values = pa.schema(
        [
            ("words", pa.int32()),  # without those that are punctuation
            ("mean_word_length", pa.float32()),  # characters
            ("hashes", pa.float32()),  # per word, as the two below
            ("ellipses", pa.float32()),
            ("symbols", pa.float32()),  # hash signs and ellipses
            ("bullet_lines", pa.float32()),  # share of lines
            ("ellipsis_lines", pa.float32()),  # share of lines
            ("letter_words", pa.float32()),  # share of words
            ("stop_words", pa.int32()),
        ]
    )
    signal_settings = ("dialect", "words", "stop_words")

    dialect: Dialect = setting("datatrove", "whose reading of the rules", source="datatrove 0.10; mlfoundations/dclm")
    words: Reading | None = setting(
        None,
        "what a word is: by Unicode's boundaries, near spaCy's for English, or by white space; null: the dialect's",
        source="datatrove: spaCy, in its stead unicode; dclm: whitespace",
    )
    min_words: int | None = setting(50, "least words of a document", source=_APPENDIX, unit="words", ge=0)
    max_words: int | None = setting(100_000, "most words of a document", source=_APPENDIX, unit="words", ge=0)
    min_mean_word_length: float | None = setting(
        3, "least mean length of words", source=_APPENDIX, unit="characters", ge=0
    )
    max_mean_word_length: float | None = setting(
        10, "greatest mean length of words", source=_APPENDIX, unit="characters", ge=0
    )
    max_hashes: float | None = setting(0.1, "hash signs (datatrove)", source=_APPENDIX, unit="per word", ge=0)
    max_ellipses: float | None = setting(0.1, "ellipses (datatrove)", source=_APPENDIX, unit="per word", ge=0)
    max_symbols: float | None = setting(
        0.1, "hash signs and ellipses together (dclm)", source=_APPENDIX, unit="per word", ge=0
    )
    max_bullet_lines: float | None = setting(
        0.9, "lines that begin with a bullet", source=_APPENDIX, unit="share of lines", ge=0
    )
    max_ellipsis_lines: float | None = setting(
        0.3, "lines that end with an ellipsis", source=_APPENDIX, unit="share of lines", ge=0
    )
    min_letter_words: float | None = setting(
        0.8, "words that hold a letter", source=_APPENDIX, unit="share of words", ge=0
    )
    min_stop_words: int | None = setting(
        2, "stop words: different ones (datatrove) or occurrences (dclm)", source=_APPENDIX, unit="words", ge=0
    )
    stop_words: list[str] = setting(factory=lambda: list(STOP_WORDS), doc="the stop words", source=_APPENDIX)

    def signals(self, batch: Batch) -> Mapping[str, np.ndarray]:
        from gristmill.filters.gopher_signals import datatrove_quality, dclm_quality

        dclm = self.dialect == "dclm"
        reading: WordReading = self.words or ("whitespace" if dclm else "unicode")
        measure = dclm_quality if dclm else datatrove_quality
        return measure(batch.index, batch.index.words(reading), self.stop_words)

    def decide(self, batch: Batch) -> np.ndarray:
        value = {field.name: self.value(batch, field.name) for field in self.values}
        if self.dialect == "dclm":
            max_hashes, max_ellipses, max_symbols = None, None, self.max_symbols
        else:
            max_hashes, max_ellipses, max_symbols = self.max_hashes, self.max_ellipses, None
        return self.first_rule(
            _below(value["words"], self.min_words),
            _above(value["words"], self.max_words),
            _below(value["mean_word_length"], self.min_mean_word_length),
            _above(value["mean_word_length"], self.max_mean_word_length),
            _above(value["hashes"], max_hashes),
            _above(value["ellipses"], max_ellipses),
            _above(value["symbols"], max_symbols),
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
