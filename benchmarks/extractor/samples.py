"""Pages → rows to train on: features of their blocks, labels from alignment, weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from alignment import align
from gold import Page
from measures import agreement, snippet_counts
from peers import texts_of

from gristmill.extract.blocks import PageFeatures
from gristmill.extract.charset import decode
from gristmill.kernels.html_features import FAR, HINTS
from gristmill.kernels.html_stack import ELEMENT, START, STOP, UNITS

HIDDEN = HINTS.index("in_hidden")
MOST_BLOCKS = 700  # of a page that are trained on
AGREE = 0.93  # F1 of two extractors that makes a page without gold a lesson


@dataclass
class Sample:
    """One page ready for training or scoring. `labels` None: scored only."""

    page: Page
    blocks: PageFeatures
    features: np.ndarray
    labels: np.ndarray | None
    weight: float  # of the page; its blocks share it by the root of their length
    rows: np.ndarray  # blocks to train on

    def weights(self) -> np.ndarray:
        """Of `rows`, float64; they sum to about the page's weight."""
        units = self.blocks.blocks[:, UNITS].astype(np.float64)
        share = np.sqrt(units + 5)
        return self.weight * share[self.rows] / share.sum() * 1000 * len(units) / max(1, len(self.rows))


def make_sample(page: Page, gold: str | None, weight: float) -> Sample:
    """A sample; without gold it is only scored."""
    html = decode(page.payload, "text/html")[0]
    blocks = PageFeatures(html.encode("utf-8", "replace"))
    labels = None
    if gold is not None and len(blocks.blocks):
        texts = [bytes(blocks.page.text[b[START] : b[STOP]]).decode("utf-8") for b in blocks.blocks]
        hidden = blocks.distances[blocks.blocks[:, ELEMENT], HIDDEN] < FAR
        labels = align(texts, hidden, gold)
    rows = np.arange(len(blocks.blocks))
    if len(rows) > MOST_BLOCKS:
        seed = int.from_bytes(page.payload[:64][-8:].ljust(8), "little") % 2**32
        rows = np.sort(np.random.default_rng(seed).choice(rows, MOST_BLOCKS, replace=False))
    return Sample(page, blocks, blocks.features(), labels, weight, rows)


def lessons(pages: list[Page], cache: object) -> list[tuple[Page, str | None, float]]:
    """(page, gold text or None, weight): gold as given; of snippet pages the text of an extractor that meets every snippet;
    of pages without gold the text on which two extractors agree.
    """
    fast, resili = (texts_of(name, pages, cache) for name in ("trafilatura fast", "resiliparse"))  # type: ignore[arg-type]
    found: list[tuple[Page, str | None, float]] = []
    for page, text, other in zip(pages, fast, resili, strict=True):
        if page.gold is not None:
            found.append((page, page.gold, 1.0))
        elif page.set == "traf":
            _, missed, wrong = snippet_counts(text, page.wanted, page.unwanted)
            found.append((page, text if missed == wrong == 0 and page.wanted else None, 0.7))
        elif len(text) > 200 and agreement(text, other) >= AGREE:
            found.append((page, text, 0.5))
    return found
