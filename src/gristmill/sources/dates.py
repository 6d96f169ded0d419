"""Dates as archives and dumps write them, to seconds since 1970.

parse_date("2018-10-20T02:51:25Z") == parse_date("20181020025125") == 1540003885
"""

from __future__ import annotations

import re
from calendar import timegm
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any

# Year, then month, day, hour, minute, second as far as they are given; fractions are cut off.
_PARTS = re.compile(
    r"(\d{4})(?:-?(\d\d)(?:-?(\d\d)(?:[T ]?(\d\d):?(\d\d)(?::?(\d\d)(?:[.,]\d+)?)?)?)?)?"
    r"\s*(Z|UTC|GMT|[+-]\d\d:?\d\d|[+-]\d\d)?$"
)
_EARLIEST, _LATEST = -62135596800, 253402300799  # the years 1 to 9999
_MILLISECONDS = 100_000_000_000  # a number above this many cannot be seconds: the year 5138


def parse_date(value: Any) -> int | None:
    """Seconds since 1970 (UTC) of a date in ISO 8601 or WARC form at any precision, 8 to 14 digits as ARC and
    CDX write them, epoch seconds or milliseconds, or the form HTTP headers use; None when it is none of
    these. A date without zone counts as UTC."""
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, datetime):
        return int((value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp())
    if isinstance(value, date):
        return timegm(value.timetuple())
    if isinstance(value, int | float):
        return _from_epoch(value)
    return _parse_text(str(value))


@lru_cache(maxsize=1024)
def _parse_text(text: str) -> int | None:
    text = text.strip()
    if not text or len(text) > 64:
        return None
    if found := _PARTS.match(text):
        year, month, day, hour, minute, second = (
            int(part or low) for part, low in zip(found.groups(), "011000", strict=False)
        )
        try:
            moment = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)  # leap seconds
        except ValueError:
            return _from_digits(text)
        return int(moment.timestamp()) - _zone_seconds(found[7])
    if (number := _from_digits(text)) is not None:
        return number
    try:
        moment = parsedate_to_datetime(text)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _zone_seconds(zone: str | None) -> int:
    if not zone or zone[0] not in "+-":
        return 0
    digits = zone[1:].replace(":", "").ljust(4, "0")
    seconds = int(digits[:2]) * 3600 + int(digits[2:]) * 60
    return -seconds if zone[0] == "-" else seconds


def _from_digits(text: str) -> int | None:
    """Epoch seconds, or an ARC date that is longer than fourteen digits."""
    if text.isascii() and text.isdigit() and 14 < len(text) <= 17:
        return _parse_text(text[:14])
    try:
        return _from_epoch(float(text))
    except ValueError:
        return None


def _from_epoch(number: float) -> int | None:
    if number != number or abs(number) == float("inf"):
        return None
    seconds = int(number / 1000) if abs(number) >= _MILLISECONDS else int(number)
    return seconds if _EARLIEST <= seconds <= _LATEST else None
