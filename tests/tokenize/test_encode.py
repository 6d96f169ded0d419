import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from gristmill.commit import read_receipt
from gristmill.errors import UserError
from gristmill.tokenize import encode as encode_module
from gristmill.tokenize import engines
from gristmill.tokenize.encode import Encode
from gristmill.tokenize.encoded import FOLDER, EncodedShard
from gristmill.tokenize.engines import check_agreement, open_engine, pieces
from gristmill.tokenize.tokenizer_file import TokenizerFile
from tests.stages import run_phases, write_shard
from tests.tokenize.corpus import encoded_documents, made_up_texts, surviving


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
        open_engine("tokenizers", TokenizerFile.read(path))
        for path in (tokenizer_json, str(tmp_path / "tokenizer.json"))
    )
    assert np.array_equal(plain.encode(texts)[0], other.encode(texts)[0])


def test_long_documents_encode_in_pieces_to_the_same_ids(tokenizer_json, monkeypatch):
    engine = open_engine("tokenizers", TokenizerFile.read(tokenizer_json))
    texts = made_up_texts(7, 40, longest=2000)
    whole, lengths = engine.encode(texts)
    monkeypatch.setattr(engines, "PIECE_CHARACTERS", 1000)
    assert any(len(text) > 1000 for text in texts)
    pieced, pieced_lengths = engine.encode(texts)
    assert np.array_equal(pieced, whole)
    assert np.array_equal(pieced_lengths, lengths)


@settings(deadline=None)
@given(st.lists(st.text(max_size=60) | st.sampled_from(["<|endoftext|>", "a <|endoftext|>b", "é12 345\r\n  x's"])))
def test_the_fast_engine_gives_the_ids_of_the_reference(tokenizer_json, texts):
    pytest.importorskip("fastokens")
    file = TokenizerFile.read(tokenizer_json)
    check_agreement(open_engine("fastokens", file), file, texts)


def test_the_fast_engine_gives_the_same_files(tmp_path, tokenizer_json, folders, corpus):
    pytest.importorskip("fastokens")
    run_phases(Encode(tokenizer=tokenizer_json, engine="fastokens"), corpus["web"], tmp_path)
    for path in sorted(tmp_path.rglob("*.ids")) + sorted(tmp_path.rglob("*.arrow")):
        assert path.read_bytes() == (folders["encode.web"] / path.relative_to(tmp_path)).read_bytes()


def test_an_engine_that_disagrees_is_refused(tokenizer_json):
    class Wrong:
        def encode(self, texts):
            return np.zeros(len(texts), np.uint32), np.ones(len(texts), np.int64)

    with pytest.raises(UserError, match="it gives other ids than Hugging Face tokenizers"):
        check_agreement(Wrong(), TokenizerFile.read(tokenizer_json), ["ba co"])


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
