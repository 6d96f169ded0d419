"""Self-written etexts in the layouts Project Gutenberg has used, and EPUBs."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

BOOK = [f"The miller's {n} sacks stood in the yard and nobody came for them." for n in range(1, 40)]

MODERN_HEADER = """\
The Project Gutenberg eBook of The Mill on the Brook

This ebook is for the use of anyone anywhere.

Title: The Mill on the Brook
       or, The Seven Sacks

Author: Jane Grist

Translator: Tom Sifter

Release date: June 17, 2008 [eBook #4242]
                Most recently updated: May 1, 2020

Language: English

Credits: Ann Hopper

*** START OF THE PROJECT GUTENBERG EBOOK THE MILL ON THE BROOK ***
"""
MODERN_FOOTER = """\
*** END OF THE PROJECT GUTENBERG EBOOK THE MILL ON THE BROOK ***

Updated editions will replace the previous one.
"""

NINETIES_HEADER = """\
**The Project Gutenberg Etext of The Mill on the Brook, by Jane Grist**

Copyright laws are changing all over the world.

[Etext #77]

***START**THE SMALL PRINT!**FOR PUBLIC DOMAIN ETEXTS**START***
Why is this here?
*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*
"""


def etext(header: str, footer: str, body: str = "\n".join(BOOK)) -> str:
    return f"{header}\n\n{body}\n\n\n{footer}"


def zipped(members: Mapping[str, str | bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def epub(pages: Mapping[str, str], spine: list[str], metadata: str = "", folder: str = "OEBPS") -> bytes:
    """An EPUB whose manifest lists the pages by name and whose spine names them in order."""
    items = "".join(f'<item id="{name}" href="{name}" media-type="application/xhtml+xml"/>' for name in pages)
    order = "".join(f'<itemref idref="{name}"/>' for name in spine)
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"{metadata}</metadata><manifest>{items}</manifest><spine>{order}</spine></package>"
    )
    container = (
        '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
        f'<rootfile full-path="{folder}/content.opf"/></rootfiles></container>'
    )
    members = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": container,
        f"{folder}/content.opf": package,
    }
    return zipped(members | {f"{folder}/{name}": f"<html><body>{page}</body></html>" for name, page in pages.items()})
