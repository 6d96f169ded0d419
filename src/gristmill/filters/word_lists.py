"""Words of a text that stand in a list, one of several lists for each row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gristmill.kernels.quality import listed_words, word_list_table
from gristmill.kernels.text_index import Words
from gristmill.kernels.word_hash import hash_bytes


def count_listed(words: Words, lists: Sequence[Sequence[str]], rows: np.ndarray) -> np.ndarray:
    """Occurrences of listed words and different ones, int64 (rows, 2). rows: uint8, the list of each row, one of at most 64."""
    encoded = [np.frombuffer(word.encode(), np.uint8) for words_of_list in lists for word in words_of_list]
    hashes = np.array([hash_bytes(word, 0, len(word)) for word in encoded], np.uint64)
    numbers = np.array([n for n, words_of_list in enumerate(lists) for _ in words_of_list], np.uint8)
    return listed_words(words.first, words.hashes, rows, *word_list_table(hashes, numbers))
