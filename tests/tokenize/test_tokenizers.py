"""Tokenizers of every format: trained in a published style, or given by path."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gristmill.errors import UserError
from gristmill.tokenize import engines
from gristmill.tokenize.encode import Encode
from gristmill.tokenize.engines import open_engine
from gristmill.tokenize.falcon import SPECIAL_TOKENS
from gristmill.tokenize.sentencepiece_model import SENTENCE_BYTES, sentences
from gristmill.tokenize.settings import Tokenize, TrainSettings
from gristmill.tokenize.tokenizer_file import TokenizerFile
from gristmill.tokenize.train import TrainTokenizer
from tests.stages import run_phases, write_shard
from tests.tokenize.corpus import encoded_documents, made_up_texts, packed, run_nodes, write_all


@pytest.fixture(scope="module")
def paths(tmp_path_factory) -> dict[str, str]:
    return dict(write_all(tmp_path_factory.mktemp("tokenizers")))


def words(file: TokenizerFile, text: str) -> list[str]:
    return [file.reference.decode([number]) for number in file.reference.encode([text])[0].tolist()]


def test_falcon_has_its_special_tokens_first_and_splits_numbers_into_threes(paths):
    file = TokenizerFile.read(paths["falcon"])
    assert [file.token_id(token, "eos") for token in SPECIAL_TOKENS] == list(range(12))
    assert SPECIAL_TOKENS[:2] == (">>TITLE<<", ">>ABSTRACT<<")
    assert SPECIAL_TOKENS[-1] == "<|endoftext|>"
    assert [word for word in words(file, "in 1234567.") if word.strip().isdigit()] != ["1234567"]
    split = file.reference.tokenizer.pre_tokenizer.pre_tokenize_str("in 1234567...)")
    assert [word for word, _ in split] == ["in", "Ġ", "123", "456", "7", "...)"]
    assert TrainSettings(style="falcon").entries == 65_024


def test_llama_takes_digits_singly_and_unknown_characters_as_bytes(paths):
    file = TokenizerFile.read(paths["llama"])
    assert TrainSettings(style="llama").entries == 32_000
    assert file.vocabulary == 500
    assert [file.token_id(token, "eos") for token in ("<unk>", "<s>", "</s>")] == [0, 1, 2]
    model = file.reference._model
    assert [piece for piece in model.encode("1234567", out_type=str) if piece != "▁"] == list("1234567")
    assert model.encode("ꙮ", out_type=str)[-3:] == ["<0xEA>", "<0x99>", "<0xAE>"]


@given(st.text(alphabet=st.characters(exclude_characters="\x00", exclude_categories=["Cs"])))
def test_every_text_comes_back_from_llama(paths, text):
    reference = TokenizerFile.read(paths["llama"]).reference
    assert reference.decode(reference.encode([text])[0].tolist()) == text


def test_sentencepiece_itself_gives_the_same_ids(paths):
    from sentencepiece import SentencePieceProcessor

    texts = [*made_up_texts(4, 20), "</s> a <s>"]
    ids, _ = TokenizerFile.read(paths["llama"]).reference.encode(texts)
    assert ids.tolist() == [n for ids in SentencePieceProcessor(model_file=paths["llama"]).encode(texts) for n in ids]
    assert not {1, 2} & set(ids.tolist())


def test_tiktoken_itself_gives_the_same_ids(paths):
    import tiktoken
    from tiktoken.load import load_tiktoken_bpe
    from tiktoken_ext.openai_public import r50k_pat_str

    ranks = load_tiktoken_bpe(paths["tiktoken"])
    theirs = tiktoken.Encoding("made", pat_str=r50k_pat_str, mergeable_ranks=ranks, special_tokens={})
    texts = made_up_texts(4, 20)
    ids, _ = TokenizerFile.read(paths["tiktoken"], "r50k_base").reference.encode(texts)
    assert ids.tolist() == [number for text in texts for number in theirs.encode_ordinary(text)]


def test_a_tiktoken_file_that_is_none_of_the_published_must_say_its_scheme(paths):
    with pytest.raises(UserError, match=r"made.tiktoken: a tiktoken file of 499 ranks, which is none of those known"):
        Encode(tokenizer=paths["tiktoken"]).check()
    Encode(tokenizer=paths["tiktoken"], scheme="r50k_base").check()


@pytest.mark.parametrize("name", ["falcon", "llama", "tiktoken"])
def test_long_documents_encode_in_pieces_to_the_same_ids(paths, name, monkeypatch):
    file = TokenizerFile.read(paths[name], "r50k_base" if name == "tiktoken" else None)
    texts = made_up_texts(7, 10, longest=2000)
    whole, lengths = file.reference.encode(texts)
    monkeypatch.setattr(engines, "PIECE_CHARACTERS", 1000)
    pieced, pieced_lengths = open_engine("reference", file).encode(texts)
    assert np.array_equal(pieced, whole)
    assert np.array_equal(pieced_lengths, lengths)


@pytest.mark.parametrize(
    ("style", "file", "ends"),
    [
        ("llama", "tokenizer.model", (1, 2)),
        ("falcon", "tokenizer.json", (None, 11)),
        ("byte_bpe", "tokenizer.json", (None, 0)),
    ],
)
def test_a_recipe_trains_and_packs_in_any_style(tmp_path, corpus, style, file, ends):
    settings = Tokenize(train=TrainSettings(style=style, vocabulary=500), sequence_length=32)
    folders = run_nodes(tmp_path, corpus, settings)
    assert (folders["tokens"] / file).read_bytes() == (folders["tokenizer"] / file).read_bytes()
    for _, _, ids in encoded_documents(folders["encode.web"], "web-0"):
        assert ids[-1] == ends[1]
        assert ends[0] is None or ids[0] == ends[0]
    assert packed(folders["tokens"]).num_rows


def test_no_document_with_one_end_token_stops_the_run(tmp_path, paths):
    shard = write_shard(tmp_path, "web", "web-0", ["a b", "a a"])  # "a" ends the documents and stands in each
    with pytest.raises(UserError, match=r"not one of the 2 documents of 'web' has exactly one eos token 'a'"):
        run_nodes(tmp_path, {"web": [shard]}, Tokenize(tokenizer=paths["byte_bpe"], eos="a", sequence_length=2))


def test_a_begin_token_that_is_the_end_token_counts_as_both(tmp_path, paths):
    shard = write_shard(tmp_path, "web", "web-0", ["ba co"])
    end = "<|endoftext|>"
    run_phases(Encode(tokenizer=paths["byte_bpe"], bos=end, eos=end), [shard], tmp_path / "out")
    import json

    counts = json.loads((tmp_path / "out" / "shards" / "web-0.receipt.json").read_text())["counts"]
    assert counts["bos_once"] == counts["eos_once"] == counts["documents"] == 1


def test_more_entries_than_the_sample_has_is_said(tmp_path):
    shard = write_shard(tmp_path, "web", "web-0", ["ba co du"] * 3)
    settings = Tokenize(train=TrainSettings(style="llama"), sequence_length=2)
    with pytest.raises(UserError, match=r"sentencepiece cannot train 32,000 entries on this sample"):
        run_nodes(tmp_path, {"web": [shard]}, settings)


def test_a_missing_sentencepiece_is_said_before_any_work(monkeypatch):
    monkeypatch.setattr("gristmill.tokenize.train.find_spec", lambda name: None)
    TrainTokenizer().check()
    with pytest.raises(UserError, match="style llama needs sentencepiece, which is not installed"):
        TrainTokenizer(train=TrainSettings(style="llama")).check()


def test_digits_that_go_against_the_style_are_refused():
    with pytest.raises(ValidationError, match="style falcon splits numbers as 'groups_of_three'"):
        TrainSettings(style="falcon", digits="single")


@given(st.text(alphabet="ab é\n字", max_size=3000).map(lambda text: text * 4))
def test_sentences_are_the_text_in_parts_that_the_trainer_takes(text):
    found = list(sentences(text))
    assert "".join(found) == text.replace("\n", "")
    assert all(len(sentence.encode()) <= SENTENCE_BYTES for sentence in found)
