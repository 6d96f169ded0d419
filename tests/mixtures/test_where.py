import datetime

import numpy as np
import pyarrow as pa
import pytest

from gristmill.errors import UserError
from gristmill.mixtures.where import check_conditions, columns_of, matches

COLUMNS = {
    "language.code": pa.array(["de", "en", None, "fr"]).dictionary_encode(),
    "language.score": pa.array([0.9, 0.65, 0.99, None], pa.float32()),
    "words": pa.array([10, 20, 30, 40]),
    "known": pa.array([True, False, None, True]),
    "date": pa.array(
        [datetime.datetime(2020, 1, day, tzinfo=datetime.UTC) for day in (1, 2, 3, 4)], pa.timestamp("s", "UTC")
    ),
    "url": pa.array(
        [
            "https://example.org/a",
            "http://user@Sub.Example.org:80/b",
            "http://notexample.org/",
            "https://x.test/example.org",
        ]
    ),
}


def rows(where) -> list[int]:
    return np.flatnonzero(matches(check_conditions(where), COLUMNS, 4)).tolist()


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({}, [0, 1, 2, 3]),
        ({"language.code": "de"}, [0]),
        ({"language": {"code": "de"}}, [0]),
        ({"language.code": ["fr", "de", "xx"]}, [0, 3]),
        ({"language.code": None}, [2]),
        ({"language.code": ["de", None]}, [0, 2]),
        ({"language.code": {"not": ["de", "en"]}}, [2, 3]),
        ({"language.score": {"min": 0.65}}, [0, 1, 2]),
        ({"language.score": {"above": 0.65}}, [0, 2]),
        ({"language.score": {"min": 0.65, "below": 0.99}}, [0, 1]),
        ({"words": {"max": 20}}, [0, 1]),
        ({"words": [10, 40]}, [0, 3]),
        ({"words": {"above": 15.5}}, [1, 2, 3]),
        ({"known": True}, [0, 3]),
        ({"date": {"min": "2020-01-02", "below": "2020-01-04"}}, [1, 2]),
        ({"domain": "example.org"}, [0, 1]),
        ({"domain": {"not": ["example.org", "x.test"]}}, [2]),
        ({"language.code": ["de", "en"], "words": {"above": 10}}, [1]),
    ],
)
def test_documents_that_fulfil_every_condition_are_found(where, expected):
    assert rows(where) == expected


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ({"words": {"mn": 3}}, r"words: unknown condition 'mn'. Did you mean 'min'\?"),
        ({"words": {"min": [3]}}, "min needs a number or a date"),
        ({"words": {"min": True}}, "min needs a number or a date"),
        ({"words": {}}, "an empty condition"),
        ({"words": []}, "an empty list"),
        ({"domain": {"min": 3}}, "a name or a list of names"),
    ],
)
def test_a_condition_that_cannot_be_meant_is_refused(where, message):
    with pytest.raises(ValueError, match=message):
        check_conditions(where)


@pytest.mark.parametrize("where", [{"words": "many"}, {"words": {"min": "b"}}, {"known": 3}, {"date": {"min": "May"}}])
def test_a_value_of_another_type_than_its_column_is_named(where):
    with pytest.raises(UserError, match=f"where: {next(iter(where))} holds .*, which cannot be compared with"):
        rows(where)


def test_a_domain_is_read_from_the_url():
    assert columns_of({"domain": "example.org", "words": 3}) == ("url", "words")
