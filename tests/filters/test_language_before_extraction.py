"""The language of a rough text decides before a slow engine parses the page."""

from __future__ import annotations

import pytest

import gristmill
from gristmill.documents import Outcome, Record
from gristmill.extract.engines import load_engine
from gristmill.filters.language import Language
from gristmill.pipeline import jobs
from gristmill.pipeline.jobs import WarmJob
from gristmill.pipeline.local import LocalExecutor
from gristmill.pipeline.reading import read_documents
from gristmill.pipeline.run import run_plan
from gristmill.sources.warc import Warc

ENGLISH = (
    "The mill stands by the river, and the miller has ground the corn of the village for as long as anyone remembers. "
    * 4
)
GERMAN = (
    "Die Mühle steht am Fluss, und der Müller mahlt das Korn des Dorfes, so lange sich irgendjemand erinnern kann. " * 4
)


class Pages(Warc):
    """A page in English, one in German, one of a few words; counts the pages it parses at full cost."""

    kind = "counted_pages"
    parsed: list[int] = []

    def records(self, file):
        for number, text in enumerate((ENGLISH, GERMAN, "Nur kurz.")):
            page = f"<html><body><article><h1>Title</h1><p>{text}</p><p>{text}</p></article></body></html>"
            yield Record("file", number, 1, payload=page.encode())

    def read_text(self, record):
        self.parsed.append(record.offset)
        super().read_text(record)


@pytest.mark.parametrize(("engine", "before", "parsed"), [
    ("resiliparse", 0.9, [0, 2]),
    ("resiliparse", None, [0, 1, 2]),
    ("gristmill", 0.9, [0, 1, 2]),
])  # fmt: skip
def test_pages_of_other_languages_are_not_parsed_by_a_slow_engine(engine, before, parsed):
    source = Pages(extract={"engine": engine})
    source.parsed.clear()
    language = Language(keep=["en"], before_extraction=before)
    (reading,) = read_documents("web", source, [None], [language])
    assert source.parsed == parsed
    assert reading.documents.num_rows == 1
    outcomes = list(
        zip(reading.ledger.column("outcome").to_pylist(), reading.ledger.column("reason").to_pylist(), strict=True)
    )
    assert outcomes[1] == (str(Outcome.DROPPED), "language.other_language")


@pytest.mark.parametrize(("engine", "before", "early", "compiled"), [
    ("resiliparse", 0.9, "[language]", {"warc", "warc.gristmill", "language"}),
    ("resiliparse", 0.9, "[]", {"warc", "language"}),
    ("resiliparse", "null", "[language]", {"warc", "language"}),
    ("gristmill", 0.9, "[language]", {"warc.gristmill", "language"}),
])  # fmt: skip
def test_the_fast_engine_is_compiled_before_workers_need_it(tmp_path, monkeypatch, engine, before, early, compiled):
    (tmp_path / "one.warc").write_bytes(b"")
    (tmp_path / "recipe.yaml").write_text(f"""
input: one.warc
sources:
  web:
    read: {{warc: {{extract: {{engine: {engine}}}}}}}
    drop_early: {early}
    stages:
      - language: {{keep: [en], before_extraction: {before}}}
""")
    monkeypatch.setattr(jobs, "cache_folder", lambda: str(tmp_path / "cache"))
    seen: list[str] = []

    class Executor(LocalExecutor):
        def run(self, jobs, on_event):
            seen.extend(job.stage.kernel_set for job in jobs if isinstance(job, WarmJob))
            raise KeyboardInterrupt

    recipe = gristmill.load(str(tmp_path / "recipe.yaml"), root=str(tmp_path / "root"))
    with pytest.raises(KeyboardInterrupt):
        run_plan(gristmill.plan(recipe), Executor(2))
    assert set(seen) == compiled
    assert len(seen) == len(compiled)


def test_warming_the_rough_source_loads_the_engine_that_rough_texts_come_from():
    source = Warc(extract={"engine": "resiliparse"})
    rough = source.rough()
    rough.warm()
    before = load_engine.cache_info().misses
    assert "Mühle" in source.rough_text(Record("file", 0, 1, payload=f"<p>{GERMAN}</p>".encode()))
    assert load_engine.cache_info().misses == before
    assert rough.kernel_set == "warc.gristmill"
