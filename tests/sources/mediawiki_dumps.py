"""Builds small MediaWiki exports in every container Wikimedia publishes."""

from __future__ import annotations

import bz2
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from gristmill.documents import Record
from gristmill.sources.wikipedia import Wikipedia
from gristmill.stage import InputFile

HEADER = """<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.10/" version="0.10" xml:lang="{language}">
  <siteinfo>
    <sitename>Wikipedia</sitename>
    <dbname>{language}wiki</dbname>
    <base>https://{language}.wikipedia.example/wiki/Main_Page</base>
    <namespaces>
      <namespace key="-2" case="first-letter">Media</namespace>
      <namespace key="0" case="first-letter" />
      <namespace key="6" case="first-letter">{file}</namespace>
      <namespace key="10" case="first-letter">Template</namespace>
      <namespace key="14" case="first-letter">{category}</namespace>
    </namespaces>
  </siteinfo>
"""
FOOTER = "</mediawiki>\n"


def header(language: str = "en", file: str = "File", category: str = "Category") -> str:
    return HEADER.format(language=language, file=file, category=category)


def page(number: int, text: str, title: str = "", *, ns: int = 0, extra: str = "", revisions: int = 1) -> str:
    """A page with this many revisions, of which the last has the text."""
    written = "".join(
        f"    <revision>\n      <id>{number * 1000 + n}</id>\n      <timestamp>2023-03-{n % 28 + 1:02d}T12:00:00Z</timestamp>\n"
        f"      <contributor><username>Someone</username><id>7</id></contributor>\n      <model>wikitext</model>\n"
        f'      <text bytes="1" xml:space="preserve">{escape(text) if n == revisions else f"draft {n}"}</text>\n'
        "    </revision>\n"
        for n in range(1, revisions + 1)
    )
    title = escape(title or f"Page {number}")
    return (
        f"  <page>\n    <title>{title}</title>\n    <ns>{ns}</ns>\n    <id>{number}</id>\n{extra}{written}  </page>\n"
    )


def pages(count: int, size: int = 200) -> list[str]:
    """Pages whose texts are all different and do not compress to nothing."""
    return [
        page(n, " ".join(f"w{(n * 7919 + k * 104729) % 99991}" for k in range(size // 6))) for n in range(1, count + 1)
    ]


def multistream(parts: Sequence[str], per_stream: int = 3, language: str = "en") -> bytes:
    """Header, streams of some pages each, footer: every one a bzip2 stream of its own."""
    streams = ["".join(parts[at : at + per_stream]) for at in range(0, len(parts), per_stream)]
    return b"".join(bz2.compress(text.encode()) for text in [header(language), *streams, FOOTER])


def input_file(path: Path) -> InputFile:
    return InputFile(str(path), path.name, path.stat().st_size, "v")


def read(path: Path, source: Wikipedia | None = None) -> list[Record]:
    """All records of a dump, parts in order, cleaned."""
    source = source or Wikipedia()
    found = []
    for part in source.parts(input_file(path)):
        for record in source.records(part):
            if record.open and record.text is None:
                source.read_text(record)
            found.append(record)
    return found


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path
