"""Which fields of a row become text, URL, date …: the mapping that JSON and Parquet sources share."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Literal

from gristmill.documents import Outcome, Record
from gristmill.sources.dates import parse_date
from gristmill.stage import Settings, setting

_MISSING: Any = object()


class Fields(Settings):
    """Names of a row's fields. A dotted name goes into nested objects unless a field has just that name."""

    text: str = setting("text", "the document's text; a row without it is quarantined", min_length=1)
    url: str | None = setting("url", "web address", min_length=1)
    title: str | None = setting("title", "title", min_length=1)
    date: str | None = setting("date", "date: ISO 8601, epoch seconds or milliseconds, or 14 digits", min_length=1)
    language: str | None = setting("language", "language code as the data declares it", min_length=1)
    id: str | None = setting(None, "id that becomes the document's; null makes one from file and place", min_length=1)
    metadata: tuple[str, ...] | Literal["all"] = setting(
        (), "further fields to keep, or `all` that the other settings do not name"
    )

    @property
    def named(self) -> list[str]:
        """The dotted names these settings read, `metadata` included; without meaning when that is `all`."""
        own = [self.text, self.url, self.title, self.date, self.language, self.id]
        kept = () if self.metadata == "all" else self.metadata
        return list(dict.fromkeys(name for name in (*own, *kept) if name))

    def fill(self, record: Record, row: Mapping[str, Any]) -> Record:
        """Set the record from a row, or end it: no_text (absent or null), bad_text (no string), or dropped as
        empty.
        """
        text = find(row, self.text)
        if text is _MISSING or text is None:
            return record.end(Outcome.QUARANTINED, "no_text", f"the row has no field {self.text!r}")
        if not isinstance(text, str):
            return record.end(
                Outcome.QUARANTINED, "bad_text", f"field {self.text!r} is {type(text).__name__}, not a string"
            )
        record.url = _string(find(row, self.url))
        if not text.strip():
            return record.end(Outcome.QUARANTINED, "empty_text", f"field {self.text!r} is empty")
        record.text = well_formed(text)
        record.title = _string(find(row, self.title))
        record.language = _string(find(row, self.language))
        record.id = _string(find(row, self.id)) or None
        date = find(row, self.date)
        record.date = None if date is _MISSING else parse_date(date)
        record.metadata = self._metadata(row)
        return record

    def _metadata(self, row: Mapping[str, Any]) -> dict[str, Any]:
        if self.metadata == "all":
            named = {self.text, self.url, self.title, self.date, self.language, self.id}
            return {well_formed(name): plain(value) for name, value in row.items() if name not in named}
        found = ((name, find(row, name)) for name in self.metadata)
        return {name: plain(value) for name, value in found if value is not _MISSING}


def find(row: Mapping[str, Any], name: str | None) -> Any:
    """The value of a dotted name, or the marker for none."""
    if name is None:
        return _MISSING
    if name in row:
        return row[name]
    value: Any = row
    for part in name.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return _MISSING
        value = value[part]
    return value


def _string(value: Any) -> str | None:
    if value is _MISSING or value is None or isinstance(value, dict | list):
        return None
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return well_formed(value if isinstance(value, str) else str(value))


def well_formed(text: str) -> str:
    """The text with lone surrogates, which JSON allows and UTF-8 does not, replaced by U+FFFD; pairs become
    their character.
    """
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def plain(value: Any) -> Any:
    """A value that JSON in UTF-8 can hold: dates as text, bytes as text, numbers that are none as null."""
    if isinstance(value, str):
        return well_formed(value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {well_formed(str(key)): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    try:
        return json.loads(json.dumps(value))
    except (TypeError, ValueError):
        return well_formed(str(value))
