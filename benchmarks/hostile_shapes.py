"""Pages made to hurt, by name: a function of a scale (1: the size that is meant) that makes the bytes."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np

from gristmill.kernels.html_facts import MIX
from gristmill.kernels.html_names import FNV_PRIME, FNV_START

MEGABYTE = 1_000_000
Shape = Callable[[float], bytes]


def repeated(piece: str | bytes, times: int, before: str | bytes = b"", behind: str | bytes = b"") -> Shape:
    """`times` copies of a piece, once something before and behind."""
    piece, before, behind = (part.encode() if isinstance(part, str) else part for part in (piece, before, behind))
    return lambda scale: before + piece * max(1, int(scale * times)) + behind


def filled(piece: str | bytes, megabytes: float, before: str | bytes = b"", behind: str | bytes = b"") -> Shape:
    """Copies of a piece up to so many megabytes."""
    return repeated(piece, int(megabytes * MEGABYTE / len(piece)), before, behind)


def closed(opening: str, inside: str, times: int) -> Shape:
    """Elements in one another, all of them ended."""
    name = opening.strip("<>").split()[0]
    return lambda scale: (
        f"<{opening}>".encode() * int(scale * times) + inside.encode() + f"</{name}>".encode() * int(scale * times)
    )


def numbered(piece: str, times: int) -> Shape:
    """Copies of a piece with a number for each {}."""
    return lambda scale: "".join(piece.format(number) for number in range(int(scale * times))).encode()


def article(scale: float) -> bytes:
    """50 MB like a long article: paragraphs of words as frequent as words are, headings, links, lists, entities."""
    chance = random.Random(5)
    vocabulary = ["".join(chance.choices("etaoinshrdlucmfwyp", k=chance.randrange(2, 10))) for _ in range(3000)]
    weights = [1 / (rank + 3) for rank in range(len(vocabulary))]
    pieces = ["<!doctype html><title>A long page</title><div class=content>"]
    for number in range(2000):
        words = chance.choices(vocabulary, weights, k=chance.randrange(30, 150))
        words[7] = f"<a href='/{words[7]}'>{words[7]}</a>"
        pieces.append(f"<p>{' '.join(words).capitalize()} &amp; more, &eacute;tc.</p>\n")
        if number % 10 == 0:
            pieces.append(f"<h2>{' '.join(words[:4])}</h2><ul><li>{words[0]}</li><li>{words[1]}</li></ul>")
    page = "".join(pieces).encode()
    size = int(50 * MEGABYTE * scale)
    return (page * (size // len(page) + 1))[:size]


def chosen_words(scale: float) -> bytes:
    """100,000 paragraphs of a word each, all of which a table of hashes would put into the same 64th of itself."""
    wanted = int(100_000 * scale)
    letters = np.random.default_rng(1).integers(97, 123, (80 * wanted, 9), np.uint8)
    value = np.full(len(letters), FNV_START)
    for column in range(letters.shape[1]):
        value = ((value ^ letters[:, column]) * FNV_PRIME) * FNV_PRIME
    value = (value ^ value >> np.uint64(32)) * MIX
    return b"".join(b"<p>" + word.tobytes() for word in letters[value >> np.uint64(58) == 0][:wanted])


def attributes(scale: float) -> bytes:
    return b"<p " + b" ".join(b"a%d=b" % number for number in range(int(100_000 * scale))) + b">text"


DEEP = "<span>" * 280  # nearly as many open elements as are kept

SHAPES: dict[str, Shape] = {
    "text": article,
    "tags": repeated("<p>a", 1_000_000),
    "inline tags": repeated("<b>a</b>", 1_000_000),
    "empty paragraphs": repeated("<p></p>", 1_000_000),
    "line breaks": repeated("a<br>", 1_000_000),
    "div in div": repeated("<div>a", 200_000),
    "div in div, closed": closed("div", "text", 400_000),
    "span in span": repeated("<span>a", 400_000),
    "b in b": repeated("<b>a", 400_000),
    "table in table": repeated("<table><tr><td>a", 200_000),
    "list in list": repeated("<ul><li>a", 200_000),
    "mixed, unclosed": repeated("<div><b>a<table><p><li>b<td><i>c<h1>", 60_000),
    "links, unclosed": repeated("<a href=x>b<div>c", 100_000),
    "formatting, crossed": repeated("<b><p>a<i></b>b</p></i>", 200_000),
    "end tags alone": repeated("</div></p></table></li>", 200_000),
    "end tags kept out": repeated("</li>", 1_000_000, "<ul><li><button>" + DEEP + "text<button>" + DEEP),
    "paragraph kept out": repeated("<hr>", 1_000_000, "<p><button>" + DEEP),
    "cells kept out": repeated("</td>", 1_000_000, "<table><tr><td>" + DEEP + "<table>" + DEEP),
    "attributes": attributes,
    "one attribute": filled("x", 10, "<p title='", "'>text"),
    "one class": filled("comment ", 10, "<p class='", "'>text"),
    "classes": repeated("<p class='post comment article'>a", 200_000),
    "styles": repeated("<p style='" + "none;hid " * 20 + "'>a", 50_000),
    "one address": filled("a&amp;", 10, "<p>Text, <a href='", "'>link</a>."),
    "one word": filled("x", 10, "<p>"),
    "one title": filled("word ", 10, "<title>"),
    "ampersands": filled("&amp;", 10, "<p>"),
    "numeric references": filled("&#8217;&#x1F600;", 10, "<p>"),
    "longest references": filled("&CounterClockwiseContourIntegral;", 10, "<p>"),
    "broken references": filled("&#x;&CounterClockwiseContourIntegra&#;&", 10, "<p>"),
    "one number": filled("9", 10, "<p>&#"),
    "surrogates": filled("&#xD83D;&#xDE00;", 10, "<p>"),
    "less-than signs": filled("<", 10),
    "less-than and slash": filled("</", 10),
    "comment, unclosed": filled("words ", 10, "<p>Text<!-- "),
    "comments, unclosed": filled("<!--", 10),
    "dashes": filled("--", 10, "<!--"),
    "CDATA, unclosed": filled("<![CDATA[", 10),
    "script, unclosed": filled("if (a < b) c(); ", 10, "<p>Text<script>"),
    "scripts in scripts": filled("<script><!--<script></script>", 2),
    "scripts ended late": filled("<script><!--<script></script> ", 2, b"", "-->"),
    "style, unclosed": filled("</styl", 10, "<p>Text<style>"),
    "drawings": repeated("<svg><g><p>a", 100_000),
    "titles of drawings": repeated("<svg><title>a</title>", 200_000),
    "cells of rows": repeated("<tr>" + "<td colspan=9 rowspan=99>b" * 20, 50_000, "<table>"),
    "wide cells": repeated("<td colspan=1000 rowspan=1000>a", 200_000, "<table><tr>"),
    "cells of one row": repeated("<td>a", 300_000, "<table><tr>"),
    "bars in cells": repeated("<tr><td>||||||||||<td>||||||||||", 100_000, "<table>"),
    "items, deep": repeated("<li>a", 1_000_000, "<ol>" * 8),
    "breaks in items": repeated("a<br>", 200_000, "<ul>" * 8 + "<li><blockquote>"),
    "items, numbered": numbered("<li>item {}</li>", 1_000_000),
    "headings": repeated("<h2>a</h2><p>b", 150_000),
    "terms": repeated("<dl><dt>a<dd>b", 100_000),
    "quotes": repeated("<blockquote><p>a<br>b</blockquote>", 100_000),
    "code": filled("a\n", 4, "<p>Text</p><pre>"),
    "code, unseen sign": filled("a\n", 4, "<p>Text</p><pre>\u200b"),
    "pieces of code": repeated("<pre>\na\n</pre>b", 100_000),
    "raised": repeated("a<sup>2</sup>", 400_000),
    "for screen readers": repeated("<p>a<span class=sr-only>b</span>", 200_000),
    "joined links": repeated("<a href=abc>b</a>", 400_000),
    "hidden": repeated("<p style='display:none'>a</p>", 200_000),
    "hidden inline": repeated("<span hidden>a</span>b", 300_000),
    "distinct paragraphs": numbered("<p>{}", 200_000),
    "chosen words": chosen_words,
    "NULs": filled("a\0", 10, "<p>"),
    "white space": filled(" \n", 10, "<p>a", "b"),
    "combining marks": filled("\u0301", 5, "<p>a"),
    "ideographs": filled("中文", 5, "<p>"),
    "one emoji": filled("plain ", 10, "<p>\U0001f600 "),
    "bytes of no charset": filled(b"\x81\x8d\xff\xfe", 10, "<p>"),
    "characters cut": filled(b"\xe4\xb8", 10, "<p>"),
    "UTF-16": lambda scale: ("<p>" + "слова " * int(scale * 800_000)).encode("utf-16-le"),
    "spaces in UTF-16": filled(b" \0", 10),
    "escapes of ISO-2022-JP": filled(b"\x1b$B\x1b(B", 10, "<p>"),
}
