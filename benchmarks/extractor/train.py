"""Rebuild the weights of the engine `gristmill` from gold pages.

    python benchmarks/extractor/train.py [--data ../shared/data] [--cache FOLDER] [--out src/gristmill/extract/blocks.model]

Seeded, one thread: the same data and the same versions of lightgbm and the peers give the same bytes. `--cache` keeps
what trafilatura and resiliparse made of the pages. Needs `pip install -e '.[train-extractor]'`.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import time
from importlib.metadata import version
from pathlib import Path

from boosting import as_model, train
from gold import FILES, gold_pages, unlabelled_pages
from samples import lessons, make_sample

ROOT = Path(__file__).parents[2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(os.environ.get("GRISTMILL_TEST_DATA", ROOT.parent / "shared" / "data"))
    parser.add_argument("--data", type=Path, default=default)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--out", type=Path, default=ROOT / "src/gristmill/extract/blocks.model")
    arguments = parser.parse_args()
    start = time.process_time()

    def tell(what: str) -> None:
        print(f"{time.process_time() - start:7.1f} s  {what}", file=sys.stderr, flush=True)

    pages = gold_pages(arguments.data) + unlabelled_pages(arguments.data)
    tell(f"{len(pages)} pages")
    samples = [make_sample(*lesson) for lesson in lessons(pages, arguments.cache)]
    samples = [sample for sample in samples if sample.labels is not None]
    counts = {name: sum(s.page.set == name for s in samples) for name in (*FILES, "pseudo")}
    tell(f"{len(samples)} pages to learn from {counts}, {sum(len(s.rows) for s in samples)} blocks")
    card = {"pages": counts, "lightgbm": version("lightgbm"), "trafilatura": version("trafilatura")}
    data = as_model(train(samples, tell), card).to_bytes()
    arguments.out.write_bytes(data)
    print(f"{arguments.out}: {len(data):,} bytes, blake2b {hashlib.blake2b(data, digest_size=8).hexdigest()}")


if __name__ == "__main__":
    main()
