"""Scores by back-off against KenLM and against the definition; ARPA files in and out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gristmill.errors import UserError
from gristmill.perplexity import arpa
from gristmill.perplexity.ngram_file import UNKNOWN, NgramModel
from tests.perplexity.small_model import made_up_lines


def read_arpa(path: Path) -> tuple[int, dict[tuple[str, ...], tuple[float, float]]]:
    found: dict[tuple[str, ...], tuple[float, float]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        fields = line.split("\t")
        if len(fields) > 1:
            found[tuple(fields[1].split(" "))] = (float(fields[0]), float(fields[2]) if len(fields) > 2 else 0.0)
    return max(map(len, found)), found


def by_definition(order: int, table: dict[tuple[str, ...], tuple[float, float]], words: list[str]) -> float:
    """Katz's recursion, word by word."""

    def probability(context: tuple[str, ...], word: str) -> float:
        if (*context, word) in table:
            return table[(*context, word)][0]
        if not context:
            return table[("<unk>",)][0]
        return table.get(context, (0.0, 0.0))[1] + probability(context[1:], word)

    known = ["<s>", *(word if (word,) in table else "<unk>" for word in words), "</s>"]
    return sum(probability(tuple(known[max(0, n - order + 1) : n]), known[n]) for n in range(1, len(known)))


def sentences(model: Path, count: int = 200) -> list[list[str]]:
    import sentencepiece

    processor = sentencepiece.SentencePieceProcessor(model_file=str(model / "lm.sp.model"))
    return [*processor.encode(made_up_lines(count, seed=3), out_type=str), [], ["▁nowhere", "seen"]]


def scores(model: NgramModel, texts: list[list[str]]) -> np.ndarray:
    ids = model.ids
    flat = np.array([ids.get(word, UNKNOWN) for words in texts for word in words], np.int32)
    offsets = np.concatenate([[0], np.cumsum([len(words) for words in texts])]).astype(np.int64)
    return model.score(flat, offsets)[0]


def test_scores_are_those_of_the_definition(model: Path) -> None:
    order, table = read_arpa(model / "lm.arpa")
    texts = sentences(model)
    expected = [by_definition(order, table, words) for words in texts]
    assert scores(NgramModel.open(str(model / "lm.ngrams")), texts) == pytest.approx(expected, rel=1e-4)


def test_an_arpa_file_scores_as_kenlm_does_bit_for_bit(model: Path, tmp_path: Path) -> None:
    kenlm = pytest.importorskip("kenlm")
    reference = kenlm.Model(str(model / "lm.arpa"))
    arpa.convert(str(model / "lm.arpa"), str(tmp_path / "lm.ngrams"))
    texts = sentences(model)
    expected = np.array([reference.score(" ".join(words)) for words in texts], np.float32)
    assert (scores(NgramModel.open(str(tmp_path / "lm.ngrams")), texts) == expected).all()


def test_an_arpa_file_of_another_toolkit_is_read(tmp_path: Path) -> None:
    """Blanks instead of tabs, no <unk>, a preamble, back-offs left out."""
    (tmp_path / "x.arpa").write_text(
        "made by hand\n\n\\data\\\nngram 1=3\nngram 2=1\n\n\\1-grams:\n-1.5 <s> -0.25\n-0.5 a -0.5\n-1 </s>\n\n"
        "\\2-grams:\n-0.125 <s> a\n\n\\end\\\n"
    )
    assert arpa.convert(str(tmp_path / "x.arpa"), str(tmp_path / "x.ngrams")) == [3, 1]
    found = scores(NgramModel.open(str(tmp_path / "x.ngrams")), [["a"], ["a", "a"], ["b"]])
    assert found.tolist() == [-0.125 - 0.5 - 1, -0.125 - 1 - 0.5 - 1, -0.25 - 100 - 1]


BROKEN = {
    "no arpa": ("hello\n", "no .data."),
    "cut short": ("\\data\\\nngram 1=2\nngram 2=1\n\n\\1-grams:\n-1\ta\t0\n", "ends early"),
    "no number": ("\\data\\\nngram 1=1\nngram 2=1\n\n\\1-grams:\nx\ta\t0\n", "not a 1-gram"),
    "unknown word": (
        "\\data\\\nngram 1=1\nngram 2=1\n\n\\1-grams:\n-1\ta\t0\n\n\\2-grams:\n-1\ta b\n",
        "'b' is not among",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_arpa_file_is_told_with_its_line(tmp_path: Path, case: str) -> None:
    text, says = BROKEN[case]
    (tmp_path / "x.arpa").write_text(text)
    with pytest.raises(UserError, match=says) as caught:
        arpa.convert(str(tmp_path / "x.arpa"), str(tmp_path / "x.ngrams"))
    assert "x.arpa:" in str(caught.value.where)


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.ngrams").write_bytes(b"\x00" * 100)
    with pytest.raises(UserError, match="not an n-gram model"):
        NgramModel.open(str(tmp_path / "x.ngrams"))
