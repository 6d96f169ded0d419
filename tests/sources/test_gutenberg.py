"""Gutenberg books: text, HTML and EPUB, what their headers say, and the catalogue."""

from __future__ import annotations

import io
import lzma
import tarfile

import pytest

from gristmill.errors import UserError
from gristmill.pipeline.inputs import find_files
from gristmill.sources.gutenberg import Gutenberg
from gristmill.stage import InputFile
from tests.sources.archives import ends
from tests.sources.etexts import BOOK, MODERN_FOOTER, MODERN_HEADER, NINETIES_HEADER, epub, etext, zipped

TEXT = "\n".join(BOOK)


def books(folder, data: bytes | str, name: str = "4242-0.txt", **settings):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    source = Gutenberg(**settings)
    found = list(source.records(InputFile(str(path), name, path.stat().st_size, "")))
    for record in found:
        if record.open and record.text is None:
            source.read_text(record)
    return found


def book(folder, data: bytes | str, name: str = "4242-0.txt", **settings):
    (found,) = books(folder, data, name, **settings)
    return found


def test_a_modern_etext(tmp_path):
    found = book(tmp_path, "\ufeff" + etext(MODERN_HEADER, MODERN_FOOTER).replace("\n", "\r\n"))
    assert found.text == TEXT
    assert found.title == "The Mill on the Brook or, The Seven Sacks"
    assert (found.language, found.date, found.url) == ("en", 1213660800, "https://www.gutenberg.org/ebooks/4242")
    assert found.metadata["authors"] == ["Jane Grist"]
    assert (found.metadata["translator"], found.metadata["released"]) == ("Tom Sifter", "June 17, 2008")


def test_an_etext_of_the_nineties(tmp_path):
    found = book(tmp_path, etext(NINETIES_HEADER, "End of the Project Gutenberg Etext of The Mill"), "mill10.txt")
    assert found.text == TEXT
    assert (found.title, found.metadata["authors"]) == ("The Mill on the Brook", ["Jane Grist"])
    assert (found.metadata["ebook"], found.metadata["header"]) == (77, "small_print")


@pytest.mark.parametrize(
    ("declared", "codec"),
    [
        ("ISO-8859-1", "latin-1"),
        ("ISO Latin-1", "cp1252"),
        ("UTF-8", "utf-8"),
        ("IBM850", "cp850"),
        ("ISO-8859-1", "utf-8"),
    ],
)
def test_encodings_as_declared_or_as_they_are(tmp_path, declared, codec):
    words = "Der Müller hatte süße Träume, wenn der Bach größer wurde."
    header = MODERN_HEADER.replace("Credits:", f"Character set encoding: {declared}\n\nCredits:")
    assert book(tmp_path, etext(header, MODERN_FOOTER, words).encode(codec)).text == words


def test_credits_notes_and_bare_illustrations_are_dropped_unless_kept(tmp_path):
    body = f"Produced by Ann Hopper\n\n[Transcriber's Note: as printed.]\n\n[Illustration]\n\n[Illustration: A mill.]\n\n{TEXT}"
    data = etext(MODERN_HEADER, MODERN_FOOTER, body)
    found = book(tmp_path, data)
    assert found.text.split("\n\n")[0].strip() == "[Illustration: A mill.]"
    assert found.text.endswith(TEXT)
    kept = book(tmp_path, data, credits="keep", transcriber_notes="keep", illustrations="keep").text
    for part in ("Produced by Ann Hopper", "[Transcriber's Note", "[Illustration]\n"):
        assert part in kept


def test_copyrighted_books_are_dropped_unless_kept(tmp_path):
    data = etext("*** START OF THE COPYRIGHTED PROJECT GUTENBERG EBOOK X ***\n", "")
    assert ends([book(tmp_path, data)]) == ["gutenberg.copyrighted"]
    kept = book(tmp_path, data, copyrighted="keep")
    assert (kept.text, kept.metadata["copyrighted"]) == (TEXT, True)


def test_texts_without_marks(tmp_path):
    assert book(tmp_path, TEXT).text == TEXT
    assert ends([book(tmp_path, TEXT, require_marks=True)]) == ["gutenberg.no_marks"]
    assert ends([book(tmp_path, MODERN_HEADER + MODERN_FOOTER)]) == ["gutenberg.empty"]


def test_lines_are_joined_when_asked(tmp_path):
    wrapped = "The miller had seven sacks of flour in the yard, and for each of them he\nhad a story that nobody heard."
    assert book(tmp_path, wrapped).text == wrapped
    assert book(tmp_path, wrapped, unwrap=True).text == wrapped.replace("\n", " ")


# -- HTML, zip, EPUB ---------------------------------------------------------------------------------------------------


def test_html_with_the_header_in_pre(tmp_path):
    page = f"<html><head><title>A Mill</title></head><body><pre>{MODERN_HEADER}</pre><h1>Mill</h1><p>One <i>two</i></p>"
    found = book(
        tmp_path, page + f"<p>Three<span class='pagenum'>[Pg 3]</span>.</p><pre>{MODERN_FOOTER}</pre>", "4242-h.htm"
    )
    assert found.text == "Mill\n\nOne two\n\nThree."
    assert (found.language, found.metadata["format"]) == ("en", "html")


def test_html_with_the_header_in_a_section(tmp_path):
    header = MODERN_HEADER.replace("\n\n", "</p><p>").replace("*** START", "<div>*** START").strip()
    page = (
        "<!DOCTYPE html><html><head><title>The Mill | Project Gutenberg</title></head><body>"
        f'<section class="pg-boilerplate pgheader" id="pg-header" lang="en"><p>{header}</div></section>'
        '<p>One.</p><section class="pg-boilerplate pgfooter" id="pg-footer"><p>*** END</p></section></body></html>'
    )
    found = book(tmp_path, page, "4242-images.html")
    assert found.text == "One."
    assert (found.metadata["ebook"], found.metadata["authors"]) == (4242, ["Jane Grist"])


def test_html_title_where_nothing_else_names_the_book(tmp_path):
    page = "<html><head><title>The Mill | Project Gutenberg</title></head><body><p>One.</p></body></html>"
    found = book(tmp_path, page, "mill.html")
    assert (found.title, found.text) == ("The Mill", "One.")


def test_zipped_texts_are_records_of_their_own(tmp_path):
    data = zipped({"4242.txt": etext(MODERN_HEADER, MODERN_FOOTER), "notes.txt": TEXT, "cover.jpg": b"\xff\xd8"})
    found = books(tmp_path, data, "4242.zip")
    assert [one.text for one in found] == [TEXT, TEXT]
    assert found[0].offset < found[1].offset
    assert ends(books(tmp_path, zipped({"a.mp3": b"x"}), "1.zip")) == ["zip_without_text"]


def test_epub_in_the_order_of_its_spine(tmp_path):
    metadata = (
        "<dc:title>The Mill</dc:title><dc:creator>Jane Grist</dc:creator><dc:language>en-GB</dc:language>"
        "<dc:source>https://www.gutenberg.org/files/4242/4242-h/4242-h.htm</dc:source><dc:subject>Mills</dc:subject>"
    )
    pages = {
        "b.xhtml": "<h2>Two</h2><p>second</p>",
        "a.xhtml": "<h2>One</h2><p>first</p>",
        "c.xhtml": "<p>not in the spine</p>",
    }
    found = book(tmp_path, epub(pages, ["a.xhtml", "b.xhtml", "gone"], metadata), "mill.epub")
    assert found.text == "One\n\nfirst\n\n\nTwo\n\nsecond"
    assert (found.title, found.language, found.metadata["ebook"]) == ("The Mill", "en", 4242)
    assert found.metadata["subjects"] == ["Mills"]


def test_the_imprint_of_an_epub_is_not_the_book(tmp_path):
    imprint = (
        '<section id="imprint" epub:type="imprint"><p>Made from a text at https://www.gutenberg.org/.</p></section>'
    )
    data = epub({"i": imprint, "a": "<p>By a friend of Project Gutenberg.</p><p>One.</p>"}, ["i", "a"])
    assert book(tmp_path, data, "m.epub").text == "By a friend of Project Gutenberg.\n\nOne."
    assert book(tmp_path, data, "m.epub", credits="keep").text.startswith("Made from")


def test_numbers_of_endnotes_do_not_stick_to_words(tmp_path):
    pages = {
        "a": '<p>An old song.<a href="n#1" epub:type="noteref">1</a></p>',
        "n": '<ol><li><p>By nobody. <a href="a" epub:type="backlink">\u21a9</a></p></li></ol>',
    }
    assert book(tmp_path, epub(pages, ["a", "n"]), "m.epub").text == "An old song.\n\n\n1. By nobody."


@pytest.mark.parametrize(
    ("data", "name", "reason"),
    [
        (b"PK\x03\x04 but no zip", "a.zip", "corrupt_zip"),
        (zipped({"META-INF/container.xml": "<container>"}), "a.epub", "bad_epub"),
        (zipped({"META-INF/container.xml": "<container/>"}), "a.epub", "bad_epub"),
        (zipped({"a.txt": b"x" * 100_000}), "a.zip", "too_large"),
        (epub({"a.xhtml": "x" * 100_000}, ["a.xhtml"]), "a.epub", "too_large"),
        (b"x" * 100_000, "a.txt", "too_large"),
        (lzma.compress(TEXT.encode())[:-30], "a.txt.xz", "truncated"),
        (b"\x00\x01\x02" * 100, "a.txt", "binary"),
    ],
)
def test_damage_ends_a_record(tmp_path, data, name, reason):
    assert ends(books(tmp_path, data, name, max_book_bytes=50_000)) == [reason]


# -- editions, catalogue -------------------------------------------------------------------------------------------------


def test_licences_and_read_mes_beside_books_are_no_books():
    for editions in ("best", "all"):
        source = Gutenberg(editions=editions)
        assert source.expand("/mirror/84/LICENSE.txt") == source.expand("README.txt") == []
        assert source.expand("/mirror/readme-of-a-life.txt") == ["/mirror/readme-of-a-life.txt"]


def test_one_edition_of_a_book_is_read(tmp_path):
    best = ["84/84-0.txt", "85/85-8.txt", "86/86.zip", "87/87-h/87-h.htm", "names/whatever.txt", "pg88.txt"]
    others = ["84/84.txt", "84/84-h/84-h.htm", "84/84-0.zip", "84/old/frank10.txt", "84/old/84.txt", "85/85.txt"]
    others += ["86/86-h/86-h.htm", "87/87-h.zip", "pg88.epub"]
    for name in best + others:
        (tmp_path / "pg" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "pg" / name).write_text("x")
    names = [file.name for file in find_files(Gutenberg(), [str(tmp_path / "pg")], "")]
    assert names == [f"pg/{name}" for name in best]
    assert len(find_files(Gutenberg(editions="all"), [str(tmp_path / "pg")], "")) == len(best + others)


RDF = """<?xml version="1.0"?><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
 xmlns:dcterms="http://purl.org/dc/terms/" xmlns:pgterms="http://www.gutenberg.org/2009/pgterms/"
 xmlns:dcam="http://purl.org/dc/dcam/"><pgterms:ebook rdf:about="ebooks/4242">
<dcterms:title>The Catalogue's Mill</dcterms:title><dcterms:issued>2008-06-17</dcterms:issued>
<dcterms:rights>Public domain in the USA.</dcterms:rights>
<dcterms:creator><pgterms:agent><pgterms:name>Grist, Jane</pgterms:name></pgterms:agent></dcterms:creator>
<dcterms:language><rdf:Description><rdf:value>de</rdf:value></rdf:Description></dcterms:language>
<dcterms:subject><rdf:Description><dcam:memberOf rdf:resource="http://purl.org/dc/terms/LCSH"/><rdf:value>Mills</rdf:value>
</rdf:Description></dcterms:subject></pgterms:ebook></rdf:RDF>"""
CSV = (
    "Text#,Type,Issued,Title,Language,Authors,Subjects,LoCC,Bookshelves\n"
    '4242,Text,2008-06-17,"The Catalogue\'s\r\nMill",de,"Grist, Jane",Mills,PR,Best\n'
)


def catalogue_file(folder, form: str):
    if form == "csv":
        path = folder / "pg_catalog.csv"
        path.write_text(CSV)
        return path
    if form == "folder":
        path = folder / "rdf" / "cache" / "epub" / "4242" / "pg4242.rdf"
        path.parent.mkdir(parents=True)
        path.write_text(RDF)
        return folder / "rdf"
    path = folder / "rdf-files.tar.bz2"
    with tarfile.open(path, "w:bz2") as archive:
        member = tarfile.TarInfo("cache/epub/4242/pg4242.rdf")
        member.size = len(RDF.encode())
        archive.addfile(member, io.BytesIO(RDF.encode()))
    return path


@pytest.mark.parametrize("form", ["csv", "folder", "tar"])
def test_the_catalogue_is_believed_before_the_header(tmp_path, form):
    found = book(tmp_path, etext(MODERN_HEADER, MODERN_FOOTER), catalogue=str(catalogue_file(tmp_path, form)))
    assert (found.title, found.language, found.date) == ("The Catalogue's Mill", "de", 1213660800)
    assert (found.metadata["authors"], found.metadata["subjects"]) == (["Grist, Jane"], ["Mills"])


def test_a_catalogue_that_is_none_is_a_users_mistake(tmp_path):
    (tmp_path / "list.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match="Text#"):
        book(tmp_path, TEXT, catalogue=str(tmp_path / "list.csv"))
    with pytest.raises(UserError, match="no such file"):
        Gutenberg(catalogue=str(tmp_path / "absent.csv")).check()


@pytest.mark.parametrize(
    ("member", "first", "last"),
    [
        ("frankenstein/GITenberg_84/old/frank10.txt", "Frankenstein, or the Modern", "lost in darkness and distance."),
        ("frankenstein/GITenberg_84/old/frank14.txt", "Frankenstein, or the Modern", "lost in darkness and distance."),
        ("frankenstein/GITenberg_84/old/frank15.txt", "Frankenstein, or the Modern", "lost in darkness and distance."),
        ("frankenstein/GITenberg_84/84-0.txt", "Frankenstein;", "lost in darkness and distance."),
        ("frankenstein/GITenberg_84/84-h/84-h.htm", "Frankenstein;", "lost in darkness and distance."),
        ("mobydick/GITenberg_2701/old/moby10b.txt", "MOBY DICK; OR THE WHALE", "orphan."),
        ("mobydick/GITenberg_2701/2701-0.txt", "MOBY-DICK;", "orphan."),
    ],
)
def test_real_books_begin_and_end_with_the_book(real_data, tmp_path, member, first, last):
    with tarfile.open(real_data / "books" / f"{member.split('/')[0]}.tar.xz") as packed:
        name = next(name for name in packed.getnames() if name.endswith(member))
        data = packed.extractfile(name).read()
    text = book(tmp_path, data, member.rsplit("/", 1)[-1]).text
    assert text.startswith(first)
    assert text.endswith(last)
    assert "gutenberg" not in text.lower()
