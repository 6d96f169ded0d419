"""How good an extracted text is, by the measures of the benchmarks themselves."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

_TOKEN = re.compile(r"\w+")
_SIGN = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W\u0e00-\u0eff"
                   r"\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+")  # fmt: skip


def shingles(text: str, n: int = 4) -> Counter[tuple[str, ...]]:
    """Runs of n words; a shorter text is one run."""
    tokens = _TOKEN.findall(text)
    found = Counter(tuple(tokens[at : at + n]) for at in range(max(1, len(tokens) - n + 1)))
    del found[()]
    return found


def shingle_scores(text: str, gold: str) -> tuple[float | None, float | None]:
    """Precision and recall of a page over runs of four words; None where the benchmark leaves the page out."""
    found, wanted = shingles(text), shingles(gold)
    both = (found & wanted).total()
    return (both / found.total() if found else None), (both / wanted.total() if wanted else None)


def shingle_f1(scores: Sequence[tuple[float | None, float | None]]) -> float:
    """The article-extraction benchmark's F1: of mean precision and mean recall."""
    precisions = [p for p, _ in scores if p is not None]
    recalls = [r for _, r in scores if r is not None]
    precision, recall = sum(precisions) / max(1, len(precisions)), sum(recalls) / max(1, len(recalls))
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def snippet_counts(text: str, wanted: Sequence[str], unwanted: Sequence[str]) -> tuple[int, int, int]:
    """True positives, false negatives, false positives of trafilatura's evaluation: snippets found word for word."""
    hits = sum(snippet in text for snippet in wanted)
    return hits, len(wanted) - hits, sum(snippet in text for snippet in unwanted)


def snippet_f1(counts: Sequence[tuple[int, int, int]]) -> float:
    """F1 over all snippets of all pages."""
    hits, missed, wrong = (sum(column) for column in zip(*counts, strict=True)) if counts else (0, 0, 0)
    return 2 * hits / (2 * hits + missed + wrong) if hits else 0.0


def word_f1(text: str, gold: str) -> float:
    """WCXB's F1 of a page: over small words as a multiset."""
    found, wanted = Counter(_TOKEN.findall(text.lower())), Counter(_TOKEN.findall(gold.lower()))
    if not wanted:
        return float(not found)
    both = (found & wanted).total()
    return 2 * both / (found.total() + wanted.total()) if both else 0.0


def words(text: str) -> list[str]:
    """Small words; signs of scripts without spaces one by one."""
    return _SIGN.findall(text.lower())


def agreement(one: str, other: str) -> float:
    """F1 of two texts over `words`, as multisets."""
    left, right = Counter(words(one)), Counter(words(other))
    both = (left & right).total()
    return 2 * both / (left.total() + right.total()) if both else 0.0
