"""The rows of a table as dictionaries, with their places: JSON Lines, Parquet or CSV, plain or compressed.

    for row in rows("items.jsonl.zst", max_bytes=20_000_000):
        if row.problem is None:
            row.values["id"]

Broken rows come with their problem; a file that breaks off ends in a row that says so.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from gristmill import storage
from gristmill.documents import QUARANTINE_BYTES
from gristmill.sources.compressed import Damage, pieces
from gristmill.sources.lines import Line, lines

_BOM = b"\xef\xbb\xbf"
_BATCH_ROWS = 512


@dataclass(slots=True)
class Row:
    """One row. Offset and length are bytes of the decompressed file; for Parquet and CSV the row's number and 1."""

    offset: int
    length: int
    values: dict[str, Any] = field(default_factory=dict)
    problem: str | None = None  # bad_json, bad_utf8, too_large, truncated …
    message: str | None = None
    data: bytes = b""  # as it stands in a JSON file, or what there is of a broken row


def rows(location: str, max_bytes: int) -> Iterator[Row]:
    """The rows of a file by what its name says it is: Parquet, CSV, else JSON Lines. Rows over `max_bytes` are broken."""
    with storage.open_input(location) as stream:
        if location.endswith((".parquet", ".parq", ".pq")):
            yield from _parquet_rows(stream)
        elif ".csv" in location.rsplit("/", 1)[-1]:
            yield from _csv_rows(pieces(stream), max_bytes)
        else:
            yield from json_rows(lines(pieces(stream), max_bytes), max_bytes)


def json_rows(source: Iterable[Line], max_bytes: int) -> Iterator[Row]:
    """An object a line; blank lines are none."""
    for line in source:
        if line.too_long or line.damage is not None or line.data.strip():
            yield _json_row(line, max_bytes)


def _json_row(line: Line, max_bytes: int) -> Row:
    row = Row(line.offset, line.length, data=line.data)
    if line.damage is not None:
        row.problem, row.message = line.damage.reason, str(line.damage)
    elif line.too_long:
        row.problem, row.message = "too_large", f"{line.length} bytes, the limit is {max_bytes}"
    else:
        data = line.data.removeprefix(_BOM) if line.offset == 0 else line.data
        try:
            values = json.loads(data.decode("utf-8"))
            if isinstance(values, dict):
                row.values = values
            else:
                row.problem, row.message = "bad_json", f"the line is a {type(values).__name__}, not an object"
        except UnicodeDecodeError as error:
            row.problem, row.message = "bad_utf8", f"byte {error.start} of the line is not UTF-8"
        except RecursionError:
            row.problem, row.message = "bad_json", "objects nested too deeply"
        except ValueError as error:
            row.problem, row.message = "bad_json", str(error)[:500]
    if row.problem is not None:
        row.data = row.data[:QUARANTINE_BYTES]
    return row


def _parquet_rows(stream: Any) -> Iterator[Row]:
    number = 0
    try:
        table = pq.ParquetFile(stream)
        for batch in table.iter_batches(_BATCH_ROWS, use_threads=False):
            for values in batch.to_pylist():
                yield Row(number, 1, values)
                number += 1
    except (pa.ArrowException, OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # disk or network failed: nothing is wrong with the data
        yield Row(number, 1, problem="corrupt_parquet", message=str(error)[:500])


def _csv_rows(parts: Iterable[bytes], max_bytes: int) -> Iterator[Row]:
    damage: list[Damage] = []
    number = 0
    csv.field_size_limit(min(max_bytes, (1 << 31) - 1))
    reader = csv.DictReader(_text_lines(parts, damage))
    while True:
        try:
            values = next(reader, None)
        except csv.Error as error:
            yield Row(number, 1, problem="bad_csv", message=str(error))
            number += 1
            continue
        if values is None:
            break
        whole = None not in values and None not in values.values()
        if whole:
            yield Row(number, 1, values)
        else:
            yield Row(number, 1, problem="bad_csv", message="more or fewer fields than the first line names")
        number += 1
    if damage:
        yield Row(number, 1, problem=damage[0].reason, message=str(damage[0]))


def _text_lines(parts: Iterable[bytes], damage: list[Damage]) -> Iterator[str]:
    """Lines with their ends, for the CSV reader; it must not see the damage, only that there is no more."""
    rest = b""
    try:
        for part in parts:
            *whole, rest = (rest + part).split(b"\n")
            for line in whole:
                yield line.decode("utf-8", "replace").removeprefix("\ufeff") + "\n"
    except Damage as met:
        damage.append(met)
        return
    if rest:
        yield rest.decode("utf-8", "replace")
