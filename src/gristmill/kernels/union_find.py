"""Connected components of numbered rows: the smallest row of a component is its root.

parents = np.arange(rows)
unite(parents, edges)
flatten(parents, sizes)      # parents[row] is now the smallest row that row is connected with
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def unite(parents: np.ndarray, edges: np.ndarray) -> None:
    """Join the components of both ends of every edge.

    parents: integers (rows,), each at most its own index; arange at the start. edges: integers (m, 2).
    The partition that comes out does not depend on the order of edges. Paths are halved on the way (Tarjan
    and van Leeuwen, 1984); linking to the smaller root instead of by rank keeps parents[row] <= row, which is
    what lets `flatten` be one pass.
    """
    for edge in range(len(edges)):
        left, right = np.int64(edges[edge, 0]), np.int64(edges[edge, 1])
        while np.int64(parents[left]) != left:
            parents[left] = parents[np.int64(parents[left])]
            left = np.int64(parents[left])
        while np.int64(parents[right]) != right:
            parents[right] = parents[np.int64(parents[right])]
            right = np.int64(parents[right])
        if left < right:
            parents[right] = left
        elif right < left:
            parents[left] = right


@njit(cache=True, nogil=True)
def find_roots(parents: np.ndarray) -> None:
    """Point every row at its root."""
    for row in range(len(parents)):
        parents[row] = parents[np.int64(parents[row])]  # a smaller row, so already flat


@njit(cache=True, nogil=True)
def flatten(parents: np.ndarray, sizes: np.ndarray) -> None:
    """Point every row at its root and give every row the size of its component.

    sizes: integers (rows,), overwritten.
    """
    for row in range(len(parents)):
        sizes[row] = 0
        parents[row] = parents[np.int64(parents[row])]  # a smaller row, so already flat
        sizes[np.int64(parents[row])] += 1
    for row in range(len(parents)):
        sizes[row] = sizes[np.int64(parents[row])]


@njit(cache=True, nogil=True)
def unique_edges(rows: np.ndarray, places: np.ndarray, firsts: np.ndarray, edges: np.ndarray) -> int:
    """Write (rows[place], rows[first]) for every place, each pair once, and return how many there are.

    rows: integers (n,), ascending; places, firsts: as `key_repeats.find_repeats` gives them; edges: integers (m,
    2) to write to. The edges come out ascending by their left row, the smaller row to the right.
    """
    written = 0
    for number in range(len(places)):
        row, first = rows[places[number]], rows[firsts[number]]
        if row == first:
            continue
        known = False
        other = written - 1
        while other >= 0 and edges[other, 0] == row and not known:  # the keys of one row stand together
            known = edges[other, 1] == first
            other -= 1
        if not known:
            edges[written, 0], edges[written, 1] = row, first
            written += 1
    return written


@njit(cache=True, nogil=True)
def best_rows(
    parents: np.ndarray, first_row: int, scores: np.ndarray, best: np.ndarray, best_scores: np.ndarray
) -> None:
    """Note for every root the row of its component with the highest score, the earliest of equals.

    parents: flat, for all rows; scores: int64 (k,) of the rows from `first_row` on, called in ascending
    order; best: integers (rows,), arange at the start; best_scores: int64 (rows,), the least number at the start.
    """
    for number in range(len(scores)):
        root = np.int64(parents[first_row + number])
        if scores[number] > best_scores[root]:
            best_scores[root] = scores[number]
            best[root] = first_row + number


@njit(cache=True, nogil=True)
def replace_roots(parents: np.ndarray, best: np.ndarray) -> None:
    """Point every row at the best row of its component instead of the smallest."""
    for row in range(len(parents)):
        parents[row] = best[np.int64(parents[row])]
