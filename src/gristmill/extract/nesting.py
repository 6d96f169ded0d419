"""How deep a page nests <div>, the element that makes resiliparse's search for main content slow."""

from __future__ import annotations

import re

import numpy as np

MAX_DEPTH = 5000
"""Levels. Real pages stay under 100; browsers flatten everything past 512."""

_DIV = re.compile(rb"<(/?)div(?=[\s/>])", re.IGNORECASE)
_BLOCK, _SAMPLED = 4096, 512  # bytes; the first 512 of every 4,096 tell how many tags there are


def nesting_depth(payload: bytes) -> int:
    """Deepest level of <div>; 0, without a closer look, when a sample of the page has too few."""
    if not _may_be_deep(payload):
        return 0
    depth = deepest = 0
    for close in _DIV.findall(payload):
        if not close:
            depth += 1
            deepest = max(deepest, depth)
        elif depth:
            depth -= 1
    return deepest


def _may_be_deep(payload: bytes) -> bool:
    """An estimate, because counting would take 5 % of the time of a fast extraction."""
    if len(payload) < MAX_DEPTH * len("<div>"):
        return False
    blocks = len(payload) // _BLOCK
    sample = np.frombuffer(payload, np.uint8, blocks * _BLOCK).reshape(blocks, _BLOCK)[:, :_SAMPLED]
    opened = (sample[:, :-1] == ord("<")) & (sample[:, 1:] | 0x20 == ord("d"))  # 0x20 makes letters small
    return int(np.count_nonzero(opened)) * (_BLOCK // _SAMPLED) > 0.8 * MAX_DEPTH
