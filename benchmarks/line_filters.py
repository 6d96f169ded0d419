"""Documents a second of C4's, FineWeb's and RefinedWeb's line rules, beside datatrove's C4 and FineWeb on the same pages.

    python benchmarks/line_filters.py [--data FOLDER]

One core, CPU time, best of several runs, kernels compiled before. datatrove is optional and is timed on fewer pages,
since it takes long.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.filters import DATATROVE_PAGES, show
from benchmarks.measure import cpu_seconds, data_folder
from tests.filters.english_pages import page_texts

from gristmill.dataset import Batch
from gristmill.filters.c4 import C4
from gristmill.filters.fineweb import FineWeb
from gristmill.filters.refinedweb_lines import RefinedWebLines
from gristmill.kernels.text import Texts


def main() -> None:
    data = data_folder(__doc__)
    pages = [text for text in page_texts(data) if 500 < len(text) < 20_000]
    size = sum(len(text.encode()) for text in pages) / len(pages)
    print(f"{len(pages)} English pages, {size / 1000:.1f} KB of text each")

    texts = Texts.from_strings(pages)
    c4, fineweb, refinedweb = C4(dialect="datatrove"), FineWeb(), RefinedWebLines()
    for stage in (c4, fineweb, refinedweb):
        stage.warm()

    def batch() -> Batch:
        return Batch(0, len(pages), texts)

    def both() -> None:
        one = batch()
        cuts = c4.signals(one)["cuts"]
        one.cut(cuts)
        fineweb.signals(one)

    show("c4", cpu_seconds(lambda: c4.signals(batch())), pages)
    show("fineweb", cpu_seconds(lambda: fineweb.signals(batch())), pages)
    show("refinedweb_lines", cpu_seconds(lambda: refinedweb.signals(batch())), pages)
    cuts = c4.signals(batch())["cuts"]
    show("carrying out c4's cuts", cpu_seconds(lambda: batch().cut(cuts)), pages)
    ours = show("c4, its cuts carried out, fineweb", cpu_seconds(both), pages)

    try:
        from datatrove.data import Document
        from datatrove.pipeline.filters import C4QualityFilter, FineWebQualityFilter
        from datatrove.utils.text import split_into_words

        split_into_words("Loads the tokenizer.")
    except ImportError as error:
        print(f"datatrove not timed: {error} (pip install datatrove spacy)")
        return
    sample = pages[:: max(1, len(pages) // DATATROVE_PAGES)]
    filters = C4QualityFilter(), FineWebQualityFilter()

    def datatrove() -> None:
        for text in sample:
            document = Document(text=text, id="")
            for each in filters:
                each.filter(document)

    theirs = show("datatrove, c4 and fineweb", cpu_seconds(datatrove, 1), sample)
    print(f"ratio {ours / theirs:,.0f}")


if __name__ == "__main__":
    main()
