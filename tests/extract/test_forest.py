"""The trees, 64 rows at a time, against a walk from node to node."""

from __future__ import annotations

import numpy as np
import pytest

from gristmill.extract.forest import LEAF, Forest
from gristmill.kernels.html_trees import sigmoid


def grown(rng: np.random.Generator, leaves: list[int], columns: int) -> Forest:
    """Random trees with so many leaves each; few bounds, so that tests are shared and numbers lie on them."""
    roots, nodes = [], []
    for wanted in leaves:
        roots.append(len(nodes))
        nodes.append((LEAF, rng.normal(), 0))
        ends = [roots[-1]]
        for _ in range(wanted - 1):
            node = ends.pop(rng.integers(len(ends)))
            nodes[node] = (int(rng.integers(columns)), float(rng.integers(-2, 3)), len(nodes))
            ends += [len(nodes), len(nodes) + 1]
            nodes += [(LEAF, rng.normal(), 0), (LEAF, rng.normal(), 0)]
    feature, value, child = zip(*nodes, strict=True)
    return Forest(
        np.array(roots, np.uint16),
        np.array(feature, np.uint16),
        np.array(value, np.float32),
        np.array(child, np.uint16),
        0.25,
    )


def walk(forest: Forest, row: np.ndarray) -> np.float32:
    score = np.float64(forest.base)
    for root in forest.roots:
        node = int(root)
        while forest.feature[node] != LEAF:
            node = int(forest.child[node]) + (0 if row[forest.feature[node]] <= forest.value[node] else 1)
        score += forest.value[node]
    return np.float32(sigmoid(score))


@pytest.mark.parametrize("rows", [0, 1, 63, 64, 65, 200])
def test_probabilities_are_those_of_a_walk_from_node_to_node(rows: int) -> None:
    rng = np.random.default_rng(rows)
    forest = grown(rng, [1, 2, 3, 31, 32, 32, 17, 1], columns=9)
    x = rng.integers(-3, 4, (rows, 9)).astype(np.float32)
    x[rng.random(x.shape) < 0.1] = np.nan
    p = np.empty(rows, np.float32)
    forest.predict(x, p)
    assert p.tolist() == [walk(forest, row) for row in x]


def test_trees_without_any_test_give_their_score() -> None:
    p = np.empty(3, np.float32)
    grown(np.random.default_rng(1), [1, 1], columns=2).predict(np.zeros((3, 2), np.float32), p)
    assert len(set(p.tolist())) == 1


def test_a_tree_with_too_many_leaves_is_refused() -> None:
    forest = grown(np.random.default_rng(1), [33], columns=2)
    with pytest.raises(ValueError, match="33 leaves; 32 are the most"):
        forest.predict(np.zeros((1, 2), np.float32), np.empty(1, np.float32))
