"""The rows of a table as dictionaries, with their places: JSON Lines, Parquet or CSV, plain or compressed.

    for row in rows("items.jsonl.zst", max_bytes=20_000_000):
        if row.problem is None:
            row.values["id"]

Broken rows come with their problem; a file that breaks off ends in a row that says so.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator
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
            yield from parquet_rows(stream, storage.stat(location).size)
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


def parquet_rows(
    stream: Any, size: int, columns: Callable[[pa.Schema], list[str] | None] = lambda schema: None
) -> Iterator[Row]:
    """The rows of a Parquet file of `size` bytes; offset is a row's number. columns: which of a schema's are read, None for all.

    What cannot be read of a row group is one row with the number of those lost as its length; other groups are read.
    """
    row = 0
    try:
        table = pq.ParquetFile(stream)
        wanted = columns(table.schema_arrow)
        row_groups = table.num_row_groups
    except (pa.ArrowException, OSError) as error:
        if not _is_damage(error):
            raise
        yield Row(0, size, problem="not_parquet", message=str(error)[:500])
        return
    for group in range(row_groups):
        count, done = table.metadata.row_group(group).num_rows, 0
        try:
            for batch in table.iter_batches(_BATCH_ROWS, [group], wanted, use_threads=False):
                for values in _batch_rows(batch):
                    yield Row(row + done, 1, values)
                    done += 1
        except (pa.ArrowException, OSError) as error:
            if not _is_damage(error):
                raise
            left = count - done
            message = f"{left} rows of row group {group} cannot be read: {error}"[:500]
            yield Row(row + done, left, problem="corrupt_parquet", message=message)
        row += count


def _is_damage(error: Exception) -> bool:
    """False when disk or network failed: Arrow raises OSError for pages it cannot decode, but without an errno."""
    return not isinstance(error, OSError) or error.errno is None


def _batch_rows(batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    """Rows as dictionaries; a text column of bytes that are not UTF-8 comes with replacement characters."""
    names = batch.schema.names
    columns = [_values(batch.column(n)) for n in range(len(names))]
    for values in zip(*columns, strict=True):
        yield dict(zip(names, values, strict=True))


def _values(column: pa.Array) -> list[Any]:
    try:
        return column.to_pylist()
    except UnicodeDecodeError:
        raw = column.cast(pa.binary()).to_pylist()
        return [None if value is None else value.decode("utf-8", "replace") for value in raw]
    except (pa.ArrowInvalid, ValueError, OverflowError):  # timestamps beyond what Python's datetime holds
        return column.cast(pa.string()).to_pylist()


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
