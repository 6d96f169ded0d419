import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gristmill.kernels.best_fit import best_fit, copy_spans


def plain_best_fit(lengths: list[int], capacity: int) -> list[int]:
    """Room of every bin, the textbook way."""
    rooms: list[int] = []
    for length in sorted(lengths, reverse=True):
        fitting = [room for room in rooms if room >= length]
        if fitting:
            rooms[rooms.index(min(fitting))] -= length
        else:
            rooms.append(capacity - length)
    return sorted(rooms)


@st.composite
def pieces(draw):
    capacity = draw(st.integers(1, 70))
    return draw(st.lists(st.integers(1, capacity), max_size=80)), capacity


@given(pieces())
def test_bins_are_as_full_as_the_textbook_has_them(case):
    lengths, capacity = case
    bins, count = best_fit(np.array(lengths, np.int32), capacity)
    filled = np.bincount(bins, np.array(lengths, float), minlength=count) if lengths else np.zeros(0)
    assert sorted((capacity - filled).astype(int).tolist()) == plain_best_fit(lengths, capacity)


def test_many_short_pieces_leave_next_to_no_padding():
    lengths = np.random.default_rng(0).integers(1, 1000, 20_000).astype(np.int32)
    _, count = best_fit(lengths, 2048)
    assert count * 2048 / lengths.sum() < 1.001


@given(st.lists(st.tuples(st.integers(0, 90), st.integers(0, 10)), max_size=10))
def test_spans_are_copied_to_their_places(spans):
    source = np.arange(100, dtype=np.uint16)
    starts, lengths = (np.array([span[side] for span in spans], np.int64) for side in (0, 1))
    out = np.zeros(int(lengths.sum()), np.uint16)
    copy_spans(source, starts, lengths, out, np.cumsum(lengths) - lengths)
    assert out.tolist() == [start + n for start, length in spans for n in range(length)]
