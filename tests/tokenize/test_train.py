import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from tokenizers import Regex, Tokenizer, pre_tokenizers

from gristmill.errors import UserError
from gristmill.tokenize.settings import Tokenize, TrainSettings
from gristmill.tokenize.tokenizer_file import TokenizerFile
from gristmill.tokenize.train import TrainTokenizer, chosen_bytes, train_byte_bpe, word_pattern
from tests.stages import run_phases, write_shard
from tests.tokenize.corpus import made_up_texts, surviving, write_corpus

TRAIN_AGAIN = """
import sys
from gristmill.tokenize.settings import TrainSettings
from gristmill.tokenize.train import train_byte_bpe
from tests.tokenize.corpus import made_up_texts
texts = made_up_texts(1, 300) + open(sys.argv[1]).read().splitlines()
sys.stdout.write(train_byte_bpe(iter([texts]), TrainSettings(vocabulary=3000)).to_str())
"""


def train_in_new_process(text: Path, hash_seed: int, threads: int) -> str:
    settings = {"PYTHONHASHSEED": str(hash_seed), "RAYON_NUM_THREADS": str(threads), "PYTHONUTF8": "1"}
    found = subprocess.run(
        [sys.executable, "-c", TRAIN_AGAIN, str(text)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, **settings},
    )
    return found.stdout


def test_training_does_not_depend_on_hash_seed_or_threads(tmp_path):
    text = tmp_path / "ties.txt"  # every pair as frequent as the others: ties all the way
    text.write_text("\n".join(f"{a}{b} {b}{a}{a} " * 3 for a in "abcdefghij" for b in "klmnopqrst"))
    first, *others = (train_in_new_process(text, seed, threads) for seed, threads in [(0, 1), (1, 2), (2, 2)])
    assert json.loads(first)["model"]["merges"]
    assert all(other == first for other in others)


def test_the_tokenizer_has_the_vocabulary_asked_for_with_special_tokens_first(tokenizer_json):
    file = TokenizerFile.read(tokenizer_json)
    assert file.vocabulary == 500
    assert file.token_id("<|endoftext|>", "eos") == 0


@settings(deadline=None, max_examples=200)
@given(st.text())
def test_every_text_comes_back(tokenizer_json, text):
    reference = TokenizerFile.read(tokenizer_json).reference
    assert reference.decode(reference.encode([text])[0].tolist()) == text


@pytest.mark.parametrize(
    ("digits", "expected"),
    [("none", [" 1234567"]), ("single", list("1234567")), ("groups_of_three", ["123", "456", "7"])],
)
def test_numbers_are_split_as_asked_for(digits, expected):
    texts = ["year 1234567 "] * 50
    tokenizer = train_byte_bpe(iter([texts]), TrainSettings(vocabulary=400, digits=digits))
    words = [tokenizer.decode([i]) for i in tokenizer.encode("year 1234567").ids]
    assert [word for word in words if any(sign.isdigit() for sign in word)] == expected


@settings(deadline=None)
@given(st.text() | st.text(alphabet="aé's'12½٣ \n\t.,-_字", max_size=40))
def test_words_are_those_of_gpt2_when_numbers_are_left_alone(text):
    ours = pre_tokenizers.Split(Regex(word_pattern("none")), "isolated").pre_tokenize_str(text)
    gpt2 = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True).pre_tokenize_str(text)
    assert [place for _, place in ours] == [place for _, place in gpt2]


def sampled(folder: Path) -> list[str]:
    texts = []
    for path in sorted((folder / "sample").glob("*.arrow")):
        texts += pa.ipc.open_file(str(path)).read_all().column("text").to_pylist()
    return texts


def test_a_sample_larger_than_the_corpus_is_all_of_its_survivors(folders, corpus):
    survivors = [text for shards in corpus.values() for shard in shards for _, _, text in surviving(shard)]
    assert sorted(sampled(folders["tokenizer"])) == sorted(survivors)


def test_the_sample_keeps_to_its_bytes_and_balances_sources(tmp_path):
    corpus = write_corpus(tmp_path, {"web": (900, 900), "books": (400,), "wiki": (20,)})
    shards = [shard for found in corpus.values() for shard in found]
    run_phases(TrainTokenizer(train=TrainSettings(vocabulary=400, sample_bytes=300_000)), shards, tmp_path / "out")
    taken = {
        source: sum(
            json.loads(path.read_text())["counts"]["bytes"]
            for path in (tmp_path / "out" / "sample").glob(f"{source}@*.receipt.json")
        )
        for source in corpus
    }
    small = sum(len(text.encode()) for _, _, text in surviving(corpus["wiki"][0]))
    assert taken["wiki"] == small
    assert taken["web"] == pytest.approx((300_000 - small) / 2, rel=0.2)
    assert taken["books"] == pytest.approx((300_000 - small) / 2, rel=0.2)


def test_the_sample_is_the_same_whatever_the_order_of_tasks(tmp_path, corpus):
    shards = [shard for found in corpus.values() for shard in found]
    stage = TrainTokenizer(train=TrainSettings(vocabulary=400, sample_bytes=40_000))
    run_phases(stage, shards, tmp_path / "a")
    run_phases(stage, shards[::-1], tmp_path / "b")
    first, second = sampled(tmp_path / "a"), sampled(tmp_path / "b")
    assert first == second
    assert len(first) > 5


def test_another_seed_samples_other_documents(tmp_path, corpus):
    for seed in (0, 1):
        stage = TrainTokenizer(train=TrainSettings(vocabulary=400, sample_bytes=40_000, seed=seed))
        run_phases(stage, corpus["web"], tmp_path / str(seed))
    assert sampled(tmp_path / "0") != sampled(tmp_path / "1")


def test_one_long_document_gives_only_its_beginning(tmp_path):
    shard = write_shard(tmp_path, "books", "books-0", ["é" * 5000, "short"])
    run_phases(TrainTokenizer(train=TrainSettings(vocabulary=300, document_bytes=1001)), [shard], tmp_path / "out")
    assert sampled(tmp_path / "out") == ["é" * 500, "short"]


def test_nothing_to_train_on_is_said(tmp_path):
    shard = write_shard(tmp_path, "web", "web-0", ["gone"], dropped=[0])
    with pytest.raises(UserError, match="no document is left to train a tokenizer on"):
        run_phases(TrainTokenizer(), [shard], tmp_path / "out")


def test_the_end_token_must_be_among_the_special_tokens():
    with pytest.raises(ValidationError, match=r"eos is '</s>', which is not among train.special_tokens"):
        Tokenize(train=TrainSettings(), eos="</s>")


@given(
    st.dictionaries(st.text(min_size=1, max_size=3), st.integers(0, 10**12), min_size=1),
    st.integers(1, 10**12),
    st.sampled_from(["equal", "proportional"]),
)
def test_chosen_bytes_fill_the_sample_and_exceed_no_source(sizes, budget, balance):
    chosen = chosen_bytes(sizes, budget, balance)
    assert all(chosen[source] <= size for source, size in sizes.items())
    assert min(budget, sum(sizes.values())) - len(sizes) <= sum(chosen.values()) <= budget or chosen == sizes


@pytest.mark.slow
def test_a_tokenizer_trained_on_real_novels_shortens_them(tmp_path, real_data):
    import lzma

    with lzma.open(real_data / "lmtext" / "eltec-en.jsonl.xz", "rt") as lines:
        text = json.loads(next(iter(lines)))["text"]
    shard = write_shard(tmp_path, "books", "books-0", [text, *made_up_texts(0, 3)])
    run_phases(TrainTokenizer(train=TrainSettings(vocabulary=8000)), [shard], tmp_path / "out")
    tokenizer = Tokenizer.from_file(str(tmp_path / "out" / "tokenizer.json"))
    ids = tokenizer.encode(text).ids
    assert tokenizer.decode(ids) == text
    assert len(text.encode()) / len(ids) > 3.5
