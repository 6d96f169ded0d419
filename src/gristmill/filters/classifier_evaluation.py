"""How well scores tell good examples from bad ones."""

from __future__ import annotations

import numpy as np


def evaluation(good: np.ndarray, scores: np.ndarray) -> dict[str, float]:
    """Precision and recall of good examples at one half, AUC, and what a threshold does that keeps a tenth of the bad ones.

    good: bool (examples,), both kinds in it; scores: float32 (examples,).
    """
    guessed = scores > 0.5
    hits = int((guessed & good).sum())
    limit = float(np.quantile(scores[~good], 0.9, method="higher"))
    return {
        "examples": len(scores),
        "precision": round(hits / max(1, int(guessed.sum())), 6),
        "recall": round(hits / int(good.sum()), 6),
        "auc": round(area_under_curve(good, scores), 6),
        "threshold_keeping_a_tenth_of_negatives": limit,
        "recall_at_that_threshold": round(float((scores[good] >= limit).mean()), 6),
    }


def area_under_curve(good: np.ndarray, scores: np.ndarray) -> float:
    """How likely a good example scores higher than a bad one, ties by half (Mann and Whitney)."""
    _, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]
    number = int(good.sum())
    return float((ranks[good].sum() - number * (number + 1) / 2) / (number * (len(good) - number)))
