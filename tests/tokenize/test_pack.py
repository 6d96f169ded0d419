import hashlib
import json
import shutil
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.commit import Commit
from gristmill.dataset import ShardRef
from gristmill.errors import UserError
from gristmill.mixtures.order import Order
from gristmill.mixtures.plan import read_plan
from gristmill.mixtures.spec import Mixture
from gristmill.pipeline.fingerprint import describe, fingerprint
from gristmill.stage import Scope
from gristmill.tokenize import sequences
from gristmill.tokenize.pack import Pack
from gristmill.tokenize.settings import Tokenize, TrainSettings, nodes
from tests.stages import run_phases, write_shard
from tests.tokenize.corpus import encoded_documents, packed, run_nodes, shard_paths

HALF = Mixture(weights={"web": 0.5, "books": 0.5}, max_epochs=2.5)


def ordered_documents(folders: dict[str, Path], corpus, tokens: Path) -> list[tuple[str, str, list[int]]]:
    """(source, id, token ids) in the order of the mixture, read the plain way."""
    rows = json.loads((tokens / "mixture.json").read_text())["rows"]
    found = {
        row["source"]: [
            (row["source"], name, ids)
            for shard in corpus[row["source"]]
            for name, _, ids in encoded_documents(folders[f"encode.{row['source']}"], shard.name)
        ]
        for row in rows
    }
    with Order.open(str(tokens / "order.arrow")) as order:
        parts = list(order)
    documents = []
    for part in parts:
        for number, document, count in zip(part.source, part.document, part.tokens, strict=True):
            source, name, ids = found[rows[number]["source"]][document]
            documents.append((source, name, ids[:count]))
    return documents


@pytest.fixture(scope="module", params=["every source once", "half and half with repeats"])
def mixed(request, tmp_path_factory, corpus, folders):
    """Folders of the nodes, `tokens` packed with one or the other mixture."""
    if request.param == "every source once":
        return folders
    return {**folders, "tokens": pack(tmp_path_factory.mktemp("mixed"), corpus, folders, mixture=HALF)}


def pack(folder: Path, corpus, folders, **settings) -> Path:
    stage = Pack(**{"sources": tuple(corpus), "sequence_length": 32, "shard_sequences": 100, **settings})
    shards = [shard for found in corpus.values() for shard in found]
    run_phases(stage, shards, folder, inputs={name: str(path) for name, path in folders.items() if name != "tokens"})
    return folder


def test_the_rows_are_the_ordered_documents_token_for_token(mixed, corpus):
    ids = packed(mixed["tokens"]).column("input_ids").combine_chunks().values.to_pylist()
    expected = [*chain.from_iterable(ids for _, _, ids in ordered_documents(mixed, corpus, mixed["tokens"]))]
    assert len(ids) == len(expected) // 32 * 32
    assert ids == expected[: len(ids)]


def test_every_row_says_which_part_of_which_document_stands_where(mixed, corpus):
    known = {name: (source, ids) for source, name, ids in ordered_documents(mixed, corpus, mixed["tokens"])}
    for source, shards in corpus.items():  # the whole documents, also those whose last entry is cut
        for shard in shards:
            for name, _, ids in encoded_documents(mixed[f"encode.{source}"], shard.name):
                known[name] = (source, ids)
    for row in packed(mixed["tokens"]).to_pylist():
        assert sum(row["document_lengths"]) == 32
        place = 0
        pieces = [row[name] for name in ("document_lengths", "document_offsets", "document_ids", "sources")]
        for length, offset, name, source in zip(*pieces, strict=True):
            assert known[name][0] == source
            assert row["input_ids"][place : place + length] == known[name][1][offset : offset + length]
            place += length


def test_shares_and_budget_are_met_to_the_token(mixed, corpus):
    plan = read_plan(str(mixed["tokens"]))
    given_tokens = dict.fromkeys(corpus, 0)
    for source, _, ids in ordered_documents(mixed, corpus, mixed["tokens"]):
        given_tokens[source] += len(ids)
    assert given_tokens == plan.targets
    index = json.loads((mixed["tokens"] / "index.json").read_text())
    assert index["tokens"] + index["dropped_tokens"] == plan.tokens
    assert 0 <= index["dropped_tokens"] < 32


def test_rows_count_pieces_of_each_source_in_its_share(mixed, corpus):
    plan = read_plan(str(mixed["tokens"]))
    seen = dict.fromkeys(corpus, 0)
    for row in packed(mixed["tokens"]).select(["document_lengths", "sources"]).to_pylist():
        for length, source in zip(row["document_lengths"], row["sources"], strict=True):
            seen[source] += length
    for row in plan.rows:
        assert abs(seen[row.source] - row.taken) < 32  # what the last, unfinished sequence held


def test_the_index_vouches_for_every_shard(mixed):
    from gristmill.commit import checksum

    index = json.loads((mixed["tokens"] / "index.json").read_text())
    assert [str(mixed["tokens"] / entry["name"]) for entry in index["shards"]] == shard_paths(mixed["tokens"])
    for entry in index["shards"]:
        path = str(mixed["tokens"] / entry["name"])
        assert entry["checksum"] == f"xxh3-128:{checksum(path)}"
        assert pa.ipc.open_file(path).read_all().num_rows == entry["sequences"]
    assert index["sequences"] == packed(mixed["tokens"]).num_rows
    assert (mixed["tokens"] / "tokenizer.json").read_bytes() == (mixed["tokenizer"] / "tokenizer.json").read_bytes()


def test_the_schema_says_what_made_the_tokens(mixed):
    schema = pa.ipc.open_file(shard_paths(mixed["tokens"])[0]).schema
    index = json.loads((mixed["tokens"] / "index.json").read_text())
    assert schema.field("input_ids").type.list_size == 32
    assert schema.field("input_ids").type.value_type == pa.uint16()
    assert schema.metadata[b"tokenizer"].decode() == index["tokenizer"]["checksum"]
    assert schema.metadata[b"eos"] == b"<|endoftext|>"
    assert schema.metadata[b"sources"].decode().split("\n") == list(index["sources"])


def test_shards_are_mapped_not_read(mixed):
    before = pa.total_allocated_bytes()
    table = pa.ipc.open_file(pa.memory_map(shard_paths(mixed["tokens"])[0])).read_all()
    assert table.num_rows
    assert pa.total_allocated_bytes() - before < 4096


def files(folder: Path) -> dict[str, str]:
    """Checksum of every file that is not a receipt."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith(".receipt.json")
    }


def pack_backwards(folder: str, corpus, inputs: dict[str, str]) -> None:
    """Packs with the tasks of every phase backwards, then once more over what is there."""
    shards = tuple(shard for found in corpus.values() for shard in found)
    scope = Scope(shards, tuple(shard.rows for shard in shards), folder, 1 << 30, inputs)
    stage = Pack(sources=tuple(corpus), sequence_length=32, shard_sequences=100, mixture=HALF)
    for phase in stage.phases(scope):
        for task in (*phase.tasks[::-1], *phase.tasks):
            with Commit(phase.folder, task.name) as commit:
                task.run(commit)


def test_shards_are_the_same_in_whatever_order_they_are_written(tmp_path, corpus, folders):
    pack(tmp_path / "a", corpus, folders, mixture=HALF)
    pack_backwards(str(tmp_path / "b"), corpus, {name: str(path) for name, path in folders.items()})
    assert files(tmp_path / "a") == files(tmp_path / "b")


def test_remote_folders_come_to_the_same_shards(tmp_path, corpus, folders):
    import fsspec

    remote = fsspec.filesystem("memory")
    inputs = {}
    for name in ("tokenizer", "encode.web", "encode.books"):
        remote.put(str(folders[name]), f"/pack/{name}", recursive=True)
        inputs[name] = f"memory://pack/{name}"
    pack_backwards("memory://pack/tokens", corpus, inputs)
    remote.get("/pack/tokens", str(tmp_path / "b"), recursive=True)
    remote.rm("/pack", recursive=True)
    pack(tmp_path / "a", corpus, folders, mixture=HALF)
    assert files(tmp_path / "a") == files(tmp_path / "b")


@settings(deadline=None, max_examples=10)
@given(
    rows=st.integers(7, 400),
    length=st.sampled_from([1, 7, 32, 513]),
    batch=st.sampled_from([300, 5000, 1 << 22]),
)
def test_shard_and_batch_sizes_do_not_change_the_stream(tmp_path_factory, corpus, folders, rows, length, batch):
    stream = packed(folders["tokens"]).column("input_ids").combine_chunks().values.to_numpy()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gristmill.tokenize.pack.BATCH_TOKENS", batch if length > 1 else 1 << 22)
        if length == 1:
            rows *= 100
        found = pack(tmp_path_factory.mktemp("p"), corpus, folders, sequence_length=length, shard_sequences=rows)
    ids = packed(found).column("input_ids").combine_chunks().values.to_numpy()
    shorter = min(len(stream), len(ids))
    assert abs(len(stream) - len(ids)) < max(32, length)
    assert (ids[:shorter] == stream[:shorter]).all()


def test_another_mixture_encodes_nothing_again():
    settings = Tokenize(train=TrainSettings(vocabulary=500))
    before = {node.name: node.stage for node in nodes(None, settings, ["web", "books"])}
    after = {node.name: node.stage for node in nodes(HALF, settings, ["web", "books"])}
    assert list(after) == ["tokenizer", "encode.web", "encode.books", "tokens"]
    assert {name for name in after if after[name] != before[name]} == {"tokens"}


def test_only_sources_of_the_mixture_are_encoded(tokenizer_json):
    found = nodes(Mixture(weights={"books": 1}), Tokenize(tokenizer=tokenizer_json), ["web", "books"])
    assert [(node.name, node.needs, node.sources) for node in found] == [
        ("encode.books", (), ("books",)),
        ("tokens", ("encode.books",), ("books",)),
    ]


def test_another_tokenizer_under_the_same_name_is_another_stage(tmp_path, tokenizer_json):
    def fingerprints() -> list[str]:
        found = nodes(None, Tokenize(tokenizer=str(tmp_path / "tokenizer.json")), ["web"])
        return [fingerprint(describe(node.stage)) for node in found]

    shutil.copy(tokenizer_json, tmp_path / "tokenizer.json")
    before = fingerprints()
    (tmp_path / "tokenizer.json").write_text(Path(tokenizer_json).read_text() + "\n")
    assert [old == new for old, new in zip(before, fingerprints(), strict=True)] == [False, False]


def test_an_unknown_source_in_the_mixture_is_answered_with_the_nearest(tokenizer_json):
    with pytest.raises(UserError, match=r"Did you mean 'books'\?"):
        nodes(Mixture(weights={"boks": 1}), Tokenize(tokenizer=tokenizer_json), ["web", "books"])


def test_a_source_without_survivors_stops_a_mixture_that_wants_it(tmp_path, corpus, tokenizer_json):
    gone = write_shard(tmp_path, "gone", "gone-0", ["dropped"], dropped=[0])
    settings = Tokenize(tokenizer=tokenizer_json, sequence_length=32)
    with pytest.raises(UserError, match="wants tokens of 'gone', but none of its documents is left"):
        run_nodes(
            tmp_path,
            {**corpus, "gone": [gone]},
            settings,
            Mixture(weights={"web": 0.5, "gone": 0.5}, tokens=100),
        )


def test_a_source_without_survivors_is_no_trouble_without_a_mixture(tmp_path, corpus, tokenizer_json):
    gone = write_shard(tmp_path, "gone", "gone-0", ["dropped"], dropped=[0])
    settings = Tokenize(tokenizer=tokenizer_json, sequence_length=32)
    folders = run_nodes(tmp_path, {"gone": [gone], **corpus}, settings)
    assert read_plan(str(folders["tokens"])).rows[0].taken == 0
    assert packed(folders["tokens"]).num_rows


def test_fewer_tokens_than_one_sequence_are_refused(tmp_path, corpus, folders):
    with pytest.raises(UserError, match="less than one sequence of 1,000,000"):
        pack(tmp_path, corpus, folders, sequence_length=1_000_000)


def test_sources_encoded_differently_are_refused(tmp_path, corpus, folders, tokenizer_json):
    from gristmill.tokenize.encode import Encode

    run_phases(Encode(tokenizer=tokenizer_json, eos=None), corpus["books"], tmp_path / "other")
    with pytest.raises(UserError, match="'web' and 'books' were encoded with different tokenizers or settings"):
        pack(tmp_path / "out", corpus, {**folders, "encode.books": tmp_path / "other"})


def test_documents_longer_than_a_batch_are_packed_whole(tmp_path, tokenizer_json, monkeypatch):
    monkeypatch.setattr("gristmill.tokenize.pack.BATCH_TOKENS", 64)
    corpus: dict[str, list[ShardRef]] = {"web": [write_shard(tmp_path, "web", "web-0", ["ba co du " * 400, "fe"])]}
    folders = run_nodes(tmp_path, corpus, Tokenize(tokenizer=tokenizer_json, sequence_length=16))
    ids = packed(folders["tokens"]).column("input_ids").combine_chunks().values.to_pylist()
    expected = [*chain.from_iterable(ids for _, _, ids in ordered_documents(folders, corpus, folders["tokens"]))]
    assert ids == expected[: len(ids)]
    assert np.all(np.array(packed(folders["tokens"]).column("document_offsets").combine_chunks().values) >= 0)
    assert sequences.BATCH_TOKENS > 64
