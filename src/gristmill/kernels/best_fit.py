"""Best-fit-decreasing bin packing of pieces no longer than a bin, in O(n log capacity)."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def best_fit(lengths, capacity):
    """Bin of every piece, int64 (pieces,), and the number of bins.

    lengths int32 (pieces,): 1 … capacity. Longest piece first, the earlier on a tie; each goes into the fullest bin
    that has room for it, of equally full ones into the latest opened or added to, or opens a new bin.
    (Ding et al. 2024, arXiv 2404.10830: only the remaining capacities are looked at, through a segment tree over them.)
    """
    count = len(lengths)
    starts = np.zeros(capacity + 2, np.int64)
    for length in lengths:
        starts[capacity - length + 1] += 1
    for place in range(1, capacity + 2):
        starts[place] += starts[place - 1]
    order = np.empty(count, np.int64)
    for number in range(count):
        place = capacity - lengths[number]
        order[starts[place]] = number
        starts[place] += 1

    leaves = 1
    while leaves < capacity + 1:
        leaves *= 2
    tree = np.zeros(2 * leaves, np.bool_)  # leaf r: is there a bin with r tokens of room
    latest = np.full(capacity + 1, -1, np.int64)  # by room, the bins as linked lists
    before = np.empty(count, np.int64)
    bins = np.empty(count, np.int64)
    opened = 0
    for piece in order:
        length = lengths[piece]
        found = _first_at_least(tree, leaves, length)
        if found < 0:
            chosen = opened
            opened += 1
        else:
            chosen = latest[found]
            latest[found] = before[chosen]
            if latest[found] < 0:
                _unset(tree, leaves + found)
        room = (found if found >= 0 else capacity) - length
        bins[piece] = chosen
        if room > 0:
            before[chosen] = latest[room]
            latest[room] = chosen
            _set(tree, leaves + room)
    return bins, opened


@njit(cache=True, nogil=True)
def _first_at_least(tree, leaves, value):
    """The least set leaf ≥ value, or -1."""
    node = leaves + value
    if tree[node]:
        return value
    while node > 1:
        if node % 2 == 0 and tree[node + 1]:
            node += 1
            while node < leaves:
                node = 2 * node if tree[2 * node] else 2 * node + 1
            return node - leaves
        node //= 2
    return -1


@njit(cache=True, nogil=True)
def _set(tree, node):
    while node >= 1 and not tree[node]:
        tree[node] = True
        node //= 2


@njit(cache=True, nogil=True)
def _unset(tree, node):
    tree[node] = False
    node //= 2
    while node >= 1:
        tree[node] = tree[2 * node] or tree[2 * node + 1]
        if tree[node]:
            break
        node //= 2


@njit(cache=True, nogil=True)
def copy_spans(source, starts, lengths, out, places):
    """out[places[k] : + lengths[k]] = source[starts[k] : + lengths[k]] for every k."""
    for span in range(len(starts)):
        start, place = starts[span], places[span]
        for number in range(lengths[span]):
            out[place + number] = source[start + number]
