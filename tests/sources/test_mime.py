"""The media type of a payload."""

from __future__ import annotations

import pytest

from gristmill.sources.mime import HTML, UNKNOWN, XHTML, payload_type, sniffed

XHTML_PAGE = b'<?xml version="1.0"?>\n<!DOCTYPE html>\n<html xmlns="http://www.w3.org/1999/xhtml">'


@pytest.mark.parametrize(
    "body",
    [
        b"<!DOCTYPE html><p>",
        b"\xef\xbb\xbf  \n<html>",
        b"<!-- a -- comment -->\n<!doctype HTML PUBLIC>",
        b"<HEAD>",
        b"<?php echo 1; ?>\n<body class='a'>",
        "<html lang='de'>".encode("utf-16"),
        "<html>".encode("utf-16-le"),
    ],
)
def test_html_is_told_by_its_first_tag(body):
    assert sniffed(body) == HTML


@pytest.mark.parametrize(
    "body", [b"", b"words", b"<rss>", b"<?xml version='1.0'?><feed>", b"{}", b"<htmlx>", b"<" * 9000]
)
def test_other_bytes_are_not_html(body):
    assert sniffed(body) is None


def test_xhtml_is_told_by_its_declaration_and_name_space():
    assert sniffed(XHTML_PAGE) == XHTML
    assert sniffed(XHTML_PAGE.replace(b"1999", b"1998")) == HTML


def test_header_decides_unless_the_bytes_tell_more():
    assert payload_type(b"words", None, "Text/HTML; charset=x") == HTML
    assert payload_type(b"%PDF-1.4", None, "text/html") == "application/pdf"
    assert payload_type(b"<html>", None, "text/plain") == HTML
    assert payload_type(b"words", None, "text/plain,text/html") == "text/plain"
    assert payload_type(b"words", None, "nonsense") == UNKNOWN
    assert payload_type(b"%PDF-1.4", "text/html", None) == HTML
