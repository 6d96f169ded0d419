"""C4's rules (Raffel et al., JMLR 2020, section 2.2; code: TensorFlow Datasets' c4_utils): lines that go, pages that go.

The code, the paper and later programs differ. `dialect` names whose reading sets what is not set otherwise:

                              tfds (default)         datatrove           paper
    least words of a line     5, citations out       3, citations in     5
    least sentences           3                      5                   3
    a line ends with          . ? ! "                . ? ! " '           . ? ! " ”
    … also with three dots    no                     no                  yes
    longest word              1,000 characters       1,000 characters    no limit
    longest page              190,000 characters     no limit            no limit
    page rules look at        lines that are left    lines that are left the whole page
    a bad word has beside it  no a-z, at both sides  no word character   no word character

`redpajama_v2` is tfds with its terminal marks: . ! ? ”

`tfds` is what made C4. In it page rules are tested line by line in the order of the text, each on lines that the rules
before it left: a curly bracket in a line without a terminal mark drops nothing. In `datatrove` bad words come last, as they are a
filter of their own there.

Sentences are counted by the rules of kernels.sentences; TFDS uses NLTK's Punkt, datatrove spaCy's sentencizer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import pyarrow as pa
from pydantic import PrivateAttr, field_validator

from gristmill.dataset import Batch
from gristmill.filters.blocklist import read_words
from gristmill.filters.by_language import base_language, choose_lists, languages_of
from gristmill.filters.dialects import WithDialects
from gristmill.kernels.text import CUTS, Texts
from gristmill.stage import Location, setting

if TYPE_CHECKING:
    from gristmill.kernels.phrases import Phrases
    from gristmill.kernels.text_index import Spans

DIALECTS: dict[str, dict[str, Any]] = {
    "tfds": {},
    "datatrove": {
        "min_words_per_line": 3,
        "min_sentences": 5,
        "terminal_marks": [".", "?", "!", '"', "'"],
        "max_characters": None,
        "bad_word_neighbours": "no_word_sign",
    },
    "redpajama_v2": {"terminal_marks": [".", "!", "?", "”"]},
    "paper": {
        "terminal_marks": [".", "?", "!", '"', "”"],
        "ellipsis_ends_lines": True,
        "max_word_length": None,
        "max_characters": None,
        "page_rules": "whole_page",
        "bad_word_neighbours": "no_word_sign",
    },
}
"""What each dialect sets otherwise than the defaults, which are those of `tfds`."""

POLICY_PHRASES = (
    "terms of use",
    "privacy policy",
    "cookie policy",
    "uses cookies",
    "use of cookies",
    "use cookies",
)
UNSPACED_LANGUAGES = ("zh", "ja", "th")  # a bad word may stand inside others there
SUBWORDS = ("sm", "グロ", "女の子", "性")

_CODE = "C4, code"
_CONTESTED = "C4, code and journal: 5 words, 3 sentences; datatrove and, from memory, a preprint: 3 words, 5 sentences"
_WARM_TEXT = (
    "Dr. Who came to see us [1] today. \u201cThere {is} nothing here,\u201d said the cookie policy of javascript."
)


class C4(WithDialects):
    """Cut lines that are no sentences, policy and JavaScript notices, citation marks; drop pages of which little is left.

    What is left of a page is its lines, stripped, one under another. A setting of null, or an empty list, turns its rule off.
    """

    kind = "c4"
    dialects = DIALECTS
    version: ClassVar[int] = 2
    makes_cuts = True
    rules = ("too_long", "lorem_ipsum", "curly_bracket", "bad_word", "too_few_sentences")
    values = pa.schema(
        [
            ("characters", pa.int32()),
            ("sentences", pa.int32()),  # of the lines that are left
            ("kept_lines", pa.int32()),
            ("long_word_lines", pa.int32()),  # lines taken out, each by the first rule that applies
            ("unended_lines", pa.int32()),
            ("short_lines", pa.int32()),
            ("javascript_lines", pa.int32()),
            ("policy_lines", pa.int32()),
            ("lorem_ipsum", pa.int32()),  # number of the first line with it, from 0; -1: none
            ("curly_bracket", pa.int32()),
            ("bad_word", pa.int32()),
            ("cuts", CUTS),
        ]
    )
    signal_settings = (
        "dialect",
        "min_words_per_line",
        "max_word_length",
        "terminal_marks",
        "ellipsis_ends_lines",
        "remove_citations",
        "javascript_phrases",
        "policy_phrases",
        "page_rules",
        "bad_words",
        "bad_word_neighbours",
        "allowed_words",
        "language",
    )

    dialect: Literal["tfds", "datatrove", "paper", "redpajama_v2"] = setting(
        "tfds", "whose reading sets what is not set here", source="the code that made C4"
    )
    min_words_per_line: int | None = setting(
        5, "lines of fewer words go; datatrove: 3", source=_CONTESTED, unit="words", ge=0
    )
    min_sentences: int | None = setting(
        3, "pages of fewer sentences go; datatrove: 5", source=_CONTESTED, unit="sentences", ge=0
    )
    max_word_length: int | None = setting(
        1000, "lines with a longer word go", source=f"{_CODE}; not in the paper", unit="characters", ge=0
    )
    terminal_marks: list[str] | None = setting(
        factory=lambda: [".", "?", "!", '"'],
        doc="lines that end otherwise go; null, as in FineWeb: lines may end as they like",
        source=f"{_CODE}; datatrove adds the apostrophe, RedPajama-V2 takes the curly quotation mark",
    )
    ellipsis_ends_lines: bool = setting(
        False, "let lines end with three full stops", source=f"{_CODE}; not in the paper"
    )
    remove_citations: bool = setting(True, "cut [], [12], [edit] and [citation needed]", source="C4, code and journal")
    javascript_phrases: list[str] = setting(
        factory=lambda: ["javascript"], doc="lines that hold one of these go", source="C4, code and journal"
    )
    policy_phrases: list[str] = setting(
        factory=lambda: list(POLICY_PHRASES),
        doc="lines that hold one of these go",
        source="C4, code and journal",
    )
    page_rules: Literal["kept_lines", "whole_page"] = setting(
        "kept_lines",
        "where the page rules (lorem ipsum, curly bracket, bad words) look",
        source=f"{_CODE}; the paper says page",
    )
    lorem_ipsum: bool = setting(True, "drop pages with `lorem ipsum`", source="C4, code and journal")
    curly_bracket: bool = setting(True, "drop pages with `{`", source="C4, code and journal")
    bad_words: Location | dict[str, Location] | None = setting(
        None,
        "file of words, one a line, that drop a page, as LDNOOBW has them; or `{en: file, de: file}`, of which the file of the "
        "document's language counts",
        source="C4 uses LDNOOBW's English list, mC4 that of each language",
    )
    bad_word_neighbours: Literal["no_ascii_letter", "no_word_sign", "anything"] = setting(
        "no_ascii_letter",
        "what must stand beside a bad word: a sign that is no a-z (none counts at a line's ends); nothing that belongs "
        "to words; anything, as always with lists for Chinese, Japanese and Thai",
        source=f"{_CODE}; mC4 and datatrove: no word character, in the three languages anything",
    )
    allowed_words: list[str] = setting(
        factory=lambda: list(SUBWORDS), doc="entries of `bad_words` that are let be", source="mC4; datatrove"
    )
    language: str = setting(
        "language.code", "the column that names each document's language", source="the stage `language`"
    )
    max_characters: int | None = setting(
        190_000,
        "longer pages go; datatrove: null",
        source=f"{_CODE}; not in the paper",
        unit="characters",
        ge=1,
    )

    _bad_word_table: Phrases | None = PrivateAttr(None)

    @field_validator("terminal_marks")
    @classmethod
    def _single_marks(cls, marks: list[str] | None) -> list[str] | None:
        for mark in marks or ():
            if len(mark) != 1:
                raise ValueError(f"{mark!r} is not one character; name each mark by itself")
        if marks == []:
            raise ValueError("no marks: no line could end; null turns the rule off")
        return marks

    def check(self) -> None:
        self._bad_words()

    def warm(self) -> None:
        batch = Batch(0, 1, Texts.from_strings([_WARM_TEXT]))
        batch.add_column(self.language, pa.array(["en"]))
        self.signals(batch)

    @property
    def needs(self) -> tuple[str, ...]:  # type: ignore[override]
        return ("text", self.language) if isinstance(self.bad_words, dict) else ("text",)

    def _bad_words(self) -> Phrases:
        """The bad words; the list of each language has its bit."""
        from gristmill.kernels.phrases import phrase_table

        if self._bad_word_table is None:
            given = self.bad_words if isinstance(self.bad_words, dict) else {"": self.bad_words}
            lists = [read_words(str(location)) if location else [] for location in given.values()]
            self._bad_word_table = phrase_table(
                [[word for word in own if word not in self.allowed_words] for own in lists]
            )
        return self._bad_word_table

    def _bad_word_rules(self, batch: Batch) -> tuple[np.ndarray, np.ndarray]:
        """For each row the bit of the list that counts, int64, and what must stand beside its words, int64."""
        from gristmill.kernels import c4_lines

        neighbours = {"anything": c4_lines.ANYTHING, "no_word_sign": c4_lines.NO_WORD_SIGN}
        beside = np.full(batch.rows, neighbours.get(self.bad_word_neighbours, c4_lines.NO_ASCII_LETTER), np.int64)
        if not isinstance(self.bad_words, dict):
            return np.ones(batch.rows, np.int64), beside
        languages = languages_of(batch, self.language)
        listed = [base_language(language) for language in self.bad_words]
        beside[[language in UNSPACED_LANGUAGES for language in languages]] = c4_lines.ANYTHING
        return np.int64(1) << choose_lists(listed, languages, len(listed)).astype(np.int64), beside

    def signals(self, batch: Batch) -> Mapping[str, pa.Array | np.ndarray]:
        from gristmill.kernels import c4_lines
        from gristmill.kernels.code_points import code_point_tables
        from gristmill.kernels.line_cuts import Removed, cuts_of_lines
        from gristmill.kernels.line_words import count_spaced_words
        from gristmill.kernels.phrases import lower_case, phrase_table
        from gristmill.kernels.sentences import abbreviations

        lines = batch.index.broken_lines.stripped
        tables = code_point_tables()
        words = count_spaced_words(lines.texts.data, lines.start, lines.end, *tables)
        removed = self._citations(lines)
        data, start, end = lines.texts.data, lines.start, lines.end
        line_words = words[:, 0].copy()
        if len(removed.start):
            spans = removed.first, removed.start, removed.end
            data, start, end = c4_lines.without_spans(data, start, end, *spans)
            data.flags.writeable = False  # as texts are, so that kernels are compiled once
            if self.dialect != "datatrove":
                changed = np.flatnonzero(np.diff(removed.first))
                line_words[changed] = count_spaced_words(data, start[changed], end[changed], *tables)[:, 0]
        phrases = phrase_table([["lorem ipsum"], ["{"], self.javascript_phrases, self.policy_phrases])
        marks = np.array([ord(mark) for mark in self.terminal_marks or ()], np.int64)
        fates, found = c4_lines.judge_lines(
            data,
            lines.first,
            start,
            end,
            line_words,
            np.ascontiguousarray(words[:, 2]),
            -1 if self.max_word_length is None else self.max_word_length,
            -1 if self.min_words_per_line is None else self.min_words_per_line,
            marks,
            self.ellipsis_ends_lines,
            self.page_rules == "whole_page",
            phrases,
            self._bad_words(),
            *self._bad_word_rules(batch),
            abbreviations(),
            lower_case(),
            *tables,
        )
        by_fate = dict(zip(self.values.names[2:8], found[:, : c4_lines.SENTENCES].T, strict=True))
        return {
            "characters": batch.index.characters.astype(np.int32),
            "sentences": found[:, c4_lines.SENTENCES],
            **by_fate,
            "lorem_ipsum": found[:, c4_lines.LOREM_IPSUM],
            "curly_bracket": found[:, c4_lines.CURLY_BRACKET],
            "bad_word": found[:, c4_lines.BAD_WORD],
            "cuts": cuts_of_lines(
                lines, fates == c4_lines.KEPT, removed if len(removed.start) else Removed.nothing(len(lines))
            ),
        }

    def _citations(self, lines: Spans) -> Any:
        from gristmill.kernels.c4_lines import find_citations
        from gristmill.kernels.code_points import code_point_tables
        from gristmill.kernels.line_cuts import Removed

        if not self.remove_citations:
            return Removed.nothing(len(lines))
        return Removed(*find_citations(lines.texts.data, lines.start, lines.end, *code_point_tables()))

    def decide(self, batch: Batch) -> np.ndarray:
        """The page rule that applies in the earliest line gives the reason."""
        active = {"lorem_ipsum": self.lorem_ipsum, "curly_bracket": self.curly_bracket}
        if self.dialect != "datatrove":
            active["bad_word"] = True
        never = np.iinfo(np.int32).max
        places = []
        for rule, used in active.items():
            place = self.value(batch, rule)
            places.append(np.where((place >= 0) & used, place, never))
        numbers = self.first_rule(*np.zeros((len(self.rules), batch.rows), bool))
        if self.dialect == "datatrove":
            numbers[self.value(batch, "bad_word") >= 0] = self.rules.index("bad_word")
        if self.min_sentences is not None:
            numbers[self.value(batch, "sentences") < self.min_sentences] = self.rules.index("too_few_sentences")
        stacked = np.stack(places)
        hit = stacked.min(axis=0) < never
        numbers[hit] = stacked.argmin(axis=0)[hit] + self.rules.index("lorem_ipsum")
        if self.max_characters is not None:
            numbers[self.value(batch, "characters") > self.max_characters] = self.rules.index("too_long")
        return numbers

    def cuts(self, batch: Batch) -> pa.Array:
        """Also of pages that are dropped, so that another threshold changes no text."""
        return batch.column(f"{self.name}.cuts")
