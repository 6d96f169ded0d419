"""Language before extraction: what it saves and what it changes, over all real pages.

    python benchmarks/cascade.py [--data ../shared/data] [--engine trafilatura] [--fast] [--margin 0.9] [--list 20]

Every page of the archives that RefinedWeb's URL rules let through is extracted by the slow engine and judged (English, score
.65), and judged by its rough text as `drop_early: [language]` with `before_extraction` does. A page is as without the cascade
when both keep it, or neither does; texts are then equal too, since pages let through are extracted by the same call. Printed
for several margins: the share of pages that are as without, and CPU seconds of both on a mix of which 46 % are English (Common
Crawl's share), chosen by a seed from these pages. Exits with 1 when fewer than 99.8 % of pages are as without at --margin.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from gristmill.dataset import Batch
from gristmill.documents import Record
from gristmill.extract.engines import load_engine
from gristmill.extract.settings import ExtractSettings
from gristmill.filters.language import LEAST_ROUGH, Language, identify
from gristmill.filters.url import UrlFilter
from gristmill.pipeline.reading import compute_signals
from gristmill.sources.warc import Warc
from gristmill.stage import InputFile
from measure import add_data_option

FOLDERS = ("warc", "warc_wrapped_html", "multilingual_html")
MARGINS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98)
ENGLISH_SHARE = 0.46
KEPT_SCORE = 0.65
EQUAL = 0.998
SEED = 1


@dataclass(frozen=True)
class Judged:
    """One page: by its text, by its rough text, and CPU seconds for each."""

    url: str
    code: str  # of the text; empty without one
    score: float
    rough_code: str  # empty when the rough text is too short to be judged
    rough_score: float
    seconds: float
    rough_seconds: float

    @property
    def kept(self) -> bool:
        return self.code == "en" and self.score > KEPT_SCORE

    def dropped_early(self, margin: float) -> bool:
        return self.rough_code not in ("", "en") and self.rough_score >= margin


def read_pages(source: Warc, data: Path) -> Iterator[Record]:
    """HTML pages of all archives, sound or not, without those that RefinedWeb's URL rules drop."""
    urls = UrlFilter(lists="datatrove", curated="refinedweb")
    for folder in FOLDERS:
        for path in sorted((data / folder).rglob("*")):
            if not path.name.endswith(source.suffixes):
                continue
            file = InputFile(str(path), str(path.relative_to(data)), path.stat().st_size, "")
            for record in source.records(file):
                if record.open and record.text is None and record.payload is not None and allowed(urls, record.url):
                    yield record


def allowed(urls: UrlFilter, url: str | None) -> bool:
    batch = Batch(0, 1, None)
    batch.add_column("url", pa.array([url], pa.string()))
    compute_signals(urls, batch)
    return bool(urls.decide(batch)[0] < 0)


def judge(source: Warc, record: Record) -> Judged:
    """Both ways, each timed from the payload to the language."""
    start = time.process_time()
    rough = source.rough_text(record) or ""
    rough_code, rough_score = _language(rough) if len(rough) >= LEAST_ROUGH else ("", 0.0)
    between = time.process_time()
    source.read_text(record)
    code, score = _language(record.text) if record.text else ("", 0.0)
    end = time.process_time()
    return Judged(record.url or "?", code, score, rough_code, rough_score, end - between, between - start)


def _language(text: str) -> tuple[str, float]:
    found = identify([text], None, None)
    return (found.first[0] or "").partition("_")[0], float(found.best[0])


def mix(pages: list[Judged]) -> list[Judged]:
    """As many of the pages as possible so that ENGLISH_SHARE of them are English, chosen by SEED."""
    rng = np.random.default_rng(SEED)
    english = [page for page in pages if page.code == "en"]
    others = [page for page in pages if page.code != "en"]
    size = min(len(english) / ENGLISH_SHARE, len(others) / (1 - ENGLISH_SHARE))
    chosen = []
    for group, count in ((english, size * ENGLISH_SHARE), (others, size * (1 - ENGLISH_SHARE))):
        chosen += [group[k] for k in np.sort(rng.permutation(len(group))[: int(count)])]
    return chosen


def report(pages: list[Judged], margin: float, most: int) -> bool:
    """Print every margin, and the differences at this one; whether it holds."""
    chosen = mix(pages)
    without = sum(page.seconds for page in chosen)
    english = sum(page.code == "en" for page in chosen) / max(1, len(chosen))
    print(f"{len(pages):,} pages, {sum(page.kept for page in pages):,} kept without the cascade")
    print(f"the mix: {len(chosen):,} pages, {100 * english:.0f} % English, {without:.1f} s of CPU without the cascade")
    print("margin  never parsed  other than without   as without   the mix, CPU s   times as fast")
    for one in sorted({*MARGINS, margin}):
        early = [page for page in pages if page.dropped_early(one)]
        lost = sum(page.kept for page in early)
        spent = sum(p.rough_seconds + (0 if p.dropped_early(one) else p.seconds) for p in chosen)
        print(
            f"{one:6} {len(early):13,} {lost:19,} {100 * (1 - lost / len(pages)):11.2f} % {spent:15.1f} {without / spent:14.2f}"
        )
    differences = [page for page in pages if page.dropped_early(margin) and page.kept]
    print(f"other than without at {margin}:" if differences else f"none is other than without at {margin}")
    for page in differences[:most]:
        print(f"  text en {page.score:.2f}, rough text {page.rough_code} {page.rough_score:.2f}: {page.url[:100]}")
    equal = 1 - len(differences) / len(pages)
    print(f"{'holds' if equal >= EQUAL else 'FAILS'}: {100 * equal:.2f} % as without, gate {100 * EQUAL} %")
    return equal >= EQUAL


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_option(parser)
    parser.add_argument("--engine", choices=["trafilatura", "resiliparse"], default="trafilatura")
    parser.add_argument("--fast", action="store_true", help="trafilatura's fast mode")
    parser.add_argument("--margin", type=float, default=0.9)
    parser.add_argument("--list", type=int, default=20, help="how many differences are listed")
    chosen = parser.parse_args()
    extract = ExtractSettings(engine=chosen.engine, fast=chosen.fast, strip_urls="links")
    source = Warc(extract=extract)
    for settings in (
        extract,
        extract.model_copy(update={"engine": "gristmill", "favour": "balanced", "strip_urls": "none"}),
    ):
        load_engine(settings)
    Language(keep=["en"]).warm()
    pages = [judge(source, record) for record in read_pages(source, chosen.data)]
    if not pages:
        sys.exit(f"no pages in {', '.join(FOLDERS)} below {chosen.data}: give --data")
    print(f"engine {chosen.engine}{', fast' if chosen.fast else ''}")
    if not report(pages, chosen.margin, chosen.list):
        sys.exit(1)


if __name__ == "__main__":
    main()
