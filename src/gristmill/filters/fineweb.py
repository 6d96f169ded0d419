"""FineWeb's own rules (Penedo et al. 2024, arXiv 2406.17557, section 3.5; code: datatrove's FineWebQualityFilter).

Paper and code differ; `dialect` names whose reading sets what is not set otherwise:

                                  datatrove (default)   paper
    lines that end a sentence     dropped below 0.12    dropped at 0.12 or below
    short lines                   ≤ 30 characters,      < 30 characters,
                                  dropped above 0.67    dropped at 0.67 or above
    characters in repeated lines  dropped above 0.01    dropped at 0.1 or above
    newlines per word             dropped above 0.3     no rule

`datatrove` is the default, since its code probably ran in production: FineWeb2 calls its 0.1 a change from 0.01.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
import pyarrow as pa
from pydantic import field_validator

from gristmill.dataset import Batch
from gristmill.filters import fineweb2
from gristmill.filters.by_language import LanguageLimits, Limit, above, below
from gristmill.filters.dialects import WithDialects
from gristmill.kernels.text import Texts
from gristmill.stage import setting

DIALECTS: dict[str, dict[str, Any]] = {
    "datatrove": {},
    "paper": {"short_line": 29, "max_duplicate_line_characters": 0.1, "max_newlines_per_word": None},
}
"""What each dialect sets otherwise than the defaults, which are datatrove's."""

_PAPER = "FineWeb, section 3.5"
_WARM_TEXT = "A line that ends.\nA line that does not\n\nA line that ends.\n"


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """part / whole as float32 (rows,), 0 where there is nothing."""
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0).astype(np.float32)


class FineWeb(WithDialects, LanguageLimits):
    """Drop texts of lists and menus: lines that do not end, short lines, repeated lines, many newlines.

    A limit of null turns its rule off. Blank lines count for nothing but newlines.
    """

    kind = "fineweb"
    dialects = DIALECTS
    version: ClassVar[int] = 2
    rules = ("empty", "unended_lines", "short_lines", "duplicate_line_characters", "newlines_per_word")
    values = pa.schema(
        [
            ("lines", pa.int32()),
            ("ended_lines", pa.float32()),  # shares of lines
            ("short_lines", pa.float32()),
            ("duplicate_line_characters", pa.float32()),  # share of characters without newlines
            ("newlines_per_word", pa.float32()),
        ]
    )
    signal_settings = ("words", "terminal_marks", "short_line")
    presets = {"fineweb2": fineweb2.FINEWEB}

    dialect: Literal["datatrove", "paper"] = setting(
        "datatrove",
        "whose reading sets what is not set here and whether a value at its limit passes",
        source="datatrove 0.10",
    )
    words: Literal["unicode", "english", "whitespace", "spacy", "icu"] = setting(
        "unicode",
        "what a word is: by Unicode's boundaries; near spaCy's for English; by white space; by spaCy itself (slow; extra "
        "`spacy`); by ICU, with its dictionaries (extra `icu`)",
        source="near datatrove's spaCy words",
    )
    terminal_marks: list[str] | None = setting(
        None,
        "the characters that end a line well; null: the terminal marks of all scripts",
        source="datatrove; FineWeb2 sets them by language",
    )
    short_line: int = setting(
        30, "most characters of a short line; paper: 29", source="datatrove", unit="characters", ge=0
    )
    min_ended_lines: float | None = setting(
        0.12, "lines that end with a terminal mark", source=_PAPER, unit="share of lines", ge=0
    )
    allow_no_ended_line: bool = setting(
        False, "let texts pass in which no line at all ends with one", source="datatrove"
    )
    max_short_lines: float | None = setting(0.67, "short lines", source=_PAPER, unit="share of lines", ge=0)
    max_duplicate_line_characters: float | None = setting(
        0.01,
        "characters in lines that stand after an equal one; paper: 0.1",
        source="contested: datatrove 0.01, FineWeb 0.1",
        unit="share of characters",
        ge=0,
    )
    max_newlines_per_word: float | None = setting(
        0.3,
        "newlines; paper: null",
        source="datatrove; not in the paper",
        unit="per word or mark",
        ge=0,
    )

    @field_validator("terminal_marks")
    @classmethod
    def _single_marks(cls, marks: list[str] | None) -> list[str] | None:
        for mark in marks or ():
            if len(mark) != 1:
                raise ValueError(f"{mark!r} is not one character; name each mark by itself")
        if marks == []:
            raise ValueError("no marks: no line could end; set min_ended_lines to null instead")
        return marks

    def signals(self, batch: Batch) -> Mapping[str, np.ndarray]:
        from gristmill.kernels.code_points import code_point_tables
        from gristmill.kernels.fineweb_lines import ENDED, LINES, REPEATED, SHORT, count_lines

        index = batch.index
        lines, words = index.lines, index.words(self.words)
        marks = np.array([ord(mark) for mark in self.terminal_marks or ()], np.int64)
        counts = count_lines(
            index.texts.data,
            lines.first,
            lines.start,
            lines.end,
            lines.hashes,
            lines.characters,
            self.short_line,
            marks,
            *code_point_tables(),
        )
        newlines = lines.counts - 1
        return {
            "lines": counts[:, LINES].astype(np.int32),
            "ended_lines": _share(counts[:, ENDED], counts[:, LINES]),
            "short_lines": _share(counts[:, SHORT], counts[:, LINES]),
            "duplicate_line_characters": _share(counts[:, REPEATED], index.characters - newlines),
            "newlines_per_word": _share(newlines, words.counts),
        }

    def decide(self, batch: Batch) -> np.ndarray:
        limits = self.limits(batch)
        ended = self.value(batch, "ended_lines")
        unended = self._below(ended, limits["min_ended_lines"])
        if self.allow_no_ended_line:
            unended &= ended > 0
        return self.first_rule(
            self.value(batch, "lines") == 0,
            unended,
            self._above(self.value(batch, "short_lines"), limits["max_short_lines"]),
            self._above(self.value(batch, "duplicate_line_characters"), limits["max_duplicate_line_characters"]),
            self._above(self.value(batch, "newlines_per_word"), limits["max_newlines_per_word"]),
        )

    def _below(self, values: np.ndarray, limit: Limit) -> np.ndarray:
        at_limit = self.dialect == "paper" and limit is not None
        return below(values, limit) | (at_limit and values == np.asarray(limit, np.float32))

    def _above(self, values: np.ndarray, limit: Limit) -> np.ndarray:
        at_limit = self.dialect == "paper" and limit is not None
        return above(values, limit) | (at_limit and values == np.asarray(limit, np.float32))

    def check(self) -> None:
        from gristmill.kernels.library_words import check_reading

        check_reading(self.words)

    def warm(self) -> None:
        self.signals(Batch(0, 1, Texts.from_strings([_WARM_TEXT])))
