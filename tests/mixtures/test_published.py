"""The mixtures in configs/mixtures say what was published, and solve."""

from pathlib import Path

import pytest

from gristmill import yamltree
from gristmill.mixtures.plan import Available, MixturePlan
from gristmill.mixtures.solver import solve
from gristmill.mixtures.spec import Mixture
from gristmill.mixtures.tree import resolve

FOLDER = Path(__file__).parents[2] / "configs" / "mixtures"
FILES = sorted(path.name for path in FOLDER.glob("*.yaml"))
BILLION = 10**9


def load(name: str, **changes) -> Mixture:
    return Mixture(**{**yamltree.load(str(FOLDER / name)).value, **changes})


def solved(mixture: Mixture, tokens: dict[str, float]) -> MixturePlan:
    """tokens: available, by component; a trillion where nothing is said."""
    names = [
        *tokens,
        "refinedweb",
        "reddit",
        "stackexchange",
        "hackernews",
        "arxiv",
        "pubmed",
        "uspto",
        "books",
        "code",
    ]
    tree = resolve(mixture, [*names, *(mixture.weights or {})])
    return solve(
        mixture, {leaf.name: Available(1000, int(tokens.get(leaf.name, 10**13))) for leaf in tree.leaves()}, tree
    )


@pytest.mark.parametrize("name", FILES)
def test_every_file_loads_and_meets_its_budget(name):
    mixture = load(name)
    amounts = mixture.weights or mixture.epochs or {}
    plan = solved(mixture, dict.fromkeys(amounts, 10**13))
    if mixture.tokens is not None:
        assert plan.tokens == mixture.tokens
    for row in plan.rows:
        assert abs(row.share - row.target) < 1e-9


@pytest.mark.parametrize("name", FILES)
def test_every_file_says_where_its_numbers_come_from(name):
    head = (FOLDER / name).read_text().splitlines()[0]
    assert head.startswith("# ")
    assert "arXiv" in head or "card" in head


@pytest.mark.parametrize(("name", "trillions"), [("llama1.yaml", 1.4), ("llama1-1.0t.yaml", 1.0)])
def test_llamas_epochs_follow_from_its_shares(name, trillions):
    shares = [0.67, 0.15, 0.045, 0.045, 0.045, 0.025, 0.02]
    epochs = [1.10, 1.06, 0.64, 2.45, 2.23, 1.06, 1.03]
    mixture = load(name)
    assert list((mixture.weights or {}).values()) == shares
    unique = {n: s * 1.4e12 / e for n, s, e in zip(mixture.weights or {}, shares, epochs, strict=True)}
    plan = solved(mixture, unique)
    assert plan.tokens == trillions * 1000 * BILLION
    assert [row.epochs for row in plan.rows] == pytest.approx([e * trillions / 1.4 for e in epochs], rel=1e-6)


def test_falcons_languages_share_seven_percent():
    plan = solved(load("falcon-180b.yaml", tokens=1000 * BILLION), {})
    billions = {row.name: row.taken / BILLION for row in plan.rows}
    assert sum(n for name, n in billions.items() if name.startswith("europe/")) == pytest.approx(70)
    published = {"de": 18, "es": 17, "fr": 16, "it": 5, "pt": 3, "pl": 3, "nl": 3, "ro": 2, "cs": 2, "sv": 1}
    assert {name: round(billions[f"europe/{name}"]) for name in published} == published
    assert [billions[name] for name in ("english", "books", "code")] == [750, 60, 50]
    assert sum(n for name, n in billions.items() if name.startswith("technical/")) == pytest.approx(20)


def test_falcon_7b_comes_to_the_cards_tokens():
    plan = solved(load("falcon-7b.yaml"), {})
    billions = {row.name: row.taken / BILLION for row in plan.rows}
    for name, published in (("books", 110), ("code", 45), ("french", 45)):  # the card rounds
        assert billions[name] == pytest.approx(published, abs=6)


def test_gpt_3s_shares_sum_to_101_percent_and_are_scaled_with_a_warning():
    plan = solved(load("gpt3.yaml"), dict(commoncrawl=410e9, webtext2=19e9, books1=12e9, books2=55e9, wikipedia=3e9))
    assert plan.notes == ("warning: weights sum to 1.01 and were scaled to 1",)
    epochs = {row.name: row.epochs for row in plan.rows}
    assert epochs["commoncrawl"] == pytest.approx(0.44, abs=0.01)
    assert epochs["books1"] == pytest.approx(1.9, abs=0.1)
    assert epochs["books2"] == pytest.approx(0.43, abs=0.01)


def test_the_piles_weights_follow_from_sizes_and_epochs():
    lines = [line for line in (FOLDER / "pile.yaml").read_text().splitlines() if line.startswith("  ")]
    sizes, published = {}, {}
    for line in lines:
        name, _, rest = line.strip().partition(":")
        size, percent = rest.partition("#")[2].split(",")
        sizes[name], published[name] = float(size) * 2**30, float(percent)
    plan = solved(load("pile.yaml"), sizes)
    assert plan.tokens / 2**30 == pytest.approx(1254.2, abs=0.5)
    for row in plan.rows:
        assert 100 * row.share == pytest.approx(published[row.name], abs=0.011)
