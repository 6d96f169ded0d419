import json
from collections import defaultdict

import pytest

from gristmill.mixtures.plan import read_plan
from tests.tokenize.corpus import packed, shard_paths
from tests.tokenize.test_pack import HALF, ordered_documents, pack


@pytest.fixture(scope="module", params=["best_fit", "padded"])
def whole(request, tmp_path_factory, corpus, folders):
    """Folders of the nodes, `tokens` packed without cutting documents that fit into a row."""
    out = tmp_path_factory.mktemp(request.param)
    return {**folders, "tokens": pack(out, corpus, folders, mixture=HALF, packing=request.param, sequence_length=128)}


def pieces(table) -> list[tuple[int, list[int], dict]]:
    """(row, ids, the piece's columns) of every piece."""
    found = []
    for number, row in enumerate(table.to_pylist()):
        place = 0
        names = ["document_ids", "document_offsets", "document_numbers", "sources", "trained"]
        for length, *values in zip(row["document_lengths"], *(row[name] for name in names), strict=True):
            found.append((number, row["input_ids"][place : place + length], dict(zip(names, values, strict=True))))
            place += length
        assert place == 128
    return found


def test_every_token_of_every_document_is_there_and_none_that_fits_is_cut(whole, corpus):
    expected = defaultdict(list)
    for source, name, ids in ordered_documents(whole, corpus, whole["tokens"]):
        for start in range(0, len(ids), 128):
            expected[source, name, start].append(ids[start : start + 128])
    found = defaultdict(list)
    for _, ids, piece in pieces(packed(whole["tokens"])):
        if piece["trained"]:
            found[piece["sources"], piece["document_ids"], piece["document_offsets"]].append(ids)
    assert {key: sorted(value) for key, value in found.items()} == {k: sorted(v) for k, v in expected.items()}


def test_padding_is_a_piece_of_no_document_at_the_end_of_a_row(whole):
    index = json.loads((whole["tokens"] / "index.json").read_text())
    found = pieces(packed(whole["tokens"]))
    padding = [(row, ids, piece) for row, ids, piece in found if not piece["trained"]]
    assert padding
    for _, ids, piece in padding:
        assert set(ids) == {index["tokenizer"]["pad_id"]}
        assert piece["document_ids"] is piece["sources"] is None
        assert piece["document_numbers"] == -1
    assert len({row for row, _, _ in padding}) == len(padding)
    assert sum(len(ids) for _, ids, _ in padding) == index["padding"]
    assert index["tokens"] == read_plan(str(whole["tokens"])).tokens
    assert index["dropped_tokens"] == 0
    assert index["tokens"] + index["padding"] == index["sequences"] * 128


def test_best_fit_pads_little_and_keeps_the_order_of_the_mixture(tmp_path, corpus, folders):
    tokens = pack(tmp_path, corpus, folders, packing="best_fit", sequence_length=512, shard_sequences=1000)
    index = json.loads((tokens / "index.json").read_text())
    assert index["padding"] < 0.02 * index["tokens"]
    order = {name: place for place, (_, name, _) in enumerate(ordered_documents(folders, corpus, tokens))}
    firsts = [min(order[n] for n in row if n) for row in packed(tokens).column("document_ids").to_pylist()]
    assert firsts == sorted(firsts)


def test_shards_of_best_fit_do_not_depend_on_batches(whole, tmp_path, corpus, folders, monkeypatch):
    packing = json.loads((whole["tokens"] / "index.json").read_text())["packing"]
    monkeypatch.setattr("gristmill.tokenize.pack.BATCH_TOKENS", 1000)
    again = pack(tmp_path, corpus, folders, mixture=HALF, packing=packing, sequence_length=128)
    assert packed(again).equals(packed(whole["tokens"]))
    assert len(shard_paths(again)) > 1
