"""Throughput of the paper, patent and conversation sources: MB of input a CPU second, the usual library beside it.

    python benchmarks/sources.py --data FOLDER [--seconds 3]

arXiv against pylatexenc's LatexNodes2Text, JATS and patents against BeautifulSoup's get_text with lxml, over the same files.
Hacker News and Reddit, over dumps made up here, against the loop one would write first: rows read with json, grouped by what
they answer in dictionaries, comments through BeautifulSoup (Hacker News) or html.unescape (Reddit), joined with indentation. It
holds all of a dump in memory and leaves nothing out; ours joins out of core, names what it drops, and says where every row lay.
"""

from __future__ import annotations

import argparse
import html
import io
import json
import os
import random
import tarfile
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from gristmill.sources.arxiv import Arxiv
from gristmill.sources.hackernews import HackerNews
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
        news = hacker_news(here / "items.jsonl")
        row("hackernews", HackerNews(), [news], chosen.seconds, "json, BeautifulSoup", threads_of_news)
        posts, comments = forum(here / "RS_2019-01.jsonl", here / "RC_2019-01.jsonl")
        row("reddit", Reddit(), [posts, comments], chosen.seconds, "json, html.unescape", threads_of_forum)
        row("reddit csv", Reddit(minimum_comments=0), sorted(here.rglob("*.csv")), chosen.seconds, "", None)


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


# -- dumps of conversations, and the plain loop over them ----------------------------------------------------------------

STORIES, COMMENTS = 400, 30  # comments of each story


def sentences(source: random.Random, words: Sequence[str], most: int) -> str:
    return " ".join(source.choices(words, k=source.randint(5, most)))


def hacker_news(path: Path) -> Path:
    """Items as the API gives them, comments in HTML with links, emphasis and entities."""
    source, words = random.Random(1), [f"{a}{b}" for a in "bcdfgl" for b in ("ake", "oven", "read", "lour", "our")]
    with path.open("w") as out:
        for story in range(STORIES):
            first = story * (COMMENTS + 1) + 1
            item: dict[str, Any] = {"id": first, "type": "story", "title": sentences(source, words, 10), "score": 9}
            out.write(json.dumps(item | {"by": "ann", "time": 1_550_000_000 + first}) + "\n")
            for number in range(first + 1, first + 1 + COMMENTS):
                text = f"{sentences(source, words, 60)}. It&#x27;s <i>so</i>: {sentences(source, words, 20)}<p>"
                text += f'See <a href="https:&#x2F;&#x2F;mill.example&#x2F;{number}">it</a>, {sentences(source, words, 40)}.'
                item = {"id": number, "type": "comment", "parent": source.randrange(first, number), "text": text}
                out.write(json.dumps(item | {"by": f"user{number % 50}", "time": 1_550_000_000 + number}) + "\n")
    return path


def forum(posts: Path, comments: Path) -> tuple[Path, Path]:
    """A month as Pushshift has it, unpacked."""
    source, words = random.Random(2), [f"{a}{b}" for a in "bcdfgl" for b in ("ake", "oven", "read", "lour", "our")]
    submissions, replies = io.BytesIO(), io.BytesIO()
    number = 1
    for post in range(1, STORIES + 1):
        about = {"subreddit": "bread", "score": 5, "created_utc": 1_546_300_800 + post, "author": "ann"}
        line = {"id": f"{post:x}", "title": sentences(source, words, 10), "selftext": sentences(source, words, 90)}
        submissions.write(json.dumps(line | about | {"permalink": f"/r/bread/comments/{post:x}/x/"}).encode() + b"\n")
        there = [f"t3_{post:x}"]
        for _ in range(COMMENTS):
            body = f"{sentences(source, words, 60)} &amp; [so](https://mill.example/{number}) &gt; {sentences(source, words, 40)}"
            reply = {"id": f"{number:x}", "link_id": f"t3_{post:x}", "parent_id": source.choice(there), "body": body}
            replies.write(json.dumps(about | reply | {"author": f"user{number % 50}"}).encode() + b"\n")
            there.append(f"t1_{number:x}")
            number += 1
    posts.write_bytes(submissions.getvalue())
    comments.write_bytes(replies.getvalue())
    return posts, comments


def threads(roots: Sequence[tuple[Any, str]], answers: dict[Any, list[tuple[Any, str]]]) -> list[str]:
    def lines(number: Any, depth: int) -> Iterator[str]:
        for reply, text in answers[number]:
            yield "  " * depth + text
            yield from lines(reply, depth + 1)

    return ["\n\n".join([text, *lines(number, 0)]) for number, text in roots]


def threads_of_news(path: Path) -> object:
    from bs4 import BeautifulSoup

    roots, answers = [], defaultdict(list)
    with path.open() as lines:
        for item in map(json.loads, lines):
            if item["type"] == "story":
                roots.append((item["id"], item["title"]))
            else:
                answers[item["parent"]].append((item["id"], BeautifulSoup(item["text"], "lxml").get_text("\n")))
    return threads(roots, answers)


def threads_of_forum(path: Path) -> object:
    """Posts and comments in one call, at the posts; nothing at the comments."""
    if not path.name.startswith("RS"):
        return None
    roots, answers = [], defaultdict(list)
    for name in (path, path.with_name(path.name.replace("RS", "RC"))):
        with name.open() as lines:
            for row in map(json.loads, lines):
                if "title" in row:
                    roots.append((f"t3_{row['id']}", html.unescape(f"{row['title']}\n\n{row['selftext']}")))
                else:
                    answers[row["parent_id"]].append((f"t1_{row['id']}", html.unescape(row["body"])))
    return threads(roots, answers)


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
