"""Real English pages as plain text, for tests and benchmarks that compare with other programs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

COLLECTIONS = ("scrapinghub-aeb", "wcxb-dev")  # English benchmarks of page extraction


def page_texts(data: Path, collections: tuple[str, ...] = COLLECTIONS) -> Iterator[str]:
    """The whole text and the main content of every HTML page: boilerplate repeats, articles do not."""
    from fastwarc.warc import ArchiveIterator, WarcRecordType
    from resiliparse.extract.html2text import extract_plain_text
    from resiliparse.parse.encoding import bytes_to_str, detect_encoding

    for collection in collections:
        for path in sorted((data / "warc_wrapped_html").glob(f"{collection}-*.warc.gz")):
            with path.open("rb") as stream:
                for record in ArchiveIterator(stream, record_types=WarcRecordType.response, parse_http=True):
                    payload = record.reader.read()
                    html = bytes_to_str(payload, detect_encoding(payload))
                    yield extract_plain_text(html, main_content=True)
                    yield extract_plain_text(html)
