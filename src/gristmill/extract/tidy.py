"""What every text gets, whichever engine wrote it: line ends, controls, spaces, runs of newlines."""

from __future__ import annotations

from gristmill.extract.urls import strip_urls

# those that end lines are left to str.splitlines
_CONTROLS = bytes(code for code in range(0x20) if code not in b"\t\n\r\x0b\x0c\x1c\x1d\x1e") + b"\x7f"

_INVISIBLE = "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060"  # a line of these alone is empty
_NOTHING = "\u200b\u2060"  # at the ends of a line these say nothing


def tidy(text: str, max_newlines: int, urls: str = "none") -> str:
    """`text` with \\n line ends, without controls and trailing spaces, at most `max_newlines` in a row.

    Tabs stay. `urls` is the setting `strip_urls`. The result can be encoded: lone surrogates become U+FFFD.
    """
    if urls != "none":
        text = strip_urls(text, bare_hosts=urls == "hosts")
    text = clean_characters(text)
    lines = map(_without_invisible if any(sign in text for sign in _INVISIBLE) else str.rstrip, text.splitlines())
    text = "\n".join(lines).strip()
    most = "\n" * max_newlines
    while most + "\n" in text:  # shrinks by a third or more each time; several times as fast as a pattern
        text = text.replace(most + "\n", most)
    return text


def _without_invisible(line: str) -> str:
    line = line.strip(_NOTHING).rstrip() if line.rstrip(_INVISIBLE + " ") else ""
    return line.rstrip(_NOTHING + " ")


def clean_characters(text: str) -> str:
    """`text` without C0 controls other than tabs and line ends, marks of byte order and lone surrogates."""
    text = text.replace("\ufeff", "")
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError:
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        data = text.encode("utf-8")
    clean = data.translate(None, _CONTROLS)
    return text if len(clean) == len(data) else clean.decode("utf-8")
