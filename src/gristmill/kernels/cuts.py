"""Texts with byte ranges taken out and other bytes put in their place, in one pass."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def place(
    data: np.ndarray,
    offsets: np.ndarray,
    first: np.ndarray,
    starts: np.ndarray,
    ends: np.ndarray,
    replacements: np.ndarray,
    replacement_offsets: np.ndarray,
    out: np.ndarray,
    out_offsets: np.ndarray,
) -> int:
    """Copy every row of (data, offsets) without its cuts into `out`; returns the bytes written.

    Cut c of row r lies in [first[r], first[r + 1]) and takes bytes [starts[c], ends[c]) of that row; what stands there
    instead are the replacement bytes of c. `out` has room for all of `data` and all replacements.
    """
    at = 0
    for row in range(len(offsets) - 1):
        done = offsets[row]
        for cut in range(first[row], first[row + 1]):
            for position in range(done, offsets[row] + starts[cut]):
                out[at] = data[position]
                at += 1
            for position in range(replacement_offsets[cut], replacement_offsets[cut + 1]):
                out[at] = replacements[position]
                at += 1
            done = offsets[row] + ends[cut]
        for position in range(done, offsets[row + 1]):
            out[at] = data[position]
            at += 1
        out_offsets[row + 1] = at
    return at
