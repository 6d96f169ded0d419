"""Exports are read back by the library they are for where it is installed, and byte by byte in any case."""

import csv
import gzip
import json
import struct
from pathlib import Path

import numpy as np
import pytest

from gristmill.errors import UserError
from gristmill.tokenize.exports import FORMATS, export
from gristmill.tokenize.shards import TokenShards
from tests.tokenize.test_pack import HALF, ordered_documents, pack


@pytest.fixture(scope="module", params=["concat", "best_fit"])
def shards(request, tmp_path_factory, corpus, folders) -> TokenShards:
    out = tmp_path_factory.mktemp(request.param)
    return TokenShards.open(str(pack(out, corpus, folders, mixture=HALF, packing=request.param)))


@pytest.fixture(scope="module")
def exported(shards, tmp_path_factory) -> dict[str, str]:
    out = tmp_path_factory.mktemp("exports")
    for name in FORMATS:
        tokens = export(shards, name, str(out / name))
        assert tokens == shards.index["tokens"] + (shards.index["padding"] if name == "mds" else 0)
    return {name: str(out / name) for name in FORMATS}


@pytest.fixture(scope="module")
def stream(shards) -> list[np.ndarray]:
    """Trained ids of every shard, end to end."""
    found = []
    for number in range(len(shards.entries)):
        rows = range(int(shards.firsts[number]), int(shards.firsts[number + 1]))
        masks = [np.repeat(p["trained"], p["document_lengths"]) for p in map(shards.pieces, rows)]
        found.append(shards.ids(rows.start, rows.stop)[np.array(masks)])
    return found


@pytest.fixture(scope="module")
def lengths(shards) -> list[list[int]]:
    """Tokens of the documents of every shard, joined the slow way."""
    found = []
    for number in range(len(shards.entries)):
        own: list[int] = []
        last = None
        for row in range(int(shards.firsts[number]), int(shards.firsts[number + 1])):
            pieces = shards.pieces(row)
            for k, tokens in enumerate(pieces["document_lengths"]):
                if not pieces["trained"][k]:
                    continue
                here = (pieces["sources"][k], pieces["document_numbers"][k], pieces["document_offsets"][k])
                if here == last and here[2] > 0:
                    own[-1] += tokens
                else:
                    own.append(tokens)
                last = (*here[:2], here[2] + tokens)
        found.append(own)
    return found


def labels(shards) -> list[str]:
    return [entry.label for entry in shards.entries]


def test_concatenated_documents_come_whole(shards, lengths, corpus, folders):
    if shards.index["packing"] == "concat":
        whole = [len(ids) for _, _, ids in ordered_documents(folders, corpus, Path(shards.folder))]
        assert lengths[0][:-1] == whole[: len(lengths[0]) - 1]


def test_megatron_byte_by_byte(shards, exported, stream, lengths):
    for label, ids, own in zip(labels(shards), stream, lengths, strict=True):
        index = Path(f"{exported['megatron']}/{label}.idx").read_bytes()
        assert index[:9] == b"MMIDIDX\x00\x00"
        version, code, sequences, documents = struct.unpack("<QBQQ", index[9:34])
        assert (version, code, sequences, documents) == (1, 8, len(own), len(own) + 1)
        assert np.frombuffer(index, "<i4", sequences, 34).tolist() == own
        pointers = np.frombuffer(index, "<i8", sequences, 34 + 4 * sequences)
        assert pointers.tolist() == [2 * n for n in np.cumsum([0, *own[:-1]]).tolist()]
        assert np.frombuffer(index, "<i8", -1, 34 + 12 * sequences).tolist() == list(range(documents))
        assert np.fromfile(f"{exported['megatron']}/{label}.bin", "<u2").tolist() == ids.tolist()


def test_megatron_reads_it(shards, exported, stream, lengths):
    why = "Megatron Core is not installed: pip install megatron-core"
    indexed = pytest.importorskip("megatron.core.datasets.indexed_dataset", reason=why, exc_type=ImportError)
    for label, ids, own in zip(labels(shards), stream, lengths, strict=True):
        data = indexed.IndexedDataset(f"{exported['megatron']}/{label}")
        assert [len(data[k]) for k in range(len(data))] == own
        assert np.concatenate([data[k] for k in range(len(data))]).tolist() == ids.tolist()


def test_a_large_vocabulary_is_int32_for_megatron(tmp_path, corpus, folders):
    found = TokenShards.open(str(pack(tmp_path / "t", corpus, folders)))
    found.index["tokenizer"]["vocabulary"] = 65_500
    export(found, "megatron", str(tmp_path / "out"))
    label = found.entries[0].label
    assert (tmp_path / "out" / f"{label}.idx").read_bytes()[17] == 4
    ids = np.fromfile(tmp_path / "out" / f"{label}.bin", "<i4")
    assert ids.tolist() == found.ids(0, found.entries[0].sequences).reshape(-1).tolist()


def test_dolma_maps_and_lists_every_document(shards, exported, stream, lengths):
    for label, ids, own in zip(labels(shards), stream, lengths, strict=True):
        assert np.memmap(f"{exported['dolma']}/{label}.npy", "<u2", "r").tolist() == ids.tolist()
        with gzip.open(f"{exported['dolma']}/{label}.csv.gz", "rt") as lines:
            rows = list(csv.reader(lines))
        assert [int(end) - int(start) for start, end, *_ in rows] == own
        assert int(rows[-1][1]) == len(ids)
        assert all(row[3] in ("web", "books") and len(row[2]) == 32 for row in rows)


def test_olmo_core_reads_it(shards, exported, stream, lengths, tmp_path):
    why = "OLMo-core is not installed: pip install ai2-olmo-core (it needs torch below 2.14)"
    data = pytest.importorskip("olmo_core.data.numpy_dataset", reason=why, exc_type=ImportError)
    indices = pytest.importorskip("olmo_core.data.utils", reason=why, exc_type=ImportError)
    about = shards.index["tokenizer"]
    paths = [f"{exported['dolma']}/{label}.npy" for label in labels(shards)]
    dataset = data.NumpyFSLDataset(
        *paths,
        sequence_length=16,
        pad_token_id=about["pad_id"],
        eos_token_id=about["eos_id"],
        vocab_size=about["vocabulary"],
        dtype=np.dtype(shards.index["dtype"]).type,
    )
    dataset.work_dir = tmp_path
    expected = np.concatenate([ids[: len(ids) // 16 * 16] for ids in stream])  # it drops what fills no sequence
    found = np.concatenate([dataset[k]["input_ids"].numpy() for k in range(len(dataset))])
    assert found.tolist() == expected.tolist()
    for path, own in zip(paths, lengths, strict=True):
        assert [end - start for start, end in indices.iter_document_indices(path, use_array_if_local=False)] == own


def test_olmo_reads_it(shards, exported, stream):
    why = "OLMo is not installed: pip install ai2-olmo"
    memmap = pytest.importorskip("olmo.data.memmap_dataset", reason=why, exc_type=ImportError)
    paths = [f"{exported['dolma']}/{label}.npy" for label in labels(shards)]
    dataset = memmap.MemMapDataset(*paths, chunk_size=16, memmap_dtype=np.dtype(shards.index["dtype"]).type)
    expected = np.concatenate([ids[: len(ids) // 16 * 16] for ids in stream])
    found = np.concatenate([dataset[k]["input_ids"].numpy() for k in range(len(dataset))])
    assert found.tolist() == expected.tolist()


def test_datatrove_reads_it(shards, exported, stream, lengths):
    pytest.importorskip("torch")
    dataset = pytest.importorskip("datatrove.utils.dataset")
    for label, ids, own in zip(labels(shards), stream, lengths, strict=True):
        path = f"{exported['datatrove']}/{label}.ds"
        data = dataset.DatatroveFileDataset(path, 15, 2)
        found = np.concatenate([data[k]["input_ids"].numpy() for k in range(len(data))])
        assert found.tolist() == ids[: len(found)].tolist()
        assert len(ids) - len(found) < 16
        assert np.fromfile(path + ".index", "<u8").tolist() == np.cumsum(own).tolist()
        assert Path(path + ".metadata").read_text().split("\n")[:2] == ["tokenizer.json|2", str(len(ids))]


def read_mds(folder: str) -> list[dict[str, bytes]]:
    """Samples as raw columns, from the description of the format alone."""
    samples = []
    for shard in json.loads(Path(f"{folder}/index.json").read_text())["shards"]:
        data = Path(f"{folder}/{shard['raw_data']['basename']}").read_bytes()
        assert len(data) == shard["raw_data"]["bytes"]
        (count,) = np.frombuffer(data, "<u4", 1)
        assert count == shard["samples"]
        offsets = np.frombuffer(data, "<u4", count + 1, 4)
        config = json.loads(data[4 + 4 * (count + 1) : offsets[0]])
        assert config["column_names"] == shard["column_names"]
        for start, end in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True):
            sample, place = {}, start + 4 * sum(size is None for size in config["column_sizes"])
            heads = iter(np.frombuffer(data[start:place], "<u4").tolist())
            for name, size in zip(config["column_names"], config["column_sizes"], strict=True):
                size = size or next(heads)
                sample[name] = data[place : place + size]
                place += size
            assert place == end
            samples.append(sample)
    return samples


def test_mds_byte_by_byte(shards, exported):
    samples = read_mds(exported["mds"])
    assert len(samples) == len(shards)
    for number, sample in enumerate(samples):
        pieces = shards.pieces(number)
        assert np.frombuffer(sample["tokens"], "<u2").tolist() == shards.ids(number, number + 1)[0].tolist()
        assert sample["document_lengths"][:2] == bytes([4, len(pieces["document_lengths"])])
        assert np.frombuffer(sample["document_lengths"][2:], "<i4").tolist() == pieces["document_lengths"]
        if shards.masked:
            mask = np.repeat(pieces["trained"], pieces["document_lengths"])
            assert np.frombuffer(sample["loss_mask"], np.uint8).tolist() == mask.tolist()


def test_mosaicml_reads_it(shards, exported):
    why = "MosaicML's streaming is not installed: pip install mosaicml-streaming (it needs numpy below 2.2)"
    mds = pytest.importorskip("streaming.base.format.mds.reader", reason=why, exc_type=ImportError)
    index = json.loads(Path(f"{exported['mds']}/index.json").read_text())
    found = []
    for about in index["shards"]:
        reader = mds.MDSReader.from_json(exported["mds"], None, about)
        found += [reader[k]["tokens"] for k in range(reader.size)]
    assert np.array_equal(np.array(found), shards.ids(0, len(shards)))


def test_mds_shards_keep_to_their_size(shards, tmp_path, monkeypatch):
    monkeypatch.setattr("gristmill.tokenize.exports.mds.SIZE_LIMIT", 5000)
    export(shards, "mds", str(tmp_path))
    assert len(list(tmp_path.glob("*.mds"))) > 2
    assert len(read_mds(str(tmp_path))) == len(shards)


def test_exporting_twice_gives_the_same_bytes(shards, exported, tmp_path):
    for name, folder in exported.items():
        export(shards, name, str(tmp_path / name))
        for path in (tmp_path / name).iterdir():
            assert path.read_bytes() == Path(f"{folder}/{path.name}").read_bytes()


def test_an_unknown_format_and_a_full_folder_are_refused(shards, exported, tmp_path):
    with pytest.raises(UserError, match=r"no export format 'megatorn'. Did you mean 'megatron'"):
        export(shards, "megatorn", str(tmp_path))
    with pytest.raises(UserError, match="the folder is not empty"):
        export(shards, "megatron", exported["megatron"])
