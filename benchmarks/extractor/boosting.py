"""Training of both forests, and probabilities of pages that were not trained on."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from forest import fit
from samples import Sample

from gristmill.extract.block_model import BlockModel
from gristmill.extract.forest import Forest

FIRST_TREES, SECOND_TREES = 260, 100
INNER = 2  # folds for the first stage's answers that the second learns from


def apply(forest: Forest, x: np.ndarray) -> np.ndarray:
    """Probabilities float32 (rows,)."""
    p = np.empty(len(x), np.float32)
    forest.predict(np.ascontiguousarray(x), p)
    return p


def _rows(samples: Sequence[Sample], x: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return (
        np.concatenate([one[s.rows] for s, one in zip(samples, x, strict=True)]),
        np.concatenate([s.labels[s.rows] for s in samples if s.labels is not None]).astype(np.float64),
        np.concatenate([s.weights() for s in samples]),
    )


def _first(samples: Sequence[Sample]) -> Forest:
    return fit(*_rows(samples, [s.features for s in samples]), FIRST_TREES)


def _whole(sample: Sample, p: np.ndarray) -> np.ndarray:
    return np.hstack([sample.features, sample.blocks.context(p)])


def train(samples: Sequence[Sample], tell: Callable[[str], object] = lambda _: None) -> tuple[Forest, Forest]:
    """Both forests from the labelled samples."""
    labelled = [s for s in samples if s.labels is not None and len(s.rows)]
    answers: dict[int, np.ndarray] = {}
    inner = [s.page.fold(INNER * 31) % INNER for s in labelled]
    for k in range(INNER):
        forest = _first([s for s, fold in zip(labelled, inner, strict=True) if fold != k])
        answers |= {id(s): apply(forest, s.features) for s, fold in zip(labelled, inner, strict=True) if fold == k}
        tell(f"first stage without part {k}")
    first = _first(labelled)
    tell("first stage")
    second = fit(*_rows(labelled, [_whole(s, answers[id(s)]) for s in labelled]), SECOND_TREES)
    tell("second stage")
    return first, second


def score(samples: Sequence[Sample], forests: tuple[Forest, Forest]) -> list[np.ndarray]:
    """Probabilities of every sample's blocks."""
    return [apply(forests[1], _whole(s, apply(forests[0], s.features))) for s in samples]


def out_of_fold(
    samples: Sequence[Sample], fold_of: Callable[[Sample], int | str], tell: Callable[[str], object]
) -> list[np.ndarray]:
    """Probabilities of every sample by forests that were trained on the other folds. Fold -1 is only trained on."""
    folds = [fold_of(s) for s in samples]
    found: dict[int, np.ndarray] = {}
    for fold in sorted(set(folds) - {-1}, key=str):
        tell(f"fold {fold}")
        forests = train([s for s, other in zip(samples, folds, strict=True) if other != fold], tell)
        held = [s for s, other in zip(samples, folds, strict=True) if other == fold]
        found |= {id(s): p for s, p in zip(held, score(held, forests), strict=True)}
    return [found.get(id(s), np.zeros(len(s.blocks.blocks), np.float32)) for s in samples]


def as_model(forests: tuple[Forest, Forest], card: dict[str, object]) -> BlockModel:
    """What train.py writes."""
    return BlockModel(forests[0], forests[1], card)
