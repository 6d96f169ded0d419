"""What counts as a word, against the tools whose reading it follows."""

from __future__ import annotations

import re
import string
import tarfile
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.dedup.minhash import MinHash
from gristmill.dedup.readings import TokenReading, WordReading, datatrove_text, datatrove_words, fold_table
from gristmill.errors import UserError
from gristmill.kernels.minhash import sequence_shingles
from gristmill.kernels.shingles import normalised_text
from gristmill.kernels.text import Texts

ALPHABET = "aBéÉßñİ 0159.,;\n\t-’“—…%$€\u00ad\u0301\u200dжЖ中文ひカ٣，。'\"/\\_"
some_text = st.one_of(st.text(ALPHABET, max_size=40), st.text(max_size=20))


def as_text(text: str, normalise: str) -> str:
    texts = Texts.from_strings([text])
    return normalised_text(texts.data, texts.offsets[0], texts.offsets[1], fold_table(normalise))


@given(st.text("abCDé 1,.'’-_!?\n\tÀ", max_size=40))
def test_refinedweb_words_have_no_case_accents_or_punctuation(text):
    bare = "".join(c for c in unicodedata.normalize("NFD", text.lower()) if unicodedata.category(c)[0] not in "MP")
    assert as_text(text, "refinedweb") == " ".join(bare.split())


@given(st.text(string.ascii_letters + string.punctuation + string.digits + " \n\tÀé", max_size=40))
def test_dclm_words_are_those_of_its_cleaning_step(text):
    cleaned = text.lower().translate(str.maketrans("", "", string.punctuation))
    words = re.sub(r"\s+", " ", cleaned).strip().split()
    one, two = (Texts.from_strings([t]) for t in (text, " ".join(words)))
    reading, plain = WordReading("dclm"), WordReading("dclm")
    assert reading.sequence(one, 0).tolist() == plain.sequence(two, 0).tolist()
    assert len(reading.sequence(one, 0)) == len(words)


@given(st.text(string.ascii_letters + string.punctuation + string.digits + " \n\té", max_size=40))
def test_code_is_split_where_no_name_goes_on(text):
    words = re.findall(r"\w+", text)
    one, two = (Texts.from_strings([t]) for t in (text, " ".join(words)))
    assert WordReading("code").sequence(one, 0).tolist() == WordReading("code").sequence(two, 0).tolist()
    assert len(WordReading("code").sequence(one, 0)) == len(words)


@given(some_text)
def test_text_is_simplified_as_datatrove_does(text):
    simplify_text = pytest.importorskip("datatrove.utils.text").simplify_text
    assert datatrove_text(text) == simplify_text(text)


@pytest.fixture(scope="module")
def real_texts(real_data: Path) -> list[str]:
    with tarfile.open(real_data / "neardup" / "mccormick_articles.tar.xz") as archive:
        lines = archive.extractfile("mccormick_articles/data/articles_1000.train").read().decode().splitlines()  # type: ignore[union-attr]
    odd = [
        "dont can't 5km e.g. Ph.D. i.e. U.S. :-) (c) 10,000.5 naïve café — “quoted”",
        "",
        "four words are here",
        "日本語 テキスト ١٢٣",
    ]
    return [line.partition(" ")[2] for line in lines[::12]] + odd


@pytest.fixture(scope="module")
def datatrove():
    pytest.importorskip("spacy")
    return pytest.importorskip("datatrove.pipeline.dedup.minhash")


@pytest.mark.parametrize(("hashes", "function"), [("datatrove_xxhash", "xxhash"), ("datatrove_sha1", "sha1")])
@pytest.mark.parametrize(("bands", "rows"), [(14, 8), (5, 3)])
def test_signatures_and_buckets_equal_those_of_datatrove(
    real_texts: list[str], datatrove, tmp_path: Path, hashes: str, function: str, bands: int, rows: int
):
    from datatrove.utils.hashing import HashConfig

    texts = real_texts if bands == 14 else real_texts[::4]
    config = datatrove.MinhashConfig(
        num_buckets=bands, hashes_per_bucket=rows, hash_config=HashConfig(hash_fc=function)
    )
    step = datatrove.MinhashDedupSignature(str(tmp_path), config)
    stage = MinHash(bands=bands, rows=rows, normalise="datatrove", hashes=hashes)
    keys, counts = stage.keys_of(Texts.from_strings(texts))
    minima = stage.scheme.minima(Texts.from_strings(texts)).reshape(len(texts), bands, rows)
    theirs: list[list[tuple[int, ...]]] = []
    for row, text in enumerate(texts):
        shingles = step.get_shingles(text)
        assert counts[row] == len(shingles)
        if len(shingles):
            signature = step.get_signature(shingles)
            assert minima[row].tolist() == signature
            theirs.append([tuple(band) for band in signature])
        else:
            theirs.append([(row,)] * bands)
            keys[row] = row
    for band in range(bands):
        ours = [int(key) for key in keys[:, band]]
        assert [ours.index(key) for key in ours] == [
            [other[band] for other in theirs].index(one[band]) for one in theirs
        ]


def test_words_are_those_of_datatrove(real_texts: list[str], datatrove):
    from datatrove.utils.text import simplify_text
    from datatrove.utils.word_tokenizers import load_word_tokenizer

    tokenizer = load_word_tokenizer("en")
    for text in real_texts:
        assert datatrove_words(text) == tokenizer.word_tokenize(simplify_text(text))


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory) -> str:
    """A byte-level tokenizer in the manner of GPT-2's."""
    from tokenizers import ByteLevelBPETokenizer

    found = ByteLevelBPETokenizer()
    found.train_from_iterator(["the wheel of the mill turns and the miller sleeps " * 20], vocab_size=300)
    path = str(tmp_path_factory.mktemp("tokenizer") / "tokenizer.json")
    found.save(path)
    return path


def test_shingles_are_n_grams_of_the_tokenizers_ids(tokenizer: str):
    from tokenizers import Tokenizer

    stage = MinHash(tokenizer=tokenizer, normalise="refinedweb", n=3, bands=4, rows=2)
    text = "The MILLER — sleeps; the wheel turns, and turns!"
    ids = Tokenizer.from_file(tokenizer).encode("the miller sleeps the wheel turns and turns").ids
    texts = Texts.from_strings([text, "The miller, sleeps the wheel turns and turns", "", "a"])
    assert TokenReading("refinedweb", tokenizer).sequence(texts, 0).tolist() == ids
    keys, counts = stage.keys_of(texts)
    assert counts.tolist()[:3] == [len(ids) - 2, len(ids) - 2, 0]
    assert (keys[0] == keys[1]).all()
    assert len(sequence_shingles(np.array(ids, np.uint64), 3)) == len(ids) - 2


def test_what_is_no_tokenizer_is_refused_before_any_work(tmp_path: Path):
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(UserError, match="not a tokenizer file"):
        MinHash(tokenizer=str(tmp_path / "tokenizer.json")).check()
