import pytest
from pydantic import ValidationError

from gristmill.mixtures.spec import Mixture
from gristmill.mixtures.tree import resolve


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "exactly one of"),
        ({"weights": {"web": 1}, "epochs": {"web": 1}}, "exactly one of"),
        ({"weights": {"web": 0.5, "books": 0.4}}, "sum to 0.9, not 1"),
        ({"weights": {"web": 1.5, "books": -0.5}}, "books: -0.5 is not"),
        ({"weights": {"web": float("nan")}}, "web: nan is not"),
        ({"weights": {"web": 0}, "normalise": True}, "at least one source"),
        ({"weights": {}}, "at least one source"),
        ({"epochs": {"web": 3}, "max_epochs": 2}, "epochs of web, 3, are more than max_epochs, 2"),
        ({"weights": {"web": 1}, "tokens": 0}, "greater than 0"),
        ({"weights": {"web": 1}, "wieghts": 1}, "wieghts"),
    ],
)
def test_a_mixture_that_cannot_be_meant_is_refused(settings, message):
    with pytest.raises(ValidationError, match=message):
        Mixture(**settings)


def shares(**settings) -> list[str]:
    return [str(share) for share in resolve(Mixture(**settings), ["web", "books", "code"]).amounts]


def test_weights_are_read_as_the_decimals_that_were_written():
    assert shares(weights={"web": 0.1, "books": 0.2, "code": 0.7}) == ["1/10", "1/5", "7/10"]


def test_weights_are_scaled_when_asked_for():
    assert shares(weights={"web": 3, "books": 1}, normalise=True) == ["3/4", "1/4"]


def test_a_source_of_weight_zero_takes_no_part():
    tree = resolve(Mixture(weights={"web": 1, "books": 0}), ["web", "books"])
    assert [leaf.name for leaf in tree.leaves()] == ["web"]
