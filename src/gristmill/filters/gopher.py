"""Gopher's two rule families (Rae et al. 2021, arXiv 2112.11446, appendix A.1): repetition, then quality.

The paper leaves open what counts as a duplicate and what a fraction is a share of; four reproductions disagree. `dialect` names
whose reading is followed. The default is datatrove's, which made FineWeb and is the mildest on repetition.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import pyarrow as pa
from pydantic import model_validator

from gristmill.dataset import Batch
from gristmill.filters import fineweb2
from gristmill.filters.by_language import LanguageLimits, above, below, choose_lists, languages_of
from gristmill.filters.dialects import WithDialects
from gristmill.filters.stop_words import GOPHER_STOP_WORDS, STOP_WORDS
from gristmill.stage import setting

if TYPE_CHECKING:
    from gristmill.kernels.text_index import TextIndex, WordReading, Words

TOP_SIZES = (2, 3, 4)
REPEATED_SIZES = (5, 6, 7, 8, 9, 10)

_TABLE_A1 = "Gopher, table A1"
_APPENDIX = "Gopher, appendix A.1.1"
_WARM_TEXT = "A line with the words.\n\n- A line with the words. - A line with the words. And so it is…\n\nA line."

Dialect = Literal["datatrove", "dclm", "dolma", "redpajama_v2"]
Reading = Literal["unicode", "english", "whitespace", "spacy", "icu"]

_DIALECTS = (
    "datatrove 0.10; mlfoundations/dclm; allenai/dolma, tagger gopher_v1; togethercomputer/RedPajama-Data, rp_v2"
)
_WORDS = (
    "what a word is: by Unicode's boundaries; near spaCy's for English; by white space; by spaCy itself (slow; extra `spacy`); "
    "by ICU, with its dictionaries for Chinese, Japanese and South-East Asia (extra `icu`); null: the dialect's"
)


class _Gopher(WithDialects, LanguageLimits):
    """What both families share: dialects, and a reading of words for each."""

    dialect_words: ClassVar[Mapping[str, WordReading]] = {}

    @model_validator(mode="after")
    def _fixed_words(self) -> _Gopher:
        if self.dialect == "redpajama_v2" and self.words is not None:  # type: ignore[attr-defined]
            raise ValueError("redpajama_v2 counts the words of the text as it normalises it; leave `words` out")
        return self

    def index_words(self, index: TextIndex) -> Words:
        """The words that the dialect counts."""
        dialect, words = self.dialect, self.words  # type: ignore[attr-defined]
        if dialect == "redpajama_v2":
            return index.normalised.words("whitespace")
        return index.words(words or self.dialect_words[dialect])

    def check(self) -> None:
        from gristmill.kernels.library_words import check_reading

        check_reading(self.words)  # type: ignore[attr-defined]

    def warm(self) -> None:
        self.signals(_warm_batch(self.language))


class GopherRepetition(_Gopher):
    """Drop texts that repeat themselves: lines, paragraphs, n-grams of words.

    A limit of null turns its rule off. Ten lines of which two pairs are equal: datatrove finds 20 % of them duplicate and
    keeps the text; dclm and dolma find 40 % and drop it, at the same limit. dolma is meant for text without blank lines, as
    CCNet's is: two of them already are duplicates.

                   datatrove (default)    dclm                   dolma                  redpajama_v2
    duplicate      copies after the       all copies             all copies             all copies
                   first
    characters     of the whole text      of the lines,          of words; for          of words
    are shares                            paragraphs or words    5-10-grams, of all
                                                                 such n-grams
    repeated       from the left,         every word in any      every such n-gram,     every word in any
    5-10-grams     jumping over repeats   n-gram seen twice      overlaps counted       n-gram seen twice
    commonest      the first of equally   the longest; it must   the first, and were    the first; it must
    n-gram         common ones            occur twice            it there only once     occur twice
    words          and punctuation        that begin with a      between white space    between white space, in
                   marks                  letter or digit                               lower case, without
                                                                                        ASCII punctuation, NFD
    lines          a run of newlines      stripped, empty ones   all, empty ones too    no rule
                   parts once             left out
    paragraphs     like lines             like lines             no rule                no rule
    limits         Gopher's               Gopher's               0.30, not 0.20, for    Gopher's
                                                                 characters in lines
    """

    kind = "gopher_repetition"
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
    version: ClassVar[int] = 2
    presets = {"fineweb2": fineweb2.REPETITION}
    dialects = {
        "dolma": {
            "max_duplicate_paragraphs": None,
            "max_duplicate_paragraph_characters": None,
            "max_duplicate_line_characters": 0.30,
        },
    }
    dialect_words = {"datatrove": "unicode", "dclm": "unicode", "dolma": "whitespace"}

    dialect: Dialect = setting("datatrove", "whose reading of the rules", source=_DIALECTS)
    words: Reading | None = setting(
        None, _WORDS, source="datatrove: spaCy, in its stead unicode; dclm: unicode; dolma: whitespace"
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
        0.20,
        "characters in such lines; dolma: 0.3",
        source=f"{_TABLE_A1}; dolma's configuration 1.5: 0.30",
        unit="share of characters",
        ge=0,
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

    def signals(self, batch: Batch) -> Mapping[str, pa.Array | np.ndarray]:
        from gristmill.filters import gopher_repetition_signals as signals

        measure = {
            "datatrove": signals.datatrove_repetition,
            "dclm": signals.dclm_repetition,
            "dolma": signals.dolma_repetition,
            "redpajama_v2": signals.redpajama_repetition,
        }[self.dialect]
        nothing = pa.nulls(batch.rows, pa.float32())
        found = measure(batch.index, self.index_words(batch.index))
        return {name: nothing if values is None else values for name, values in found.items()}

    def decide(self, batch: Batch) -> np.ndarray:
        limits = self.limits(batch)
        failed = [self.value(batch, "characters") == 0]
        failed += [above(self.value(batch, name), limits[f"max_{name}"]) for name in self.rules[1:]]
        return self.first_rule(*failed)


class GopherQuality(_Gopher):
    """Drop texts that do not look like prose: too short, odd words, symbols, bullets, no stop words.

    A limit of null turns its rule off. Everything but the stop words is independent of the language. With datatrove's reading
    a punctuation mark is a word without a letter, so that English with many of them fails `min_letter_words`; with redpajama_v2
    only a-z are letters.

                   datatrove (default)    dclm                   dolma                  redpajama_v2
    words          Unicode's, and         between white space    between white space    `\\w+` and `[^\\w\\s]+`
                   punctuation marks
    least, most    words that are not     words that begin with  all                    normalised ones (see
    words          signs alone            a letter or digit                             gopher_repetition)
    word length    mean                   mean                   median                 mean, normalised ones
    # and …        each against its own   together against       words with either,     together against
                   limit                  `max_symbols`          against `max_symbols`  `max_symbols`
    an ellipsis    ... …                  ... … . . .            …                      ... …
    bullets        • -                    ● • * -                * -, at the very       • ‣ ▶ ◀ ◦ ■ □ ▪ ▫ –
                                                                 beginning
    lines          blank ones count       blank ones do not      blank ones count       blank ones count
    stop words     different ones, as     occurrences, in        occurrences, as        no rule; their share is
                   they are written       capitals too           they are written       `stop_word_share`
    """

    kind = "gopher_quality"
    version: ClassVar[int] = 3
    presets = {"fineweb2": fineweb2.QUALITY}
    dialects = {"redpajama_v2": {"min_stop_words": None}}
    dialect_words = {"datatrove": "unicode", "dclm": "whitespace", "dolma": "whitespace"}
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
        "small_stop_word_share",
    )
    values = pa.schema(
        [
            ("words", pa.int32()),  # without those that are punctuation
            ("word_length", pa.float32()),  # characters: mean, dolma: median
            ("hashes", pa.float32()),  # per word, as the two below
            ("ellipses", pa.float32()),
            ("symbols", pa.float32()),  # hash signs and ellipses
            ("bullet_lines", pa.float32()),  # share of lines
            ("ellipsis_lines", pa.float32()),  # share of lines
            ("letter_words", pa.float32()),  # share of words
            ("stop_words", pa.int32()),
            ("stop_word_share", pa.float32()),  # occurrences per word
        ]
    )
    signal_settings = ("dialect", "words", "stop_words", "language")

    dialect: Dialect = setting("datatrove", "whose reading of the rules", source=_DIALECTS)
    words: Reading | None = setting(
        None, _WORDS, source="datatrove: spaCy, in its stead unicode; dclm, dolma: whitespace"
    )
    min_words: int | None = setting(50, "least words of a document", source=_APPENDIX, unit="words", ge=0)
    max_words: int | None = setting(100_000, "most words of a document", source=_APPENDIX, unit="words", ge=0)
    min_mean_word_length: float | None = setting(
        3, "least mean length of words; dolma: median", source=_APPENDIX, unit="characters", ge=0
    )
    max_mean_word_length: float | None = setting(
        10, "greatest mean length of words; dolma: median", source=_APPENDIX, unit="characters", ge=0
    )
    max_hashes: float | None = setting(0.1, "hash signs (datatrove)", source=_APPENDIX, unit="per word", ge=0)
    max_ellipses: float | None = setting(0.1, "ellipses (datatrove)", source=_APPENDIX, unit="per word", ge=0)
    max_symbols: float | None = setting(
        0.1, "hash signs and ellipses together (the other dialects)", source=_APPENDIX, unit="per word", ge=0
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
        2,
        "stop words: different ones (datatrove) or occurrences (dclm, dolma); redpajama_v2: null",
        source=_APPENDIX,
        unit="words",
        ge=0,
    )
    min_stop_word_share: float | None = setting(
        None, "occurrences of stop words", source="no published limit", unit="share of words", ge=0
    )
    stop_words: list[str] | Literal["by_language"] = setting(
        factory=lambda: list(GOPHER_STOP_WORDS),
        doc=f"the stop words; `by_language`: lists of {len(STOP_WORDS)} languages, and no rule for a document of another one",
        source=f"{_APPENDIX}; FineWeb2 has lists by language, here this project's own",
    )

    @property
    def needs(self) -> tuple[str, ...]:  # type: ignore[override]
        return ("text", self.language) if self.stop_words == "by_language" else ("text",)

    @property
    def decides_on(self) -> tuple[str, ...]:  # type: ignore[override]
        return (self.language,) if self.thresholds or self.stop_words == "by_language" else ()

    def signals(self, batch: Batch) -> Mapping[str, np.ndarray]:
        from gristmill.filters import gopher_quality_signals as signals

        measure = {
            "datatrove": signals.datatrove_quality,
            "dclm": signals.dclm_quality,
            "dolma": signals.dolma_quality,
            "redpajama_v2": signals.redpajama_quality,
        }[self.dialect]
        words = self.index_words(batch.index)
        listed_in = batch.index.words("word_punct") if self.dialect == "redpajama_v2" else words
        return measure(batch.index, words, self._stop_words(batch, listed_in))

    def _stop_words(self, batch: Batch, words: Words) -> np.ndarray:
        """Occurrences of stop words and different ones, int64 (rows, 2)."""
        from gristmill.filters.word_lists import count_listed

        lists = [self.stop_words] if isinstance(self.stop_words, list) else [*STOP_WORDS.values(), []]
        rows = np.zeros(batch.rows, np.uint8)
        if self.stop_words == "by_language":
            rows = choose_lists(list(STOP_WORDS), languages_of(batch, self.language), len(STOP_WORDS))
        if self.dialect == "dclm":
            lists = [
                [form for word in own for form in (word, word.lower(), word.capitalize(), word.upper())]
                for own in lists
            ]
        return count_listed(words, lists, rows)

    def decide(self, batch: Batch) -> np.ndarray:
        limits = self.limits(batch)
        value = {field.name: self.value(batch, field.name) for field in self.values}
        unlisted = np.zeros(batch.rows, bool)
        if self.stop_words == "by_language":
            unlisted = np.array([language not in STOP_WORDS for language in languages_of(batch, self.language)], bool)
        if self.dialect == "datatrove":
            limits["max_symbols"] = None
        else:
            limits["max_hashes"] = limits["max_ellipses"] = None
        return self.first_rule(
            below(value["words"], limits["min_words"]),
            above(value["words"], limits["max_words"]),
            below(value["word_length"], limits["min_mean_word_length"]),
            above(value["word_length"], limits["max_mean_word_length"]),
            above(value["hashes"], limits["max_hashes"]),
            above(value["ellipses"], limits["max_ellipses"]),
            above(value["symbols"], limits["max_symbols"]),
            above(value["bullet_lines"], limits["max_bullet_lines"]),
            above(value["ellipsis_lines"], limits["max_ellipsis_lines"]),
            below(value["letter_words"], limits["min_letter_words"]),
            below(value["stop_words"], limits["min_stop_words"]) & ~unlisted,
            below(value["stop_word_share"], limits["min_stop_word_share"]) & ~unlisted,
        )


def _warm_batch(language: str) -> Batch:
    from gristmill.kernels.text import Texts

    batch = Batch(0, 1, Texts.from_strings([_WARM_TEXT]))
    batch.add_column(language, pa.array(["en"]))
    return batch
