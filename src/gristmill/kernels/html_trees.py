"""Boosted trees over rows of features.

A forest is flat: node k tests `x[feature[k]] <= value[k]`, its children are child[k] (yes) and child[k] + 1 (no); a leaf
has feature LEAF and its score in value.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from gristmill.kernels.leaf import leaf

LEAF = 0xFFFF


@leaf
def sigmoid(score):
    """1 / (1 + e^-score) by sixteen squarings of a division: the same bits on every machine, which exp() is not."""
    x = 1.0 - min(max(score, -30.0), 30.0) / 65536.0
    for _ in range(16):
        x *= x
    return 1.0 / (1.0 + x)


@njit(cache=True, nogil=True)
def predict(x, rows, roots, feature, value, child, base, p):
    """Probabilities float32 of the first `rows` rows of x float32 into p."""
    for row in range(rows):
        features = x[row]
        score = np.float64(base)
        for root in roots:
            node = np.int64(root)
            while feature[node] != LEAF:
                node = np.int64(child[node]) + (0 if features[feature[node]] <= value[node] else 1)
            score += value[node]
        p[row] = np.float32(sigmoid(score))
