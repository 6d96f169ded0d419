"""The rows of a Stack Exchange dump's tables: `<row Id="1" … />` elements, one after the other.

for row in rows(pieces(stream), 20_000_000):
    if row.problem is None:
        attributes(row.data)["Body"]

A `<` can stand in no attribute value, so `<row ` divides the rows even where lines do not; a row that is broken ends
where the next begins.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gristmill.sources.lines import divided

_DIVIDER = b"<row "
_VALUE = rb"(?:\"[^\"<]*+\"|'[^'<]*+')"
_WHOLE = re.compile(
    rb"(?:[\w:.-]++\s*+=\s*+" + _VALUE + rb"\s*+)*+(?:/>|>\s*</row>)"  # the row
    rb"(?:\s|<!--[^>]*-->|</[\w:.-]+>)*+"  # the table's end, behind the last row
)
_ATTRIBUTE = re.compile(r"([\w:.-]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
_QUOTED_OTHERWISE = {  # in single quotes or with spaces around the =
    name: re.compile(rb"\b" + name.encode() + rb"\s*=\s*[\"']\s*(-?\d{1,18})\s*[\"']")
    for name in ("Id", "PostTypeId", "ParentId", "PostId", "UserId", "OwnerUserId")
}


@dataclass(slots=True)
class Row:
    """One row. `data` holds its attributes and what follows up to the next row; without sense when there is a problem."""

    offset: int  # of its `<`, bytes of the decompressed table
    length: int
    data: bytes
    problem: str | None = None  # bad_xml, bad_utf8, too_large, truncated …
    message: str | None = None

    def number(self, name: str) -> int | None:
        """An integer attribute out of those that joins need, without parsing the row."""
        key = name.encode() + b'="'
        at = self.data.find(key)
        while at > 0 and not self.data[at - 1 : at].isspace():
            at = self.data.find(key, at + 1)
        if at < 0:
            found = _QUOTED_OTHERWISE[name].search(self.data)
            return int(found[1]) if found else None
        value = self.data[at + len(key) : self.data.find(b'"', at + len(key))].strip()
        return int(value) if len(value) < 19 and value.removeprefix(b"-").isdigit() else None


def rows(table: Iterable[bytes], max_bytes: int) -> Iterator[Row]:
    """The rows of a table in order, broken ones with their problem; what stands before the first is passed over.

    A stream that breaks off ends in a row whose problem is the damage's reason.
    """
    parts = divided(table, _DIVIDER, max_bytes)
    head = next(parts, None)
    if head is None:
        return
    if head.damage is not None:
        yield Row(head.offset, head.length, head.data, head.damage.reason, str(head.damage))
        return
    for part in parts:
        row = Row(part.offset - len(_DIVIDER), part.length + len(_DIVIDER), part.data)
        if part.damage is not None:
            row.problem, row.message = part.damage.reason, str(part.damage)
        elif part.too_long:
            row.problem, row.message = "too_large", f"a row of {part.length} bytes, max_row_bytes is {max_bytes}"
        elif not _WHOLE.fullmatch(part.data):
            row.problem, row.message = "bad_xml", "the row's attributes do not end as they should"
        elif not part.data.isascii():
            try:
                part.data.decode("utf-8")
            except UnicodeDecodeError as error:
                row.problem, row.message = "bad_utf8", f"byte {error.start} of the row is not UTF-8"
        yield row


def attributes(data: bytes) -> dict[str, str]:
    """Names and values of a row that `rows` found whole; line ends as \\n."""
    found = _ATTRIBUTE.findall(data.decode("utf-8"))
    return {name: _value(double or single) for name, double, single in found}


def _value(text: str) -> str:
    """An attribute value with its references resolved. The few that the dumps use go the quick way."""
    if "&" not in text:
        return text
    text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"').replace("&#xA;", "\n")
    text = text.replace("&#xD;\n", "\n").replace("&#xD;", "\n").replace("&apos;", "'").replace("&#x9;", "\t")
    if "&#" in text:
        text = _REFERENCE.sub(lambda found: html.unescape(found[0]), text)
    return text.replace("&amp;", "&")


_REFERENCE = re.compile(r"&#(?:[0-9]{1,8}|[xX][0-9a-fA-F]{1,8});")
