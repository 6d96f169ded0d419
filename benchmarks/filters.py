"""Documents a second of the Gopher filters and language identification, beside datatrove's on the same pages.

    python benchmarks/filters.py [FOLDER OF REAL DATA]

One core, CPU time, best of several runs, kernels compiled before. datatrove is optional and is timed on
fewer pages, since it takes long.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.conftest import SHARED_DATA
from tests.filters.english_pages import page_texts

from gristmill.dataset import Batch
from gristmill.filters.gopher import GopherQuality, GopherRepetition
from gristmill.filters.language import Language
from gristmill.kernels.text import Texts
from gristmill.stage import Filter

RUNS = 5
DATATROVE_PAGES = 150


def cpu_seconds(work: Callable[[], object], runs: int = RUNS) -> float:
    best = float("inf")
    for _ in range(runs):
        started = time.process_time()
        work()
        best = min(best, time.process_time() - started)
    return best


def show(name: str, seconds: float, texts: list[str]) -> float:
    megabytes = sum(len(text.encode()) for text in texts) / 1e6
    rate = len(texts) / seconds
    print(f"{name:52} {rate:10,.0f} documents/s {megabytes / seconds:8.2f} MB/s")
    return rate


def signals_of(stages: Iterable[Filter], texts: Texts) -> None:
    batch = Batch(0, len(texts), texts)
    for stage in stages:
        stage.signals(batch)


def decisions_of(stage: Filter, texts: Texts) -> np.ndarray:
    """True for rows that the stage keeps, bool (rows,)."""
    batch = Batch(0, len(texts), texts)
    for name, values in stage.signals(batch).items():
        batch.add_column(f"{stage.name}.{name}", pa.array(values))
    return stage.decide(batch) < 0


def main() -> None:
    data = Path(sys.argv[1]) if len(sys.argv) > 1 else SHARED_DATA
    if not data.is_dir():
        sys.exit(f"no real data at {data}")
    pages = [text for text in page_texts(data) if 500 < len(text) < 20_000]
    size = sum(len(text.encode()) for text in pages) / len(pages)
    print(f"{len(pages)} English pages, {size / 1000:.1f} KB of text each")

    texts = Texts.from_strings(pages)
    ours = 0.0
    for settings in ({"dialect": "dclm"}, {"words": "english"}, {}):
        repetition, quality = GopherRepetition(**settings), GopherQuality(**settings)
        work = partial(signals_of, (repetition, quality), texts)
        work()
        readings = ", ".join(settings.values()) or "default"
        ours = show(f"gopher_repetition + gopher_quality, {readings}", cpu_seconds(work), pages)
        kept = [decisions_of(stage, texts) for stage in (repetition, quality)]
        print(f"    kept: {kept[0].mean():.1%}, {kept[1].mean():.1%}, by both {(kept[0] & kept[1]).mean():.1%}")

    language = Language()
    language.warm()
    show("language", cpu_seconds(lambda: language.signals(Batch(0, len(pages), texts)), 2), pages)

    try:
        from datatrove.data import Document
        from datatrove.pipeline.filters import GopherQualityFilter, GopherRepetitionFilter
        from datatrove.utils.text import split_into_words

        split_into_words("Loads the tokenizer.")
    except ImportError as error:
        print(f"datatrove not timed: {error} (pip install datatrove spacy)")
        return
    sample = pages[:: max(1, len(pages) // DATATROVE_PAGES)]
    filters = GopherRepetitionFilter(), GopherQualityFilter()

    def datatrove() -> None:
        for text in sample:
            for each in filters:
                each.filter(Document(text=text, id=""))

    theirs = show("datatrove, the same two, stopping early", cpu_seconds(datatrove, 1), sample)
    print(f"ratio {ours / theirs:,.0f}")


if __name__ == "__main__":
    main()
