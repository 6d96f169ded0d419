"""Dates in every form archives and dumps use."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.sources.dates import parse_date


@pytest.mark.parametrize(
    "text",
    [
        "2018-10-20T02:51:25Z",
        "2018-10-20T02:51:25.123456789Z",
        "2018-10-20 02:51:25",
        "2018-10-20T04:51:25+02:00",
        "2018-10-19T21:21:25-0530",
        "20181020025125",
        "20181020025125000",
        "1540003885",
        "1540003885.7",
        "1540003885123",
        "Sat, 20 Oct 2018 02:51:25 GMT",
        1540003885,
        1540003885.9,
        1540003885123,
        datetime(2018, 10, 20, 2, 51, 25),
        datetime(2018, 10, 20, 2, 51, 25, tzinfo=UTC),
    ],
)
def test_one_moment_in_many_forms(text):
    assert parse_date(text) == 1540003885


@pytest.mark.parametrize(
    ("value", "expected"),
    [("2008", 1199145600), ("2008-02", 1201824000), ("20080203", 1201996800), (date(2008, 2, 3), 1201996800)],
)
def test_less_precise_dates_are_their_beginning(value, expected):
    assert parse_date(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "soon",
        "2018-13-01",
        "2018-02-30T00:00:00Z",
        "n" * 100,
        True,
        float("nan"),
        1e300,
        "9" * 40,
        [1],
    ],
)
def test_what_is_no_date_is_none(value):
    assert parse_date(value) is None


@given(st.text(max_size=30))
def test_nothing_raises(text):
    assert parse_date(text) is None or isinstance(parse_date(text), int)


@given(
    st.datetimes(min_value=datetime(1000, 1, 1), max_value=datetime(9999, 12, 31)).map(
        lambda d: d.replace(microsecond=0)
    )
)
def test_iso_dates_round_trip(moment):
    seconds = parse_date(moment.isoformat())
    assert seconds is not None
    assert datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None) == moment
