"""Pieces by kernel are those of the sentencepiece package."""

from __future__ import annotations

import json
import lzma
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.errors import UserError
from gristmill.kernels.text import Texts
from gristmill.perplexity.pieces import PieceEncoder, PieceModel, read_pieces
from gristmill.perplexity.train import train_pieces
from tests.perplexity.small_model import made_up_lines, settings

EXTRA = ["ꙮ", "ꙮꙮ", "日", "q"]  # words of a language model that are no pieces


def encoders(model: PieceModel) -> tuple[PieceEncoder, PieceEncoder]:
    words = {piece: number for number, piece in enumerate([*model.pieces, *EXTRA], 10)}
    return PieceEncoder(model, words, 1), PieceEncoder(model, words, 1, library=True)


def assert_same(model: PieceModel, texts: list[str]) -> None:
    ours, theirs = (encoder.encode(Texts.from_strings(texts)) for encoder in encoders(model))
    assert ours[1].tolist() == theirs[1].tolist()
    assert ours[0].tolist() == theirs[0].tolist()


ALPHABET = "kaloßü  mih\u00a0\u2028日ꙮé½ﬁ한\U0001f600▁\u1680\u200b0\u3000\u00ad"


@given(st.lists(st.text(ALPHABET) | st.text(st.characters(exclude_categories=["Cs"])), max_size=6))
def test_pieces_equal_the_librarys(model: Path, texts: list[str]) -> None:
    assert_same(read_pieces(str(model / "lm.sp.model")), texts)


def test_lines_of_the_language_equal_the_librarys(model: Path) -> None:
    assert_same(read_pieces(str(model / "lm.sp.model")), made_up_lines(300, seed=7))


def test_a_model_with_frills_goes_through_the_library(tmp_path: Path) -> None:
    import sentencepiece

    lines = made_up_lines()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_prefix=str(tmp_path / "bytes"), vocab_size=400, byte_fallback=True, minloglevel=2,
        hard_vocab_limit=False,
    )  # fmt: skip
    model = read_pieces(str(tmp_path / "bytes.model"))
    assert not model.plain
    assert_same(model, [*lines[:20], "ꙮ日"])


def test_training_twice_gives_the_same_bytes() -> None:
    lines = made_up_lines()
    assert train_pieces(iter(lines), settings()) == train_pieces(iter(lines), settings())


def test_too_little_text_is_the_users_mistake() -> None:
    with pytest.raises(UserError, match="no pieces could be trained"):
        train_pieces(iter([]), settings())


@pytest.mark.parametrize("content", [b"", b"\x00\x01", b"PK\x03\x04 not a model at all", b"\x0a\xff\xff\xff\x7f"])
def test_another_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.sp.model").write_bytes(content)
    with pytest.raises(UserError, match="not a SentencePiece model"):
        read_pieces(str(tmp_path / "x.sp.model"))


@pytest.mark.parametrize("language", ["de", "fr", "pl"])
def test_pieces_of_novels_equal_the_librarys(model: Path, real_data: Path, tmp_path: Path, language: str) -> None:
    with lzma.open(real_data / "lmtext" / f"eltec-{language}.jsonl.xz", "rt", encoding="utf-8") as stream:
        text = json.loads(next(stream))["text"][:150_000]
    lines = [line for line in text.split("\n") if line]
    (tmp_path / "m").write_bytes(train_pieces(iter(lines[: len(lines) // 2]), settings(vocabulary=2000)))
    trained = read_pieces(str(tmp_path / "m"))
    assert trained.plain
    assert_same(trained, lines)
    assert_same(trained, [text[:20_000]])
