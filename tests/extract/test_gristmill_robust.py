"""Our own engine on damaged, random and enormous pages: always clean text, work in proportion to the page."""

from __future__ import annotations

import os
import subprocess
import sys
import tracemalloc
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from gristmill.extract import ExtractionError, ExtractSettings, extract
from gristmill.kernels.html_blocks import read_blocks
from gristmill.kernels.html_facts import MIX, MOST_PROBES, place_of_twins

ENGINE = ExtractSettings(engine="gristmill", favour="recall", markup="markdown", time_limit=600, max_bytes=100_000_000)
PIECES = (
    *(
        "<p> </p> <table> <tr> <td> </td></tr> </table> <ul><li> </ul> </a> <pre> </pre> <b> </b> <h2> </h3> <br> <hr/>".split()
    ),
    *(
        "<svg> </svg> <template> <script> </script> <!-- --> <![CDATA[ ]]> &amp; &#x1F600; &nGt; & < > ' \" 中文。".split()
    ),
    *("<select><option> <ruby>漢<rt>x <title> </title> <th>| text".split()),
    *(
        "<div class='post content'>",
        "</div>",
        "<a href='x'>",
        "<span hidden>",
        "<ol start=3><li>",
        "<sup>",
        "2</sup>",
        "<span class='sr-only'>",
        "</span>",
        "<a href=y>b</a>",
        "<dl><dt>",
        "<dd>",
        "<td colspan=9>",
        " ",
        "\n",
        "\t",
        "\x00",
    ),
)


def clean(text: str) -> bool:
    """As every extracted text must be."""
    text.encode("utf-8")
    return "\0" not in text and "\n\n\n" not in text and all(line == line.rstrip() for line in text.split("\n"))


@given(st.lists(st.sampled_from(PIECES), max_size=60))
def test_any_order_of_tags_gives_clean_text_and_twice_the_same(pieces):
    page = "".join(pieces).encode()
    first = extract(page, ENGINE)
    assert clean(first.text)
    assert extract(page, ENGINE) == first


@given(st.binary(max_size=400))
@hypothesis_settings(max_examples=200)
def test_random_bytes_give_clean_text(page):
    with suppress(ExtractionError):  # bytes that are no text
        assert clean(extract(b"<p>" + page, ENGINE.model_copy(update={"links": True})).text)


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=80))
def test_text_in_any_script_passes_unchanged(text):
    page = read_blocks(("<p>" + text.replace("&", "&amp;").replace("<", "&lt;") + "</p>").encode())
    expected = " ".join(text.replace("\u3000", " ").replace("\xa0", " ").replace("\xad", "").split(" ")).split()
    assert bytes(page.text).decode().split() == expected


# what a page is made of, repeated: shape, and how often in the smaller of two pages
SHAPES = {
    "tags": ("<p>a", 125_000),
    "nesting": ("<div>a", 25_000),
    "inline nesting": ("<span>a", 25_000),
    "end tags": ("<span></div></p></table>", 25_000),
    "open cells": ("<table><tr><td>a", 10_000),
    "cells": ("<td>a", 25_000),
    "items": ("<ul><li>a", 10_000),
    "references": ("&nGt;&#38;", 50_000),
    "comments": ("<!-->a", 50_000),
    "unclosed comments": ("<!--", 50_000),
    "hidden lists": ("<select><option>a", 25_000),
    "drawings": ("<svg><g><p>a", 25_000),
    "line breaks": ("a<br>", 50_000),
    "code": ("<pre>\na\n</pre>", 20_000),
    "links": ("<a href=abc>b</a>", 25_000),
    "raised": ("a<sup>2</sup>", 25_000),
    "open raised": ("a<sup>2", 25_000),
    "unseen": ("<p>a<span class=sr-only>b</span>", 15_000),
    "open unseen": ("<span class=sr-only>b", 25_000),
    "terms": ("<dl><dt>a<dd>b", 10_000),
    "rows": ("<table><tr><td>a<td>b</table>", 10_000),
    "wide rows": ("<tr><td colspan=60>a<td colspan=60>b", 10_000),
    "nested scripts": ("<script><!--<script></script>", 25_000),
    "items in lists": ("<ul><li>a<br>b", 10_000),
    "wide cells": ("<td colspan=1000 rowspan=1000>a", 10_000),
    "end tags kept out": ("<li><button><span></li></ul></td>", 10_000),
    "links left open": ("<a href=x>b<div>c", 10_000),
    "crossed formatting": ("<b><p>a<i></b>b</p></i>", 10_000),
    "classes": ("<p class='post comment article'>a", 10_000),
    "surrogates": ("&#xD83D;&#xDE00;", 25_000),
    "combining marks": ("\u0301", 100_000),
    "numbers": ("<p>&#9", 25_000),
}


def cost(page: bytes) -> tuple[int, int]:
    """Levels of the stack that were walked; peak of memory in bytes."""
    steps = read_blocks(page).steps
    tracemalloc.start()
    try:
        extract(page, ENGINE)
        return steps, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("shape", SHAPES)
def test_work_and_memory_grow_with_the_page_and_no_faster(shape):
    piece, times = SHAPES[shape]
    small, large = (cost(piece.encode() * (times // 4 * factor)) for factor in (1, 4))
    assert large[0] <= 4.5 * small[0] + 100_000
    assert large[1] <= 4.5 * small[1] + 3_000_000


@pytest.mark.parametrize(
    "page",
    [
        b"<p " + b"a=b " * 100_000 + b">text",
        b"<p title='" + b"x" * 10_000_000 + b"'>text",
        b"<p class='" + b"comment " * 100_000 + b"'>text",
        b"<style>" + b"</styl" * 100_000 + b"</style>text",
        b"<div>" * 100_000 + b"text" + b"</div>" * 100_000,
    ],
    ids=["attributes", "one attribute", "classes", "raw text", "nesting"],
)
def test_enormous_tags_hide_no_text(page):
    found = read_blocks(page)
    assert bytes(found.text) == b"text"
    assert found.steps < 400 * page.count(b"<") + 1000


def test_a_script_that_is_never_ended_hides_no_text():
    """The first `</script>` ends it, in a page with one as in a page with many."""
    page = b"<p>Before</p>" + b"<script><!--<script></script>" * 1000 + b"<p>Behind</p>"
    assert extract(page, ENGINE).text == "Before\n\nBehind"


def test_scripts_within_scripts_are_passed_over_whole():
    page = b"<p>Before</p>" + b"<script><!-- w('<script>a</script>') --></script>" * 50 + b"<p>Behind</p>"
    assert extract(page, ENGINE).text == "Before\n\nBehind"


def hashes_of_one_place(count: int) -> np.ndarray:
    """Different uint64 hashes that all belong into the first place of a table of twins."""
    back = pow(int(MIX), -1, 2**64)
    mixed = (number * back % 2**64 for number in range(1, count + 1))
    return np.array([value ^ value >> 32 for value in mixed], np.uint64)


def test_blocks_made_to_collide_cost_a_bounded_search_and_others_keep_their_twins():
    hashes = np.concatenate((hashes_of_one_place(1000), hashes_of_one_place(10)))
    places = np.full(1 << 12, -1, np.int32)
    found = []
    for row in range(len(hashes)):
        found.append(place_of_twins(hashes, places, 12, row))
        if found[-1] >= 0 and places[found[-1]] < 0:
            places[found[-1]] = row
    assert found == [*range(MOST_PROBES), *[-1] * (1000 - MOST_PROBES), *range(10)]


@pytest.mark.slow
def test_a_page_of_fifty_megabytes_is_read_whole():
    page = b"<div><p>Some words of a paragraph, <a href=x>a link</a>.</p><ul><li>item</ul></div>" * 600_000
    text = extract(page[:50_000_000], ENGINE).text
    assert clean(text)


LOADED = """
import sys
from gristmill.extract import ExtractSettings, extract
from gristmill.extract.engines import load_engine

settings = [
    ExtractSettings(engine="gristmill"),
    ExtractSettings(engine="gristmill", favour="recall", markup="markdown", links=True, comments=True, tables=False),
]
for one in settings:
    load_engine(one)
kernels = [
    value for name, module in sys.modules.items() if name.startswith("gristmill.kernels.html")
    for value in vars(module).values() if hasattr(value, "signatures")
]
assert len(kernels) > 40
before = [list(kernel.signatures) for kernel in kernels]
for page in (
    "<p>", "<p>a</p>", "<title>t</title><h1>t</h1><p>Words, of a text.<p>" * 5000,
    "<table><tr><th>a<td>b</table><ul><li>a<sup>2</sup></ul><dl><dt>a<dd>b</dl><pre>c</pre><a href=x>y</a><svg>",
    "<div class='comment'><p>Nice &amp; fine. 漢字</p></div><span class=sr-only>x</span><script><!--<script></script>",
):
    for one in settings:
        extract(page.encode(), one)
assert [list(kernel.signatures) for kernel in kernels] == before
"""


def test_loading_the_engine_compiles_all_that_pages_need():
    """The time limit of a page covers no compilation."""
    subprocess.run([sys.executable, "-c", LOADED], check=True)


FUZZ = """
import random, sys
from fastwarc.warc import ArchiveIterator, WarcRecordType
from gristmill.extract import ExtractionError, ExtractSettings, extract
from gristmill.extract.charset import decode

settings = [
    ExtractSettings(engine="gristmill", favour="recall", markup=markup, links=links, comments=True, time_limit=600)
    for markup, links in (("plain", True), ("markdown", False))
]
folder, mutations, truncated = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
pages = []
for name in ("hplt-cc100", "hplt-wide100", "trafilatura-eval"):
    with open(f"{folder}/{name}-00000.warc.gz", "rb") as stream:
        for record in ArchiveIterator(stream, record_types=WarcRecordType.response, parse_http=True):
            pages.append(record.reader.read())
chance = random.Random(11)
TAGS = b"< > <!-- <svg> <pre> &# <table> </td> <select> <p".split()
done = 0

def check(page):
    global done
    for one in settings:
        try:
            text = extract(page, one).text
        except ExtractionError as error:
            assert error.reason == "undecodable"
            continue
        text.encode("utf-8")
        assert text == extract(page, one).text
    done += 1

for _ in range(mutations):
    page = bytearray(chance.choice(pages)[:40_000])
    for _ in range(chance.randrange(1, 30)):
        at = chance.randrange(len(page) + 1)
        what = chance.randrange(5)
        if what == 0:
            page[at : at + chance.randrange(200)] = b""
        elif what == 1:
            page[at:at] = bytes(chance.randrange(256) for _ in range(chance.randrange(8)))
        elif what == 2:
            page[at:at] = chance.choice(TAGS)
        elif what == 3:
            other = chance.choice(pages)
            begin = chance.randrange(len(other) + 1)
            page[at:at] = other[begin : begin + 300]
        else:
            page[at : at + 1] = b"<"
    check(bytes(page))
for page in sorted((page for page in pages if len(page) > 300), key=len)[:10]:
    for end in range(0, len(page), max(1, len(page) // truncated)):
        check(page[:end])
print(done)
"""


def fuzz(real_data: Path, tmp_path: Path, mutations: int, truncated: int) -> int:
    """Pages read in a process of its own whose kernels check every index."""
    done = subprocess.run(
        [sys.executable, "-c", FUZZ, str(real_data / "warc_wrapped_html"), str(mutations), str(truncated)],
        env={
            **os.environ,
            "NUMBA_BOUNDSCHECK": "1",
            "NUMBA_CACHE_DIR": str(tmp_path / "checked"),
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        },
        stdout=subprocess.PIPE,
        check=True,
    )
    return int(done.stdout)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_mutations_and_truncations_of_real_pages_with_bounds_checked(real_data, tmp_path):
    """Ten pages are cut at every byte."""
    assert fuzz(real_data, tmp_path, 300, 1_000_000_000) > 300
