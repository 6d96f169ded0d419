"""Which blocks of a page are its gold text.

Blocks and gold meet as multisets of runs of words, so that a text that stands on the page twice counts once, where it is
visible. Short blocks, whose words occur by chance, are matched whole and nearest to the long ones that were found.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
from measures import words

RUN = 3  # words
LEAST = 0.5  # share of a block's runs that the gold must have


def _runs(tokens: list[str], n: int) -> list[tuple[str, ...]]:
    return [tuple(tokens[at : at + n]) for at in range(len(tokens) - n + 1)]


def align(texts: list[str], hidden: np.ndarray, gold: str) -> np.ndarray:
    """bool (blocks,): the text of each block is gold; `hidden` blocks are taken last."""
    tokens = [words(text) for text in texts]
    gold_tokens = words(gold)
    labels = np.zeros(len(texts), bool)
    left = Counter(_runs(gold_tokens, RUN))
    long = [row for row in range(len(texts)) if len(tokens[row]) > RUN]
    for row in sorted(long, key=lambda row: (bool(hidden[row]), row)):
        runs = Counter(_runs(tokens[row], RUN))
        shared = runs & left
        if shared.total() >= LEAST * runs.total():
            labels[row] = True
            left -= shared
    _match_short(tokens, hidden, gold_tokens, labels, left)
    return labels


def _match_short(
    tokens: list[list[str]], hidden: np.ndarray, gold: list[str], labels: np.ndarray, left: Counter[tuple[str, ...]]
) -> None:
    found = np.flatnonzero(labels)
    explained: Counter[tuple[str, ...]] = Counter()
    for row in found:
        for n in range(1, RUN + 1):
            explained.update(_runs(tokens[row], n))
    free: dict[int, Counter[tuple[str, ...]]] = {}
    for n in range(1, RUN + 1):
        counts = Counter(_runs(gold, n))
        counts.subtract(explained)
        free[n] = counts
    short = [row for row in range(len(tokens)) if 0 < len(tokens[row]) <= RUN]
    if len(found):
        at = np.searchsorted(found, short)
        below, above = found[np.maximum(at - 1, 0)], found[np.minimum(at, len(found) - 1)]
        distance = dict(zip(short, np.minimum(np.abs(below - short), np.abs(above - short)).tolist(), strict=True))
    else:
        distance = dict.fromkeys(short, 0)
    for row in sorted(short, key=lambda row: (bool(hidden[row]), -len(tokens[row]), distance[row], row)):
        key = tuple(tokens[row])
        if free[len(key)][key] > 0 and distance[row] < 40:
            labels[row] = True
            for n in range(1, len(key) + 1):
                free[n].subtract(_runs(tokens[row], n))
