"""What every text and title gets, whichever engine wrote it."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.extract.nesting import MAX_DEPTH, nesting_depth
from gristmill.extract.tidy import tidy
from gristmill.extract.title import find_title
from gristmill.extract.urls import strip_urls


def test_line_ends_become_newlines():
    assert tidy("a\r\nb\rc\x0bd\x0ce\x85f\u2028g\u2029h", 2) == "a\nb\nc\nd\ne\nf\ng\nh"


@pytest.mark.parametrize(("most", "expected"), [(1, "a\nb"), (2, "a\n\nb"), (3, "a\n\n\nb"), (9, "a\n\n\n\n\n\nb")])
def test_newlines_in_a_row_are_limited(most, expected):
    assert tidy("a\n \n\t\n\n\n\nb\n\n\n", most) == expected


def test_controls_go_and_tabs_stay():
    assert tidy("\ufeffa\x00b\x07\tc\x7f d\x1f \x08\ne", 2) == "ab\tc d\ne"


def test_lone_surrogates_become_replacement_characters():
    assert tidy("a\ud800b", 2) == "a\ufffdb"
    assert tidy("\ud83d\ude00", 2) == "😀"


@given(st.text(st.characters(codec=None)), st.integers(1, 4))
def test_tidy_text_is_clean_and_stays_as_it_is(text, most):
    once = tidy(text, most)
    assert tidy(once, most) == once
    assert "\n" * (most + 1) not in once
    assert all(line == line.rstrip() for line in once.split("\n"))
    assert once.split("\n") == (once.splitlines() or [""])
    once.encode("utf-8")


def test_a_million_newlines_take_no_time():
    start = time.process_time()
    assert tidy("a" + "\n" * 1_000_000 + "b", 2) == "a\n\nb"
    assert time.process_time() - start < 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("See https://site.example/a?b=c#d for more.", "See for more."),
        ("See http://site.example.", "See."),
        ("Look (https://en.wiki.example/Mercury_(planet)) here", "Look () here"),
        ("at www.site.example/x, then", "at, then"),
        ("WWW.SITE.EXAMPLE is loud", " is loud"),
        ("ftp://files.example/x\nnext line", "\nnext line"),
        ("the web, awww. no", "the web, awww. no"),
        ("请看https://例子.example/页 谢谢", "请看 谢谢"),
        ("mail me@site.example", "mail me@site.example"),
    ],
)
def test_links_are_stripped(text, expected):
    assert strip_urls(text, bare_hosts=False) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("go to site.com/page today", "go to today"),
        ("go to news.bbc.co.uk.", "go to."),
        ("ask me@site.com now", "ask me@site.com now"),
        ("open README.md and main.rs", "open README.md and main.rs"),
        ("open example.md/docs", "open"),
        ("version 1.2.3.4 and 3.11", "version 1.2.3.4 and 3.11"),
        ("host 10.0.0.1:8080/x is up", "host is up"),
        ("the end.So it begins. No.It does", "the end.So it begins. No.It does"),
        ("e.g. this, i.e. that, U.S. law", "e.g. this, i.e. that, U.S. law"),
        ("import numpy.random here", "import numpy.random here"),
    ],
)
def test_bare_hosts_are_stripped_on_request(text, expected):
    assert strip_urls(text, bare_hosts=True) == expected
    assert strip_urls(text, bare_hosts=False) == text


def test_stripping_urls_is_linear():
    start = time.process_time()
    for hostile in ("a." * 200_000, " " * 400_000, "(" * 100_000 + "http://" + ")" * 100_000, "www." * 100_000):
        strip_urls(hostile, bare_hosts=True)
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    ("html", "title"),
    [
        ("<title>A &amp; B</title>", "A & B"),
        ("<TITLE lang=en>\n  two \t lines\n</TITLE>", "two lines"),
        ("<svg><title>Icon</title></svg><title>Page</title>", "Page"),
        ("<title></title><meta property='og:title' content='From “og” &quot;x&quot;'>", 'From “og” "x"'),
        ("<p>no title", None),
        ("<title>never closed", None),
        ("<title>nul &#0; &#xD800; x</title>", "nul \ufffd \ufffd x"),
    ],
)
def test_title(html, title):
    assert find_title(html) == title


def test_title_is_bounded():
    assert len(find_title(f"<title>{'x' * 5000}</title>") or "") == 1000


def test_title_of_hostile_markup_takes_no_time():
    start = time.process_time()
    for hostile in (
        "<title " * 50_000,
        "<title>" * 50_000,
        "<meta " * 50_000 + "og:title",
        "<svg><title>x</title>" * 9_000,
    ):
        find_title(hostile)
    assert time.process_time() - start < 5


def test_depth_of_real_nesting_is_counted_and_of_flat_pages_is_not():
    deep = MAX_DEPTH + 10
    assert nesting_depth(b"<div>" * deep + b"</div>" * deep) == deep
    assert nesting_depth(b"<DIV class=x>\n" * deep) == deep
    assert nesting_depth(b"<div>x</div>" * deep) <= 1
    assert nesting_depth(b"<divider>" * deep) == 0
    assert nesting_depth(b"<div>" * 100) == 0
