"""Where a Gutenberg book begins and ends, in every layout the project has used."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.sources.gutenberg_marks import find_book, without_credits, without_notes
from gristmill.sources.hard_wrapping import unwrapped
from tests.sources.etexts import BOOK, MODERN_FOOTER, MODERN_HEADER, NINETIES_HEADER, etext

HEADERS = {
    "modern": MODERN_HEADER,
    "this": "The Project Gutenberg EBook of X\n\n*** START OF THIS PROJECT GUTENBERG EBOOK X ***\n",
    "close stars": "The Project Gutenberg eBook, X\n\n***START OF THE PROJECT GUTENBERG EBOOK X***\n",
    "long title": "*** START OF THE PROJECT GUTENBERG EBOOK A VERY LONG TITLE THAT\nGOES ON OVER A LINE, AND\nANOTHER ***\n",
    "copyrighted": "*** START OF THE COPYRIGHTED PROJECT GUTENBERG EBOOK X ***\n",
    "german": "*** START DES PROJEKT GUTENBERG EBOOK X ***\n",
    "nineties": NINETIES_HEADER,
    "small print without second star": "*END THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.02/11/02*END*\n",
    "statements behind it": (
        "**END THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.08.01*END**\n"
        "[Portions of this header may be reprinted only when\nthese Etexts are free of all fees.]\n"
    ),
    "both": f"*** START OF THIS PROJECT GUTENBERG EBOOK X ***\n\n{NINETIES_HEADER}",
    "no marks": (
        "The Project Gutenberg Etext of X\n\nThis file should be named x10.txt\n\n"
        "We produce two million dollars an hour.\nPlease send your Etexts to the archive.\n"
    ),
}
FOOTERS = {
    "modern": MODERN_FOOTER,
    "this": "*** END OF THIS PROJECT GUTENBERG EBOOK X ***\n\nlicence",
    "close stars": "***END OF THE PROJECT GUTENBERG EBOOK X***\n\nlicence",
    "end of": "End of the Project Gutenberg EBook of X, by Y\n\n*** END OF THIS PROJECT GUTENBERG EBOOK X ***",
    "possessive": "End of Project Gutenberg’s X, by Y\n",
    "etext": "End of this Project Gutenberg etext of X\n",
    "starred": "** This is the end of the Project Gutenberg Etext of X **",
    "german": "Ende dieses Projekt Gutenberg Etextes X\n",
    "french": "Fin de Project Gutenberg's X, by Y\n",
    "french, whole": "Fin du Projet Gutenberg EBook de X\n",
    "dutch": "Einde van het Project Gutenberg EBook van X\n",
    "small print behind": "***START**THE SMALL PRINT!**FOR PUBLIC DOMAIN ETEXTS**START***\nWhy?\n",
    "licence alone": "*** START: FULL LICENSE ***\n\nTHE FULL LICENSE",
}


def lines_of(header: str, footer: str) -> list[str]:
    return etext(header, footer).split("\n")


def body(lines: list[str]) -> list[str]:
    book = find_book(lines)
    return [line for line in lines[book.start : book.end] if line.strip()]


@pytest.mark.parametrize("name", HEADERS)
def test_headers_of_every_age_are_found(name):
    assert body(lines_of(HEADERS[name], MODERN_FOOTER)) == BOOK


@pytest.mark.parametrize("name", FOOTERS)
def test_footers_of_every_age_are_found(name):
    assert body(lines_of(MODERN_HEADER, FOOTERS[name])) == BOOK


def test_a_text_without_marks_is_whole():
    book = find_book(BOOK)
    assert (book.start, book.end, book.header, book.footer) == (0, len(BOOK), "none", "none")


def test_the_project_may_be_spoken_of_inside_a_book():
    inside = [
        *BOOK,
        "He had read of Project Gutenberg and of the end of it.",
        "The end of the project was near.",
        *BOOK,
    ]
    lines = [*MODERN_HEADER.split("\n"), *inside, *MODERN_FOOTER.split("\n")]
    assert body(lines) == inside


def test_a_short_poem_keeps_its_few_lines():
    lines = [*MODERN_HEADER.split("\n"), "", "Roses", "", "are red", "", *MODERN_FOOTER.split("\n")]
    assert body(lines) == ["Roses", "are red"]


def test_notices_inside_collections_are_left_out():
    notice = ["<<THIS ELECTRONIC VERSION OF THE COMPLETE WORKS IS", "PROVIDED BY SOMEBODY. NO COMMERCIAL USE.>>"]
    book = find_book([*BOOK, *notice, *BOOK])
    assert book.without == [(len(BOOK), len(BOOK) + 2)]


def test_copyrighted_books_are_known():
    assert find_book(lines_of(HEADERS["copyrighted"], "")).copyrighted
    assert not find_book(lines_of(MODERN_HEADER, MODERN_FOOTER)).copyrighted


@given(st.lists(st.sampled_from([*BOOK[:3], "", "*** START OF THE PROJECT GUTENBERG EBOOK X ***",
                                 "*** END OF THE PROJECT GUTENBERG EBOOK X ***", "End of Project Gutenberg's X",
                                 "***START**THE SMALL PRINT!**", "*END*THE SMALL PRINT!*END*", "<<THIS ELECTRONIC VERSION OF",
                                 ">>", "[Transcriber's Note: x", "]"]), max_size=40))  # fmt: skip
def test_any_order_of_marks_gives_a_part_of_the_file(lines):
    book = find_book(lines)
    assert 0 <= book.start <= book.end <= len(lines)
    kept, _ = without_notes(lines[book.start : book.end])
    assert set(kept) <= set(lines)
    assert without_credits(kept)[0] == kept[len(kept) - len(without_credits(kept)[0]) :]


# -- credits and notes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "credit",
    [
        "Produced by Ann Hopper and the\nOnline Distributed Proofreading Team",
        "This etext was prepared by Ann Hopper, Mill, England.",
        "E-text prepared by Ann Hopper",
        "Transcribed from the 1890 edition by Ann Hopper, email a@b.example",
        "Scanned and proofread by Ann Hopper",
        "HTML version by Ann Hopper",
        "Note: Project Gutenberg also has an HTML version of this file",
    ],
)
def test_credits_at_the_head_are_not_the_book(credit):
    kept, credits = without_credits(["", *credit.split("\n"), "", "", *BOOK])
    assert [line for line in kept if line] == BOOK
    assert credits == [credit.replace("\n", " ")]


def test_pointers_go_with_the_credits_before_them():
    head = [
        "Note: Project Gutenberg also has an HTML version.",
        "",
        "      (https://files.example/4242-h.htm)",
        "",
        "or",
        "",
    ]
    assert without_credits([*head, *BOOK])[0] == ["", *BOOK]


def test_a_book_that_begins_with_a_maker_keeps_its_first_line():
    lines = ["Made by hand, the sacks were strong.", "", *BOOK]
    assert without_credits(lines) == (lines, [])


def test_notes_in_brackets_and_at_the_ends_go():
    note = ["[Transcriber's Note: spelling has [sic] been", "kept.]"]
    headed = ["TRANSCRIBER'S NOTES", "", "Page 4: a comma was added.", "", ""]
    kept, removed = without_notes([*headed, *BOOK, *note, *BOOK, *["x"] * 200, "Transcriber’s note", "", "Page 9."])
    assert removed == 3
    assert [line for line in kept if line] == [*BOOK, *BOOK, *["x"] * 200]
    alone = ["The transcriber's note lay on the desk.", *BOOK]
    assert without_notes(alone) == (alone, 0)


# -- hard-wrapped lines ------------------------------------------------------------------------------------------------

PROSE = """\
The miller had seven sacks of flour in the yard, and for each of the
seven he had a story that nobody in the village wanted to hear again.
He told them all the same--every morning, at the gate, to the well-
known indifference of his mule."""
VERSE = """\
The wheel goes round,
  The stones are ground,
And never a grain is left to be found,
    Tra la."""
TABLE = "Rye        4   9\nBarley    12  10\nOats       7   3"


def test_prose_is_joined_and_verse_and_tables_stay():
    prose, verse, table = unwrapped(f"{PROSE}\n\n{VERSE}\n\n\n{TABLE}").replace("\n\n\n", "\n\n").split("\n\n")
    assert "\n" not in prose
    assert "all the same--every morning" in prose
    assert "the well-known indifference" in prose
    assert (verse, table) == (VERSE, TABLE)


@given(st.lists(st.text("ab ", max_size=70), max_size=12))
def test_joining_changes_no_letter(lines):
    assert "".join(unwrapped("\n".join(lines)).split()) == "".join("".join(lines).split())
