"""Which sequence stands at a position of a shuffled, endless order of epochs."""

from __future__ import annotations

import numpy as np
from numba import njit

from gristmill.kernels.pack_order import epoch_key, permuted


@njit(cache=True, nogil=True)
def shuffled(positions, count, key):
    """Sequence numbers, int64 (positions,): each epoch of `count` positions in a permutation of its own."""
    numbers = np.empty(len(positions), np.int64)
    for place in range(len(positions)):
        epoch = positions[place] // count
        numbers[place] = permuted(positions[place] - epoch * count, count, epoch_key(key, epoch))
    return numbers
