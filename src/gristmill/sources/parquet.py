"""Parquet tables: a row a document.

sources:
  fineweb: {kind: parquet, input: data/*.parquet, fields: {text: text, url: url, date: date, metadata:
  [dump]}}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq

from gristmill import storage
from gristmill.documents import Outcome, Record
from gristmill.errors import UserError, nearest
from gristmill.sources.fields import Fields
from gristmill.sources.presets import Preset, resolve
from gristmill.stage import InputFile, Source, setting

_BATCH_ROWS = 512


class Parquet(Source):
    """Documents from Parquet files, one row each."""

    kind = "parquet"
    suffixes: ClassVar[tuple[str, ...]] = (".parquet", ".parq", ".pq")

    preset: Preset | None = setting(
        None, "the fields of a published corpus; `fields` still counts where it says something", source="dataset cards"
    )
    fields: Fields = setting(doc="which columns become what", factory=Fields)

    @property
    def columns(self) -> Fields:
        """What is read: the preset with the recipe's own `fields` over it."""
        return resolve(self.preset, self.fields)

    def records(self, file: InputFile) -> Iterator[Record]:
        """One record per row; offset is the row's number, length its bytes of text.

        Raises UserError when a readable file has no column for the text: that is the recipe's mistake, not
        the data's.
        """
        with storage.open_input(file.location) as stream:
            row = 0
            try:
                table = pq.ParquetFile(stream)
                wanted = self._columns(table.schema_arrow, file.location)
                row_groups = table.num_row_groups
            except (pa.ArrowException, OSError) as error:
                if not _is_damage(error):
                    raise
                yield Record(file.name, 0, file.size).end(Outcome.QUARANTINED, "not_parquet", str(error)[:500])
                return
            for group in range(row_groups):
                size = table.metadata.row_group(group).num_rows
                done = 0
                try:
                    for batch in table.iter_batches(_BATCH_ROWS, [group], wanted, use_threads=False):
                        for values in _rows(batch):
                            yield self._record(file.name, row + done, values)
                            done += 1
                except (pa.ArrowException, OSError) as error:
                    if not _is_damage(error):
                        raise
                    left = size - done
                    yield Record(file.name, row + done, left).end(
                        Outcome.QUARANTINED,
                        "corrupt_parquet",
                        f"{left} rows of row group {group} cannot be read: {error}"[:500],
                    )
                row += size

    def _columns(self, schema: pa.Schema, location: str) -> list[str] | None:
        top = self.columns.text if self.columns.text in schema.names else self.columns.text.split(".", 1)[0]
        if top not in schema.names:
            raise UserError(
                f"no column {self.columns.text!r} for the text.{nearest(self.columns.text, schema.names)}",
                where=location,
                hint=f"set fields.text to one of: {', '.join(schema.names)}",
            )
        if self.columns.metadata == "all":
            return None
        wanted = {name if name in schema.names else name.split(".", 1)[0] for name in self.columns.named}
        return [name for name in schema.names if name in wanted]

    def _record(self, name: str, row: int, values: dict[str, Any]) -> Record:
        record = self.columns.fill(Record(name, row, 0), values)
        record.length = len(record.text.encode()) if record.text else 0
        return record


def _is_damage(error: Exception) -> bool:
    """False when disk or network failed: Arrow raises OSError for pages it cannot decode, but without an errno."""
    return not isinstance(error, OSError) or error.errno is None


def _rows(batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
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
