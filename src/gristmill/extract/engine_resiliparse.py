"""resiliparse: the extractor of DCLM. An order of magnitude faster than trafilatura, a little less accurate.

`favour` chooses precision: main content without bylines and dates; balanced: main content; recall: all
visible text. `fast` changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gristmill.extract.engines import Engine
    from gristmill.extract.settings import ExtractSettings


def load(settings: ExtractSettings) -> Engine:
    """resiliparse under these settings."""
    from resiliparse.extract.html2text import extract_plain_text

    main_content = settings.favour != "recall"

    def run(html: str, url: str | None) -> str:
        return extract_plain_text(
            html,
            preserve_formatting=True,
            main_content=main_content,
            post_meta=settings.favour != "precision",
            comments=settings.comments,
            links=settings.links,
            alt_texts=False,
            skip_elements=None if settings.tables else ["table"],
        )

    return run
