from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.kernels.union_find import flatten, unite

ROWS = 25
some_edges = st.lists(st.tuples(st.integers(0, ROWS - 1), st.integers(0, ROWS - 1)), max_size=40)


def components(edges: list[tuple[int, int]]) -> list[int]:
    """Smallest row that each row is connected with, by spreading labels until nothing changes."""
    labels = list(range(ROWS))
    changed = True
    while changed:
        changed = False
        for left, right in edges:
            least = min(labels[left], labels[right])
            changed |= labels[left] != least or labels[right] != least
            labels[left] = labels[right] = least
    return labels


@settings(max_examples=200, deadline=None)
@given(some_edges, st.randoms(use_true_random=False))
def test_roots_are_the_smallest_rows_whatever_the_order_of_edges(edges, chooser):
    expected = components(edges)
    shuffled = [edge[::-1] if chooser.random() < 0.5 else edge for edge in edges]
    chooser.shuffle(shuffled)
    parents, sizes = np.arange(ROWS, dtype=np.uint32), np.empty(ROWS, np.int32)
    for part in (shuffled[: len(edges) // 2], shuffled[len(edges) // 2 :]):
        unite(parents, np.array(part, np.uint32).reshape(-1, 2))
    flatten(parents, sizes)
    assert parents.tolist() == expected
    assert sizes.tolist() == [expected.count(root) for root in expected]


@pytest.mark.parametrize("kind", [np.uint32, np.int64])
def test_a_long_chain_is_one_cluster(kind):
    rows = 100_000
    parents, sizes = np.arange(rows, dtype=kind), np.empty(rows, np.int32)
    chain = np.stack([np.arange(1, rows), np.arange(rows - 1)], axis=1).astype(kind)
    unite(parents, chain[::-1].copy())
    flatten(parents, sizes)
    assert not parents.any()
    assert (sizes == rows).all()
