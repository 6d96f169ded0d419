"""The language of a rough text decides before a slow engine parses the page."""

from __future__ import annotations

import pytest

from gristmill.documents import Outcome, Record
from gristmill.filters.language import Language
from gristmill.pipeline.reading import read_documents
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
