"""Wikitext cleaning against mwparserfromhell, and memory over a large dump.

    python benchmarks/wikipedia.py [DUMP] [--pages 60] [--megabytes 2048] [--every 10]

Speed: the same pages of a real dump through `clean` and through `mwparserfromhell.parse(…).strip_code()`, in turns, each
page with its faster round of two; processor time of one core. Memory: DUMP repeated with fresh page ids to a plain XML
file of the given size, read in a fresh process from beginning to end; peak resident memory of that process. Every n-th
article is cleaned, so that the run takes minutes, not hours.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.measure import cpu_seconds

from gristmill import storage
from gristmill.documents import Record
from gristmill.sources.mediawiki_streams import dump_pieces
from gristmill.sources.mediawiki_xml import unescape
from gristmill.sources.wikipedia import Wikipedia
from gristmill.stage import InputFile

DUMP = (
    "../shared/data/wikipedia/gensim/gensim/test/test_data"
    "/enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2"
)
ROUNDS = 2


def input_file(path: Path) -> InputFile:
    return InputFile(str(path), path.name, path.stat().st_size, "")


def articles(dump: Path) -> list[Record]:
    return [record for record in Wikipedia().records(input_file(dump)) if record.open]


def compare_speed(dump: Path, pages: int) -> None:
    import mwparserfromhell

    from gristmill.sources.wikitext import clean

    found = articles(dump)
    found = found[:: max(1, len(found) // pages)][:pages]
    texts = [unescape(record.payload or b"") for record in found]
    rules = found[0].hints["wiki"].rules
    ours = theirs = 0.0
    for text in texts:
        ours += cpu_seconds(lambda text=text: clean(text, rules), ROUNDS)
        theirs += cpu_seconds(lambda text=text: mwparserfromhell.parse(text).strip_code(), ROUNDS)
    megabytes = sum(len(text.encode()) for text in texts) / 1e6
    print(f"{len(texts)} articles, {megabytes:.1f} MB of wikitext")
    print(f"gristmill        {megabytes / ours:6.2f} MB/s  {len(texts) / ours:7.1f} pages/s")
    print(
        f"mwparserfromhell {megabytes / theirs:6.2f} MB/s  {len(texts) / theirs:7.1f} pages/s  ({theirs / ours:.1f} times)"
    )


def repeat(dump: Path, target: Path, size: int) -> None:
    """A plain XML dump of about `size` bytes made of the pages of another, with ids that go on counting."""
    with storage.open_input(str(dump)) as stream:
        content = b"".join(piece.data for piece in dump_pieces(stream, dump.name))
    start, end = content.index(b"<page>"), content.rindex(b"</page>") + len(b"</page>\n")
    pieces = re.split(rb"(?<=</ns>\n)(\s*<id>)\d+(?=</id>)", content[start:end])  # text, opening of an id, text …
    number = 0
    with target.open("wb") as out:
        out.write(content[:start])
        while out.tell() < size:
            for place, piece in enumerate(pieces):
                out.write(piece)
                if place % 2:
                    number += 1
                    out.write(b"%d" % number)
        out.write(b"</mediawiki>\n")


def read_through(path: Path, every: int) -> None:
    """Read a dump to its end; prints counts, seconds and peak memory as JSON."""
    import resource

    source = Wikipedia()
    pages = cleaned = 0
    start = time.monotonic()
    for record in source.records(input_file(path)):
        pages += 1
        if record.open and pages % every == 0:
            source.read_text(record)
            cleaned += 1
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"pages": pages, "cleaned": cleaned, "seconds": time.monotonic() - start, "peak": peak}))


def measure_memory(dump: Path, megabytes: int, every: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "enwiki-repeated.xml")
        repeat(dump, target, megabytes << 20)
        size = target.stat().st_size
        command = [sys.executable, __file__, str(target), "--read-through", "--every", str(every)]
        told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ).stdout)
    print(f"\ndump of {size / 1e6:.0f} MB, {told['pages']} pages, {told['cleaned']} articles cleaned")
    print(
        f"read in {told['seconds']:.0f} s ({size / 1e6 / told['seconds']:.0f} MB/s), peak memory {told['peak'] / 1e6:.0f} MB"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dump", nargs="?", type=Path, default=Path(DUMP))
    parser.add_argument("--pages", type=int, default=60, help="articles to compare speed on")
    parser.add_argument("--megabytes", type=int, default=2048, help="size of the repeated dump; 0 leaves it out")
    parser.add_argument("--every", type=int, default=10, help="clean every n-th page of the repeated dump")
    parser.add_argument("--read-through", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.read_through:
        read_through(options.dump, options.every)
        return
    compare_speed(options.dump, options.pages)
    if options.megabytes:
        measure_memory(options.dump, options.megabytes, options.every)


if __name__ == "__main__":
    main()
