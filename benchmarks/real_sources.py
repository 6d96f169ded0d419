"""Each curated source over its real sample: records by how they ended, MB of input, and documents to read.

    python benchmarks/real_sources.py --data FOLDER [--read 20 --source jats] [--packages FOLDER]

Code is not among the data: `--packages` names a folder of source packages, else the papers' archives stand for them.
`--read` prints the beginning, the middle and the end of so many documents of a source.
"""

from __future__ import annotations

import argparse
import os
import tarfile
import tempfile
import time
from collections import Counter
from pathlib import Path

from gristmill.sources.arxiv import Arxiv
from gristmill.sources.code import Code
from gristmill.sources.gutenberg import Gutenberg
from gristmill.sources.hackernews import HackerNews
from gristmill.sources.jats import Jats
from gristmill.sources.reddit import Reddit
from gristmill.sources.stackexchange import StackExchange
from gristmill.sources.uspto import Uspto
from gristmill.sources.wikipedia import Wikipedia
from gristmill.stage import InputFile, Source

SAMPLES: dict[str, tuple[Source, str, tuple[str, ...]]] = {
    "arxiv": (Arxiv(), "arxiv_latex", ("*.tar.gz",)),
    "code": (Code(allow="permissive"), "arxiv_latex", ("*.tar.gz",)),
    "gutenberg": (Gutenberg(editions="all"), "books", ("*.txt", "*.htm", "*.html", "*.epub", "*.zip")),
    "hackernews": (HackerNews(minimum_comments=0), "conversations", ("hacker_news.csv",)),
    "jats": (Jats(), "jats", ("*.xml", "*.nxml")),
    "reddit": (Reddit(minimum_comments=0), "conversations", ("reddit_top_2013/data/*.csv",)),
    "stackexchange": (StackExchange(), "stackexchange", ("Posts.xml", "*.7z")),
    "uspto": (Uspto(), "patents", ("US*.xml", "US*.greenbook")),
    "wikipedia": (Wikipedia(), "wikipedia", ("*.xml", "*.xml.bz2", "*.bz2")),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=os.environ.get("GRISTMILL_TEST_DATA", "../shared/data"))
    parser.add_argument("--source", choices=sorted(SAMPLES), help="one of them")
    parser.add_argument("--read", type=int, default=0, help="documents to print")
    parser.add_argument("--characters", type=int, default=600, help="of each part of a document that is printed")
    parser.add_argument(
        "--packages", type=Path, help="folder of .tar.gz source packages for `code`, as pip downloads them"
    )
    chosen = parser.parse_args()
    for name, (source, folder, patterns) in SAMPLES.items():
        if chosen.source in (None, name):
            sample = chosen.packages if name == "code" and chosen.packages else Path(chosen.data) / folder
            with tempfile.TemporaryDirectory() as place:
                show(name, source, unpacked(sample, Path(place)), patterns, chosen)


def unpacked(folder: Path, place: Path) -> list[Path]:
    """The folder, and beside it what its .tar.xz files hold."""
    for archive in sorted(folder.rglob("*.tar.xz")):
        with tarfile.open(archive) as opened:
            opened.extractall(place / archive.name.partition(".")[0], filter="data")
    return [folder, place]


def of_its_language(source: Source, file: InputFile) -> Source:
    """The source as a user would set it: headers of the small dumps in `minidumps/LANGUAGE` all say English."""
    folders = file.location.split("/")
    if isinstance(source, Wikipedia) and "minidumps" in folders and folders[-2] != "wikidata":
        return source.model_copy(update={"language": folders[-2].replace("_", "-")})
    return source


def show(name: str, source: Source, folders: list[Path], patterns: tuple[str, ...], chosen: argparse.Namespace) -> None:
    paths = sorted({path for folder in folders for pattern in patterns for path in folder.rglob(pattern)})
    files = [
        InputFile(location, os.path.relpath(path, path.parents[1]), path.stat().st_size, "")
        for path in paths
        for location in source.expand(str(path))
    ]
    counts: Counter[str] = Counter()
    size, characters, kept, started = 0, 0, [], time.process_time()
    for file in source.select(files):
        reader = of_its_language(source, file)
        size += file.size + sum(other.size for other in file.together)
        for record in reader.records(file):
            if record.open and record.text is None:
                reader.read_text(record)
            counts[record.reason or "document"] += 1
            if record.open:
                characters += len(record.text or "")
                kept.append(record)
    spent = time.process_time() - started
    print(f"{name:<14}{len(files):>5} files {size / 1e6:>7.1f} MB {size / 1e6 / max(spent, 1e-3):>8.1f} MB/s  ", end="")
    print(f"{counts['document']:>6} documents, {characters / 1e6:.1f} M characters; ", end="")
    print(", ".join(f"{reason} {count}" for reason, count in counts.most_common(8) if reason != "document"))
    step = max(1, len(kept) // max(1, chosen.read))
    for record in kept[::step][: chosen.read]:
        text, part = str(record.text), chosen.characters
        print(f"\n===== {record.file} @{record.offset}: {record.title} ({len(text)} characters) {record.url}")
        if len(text) <= 3 * part:
            print(text)
            continue
        middle = len(text) // 2
        print(text[:part], text[middle : middle + part], text[-part:], sep="\n[…]\n")


if __name__ == "__main__":
    main()
