import shutil
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from gristmill.commit import read_receipt
from gristmill.errors import UserError
from gristmill.report.encoding import encoding_summary, encoding_text
from gristmill.tokenize import encode as encode_module
from gristmill.tokenize import engines, fast_engines
from gristmill.tokenize.encode import Encode
from gristmill.tokenize.encoded import FOLDER, EncodedShard, EncodedSource, check_checksum
from gristmill.tokenize.engines import Checked, Unusable, open_engine, pieces
from gristmill.tokenize.tokenizer_file import TokenizerFile
from tests.stages import run_phases, write_shard
from tests.tokenize.corpus import encoded_documents, made_up_texts, surviving, write_all


def test_survivors_are_encoded_in_input_order_each_with_an_end_token(folders, corpus, tokenizer_json):
    reference = Tokenizer.from_file(tokenizer_json)
    for source, shards in corpus.items():
        for shard in shards:
            expected = [(name, row, [*reference.encode(text).ids, 0]) for name, row, text in surviving(shard)]
            assert encoded_documents(folders[f"encode.{source}"], shard.name) == expected


def test_the_receipt_counts_documents_tokens_and_bytes(folders, corpus):
    shard = corpus["web"][0]
    receipt = read_receipt(str(folders["encode.web"] / FOLDER), shard.name)
    documents = encoded_documents(folders["encode.web"], shard.name)
    assert receipt.counts == {
        "documents": 119,
        "tokens": sum(len(ids) for _, _, ids in documents),
        "bytes": sum(len(text.encode()) for _, _, text in surviving(shard)),
        "empty": 0,
        "bos_once": 0,
        "eos_once": 119,
        "engine.gigatoken": 1,
    }


def encode(tmp_path, tokenizer_json, texts, **settings) -> list[list[int]]:
    shard = write_shard(tmp_path, "web", "web-0", texts)
    run_phases(Encode(tokenizer=tokenizer_json, **settings), [shard], tmp_path / "out")
    return [ids for _, _, ids in encoded_documents(tmp_path / "out", "web-0")]


def test_begin_and_end_tokens_are_as_asked_for(tmp_path, tokenizer_json):
    (ids,) = encode(tmp_path, tokenizer_json, ["ba co"], bos="<|endoftext|>", eos=None)
    assert ids == [0, *Tokenizer.from_file(tokenizer_json).encode("ba co").ids]


def test_a_page_that_spells_out_the_end_token_does_not_end(tmp_path, tokenizer_json):
    text = "before <|endoftext|> after"
    (ids,) = encode(tmp_path, tokenizer_json, [text])
    assert ids.count(0) == 1
    assert Tokenizer.from_file(tokenizer_json).decode(ids[:-1]) == text


def test_empty_documents_are_counted_and_left_out(tmp_path, tokenizer_json):
    assert len(encode(tmp_path, tokenizer_json, ["ba", "", "co"])) == 2
    assert read_receipt(str(tmp_path / "out" / FOLDER), "web-0").counts["empty"] == 1


def test_a_small_vocabulary_takes_two_bytes_an_id(folders, corpus):
    shard = corpus["web"][0].name
    receipt = read_receipt(str(folders["encode.web"] / FOLDER), shard)
    assert (folders["encode.web"] / FOLDER / f"{shard}.ids").stat().st_size == 2 * receipt.counts["tokens"]


def test_wider_ids_are_the_same_ids(tmp_path, tokenizer_json, folders, corpus):
    run_phases(Encode(tokenizer=tokenizer_json, dtype="uint32"), corpus["web"], tmp_path)
    for shard in corpus["web"]:
        assert encoded_documents(tmp_path, shard.name) == encoded_documents(folders["encode.web"], shard.name)


def large_vocabulary(path) -> str:
    from tokenizers import models

    Tokenizer(models.WordLevel({f"w{n}": n for n in range(65_537)}, unk_token="w0")).save(str(path))
    return str(path)


def test_a_vocabulary_past_two_bytes_is_stored_in_four_or_refused(tmp_path):
    file = TokenizerFile.read(large_vocabulary(tmp_path / "tokenizer.json"))
    assert file.dtype("auto") == np.uint32
    with pytest.raises(UserError, match="go up to 65,536, past uint16"):
        file.dtype("uint16")


@pytest.mark.parametrize("content", [b"{}", b"not json", b"\xff\xfe", b'{"model": {"type": "BPE"}}'])
def test_a_file_that_is_no_tokenizer_is_named(tmp_path, content):
    (tmp_path / "tokenizer.json").write_bytes(content)
    with pytest.raises(UserError, match=r"tokenizer.json: not a tokenizer file"):
        Encode(tokenizer=str(tmp_path / "tokenizer.json")).check()


def test_a_missing_tokenizer_is_named(tmp_path):
    with pytest.raises(UserError, match=r"gone.json: no such file"):
        Encode(tokenizer=str(tmp_path / "gone.json")).check()


def test_an_end_token_the_tokenizer_lacks_is_named(tokenizer_json):
    with pytest.raises(UserError, match=r"has no token '<\|endoftxt\|>'. Did you mean '<\|endoftext\|>'\?"):
        Encode(tokenizer=tokenizer_json, eos="<|endoftxt|>").check()


def test_padding_and_truncation_in_the_file_are_ignored(tmp_path, tokenizer_json):
    padded = Tokenizer.from_file(tokenizer_json)
    padded.enable_truncation(4)
    padded.enable_padding(length=8)
    padded.save(str(tmp_path / "tokenizer.json"))
    texts = made_up_texts(5, 20)
    plain, other = (
        open_engine("reference", TokenizerFile.read(path))
        for path in (tokenizer_json, str(tmp_path / "tokenizer.json"))
    )
    assert np.array_equal(plain.encode(texts)[0], other.encode(texts)[0])


def test_long_documents_encode_in_pieces_to_the_same_ids(tokenizer_json, monkeypatch):
    engine = open_engine("reference", TokenizerFile.read(tokenizer_json))
    texts = made_up_texts(7, 40, longest=2000)
    whole, lengths = engine.encode(texts)
    monkeypatch.setattr(engines, "PIECE_CHARACTERS", 1000)
    assert any(len(text) > 1000 for text in texts)
    pieced, pieced_lengths = engine.encode(texts)
    assert np.array_equal(pieced, whole)
    assert np.array_equal(pieced_lengths, lengths)


HARD = st.text(max_size=60) | st.sampled_from(["<|endoftext|>", "a </s>b <s>", "é12 345\r\n  x's", "٣1²", "$ (  )  12"])


@pytest.fixture(scope="session")
def tokenizers(tmp_path_factory) -> dict[str, TokenizerFile]:
    """One tokenizer of every format, trained or made here."""
    folder = tmp_path_factory.mktemp("tokenizers")
    return {
        name: TokenizerFile.read(path, "r50k_base" if "tiktoken" in path else None) for name, path in write_all(folder)
    }


@pytest.mark.parametrize("name", ["byte_bpe", "falcon", "gpt2", "llama", "tiktoken"])
@pytest.mark.parametrize("engine", ["gristmill", "fastokens", "gigatoken"])
def test_a_fast_engine_gives_the_ids_of_the_reference_or_is_passed_over(tokenizers, name, engine):
    pytest.importorskip(engine)
    reads = {
        "gristmill": ("falcon",),
        "fastokens": ("byte_bpe", "falcon", "gpt2"),
        "gigatoken": ("byte_bpe", "gpt2", "llama", "tiktoken"),
    }
    file = tokenizers[name]
    if name not in reads[engine]:
        with pytest.raises(Unusable) as found:
            open_engine(engine, file)
        assert found.value.reason == "cannot_read"
        return
    fast = open_engine(engine, file)

    @given(st.lists(HARD))
    @settings(max_examples=60)
    def agree(texts):
        ids, lengths = fast.encode(texts)
        expected, expected_lengths = file.reference.encode(texts)
        assert ids.tolist() == expected.tolist()
        assert lengths.tolist() == expected_lengths.tolist()

    agree()


def test_the_engine_does_not_change_the_files(tmp_path, tokenizer_json, folders, corpus):
    pytest.importorskip("fastokens")
    for engine in ("reference", "fastokens"):
        run_phases(Encode(tokenizer=tokenizer_json, engine=engine), corpus["web"], tmp_path / engine)
        for path in [*(tmp_path / engine).rglob("*.ids"), *(tmp_path / engine).rglob("*.arrow")]:
            assert path.read_bytes() == (folders["encode.web"] / path.relative_to(tmp_path / engine)).read_bytes()


class Wrong:
    """Right on the first `good` texts, then not."""

    def __init__(self, file, good):
        self.reference, self.good = file.reference, good

    def encode(self, texts):
        ids, lengths = self.reference.encode(texts)
        self.good -= len(texts)
        return (ids if self.good >= 0 else ids + 1), lengths


def test_an_engine_that_disagrees_on_a_probe_is_unusable(tokenizer_json):
    file = TokenizerFile.read(tokenizer_json)
    with pytest.raises(Unusable, match="it gives other ids than tokenizers"):
        Checked(Wrong(file, 0), file)


def test_an_engine_that_disagrees_in_the_middle_of_a_shard_is_replaced_for_all_of_it(
    tmp_path, tokenizer_json, folders, corpus, monkeypatch
):
    monkeypatch.setattr(encode_module, "CALL_BYTES", 3000)
    monkeypatch.setattr(fast_engines, "Gigatoken", lambda file: Wrong(file, 60))
    monkeypatch.setattr(fast_engines, "Fastokens", lambda file: Wrong(file, 0))
    run_phases(Encode(tokenizer=tokenizer_json), corpus["web"], tmp_path)
    name = corpus["web"][0].name
    assert encoded_documents(tmp_path, name) == encoded_documents(folders["encode.web"], name)
    counts = read_receipt(str(tmp_path / FOLDER), name).counts
    assert counts["engine.tokenizers"] == 1
    assert counts["passed_over.gigatoken.other_ids"] == counts["passed_over.fastokens.other_ids"] == 1
    assert counts["documents"] == 119


def test_without_the_fast_libraries_the_reference_encodes(tmp_path, tokenizer_json, corpus, monkeypatch):
    monkeypatch.setitem(sys.modules, "gigatoken", None)
    monkeypatch.setitem(sys.modules, "fastokens", None)
    run_phases(Encode(tokenizer=tokenizer_json), corpus["web"], tmp_path)
    counts = read_receipt(str(tmp_path / FOLDER), corpus["web"][0].name).counts
    assert counts["engine.tokenizers"] == 1
    assert counts["passed_over.fastokens.not_installed"] == 1
    text = encoding_text(encoding_summary([{"counts": counts}], {"tokenizer": {"bos": None, "eos": "<|endoftext|>"}}))
    assert "encoded by tokenizers (1 shard)\n  not by fastokens (1 shard): it is not installed" in text
    assert "pip install 'gristmill[fast]'" in text
    with pytest.raises(UserError, match=r"fastokens cannot be used .*: it is not installed"):
        Encode(tokenizer=tokenizer_json, engine="fastokens").check()


@given(st.text(alphabet="ab 1\n", max_size=200), st.integers(2, 50))
def test_pieces_put_together_are_the_text(text, size):
    found = list(pieces(text, size))
    assert "".join(found) == text
    assert all(len(piece) <= size for piece in found)


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 5000))
def test_text_per_call_does_not_change_the_output(tmp_path_factory, corpus, folders, tokenizer_json, size):
    folder = tmp_path_factory.mktemp("calls")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encode_module, "CALL_BYTES", size)
        run_phases(Encode(tokenizer=tokenizer_json), corpus["books"][:1], folder)
    name = corpus["books"][0].name
    assert encoded_documents(folder, name) == encoded_documents(folders["encode.books"], name)


def test_ranges_of_ids_are_copied_to_their_places(folders, corpus):
    with EncodedShard.open(str(folders["encode.web"] / FOLDER), corpus["web"][0].name) as shard:
        ids = np.fromfile(folders["encode.web"] / FOLDER / f"{corpus['web'][0].name}.ids", "<u2")
        out = np.zeros(10, np.uint16)
        shard.copy_ids(np.array([5, 40]), np.array([4, 6]), out, np.array([6, 0]))
    assert out.tolist() == [*ids[40:46], *ids[5:9]]


@pytest.mark.parametrize(
    ("size", "says"), [(None, "missing"), (10, "10 bytes, its receipt says"), (-1, "its checksum is")]
)
def test_a_missing_cut_or_changed_encoded_shard_is_named(tmp_path, folders, corpus, size, says):
    node = tmp_path / "encode.web"
    shutil.copytree(folders["encode.web"], node)
    name = corpus["web"][0].name
    path = node / FOLDER / f"{name}.ids"
    content = path.read_bytes()
    path.unlink()
    if size is not None:
        path.write_bytes(content[:size] + (b"xx" if size < 0 else b"")[: len(content) - len(content[:size])])
    file = next(file for file in read_receipt(str(node / FOLDER), name).files if file.name.endswith(".ids"))
    with pytest.raises(UserError, match=rf"{name}.ids: {says}"):
        check_checksum(str(node), file)
    if says != "its checksum is":  # packing looks at sizes, `gristmill verify` at every byte
        with pytest.raises(UserError, match=rf"{name}.ids: {says}"):
            EncodedSource.read("web", str(node), (name,))
