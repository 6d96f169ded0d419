from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.kernels.pack_order import epoch_key, permuted, permuted_range, positions_of
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


@law
@given(st.integers(1, 5000), st.integers(0, 2**64 - 1))
def test_positions_are_found_from_what_stands_there(count, key):
    forward, backward = np.empty(count, np.int64), np.empty(count, np.int64)
    permuted_range(0, count, np.uint64(key), forward)
    positions_of(0, count, np.uint64(key), backward)
    assert (forward[backward] == np.arange(count)).all()
    assert forward[count // 2] == permuted(count // 2, count, np.uint64(key))


@law
@given(sources, st.sampled_from([1, 200_000]))
def test_an_order_shuffled_on_disk_is_the_one_shuffled_in_memory(tmp_path_factory, found, memory):
    """The least memory is 1,024 documents a component, so these are made longer than that."""
    documents = {source: tokens * (3000 // len(tokens) + 1) for source, (tokens, _) in found.items()}
    targets = {source: max(1, int(sum(documents[source]) * epochs)) for source, (_, epochs) in found.items()}
    folder = tmp_path_factory.mktemp("order")
    expected = written(folder / "a", documents, targets)
    assert written(folder / "b", documents, targets, memory=memory) == expected
    assert not [path for path in folder.iterdir() if path.name.endswith(".tmp")]


def test_dealing_in_several_windows_changes_nothing(tmp_path, monkeypatch):
    documents = {"web": np.random.default_rng(0).integers(1, 9, 20_000).tolist()}
    targets = {"web": int(sum(documents["web"]) * 2.5)}
    expected = written(tmp_path / "a", documents, targets)
    monkeypatch.setattr("gristmill.mixtures.shuffle.MOST_RANGES", 3)
    monkeypatch.setattr("gristmill.mixtures.shuffle.DEAL_ROWS", 777)
    assert written(tmp_path / "b", documents, targets, memory=1) == expected


@law
@given(sources, st.lists(st.floats(0.05, 1), min_size=2, max_size=4), st.randoms())
def test_phases_repeat_and_lose_nothing(tmp_path_factory, found, lengths, random):
    """The documents of every source are those of the order without phases, in the same order, to the token."""
    documents = {source: tokens for source, (tokens, _) in found.items()}
    targets = {source: max(1, int(sum(tokens) * epochs)) for source, (tokens, epochs) in found.items()}
    parts = {source: np.array([length * random.random() for length in lengths]) for source in documents}
    phases = np.array([np.floor(targets[s] * parts[s] / max(parts[s].sum(), 1e-9)).astype(int) for s in documents]).T
    phases[-1] += np.array([targets[source] for source in documents]) - phases.sum(axis=0)
    folder = tmp_path_factory.mktemp("order")
    write(folder / "a", documents, Targets(phases.tolist()))
    phased, plain = entries_of(folder / "a", list(documents)), written(folder / "b", documents, targets)
    for source in documents:
        assert [e[:4] for e in phased if e[0] == source] == [e[:4] for e in plain if e[0] == source]


def test_each_phase_has_its_own_proportions_to_within_a_document(tmp_path):
    random = np.random.default_rng(2)
    documents = {name: random.integers(50, 400, 3000).tolist() for name in ("web", "books")}
    phases = [[300_000, 100_000], [50_000, 150_000], [90_000, 10_000]]
    write(tmp_path / "a", documents, Targets(phases))
    entries = entries_of(tmp_path / "a", list(documents))
    end = 0
    for web, books in phases:
        begin, end = end, end + web + books
        inside = {"web": 0, "books": 0}
        for source, _, _, tokens, start, _ in entries:
            inside[source] += max(0, min(end, start + tokens) - max(begin, start))
        assert abs(inside["web"] - web) <= 2 * 400
        assert abs(inside["books"] - books) <= 2 * 400


def test_shares_of_documents_are_met_to_the_document(tmp_path):
    random = np.random.default_rng(2)
    documents = {name: random.integers(1, size, 300).tolist() for name, size in (("web", 9), ("books", 4000))}
    found = write(tmp_path / "a", documents, Targets([[200, 450]], by_documents=True))
    entries = entries_of(tmp_path / "a", list(documents))
    assert Counter(entry[0] for entry in entries) == {"web": 200, "books": 450}
    assert found.tokens == tuple(sum(e[3] for e in entries if e[0] == name) for name in documents)
    assert all(entry[3] == documents[entry[0]][entry[1]] for entry in entries)


def test_documents_of_a_component_are_those_of_its_list_repeats_in_one_epoch(tmp_path):
    np.array([10, 20, 20, 30], "<i4").tofile(tmp_path / "lengths")
    np.array([7, 3, 3, 9], "<i8").tofile(tmp_path / "documents")
    population = Population("part", 5, 4, str(tmp_path / "lengths"), str(tmp_path / "documents"))
    write_order(str(tmp_path / "a"), [population], Targets([[160]]), 0)
    with Order.open(str(tmp_path / "a")) as order:
        (entries,) = list(order)
    assert Counter(zip(entries.epoch.tolist(), entries.document.tolist(), strict=True)) == {
        **{(epoch, document): 1 for epoch in (0, 1) for document in (7, 9)},
        **{(epoch, 3): 2 for epoch in (0, 1)},
    }
    assert set(entries.source.tolist()) == {5}


def in_windows(component: np.ndarray, tokens: np.ndarray, number: int, window: int) -> np.ndarray:
    """Tokens of a component in windows that begin an eighth of a window apart."""
    ends = np.concatenate([[0], np.cumsum(tokens)])
    given = np.concatenate([[0], np.cumsum(np.where(component == number, tokens, 0))])
    marks = np.arange(0, ends[-1] - window, window // 8)
    return np.interp(marks + window, ends, given) - np.interp(marks, ends, given)


def test_any_window_of_a_thousand_sequences_holds_the_mixture_better_than_a_shuffle(tmp_path):
    """Lengths as of real pages and books (log-normal), against the same documents in any order."""
    random = np.random.default_rng(3)
    sizes = {"web": (120_000, 6.3), "books": (400, 10.5), "code": (20_000, 6.8)}
    documents = {
        name: np.clip(random.lognormal(mean, 1.0, count), 8, 200_000).astype(int).tolist()
        for name, (count, mean) in sizes.items()
    }
    targets = {"web": 60_000_000, "books": 20_000_000, "code": 10_000_000}
    write(tmp_path / "a", documents, Targets([list(targets.values())]))
    with Order.open(str(tmp_path / "a")) as order:
        parts = list(order)
    component = np.concatenate([part.component for part in parts])
    tokens = np.concatenate([part.tokens for part in parts]).astype(np.int64)
    anyhow = random.permutation(len(tokens))
    window, longest = 1000 * 2048, sum(max(lengths) for lengths in documents.values())
    for number, target in enumerate(targets.values()):
        expected = window * target / sum(targets.values())
        ours = in_windows(component, tokens, number, window) - expected
        shuffled = in_windows(component[anyhow], tokens[anyhow], number, window) - expected
        assert np.abs(ours).max() <= longest  # half a document of each component at either end
        assert np.sqrt((ours**2).mean()) < 0.7 * np.sqrt((shuffled**2).mean())
