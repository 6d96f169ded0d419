"""RedPajama-v2's quality signals (Weber et al. 2024, arXiv 2411.12372) as value columns, and limits over any of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np
import pyarrow as pa
from pydantic import PrivateAttr, field_validator

from gristmill.dataset import Batch
from gristmill.errors import nearest
from gristmill.filters.blocklist import compiled, read_words
from gristmill.filters.by_language import base_language, choose_lists, languages_of
from gristmill.filters.stop_words import STOP_WORDS
from gristmill.kernels.text import Texts
from gristmill.stage import Filter, Location, setting

_REPEATED = [f"doc_frac_chars_top_{n}gram" for n in (2, 3, 4)] + [f"doc_frac_chars_dupe_{n}grams" for n in range(5, 11)]
_SHARES = (
    "doc_curly_bracket doc_frac_all_caps_words doc_frac_lines_end_with_ellipsis doc_frac_no_alph_words doc_lorem_ipsum "
    "doc_mean_word_length doc_stop_word_fraction doc_symbol_to_word_ratio doc_frac_unique_words doc_unigram_entropy"
).split()
_COUNTS = "ccnet_length ccnet_nlines doc_word_count doc_num_sentences doc_ldnoobw_words".split()
_LINES = (
    "lines_ending_with_terminal_punctuation_mark lines_javascript_counts lines_num_words lines_numerical_chars_fraction "
    "lines_start_with_bulletpoint lines_uppercase_letter_fraction"
).split()
_CODE = "RedPajama-Data, rp_v2"
_BEGINS_A_PHRASE = 63  # the list of all words that begin a phrase of several
_WARM_TEXT = "A line of words, ΣΑΣ and more…\n\n• Lorem ipsum javascript 12.\nIs it “so”?"


class RedPajamaSignals(Filter):
    """Write RedPajama-v2's quality signals; drop by limits over them, if any are given.

    Names are the published ones without `rps_`. A value is null where a document has no words (or lines) to take a share of.
    Two readings of the text: as it is, with words as `\\w+` and `[^\\w\\s]+` find them (capitals, letters, symbols, stop words),
    and normalised, that is without ASCII punctuation, in lower case, white space collapsed, decomposed (word count and
    length, unique words, entropy, n-grams, lorem ipsum, bad words). Importance weights, classifiers, perplexity and language
    are other stages'.
    """

    kind = "redpajama_signals"
    values = pa.schema(
        [(name, pa.int32()) for name in _COUNTS]
        + [(name, pa.float32()) for name in (*_SHARES, *_REPEATED)]
        + [("doc_ut1_category", pa.string())]
    )
    line_values: ClassVar[pa.Schema] = pa.schema(
        [
            (name, pa.list_(pa.int32())) for name in ("line_starts", "line_ends")
        ]  # characters; a line ends behind its newline
        + [(name, pa.list_(pa.float32())) for name in _LINES]
    )
    signal_settings = ("lines", "stop_words", "bad_words", "domains", "language")

    lines: bool = setting(False, "write the signals of lines too, as lists with one value a line", source=_CODE)
    limits: dict[str, tuple[float | None, float | None]] = setting(
        factory=dict,
        doc="least and greatest value of some columns, as `{doc_word_count: [50, 100000]}`; a document outside is dropped with "
        "the column's name as reason; null for no limit; where a value is null no limit applies",
        source="RedPajama-v2 publishes signals and leaves rules to its users",
    )
    stop_words: list[str] | Literal["by_language"] = setting(
        "by_language",
        "the stop words; `by_language`: this project's lists",
        source=f"{_CODE}: stopwords-json's list of the language, which is longer",
    )
    bad_words: Location | dict[str, Location] | None = setting(
        None,
        "file of words and phrases, as LDNOOBW has them, one for all documents or `{en: file, de: file}`; they are normalised",
        source=f"{_CODE}: LDNOOBW's list of the language, as it is written",
    )
    domains: dict[str, Location] = setting(
        factory=dict,
        doc="lists of domains by category, as UT1 has them: `doc_ut1_category` is the first whose list has the URL's host",
        source=f"{_CODE}: a number for each of twelve of UT1's categories",
    )
    language: str = setting(
        "language.code", "the column that names each document's language", source="the stage `language`"
    )

    _phrases: tuple[np.ndarray, np.ndarray, int] | None = PrivateAttr(None)

    @field_validator("limits")
    @classmethod
    def _numeric_columns(cls, limits: dict[str, tuple[float | None, float | None]]) -> dict:
        known = [field.name for field in cls.values if not pa.types.is_string(field.type)]
        for name in limits:
            if name not in known:
                raise ValueError(f"no column {name!r}.{nearest(name, known)}")
        return limits

    @property
    def needs(self) -> tuple[str, ...]:  # type: ignore[override]
        by_language = self.stop_words == "by_language" or isinstance(self.bad_words, dict)
        return ("text", *(["url"] if self.domains else []), *([self.language] if by_language else []))

    def value_schema(self) -> pa.Schema:
        return pa.schema([*self.values, *(self.line_values if self.lines else ())])

    def rule_names(self) -> tuple[str, ...]:
        return tuple(self.limits)

    def check(self) -> None:
        self._bad_word_lists()
        for location in self.domains.values():
            compiled([str(location)], "domains")

    def warm(self) -> None:
        batch = Batch(0, 1, Texts.from_strings([_WARM_TEXT]))
        batch.add_column(self.language, pa.array(["en"]))
        batch.add_column("url", pa.array(["http://site.example/"]))
        self.signals(batch)

    def _bad_word_lists(self) -> list[list[str]]:
        from gristmill.kernels.redpajama_text import normalise_string

        given = self.bad_words if isinstance(self.bad_words, dict) else {"": self.bad_words}
        lists = [read_words(str(location)) if location else [] for location in given.values()]
        return [[normalise_string(word) for word in own] for own in lists]

    def _bad_words(self, batch: Batch) -> np.ndarray:
        """Hits of each row, int64 (rows,)."""
        from gristmill.kernels.quality import word_list_table
        from gristmill.kernels.redpajama_counts import count_listed_phrases
        from gristmill.kernels.word_hash import hash_bytes

        if self._phrases is None:
            lists = self._bad_word_lists()
            entries = [(phrase, number) for number, own in enumerate(lists) for phrase in own if phrase]
            longest = max((1 + phrase.count(" ") for phrase, _ in entries), default=0)
            entries += [(phrase.split(" ")[0], _BEGINS_A_PHRASE) for phrase, _ in entries if " " in phrase]
            encoded = [np.frombuffer(phrase.encode(), np.uint8) for phrase, _ in entries]
            hashes = np.array([hash_bytes(phrase, 0, len(phrase)) for phrase in encoded], np.uint64)
            table = word_list_table(hashes, np.array([number for _, number in entries], np.uint8))
            self._phrases = (*table, longest)
        rows = np.zeros(batch.rows, np.uint8)
        if isinstance(self.bad_words, dict):
            listed = [base_language(language) for language in self.bad_words]
            rows = choose_lists(listed, languages_of(batch, self.language), len(listed))
        words = batch.index.normalised.words("whitespace")
        table, members, longest = self._phrases
        return count_listed_phrases(
            words.texts.data, words.first, words.start, words.end, rows, longest, table, members
        )

    def _stop_words(self, batch: Batch) -> np.ndarray:
        from gristmill.filters.word_lists import count_listed

        rows = np.zeros(batch.rows, np.uint8)
        if isinstance(self.stop_words, list):
            lists = [self.stop_words]
        else:
            lists = [*STOP_WORDS.values(), []]
            rows = choose_lists(list(STOP_WORDS), languages_of(batch, self.language), len(STOP_WORDS))
        return count_listed(batch.index.words("word_punct"), lists, rows)[:, 0]

    def _categories(self, batch: Batch) -> pa.Array:
        from gristmill.kernels.url_hashes import contains, hash_hosts
        from gristmill.kernels.url_parts import Urls

        names = np.full(batch.rows, None, object)
        if self.domains:
            urls = Urls.parse(Texts.from_arrow(batch.column("url")))
            hosts = hash_hosts(urls.texts.data, urls.spans)
            for name, location in reversed(self.domains.items()):
                names[contains(compiled([str(location)], "domains"), hosts) & ~urls.bad] = name
        return pa.array(names, pa.string())

    def signals(self, batch: Batch) -> Mapping[str, pa.Array | np.ndarray]:
        from gristmill.filters import redpajama_signals

        found = redpajama_signals.document_signals(batch.index, self._stop_words(batch))
        found["doc_ldnoobw_words"] = self._bad_words(batch).astype(np.int32)
        found["doc_ut1_category"] = self._categories(batch)
        return found | (redpajama_signals.line_signals(batch.index) if self.lines else {})

    def decide(self, batch: Batch) -> np.ndarray:
        if not self.limits:
            return np.full(batch.rows, -1, np.int16)
        failed = []
        for name, (least, greatest) in self.limits.items():
            values = self.value(batch, name)
            outside = np.zeros(batch.rows, bool)
            outside |= values < (-np.inf if least is None else np.float32(least))
            outside |= values > (np.inf if greatest is None else np.float32(greatest))
            failed.append(outside)
        return self.first_rule(*failed)
