"""RedPajama-v2's quality signals that need no model, on texts as value columns (togethercomputer/RedPajama-Data, rp_v2)."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from gristmill.filters.gopher_quality_signals import ended_lines
from gristmill.filters.gopher_repetition_signals import redpajama_repetition
from gristmill.filters.word_lists import count_listed
from gristmill.kernels.code_points import code_point_tables
from gristmill.kernels.quality import ELLIPSIS, LISTED_BULLET, line_counts, symbol_counts, word_counts
from gristmill.kernels.redpajama_counts import braces, count_cased, ended_by_mark, unigrams
from gristmill.kernels.redpajama_text import normalise_spans
from gristmill.kernels.text import Texts
from gristmill.kernels.text_index import Spans, TextIndex
from gristmill.kernels.word_punct import IS_NUMERIC, IS_UPPER, case_table, count_marked_sentences, flag_counts

LOREM_IPSUM = b"lorem ipsum"


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """part / whole as float32 (rows,), NaN where there is nothing."""
    return np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0).astype(np.float32)


def _or_null(values: np.ndarray) -> pa.Array:
    return pa.array(values, pa.float32(), from_pandas=True)


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.nan_to_num(ratio(part, whole))


def document_signals(index: TextIndex, stop_words: np.ndarray) -> dict[str, pa.Array | np.ndarray]:
    """One value for each document. stop_words: occurrences in the raw words, int64 (rows,)."""
    texts, normal = index.texts, index.normalised
    raw, words = index.words("word_punct"), normal.words("whitespace")
    flags = flag_counts(raw.first, raw.flags)
    symbols = symbol_counts(texts.data, texts.offsets)
    lines, stripped = ended_lines(index), index.lines.stripped
    marked = line_counts(texts.data, stripped.first, stripped.start, stripped.end)
    different, entropy = unigrams(words.first, words.hashes)
    characters = word_counts(words.first, words.characters, words.flags)[:, 4]
    found: dict[str, pa.Array | np.ndarray] = {
        "ccnet_length": index.characters.astype(np.int32),
        "ccnet_nlines": lines.astype(np.int32),
        "doc_curly_bracket": _share(braces(texts.data, texts.offsets), index.characters),
        "doc_frac_all_caps_words": _or_null(ratio(flags[:, 1], raw.counts)),
        "doc_frac_lines_end_with_ellipsis": _or_null(ratio(marked[:, ELLIPSIS], lines)),
        "doc_frac_no_alph_words": _or_null(ratio(raw.counts - flags[:, 0], raw.counts)),
        "doc_lorem_ipsum": _share(_count(normal.texts, LOREM_IPSUM), normal.characters),
        "doc_mean_word_length": _or_null(ratio(characters, words.counts)),
        "doc_stop_word_fraction": np.where(words.counts > 0, _share(stop_words, raw.counts), 0).astype(np.float32),
        "doc_symbol_to_word_ratio": _or_null(ratio(symbols[:, 0] + symbols[:, 1], raw.counts)),
        "doc_frac_unique_words": _or_null(ratio(different, words.counts)),
        "doc_unigram_entropy": _or_null(np.where(words.counts > 0, entropy, np.nan)),
        "doc_word_count": words.counts.astype(np.int32),
        "doc_num_sentences": count_marked_sentences(texts.data, texts.offsets, *code_point_tables()).astype(np.int32),
    }
    for name, values in redpajama_repetition(index, words).items():
        if name.startswith(("top_", "duplicate_")) and name.endswith(("_gram", "_grams")):
            kind, n, _ = name.split("_")
            found[f"doc_frac_chars_{'top' if kind == 'top' else 'dupe'}_{n}gram{'' if kind == 'top' else 's'}"] = values
    return found


def _count(texts: Texts, sought: bytes) -> np.ndarray:
    """Occurrences of some bytes in each row, without overlap, int64 (rows,)."""
    found = np.zeros(len(texts), np.int64)
    data = texts.data.tobytes()
    at = data.find(sought)
    while at >= 0:
        row = int(np.searchsorted(texts.offsets, at, "right")) - 1
        within = at + len(sought) <= texts.offsets[row + 1]
        found[row] += within
        at = data.find(sought, at + (len(sought) if within else 1))
    return found


def line_signals(index: TextIndex) -> dict[str, pa.Array]:
    """One value for each line, as lists; a line ends with its newline, and no empty one follows the last."""
    lines = index.lines
    counts = ended_lines(index)
    first = np.concatenate([[0], np.cumsum(counts)])
    kept = np.ones(len(lines), bool)
    kept[lines.first[1:] - 1] = counts == lines.counts
    spans = Spans(index.texts, first, lines.start[kept], lines.end[kept])
    last = np.zeros(len(spans), bool)
    last[first[1:][counts > 0] - 1] = True
    unended = last & np.repeat(counts == lines.counts, counts)
    lengths = spans.characters + ~unended  # with the newline

    data, start, end, stripped = index.texts.data, spans.start, spans.end, spans.stripped
    single = np.arange(len(spans) + 1)
    marked = line_counts(data, single, stripped.start, stripped.end)
    uppers = count_cased(data, start, end, IS_UPPER, case_table())
    normal = TextIndex(normalise_spans(index.texts, start, end))
    numbers = count_cased(
        normal.texts.data, normal.texts.offsets[:-1], normal.texts.offsets[1:], IS_NUMERIC, case_table()
    )
    words = normal.words("whitespace")
    scripts = count_listed(words, [["javascript"]], np.zeros(len(spans), np.uint8))[:, 0]

    ends = np.cumsum(lengths) if len(lengths) else lengths
    before = np.concatenate([[0], ends])[first[:-1]]
    ends = ends - np.repeat(before, counts)
    values = {
        "line_starts": (ends - lengths).astype(np.int32),
        "line_ends": ends.astype(np.int32),
        "lines_ending_with_terminal_punctuation_mark": ended_by_mark(data, stripped.start, stripped.end).astype(
            np.float32
        ),
        "lines_javascript_counts": scripts.astype(np.float32),
        "lines_num_words": words.counts.astype(np.float32),
        "lines_numerical_chars_fraction": _share(numbers, normal.characters),
        "lines_start_with_bulletpoint": marked[:, LISTED_BULLET].astype(np.float32),
        "lines_uppercase_letter_fraction": _share(uppers, lengths),
    }
    return {name: pa.ListArray.from_arrays(pa.array(first, pa.int32()), pa.array(own)) for name, own in values.items()}
