"""Texts with planted near-duplicates, and the plainest way to compare them."""

from __future__ import annotations

import random
from collections.abc import Sequence


def words_of(seed: int, count: int) -> list[str]:
    """Different letters-only words, others for every seed."""
    chooser = random.Random(seed)
    return ["".join(chooser.choices("abcdefghijklmnopqrstuvwxyz", k=9)) for _ in range(count)]


def page(seed: int, count: int = 120) -> str:
    return " ".join(words_of(seed, count))


def edited(text: str, share: float, seed: int = 0) -> str:
    """The text with this share of its words replaced at its end, so that n-grams of the rest stay."""
    words = text.split()
    kept = round(len(words) * (1 - share))
    return " ".join([*words[:kept], *words_of(10_000 + seed, len(words) - kept)])


def grams(text: str, n: int = 5) -> set[tuple[str, ...]]:
    words = text.split()
    return {tuple(words[place : place + n]) for place in range(len(words) - n + 1)}


def jaccard(left: str, right: str, n: int = 5) -> float:
    one, two = grams(left, n), grams(right, n)
    return len(one & two) / len(one | two) if one | two else 1.0


def edit_distance(left: Sequence, right: Sequence) -> int:
    row = list(range(len(right) + 1))
    for number, symbol in enumerate(left, 1):
        corner, row[0] = row[0], number
        for place, other in enumerate(right, 1):
            corner, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, corner + (symbol != other))
    return row[-1]
