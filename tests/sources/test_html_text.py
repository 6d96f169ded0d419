"""HTML fragments as text that keeps their structure."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.sources.html_text import html_to_text

BEFORE_AND_AFTER = [
    ("<p>One\ntwo   three</p>\n\n<p>Four&nbsp;&amp; five</p>", "One two three\n\nFour & five"),
    ("<p>Run <code>ls -l</code> now</p>", "Run `ls -l` now"),
    ("<p>a tick: <code>x`y</code></p>", "a tick: ``x`y``"),
    ("<p>one<br>two<br/>three</p>", "one\ntwo\nthree"),
    ('<pre class="lang-py prettyprint"><code>if a &lt; b:\n    go()\n</code></pre>', "```py\nif a < b:\n    go()\n```"),
    ("<pre><code>```\nx\n```\n</code></pre>", "````\n```\nx\n```\n````"),
    ("<p>See:</p><ul><li>one</li><li>two</li></ul><p>end</p>", "See:\n\n* one\n* two\n\nend"),
    ("<ol start='3'><li><p>one</p></li><li><p>two</p><p>more</p></li></ol>", "3. one\n4. two\n\n   more"),
    ("<ul><li>a<ul><li>b</li></ul></li><li>c</li></ul>", "* a\n  * b\n* c"),
    ("<ul><li>first<li>second</ul>", "* first\n* second"),
    ("<ul><li>x<pre><code>code</code></pre></li></ul>", "* x\n\n  ```\n  code\n  ```"),
    ("<blockquote><p>q1</p><p>q2</p></blockquote><p>mine</p>", "> q1\n>\n> q2\n\nmine"),
    ("<h2>Head</h2>text", "## Head\n\ntext"),
    ("<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td><p>2</p></td></tr></table>", "a | b\n1 | 2"),
    ("x<sup>2</sup>, 10<sup>-3</sup>, the 1<sup>st</sup>, note<sup>[4]</sup>", "x^2, 10^-3, the 1st, note[4]"),
    ("H<sub>2</sub>O and a<sub>i</sub>", "H2O and a_i"),
    ("a < b and c > d, 1<2", "a < b and c > d, 1<2"),
    ("<p>kept</p><script>if (a<b) x('</p>')</script><style>p{}</style><!-- no --><p>too</p>", "kept\n\ntoo"),
    ('<p title="a > b">quoted</p>', "quoted"),
    ("<p>math $a_1 &lt; b$ stays</p>", "math $a_1 < b$ stays"),
    ("<p>nul\x00 bell\x07 &#1; gone</p>", "nul bell gone"),
    (
        "<p>me\u2060\u2014how\u200b so, \ufeffun&shy;seen &zwnj;\u0645\u06cc</p>",
        "me\u2014how so, unseen \u200c\u0645\u06cc",
    ),
    ("<!-- never closed <p>x</p>", ""),
    ("", ""),
]


@pytest.mark.parametrize(("before", "after"), BEFORE_AND_AFTER)
def test_markup_becomes_text(before, after):
    assert html_to_text(before) == after


def test_plain_text_has_no_marks_of_markdown():
    source = "<h1>T</h1><p><code>x</code></p><pre>a\n b</pre><blockquote><p>q</p></blockquote><ul><li>i</li></ul>"
    assert html_to_text(source, markup="plain") == "T\n\nx\n\na\n b\n\nq\n\n* i"


def test_link_targets_where_they_say_something_else():
    source = (
        '<a href="https://a.example/">here</a>, <a href="https://b.example">https://b.example</a>, <a href="#x">x</a>'
    )
    assert html_to_text(source) == "here, https://b.example, x"
    assert html_to_text(source, links="target") == "here (https://a.example/), https://b.example, x"


def test_elements_of_a_dropped_class_go_with_what_they_hold():
    source = '<div class="pg x"><div>in</div>no</div><p>a<span class="num">[9]</span>b</p><p class="num">9<p>c'
    assert html_to_text(source, drop_classes=("pg", "num")) == "ab\n\nc"


@pytest.mark.parametrize(
    "hostile",
    ["<ul>" * 50_000 + "x" + "</ol>" * 50_000, '<a href="' * 50_000, "<!--" * 50_000, "<" * 100_000, "<p '" * 50_000],
)
def test_hostile_markup_costs_linear_time(hostile):
    start = time.perf_counter()
    html_to_text(hostile)
    assert time.perf_counter() - start < 5


@given(st.text(max_size=200))
def test_text_without_markup_keeps_its_words(text):
    import html

    if not any(sign in text for sign in "\x1c\x1d\x1e\x1f\x0b\x0c"):
        clean = "".join(c for c in text if c.isprintable() or c in "\n\t ")
        assert html_to_text(html.escape(clean), markup="plain").split() == clean.split()


@given(st.text(alphabet="<>/abplire'\"=& \n!-", max_size=300))
def test_any_bytes_of_markup_are_survived(source):
    html_to_text(source)
    html_to_text(source, markup="plain", links="target", drop_classes=("a",))
