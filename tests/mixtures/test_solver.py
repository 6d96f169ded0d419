from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gristmill.errors import UserError
from gristmill.mixtures.apportion import apportion
from gristmill.mixtures.plan import Available, MixturePlan, render
from gristmill.mixtures.solver import solve
from gristmill.mixtures.spec import Mixture

OFFERS = {"web": Available(100, 9_000), "books": Available(2, 400)}


def test_without_a_mixture_every_source_is_read_once():
    assert solve(None, OFFERS).targets == {"web": 9_000, "books": 400}


def test_without_a_budget_the_scarcest_source_decides():
    plan = solve(Mixture(weights={"web": 0.9, "books": 0.1}), OFFERS)
    assert plan.targets == {"web": 3_600, "books": 400}
    assert [row.epochs for row in plan.rows] == [0.4, 1.0]


def test_allowed_repeats_stretch_the_scarcest_source():
    plan = solve(Mixture(weights={"web": 0.9, "books": 0.1}, max_epochs=2), OFFERS)
    assert plan.targets == {"web": 7_200, "books": 800}


def test_a_budget_beyond_the_scarcest_source_is_refused_with_what_would_do():
    with pytest.raises(UserError) as error:
        solve(Mixture(weights={"web": 0.9, "books": 0.1}, tokens=8_000), OFFERS)
    assert "books has 400 tokens and would be read 2 times" in str(error.value)
    assert "at most 4,000 tokens, set max_epochs to 2," in str(error.value)


def test_what_the_refusal_advises_is_accepted():
    for change in ({"tokens": 4_000}, {"max_epochs": 2}, {"shortfall": "redistribute"}):
        settings = {"weights": {"web": 0.9, "books": 0.1}, "tokens": 8_000, **change}
        assert solve(Mixture(**settings), OFFERS).tokens == settings["tokens"]


def test_redistribution_lets_the_others_fill_in():
    plan = solve(Mixture(weights={"web": 0.5, "books": 0.5}, tokens=6_000, shortfall="redistribute"), OFFERS)
    assert plan.targets == {"web": 5_600, "books": 400}
    assert plan.rows[1].target == 0.5
    assert plan.rows[1].share == pytest.approx(400 / 6_000)


def test_a_budget_beyond_all_sources_is_refused():
    with pytest.raises(UserError, match="all sources together supply with max_epochs 1: 9,400"):
        solve(Mixture(weights={"web": 0.5, "books": 0.5}, tokens=10_000, shortfall="redistribute"), OFFERS)


def test_epochs_come_to_their_tokens():
    plan = solve(Mixture(epochs={"web": 0.5, "books": 3}), OFFERS)
    assert plan.targets == {"web": 4_500, "books": 1_200}


def test_a_budget_scales_epochs_down_but_not_up():
    assert solve(Mixture(epochs={"web": 1, "books": 2}, tokens=980), OFFERS).targets == {
        "web": 900,
        "books": 80,
    }
    with pytest.raises(UserError, match="more than the epochs come to: 9,800"):
        solve(Mixture(epochs={"web": 1, "books": 2}, tokens=9_801), OFFERS)


def test_an_unknown_source_is_answered_with_the_nearest_name():
    with pytest.raises(UserError, match=r"'boks', which is no source of the recipe. Did you mean 'books'\?"):
        solve(Mixture(weights={"web": 0.5, "boks": 0.5}), OFFERS)


def test_an_empty_source_is_named():
    with pytest.raises(UserError, match="wants tokens of 'books', but none of its documents is left"):
        solve(Mixture(weights={"web": 0.5, "books": 0.5}), {**OFFERS, "books": Available(0, 0)})


def test_the_plan_survives_json_and_prints_as_a_table():
    plan = solve(Mixture(weights={"web": 0.9, "books": 0.1}), OFFERS)
    assert MixturePlan.from_dict(plan.to_dict()) == plan
    head, web, books, total = render(plan).splitlines()
    assert head.split() == [
        "source",
        "documents",
        "tokens",
        "available",
        "target",
        "tokens",
        "taken",
        "epochs",
        "share",
    ]
    assert books.split() == ["books", "2", "400", "10.0000%", "400", "1", "10.0000%"]
    assert len({len(line) for line in (head, web, books)}) == 1
    assert total.split() == ["all", "102", "9,400", "4,000", "0.4255"]


positive = st.integers(1, 10**12)


@given(st.lists(st.tuples(positive, positive), min_size=1, max_size=12), st.integers(0, 10**13))
def test_apportioned_counts_meet_the_budget_and_every_cap(sources, tokens):
    total = sum(weight for weight, _ in sources)
    shares = {str(n): Fraction(weight, total) for n, (weight, _) in enumerate(sources)}
    caps = {str(n): cap for n, (_, cap) in enumerate(sources)}
    assume(tokens <= sum(caps.values()))
    taken = apportion(tokens, shares, caps)
    assert sum(taken.values()) == tokens
    assert all(0 <= taken[source] <= caps[source] for source in shares)
    if all(tokens * share <= caps[source] for source, share in shares.items()):
        assert all(abs(taken[source] - tokens * share) < 1 for source, share in shares.items())


@given(
    st.lists(st.tuples(st.integers(1, 1000), positive), min_size=1, max_size=8),
    st.sampled_from([0.5, 1, 2.45, 4]),
)
def test_weights_without_a_budget_use_up_the_scarcest_source_and_keep_every_share(sources, max_epochs):
    offers = {str(n): Available(1, tokens) for n, (_, tokens) in enumerate(sources)}
    mixture = Mixture(
        weights={str(n): weight for n, (weight, _) in enumerate(sources)},
        normalise=True,
        max_epochs=max_epochs,
    )
    caps = {source: int(offer.tokens * Fraction(str(max_epochs))) for source, offer in offers.items()}
    total = sum(weight for weight, _ in sources)
    shares = {str(n): Fraction(weight, total) for n, (weight, _) in enumerate(sources)}
    assume(all(caps[source] >= 1 / share for source, share in shares.items()))
    plan = solve(mixture, offers)
    assert all(taken <= caps[source] for source, taken in plan.targets.items())
    assert all(abs(taken - plan.tokens * shares[source]) < 1 for source, taken in plan.targets.items())
    one_more = plan.tokens + 1
    assert any(one_more * share > caps[source] for source, share in shares.items())
