"""What the settings of the engine `gristmill` do to a page."""

from __future__ import annotations

from gristmill.extract import ExtractSettings, extract

PROSE = "This is a sentence of ordinary prose that says enough to be taken for content, and it goes on. "


def text(html: str, **settings: object) -> str:
    """The text under these settings."""
    return extract(html.encode(), ExtractSettings(engine="gristmill", **settings)).text


def article(body: str) -> str:
    """A page whose article is followed by `body`."""
    prose = "".join(f"<p>{PROSE * 3}{n}</p>" for n in range(6))
    return f"<title>t</title><body class='single comments-open'><article><h1>Head</h1>{prose}</article>{body}"


class TestComments:
    SECTION = (
        "<div id=comments><h3>2 Kommentare</h3><ol class=commentlist>"
        "<li class=comment><cite>Anna Blume says:</cite><p>Thanks a lot for this recipe!</p><a href=#>Reply</a>"
        "<li class=comment><p>I took half of the sugar, and it was sweet enough.</p><a href=#>Reply</a></ol>"
        "<form id=commentform><p>Your email address will not be published.</p></form></div>"
        "<aside class='widget_recent_comments'><ul><li>somebody who wrote on another page</ul></aside>"
    )

    def test_they_come_with_the_setting_alone(self):
        without, with_ = text(article(self.SECTION)), text(article(self.SECTION), comments=True)
        assert "sugar" not in without
        assert with_ == without + (
            "\n\n1. Anna Blume says:\n\nThanks a lot for this recipe!\n"
            "2. I took half of the sugar, and it was sweet enough."
        ).replace("says:\n\n", "says:\n")

    def test_forms_buttons_and_comments_on_other_pages_stay_out(self):
        with_ = text(article(self.SECTION), comments=True)
        assert not any(word in with_ for word in ("Reply", "email", "another page", "Kommentare"))

    def test_an_article_marked_as_comment_is_no_section_of_comments(self):
        html = article("<nav><a href=/>Home of the site</a> and more</nav>").replace(
            "<article>", "<article class=kommentar>"
        )
        assert text(html, comments=True) == text(html)


def test_links_have_their_targets_where_these_lead_away():
    page = article("").replace("ordinary prose", "<a href='/p?a=1&amp;b'>ordinary</a> <a href=#n>prose</a>", 1)
    page = page.replace("says enough", "<a href='JavaScript:void(0)'>says</a> <a href=j>enough</a>", 1)
    assert "ordinary (/p?a=1&b) prose that says enough (j) to be" in text(page, links=True)
    assert "ordinary prose that says enough to be" in text(page)


def test_tables_of_data_go_and_tables_for_layout_stay():
    rows = "".join(f"<tr><td>Year {n}<td>{n * 37} tonnes<td>{n} per cent" for n in range(9))
    page = article("").replace("</article>", f"<table>{rows}</table><p>{PROSE * 3}</p></article>")
    layout = f"<table width=100%><tr><td>{article('')}</td></tr></table>"
    assert "Year 3 | 111 tonnes | 3 per cent" in text(page)
    assert "tonnes" not in text(page, tables=False)
    assert text(layout, tables=False) == text(layout)
