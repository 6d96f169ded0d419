"""Where the lines, paragraphs and words of a batch of texts begin and end, each found once however many stages ask.

    index = TextIndex.build(Texts.from_strings(["One line.\\nAnother."]))
    index.words("unicode").counts            # words of each row
    index.lines.of(0)                        # the lines of row 0 as str, for tests and a look

All parts are byte offsets into `texts.data`, row after row, so a kernel takes the arrays and never touches a Python object.
Parts are computed when first asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from gristmill.kernels import lines as line_kernels
from gristmill.kernels import words as word_kernels
from gristmill.kernels.code_points import code_point_tables
from gristmill.kernels.text import Texts

WordReading = Literal["unicode", "english", "whitespace", "spacy", "icu", "word_punct"]


class Spans:
    """Pieces of every row: `first` int64 (rows + 1,) counts pieces before each row, `start` and `end` int64 (pieces,)."""

    def __init__(self, texts: Texts, first: np.ndarray, start: np.ndarray, end: np.ndarray) -> None:
        self.texts, self.first, self.start, self.end = texts, first, start, end

    def __len__(self) -> int:
        return len(self.start)

    @property
    def counts(self) -> np.ndarray:
        """Pieces in each row, int64 (rows,)."""
        return np.diff(self.first)

    @cached_property
    def characters(self) -> np.ndarray:
        """Code points in each piece, int64 (pieces,)."""
        return line_kernels.count_characters(self.texts.data, self.start, self.end)

    @cached_property
    def hashes(self) -> np.ndarray:
        """A hash of each piece's bytes, uint64 (pieces,), the same in every run (word_hash.hash_span)."""
        return line_kernels.hash_spans(self.texts.data, self.start, self.end)

    @cached_property
    def stripped(self) -> Spans:
        """The same pieces without white space at their ends; a blank piece becomes empty."""
        start, end = line_kernels.strip_spans(self.texts.data, self.start, self.end, *code_point_tables())
        return Spans(self.texts, self.first, start, end)

    def of(self, row: int) -> list[str]:
        """The pieces of one row as strings."""
        pieces = range(self.first[row], self.first[row + 1])
        return [bytes(self.texts.data[self.start[n] : self.end[n]]).decode("utf-8") for n in pieces]


@dataclass(frozen=True, slots=True)
class Words:
    """The words of every row, one entry a word.

    first: int64 (rows + 1,), words before each row. start, end: int64, bytes. hashes: uint64, see kernels.word_hash.
    characters: int32, code points. flags: uint16, the union of the flags of its code points (kernels.code_points), and
    `words.NOT_SIGNS` when one of them at least is not a sign.
    """

    texts: Texts
    first: np.ndarray
    start: np.ndarray
    end: np.ndarray
    hashes: np.ndarray
    characters: np.ndarray
    flags: np.ndarray

    def __len__(self) -> int:
        return len(self.start)

    @property
    def counts(self) -> np.ndarray:
        """Words in each row, int64 (rows,)."""
        return np.diff(self.first)

    def of(self, row: int) -> list[str]:
        """The words of one row as strings."""
        words = range(self.first[row], self.first[row + 1])
        return [bytes(self.texts.data[self.start[n] : self.end[n]]).decode("utf-8") for n in words]


class TextIndex:
    """The parts of a batch of texts. Rows of any length, empty ones too; nothing is dropped or normalised."""

    def __init__(self, texts: Texts) -> None:
        self.texts = texts
        self._words: dict[str, Words] = {}

    @classmethod
    def build(cls, texts: Texts) -> TextIndex:
        return cls(texts)

    @cached_property
    def characters(self) -> np.ndarray:
        """Code points of each row, int64 (rows,)."""
        return line_kernels.count_characters(self.texts.data, self.texts.offsets[:-1], self.texts.offsets[1:])

    @cached_property
    def lines(self) -> Spans:
        """Lines between newlines, as `str.split("\\n")`: empty lines count, an empty row has one."""
        return Spans(self.texts, *line_kernels.split_at_newlines(self.texts.data, self.texts.offsets))

    @cached_property
    def broken_lines(self) -> Spans:
        """Lines as `str.splitlines()`: also broken at carriage returns and Unicode's separators; an empty row has none."""
        return Spans(self.texts, *line_kernels.split_at_line_breaks(self.texts.data, self.texts.offsets))

    @cached_property
    def paragraphs(self) -> Spans:
        """What runs of two or more newlines separate in the text stripped of white space; a blank row has none."""
        lines, texts = self.lines, self.texts
        found = line_kernels.split_at_blank_lines(
            texts.data, texts.offsets, lines.first, lines.start, lines.end, *code_point_tables()
        )
        return Spans(texts, *found)

    def words(self, reading: WordReading = "unicode") -> Words:
        """Words by Unicode's rules (kernels.words) or near spaCy's English ones (kernels.english_words), by spaCy or ICU
        themselves (kernels.library_words), by kernels.word_punct, in all of these with punctuation marks; or what white space
        separates."""
        if reading not in self._words:
            self._words[reading] = Words(self.texts, *_segment(self.texts, reading))
        return self._words[reading]

    @cached_property
    def normalised(self) -> TextIndex:
        """The index of the texts as RedPajama-V2 normalises them (kernels.redpajama_text)."""
        from gristmill.kernels.redpajama_text import normalise

        return TextIndex(normalise(self.texts))


def _segment(texts: Texts, reading: WordReading) -> tuple[np.ndarray, ...]:
    if reading == "english":
        from gristmill.kernels.english_words import segment_english

        return segment_english(texts)
    if reading == "word_punct":
        from gristmill.kernels.word_punct import segment_word_punct

        return segment_word_punct(texts)
    if reading in ("spacy", "icu"):
        from gristmill.kernels import library_words

        return library_words.segment_by_spacy(texts) if reading == "spacy" else library_words.segment_by_icu(texts)
    return word_kernels.segment(texts, reading)
