"""RefinedWeb's line-wise corrections (Penedo et al. 2023, arXiv 2306.01116, appendix G.2), with DCLM's constants.

The paper publishes no patterns, only examples; DCLM's reproduction does. Here phrases are compared without regard to case
and must not cut words apart; DCLM takes the full stops of `Read more...` for any characters and edits a line step by step.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np
import pyarrow as pa

from gristmill.dataset import Batch
from gristmill.kernels.text import CUTS, Texts
from gristmill.stage import Filter, setting

COUNTER_NOUNS = (
    "likes",
    "shares",
    "comments",
    "retweets",
    "reposts",
    "quotes",
    "bookmarks",
    "upvotes",
    "downvotes",
    "downloads",
    "views",
    "followers",
)

_RULE = "RefinedWeb G.2"
_EXAMPLE = "the example of RefinedWeb G.2, as in DCLM; the full list is unpublished"
_WARM_TEXT = "Sign-in to read on\n3 likes\nRead more...\n12\n\n2 items in cart here"
_NO_LIMIT = np.iinfo(np.int64).max


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """part / whole as float32 (rows,), 0 where there is nothing."""
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0).astype(np.float32)


class RefinedWebLines(Filter):
    """Cut lines and phrases that belong to a page's frame; drop texts of which too much is such.

    A line is cut when it is mainly upper case, only digits, a counter (`3 likes`), or a single word, tested in this order;
    a short line loses calls to action. Blank lines stay. A setting of null, or an empty list, turns its rule off. The
    patterns are English.
    """

    kind = "refinedweb_lines"
    version: ClassVar[int] = 2
    makes_cuts = True
    rules = ("too_much_removed", "empty")
    values = pa.schema(
        [
            ("words", pa.int32()),  # that hold a letter or digit, before anything is cut
            ("kept_lines", pa.int32()),
            ("edited_lines", pa.int32()),
            ("upper_case_lines", pa.int32()),  # lines cut, each by the first rule that applies
            ("numerical_lines", pa.int32()),
            ("counter_lines", pa.int32()),
            ("short_lines", pa.int32()),
            ("phrase_lines", pa.int32()),  # of which an edit left nothing
            ("removed_words", pa.float32()),  # shares of words
            ("flagged_words", pa.float32()),
            ("cuts", CUTS),
        ]
    )
    signal_settings = (
        "words",
        "max_upper_case",
        "max_digits",
        "counter_nouns",
        "min_words_per_line",
        "max_edited_words",
        "leading",
        "trailing",
        "anywhere",
    )

    words: Literal["whitespace", "unicode"] = setting(
        "whitespace",
        "what a word is: what white space separates, or Unicode's words for languages written without",
        source="DCLM",
    )
    max_upper_case: float | None = setting(
        0.5, "upper-case letters of a line", source=f"{_RULE}: mainly; DCLM", unit="share of characters", ge=0
    )
    max_digits: float | None = setting(
        0.999999, "digits of a line", source=f"{_RULE}: only; DCLM", unit="share of characters", ge=0
    )
    counter_nouns: list[str] = setting(
        factory=lambda: list(COUNTER_NOUNS),
        doc="words that make a line of a number and one of them a counter",
        source="DCLM; RefinedWeb G.2 gives `3 likes`, its list is unpublished",
    )
    min_words_per_line: int | None = setting(
        2, "lines of fewer words go", source=f"{_RULE}: a single word; DCLM", unit="words", ge=0
    )
    max_edited_words: int | None = setting(
        10, "longer lines keep their phrases; null: all lose them", source=f"{_RULE}; DCLM", unit="words", ge=0
    )
    leading: list[str] = setting(factory=lambda: ["sign-in"], doc="phrases cut at a line's beginning", source=_EXAMPLE)
    trailing: list[str] = setting(
        factory=lambda: ["read more...", "read more…"], doc="phrases cut at a line's end", source=_EXAMPLE
    )
    anywhere: list[str] = setting(
        factory=lambda: ["items in cart"], doc="phrases cut wherever they stand", source=_EXAMPLE
    )
    max_removed: float | None = setting(
        0.05, "words of a text that may be cut", source=f"{_RULE}; DCLM", unit="share of words", ge=0
    )
    measure: Literal["removed", "flagged"] = setting(
        "removed",
        "what counts against that limit: words cut, or all words of lines cut or edited",
        source="DCLM; RefinedWeb G.2 says flagged",
    )

    def warm(self) -> None:
        self.signals(Batch(0, 1, Texts.from_strings([_WARM_TEXT])))

    def signals(self, batch: Batch) -> Mapping[str, pa.Array | np.ndarray]:
        from gristmill.kernels import refinedweb_lines as kernel
        from gristmill.kernels.code_points import code_point_tables
        from gristmill.kernels.line_cuts import Removed, cuts_of_lines
        from gristmill.kernels.line_words import count_indexed_words, count_spaced_words
        from gristmill.kernels.phrases import lower_case, phrase_table

        lines = batch.index.lines.stripped
        counters, leading, trailing, anywhere = (phrase_table([phrases]) for phrases in self._phrases())
        tables = code_point_tables()
        if self.words == "whitespace":
            line_words = count_spaced_words(lines.texts.data, lines.start, lines.end, *tables)[:, :2]
        else:
            counts = count_indexed_words(batch.index.words("unicode"), lines.start, lines.end)
            line_words = np.stack([counts, counts], axis=1)
        fates, found, *removed = kernel.judge_lines(
            lines.texts.data,
            lines.first,
            lines.start,
            lines.end,
            np.ascontiguousarray(line_words),
            1.0 if self.max_upper_case is None else float(self.max_upper_case),
            1.0 if self.max_digits is None else float(self.max_digits),
            self.min_words_per_line or 0,
            _NO_LIMIT if self.max_edited_words is None else self.max_edited_words,
            counters,
            leading,
            trailing,
            anywhere,
            lower_case(),
            *tables,
        )
        before = np.zeros(len(lines) + 1, np.int64)
        np.cumsum(line_words[:, 1], out=before[1:])
        words = before[lines.first[1:]] - before[lines.first[:-1]]
        by_fate = dict(zip(self.values.names[1:8], found[:, : kernel.REMOVED_WORDS].T, strict=True))
        return {
            "words": words.astype(np.int32),
            **by_fate,
            "removed_words": _share(found[:, kernel.REMOVED_WORDS], words),
            "flagged_words": _share(found[:, kernel.FLAGGED_WORDS], words),
            # judged without the white space around them, cut with it: lines that stay keep their indentation
            "cuts": cuts_of_lines(batch.index.lines, fates <= kernel.EDITED, Removed(*removed)),
        }

    def _phrases(self) -> tuple[list[str], ...]:
        return self.counter_nouns, self.leading, self.trailing, self.anywhere

    def decide(self, batch: Batch) -> np.ndarray:
        share = self.value(batch, f"{self.measure}_words")
        nothing = np.zeros(batch.rows, bool)
        left = self.value(batch, "kept_lines") + self.value(batch, "edited_lines")
        return self.first_rule(nothing if self.max_removed is None else share > np.float32(self.max_removed), left == 0)

    def cuts(self, batch: Batch) -> pa.Array:
        """Also of texts that are dropped, so that another threshold changes no text."""
        return batch.column(f"{self.name}.cuts")
