"""The quality of the engine `gristmill` beside trafilatura and resiliparse on the same bytes, out of fold by domain.

    python benchmarks/extractor/evaluate.py [--data ../shared/data] [--cache FOLDER] [--left-out] [--favour precision]

No page is scored by trees that saw its domain: three folds are trained, as train.py trains the shipped weights, each without
its own domains. --folding deals them out otherwise: figures of few pages depend on that. More folds (--folds) take longer
and come nearer to the shipped trees, which learn from every page.
--left-out also leaves each whole set out of training in turn. AEB and Readability: F1 over runs of four words
(article-extraction-benchmark); traf-eval: F1 over its snippets; WCXB: mean F1 over words. Exits with 1 when a gate fails.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
from boosting import out_of_fold
from gold import FILES, Page, gold_pages, unlabelled_pages
from measures import shingle_f1, shingle_scores, snippet_counts, snippet_f1, word_f1
from peers import PEERS, texts_of
from samples import Sample, lessons, make_sample

from gristmill.extract.engine_gristmill import FACTORS, LEAST, MOST
from gristmill.extract.tidy import tidy
from gristmill.kernels.html_adopt import adopt
from gristmill.kernels.html_context import best_threshold
from gristmill.kernels.html_emit import emit

ROOT = Path(__file__).parents[2]
FOLDS = 3
GATES = {"aeb": 0.955, "traf": 0.925, "wcxb": 0.855, "readability": 0.935}
LANGUAGE_GAP, LANGUAGE_PAGES = 0.01, 20
OURS = "gristmill"


def write(sample: Sample, p: np.ndarray, favour: str) -> str:
    """The text the engine would write, given these probabilities."""
    threshold, _ = best_threshold(sample.blocks.blocks, p, FACTORS[favour], LEAST, MOST)
    chosen = p >= threshold
    adopt(sample.blocks.blocks, sample.blocks.facts, p, threshold, chosen)
    return tidy(emit(sample.blocks.page, chosen, False), 2)


def score(name: str, pages: list[Page], texts: list[str]) -> float:
    """A set's own measure over these of its pages."""
    if name == "traf":
        return snippet_f1([snippet_counts(t, p.wanted, p.unwanted) for p, t in zip(pages, texts, strict=True)])
    pairs = [(text, page.gold or "") for page, text in zip(pages, texts, strict=True)]
    if name == "wcxb":
        return sum(word_f1(*pair) for pair in pairs) / max(1, len(pairs))
    return shingle_f1([shingle_scores(*pair) for pair in pairs])


Table = dict[str, dict[str, float]]


def table(
    title: str, texts: dict[str, list[str]], groups: dict[str, tuple[str, list[int]]], pages: list[Page]
) -> Table:
    """Print one line per extractor and one column per group; returns the figures by group, then extractor."""
    print(f"\n{title}")
    print(" " * 24 + "".join(f"{name:>14}" for name in groups))
    print(" " * 24 + "".join(f"{len(rows):>8} pages" for _, rows in groups.values()))
    found: Table = {group: {} for group in groups}
    for extractor, all_texts in texts.items():
        line = f"{extractor:24}"
        for group, (measure, rows) in groups.items():
            value = score(measure, [pages[k] for k in rows], [all_texts[k] for k in rows])
            found[group][extractor] = value
            line += f"{value:14.4f}"
        print(line)
    return found


def groups_by(pages: list[Page], key: Callable[[Page], str | None], least: int) -> dict[str, tuple[str, list[int]]]:
    """Groups of pages of one set that share a key."""
    found: dict[str, tuple[str, list[int]]] = {}
    for k, page in enumerate(pages):
        if (name := key(page)) is not None:
            found.setdefault(name, (page.set, []))[1].append(k)
    return {name: group for name, group in sorted(found.items()) if len(group[1]) >= least}


def judge(sets: Table, languages: Table) -> bool:
    """Print every gate; whether all hold."""
    good = True
    for name, gate in GATES.items():
        value = sets[name][OURS]
        good &= value >= gate
        print(f"{'holds' if value >= gate else 'FAILS'}: {name} {value:.4f}, gate {gate}")
    for name, row in languages.items():
        best = max(row["trafilatura fast"], row["trafilatura precision"])
        holds = row[OURS] >= best - LANGUAGE_GAP
        good &= holds
        print(f"{'holds' if holds else 'FAILS'}: {name} {row[OURS]:.4f}, the better trafilatura {best:.4f}")
    return good


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(os.environ.get("GRISTMILL_TEST_DATA", ROOT.parent / "shared" / "data"))
    parser.add_argument("--data", type=Path, default=default)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--left-out", action="store_true", help="also train without each set in turn")
    parser.add_argument("--favour", choices=list(FACTORS), default="precision")
    parser.add_argument("--folds", type=int, default=FOLDS, help="more folds: longer, and nearer to the shipped trees")
    parser.add_argument("--folding", type=int, default=0, help="another number deals the domains out to other folds")
    arguments = parser.parse_args()
    start = time.process_time()

    def tell(what: str) -> None:
        print(f"{time.process_time() - start:7.1f} s  {what}", file=sys.stderr, flush=True)

    pages = gold_pages(arguments.data)
    tell(f"{len(pages)} gold pages")
    more = unlabelled_pages(arguments.data)
    samples = [make_sample(*lesson) for lesson in lessons(pages, arguments.cache)]
    extra = [make_sample(*lesson) for lesson in lessons(more, arguments.cache)]
    tell(
        f"{len(extra)} more to learn from; labelled: {Counter(s.page.set for s in samples + extra if s.labels is not None)}"
    )
    texts = {name: texts_of(name, pages, arguments.cache) for name in PEERS}
    tell("peers")
    everything = samples + extra

    def fold(sample: Sample) -> int:
        return sample.page.fold(arguments.folds, arguments.folding) if sample.page.set in FILES else -1

    p = out_of_fold(everything, fold, tell)[: len(samples)]
    for favour in FACTORS:
        name = OURS if favour == arguments.favour else f"{OURS} {favour}"
        texts[name] = [write(sample, one, favour) for sample, one in zip(samples, p, strict=True)]

    sets = table("By set, out of fold by domain", texts, groups_by(pages, lambda page: page.set, 1), pages)
    languages = table(
        f"By language, {LANGUAGE_PAGES} pages or more",
        texts,
        groups_by(pages, lambda page: f"{page.set}/{page.language}", LANGUAGE_PAGES),
        pages,
    )
    table(
        "By kind of page (WCXB)",
        texts,
        groups_by(pages, lambda page: page.type if page.set == "wcxb" else None, 1),
        pages,
    )
    if arguments.left_out:
        p = out_of_fold(everything, lambda s: s.page.set if s.page.set in FILES else -1, tell)[: len(samples)]
        texts |= {OURS: [write(s, one, arguments.favour) for s, one in zip(samples, p, strict=True)]}
        only = {name: texts[name] for name in (*PEERS, OURS)}
        table("Each set by trees that saw none of it", only, groups_by(pages, lambda page: page.set, 1), pages)
    print()
    if not judge(sets, languages):
        sys.exit(1)


if __name__ == "__main__":
    main()
