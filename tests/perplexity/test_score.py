"""The filter: CCNet's figures for documents and lines, buckets, models it cannot use."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow as pa
import pytest
from pydantic import ValidationError

from gristmill.errors import UserError
from gristmill.kernels.ccnet_text import normalize
from gristmill.perplexity import scorer
from gristmill.perplexity.score import Perplexity
from tests.perplexity.small_model import made_up_lines
from tests.stages import run_filter

TEXTS = ["\n".join(made_up_lines(5, seed)) for seed in range(6)]


def make(model: Path, **settings: object) -> Perplexity:
    given = {"models": {"de": str(model)}, **settings}
    return Perplexity.model_validate(given)


def loop(model: Path, sentences: list[str]) -> float:
    """What cc_net's two steps come to: pieces joined by blanks, KenLM over them, 10^(-log / length) to 0.1."""
    import sentencepiece

    kenlm = pytest.importorskip("kenlm")
    processor = sentencepiece.SentencePieceProcessor(model_file=str(model / "lm.sp.model"))
    language_model = kenlm.Model(str(model / "lm.arpa"))
    log, length = 0.0, 0
    for sentence in sentences:
        pieces = " ".join(processor.encode(normalize(sentence), out_type=str))
        log += language_model.score(pieces)
        length += len(pieces.split()) + 1
    return round(10 ** (-log / length), 1)


def test_a_document_scores_as_in_cc_nets_pipeline(model: Path) -> None:
    found = run_filter(make(model), TEXTS, {"language.code": ["de"] * len(TEXTS)}).column("perplexity.perplexity")
    assert found.to_pylist() == pytest.approx([loop(model, [text]) for text in TEXTS], abs=0.11)


def test_lines_are_summed_over_the_document(model: Path) -> None:
    texts = [text.replace("\n", "\n\n") for text in TEXTS]
    batch = run_filter(make(model, sentences="lines", per_line=True), texts, {"language.code": ["de"] * len(TEXTS)})
    found, lines = batch.column("perplexity.perplexity").to_pylist(), batch.column("perplexity.lines").to_pylist()
    assert found == pytest.approx([loop(model, text.split("\n")) for text in TEXTS], abs=0.11)
    for text, values in zip(TEXTS, lines, strict=True):
        assert values == pytest.approx([loop(model, [line]) for line in text.split("\n")], abs=0.11)


def test_kenlms_binary_files_score_the_same(model: Path, tmp_path: Path) -> None:
    pytest.importorskip("kenlm")
    shutil.copy(model / "lm.sp.model", tmp_path / "de.sp.model")
    shutil.copy(model / "lm.arpa", tmp_path / "de.arpa.bin")  # the package reads both forms by their content
    columns = {"language.code": ["de"] * len(TEXTS)}
    kenlm = run_filter(make(tmp_path / "de"), TEXTS, columns)
    ours = run_filter(make(model), TEXTS, columns)
    for name in ("perplexity", "tokens", "unknown"):
        one, other = (batch.column(f"perplexity.{name}").to_pylist() for batch in (kenlm, ours))
        assert one == pytest.approx(other, abs=0.11)


def test_order_and_company_of_documents_change_nothing(model: Path) -> None:
    stage, codes = make(model), {"language.code": ["de"] * len(TEXTS)}
    together = run_filter(stage, TEXTS, codes).column("perplexity.perplexity").to_pylist()
    turned = run_filter(stage, TEXTS[::-1], codes).column("perplexity.perplexity").to_pylist()
    alone = [
        run_filter(stage, [t], {"language.code": ["de"]}).column("perplexity.perplexity")[0].as_py() for t in TEXTS
    ]
    assert together == turned[::-1] == alone


def test_no_model_no_language_no_text_is_bucket_all(model: Path) -> None:
    texts = [TEXTS[0], TEXTS[0], "\x7f \n", TEXTS[0]]
    columns = {"language.code": pa.array(["sv", None, "de", "de"])}
    batch = run_filter(make(model, cutoffs={"de": (1e6, 2e6)}, keep=["head"]), texts, columns)
    assert [value is None for value in batch.column("perplexity.perplexity").to_pylist()] == [True, True, True, False]
    assert batch.column("drop").to_pylist() == ["perplexity.all"] * 3 + [None]


@pytest.mark.parametrize(
    ("cutoffs", "bucket"),
    [((1e9, 2e9), "head"), ((1, 1e9), "middle"), ((1, 2), "tail")],
)
def test_buckets_lie_between_the_cutoffs(model: Path, cutoffs: tuple[float, float], bucket: str) -> None:
    for kept in ("head", "middle", "tail"):
        stage = make(model, cutoffs={"de": cutoffs}, keep=[kept])
        drop = run_filter(stage, TEXTS[:1], {"language.code": ["de"]}).column("drop").to_pylist()
        assert drop == ([None] if kept == bucket else [f"perplexity.{bucket}"])


def test_cc_nets_cutoffs_are_the_default(model: Path) -> None:
    assert make(model).keep == ["head", "middle", "tail", "all"]
    batch = run_filter(make(model, keep=["head"]), TEXTS[:1], {"language.code": ["de"]})
    assert (batch.column("drop")[0].as_py() is None) == (batch.column("perplexity.perplexity")[0].as_py() < 370)


def test_files_that_are_not_there_are_named(model: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"lm/de\.sp\.model: no such file"):
        make(tmp_path / "lm" / "de").check()
    shutil.copy(model / "lm.sp.model", tmp_path / "de.sp.model")
    with pytest.raises(UserError, match=r"no \.ngrams, \.arpa or \.arpa\.bin beside"):
        make(tmp_path / "de").check()


def test_an_arpa_file_is_converted_once(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    scorer.cache_folder.cache_clear()
    try:
        shutil.copy(model / "lm.sp.model", tmp_path / "de.sp.model")
        shutil.copy(model / "lm.arpa", tmp_path / "de.arpa")
        make(tmp_path / "de").check()
        (kept,) = (tmp_path / "cache" / "gristmill" / "models").iterdir()
        written = kept.stat().st_mtime_ns
        scorer.open_scorer.cache_clear()
        make(tmp_path / "de").check()
        assert kept.stat().st_mtime_ns == written
    finally:
        scorer.cache_folder.cache_clear()


def test_per_line_needs_lines(model: Path) -> None:
    with pytest.raises(ValidationError, match="per_line needs sentences: lines"):
        make(model, per_line=True)
