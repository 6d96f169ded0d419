# SPDX-License-Identifier: MIT
from beam import geographic_range, horizon, luminous_range


def test_a_higher_lamp_is_seen_farther():
    assert geographic_range(40, 2) > geographic_range(20, 2) > horizon(20)


def test_haze_shortens_the_range():
    clear, hazy = luminous_range(100_000, 0.85), luminous_range(100_000, 0.5)
    assert clear > 2 * hazy
