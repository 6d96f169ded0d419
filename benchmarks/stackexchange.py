"""MB a second of Stack Exchange dumps and Gutenberg books, beside a BeautifulSoup loop over the same posts.

    python benchmarks/stackexchange.py [FOLDER]      # with stackexchange/*.7z and books/*.tar.xz; default: shared test data

The reference is what RedPajama v1 does with a post's body (BeautifulSoup, html.parser, get_text); it runs where
beautifulsoup4 is installed. MB are of the XML (of the file, for books); one process.
"""

from __future__ import annotations

import argparse
import html
import os
import re
import tarfile
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from gristmill.commit import peak_memory, reset_peak_memory
from gristmill.documents import Record
from gristmill.sources.gutenberg import Gutenberg
from gristmill.sources.html_text import html_to_text
from gristmill.sources.stackexchange import StackExchange
from gristmill.stage import InputFile, Source

_BODY = re.compile(r' Body="([^"]*)"')


def default_data() -> Path:
    return Path(os.environ.get("GRISTMILL_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))


def read(source: Source, path: Path) -> tuple[Counter[str], int, float]:
    """Outcomes, bytes of text, seconds."""
    counts: Counter[str] = Counter()
    size = 0
    start = time.process_time()
    for record in source.records(InputFile(str(path), path.name, path.stat().st_size, "")):
        if record.open and record.text is None:
            source.read_text(record)
        counts[_end(record)] += 1
        size += len((record.text or "").encode())
    return counts, size, time.process_time() - start


def _end(record: Record) -> str:
    return "documents" if record.open else str(record.reason)


def timed(convert: Callable[[str], str], bodies: list[str]) -> float:
    start = time.process_time()
    for body in bodies:
        convert(body)
    return time.process_time() - start


def compare_conversion(bodies: list[str]) -> None:
    size = sum(len(body.encode()) for body in bodies) / 1e6
    print(f"\nHTML to text, {len(bodies):,} bodies, {size:.1f} MB")
    print(f"  html_to_text                {size / timed(html_to_text, bodies):7.1f} MB/s")
    try:
        from bs4 import BeautifulSoup
    except ImportError:
        print("  BeautifulSoup: not installed")
        return
    some = bodies[:: max(1, len(bodies) // 1500)]
    share = sum(len(body.encode()) for body in some) / 1e6
    seconds = timed(lambda body: BeautifulSoup(body, "html.parser").get_text(), some)
    print(f"  BeautifulSoup html.parser   {share / seconds:7.1f} MB/s   (on {len(some):,} of them)")


def sites(folder: Path, extracted: Path) -> list[str]:
    import py7zr

    bodies: list[str] = []
    print("Stack Exchange: MB of tables, MB/s, outcomes (records)")
    for archive in sorted(folder.glob("*.7z")):
        place = extracted / archive.stem
        with py7zr.SevenZipFile(archive) as packed:
            packed.extractall(place)
        text = (place / "Posts.xml").read_text("utf-8")
        bodies += [html.unescape(body) for body in _BODY.findall(text)]
        for path, settings in ((archive, {}), (place / "Posts.xml", {}), (place / "Posts.xml", {"comments": True})):
            names = ("Posts", "Comments", "Users") if settings else ("Posts", "Users")
            size = sum(one.stat().st_size for name in names if (one := place / f"{name}.xml").exists()) / 1e6
            reset_peak_memory()
            counts, _, seconds = read(StackExchange(**settings), path)
            print(f"  {archive.stem:32} {path.suffix:5}{'+c' if settings else '  '} {size:5.1f} MB {size / seconds:6.1f} MB/s"
                  f"  peak {peak_memory() >> 20} MB  {dict(sorted(counts.items()))}")  # fmt: skip
    return bodies


def large_site(extracted: Path, copies: int, memory: int) -> None:
    """One site many times over, with other ids: what the out-of-core join costs, and that memory stays put."""
    source = next(iter(sorted(extracted.glob("matheducators*/Posts.xml"))), None)
    if source is None:
        return
    rows = [line for line in source.read_bytes().split(b"\n") if b"<row " in line]
    ids = re.compile(rb'(?<= )(Id|ParentId|AcceptedAnswerId)="(\d+)"')
    path = extracted / "large.example.com" / "Posts.xml"
    path.parent.mkdir()
    with path.open("wb") as stream:
        stream.write(b"<posts>\n")
        for copy in range(copies):
            step = copy * 1_000_000
            shifted = (ids.sub(lambda m, step=step: b'%s="%d"' % (m[1], int(m[2]) + step), row) for row in rows)
            stream.write(b"\n".join(shifted) + b"\n")
        stream.write(b"</posts>\n")
    size = path.stat().st_size / 1e6
    reset_peak_memory()
    counts, _, seconds = read(StackExchange(memory=memory, authors=False), path)
    print(f"\nOne site of {size:.0f} MB joined in {memory >> 20} MB: {size / seconds:.1f} MB/s, peak {peak_memory() >> 20} MB,"
          f" {counts['documents']:,} documents")  # fmt: skip


def books(folder: Path, extracted: Path) -> None:
    print("\nGutenberg: MB of files, MB/s")
    for archive in sorted(folder.glob("*.tar.xz")):
        with tarfile.open(archive) as packed:
            packed.extractall(extracted / archive.name, filter="data")
    for form, patterns in (("text", ["*.txt"]), ("HTML", ["*.htm", "*.html"])):
        paths = [
            path for pattern in patterns for path in sorted(extracted.rglob(pattern)) if "LICENSE" not in path.name
        ]
        size = sum(path.stat().st_size for path in paths) / 1e6
        for settings in ({}, {"unwrap": True}):
            start = time.process_time()
            marks: Counter[str] = Counter()
            for path in paths:
                marks += read(Gutenberg(**settings), path)[0]
            seconds = time.process_time() - start
            print(
                f"  {form:5} {'unwrap' if settings else '      '} {size:6.1f} MB {size / seconds:6.1f} MB/s  {dict(marks)}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=default_data())
    parser.add_argument("--copies", type=int, default=20, help="size of the large site, in copies of 3.5 MB")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gristmill-bench-") as place:
        extracted = Path(place)
        bodies = sites(chosen.folder / "stackexchange", extracted / "sites")
        compare_conversion(bodies)
        large_site(extracted / "sites", chosen.copies, 16 << 20)
        books(chosen.folder / "books", extracted / "books")


if __name__ == "__main__":
    main()
