"""Does the engine `gristmill` lose text in any script? By script: how much of what two other extractors agree on it keeps.

    python benchmarks/extractor/scripts.py [--data ../shared/data] [--cache FOLDER] [--pages FOLDER ...] [--shipped] [--lost]

Pages come from crawls, search-result archives and manuals of the folder of real data and, with --pages, from every *.html below
the folders given; a page counts for the script of most of its text, search results apart. Nothing here is gold: the agreed
text of a page is what trafilatura and resiliparse both keep, as multisets of words (of signs in scripts without spaces).
Printed: the share of it that ours keeps too, the share of ours that neither has, and the pages of which less than half is
kept, which --lost names. The articles of newspaper4k's and goose3's tests have a text that is expected (goose3's: its
beginning); the second table has the share of it that each engine keeps. The trees are trained on the gold sets alone, which
have next to no pages in these scripts; --shipped takes the shipped weights.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import tarfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import zstandard
from boosting import score, train
from evaluate import write
from gold import Page, gold_pages, unlabelled_pages
from measures import words
from peers import texts_of
from samples import lessons, make_sample

from gristmill.extract.block_model import Forest, shipped_model

ROOT = Path(__file__).parents[2]
SCRIPTS = {  # first and last code point
    "Arabic": (0x600, 0x6FF), "Hebrew": (0x590, 0x5FF), "Thai": (0xE00, 0xE7F), "Devanagari": (0x900, 0x97F),
    "Bengali": (0x980, 0x9FF), "Tamil": (0xB80, 0xBFF), "Burmese": (0x1000, 0x109F), "Georgian": (0x10A0, 0x10FF),
    "Armenian": (0x530, 0x58F), "Greek": (0x370, 0x3FF), "Cyrillic": (0x400, 0x4FF), "kana": (0x3040, 0x30FF),
    "Hangul": (0xAC00, 0xD7AF), "Han": (0x3400, 0x9FFF),
}  # fmt: skip
LEAST_AGREED = 50  # words that both others must keep; else a page has no text to lose
LOST = 0.5  # a page of whose agreed text less is kept counts as lost


def script_of(text: str) -> str:
    """The script of most letters; Japanese is told by a tenth of kana."""
    counts = Counter(dict.fromkeys(SCRIPTS, 0))
    for sign, count in Counter(text).items():
        for name, (first, last) in SCRIPTS.items():
            if first <= ord(sign) <= last:
                counts[name] += count
    if counts["kana"] * 10 > counts["Han"] + counts["kana"] and counts["kana"] > 20:
        return "kana"
    name, count = counts.most_common(1)[0]
    latin = sum(sign.isascii() and sign.isalpha() for sign in text)
    return name if count > latin else "Latin"


def folder_pages(folders: list[Path]) -> Iterator[Page]:
    """Every HTML file below these folders, those over 2 MB left out."""
    for folder in folders:
        for path in sorted(folder.rglob("*.htm*")):
            if path.is_file() and path.stat().st_size < 2_000_000:
                yield Page("pseudo", path.name, f"http://{folder.name}.invalid/{path.name}", path.read_bytes())


def articles(data: Path) -> list[Page]:
    """Articles in other scripts with their expected text, from the tests of newspaper4k and goose3."""
    files: dict[str, bytes] = {}
    for name in ("newspaper4k", "goose3"):
        with (data / "html_extraction" / f"{name}.tar.zst").open("rb") as stream:
            unpacked = zstandard.ZstdDecompressor().stream_reader(stream).read()
        with tarfile.open(fileobj=io.BytesIO(unpacked)) as archive:
            files |= {member.name: archive.extractfile(member).read() for member in archive if member.isfile()}  # type: ignore[union-attr]
    found = []
    for name, page in files.items():
        if not name.endswith(".html"):
            continue
        text = files.get(name.replace("/html/", "/txt/").replace(".html", ".txt"), b"").decode("utf-8", "replace")
        if described := files.get(name.replace(".html", ".json")):
            text = text or json.loads(described).get("expected", {}).get("cleaned_text") or ""
        if text and script_of(text) != "Latin":
            found.append(Page("article", Path(name).stem, f"http://{Path(name).stem}.invalid/", page, gold=text))
    return found


def ours(page: Page, forests: tuple[Forest, Forest]) -> str:
    """The engine's text under these trees."""
    sample = make_sample(page, None, 1.0)
    if not len(sample.blocks.blocks):
        return ""
    return write(sample, score([sample], forests)[0], "precision")


def trees(arguments: argparse.Namespace) -> tuple[Forest, Forest]:
    """The shipped ones, or those that learn from the gold sets alone."""
    if arguments.shipped:
        model = shipped_model()
        return model.first, model.second
    return train([make_sample(*lesson) for lesson in lessons(gold_pages(arguments.data), arguments.cache)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(os.environ.get("GRISTMILL_TEST_DATA", ROOT.parent / "shared" / "data"))
    parser.add_argument("--data", type=Path, default=default)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--pages", type=Path, nargs="*", default=[])
    parser.add_argument("--shipped", action="store_true", help="the shipped weights, which have seen some of the pages")
    parser.add_argument("--lost", action="store_true", help="name the pages of which less than half is kept")
    arguments = parser.parse_args()
    forests = trees(arguments)

    pages = unlabelled_pages(arguments.data, 12) + list(folder_pages(arguments.pages))
    by_script: dict[str, list[tuple[int, int, int, int]]] = {}
    peers = [texts_of(name, pages, arguments.cache) for name in ("trafilatura fast", "resiliparse")]
    for page, one, other in zip(pages, *peers, strict=True):
        left, right = Counter(words(one)), Counter(words(other))
        agreed, text = left & right, ours(page, forests)
        if agreed.total() < LEAST_AGREED:
            continue
        mine = Counter(words(text))
        row = (agreed.total(), (agreed & mine).total(), mine.total(), (mine - (left | right)).total())
        script = script_of(one + other) + (", results" if page.type == "serp" else "")
        by_script.setdefault(script, []).append(row)
        if arguments.lost and row[1] < LOST * row[0]:
            print(f"lost: {row[1]} of {row[0]} words, {script}, {page.url[:120]}")
    print(f"{'script':20}{'pages':>6}{'agreed words':>14}{'kept':>8}{'extra':>8}{'lost pages':>12}")
    for script, rows in sorted(by_script.items()):
        agreed, kept, mine, extra = (sum(column) for column in zip(*rows, strict=True))
        lost = sum(row[1] < LOST * row[0] for row in rows)
        print(f"{script:20}{len(rows):6}{agreed:14,}{kept / agreed:8.4f}{extra / max(1, mine):8.4f}{lost:12}")

    pages = articles(arguments.data)
    peers = [texts_of(name, pages, arguments.cache) for name in ("trafilatura fast", "resiliparse")]
    print(f"\n{'expected text of':28}{'script':12}{'words':>7}{'gristmill':>11}{'trafilatura':>13}{'resiliparse':>13}")
    for page, *texts in zip(pages, *peers, strict=True):
        gold = Counter(words(page.gold or ""))
        shares = [(gold & Counter(words(text))).total() / gold.total() for text in (ours(page, forests), *texts)]
        print(
            f"{page.id[:27]:28}{script_of(page.gold or ''):12}{gold.total():7}{shares[0]:11.4f}{shares[1]:13.4f}{shares[2]:13.4f}"
        )


if __name__ == "__main__":
    main()
