"""Pages a second through gristmill.extract against the bare library call on the same real pages.

    python benchmarks/extraction.py [--data ../shared/data] [--pages 200] [--rounds 3] [--engine resiliparse]
    python benchmarks/extraction.py --phases

Both calls get the payload bytes of each page; the bare one decodes them as strict UTF-8, so only pages that are
UTF-8 take part. The two take turns page by page, and each page counts with its fastest round. Wall time in one
process: clocks of processor time are too coarse for a single page. `--phases` prints instead where the engine
`gristmill` spends its time.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from gristmill.extract import ExtractSettings, extract
from gristmill.extract.engines import load_engine

LEAST_PAGE = 500  # bytes

Call = Callable[[bytes], object]


def read_pages(data: Path, wanted: int) -> list[bytes]:
    """UTF-8 pages spread evenly over the wrapped-HTML archives."""
    from fastwarc.warc import ArchiveIterator, WarcRecordType

    payloads = []
    for archive in sorted((data / "warc_wrapped_html").glob("*.warc.gz")):
        with archive.open("rb") as stream:
            for record in ArchiveIterator(stream, record_types=WarcRecordType.response, parse_http=True):
                payload = record.reader.read()
                try:
                    payload.decode("utf-8")
                except UnicodeDecodeError:
                    continue
                if len(payload) >= LEAST_PAGE:
                    payloads.append(payload)
    step = max(1, len(payloads) // wanted)
    return payloads[::step][:wanted]


def bare_call(settings: ExtractSettings) -> Call:
    """The library as a program without gristmill would call it, under the same options."""
    if settings.engine == "gristmill":
        run = load_engine(settings)
        return lambda payload: run(payload.decode("utf-8"), None)
    if settings.engine == "trafilatura":
        import trafilatura

        return lambda payload: trafilatura.extract(
            payload.decode("utf-8"),
            favor_precision=settings.favour == "precision",
            include_comments=settings.comments,
            include_tables=settings.tables,
            fast=settings.fast,
        )
    from resiliparse.extract.html2text import extract_plain_text

    return lambda payload: extract_plain_text(
        payload.decode("utf-8"),
        preserve_formatting=True,
        main_content=True,
        post_meta=False,
        comments=False,
        alt_texts=False,
    )


def seconds(call: Call, payload: bytes) -> float:
    start = time.thread_time()
    call(payload)
    return time.thread_time() - start


def measure(settings: ExtractSettings, payloads: list[bytes], rounds: int) -> tuple[float, float]:
    """Seconds for all pages: through gristmill, bare."""
    ours: Call = lambda payload: extract(payload, settings, content_type="text/html")  # noqa: E731
    bare = bare_call(settings)
    for call in (ours, bare):
        call(payloads[0])
    total_ours = total_bare = 0.0
    for payload in payloads:
        best = {}
        for number in range(2 * rounds):
            for call in (ours, bare) if number % 2 else (bare, ours):
                best[call] = min(seconds(call, payload), best.get(call, math.inf))
        total_ours += best[ours]
        total_bare += best[bare]
    return total_ours, total_bare


PHASES = (
    "page.decode_page blocks.read_blocks blocks.describe_blocks blocks.surroundings blocks.running_totals blocks.fill_features "
    "forest.predict blocks.summarise blocks.fill_context engine_gristmill.best_threshold engine_gristmill.adopt "
    "engine_gristmill.emit page.tidy page.find_title"
).split()
"""Functions of gristmill.extract by the module that calls them; none of them calls another."""


def print_phases(payloads: list[bytes], rounds: int) -> None:
    """Microseconds a page, each page with its fastest round; the clock itself adds a few."""
    spent: dict[str, float] = {}

    def watched(function: Callable[..., object], name: str) -> Callable[..., object]:
        def call(*arguments: object) -> object:
            start = time.perf_counter()
            try:
                return function(*arguments)
            finally:
                spent[name] = spent.get(name, 0.0) + time.perf_counter() - start

        return call

    for phase in PHASES:
        module, _, name = phase.partition(".")
        caller = import_module(f"gristmill.extract.{module}")
        setattr(caller, name, watched(getattr(caller, name), name))
    settings = ExtractSettings(engine="gristmill")
    extract(payloads[0], settings, content_type="text/html")
    total = dict.fromkeys((*(phase.partition(".")[2] for phase in PHASES), "the rest"), 0.0)
    for payload in payloads:
        fastest: dict[str, float] = {"all": math.inf}
        for _ in range(2 * rounds):
            spent.clear()
            start = time.perf_counter()
            extract(payload, settings, content_type="text/html")
            whole = time.perf_counter() - start
            if whole < fastest["all"]:
                fastest = {**spent, "the rest": whole - sum(spent.values()), "all": whole}
        for name in total:
            total[name] += fastest.get(name, 0.0)
    everything = sum(total.values())
    for name, seconds_ in sorted(total.items(), key=lambda item: -item[1]):
        print(f"{name:17} {seconds_ / len(payloads) * 1e6:7.1f} µs {100 * seconds_ / everything:5.1f} %")
    print(f"{'a page':17} {everything / len(payloads) * 1e6:7.1f} µs")


def main() -> None:
    default = Path(os.environ.get("GRISTMILL_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=default)
    parser.add_argument("--pages", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--engine", action="append", choices=["gristmill", "trafilatura", "trafilatura-fast", "resiliparse"]
    )
    parser.add_argument("--phases", action="store_true", help="where the engine gristmill spends its time")
    arguments = parser.parse_args()
    payloads = read_pages(arguments.data, arguments.pages)
    megabytes = sum(map(len, payloads)) / 1e6
    median = statistics.median(map(len, payloads))
    print(f"{len(payloads)} pages, {megabytes:.1f} MB, median {median / 1e3:.0f} kB")
    if arguments.phases:
        print_phases(payloads, arguments.rounds)
        return
    through: dict[str, float] = {}
    for name in arguments.engine or ["gristmill", "resiliparse", "trafilatura-fast", "trafilatura"]:
        settings = ExtractSettings(engine=name.removesuffix("-fast"), fast=name.endswith("-fast"))
        ours, bare = measure(settings, payloads, arguments.rounds)
        through[name] = ours
        print(
            f"{name:17} {len(payloads) / ours:7.1f} pages/s {megabytes / ours:6.2f} MB/s through gristmill,"
            f" {len(payloads) / bare:7.1f} pages/s bare, overhead {100 * (ours / bare - 1):+.1f} %"
        )
    for name, ours in through.items():
        if "gristmill" in through and name != "gristmill":
            print(f"gristmill is {ours / through['gristmill']:.1f} x {name}")


if __name__ == "__main__":
    main()
