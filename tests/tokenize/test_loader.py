import json
import shutil
import subprocess
import sys
from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.errors import UserError
from gristmill.tokenize.shards import DamagedShards, TokenShards
from tests.tokenize.corpus import packed
from tests.tokenize.test_pack import pack

torch = pytest.importorskip("torch")
from gristmill.tokenize import TokenDataset  # noqa: E402


@pytest.fixture(scope="module")
def expected(folders) -> np.ndarray:
    return packed(folders["tokens"]).column("input_ids").combine_chunks().values.to_numpy().reshape(-1, 32)


@pytest.fixture(scope="module")
def padded(tmp_path_factory, corpus, folders) -> str:
    return str(pack(tmp_path_factory.mktemp("padded"), corpus, folders, packing="best_fit", sequence_length=64))


def ids(batches) -> list[list[int]]:
    return [row.tolist() for batch in batches for row in batch["input_ids"]]


def take(loader, count):
    return list(islice(loader, count))


def test_map_style_gives_every_sequence_in_order(folders, expected):
    data = TokenDataset(str(folders["tokens"]))
    assert len(data) == len(expected)
    assert data[3]["input_ids"].tolist() == expected[3].tolist()
    assert data[-1]["input_ids"].tolist() == expected[-1].tolist()
    assert data[0]["input_ids"].dtype == torch.int64
    loader = torch.utils.data.DataLoader(data, batch_size=16)
    assert ids(loader) == expected.tolist()


@pytest.mark.parametrize("workers", [0, 2])
def test_ranks_and_workers_together_read_every_sequence_once(folders, expected, workers):
    data = TokenDataset(str(folders["tokens"]))
    read = [ids(data.loader(3, rank=rank, ranks=2, workers=workers, epochs=1)) for rank in range(2)]
    whole = len(expected) // 6 * 6
    assert read == [expected[rank:whole:2].tolist() for rank in range(2)]


@pytest.mark.parametrize("workers", [0, 2])
def test_the_stream_gives_workers_and_ranks_different_samples(folders, expected, workers):
    data = TokenDataset(str(folders["tokens"]))
    found = []
    for rank in range(2):
        stream = data.stream(rank=rank, ranks=2, epochs=1)
        found += ids(torch.utils.data.DataLoader(stream, batch_size=4, num_workers=workers))
    assert sorted(found) == sorted(expected[: len(expected) // 2 * 2].tolist())


def test_a_stream_goes_on_where_it_was(folders, expected):
    data = TokenDataset(str(folders["tokens"]))
    stream = data.stream()
    first = take(stream, 7)
    again = data.stream()
    again.load_state_dict(stream.state_dict())
    rest = take(again, 5)
    assert [item["input_ids"].tolist() for item in first[:7] + rest] == expected[:12].tolist()


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(1, 30)), min_size=1, max_size=4),
    st.sampled_from([None, 0, 5]),
)
def test_resuming_on_other_ranks_repeats_and_leaves_out_nothing(folders, runs, shuffle):
    """runs: (ranks, batch size, steps) of one run after another, each from the state of the one before."""
    data = TokenDataset(str(folders["tokens"]), shuffle=shuffle)
    state, found = None, []
    for ranks, size, steps in runs:
        loaders = [data.loader(size, rank=rank, ranks=ranks) for rank in range(ranks)]
        for loader in loaders:
            if state is not None:
                loader.load_state_dict(json.loads(json.dumps(state)))
        batches = [[ids([batch]) for batch in take(loader, steps)] for loader in loaders]
        states = [loader.state_dict() for loader in loaders]
        assert all(other == states[0] for other in states)
        state = states[0]
        for step in range(steps):
            found += [batches[rank][step][n] for n in range(size) for rank in range(ranks)]
    straight = data.shards.take(data.sequence(np.arange(len(found)))).tolist()
    assert found == straight
    assert state["position"] == len(found)


def test_resuming_in_the_middle_with_workers_is_exact(folders):
    data = TokenDataset(str(folders["tokens"]), shuffle=3)
    loader = data.loader(4, workers=2)
    first = ids(take(loader, 5))  # the workers have read further than that
    again = data.loader(2, workers=1)
    again.load_state_dict(loader.state_dict())
    assert first + ids(take(again, 10)) == data.shards.take(data.sequence(np.arange(40))).tolist()


def test_every_epoch_is_a_permutation_of_its_own(folders, expected):
    data = TokenDataset(str(folders["tokens"]), shuffle=1)
    count = len(data)
    epochs = data.sequence(np.arange(3 * count)).reshape(3, count)
    assert all(sorted(epoch.tolist()) == list(range(count)) for epoch in epochs)
    assert len({tuple(epoch.tolist()) for epoch in epochs}) == 3
    other = TokenDataset(str(folders["tokens"]), shuffle=2)
    assert other.sequence(np.arange(count)).tolist() != epochs[0].tolist()


def test_a_state_of_another_data_set_is_refused(folders, padded):
    state = TokenDataset(padded).loader(2).state_dict()
    data = TokenDataset(str(folders["tokens"]))
    with pytest.raises(UserError, match=r"this state is of another data set than .*sequence_length 64, here 32"):
        data.loader(2).load_state_dict(state)
    with pytest.raises(UserError, match="shuffle None, here 1"):
        TokenDataset(padded, shuffle=1).loader(2).load_state_dict(state)
    with pytest.raises(UserError, match="not a state of token shards"):
        data.loader(2).load_state_dict({"epoch": 3})


def test_documents_can_be_told_apart(padded):
    plain = TokenShards.open(padded)
    positions = TokenDataset(padded, documents="positions")
    for number in range(10):
        lengths = plain.pieces(number)["document_lengths"]
        assert positions[number]["position_ids"].tolist() == [n for length in lengths for n in range(length)]
    (batch,) = take(TokenDataset(padded, documents="cu_seqlens").loader(3), 1)
    lengths = [length for number in range(3) for length in plain.pieces(number)["document_lengths"]]
    assert batch["cu_seqlens"].tolist() == [0, *np.cumsum(lengths).tolist()]
    assert batch["cu_seqlens"].dtype == torch.int32
    assert batch["max_seqlen"] == max(lengths)
    assert batch["input_ids"].shape == (1, 3 * 64)


def test_padding_is_masked_from_the_loss(padded):
    data = TokenDataset(padded)
    masked = sum(int((~item["loss_mask"]).sum()) for item in (data[n] for n in range(len(data))))
    assert masked == data.shards.index["padding"] > 0
    assert "loss_mask" not in TokenDataset(padded, loss_mask=False)[0]


def test_a_missing_a_cut_and_a_changed_shard_are_named(folders, tmp_path):
    copy = tmp_path / "tokens"
    shutil.copytree(folders["tokens"], copy)
    shard = sorted((copy / "shards").glob("*.arrow"))[1]
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    with pytest.raises(DamagedShards, match=rf"{shard.name}: its checksum is .*, the index says"):
        list(TokenShards.open(str(copy)).verify())
    shard.write_bytes(content[:-100])
    with pytest.raises(DamagedShards, match=rf"{shard.name}: .* bytes, the index says"):
        TokenDataset(str(copy))
    shard.unlink()
    with pytest.raises(DamagedShards, match=rf"{shard.name}: missing, though the index lists it"):
        TokenDataset(str(copy))
    with pytest.raises(UserError, match=r"no index.json here"):
        TokenDataset(str(tmp_path))


def test_sound_shards_verify(folders):
    assert (
        len(list(TokenShards.open(str(folders["tokens"])).verify()))
        == len(TokenShards.open(str(folders["tokens"])).entries) + 1
    )


def test_without_torch_the_error_says_what_to_install():
    code = "import sys; sys.modules['torch'] = None; from gristmill.tokenize import TokenShards, TokenDataset"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "ImportError: gristmill.tokenize.TokenDataset needs PyTorch: pip install 'gristmill[torch]'" in found.stderr
