"""One page as the block model sees it: blocks, their features, probabilities of being main text.

page = PageFeatures(html.encode("utf-8"))
p = probabilities(page, shipped_model())             # float32, one a block
"""

from __future__ import annotations

import numpy as np

from gristmill.extract.block_model import BlockModel
from gristmill.kernels.html_alike import GROUPINGS, SUMS, group_blocks, sum_up_groups
from gristmill.kernels.html_blocks import read_blocks
from gristmill.kernels.html_context import N_CONTEXT, SUMMARY, WEIGHTS, fill_context, summarise, weigh_groups
from gristmill.kernels.html_facts import FACTS, describe_blocks
from gristmill.kernels.html_features import (
    N_FEATURES,
    N_HINTS,
    TOTALS,
    fill_features,
    running_totals,
    surroundings,
)

CHUNK = 4096
"""Blocks whose features are held at a time."""


class PageFeatures:
    """Blocks of a page and all that features are made of."""

    def __init__(self, page: bytes, keep_links: bool = False) -> None:
        self.page = read = read_blocks(page, keep_links)
        self.blocks = read.blocks
        rows, count = len(read.blocks), len(read.elements)
        self.facts = np.empty((rows + 1, FACTS), np.int32)
        self.distances = np.empty((count + 1, N_HINTS), np.uint8)
        self.wider, self.depths = np.empty(count, np.int32), np.empty(count, np.int32)
        self.totals = np.empty((rows + 1, TOTALS), np.int64)
        self.groups, self.sums = np.empty((GROUPINGS, rows), np.int32), np.empty((GROUPINGS, 0, SUMS), np.int64)
        if rows:
            describe_blocks(read.text, read.blocks, read.page[slice(*read.title)], self.facts)
            surroundings(read.blocks, read.elements, read.hints, self.distances, self.wider, self.depths)
            running_totals(read.blocks, self.facts, read.elements, self.distances, self.totals)
            groups = group_blocks(read.blocks, read.elements, read.hints, self.groups)
            self.sums = np.empty((GROUPINGS, groups, SUMS), np.int64)
            sum_up_groups(read.blocks, self.facts, self.groups, self.sums)

    def fill(self, low: int, high: int, out: np.ndarray) -> None:
        """First-stage features of blocks [low, high) into float32 rows of `out`."""
        fill_features(
            self.blocks,
            self.facts,
            self.page.elements,
            self.distances,
            self.wider,
            self.depths,
            self.totals,
            self.groups,
            self.sums,
            low,
            high,
            out,
        )

    def summarise(self, p: np.ndarray) -> None:
        """Before `fill_context`: what the first stage's probabilities say of the page as a whole."""
        self.mass, self.summary = np.empty((len(p) + 1, 2), np.float64), np.empty(SUMMARY, np.float64)
        summarise(self.blocks, self.page.elements, p, self.mass, self.summary)
        self.weights = np.empty((*self.sums.shape[:2], WEIGHTS), np.float64)
        weigh_groups(self.blocks, self.groups, p, self.weights)

    def fill_context(self, p: np.ndarray, low: int, high: int, out: np.ndarray) -> None:
        """The second stage's further columns, behind the first's; `p` are the first stage's probabilities."""
        fill_context(
            self.blocks,
            self.page.elements,
            self.wider,
            self.groups,
            self.sums,
            p,
            self.mass,
            self.weights,
            self.summary,
            low,
            high,
            N_FEATURES,
            out,
        )

    def features(self) -> np.ndarray:
        """All first-stage features, float32 (blocks, N_FEATURES)."""
        out = np.empty((len(self.blocks), N_FEATURES), np.float32)
        self.fill(0, len(out), out)
        return out

    def context(self, p: np.ndarray) -> np.ndarray:
        """All second-stage columns alone, float32 (blocks, N_CONTEXT)."""
        out = np.empty((len(self.blocks), N_FEATURES + N_CONTEXT), np.float32)
        self.summarise(p)
        self.fill_context(p, 0, len(out), out)
        return out[:, N_FEATURES:]


def probabilities(page: PageFeatures, model: BlockModel) -> np.ndarray:
    """Probability of being main text, float32 (blocks,)."""
    rows = len(page.blocks)
    first, second = np.empty(rows, np.float32), np.empty(rows, np.float32)
    x = np.empty((min(rows, CHUNK), N_FEATURES + N_CONTEXT), np.float32)
    for low in range(0, rows, CHUNK):
        high = min(rows, low + CHUNK)
        page.fill(low, high, x)
        model.first.predict(x, first[low:high])
    page.summarise(first)
    for low in range(0, rows, CHUNK):
        high = min(rows, low + CHUNK)
        if rows > CHUNK:
            page.fill(low, high, x)
        page.fill_context(first, low, high, x)
        model.second.predict(x, second[low:high])
    return second
