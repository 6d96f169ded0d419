"""Markdown output read back by a Markdown parser: nothing is structure but what was structure on the page."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from warcio.archiveiterator import ArchiveIterator

from gristmill.extract import ExtractSettings, extract
from tests.extract.test_written_text import written

PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def kinds(markdown: str) -> list[str]:
    """What the parser finds, in order: the names of blocks and of inline elements that begin."""
    found = []
    for token in PARSER.parse(markdown):
        found += [child.type for child in token.children or () if child.type not in ("text", "softbreak")]
        found += [token.type.removesuffix("_open")] if token.nesting == 1 or token.type in ("fence", "hr") else []
    return found


def read_back(markdown: str) -> str:
    """The text the parser finds."""
    return "".join(
        child.content if child.type != "softbreak" else "\n"
        for token in PARSER.parse(markdown)
        for child in token.children or ()
    )


def page(text: str) -> str:
    """A paragraph of a page that says `text`."""
    lines = text.replace("&", "&amp;").replace("<", "&lt;").replace("\n", "<br>")
    return f"<p>{lines}</p>"


class TestSignsThatMeanSomething:
    @pytest.mark.parametrize(
        "text",
        [
            "2 * 3 * 4", "snake_case and __init__.py", "C# and F#", "a < b > c", "AT&T, R&D", "f(x)[1]", "-5 degrees", "#tag",
            "1.5 litres", "5$ or 6$", "~5", "C:\\Users", "$a_1*b_1*c$ and \\(x_*y_*\\)", "a | b", "3 - 4", "`", "[1] says",
        ],
    )  # fmt: skip
    def test_signs_of_ordinary_text_stay_alone(self, text):
        assert written(page(text), markdown=True) == text.replace("__", "\\_\\_")

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("all *that* is", "all \\*that\\* is"),
            ("**so** _it_ ~~goes~~", "\\*\\*so\\*\\* \\_it\\_ \\~\\~goes\\~\\~"),
            ("-x- a `b` c", "-x- a \\`b\\` c"),
            ("the <b> tag, <br/>", "the \\<b> tag, \\<br/>"),
            ("&amp; is a &#38;", "\\&amp; is a \\&#38;"),
            ("a [link](x)", "a [link\\](x)"),
            ("\\* and \\_", "\\\\* and \\\\_"),
            ("# no heading", "\\# no heading"),
            ("1. no item\n- nor this\n+ nor\n2) this", "1\\. no item\n\\- nor this\n\\+ nor\n2\\) this"),
            ("> no quote", "\\> no quote"),
            ("no heading\n---\n===", "no heading\n\\---\n\\==="),
            ("***", "\\*\\*\\*"),
            ("*~\n**", "*~\n\\*\\*"),
            ("```\n~~~", "\\`\\`\\`\n\\~\\~\\~"),
            ("[a]: b", "\\[a]: b"),
            ("a | b\n--|--", "a | b\n\\--|--"),
            ("1984.", "1984\\."),
            ("（_王_）", "（\\_王\\_）"),
        ],
    )
    def test_signs_that_would_be_structure_get_a_backslash(self, text, expected):
        assert written(page(text), markdown=True) == expected
        assert read_back(expected) == text
        assert written(page(text)) == text

    @settings(max_examples=300, deadline=None)
    @given(st.lists(st.sampled_from([*"*_~`#<>&;[]()|+-=!:\\/ab1. \n", "&amp;", "<b>", "1. ", "- ", "、"]), min_size=1))
    def test_any_text_comes_back(self, signs):
        text = re.sub(r" *\n[ \n]*", "\n", re.sub(" +", " ", "".join(signs))).strip()
        markdown = written(page(text), markdown=True)
        if "\\(" in text or "\\[" in text:  # formulas
            return
        assert read_back(markdown) == written(page(text))
        assert set(kinds(markdown)) <= {"paragraph"}


class TestBlocks:
    def test_fences_are_longer_than_backticks_inside(self):
        assert written("<pre>a\n```\nb</pre>", markdown=True) == "````\na\n```\nb\n````"

    def test_lists_nest(self):
        html = "<ol><li>a<p>more of a</p><ol><li>b<ul><li>c</ul></ol><li>d</ol>"
        markdown = written(html, markdown=True)
        assert markdown == "1. a\n\n   more of a\n   1. b\n      - c\n2. d"
        assert [kind for kind in kinds(markdown) if "list" in kind] == [
            "ordered_list", "list_item", "ordered_list", "list_item", "bullet_list", "list_item", "list_item",
        ]  # fmt: skip

    def test_an_item_without_the_one_around_it_is_no_code(self):
        html = "<ul><li>x<ul><li>x<ul><li>a</ul></ul></ul>"
        assert written(html, markdown=True, without="x") == "- a"

    def test_text_behind_a_quote_in_a_list_is_no_code(self):
        html = "<ol><li>a<ul><li>b<blockquote>c</blockquote><p>d</ul></ol>"
        assert "code_block" not in [token.type for token in PARSER.parse(written(html, markdown=True))]

    def test_headings_are_one_line(self):
        assert written("<h2># of<br>C #</h2>", markdown=True) == "## # of C \\#"

    def test_a_row_of_one_cell_stays_in_its_table(self):
        html = "<table><tr><td>a<td>b<tr><td colspan=2>part<tr><td>1<td>2|3</table><p>after"
        assert written(html, markdown=True) == "| a | b |\n|---|---|\n| part |\n| 1 | 2\\|3 |\n\nafter"
        assert written(html) == "a | b\npart\n1 | 2|3\n\nafter"

    def test_cells_are_escaped(self):
        html = "<table><tr><td>*a*<td>$x|y$<tr><td>- b<td>&lt;i&gt;</table>"
        assert written(html, markdown=True) == "| \\*a\\* | $x\\|y$ |\n|---|---|\n| - b | \\<i> |"


def words(text: str) -> str:
    """Letters alone: marks, numbers of items and bars are no words."""
    return "".join(filter(str.isalpha, text))


def test_real_pages_come_back_as_they_are_in_plain_text(real_data):
    plain, marked = (ExtractSettings(engine="gristmill", markup=markup) for markup in ("plain", "markdown"))
    pages = 0
    with (real_data / "warc_wrapped_html" / "mozilla-readability-00000.warc.gz").open("rb") as stream:
        for record in ArchiveIterator(stream):
            if record.rec_type != "response":
                continue
            html = record.content_stream().read()
            markdown = extract(html, marked).text
            code = "".join(token.content for token in PARSER.parse(markdown) if token.type == "fence")
            if code:  # read_back knows no code; formulas may hold anything
                continue
            assert "html_inline" not in kinds(markdown)
            assert words(read_back(markdown)) == words(extract(html, plain).text)
            pages += 1
    assert pages > 100
