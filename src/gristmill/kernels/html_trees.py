"""Boosted trees over rows of features, 64 rows at a time.

Trees ask the same tests again and again, so each test, `x[column] <= bound`, is made once for the 64 rows and gives a bit for
each of them. A tree then costs two ANDs a node: the rows that reach a node go on to its two children by the bits of its test. All
trees have 31 nodes with tests and 32 leaves.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from gristmill.kernels.lanes import LANES, at_most, store_numbers
from gristmill.kernels.leaf import leaf

LEAVES = 32
"""Of every tree. Places 0 to 30 are its nodes with tests, parents before children; from here on its leaves."""

NODES = LEAVES - 1
_ALL = ~np.uint64(0)


@leaf
def sigmoid(score):
    """1 / (1 + e^-score) by sixteen squarings of a division: the same bits on every machine, which exp() is not."""
    x = 1.0 - min(max(score, -30.0), 30.0) / 65536.0
    for _ in range(16):
        x *= x
    return 1.0 / (1.0 + x)


@leaf
def _turn(x, low, high, columns):
    """Rows [low, high) of x, each column's values side by side; four rows at a time, so that what is written lies together."""
    last = high - 1
    for row in range(low, high, 4):
        a, b, c, d = x[row], x[min(row + 1, last)], x[min(row + 2, last)], x[min(row + 3, last)]
        for column in range(len(columns) // LANES):
            at = column * LANES + row - low
            columns[at], columns[at + 1] = a[column], b[column]
            columns[at + 2], columns[at + 3] = c[column], d[column]


@leaf
def _find_leaves(tests, children, holds, reached, numbers):
    """The number of the leaf that each of 64 rows comes to in one tree; bits of `holds` say which tests hold of which rows."""
    reached[0] = _ALL
    for node in range(NODES):
        here, yes = reached[node], holds[tests[node]]
        reached[children[node, 0]] = here & yes
        reached[children[node, 1]] = here & ~yes
    a = b = c = d = e = np.uint64(0)
    for number in range(LEAVES):
        here = reached[LEAVES + number]
        if number & 1:
            a |= here
        if number & 2:
            b |= here
        if number & 4:
            c |= here
        if number & 8:
            d |= here
        if number & 16:
            e |= here
    store_numbers(numbers, a, b, c, d, e)


@njit(cache=True, nogil=True)
def predict(x, rows, test_column, test_bound, tests, children, scores, base, p):
    """Probabilities float32 of the first `rows` rows of x float32 into p.

    Tests are test_column uint16 and test_bound float32 (tests,). Of each tree: tests uint16 (trees, NODES) by number, children
    uint8 (trees, NODES, 2) by place, the first for rows of which the test holds, and scores float32 (trees, LEAVES).
    """
    width = np.int64(test_column.max()) + 1 if len(test_column) else 0
    columns = np.zeros(width * LANES, np.float32)
    holds = np.empty(len(test_column) + 1, np.uint64)  # + 1: trees without a test read the first
    reached = np.empty(2 * LEAVES, np.uint64)
    numbers = np.empty(LANES, np.uint8)
    sums = np.empty(LANES, np.float64)
    for low in range(0, rows, LANES):
        high = min(rows, low + LANES)
        _turn(x, low, high, columns)
        for test in range(len(test_column)):
            holds[test] = at_most(columns, np.int64(test_column[test]) * LANES, test_bound[test])
        sums[:] = base
        for tree in range(len(tests)):
            _find_leaves(tests[tree], children[tree], holds, reached, numbers)
            for lane in range(LANES):
                sums[lane] += scores[tree, numbers[lane]]
        for row in range(low, high):
            p[row] = np.float32(sigmoid(sums[row - low]))
