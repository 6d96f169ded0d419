"""Parts of sources, groups, rules, floors, units: what a mixture can say beyond a share for each source."""

from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from gristmill.errors import UserError
from gristmill.mixtures.apportion import raise_to_floors
from gristmill.mixtures.plan import Available, MixturePlan, render
from gristmill.mixtures.solver import solve
from gristmill.mixtures.spec import Mixture
from gristmill.mixtures.tree import resolve

EUROPE = {
    "weights": {"english": 0.5, "europe": 0.3, "books": 0.2},
    "components": {
        "english": {"source": "web", "where": {"language.code": "en"}},
        "europe": {"source": "web", "by": "language.code", "weights": {"de": 0.5, "fr": 0.3, "sv": 0.2}},
    },
}
OFFERS = {
    "english": Available(500, 500_000, 2_000_000),
    "europe/de": Available(100, 200_000, 800_000),
    "europe/fr": Available(100, 100_000, 500_000),
    "europe/sv": Available(10, 1_000, 4_000),
    "books": Available(2, 100_000, 300_000),
}
SOURCES = ["web", "books"]


def solved(offers=OFFERS, **changes) -> MixturePlan:
    mixture = Mixture(**{**EUROPE, **changes})
    return solve(mixture, offers, resolve(mixture, SOURCES))


def europe(**changes):
    return {"components": {**EUROPE["components"], "europe": {**EUROPE["components"]["europe"], **changes}}}


def group(rule: str, **changes):
    return {
        "components": {
            **EUROPE["components"],
            "europe": {"source": "web", "by": "language.code", "rule": rule, **changes},
        }
    }


def test_members_of_a_group_share_what_the_group_gets():
    plan = solved(tokens=10_000)
    assert plan.targets == {"english": 5_000, "europe/de": 1_500, "europe/fr": 900, "europe/sv": 600, "books": 2_000}


def test_members_of_a_group_stand_indented_below_it():
    lines = render(solved(tokens=10_000)).splitlines()
    assert [line[:5].rstrip() for line in lines[1:]] == ["engli", "europ", "  de", "  fr", "  sv", "books", "all"]
    assert lines[2].split() == ["europe", "210", "301,000", "30.0000%", "3,000", "0.009967", "30.0000%"]


def test_a_member_reads_its_groups_source_where_the_column_has_its_name():
    leaves = {leaf.name: leaf for leaf in resolve(Mixture(**EUROPE), SOURCES).leaves()}
    assert leaves["europe/sv"].source == "web"
    assert leaves["europe/sv"].where == {"language.code": "sv"}
    assert leaves["books"].source == "books"
    assert not leaves["books"].selects


def test_without_a_budget_the_scarcest_member_of_a_group_decides():
    plan = solved()
    assert plan.targets["europe/sv"] == 1_000
    assert plan.targets["english"] == pytest.approx(1_000 / 0.06 * 0.5, abs=1)


def test_a_group_that_redistributes_keeps_its_share_when_a_member_runs_out():
    plan = solved(tokens=100_000, **europe(shortfall="redistribute"))
    assert plan.targets["europe/sv"] == 1_000
    assert sum(taken for name, taken in plan.targets.items() if name.startswith("europe/")) == 30_000
    assert plan.targets["europe/de"] == pytest.approx(29_000 * 5 / 8, abs=1)
    assert "at max_epochs and short of the target: europe/sv" in render(plan)


def test_a_group_that_refuses_names_the_member_and_what_would_do():
    with pytest.raises(UserError) as error:
        solved(tokens=100_000)
    assert "europe/sv has 1,000 tokens and would be read 6 times" in str(error.value)
    assert "ask for at most 16,666 tokens, set max_epochs to 6," in str(error.value)
    assert solved(tokens=16_666).tokens == 16_666
    assert solved(tokens=100_000, max_epochs=6).tokens == 100_000


def test_a_component_has_a_cap_of_its_own():
    components = {**EUROPE["components"], "books": {"max_epochs": 4}}
    plan = solved(tokens=700_000, components=components, shortfall="redistribute")
    assert plan.targets["books"] > 100_000
    assert plan.targets["europe/sv"] == 1_000


def test_epochs_inside_a_group_divide_its_share():
    plan = solved(tokens=10_000, **europe(weights=None, epochs={"de": 1, "fr": 2, "sv": 10}))
    assert plan.targets["europe/de"] == pytest.approx(3_000 * 200 / 410, abs=1)
    assert plan.targets["europe/sv"] == pytest.approx(3_000 * 10 / 410, abs=1)


def test_epochs_of_a_group_are_those_of_its_members():
    members = group("proportional", components=["de", "fr"])["components"]["europe"]
    mixture = Mixture(epochs={"books": 1, "europe": 2}, components={"europe": members})
    plan = solve(mixture, OFFERS, resolve(mixture, SOURCES))
    assert plan.targets == {"books": 100_000, "europe/de": 400_000, "europe/fr": 200_000}


def test_proportional_temperature_and_equal_shares():
    members = {"components": ["de", "fr", "sv"]}
    sizes = {name: OFFERS[f"europe/{name}"].tokens for name in members["components"]}
    for rule, alpha in (("proportional", 1.0), ("temperature", 0.3)):
        plan = solved(tokens=1_000, **group(rule, alpha=alpha, **members))
        whole = sum(size**alpha for size in sizes.values())
        for name, size in sizes.items():
            assert plan.targets[f"europe/{name}"] == pytest.approx(300 * size**alpha / whole, abs=1)


def test_unimax_gives_equal_shares_as_far_as_epochs_allow():
    plan = solved(tokens=100_000, **group("unimax", components=["de", "fr", "sv"]), max_epochs=2)
    assert plan.targets["europe/sv"] == 2_000
    assert plan.targets["europe/de"] == plan.targets["europe/fr"] == 14_000


def unimax(budget: int, sizes: list[int], epochs: int) -> list[float]:
    """The published algorithm: from the smallest on, an equal part of what is left, capped."""
    found = [0.0] * len(sizes)
    left = float(budget)
    for rank, number in enumerate(sorted(range(len(sizes)), key=lambda n: sizes[n])):
        found[number] = min(left / (len(sizes) - rank), epochs * sizes[number])
        left -= found[number]
    return found


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=12), st.integers(1, 4), st.floats(0.01, 1))
def test_unimax_is_the_published_algorithm(sizes, epochs, part):
    budget = max(1, int(sum(sizes) * epochs * part))
    mixture = Mixture(rule="unimax", max_epochs=epochs, tokens=budget)
    plan = solve(mixture, {str(n): Available(1, size) for n, size in enumerate(sizes)})
    for row, expected in zip(plan.rows, unimax(budget, sizes, epochs), strict=True):
        assert abs(row.taken - expected) <= 1


def test_a_floor_is_kept_and_the_others_give_way():
    members = {"de": {}, "fr": {}, "sv": {"min_share": 0.1}}
    plan = solved(tokens=1_000, **group("proportional", components=members))
    assert plan.targets["europe/sv"] == 30
    assert plan.targets["europe/de"] == 180


def test_a_floor_beyond_a_cap_is_refused_with_what_would_do():
    members = {"de": {}, "fr": {}, "sv": {"min_share": 0.1}}
    with pytest.raises(UserError, match=r"min_share of 'europe/sv' is 0.1, 3,000 tokens, and max_epochs allow 1,000"):
        solved(tokens=100_000, **group("proportional", components=members, shortfall="redistribute"))


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 30)), min_size=1, max_size=8))
def test_floors_are_kept_and_shares_still_sum_to_one(members):
    floors = [Fraction(floor, 100) for _, floor in members]
    whole = sum(share for share, _ in members)
    assume(whole and sum(floors) <= 1)
    found = raise_to_floors([Fraction(share, whole) for share, _ in members], floors, "")
    assert all(share >= floor for share, floor in zip(found, floors, strict=True))
    assert sum(found) == 1 or sum(floors) == sum(found)


def test_floors_of_more_than_everything_are_refused():
    with pytest.raises(UserError, match=r"min_share of the members of europe sum to 1.2, more than 1"):
        solved(tokens=100, **group("proportional", components={"de": {"min_share": 0.6}, "fr": {"min_share": 0.6}}))


def test_shares_of_documents_come_to_tokens_by_their_mean_lengths():
    offers = {"web": Available(1_000, 1_000_000), "books": Available(100, 10_000_000)}
    plan = solve(Mixture(weights={"web": 0.5, "books": 0.5}, unit="documents", tokens=1_010_000), offers)
    assert [row.documents_taken for row in plan.rows] == [10, 10]
    assert plan.targets == {"web": 10_000, "books": 1_000_000}


def test_shares_of_bytes_come_to_tokens_by_their_density():
    offers = {"web": Available(10, 1_000, 4_000), "code": Available(10, 1_000, 2_000)}
    plan = solve(Mixture(weights={"web": 0.5, "code": 0.5}, unit="bytes", tokens=900), offers)
    assert plan.targets == {"web": 300, "code": 600}


def test_shares_of_sequences_are_those_of_tokens():
    offers = {"web": Available(10, 1_000), "code": Available(10, 1_000)}
    weights = {"web": 0.75, "code": 0.25}
    assert (
        solve(Mixture(weights=weights, unit="sequences"), offers).targets
        == solve(Mixture(weights=weights), offers).targets
    )


def test_scaled_weights_are_reported():
    plan = solve(
        Mixture(weights={"web": 2, "code": 2}, normalise=True), {"web": Available(1, 10), "code": Available(1, 10)}
    )
    assert plan.notes == ("warning: weights sum to 4 and were scaled to 1",)


def test_phases_add_up_and_go_on_where_the_former_stopped():
    offers = {"web": Available(100, 10_000), "books": Available(10, 1_000)}
    phases = [{"share": 0.75}, {"weights": {"web": 0.5, "books": 0.5}}]
    plan = solve(Mixture(weights={"web": 0.9, "books": 0.1}, tokens=2_000, phases=phases), offers, None, 100)
    assert [phase.tokens for phase in plan.phases] == [1_500, 500]
    assert [phase.taken for phase in plan.phases] == [{"web": 1_350, "books": 150}, {"web": 250, "books": 250}]
    assert plan.targets == {"web": 1_600, "books": 400}
    assert MixturePlan.from_dict(plan.to_dict()) == plan


def test_shares_of_phases_end_where_a_sequence_does():
    offers = {"web": Available(100, 10_000)}
    phases = [{"share": 0.333}, {"sequences": 3}, {}]
    plan = solve(Mixture(weights={"web": 1}, tokens=2_000, phases=phases), offers, None, 64)
    assert [phase.tokens for phase in plan.phases] == [640, 192, 1_168]


def test_caps_hold_over_all_phases_together():
    offers = {"web": Available(100, 10_000), "books": Available(10, 300)}
    phases = [{"share": 0.5}, {"weights": {"web": 0.5, "books": 0.5}}]
    with pytest.raises(UserError, match=r"phase 2: mixture.tokens, 500, cannot be met with max_epochs 1: books"):
        solve(Mixture(weights={"web": 0.8, "books": 0.2}, tokens=1_000, phases=phases), offers)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"phases": [{"share": 0.5}, {"share": 0.4}], "tokens": 10}, "shares of the phases sum to 0.9"),
        ({"phases": [{}, {"share": 0.4}], "tokens": 10}, "every phase but the last"),
        ({"phases": [{"share": 0.4}, {}]}, "phases divide a budget"),
        ({"phases": [{"share": 0.4, "tokens": 3}, {}], "tokens": 10}, "give one of"),
        ({"phases": [{"share": 0.4}, {}], "unit": "documents", "tokens": 10}, "phases need weights"),
        ({"rule": "unimax"}, "exactly one of"),
        ({"components": {"english": {"where": {"a": []}}}}, "an empty list"),
        ({"components": {"web": {"by": "language.code"}}}, "`by` is for groups"),
        ({"components": {"web": {"weights": {"de": 1}, "epochs": {"de": 1}}}}, "a group needs exactly one"),
        ({"components": {"a/b": {}}}, "no name for a component"),
        ({"components": {"other": {}}}, "weights do not say how much of 'other'"),
        ({"components": {"web": {"weights": {"de": 0.7}}}}, r"components.web.weights sum to 0.7, not 1"),
    ],
)
def test_what_cannot_be_meant_is_refused(settings, message):
    with pytest.raises(ValidationError, match=message):
        Mixture(**{"weights": {"web": 1}, **settings})


def test_phases_longer_than_the_budget_are_refused():
    with pytest.raises(UserError, match="the phases of the mixture are 80, -30 tokens long and do not fill"):
        solve(Mixture(weights={"web": 1}, tokens=50, phases=[{"tokens": 80}, {}]), {"web": Available(1, 100)})


def test_the_same_documents_twice_are_refused():
    with pytest.raises(UserError, match="'a' and 'b' are the same documents of 'web'"):
        resolve(
            Mixture(weights={"a": 0.5, "b": 0.5}, components={"a": {"source": "web"}, "b": {"source": "web"}}), SOURCES
        )


def test_an_unknown_source_of_a_component_is_named_with_its_place():
    with pytest.raises(UserError, match=r"mixture.components.a names the source 'wb', unknown. Did you mean 'web'\?"):
        resolve(Mixture(weights={"a": 1}, components={"a": {"source": "wb"}}), SOURCES)


def test_a_part_without_documents_says_what_was_asked_of_them():
    offers = {**OFFERS, "english": Available(0, 0)}
    with pytest.raises(UserError, match=r"no document left in 'web' is language.code 'en'"):
        solved(offers, tokens=10)


def test_what_is_empty_can_be_left_out_with_a_note():
    offers = {**OFFERS, "europe/fr": Available(0, 0), "books": Available(0, 0)}
    plan = solved(offers, tokens=1_600, empty="leave_out")
    assert plan.targets == {"english": 1_000, "europe/de": 429, "europe/fr": 0, "europe/sv": 171, "books": 0}
    assert "without a document: europe/fr, books" in render(plan)


def test_a_group_of_which_everything_is_empty_is_left_out():
    empty = {name: Available(0, 0) for name in OFFERS if name.startswith("europe/")}
    plan = solved({**OFFERS, **empty}, tokens=700, empty="leave_out")
    assert (plan.targets["english"], plan.targets["books"]) == (500, 200)


shares = st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 100), min_size=1, max_size=4)


@given(shares, shares, st.integers(1, 10**9), st.data())
def test_every_leaf_of_nested_groups_is_within_two_tokens_of_its_share(outer, inner, tokens, data):
    """One for its group's rounding, one for its own."""
    outer = {**outer, "group": data.draw(st.integers(1, 100))}
    mixture = Mixture(
        weights=outer, normalise=True, tokens=tokens, components={"group": {"weights": inner, "source": "w", "by": "c"}}
    )
    tree = resolve(mixture, [*outer, "w"])
    plan = solve(mixture, {leaf.name: Available(1, 10**9) for leaf in tree.leaves()}, tree)
    assert plan.tokens == tokens
    part = Fraction(outer["group"], sum(outer.values()))
    for row in plan.rows:
        name = row.name.removeprefix("group/")
        share = (
            part * Fraction(inner[name], sum(inner.values()))
            if row.name != name
            else Fraction(outer[name], sum(outer.values()))
        )
        assert abs(row.taken - tokens * share) < 2
