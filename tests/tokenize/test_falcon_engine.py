"""Our encoder of Falcon's kind of tokenizer against the library it stands in for."""

import json
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.kernels import byte_pairs
from gristmill.tokenize import falcon_engine
from gristmill.tokenize.engines import PROBES, Unusable, candidates
from gristmill.tokenize.falcon_engine import FalconEngine
from gristmill.tokenize.settings import TrainSettings
from gristmill.tokenize.tokenizer_file import TokenizerFile
from gristmill.tokenize.train import train_byte_bpe
from tests.tokenize.corpus import made_up_texts

SIGNS = "ab é字 🙂 12²½٣Ⅷ \u00a0\u3000\t\r\n'\"(—„$+^`£€\u0301\u200b.,_-"


@pytest.fixture(scope="session")
def file(tmp_path_factory) -> TokenizerFile:
    texts = made_up_texts(5, 300) + ["".join(random.Random(n).choices(SIGNS, k=400)) for n in range(100)]
    path = tmp_path_factory.mktemp("falcon") / "tokenizer.json"
    train_byte_bpe(iter([texts]), TrainSettings(style="falcon", vocabulary=1500)).save(str(path))
    return TokenizerFile.read(str(path))


def agree(file: TokenizerFile, texts: list[str]) -> None:
    ids, lengths = FalconEngine(file).encode(texts)
    expected, expected_lengths = file.reference.encode(texts)
    assert ids.tolist() == expected.tolist()
    assert lengths.tolist() == expected_lengths.tolist()


@given(st.lists(st.text(st.sampled_from(SIGNS), max_size=40) | st.text(max_size=40), max_size=5))
@settings(max_examples=300, deadline=None)
def test_ids_are_those_of_the_library(file, texts):
    agree(file, texts)


def test_probes_and_long_words_are_encoded_as_by_the_library(file):
    source = random.Random(3)
    long = ["".join(source.choices("abcduoé字1", k=source.randint(20, 3000))) for _ in range(20)]
    agree(file, [*PROBES, *long, "ab" * 5000, "²1234 a²34567 9²9"])


def test_every_code_point_is_to_us_what_it_is_to_the_library(file):
    points = [*range(0xD800), *range(0xE000, 0x32000), *range(0xE0000, 0xE0200), 0xF0000, 0x10FFFF]
    agree(
        file,
        [
            "".join(f"a{chr(point)}b {chr(point)} 1" for point in points[at : at + 4000])
            for at in range(0, len(points), 4000)
        ],
    )


def test_a_full_memory_is_forgotten_and_nothing_changes(file, monkeypatch):
    monkeypatch.setattr(byte_pairs, "SLOTS", 64)
    monkeypatch.setattr(byte_pairs, "POOL", 100)
    falcon_engine._state.cache_clear()
    agree(file, made_up_texts(8, 50))
    assert len(falcon_engine._state(file)[1].words) == 64
    falcon_engine._state.cache_clear()


def test_it_is_tried_for_its_own_kind_only(file, tokenizer_json):
    assert "gristmill" in candidates("auto", file)
    assert "gristmill" not in candidates("auto", TokenizerFile.read(tokenizer_json))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"normalizer": {"type": "NFC"}}, "Falcon's"),
        ({"pre_tokenizer": {"type": "Whitespace"}}, "Falcon's"),
        ({"added_tokens": [{"id": 0, "content": "x", "special": False}]}, "not special"),
        ({"model.ignore_merges": True}, "ignore_merges"),
        ({"model.unk_token": "a"}, "unk_token"),
        ({"model.type": "WordPiece"}, "byte-level BPE"),
    ],
)
def test_another_kind_of_tokenizer_is_refused_with_what_is_in_its_way(file, change, message):
    found = json.loads(file.content)
    for key, value in change.items():
        *path, name = key.split(".")
        place = found
        for part in path:
            place = place[part]
        place[name] = value
    with pytest.raises(Unusable, match=message):
        FalconEngine(TokenizerFile("tokenizer.json", json.dumps(found).encode()))


def test_results_of_one_call_stay_when_the_next_is_made(file):
    engine = FalconEngine(file)
    ids, _ = engine.encode(["ba co du"])
    before = ids.copy()
    engine.encode(["fe gi ha jo ku"])
    assert np.array_equal(ids, before)
