#!/usr/bin/env python3
# Copyright 2021 The Saltmere Light Keepers
# SPDX-License-Identifier: MIT

"""How far a lighthouse is seen."""

import math

EARTH_RADIUS = 6_371_000.0  # metres
REFRACTION = 1.08  # air bends the light down a little


def horizon(height: float) -> float:
    """Distance in metres to the horizon for an eye at this height above the sea."""
    if height < 0:
        raise ValueError("an eye under water sees no horizon")
    return REFRACTION * math.sqrt(2 * EARTH_RADIUS * height)


def geographic_range(lamp: float, eye: float) -> float:
    """Distance in metres at which a lamp just touches the horizon of an eye; both heights in metres."""
    return horizon(lamp) + horizon(eye)


def luminous_range(candela: float, transparency: float, threshold: float = 2e-7) -> float:
    """Distance in sea miles at which a lamp can still be seen through hazy air.

    transparency: share of the light that is left after one sea mile, between 0 and 1.
    """
    low, high = 0.0, 200.0
    for _ in range(60):
        middle = (low + high) / 2
        light = candela * transparency**middle / (middle * 1852) ** 2 if middle else math.inf
        low, high = (middle, high) if light > threshold else (low, middle)
    return low
