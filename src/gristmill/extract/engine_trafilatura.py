"""trafilatura: the extractor of RefinedWeb and FineWeb. Accurate and slow. Honours every setting.

Its own de-duplication stays off: it remembers segments across pages, so that a text would depend on the
pages before it.
"""

from __future__ import annotations

import logging
import re
from copy import copy
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gristmill.extract.engines import Engine
    from gristmill.extract.settings import ExtractSettings

# references to characters XML forbids: lxml refuses such text later on, and trafilatura gives up the whole page
_FORBIDDEN = re.compile(
    r"&#(?:0*(?:[0-8]|1[124-9]|2[0-9]|3[01]|6553[45])(?![0-9])|x0*(?:[0-8bcef]|1[0-9a-f]|fff[ef])(?![0-9a-f]));?",
    re.IGNORECASE,
)


def load(settings: ExtractSettings) -> Engine:
    """trafilatura under these settings; `url` serves only to complete relative link targets."""
    import trafilatura
    from trafilatura.external import jt_stoplist_init
    from trafilatura.settings import Extractor

    logger = logging.getLogger("trafilatura")
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.CRITICAL)  # it reports every page without main text, of which a crawl has many
    if not settings.fast:
        jt_stoplist_init()  # reads 100 files once; otherwise the first page would be charged for it
    options = Extractor(
        output_format="txt",
        fast=settings.fast,
        precision=settings.favour == "precision",
        recall=settings.favour == "recall",
        comments=settings.comments,
        tables=settings.tables,
        links=settings.links,
        formatting=False,
        dedup=False,
    )

    def run(html: str, url: str | None) -> str:
        if "&#" in html:
            html = _FORBIDDEN.sub("", html)
        page_options = options
        if settings.links and url:
            page_options = copy(options)
            page_options.url = url
        return trafilatura.extract(html, options=page_options) or ""

    return run
