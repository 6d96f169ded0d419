"""Pages → rows to train on: features of their blocks, labels from alignment, weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from alignment import align
from gold import Page
from measures import agreement, snippet_counts
from peers import texts_of
from rewriting import Script, rewrite

from gristmill.extract.blocks import PageFeatures
from gristmill.extract.charset import decode
from gristmill.kernels.html_features import FAR, HINTS
from gristmill.kernels.html_stack import ELEMENT, START, STOP, UNITS

HIDDEN = HINTS.index("in_hidden")
MOST_BLOCKS = 700  # of a page that are trained on
SNIPPETS_ONLY = 0.2  # weight of a page whose snippets alone are known
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


def by_snippets(texts: list[str], page: Page) -> tuple[np.ndarray, np.ndarray]:
    """bool (blocks,): blocks that hold a snippet of the page's main text; blocks that hold one of the rest."""
    good = np.array([any(snippet in text for snippet in page.wanted) for text in texts], bool)
    bad = np.array([any(snippet in text for snippet in page.unwanted) for text in texts], bool) & ~good
    return good, bad


def make_sample(page: Page, gold: str | None, weight: float) -> Sample:
    """A sample; without gold it is learned from as far as its snippets go, or only scored."""
    html = decode(page.payload, "text/html")[0]
    blocks = PageFeatures(html.encode("utf-8", "replace"))
    labels = None
    rows = np.arange(len(blocks.blocks))
    texts = [bytes(blocks.page.text[b[START] : b[STOP]]).decode("utf-8") for b in blocks.blocks]
    if gold is not None and len(texts):
        hidden = blocks.distances[blocks.blocks[:, ELEMENT], HIDDEN] < FAR
        labels = align(texts, hidden, gold)
    if page.wanted and len(texts):
        good, bad = by_snippets(texts, page)
        if labels is None:
            labels, rows = good, np.flatnonzero(good | bad)
            weight = SNIPPETS_ONLY
        else:
            labels = (labels | good) & ~bad
    if len(rows) > MOST_BLOCKS:
        seed = int.from_bytes(page.payload[:64][-8:].ljust(8), "little") % 2**32
        rows = np.sort(np.random.default_rng(seed).choice(rows, MOST_BLOCKS, replace=False))
    return Sample(page, blocks, blocks.features(), labels, weight, rows)


def rewritten(sample: Sample, script: Script) -> Sample | None:
    """The same lesson in another script; None where the page then has other blocks."""
    html = rewrite(decode(sample.page.payload, "text/html")[0], script)
    blocks = PageFeatures(html.encode("utf-8", "replace"))
    if len(blocks.blocks) != len(sample.blocks.blocks):
        return None
    return replace(sample, blocks=blocks, features=blocks.features())


def lessons(pages: list[Page], cache: Path | None) -> list[tuple[Page, str | None, float]]:
    """(page, gold text or None, weight): gold as given; of snippet pages the text of an extractor that meets every snippet;
    of pages without gold the text on which two extractors agree.
    """
    by_peer = [texts_of(name, pages, cache) for name in ("trafilatura fast", "trafilatura precision", "resiliparse")]
    found: list[tuple[Page, str | None, float]] = []
    for page, *texts in zip(pages, *by_peer, strict=True):
        text, _, other = texts
        if page.gold is not None:
            found.append((page, page.gold, 1.0))
        elif page.set == "traf":
            right = (one for one in texts if snippet_counts(one, page.wanted, page.unwanted)[1:] == (0, 0))
            found.append((page, next(right, None), 0.8))
        elif len(text) > 200 and agreement(text, other) >= AGREE:
            found.append((page, text, 0.5))
    return found
