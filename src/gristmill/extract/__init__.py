"""HTML bytes → text: several engines behind one function.

    settings = ExtractSettings(engine="trafilatura", favour="precision")
    page = extract(payload, settings, content_type="text/html; charset=utf-8")
    page.text, page.title

A page that is too large, too slow or broken raises ExtractionError and costs only itself. Code that hangs
or crashes inside a native library ends the process; with `set_isolation(True)` a child process takes that
risk instead, page by page.
"""

from gristmill.extract.isolation import isolated, set_isolation
from gristmill.extract.page import Extraction, ExtractionError, extract
from gristmill.extract.settings import ExtractSettings

__all__ = ["ExtractSettings", "Extraction", "ExtractionError", "extract", "isolated", "set_isolation"]
