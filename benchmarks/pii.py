"""MB a second of the personal data filter, beside datatrove's PIIFormatter and, for Dolma's reading, its patterns run by `re`.

    python benchmarks/pii.py [--data FOLDER]

One core, CPU time, best of several runs, kernels compiled before. That the changed texts are datatrove's is checked first; the
patterns are those of tests/filters/test_pii.py.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.measure import cpu_seconds, data_folder
from tests.filters.english_pages import page_texts
from tests.filters.test_pii import FIXED, datatrove_masked, dolma_spans

from gristmill.dataset import Batch
from gristmill.filters.pii import Pii
from gristmill.kernels.text import Texts, apply_cuts


def main() -> None:
    data = data_folder(__doc__)
    pages = list(page_texts(data))
    texts = Texts.from_strings(pages)
    megabytes = len(texts.data) / 1e6
    print(f"{len(pages)} English pages, {megabytes:.1f} MB")

    def masked(stage: Pii) -> Texts:
        return apply_cuts(texts, stage.signals(Batch(0, len(texts), texts))["cuts"])

    def show(name: str, seconds: float) -> float:
        print(f"{name:44} {megabytes / seconds:9.1f} MB/s")
        return megabytes / seconds

    same = masked(Pii(**FIXED))
    assert [same[row] for row in range(len(same))] == datatrove_masked(pages)
    ours = show("pii, fineweb", cpu_seconds(lambda: masked(Pii())))
    theirs = show("datatrove's PIIFormatter", cpu_seconds(lambda: datatrove_masked(pages), 1))
    print(f"ratio {ours / theirs:,.1f}\n")
    stage = Pii(dialect="dolma")
    masked(stage)
    ours = show("pii, dolma", cpu_seconds(lambda: masked(stage)))
    theirs = show(
        "Dolma's patterns in Python's re, no texts", cpu_seconds(lambda: [dolma_spans(page) for page in pages], 1)
    )
    print(f"ratio {ours / theirs:,.1f}")


if __name__ == "__main__":
    main()
