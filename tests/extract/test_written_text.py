"""How chosen blocks read: words apart, raised digits, tables in columns, lists and terms; what is chosen for its company."""

from __future__ import annotations

import numpy as np
import pytest

from gristmill.extract.blocks import PageFeatures
from gristmill.extract.tidy import tidy
from gristmill.kernels.html_adopt import adopt
from gristmill.kernels.html_blocks import read_blocks
from gristmill.kernels.html_emit import emit
from gristmill.kernels.html_stack import START, STOP


def written(html: str, *, markdown: bool = False, without: str = "") -> str:
    """All blocks as text, but for those whose text is `without`."""
    page = read_blocks(html.encode())
    texts = [bytes(page.text[block[START] : block[STOP]]).decode() for block in page.blocks]
    return emit(page, np.array([text != without for text in texts], bool), markdown)


def adopted(html: str, sure: str, unlikely: str = "", p: float = 0.9) -> str:
    """The text when blocks beginning with a sign of `sure` have this p and are chosen; those of `unlikely` never are."""
    features = PageFeatures(html.encode())
    page = features.page
    signs = [chr(page.text[block[START]]) for block in page.blocks]
    all_p = np.array([p if sign in sure else 0.0 if sign in unlikely else 0.4 for sign in signs], np.float32)
    chosen = all_p >= 0.5
    adopt(page.blocks, features.facts, all_p, 0.5, chosen)
    return emit(page, chosen, False)


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("10<sup>6</sup> m<sup>3</sup> Ca<sup>2+</sup> 10<sup>&minus;3</sup> x<sup>n</sup>", "10⁶ m³ Ca²⁺ 10⁻³ xⁿ"),
        ("said.<sup><a href=#1>1</a>,<a href=#2>2</a></sup> Then", "said.¹,² Then"),
        ("1<sup>st</sup> of x<sup>[1]</sup>, Foo<sup>TM</sup>, H<sub>2</sub>O", "1st of x[1], FooTM, H2O"),
        ("<sup>1</sup>/<sub>2</sub> cup, <sup>3</sup>&frasl;<sub>4</sub>", "1/2 cup, 3⁄4"),
        ("a<sup>1 b <p>c<sup>2</sup>", "a1 b\n\nc²"),
        ("<pre>a <sup>2</sup></pre>", "a ²"),
    ],
)
def test_raised_digits_do_not_join_the_number_before(html, expected):
    assert written(html) == expected


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<a href=x>News</a><a href=y>Sport</a>", "News Sport"),
        ("<span>2</span><a href=y>Sport</a><span>more</span>", "2 Sport more"),
        ("<a href=x>News</a>s, (<a href=x>News</a>)<a href=y>, more</a>", "Newss, (News), more"),
        ("<a href=x>News</a> <a href=y>Sport</a><br><a href=y>More</a>", "News Sport\nMore"),
        ("<a href=x>東京</a><a href=y>大学</a> <a href=x>ข่าว</a><a href=x>กีฬา</a>", "東京大学 ข่าวกีฬา"),
        ("<a href=x>뉴스</a><a href=y>사회</a>", "뉴스 사회"),
        ("<span>i</span><span>Phone</span>", "iPhone"),
        ("<pre><a href=x>Vec</a><span>new</span></pre>", "Vecnew"),
    ],
)
def test_links_side_by_side_are_words_apart(html, expected):
    assert written(html) == expected


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p>$5<span class=sr-only>five dollars</span> only", "$5 only"),
        ("<p>a <span class='b visually-hidden'>x <b>y</b></span>c", "a c"),
        ("<p>a <span class=screen-reader-text>x</span> c<p>d", "a c\n\nd"),
        ("<p><span class=katex><span class=katex-mathml>x=1</span><span>x = 1</span></span>", "x = 1"),
        ("<p>a<p><span class=a-offscreen>whole</span><p>b", "a\n\nb"),
        ("<p><span class=reader>seen</span> <span class=sr>too</span>", "seen too"),
        ("<span class=sr-only><p>a<p>b</span>", "a\n\nb"),
        ("<p>a <span class=sr-only>never closed", "a never closed"),
    ],
)
def test_text_for_screen_readers_alone_goes(html, expected):
    assert written(html) == expected


class TestTables:
    def test_empty_cells_keep_the_others_in_their_columns(self):
        html = "<table><tr><td><td>2019<td>2020<tr><td>a<td><td>5<tr><td>b<td>6<td></table>"
        assert written(html) == "| 2019 | 2020\na | | 5\nb | 6"

    def test_columns_without_any_text_are_left_out(self):
        html = "<table><tr><td>a<td> <td>b<tr><td>c<td><td>d</table>"
        assert written(html) == "a | b\nc | d"
        assert written(html, markdown=True) == "| a | b |\n|---|---|\n| c | d |"

    def test_a_wide_cell_takes_its_columns(self):
        html = "<table><tr><td>item<td>number<td>price<tr><td colspan=2>sum<td>7</table>"
        assert written(html) == "item | number | price\nsum | | 7"

    def test_a_cell_of_several_short_blocks_is_one_cell(self):
        html = "<table><tr><th>Born<td><div>1 May</div><div>Paris</div><tr><th>Works<td><ul><li>A<li>B</ul></table>"
        assert written(html) == "Born | 1 May Paris\nWorks | A, B"

    def test_the_first_row_in_markdown_is_as_wide_as_the_widest(self):
        html = "<table><tr><td>a<td>b<tr><td>c<td>d<td>e</table>"
        assert written(html, markdown=True) == "| a | b | |\n|---|---|---|\n| c | d | e |"

    def test_two_tables_stay_two_in_markdown(self):
        table = "<table><tr><td>a<td>b</table>"
        assert written(table + table, markdown=True) == "| a | b |\n|---|---|\n\n| a | b |\n|---|---|"


class TestLists:
    def test_another_list_is_set_apart(self):
        assert written("<ul><li>a<li>b</ul><ol><li>c<ul><li>d</ul></ol>") == "- a\n- b\n\n1. c\n  - d"
        assert written("<ul><li>a</ul><p>x</p><ol><li>c</ol>", without="x") == "- a\n\n1. c"

    def test_numbers_are_the_page_s_own(self):
        assert written("<ol start=3><li>a<li>b</ol><ol><li value=7>c<li>d</ol>") == "3. a\n4. b\n\n7. c\n8. d"
        assert written("<ol start=3><li>a<li>b</ol>", markdown=True) == "3. a\n4. b"
        html = "<ol start=-2><li>a<li value=20191118>b</ol><ul><li value=5>c</ul>"  # identifiers are no numbers
        assert written(html) == "1. a\n2. b\n\n- c"

    def test_terms_stand_above_what_is_said_of_them(self):
        html = "<dl><dt>cat<dd>an animal<dt>cf.<dt>see<dd>compare</dl>after"
        assert written(html) == "cat\nan animal\n\ncf.\nsee\ncompare\n\nafter"

    def test_a_quote_is_set_apart_from_a_list_before_it(self):
        assert written("<ul><li>a</ul><blockquote><ul><li>b</ul></blockquote>", markdown=True) == "- a\n\n> - b"


@pytest.mark.parametrize("anchor", ["¶", "&#xf0c1;", "🔗", "#"])
def test_anchors_of_headings_go(anchor):
    html = f"<h2>Set up<a href=#s>{anchor}</a></h2><p>Text {anchor}</p><h2>C#</h2>"
    assert written(html).split("\n\n")[0] == "Set up"
    assert written(html).endswith("\n\nC#")
    assert written(html, markdown=True).startswith("## Set up\n")


def test_anchors_before_headings_go():
    html = "<h2><a href=#c>§</a>Choose a runtime</h2><h2>§1 Scope</h2><h2>§ 2 Terms</h2><p>§Choose"
    assert written(html) == "Choose a runtime\n\n§1 Scope\n\n§ 2 Terms\n\n§Choose"


class TestAdoption:
    def test_short_items_between_chosen_ones(self):
        html = "<ul><li>A long item<li>b<li>c<li>A last one<li>d</ul>"
        assert adopted(html, "A") == "- A long item\n- b\n- c\n- A last one"
        assert adopted(html, "A", unlikely="b") == "- A long item\n- A last one"

    def test_cells_of_rows_half_chosen(self):
        html = "<table><tr><td>Anna<td>b<td>Anton<tr><td>c<td>d<td>e</table>"
        assert adopted(html, "A") == "Anna | b | Anton"

    def test_headings_between_chosen_text_and_terms_before_it(self):
        html = "<h1>head</h1><p>All of it<h2>part</h2><p>And more<h2>last</h2><p>other"
        assert adopted(html, "A") == "All of it\n\npart\n\nAnd more"
        assert adopted("<dl><dt>term<dd>An explanation</dl>", "A") == "term\nAn explanation"

    def test_lines_that_announce_what_was_not_chosen_go(self):
        text = "An article goes on for a while, long enough for a paragraph of prose and then some more words of it."
        html = f"<h1>A title</h1><p>by<p>{text}<h3>Also read</h3><p>other<p>{text}<p>All photos: agency"
        assert (
            adopted(html, "A") == f"A title\n\n{text}\n\nAlso read\n\n{text}\n\nAll photos: agency"
        )  # surely main text
        assert adopted(html, "A", p=0.6) == f"A title\n\n{text}\n\n{text}"


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<script><!-- write('<script src=x></script>'); var a --></script>b", "b"),
        ("<script>write('<!--<script>never ended')</script>b", "b"),
        ("<script><!-- a() </script>b", "b"),
        ("<script>a('<script>')</script>b", "b"),
    ],
)
def test_scripts_end_where_browsers_end_them(html, expected):
    assert written(html) == expected


def test_lines_of_invisible_signs_are_empty():
    assert tidy("a\n\u200d\nb\u200b \n\u200b\u2060c\n\u200e\n\nd", 2) == "a\n\nb\nc\n\nd"
    assert tidy("\u200fשלום\u200f\nمی\u200cخواهم", 2) == "\u200fשלום\u200f\nمی\u200cخواهم"
