"""Documents a second of the Gopher, C4 and FineWeb filters, one by one and as one chain, beside datatrove's on the same pages.

    python benchmarks/filters.py [--data FOLDER]

One core, CPU time, best of several runs, kernels compiled before. The chain is FineWeb's: Gopher repetition, Gopher quality, C4
without terminal marks, FineWeb. Ours computes every number of every document, decides, and carries C4's cuts out; datatrove stops
at the first filter that drops a document. datatrove is optional and is timed on fewer pages, since it takes long.
Target: 100 times datatrove's documents a second.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.measure import cpu_seconds, data_folder
from tests.filters.english_pages import page_texts

from gristmill.dataset import Batch
from gristmill.filters.c4 import C4
from gristmill.filters.fineweb import FineWeb
from gristmill.filters.gopher import GopherQuality, GopherRepetition
from gristmill.filters.language import Language
from gristmill.filters.redpajama import RedPajamaSignals
from gristmill.kernels.text import Texts
from gristmill.stage import Filter

DATATROVE_PAGES = 150


def show(name: str, seconds: float, texts: list[str]) -> float:
    megabytes = sum(len(text.encode()) for text in texts) / 1e6
    rate = len(texts) / seconds
    print(f"{name:52} {rate:10,.0f} documents/s {megabytes / seconds:8.2f} MB/s")
    return rate


def signals_of(stages: Iterable[Filter], texts: Texts) -> None:
    batch = Batch(0, len(texts), texts)
    for stage in stages:
        stage.signals(batch)


def run_chain(stages: Iterable[Filter], texts: Texts) -> np.ndarray:
    """Every number, decision and cut, as the pipeline makes them; True for rows that all stages keep, bool (rows,)."""
    batch = Batch(0, len(texts), texts)
    keep = np.ones(len(texts), bool)
    for stage in stages:
        for name, values in stage.signals(batch).items():
            batch.add_column(f"{stage.name}.{name}", values if isinstance(values, pa.Array) else pa.array(values))
        keep &= stage.decide(batch) < 0
        if stage.makes_cuts:
            batch.cut(stage.cuts(batch))
    return keep


def chain(words: str) -> list[Filter]:
    return [
        GopherRepetition(words=words),
        GopherQuality(words=words),
        C4(dialect="datatrove", terminal_marks=None),
        FineWeb(words=words),
    ]


def main() -> None:
    data = data_folder(__doc__)
    pages = [text for text in page_texts(data) if 500 < len(text) < 20_000]
    size = sum(len(text.encode()) for text in pages) / len(pages)
    print(f"{len(pages)} English pages, {size / 1000:.1f} KB of text each")

    texts = Texts.from_strings(pages)
    parts: list[tuple[str, list[Filter]]] = [
        (
            f"gopher_repetition + gopher_quality, {dialect}",
            [stage(dialect=dialect) for stage in (GopherRepetition, GopherQuality)],
        )
        for dialect in ("datatrove", "dclm", "dolma", "redpajama_v2")
    ]
    parts += [
        ("c4, fineweb", chain("unicode")[2:]),
        ("redpajama_signals", [RedPajamaSignals(stop_words=["the", "of"])]),
    ]
    for name, stages in parts:
        signals_of(stages, texts)
        show(name, cpu_seconds(partial(signals_of, stages, texts)), pages)
    ours = {}
    for words in ("english", "unicode"):
        kept = run_chain(chain(words), texts)
        seconds = cpu_seconds(partial(run_chain, chain(words), texts))
        ours[words] = show(f"the chain, words: {words}", seconds, pages)
        print(f"    kept: {kept.mean():.1%}")

    language = Language()
    language.warm()
    show("language", cpu_seconds(lambda: language.signals(Batch(0, len(pages), texts)), 2), pages)

    try:
        from datatrove.data import Document
        from datatrove.pipeline.filters import (
            C4QualityFilter,
            FineWebQualityFilter,
            GopherQualityFilter,
            GopherRepetitionFilter,
        )
        from datatrove.utils.text import split_into_words

        split_into_words("Loads the tokenizer.")
    except ImportError as error:
        print(f"datatrove not timed: {error} (pip install datatrove spacy)")
        return
    sample = pages[:: max(1, len(pages) // DATATROVE_PAGES)]
    filters = (
        GopherRepetitionFilter(),
        GopherQualityFilter(),
        C4QualityFilter(filter_no_terminal_punct=False),
        FineWebQualityFilter(),
    )
    kept = []

    def datatrove() -> None:
        for text in sample:
            document = Document(text=text, id="")
            kept.append(all(each.filter(document) is True for each in filters))

    theirs = show("datatrove, the chain, stopping early", cpu_seconds(datatrove, 1), sample)
    print(f"    kept: {np.mean(kept):.1%}")
    alike = np.mean(run_chain(chain("english"), Texts.from_strings(sample)) == np.array(kept))
    print(f"    decided alike with `words: english`: {alike:.1%} of {len(sample)} pages")
    print(
        f"ratio of documents/s: {ours['english'] / theirs:,.0f} with `words: english`, {ours['unicode'] / theirs:,.0f} unicode"
    )


if __name__ == "__main__":
    main()
