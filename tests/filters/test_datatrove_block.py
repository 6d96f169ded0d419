"""datatrove's blocks as stages, beside the same blocks run by datatrove."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.errors import UserError
from gristmill.filters.datatrove_block import DatatroveBlock, changes
from gristmill.kernels.text import CUTS, Texts, apply_cuts
from tests.filters.english_pages import page_texts
from tests.stages import run_filter

FILTERS = "datatrove.pipeline.filters"
FORMATTERS = "datatrove.pipeline.formatters"
REPOSITORY = Path(__file__).parents[2]


def run(stage: DatatroveBlock, texts: list[str], **columns):
    rows = len(texts)
    known = {
        "id": [f"{n:032x}" for n in range(rows)],
        "date": pa.nulls(rows, pa.timestamp("s", tz="UTC")),
        "title": pa.nulls(rows, pa.string()),
        "language": pa.nulls(rows, pa.string()),
        "metadata": pa.nulls(rows, pa.string()),
    }
    return run_filter(stage, texts, {**known, **columns})


def left(batch) -> list[str]:
    texts = apply_cuts(batch.texts, batch.column("datatrove.cuts"))
    return [texts[row] for row in range(batch.rows)]


def by_datatrove(block, texts: list[str]) -> tuple[list[str | None], list[str]]:
    """Reasons and texts as the block's own `run` leaves them."""
    from datatrove.data import Document

    documents = [
        Document(text=text, id=str(n), metadata={"url": f"http://site.example/{n}"}) for n, text in enumerate(texts)
    ]
    kept = {document.id for document in block.run(iter(documents))}
    return [None if document.id in kept else "gone" for document in documents], [
        document.text for document in documents
    ]


@pytest.fixture(scope="module")
def pages(real_data) -> list[str]:
    return [text for text in page_texts(real_data, ("scrapinghub-aeb",)) if len(text) < 15_000][::7]


def test_c4_filter_drops_and_edits_real_pages_as_under_datatrove(pages):
    from datatrove.pipeline.filters import C4QualityFilter

    batch = run(
        DatatroveBlock(block=f"{FILTERS}.C4QualityFilter", reasons=["curly_bracket", "too_few_sentences"]), pages
    )
    gone, texts = by_datatrove(C4QualityFilter(), pages)
    drops = batch.column("drop").to_pylist()
    assert [reason is not None for reason in drops] == [reason is not None for reason in gone]
    assert left(batch) == texts
    assert {None, "datatrove.too_few_sentences"} <= set(drops)
    assert sum(text != page for text, page in zip(texts, pages, strict=True)) > 10


def test_formatters_leave_real_pages_as_under_datatrove(pages):
    from datatrove.pipeline.formatters import PIIFormatter, SymbolLinesFormatter

    pages = [*pages, "Ask a@b.org\nor b@c.org\n", "|\n||\nkept"]
    args = {"symbols_to_remove": ["|", "*"]}
    for block, settings in ((PIIFormatter, {}), (SymbolLinesFormatter, args)):
        batch = run(DatatroveBlock(block=f"{FORMATTERS}.{block.__name__}", args=settings), pages)
        gone, texts = by_datatrove(block(**settings), pages)
        assert set(gone) == {None} == set(batch.column("drop").to_pylist())
        assert left(batch) == texts
        assert texts != pages


def test_gopher_quality_agrees_and_unnamed_reasons_are_filtered(pages):
    from datatrove.pipeline.filters import GopherQualityFilter

    pages = pages[:12]
    stage = DatatroveBlock(block=f"{FILTERS}.GopherQualityFilter", args={"min_doc_words": 200})
    batch = run(stage, pages)
    assert [r is None for r in batch.column("drop").to_pylist()] == [
        r is None for r in by_datatrove(GopherQualityFilter(min_doc_words=200), pages)[0]
    ]
    assert set(batch.column("drop").to_pylist()) == {None, "datatrove.filtered"}
    assert "gopher_short_doc" in batch.column("datatrove.reason").to_pylist()


def test_urls_and_metadata_reach_the_block_and_come_back(tmp_path, monkeypatch):
    (tmp_path / "own_blocks.py").write_text(
        "from datatrove.pipeline.filters.base_filter import BaseFilter\n"
        "class Tag(BaseFilter):\n"
        "    def filter(self, doc):\n"
        "        if 'crash' in doc.text:\n"
        "            raise KeyError('crash')\n"
        "        doc.metadata['length'] = len(doc.text)\n"
        "        doc.metadata['seen'] = doc.metadata['stars']\n"
        "        return doc.metadata['url'].endswith('0') or (False, 'odd place')\n"
        "class Other:\n"
        "    pass\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    stage = DatatroveBlock(block="own_blocks.Tag", reasons=["odd place"])
    batch = run(stage, ["ab", "crash", "cde"], metadata=['{"stars": 4}'] * 3)
    assert batch.column("drop").to_pylist() == [None, "datatrove.failed", "datatrove.odd place"]
    assert batch.column("datatrove.reason").to_pylist() == [None, "KeyError: 'crash'", "odd place"]
    assert [json.loads(found) if found else None for found in batch.column("datatrove.metadata").to_pylist()] == [
        {"length": 2, "seen": 4},
        None,
        {"length": 3, "seen": 4},
    ]
    with pytest.raises(UserError, match="neither a filter nor a formatter"):
        DatatroveBlock(block="own_blocks.Other").check()


@pytest.mark.parametrize(
    ("block", "args", "message"),
    [
        ("absent_package.Block", {}, "cannot be imported"),
        (f"{FILTERS}.C4Qualityfilter", {}, "no class 'C4Qualityfilter'"),
        (f"{FILTERS}.C4QualityFilter", {"min_sentences": 3}, "min_sentences"),
        (f"{FILTERS}.SamplerFilter", {"rate": 0.5}, "no seed"),
        ("os.path.join", {}, "neither a filter nor a formatter"),
        ("join", {}, "no class 'join'"),
    ],
)
def test_mistakes_are_told_before_any_work(block, args, message):
    with pytest.raises(UserError, match=message):
        DatatroveBlock(block=block, args=args).check()


def test_a_missing_package_is_named(monkeypatch):
    stage = DatatroveBlock(block=f"{FILTERS}.GopherQualityFilter")
    monkeypatch.setitem(sys.modules, "spacy", None)
    from datatrove.utils.word_tokenizers import load_word_tokenizer

    load_word_tokenizer.cache_clear()
    with pytest.raises(UserError, match="lacks a package"):
        stage.check()
    load_word_tokenizer.cache_clear()


def test_state_does_not_pass_from_batch_to_batch():
    stage = DatatroveBlock(block=f"{FORMATTERS}.PIIFormatter")
    texts = [f"mail{n}@x.org" for n in range(3)]
    once, again = left(run(stage, texts)), left(run(stage, texts))
    assert once == again
    assert len(set(once)) == 2  # in turn, within the batch


LINES = st.lists(st.text("ab é漢\n", max_size=5), max_size=12).map("\n".join)


@given(LINES, LINES)
def test_changes_make_the_new_text(before, after):
    cuts = changes(before, after)
    texts = apply_cuts(Texts.from_strings([before]), pa.array([cuts], CUTS))
    assert texts[0] == after
    assert all(cut["start"] <= cut["end"] for cut in cuts)


@pytest.mark.slow
def test_a_recipe_with_blocks_runs(tmp_path):
    (tmp_path / "recipe.yaml").write_text(
        f"""
input: {REPOSITORY}/examples/demo/warc/*.warc.gz
sources:
  web:
    read: {{warc: {{extract: {{engine: resiliparse}}}}}}
    stages:
      - datatrove: {{block: datatrove.pipeline.filters.C4QualityFilter, reasons: [curly_bracket]}}
      - datatrove: {{name: symbols, block: datatrove.pipeline.formatters.PIIFormatter}}
"""
    )
    command = [sys.executable, "-m", "gristmill", "run", "recipe.yaml", "--root", "out"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())["sources"]["web"]
    assert summary["balanced"]
    assert "datatrove.filtered" in summary["removed"]
    layers = list((tmp_path / "out" / "web").glob("datatrove.signals-*/*.parquet"))
    assert pq.read_schema(layers[0]).names[0] == "datatrove.kept"
