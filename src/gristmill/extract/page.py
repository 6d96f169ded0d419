"""One page: bytes → decoded HTML → engine → tidy text, inside a size and a time limit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gristmill.errors import GristmillError
from gristmill.extract import isolation
from gristmill.extract.charset import decode_page, looks_binary
from gristmill.extract.engines import Utf8Engine, load_engine
from gristmill.extract.limits import TimeLimitReached, limit_time
from gristmill.extract.nesting import MAX_DEPTH, nesting_depth
from gristmill.extract.tidy import tidy
from gristmill.extract.title import find_title

if TYPE_CHECKING:
    from gristmill.extract.settings import ExtractSettings


@dataclass(frozen=True, slots=True)
class Extraction:
    """What a page says. `text` is empty when there is no main text; `title` has at most 1,000 characters.

    `confidence` is the F1 (0–1) that the engine expects of its text, None where it cannot tell.
    """

    text: str
    title: str | None
    confidence: float | None = None


class ExtractionError(GristmillError):
    """A page that gave no text.

    `reason` is one of too_large (over `max_bytes`), time_limit, crashed (it ended the process that worked
    on it; isolated mode only), unparsable (the engine raised) and undecodable (not text in any encoding).
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(reason, message)
        self.reason, self.message = reason, message

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}"


def extract(
    payload: bytes, settings: ExtractSettings, *, content_type: str | None = None, url: str | None = None
) -> Extraction:
    """The main text and the title of an HTML page.

    `payload` is the body with HTTP codings already undone, `content_type` the HTTP header if there was one.
    The text is UTF-8-encodable, without control characters, with \\n line ends and no trailing spaces.

    Raises ExtractionError. In direct mode native code that hangs past the limit ends the process with
    SIGALRM; see `limits`.
    """
    if len(payload) > settings.max_bytes:
        raise ExtractionError("too_large", f"{len(payload):,} bytes, the limit is {settings.max_bytes:,}")
    if isolation.is_on():
        return isolation.extract_in_child(payload, settings, content_type, url)
    return extract_here(payload, settings, content_type, url)


def extract_here(payload: bytes, settings: ExtractSettings, content_type: str | None, url: str | None) -> Extraction:
    """`extract` in this process, whatever the mode."""
    engine = load_engine(settings)

    def work() -> Extraction:
        if settings.engine != "gristmill" and nesting_depth(payload) > MAX_DEPTH:  # ours has no trouble with it
            # resiliparse's time grows with the square of the depth, in native code that no exception reaches:
            # 0.6 s at 5,000 levels, minutes at 100,000; trafilatura's parser gives up at 256
            raise ExtractionError("unparsable", f"elements nested more than {MAX_DEPTH:,} deep")
        page = decode_page(payload, content_type)
        unsure = page.utf8 is None and (page.codec not in ("ascii", "utf-8") or b"\0" in payload)
        if unsure and looks_binary(page.text):
            raise ExtractionError("undecodable", f"{len(payload):,} bytes that are not text; read as {page.codec}")
        try:
            if page.utf8 is not None and isinstance(engine, Utf8Engine):
                found = engine.read(page.utf8, url)
            else:
                found = engine(page.text, url)
        except Exception as error:
            raise ExtractionError("unparsable", f"{settings.engine}: {type(error).__name__}: {error}"[:500]) from error
        text, confidence = (found, None) if isinstance(found, str) else (found.text, found.confidence)
        return Extraction(tidy(text, settings.max_newlines, settings.strip_urls), find_title(page.text), confidence)

    try:
        return limit_time(work, settings.time_limit)
    except TimeLimitReached:
        raise ExtractionError("time_limit", f"over {settings.time_limit:g} s of processor time") from None
