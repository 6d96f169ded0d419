"""Resident memory of one process after 1,000, 5,000 and 20,000 real pages through an extraction engine: is it flat?

    python benchmarks/extraction_memory.py [--data ../shared/data] [--engine gristmill] [--pages 20000]

The pages of all HTML archives of the folder are read one after the other, again and again, so that no more than one is held;
each is extracted under the default settings and once more with Markdown, links and comments. Printed at each mark: resident
memory, its peak so far, CPU seconds and extractions a second since the mark before. The first round meets the largest page and
all kinds of them. Exits with 1 when memory grows by more than 5 % from its end to the last mark.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from fastwarc.warc import ArchiveIterator, WarcRecordType

from gristmill.extract import ExtractionError, ExtractSettings, extract
from measure import add_data_option

MARKS = (1_000, 5_000, 20_000, 100_000)
FOLDERS = ("warc_wrapped_html", "multilingual_html", "warc")
MOST_GROWTH = 1.05


def pages(data: Path) -> Iterator[tuple[int, bytes, str | None]]:
    """Round, page and its content type, without end."""
    archives = [path for folder in FOLDERS for path in sorted((data / folder).rglob("*.warc.gz"))]
    for turn in count():
        for archive in archives:
            with archive.open("rb") as stream:
                try:
                    for record in ArchiveIterator(stream, record_types=WarcRecordType.response, parse_http=True):
                        kind = record.http_content_type
                        if kind is None or "html" in kind.lower():
                            yield turn, record.reader.read(), kind
                except (ValueError, OSError):
                    continue  # some of the archives are broken on purpose


def memory() -> dict[str, float]:
    """MB resident now (VmRSS) and at most so far (VmHWM)."""
    with open("/proc/self/status") as stream:
        lines = (line.split() for line in stream)
        return {words[0].strip(":"): int(words[1]) / 1e3 for words in lines if words[0] in ("VmRSS:", "VmHWM:")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_option(parser)
    parser.add_argument("--engine", default="gristmill")
    parser.add_argument("--pages", type=int, default=20_000)
    arguments = parser.parse_args()
    plain = ExtractSettings(engine=arguments.engine, fast=True)
    marked = plain.model_copy(update={"markup": "markdown", "links": True, "comments": True})
    for settings in (plain, marked):
        extract(b"<title>warm</title><p>Everything is loaded before the first page.", settings)
    print(f"{'pages':>7} {'MB':>9} {'resident':>9} {'peak':>9} {'CPU s':>7} {'a second':>9}")
    done = size = failed = before = 0
    first_round = 0.0
    started = time.process_time()
    now = memory()
    print(f"{0:7,} {0:9.1f} {now['VmRSS']:6.1f} MB {now['VmHWM']:6.1f} MB")
    for turn, page, content_type in pages(arguments.data):
        if turn and not first_round:
            first_round = memory()["VmRSS"]
        for settings in (plain, marked):
            try:
                extract(page, settings, content_type=content_type)
            except ExtractionError:
                failed += 1
        done, size = done + 1, size + len(page)
        if done in MARKS or done == arguments.pages:
            now, seconds = memory(), time.process_time() - started
            print(
                f"{done:7,} {size / 1e6:9.1f} {now['VmRSS']:6.1f} MB {now['VmHWM']:6.1f} MB {seconds:7.1f}"
                f" {2 * (done - before) / seconds:9.0f}",
                flush=True,
            )
            before, started = done, time.process_time()
        if done >= arguments.pages:
            break
    print(
        f"{failed / 2:.0f} of {done:,} pages gave no text; {first_round:.1f} MB at the end of the first round of all pages"
    )
    growth = memory()["VmRSS"] / first_round if first_round else 1.0
    print(f"resident memory since then: x {growth:.3f}")
    sys.exit(growth > MOST_GROWTH)


if __name__ == "__main__":
    main()
