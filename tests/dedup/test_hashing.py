from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.kernels.hashing import range_counts, range_order, seeded_numbers
from gristmill.kernels.key_repeats import drop_repeats, find_repeats

few_numbers = st.lists(st.sampled_from([0, 1, 2, 3, 1 << 40, (1 << 64) - 1]), max_size=40)


def test_seeded_numbers_are_those_of_splitmix64():
    expected = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431]
    assert seeded_numbers(1234567, 4).tolist() == expected


@settings(max_examples=200, deadline=None)
@given(few_numbers, st.data())
def test_repeats_are_those_a_dictionary_finds(keys, data):
    checked = data.draw(st.booleans())
    checks = data.draw(st.lists(st.integers(0, 1), min_size=len(keys), max_size=len(keys)))
    seen: dict[tuple[int, int], int] = {}
    expected = []
    for place, pair in enumerate(zip(keys, checks if checked else [0] * len(keys), strict=True)):
        if pair in seen:
            expected.append((place, seen[pair]))
        seen.setdefault(pair, place)
    places, firsts = find_repeats(np.array(keys, np.uint64), np.array(checks, np.uint64) if checked else None)
    assert list(zip(places.tolist(), firsts.tolist(), strict=True)) == expected


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, (1 << 64) - 1), max_size=50), st.integers(1, 7))
def test_range_order_is_a_stable_sort_by_range(keys, ranges):
    array = np.array(keys, np.uint64)
    counts = range_counts(array, ranges)
    order = range_order(array, np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64))
    expected = sorted(range(len(keys)), key=lambda place: (keys[place] >> 32) * ranges >> 32)
    assert order.tolist() == expected
    assert counts.sum() == len(keys)


@settings(max_examples=200, deadline=None)
@given(st.lists(few_numbers, min_size=1, max_size=4), st.booleans(), st.data())
def test_dropping_repeats_leaves_the_first_of_every_key_of_a_range(ranges, checked, data):
    keys = [key for part in ranges for key in part]
    checks = data.draw(st.lists(st.integers(0, 1), min_size=len(keys), max_size=len(keys)))
    starts = np.cumsum([0, *(len(part) for part in ranges)])
    kept: list[tuple[int, int, int]] = []
    edges, bounds = [], [0]
    for start, stop in itertools.pairwise(starts.tolist()):
        seen: dict[tuple[int, int], int] = {}
        for place in range(start, stop):
            pair = (keys[place], checks[place] if checked else 0)
            if pair in seen:
                edges.append((place << 32) | seen[pair])
            else:
                seen[pair] = place
                kept.append((*pair, place))
        bounds.append(len(kept))
    columns = [
        np.array(keys, np.uint64),
        np.array(checks if checked else [], np.uint64),
        np.arange(len(keys), dtype="u4"),
    ]
    assert drop_repeats(*columns, starts).tolist() == edges
    assert starts.tolist() == bounds
    assert columns[0][: len(kept)].tolist() == [key for key, _, _ in kept]
    assert columns[2][: len(kept)].tolist() == [place for _, _, place in kept]
    if checked:
        assert columns[1][: len(kept)].tolist() == [check for _, check, _ in kept]
