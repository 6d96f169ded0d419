"""Parquet tables: a row a document.

sources:
  fineweb: {kind: parquet, input: data/*.parquet, fields: {text: text, url: url, date: date, metadata:
  [dump]}}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import pyarrow as pa

from gristmill import storage
from gristmill.documents import Outcome, Record
from gristmill.errors import UserError, nearest
from gristmill.sources.fields import Fields
from gristmill.sources.presets import Preset, resolve
from gristmill.sources.rows import parquet_rows
from gristmill.stage import InputFile, Source, setting


class Parquet(Source):
    """Documents from Parquet files, one row each."""

    kind = "parquet"
    version: ClassVar[int] = 2
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
            for row in parquet_rows(stream, file.size, lambda schema: self._columns(schema, file.location)):
                if row.problem is None:
                    yield self._record(file.name, row.offset, row.values)
                else:
                    record = Record(file.name, row.offset, row.length)
                    yield record.end(Outcome.QUARANTINED, row.problem, row.message)

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
