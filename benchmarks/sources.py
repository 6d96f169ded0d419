"""Throughput of the paper, patent and conversation sources: MB of input a CPU second, the usual library beside it.

    python benchmarks/sources.py --data FOLDER [--seconds 3]

arXiv against pylatexenc's LatexNodes2Text, JATS and patents against BeautifulSoup's get_text with lxml, over the same files.
"""

from __future__ import annotations

import argparse
import os
import tarfile
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from gristmill.sources.arxiv import Arxiv
from gristmill.sources.jats import Jats
from gristmill.sources.reddit import Reddit
from gristmill.sources.uspto import Uspto
from gristmill.stage import InputFile, Source


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=os.environ.get("GRISTMILL_TEST_DATA", "../shared/data"))
    parser.add_argument("--seconds", type=float, default=3.0, help="CPU time for each side")
    chosen = parser.parse_args()
    data = Path(chosen.data)
    with tempfile.TemporaryDirectory() as place:
        for archive in (
            *data.glob("jats/*.xz"),
            *data.glob("patents/*.xz"),
            *data.glob("conversations/reddit_top*.xz"),
        ):
            with tarfile.open(archive) as opened:
                opened.extractall(Path(place) / archive.stem, filter="data")
        for archive in data.glob("arxiv_latex/*.gz"):
            with tarfile.open(archive) as opened:
                opened.extractall(Path(place) / "arxiv" / archive.name.partition(".")[0], filter="data")
        here = Path(place)
        tex = sorted(here.glob("arxiv/*/**/*.tex"))
        papers = sorted(p for p in here.rglob("*.*xml") if "Patent" not in str(p))
        patents = sorted(p for p in here.rglob("US*.xml"))
        print(f"{'source':<12}{'MB':>8}{'MB/s':>9}{'library':>28}{'MB/s':>9}{'ratio':>8}")
        row("arxiv", Arxiv(), tex, chosen.seconds, "pylatexenc", pylatexenc)
        row("jats", Jats(require_body=False), papers, chosen.seconds, "BeautifulSoup", soup)
        row(
            "uspto",
            Uspto(sections=("abstract", "description", "claims")),
            patents,
            chosen.seconds,
            "BeautifulSoup",
            soup,
        )
        row("reddit", Reddit(minimum_comments=0), sorted(here.rglob("*.csv")), chosen.seconds, "", None)


def row(
    name: str,
    source: Source,
    paths: Sequence[Path],
    seconds: float,
    library: str,
    theirs: Callable[[Path], object] | None,
) -> None:
    files = source.select([InputFile(str(p), str(p), p.stat().st_size, "") for p in paths])
    size = sum(f.size + sum(other.size for other in f.together) for f in files) / 1e6
    ours = speed([lambda f=f: sum(1 for _ in source.records(f)) for f in files], [_size(f) for f in files], seconds)
    line = f"{name:<12}{size:>8.1f}{ours:>9.2f}"
    if theirs is not None:
        other = speed([lambda p=p: theirs(p) for p in paths], [p.stat().st_size for p in paths], seconds)
        line += f"{library:>28}{other:>9.2f}{ours / other:>8.1f}" if other else f"{library + ' not installed':>28}"
    print(line)


def _size(file: InputFile) -> int:
    return file.size + sum(other.size for other in file.together)


def speed(calls: Sequence[Callable[[], object]], sizes: Sequence[int], seconds: float) -> float:
    """MB a CPU second over as many calls as fit, all at least once; 0 when the library is not there."""
    done, started = 0, time.process_time()
    while True:
        for call, size in zip(calls, sizes, strict=True):
            try:
                call()
            except ImportError:
                return 0.0
            done += size
            if time.process_time() - started > seconds * 4:
                return done / 1e6 / (time.process_time() - started)
        if time.process_time() - started > seconds:
            return done / 1e6 / (time.process_time() - started)


def pylatexenc(path: Path) -> object:
    from pylatexenc.latex2text import LatexNodes2Text

    try:
        return LatexNodes2Text().latex_to_text(path.read_text(encoding="utf-8", errors="replace"))
    except Exception:  # it gives up on some of these files; what it read until then counts as read
        return None


def soup(path: Path) -> object:
    from bs4 import BeautifulSoup

    return BeautifulSoup(path.read_bytes(), "xml").get_text()


if __name__ == "__main__":
    main()
