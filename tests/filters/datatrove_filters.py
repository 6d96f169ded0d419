"""datatrove's filters as oracles: their reasons under our names, and their rules on words and sentences of ours."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from unittest import mock

import numpy as np

from gristmill.filters.gopher import REPEATED_SIZES, TOP_SIZES
from gristmill.kernels.code_points import code_point_tables
from gristmill.kernels.phrases import lower_case
from gristmill.kernels.sentences import abbreviations, count_sentences
from gristmill.kernels.text import Texts
from gristmill.kernels.text_index import TextIndex

REPETITION_REASONS = {
    "empty": "empty",
    "dup_para_frac": "duplicate_paragraphs",
    "dup_para_char_frac": "duplicate_paragraph_characters",
    "dup_line_frac": "duplicate_lines",
    "dup_line_char_frac": "duplicate_line_characters",
    **{f"top_{n}_gram": f"top_{n}_gram" for n in TOP_SIZES},
    **{f"duplicated_{n}_n_grams": f"duplicate_{n}_grams" for n in REPEATED_SIZES},
}
QUALITY_REASONS = {
    "gopher_short_doc": "too_few_words",
    "gopher_long_doc": "too_many_words",
    "gopher_below_avg_threshold": "short_words",
    "gopher_above_avg_threshold": "long_words",
    "gopher_too_many_hashes": "many_hashes",
    "gopher_too_many_ellipsis": "many_ellipses",
    "gopher_too_many_bullets": "many_bullets",
    "gopher_too_many_end_ellipsis": "ellipsis_lines",
    "gopher_below_alpha_threshold": "few_letters",
    "gopher_enough_stop_words": "few_stop_words",
}
C4_REASONS = {"lorem_ipsum": "lorem_ipsum", "curly_bracket": "curly_bracket", "too_few_sentences": "too_few_sentences"}
FINEWEB_REASONS = {
    "empty": "empty",
    "line_punct_ratio": "unended_lines",
    "short_line_ratio": "short_lines",
    "char_dup_ratio": "duplicate_line_characters",
    "list_ratio": "newlines_per_word",
}


def reasons(filter_: Any, texts: Iterable[str], names: dict[str, str], prefix: str) -> list[str | None]:
    """Why datatrove's filter drops each text, None for those it keeps."""
    from datatrove.data import Document

    found = [filter_.filter(Document(text=text, id="")) for text in texts]
    return [None if result is True else f"{prefix}.{names[result[1]]}" for result in found]


def sentences(text: str) -> list[str]:
    """As many strings as the text has sentences by our rules."""
    data = np.frombuffer(text.encode(), np.uint8)
    span = np.zeros(1, np.int64), np.full(1, len(data))
    return [""] * int(count_sentences(data, *span, abbreviations(), lower_case(), *code_point_tables())[0])


@contextlib.contextmanager
def given_words_and_sentences(pages: Sequence[str], reading: str | None) -> Iterator[None]:
    """datatrove's Gopher, C4 and FineWeb filters see these pages with our words and sentences; reading None: words of its own."""
    from datatrove.pipeline.filters import (
        c4_filters,
        fineweb_quality_filter,
        gopher_quality_filter,
        gopher_repetition_filter,
    )

    with contextlib.ExitStack() as stack:
        if reading is not None:
            words = TextIndex.build(Texts.from_strings(list(pages))).words(reading)  # type: ignore[arg-type]
            rows = {text: row for row, text in enumerate(pages)}
            for module in (gopher_quality_filter, gopher_repetition_filter, fineweb_quality_filter):
                split = mock.patch.object(module, "split_into_words", lambda text, language: words.of(rows[text]))
                stack.enter_context(split)
        stack.enter_context(
            mock.patch.object(c4_filters, "split_into_sentences", lambda text, language: sentences(text))
        )
        yield
