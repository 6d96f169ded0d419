"""Features of the second stage: what the first stage thinks of a block's neighbours, of the elements around it, of the page.

Also the choice of blocks from probabilities: the threshold under which the expected F1 of the chosen text is highest.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from gristmill.kernels.html_alike import COUNT, GROUPINGS, SPANS
from gristmill.kernels.html_features import LEVELS, around
from gristmill.kernels.html_stack import END, FIRST, UNITS
from gristmill.kernels.leaf import leaf

SIDES = 4  # blocks to either side
CONTEXT = (
    "p",
    *(f"p{side:+d}" for side in (*range(-SIDES, 0), *range(1, SIDES + 1))),
    "p_near",
    "p_wide",
    *(f"{what}^{level}" for level in range(1, LEVELS + 1) for what in ("p", "p_share")),
    "inside_best",
    "before_best",
    "behind_best",
    "best_f",
    "best_share",
    "p_before",
    "between",
    "from_first",
    "from_last",
    "expected",
    *(f"{what}~{span}" for span in SPANS for what in ("p_others", "p_mean")),
)
N_CONTEXT = len(CONTEXT)


@leaf
def _mean(mass, low, high):
    """Length-weighted mean probability of blocks [low, high)."""
    return np.float32((mass[high, 0] - mass[low, 0]) / max(1.0, mass[high, 1] - mass[low, 1]))


# the page as the first stage sees it, float64 (SUMMARY,)
ALL, BEST, BEST_FIRST, BEST_END, FIRST_SURE, LAST_SURE = range(6)
SUMMARY = 6

# and all blocks in the same markup
WEIGHT, WEIGHT_P, SUM_P = range(3)
WEIGHTS = 3
SLACK = 5  # units that a block counts more than it has, so that short ones count too


@njit(cache=True, nogil=True)
def summarise(blocks, elements, p, mass, summary):
    """Running sums of length x probability and of length into mass float64 (blocks + 1, 2); `summary` of the whole page.

    Best is the element (or the page) that would have the highest expected F1 if all of it were kept.
    """
    rows = len(blocks)
    first, last = -1, -1
    mass[0] = 0
    for row in range(rows):
        units = np.float64(blocks[row, UNITS])
        mass[row + 1, 0] = mass[row, 0] + units * p[row]
        mass[row + 1, 1] = mass[row, 1] + units
        if p[row] > 0.5:
            first = row if first < 0 else first
            last = row
    everything = mass[rows, 0]
    best_first, best_end = 0, rows
    best = 2 * everything / max(1.0, mass[rows, 1] + everything)
    for e in range(len(elements)):
        one, end = elements[e, FIRST], elements[e, END]
        if end > one:
            f = 2 * (mass[end, 0] - mass[one, 0]) / max(1.0, mass[end, 1] - mass[one, 1] + everything)
            if f > best or (f == best and end - one < best_end - best_first):
                best, best_first, best_end = f, one, end
    summary[ALL], summary[BEST], summary[BEST_FIRST], summary[BEST_END] = everything, best, best_first, best_end
    summary[FIRST_SURE], summary[LAST_SURE] = first, last


@njit(cache=True, nogil=True)
def weigh_groups(blocks, groups, p, weights):
    """Sums over blocks in the same markup: weights float64 (GROUPINGS, groups, WEIGHTS)."""
    weights[:] = 0
    for grouping in range(GROUPINGS):
        for row in range(len(blocks)):
            total, weight = weights[grouping, groups[grouping, row]], np.float64(blocks[row, UNITS] + SLACK)
            total[WEIGHT] += weight
            total[WEIGHT_P] += weight * p[row]
            total[SUM_P] += p[row]


@njit(cache=True, nogil=True)
def fill_context(blocks, elements, wider, groups, sums, p, mass, weights, summary, low, high, start, out):
    """N_CONTEXT columns from `start` on of out float32 for blocks [low, high); p float32 (blocks,) of the first stage."""
    rows = len(blocks)
    everything, best = summary[ALL], summary[BEST]
    best_first, best_end = np.int64(summary[BEST_FIRST]), np.int64(summary[BEST_END])
    first, last = np.int64(summary[FIRST_SURE]), np.int64(summary[LAST_SURE])
    share = np.float32((mass[best_end, 0] - mass[best_first, 0]) / max(1e-9, everything))
    expected = np.float32(everything / max(1.0, mass[rows, 1]))
    levels = np.zeros(LEVELS, np.int64)
    for row in range(low, high):
        x = out[row - low]
        j = start
        x[j] = p[row]
        j += 1
        for side in range(-SIDES, SIDES + 1):
            if side:
                other = row + side
                x[j] = p[other] if 0 <= other < rows else np.float32(-1)
                j += 1
        x[j] = _mean(mass, max(0, row - 3), min(rows, row + 4))
        x[j + 1] = _mean(mass, max(0, row - 10), min(rows, row + 11))
        j += 2
        around(blocks, elements, wider, row, levels)
        for level in range(LEVELS):
            e = levels[level]
            one, end = (elements[e, FIRST], elements[e, END]) if e >= 0 else (0, rows)
            x[j] = _mean(mass, one, end)
            x[j + 1] = np.float32((mass[end, 0] - mass[one, 0]) / max(1e-9, everything))
            j += 2
        x[j] = 1 if best_first <= row < best_end else 0
        x[j + 1] = max(0, best_first - row)
        x[j + 2] = max(0, row - best_end + 1)
        x[j + 3], x[j + 4] = np.float32(best), share
        x[j + 5] = np.float32(mass[row, 0] / max(1e-9, everything))
        x[j + 6] = 1 if first <= row <= last else 0
        x[j + 7] = row - first if first >= 0 else -1000
        x[j + 8] = row - last if last >= 0 else 1000
        x[j + 9] = expected
        j += 10
        weight = np.float64(blocks[row, UNITS] + SLACK)
        for grouping in range(GROUPINGS):
            group = groups[grouping, row]
            total, count = weights[grouping, group], sums[grouping, group, COUNT]
            others = (total[WEIGHT_P] - weight * p[row]) / (total[WEIGHT] - weight) if count > 1 else -1.0
            x[j], x[j + 1] = np.float32(others), np.float32(total[SUM_P] / count)
            j += 2


@njit(cache=True, nogil=True)
def best_threshold(blocks, p, factor, least, most):
    """(threshold, expected F1 of what it keeps) by expected F1 over lengths.

    The F1 of keeping all blocks with a probability over t is, in expectation, about 2 x kept mass / (kept length + all mass); its
    maximum F lies at t = F/2. The threshold is `factor` times that, within [least, most].
    """
    rows = len(blocks)
    bins = 512
    mass, length = np.zeros(bins + 1, np.float64), np.zeros(bins + 1, np.float64)
    everything = 0.0
    for row in range(rows):
        units = np.float64(blocks[row, UNITS])
        at = min(bins, int(p[row] * bins))
        mass[at] += units * p[row]
        length[at] += units
        everything += units * p[row]
    best = kept = kept_length = 0.0
    for at in range(bins, -1, -1):
        kept += mass[at]
        kept_length += length[at]
        if kept_length > 0:
            best = max(best, 2 * kept / (kept_length + everything))
    threshold = min(max(factor * best / 2, least), most)
    kept = kept_length = 0.0
    for row in range(rows):
        if p[row] >= threshold:
            kept += np.float64(blocks[row, UNITS]) * p[row]
            kept_length += blocks[row, UNITS]
    return threshold, 2 * kept / (kept_length + everything) if kept_length + everything > 0 else 0.0
