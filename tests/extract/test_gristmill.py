"""Our own engine: what it reads, what it keeps, how the kept text looks."""

from __future__ import annotations

import numpy as np
import pytest

from gristmill.extract import ExtractSettings, extract
from gristmill.extract.block_model import FORMAT, BlockModel, shipped_model
from gristmill.extract.blocks import PageFeatures
from gristmill.kernels.html_adopt import adopt
from gristmill.kernels.html_blocks import read_blocks
from gristmill.kernels.html_emit import emit
from gristmill.kernels.html_stack import BOLD_UNITS, HEAD, LINK_UNITS, START, STOP, UNITS

PROSE = "This is a sentence of ordinary prose that says enough to be taken for content. " * 4


def texts(html: str) -> list[str]:
    """The text of every block."""
    page = read_blocks(html.encode())
    return [bytes(page.text[block[START] : block[STOP]]).decode() for block in page.blocks]


def written(html: str, *, markdown: bool = False) -> str:
    """All blocks as text."""
    page = read_blocks(html.encode())
    return emit(page, page.blocks[:, UNITS] > 0, markdown)


class TestReading:
    @pytest.mark.parametrize(
        ("html", "expected"),
        [
            ("<p>one<p>two", ["one", "two"]),
            ("<p>one <b>bold</b> word</p>", ["one bold word"]),
            ("a<div>b<span>c</span>d</div>e", ["a", "bcd", "e"]),
            ("<ul><li>a<li>b<ul><li>c</ul></ul>d", ["a", "b", "c", "d"]),
            ("<dl><dt>a<dd>b<dt>c</dl>", ["a", "b", "c"]),
            ("<table><tr><td>1<td>2<tr><td>3</table>4", ["1", "2", "3", "4"]),
            ("<p>a<br>b<br><br>c", ["a\nb", "c"]),
            ("a<!-- no <p> -->b<!-->c<!--->d<!-- x --!>e", ["abcde"]),
            ("a<!-- never closed", ["a"]),
            ("a<![CDATA[b]]>c<?php d ?>e<!doctype f>g", ["aceg"]),
            ("<script>if (a<b) document.write('</p>')</script>a<style>p{}</style>b", ["ab"]),
            ("<script>never closed <p>a", []),
            ("<textarea><p>a</textarea>b<iframe><p>c</iframe>", ["b"]),
            ("<noscript><p>for all</noscript>", ["for all"]),
            ("<template><p>no</template><svg><text>no</text></svg>yes", ["yes"]),
            ("<svg><path d='x'/><div>left open</div>", ["left open"]),
            ("<svg><foreignObject><div>a label</div></foreignObject></svg>b", ["b"]),
            ("<select><option>a<option>b</select>c", ["c"]),
            ("<title>t <b></title>a", ["a"]),
            (
                "a &lt; b &amp;&amp; c &eacute;&#8217;&#x1F600; &notit; &#128; &nosuch; AT&T",
                ["a < b && c é’😀 ¬it; € &nosuch; AT&T"],
            ),
            ("a&nbsp;b&shy;c\u3000d", ["a bc d"]),
            ("1 < 2 <3 </>x</ y>", ["1 < 2 <3 x"]),
            ("<p title='a > b'>x</p><p title=a>y", ["x", "y"]),
            ("a<p hidden>x</p><span style='display: none'>gone</span>b", ["a", "x", "b"]),
            ("<ruby>漢<rp>(</rp><rt>kan</rt><rp>)</rp>字</ruby>", ["漢字"]),
            ("<b>never closed <p>two", ["never closed", "two"]),
            ("</p>a</div></li>b", ["ab"]),
            ("<my-card>a</my-card><my-card>b</my-card>", ["a", "b"]),
            ("a<p", ["a"]),
            ("", []),
            ("   \n ", []),
        ],
    )
    def test_blocks_are_what_browsers_show(self, html, expected):
        assert texts(html) == expected

    def test_white_space_in_pre_stays(self):
        assert texts("<pre>\n a\n\n  b\t&lt;\n</pre>c") == [" a\n\n  b\t<\n", "c"]

    def test_lengths_count_links_and_bold_text(self):
        (block,) = read_blocks(b"<p>four <a href=x>five5</a> <b>six666</b></p>").blocks
        assert (block[UNITS], block[LINK_UNITS], block[BOLD_UNITS]) == (15, 5, 6)

    def test_signs_that_say_more_count_more(self):
        lengths = [read_blocks(text.encode()).blocks[0, UNITS] for text in ("abc", "中文", "かな", "한글", "ไทย")]
        assert lengths == [3, 6, 4, 4, 3]

    def test_a_link_ends_with_its_table_cell(self):
        page = read_blocks(b"<table><tr><td><a href=x>in<td>out</table>after")
        assert page.blocks[:, LINK_UNITS].tolist() == [2, 0, 0]

    def test_a_heading_closes_another(self):
        assert read_blocks(b"<h1>a<h2>b</h3>c").blocks[:, HEAD].tolist() == [1, 2, 0]

    def test_the_title_element_is_found(self):
        page = read_blocks(b"<svg><title>no</title></svg><title>yes</title>")
        assert bytes(page.page[slice(*page.title)]) == b"yes"


class TestWriting:
    def test_paragraphs_lists_and_rows(self):
        html = (
            "<h2>Head</h2><p>Para<ul><li>a<li>b<ol start=1><li>c<li>d</ol></ul><p>More"
            "<table><tr><th>x<th>y<tr><td>1<td>2|3</table>"
        )
        assert written(html) == "Head\n\nPara\n\n- a\n- b\n  1. c\n  2. d\n\nMore\n\nx | y\n1 | 2|3"
        assert written(html, markdown=True) == (
            "## Head\n\nPara\n\n- a\n- b\n  1. c\n  2. d\n\nMore\n\n| x | y |\n|---|---|\n| 1 | 2\\|3 |"
        )

    def test_code_keeps_its_lines(self):
        html = "<p>Run<pre>def f():\n    return 1\n</pre><p>now"
        assert written(html) == "Run\n\ndef f():\n    return 1\n\nnow"
        assert written(html, markdown=True) == "Run\n\n```\ndef f():\n    return 1\n```\n\nnow"

    def test_lines_of_code_that_only_elements_part_stay_apart(self):
        html = "<pre><code><span class=line>a</span><span class=line>  b</span>\n<span class=line>c</span><br>d</code></pre>"
        assert written(html, markdown=True) == "```\na\n  b\nc\nd\n```"
        assert written("<pre><div>a</div><div> b</div></pre>", markdown=True) == "```\na\n b\n```"

    def test_code_inside_chosen_text_is_kept(self):
        page = PageFeatures(b"<pre>x</pre><p>a<pre>b</pre><p>c<p>d<p>e<p>f<pre>y</pre>")
        chosen = np.array([False, True, False, True, False, False, False, False])
        adopt(page.blocks, page.facts, np.zeros(8, np.float32), 0.5, chosen)
        assert emit(page.page, chosen, False) == "a\n\nb\n\nc"

    def test_quotes_in_markdown(self):
        assert written("a<blockquote><p>b<br>c<p>d</blockquote>e", markdown=True) == "a\n\n> b\n> c\n>\n> d\n\ne"

    def test_empty_cells_keep_their_column_in_markdown(self):
        html = "<table><tr><td>a<td>b<td>c<tr><td>d<td><td>f</table>"
        assert written(html, markdown=True) == "| a | b | c |\n|---|---|---|\n| d | | f |"

    def test_a_table_for_layout_becomes_paragraphs(self):
        one, two = PROSE.strip(), PROSE.strip().upper()
        html = f"<table><tr><td><p>{one}<p>{two}</td><td>side</td></tr></table>"
        assert written(html) == f"{one}\n\n{two}\n\nside"

    def test_an_item_keeps_its_mark_when_its_first_block_goes(self):
        page = read_blocks(b"<ul><li><div>x</div><p>long</p><li>b</ul>")
        chosen = page.blocks[:, UNITS] > 1
        chosen[-1] = True
        assert emit(page, chosen, False) == "- long\n- b"


class TestEngine:
    def test_comments_follow_their_setting(self):
        html = (
            f"<div class=article><h1>T</h1><p>{PROSE}</p><p>{PROSE}</p></div><div id=comments><h3>3 comments</h3>"
            + "".join(
                f"<div class=comment><div class=comment-author>Reader {k}</div><a href=#c{k}>May {k}, 2019 at 10:2{k}</a>"
                f"<p>I think that this is a good point number {k}, because I saw the same thing in our village, where "
                f"it took years to be mended. Thank you!</p><a class=comment-reply-link href=#r>Reply</a></div>"
                for k in range(3)
            )
        )
        without = extract(html.encode(), ExtractSettings(engine="gristmill"))
        with_all = extract(html.encode(), ExtractSettings(engine="gristmill", comments=True))
        assert "good point" not in without.text
        assert with_all.text.count("good point") == 3

    def test_confidence_is_a_share(self):
        page = extract(f"<article><p>{PROSE}<p>{PROSE}</article>".encode(), ExtractSettings(engine="gristmill"))
        assert page.confidence is not None
        assert 0.5 < page.confidence <= 1
        assert extract(b"", ExtractSettings(engine="gristmill")).confidence == 0

    def test_other_engines_claim_no_confidence(self):
        assert extract(b"<p>a", ExtractSettings(engine="resiliparse")).confidence is None


class TestModelFile:
    def test_the_shipped_model_is_small_and_survives_a_round_trip(self):
        data = shipped_model().to_bytes()
        assert len(data) <= 200_000
        assert BlockModel.from_bytes(data).to_bytes() == data

    def test_other_files_are_refused(self):
        with pytest.raises(ValueError, match="not a block model"):
            BlockModel.from_bytes(b"PK\x03\x04")
        with pytest.raises(ValueError, match="other features"):
            BlockModel.from_bytes(FORMAT.encode() + b'\n{"features": [], "context": []}\n')
