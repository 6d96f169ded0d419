"""Builds the two sample dumps from the articles in this folder: `python examples/demo/wikipedia/build.py`.

`en/` and `de/` hold an article a file, wikitext as an author would write it; the first line is the title, with a
namespace number before it where that is not 0. English becomes a multistream dump (a bzip2 stream for the header, one
per four pages), German a plain bzip2 file. The same sources give the same bytes.
"""

from __future__ import annotations

import bz2
from pathlib import Path
from xml.sax.saxutils import escape

HERE = Path(__file__).parent
PER_STREAM = 4
NAMESPACES = {
    "en": {6: "File", 10: "Template", 14: "Category"},
    "de": {6: "Datei", 10: "Vorlage", 14: "Kategorie"},
}


def header(language: str) -> str:
    rows = "".join(
        f'      <namespace key="{number}" case="first-letter">{name}</namespace>\n'
        for number, name in NAMESPACES[language].items()
    )
    return (
        f'<mediawiki version="0.11" xml:lang="{language}">\n  <siteinfo>\n    <sitename>Demo</sitename>\n'
        f"    <dbname>{language}wiki</dbname>\n    <base>https://{language}.encyclopaedia.example/wiki/Main_Page</base>\n"
        f'    <namespaces>\n      <namespace key="0" case="first-letter" />\n{rows}    </namespaces>\n  </siteinfo>\n'
    )


def page(number: int, article: Path) -> str:
    title, _, text = article.read_text(encoding="utf-8").partition("\n")
    first, _, rest = title.partition(" ")
    namespace, title = (int(first), rest) if first.isdigit() else (0, title)
    target = text.strip().partition("[[")[2].partition("]]")[0] if text.strip().lower().startswith("#redirect") else ""
    redirect = f'    <redirect title="{escape(target)}" />\n' if target else ""
    return (
        f"  <page>\n    <title>{escape(title)}</title>\n    <ns>{namespace}</ns>\n    <id>{number}</id>\n{redirect}"
        f"    <revision>\n      <id>{number * 100 + 7}</id>\n      <timestamp>2023-03-{number:02d}T08:00:00Z</timestamp>\n"
        f"      <contributor>\n        <username>Example</username>\n        <id>1</id>\n      </contributor>\n"
        f"      <model>wikitext</model>\n      <format>text/x-wiki</format>\n"
        f'      <text bytes="{len(text.encode())}" xml:space="preserve">{escape(text.strip())}</text>\n'
        "    </revision>\n  </page>\n"
    )


def build(language: str, multistream: bool) -> bytes:
    articles = sorted((HERE / language).glob("*.wiki"))
    pages = [page(number, article) for number, article in enumerate(articles, 1)]
    footer = "</mediawiki>\n"
    if not multistream:
        return bz2.compress("".join([header(language), *pages, footer]).encode())
    streams = ["".join(pages[at : at + PER_STREAM]) for at in range(0, len(pages), PER_STREAM)]
    return b"".join(bz2.compress(part.encode()) for part in (header(language), *streams, footer))


if __name__ == "__main__":
    for language, multistream in (("en", True), ("de", False)):
        name = f"{language}wiki-demo-pages-articles{'-multistream' if multistream else ''}.xml.bz2"
        (HERE / name).write_bytes(build(language, multistream))
        print(name)
