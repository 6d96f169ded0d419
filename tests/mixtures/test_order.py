from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.kernels.pack_order import epoch_key, permuted
from gristmill.mixtures import order as order_module
from gristmill.mixtures.order import Order, Population, Targets, source_key, write_order

law = settings(deadline=None, max_examples=50)  # kernels are compiled in the first example


def written(
    path: Path, documents: dict[str, list[int]], targets: dict[str, int], seed: int = 0, memory: int = 1 << 28
) -> list[tuple]:
    """(source, document, epoch, tokens, start, component) of every entry."""
    write(path, documents, Targets([[targets[source] for source in documents]]), seed, memory)
    return entries_of(path, list(documents))


def write(path: Path, documents: dict[str, list[int]], targets: Targets, seed: int = 0, memory: int = 1 << 28):
    populations = []
    for number, (source, tokens) in enumerate(documents.items()):
        np.array(tokens, "<i4").tofile(f"{path}.{source}")
        populations.append(Population(source, number, len(tokens), f"{path}.{source}"))
    return write_order(str(path), populations, targets, seed, memory)


def entries_of(path: Path, names: list[str]) -> list[tuple]:
    with Order.open(str(path)) as order:
        parts = list(order)
    return [
        (names[entry[0]], *entry[1:])
        for part in parts
        for entry in zip(*(getattr(part, name).tolist() for name in order_module.SCHEMA.names), strict=True)
    ]


sources = st.dictionaries(
    st.sampled_from(["web", "books", "code", "wiki"]),
    st.tuples(st.lists(st.integers(1, 500), min_size=1, max_size=60), st.floats(0.01, 4)),
    min_size=1,
)


@law
@given(st.integers(1, 5000), st.integers(0, 2**64 - 1))
def test_every_position_goes_to_another_place(count, key):
    places = {permuted(position, count, np.uint64(key)) for position in range(count)}
    assert places == set(range(count))


def test_a_permutation_leaves_hardly_anything_in_place_or_in_sequence():
    count = 10_000
    places = np.array([permuted(position, count, np.uint64(7)) for position in range(count)])
    assert (places == np.arange(count)).sum() < 10  # one is expected
    assert (np.diff(places) == 1).sum() < 10
    assert abs(np.corrcoef(places, np.arange(count))[0, 1]) < 0.04


@law
@given(sources, st.integers(0, 3))
def test_every_source_gives_exactly_its_tokens_whole_epochs_before_repeats(tmp_path_factory, found, seed):
    documents = {source: tokens for source, (tokens, _) in found.items()}
    targets = {source: max(1, int(sum(tokens) * epochs)) for source, (tokens, epochs) in found.items()}
    entries = written(tmp_path_factory.mktemp("order") / "order.arrow", documents, targets, seed)
    for source, tokens in documents.items():
        mine = [entry for entry in entries if entry[0] == source]
        assert sum(entry[3] for entry in mine) == targets[source]
        whole, rest = divmod(len(mine), len(tokens))
        for epoch in range(whole):
            part = mine[epoch * len(tokens) : (epoch + 1) * len(tokens)]
            assert sorted(entry[1] for entry in part) == list(range(len(tokens)))
            assert {entry[2] for entry in part} == {epoch}
        last = mine[whole * len(tokens) :]
        assert len({entry[1] for entry in last}) == rest
        assert all(entry[3] == tokens[entry[1]] for entry in mine[:-1])  # only the last may be cut
    assert [entry[4] for entry in entries] == np.cumsum([0, *(entry[3] for entry in entries)])[:-1].tolist()


@law
@given(sources)
def test_every_stretch_has_the_proportions_of_the_whole(tmp_path_factory, found):
    documents = {source: tokens for source, (tokens, _) in found.items()}
    targets = {source: max(1, int(sum(tokens) * epochs)) for source, (tokens, epochs) in found.items()}
    entries = written(tmp_path_factory.mktemp("order") / "order.arrow", documents, targets)
    total, given_so_far = sum(targets.values()), Counter()
    longest = {source: max(tokens) for source, tokens in documents.items()}
    for position, (source, _, _, tokens, *_) in enumerate(entries, 1):
        given_so_far[source] += tokens
        emitted = sum(given_so_far.values())
        for (
            other,
            target,
        ) in targets.items():  # half a document of its own, and its share of half of each other's
            expected = emitted * target / total
            slack = longest[other] + sum(longest.values()) * target / total
            assert abs(given_so_far[other] - expected) <= slack, position


@law
@given(sources)
def test_the_order_is_the_documents_sorted_by_where_their_middles_fall(tmp_path_factory, found):
    documents = {source: tokens for source, (tokens, _) in found.items()}
    targets = {source: max(1, int(sum(tokens) * epochs)) for source, (tokens, epochs) in found.items()}
    expected = []
    for number, (source, tokens) in enumerate(documents.items()):
        done = step = 0
        while done < targets[source]:
            epoch, position = divmod(step, len(tokens))
            document = permuted(position, len(tokens), np.uint64(epoch_key(source_key(0, source), epoch)))
            taken = min(tokens[document], targets[source] - done)
            expected.append(((done + taken / 2) / targets[source], number, step, source, document, epoch, taken))
            done, step = done + taken, step + 1
    entries = written(tmp_path_factory.mktemp("order") / "order.arrow", documents, targets)
    assert [entry[:4] for entry in entries] == [entry[3:] for entry in sorted(expected)]


@pytest.fixture(scope="module")
def documents():
    random = np.random.default_rng(1)
    return {source: random.integers(1, 400, count).tolist() for source, count in [("web", 900), ("books", 50)]}


def test_the_seed_decides_the_order_and_nothing_else_does(tmp_path, documents, monkeypatch):
    targets = {"web": 100_000, "books": 30_000}
    first = written(tmp_path / "a", documents, targets)
    monkeypatch.setattr(order_module, "BATCH_ENTRIES", 17)
    assert written(tmp_path / "b", documents, targets) == first
    other = written(tmp_path / "c", documents, targets, seed=1)
    assert other != first
    assert Counter(entry[0] for entry in other).keys() == Counter(entry[0] for entry in first).keys()


def test_another_weight_leaves_the_order_within_each_source(tmp_path, documents):
    first = written(tmp_path / "a", documents, {"web": 100_000, "books": 30_000})
    other = written(tmp_path / "b", documents, {"web": 50_000, "books": 9_000})
    for source in documents:
        before = [entry[1:3] for entry in first if entry[0] == source]
        after = [entry[1:3] for entry in other if entry[0] == source]
        assert before[: len(after)] == after


@law
@given(data=st.data())
def test_a_slice_holds_what_has_a_token_in_it(tmp_path_factory, documents, data):
    path = tmp_path_factory.mktemp("order") / "order.arrow"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(order_module, "BATCH_ENTRIES", data.draw(st.sampled_from([1, 7, 64, 5000])))
        entries = written(path, {name: tokens[:60] for name, tokens in documents.items()}, {"web": 5000, "books": 2000})
    start = data.draw(st.integers(0, 7100))
    end = data.draw(st.integers(start + 1, 7200))
    with Order.open(str(path)) as order:
        found = order.between(start, end)
    wanted = [entry for entry in entries if entry[4] < end and entry[4] + entry[3] > start]
    assert found.start.tolist() == [entry[4] for entry in wanted]
    assert found.document.tolist() == [entry[1] for entry in wanted]


def test_a_source_without_a_target_gives_nothing(tmp_path, documents):
    assert {entry[0] for entry in written(tmp_path / "a", documents, {"web": 500, "books": 0})} == {"web"}
