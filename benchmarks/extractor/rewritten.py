"""What the script alone costs: gold pages with every letter replaced by one of another script, scored by what is chosen.

    python benchmarks/extractor/rewritten.py [--data ../shared/data] [--cache FOLDER] [--every 1] [--script NAME ...] [--shipped]

A page is rewritten (rewriting.py) and the engine chooses its blocks there; scored is the original text of these blocks, by the
measure of its set, so that a script which changes nothing has the figures of the first line. Out of fold by domain, as
evaluate.py; with --shipped by the shipped weights, which have learned from the pages as they are.
Exits with 1 when a script loses more than .01 in a set.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import numpy as np
from boosting import score, train
from evaluate import FOLDS, groups_by, table
from gold import FILES, gold_pages, unlabelled_pages
from rewriting import SCRIPTS, Script
from samples import Sample, lessons, make_sample, rewritten

from gristmill.extract.block_model import Forest, shipped_model
from gristmill.extract.engine_gristmill import FACTORS, LEAST, MOST
from gristmill.extract.tidy import tidy
from gristmill.kernels.html_adopt import adopt
from gristmill.kernels.html_context import best_threshold
from gristmill.kernels.html_emit import emit

ROOT = Path(__file__).parents[2]
MOST_LOST = 0.01
AS_IT_IS = "as it is"


def original_text(original: Sample, copy: Sample, p: np.ndarray) -> str:
    """What the engine chooses on the rewritten page, in the words of the page as it was."""
    blocks = copy.blocks.blocks
    threshold, _ = best_threshold(blocks, p, FACTORS["precision"], LEAST, MOST)
    chosen = p >= threshold
    adopt(blocks, p, threshold, chosen)
    return tidy(emit(original.blocks.page, chosen, False), 2)


def texts_in(
    script: Script | None, samples: list[Sample], forests: list[tuple[Forest, Forest]]
) -> tuple[list[str], int]:
    """Text of every page, each by the trees of its fold; how many pages could not be rewritten and stand as they are."""
    texts, kept = [], 0
    for sample in samples:
        copy = rewritten(sample, script) if script else sample
        kept += copy is None
        p = score([copy or sample], forests[sample.page.fold(len(forests))])[0]
        texts.append(original_text(sample, copy or sample, p) if len(p) else "")
    return texts, kept


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(os.environ.get("GRISTMILL_TEST_DATA", ROOT.parent / "shared" / "data"))
    parser.add_argument("--data", type=Path, default=default)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--every", type=int, default=1, help="score every n-th page only")
    parser.add_argument("--script", nargs="*", choices=list(SCRIPTS), default=list(SCRIPTS))
    parser.add_argument("--shipped", action="store_true", help="the shipped weights, which have seen the pages")
    arguments = parser.parse_args()

    pages = gold_pages(arguments.data)
    if arguments.shipped:
        model = shipped_model()
        forests = [(model.first, model.second)]
        samples = [make_sample(page, None, 1.0) for page in pages[:: arguments.every]]
    else:
        samples = [make_sample(*lesson) for lesson in lessons(pages, arguments.cache)]
        extra = [make_sample(*lesson) for lesson in lessons(unlabelled_pages(arguments.data), arguments.cache)]
        forests = [train([s for s in samples if s.page.fold(FOLDS) != k] + extra) for k in range(FOLDS)]
        samples = samples[:: arguments.every]
    texts: dict[str, list[str]] = {}
    for name in (AS_IT_IS, *arguments.script):
        texts[name], kept = texts_in(SCRIPTS.get(name), samples, forests)
        if kept:
            print(f"{name}: {kept} pages whose blocks are not the same stand as they are")
    scored = [sample.page for sample in samples]
    sets = table("By script and set", texts, groups_by(scored, lambda page: page.set, 1), scored)
    worst = {name: max(sets[part][AS_IT_IS] - sets[part][name] for part in FILES) for name in arguments.script}
    for name, lost in worst.items():
        print(f"{'holds' if lost <= MOST_LOST else 'FAILS'}: {name} loses {lost:.4f} in one set at most")
    if max(worst.values(), default=0.0) > MOST_LOST:
        sys.exit(1)


if __name__ == "__main__":
    main()
