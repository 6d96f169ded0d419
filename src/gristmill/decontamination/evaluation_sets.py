"""Evaluation sets as users have them: JSON Lines, CSV, TSV or Parquet, plain or compressed, and the fields that are searched for.

sets:
  gsm8k: {files: evals/gsm8k/test.jsonl, fields: [question, answer]}
  humaneval: {files: evals/HumanEval.jsonl.gz, fields: [canonical_solution], docstrings: [prompt]}
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from typing import IO, Annotated, Any

from pydantic import BeforeValidator

from gristmill import storage
from gristmill.errors import UserError, nearest
from gristmill.sources.compressed import Damage, pieces
from gristmill.sources.fields import find, well_formed
from gristmill.stage import CommandLineText, Location, Settings, setting

_DOCSTRING = re.compile(r'"""(.*?)"""|\'\'\'(.*?)\'\'\'', re.DOTALL)
_COMPRESSED = (".gz", ".zst", ".xz", ".bz2", ".lz4")
_ABSENT = find({}, "absent")


def _several(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    parts = [part.strip() for part in value.split(",")]
    return [CommandLineText(part) for part in parts] if isinstance(value, CommandLineText) else parts


Files = Annotated[tuple[Location, ...], BeforeValidator(_several)]
Names = Annotated[tuple[str, ...], BeforeValidator(_several)]


class EvaluationSet(Settings):
    """Files of one evaluation set and which of their fields matter."""

    files: Files = setting(doc="one file or several: .jsonl, .json, .csv, .tsv, .parquet; .gz, .zst, .xz, .bz2, .lz4")
    fields: Names = setting(
        (), "fields that are searched for, in the order they are read; a list of strings counts too"
    )
    context: Names = setting(
        (), "fields read before these: only n-grams that reach into `fields` are searched for (a question, say)"
    )
    docstrings: Names = setting((), "fields of Python code whose last docstring is searched for, as BigCode does")


class EvaluationRow(Settings):
    """One row: the texts of its context, and those that are searched for."""

    context: tuple[str, ...]
    texts: tuple[str, ...]


def read_rows(evaluation: EvaluationSet, name: str) -> Iterator[EvaluationRow]:
    """All rows of a set in file order. Raises UserError for what cannot be read, parsed or found, with file and row."""
    if not evaluation.fields and not evaluation.docstrings:
        raise UserError(f"evaluation set {name}: no fields to search for", hint="name them: fields: [question, answer]")
    for location in evaluation.files:
        number = 0
        for number, row in enumerate(_rows(location), 1):
            where = f"{location}, row {number}"
            context = [text for field in evaluation.context for text in _texts(row, field, where)]
            texts = [text for field in evaluation.fields for text in _texts(row, field, where)]
            for field in evaluation.docstrings:
                texts += [docstring for text in _texts(row, field, where) if (docstring := last_docstring(text))]
            yield EvaluationRow(context=tuple(context), texts=tuple(texts))
        if not number:
            raise UserError(f"evaluation set {name}: {location} has no rows")


def last_docstring(code: str) -> str:
    """What stands between the last pair of triple quotes; empty when there is none."""
    found = _DOCSTRING.findall(code)
    return (found[-1][0] or found[-1][1]).strip() if found else ""


def _texts(row: Mapping[str, Any], field: str, where: str) -> list[str]:
    value = find(row, field)
    if value is _ABSENT:
        raise UserError(f"no field {field!r}.{nearest(field, row)}", where=where, hint="it has: " + ", ".join(row))
    if value is None:
        return []
    values = value if isinstance(value, list | tuple) else [value]
    if not all(isinstance(part, str | int | float) for part in values):
        raise UserError(f"field {field!r} is no text", where=where, hint="name a field inside it, as in choices.text")
    return [well_formed(part if isinstance(part, str) else str(part)) for part in values]


def _rows(location: str) -> Iterator[Mapping[str, Any]]:
    name = location.lower()
    if name.endswith(".parquet"):
        yield from _parquet(location)
        return
    for suffix in _COMPRESSED:
        name = name.removesuffix(suffix)
    readers = {".jsonl": _json_lines, ".ndjson": _json_lines, ".json": _json, ".csv": _csv, ".tsv": _csv}
    reader = next((reader for suffix, reader in readers.items() if name.endswith(suffix)), None)
    if reader is None:
        raise UserError(
            f"{location}: not a kind of evaluation file", hint="one of: " + ", ".join([*readers, ".parquet"])
        )
    with storage.open_input(location) as stream:
        try:
            data = b"".join(pieces(stream))
        except Damage as damage:
            raise UserError(f"{location}: cannot be read to its end: {damage}") from damage
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{location}: byte {error.start} is not UTF-8") from error
    if reader is _csv:
        yield from _csv(io.StringIO(text, newline=""), location, "\t" if name.endswith(".tsv") else ",")
    else:
        yield from reader(text, location)  # type: ignore[operator]


def _json_lines(text: str, location: str) -> Iterator[Mapping[str, Any]]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield _object(line, f"{location}, line {number}")


def _json(text: str, location: str) -> Iterator[Mapping[str, Any]]:
    if not text.lstrip().startswith("["):
        yield from _json_lines(text, location)
        return
    try:
        rows = json.loads(text)
    except ValueError as error:
        raise UserError(f"not JSON: {error}", where=location) from error
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise UserError(f"a {type(row).__name__}, not an object", where=f"{location}, row {number}")
        yield row


def _object(line: str, where: str) -> Mapping[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise UserError(f"not JSON: {error}", where=where) from error
    if not isinstance(row, dict):
        raise UserError(f"a {type(row).__name__}, not an object", where=where)
    return row


def _csv(stream: IO[str], location: str, delimiter: str) -> Iterator[Mapping[str, Any]]:
    csv.field_size_limit(1 << 30)
    reader = csv.DictReader(stream, delimiter=delimiter, strict=True)
    try:
        for row in reader:
            if None in row or None in row.values():
                raise UserError("not as many fields as the first line", where=f"{location}, line {reader.line_num}")
            yield row
    except csv.Error as error:
        raise UserError(f"not CSV: {error}", where=f"{location}, line {reader.line_num}") from error


def _parquet(location: str) -> Iterator[Mapping[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with storage.open_input(location) as stream:
        try:
            for batch in pq.ParquetFile(stream).iter_batches(1024, use_threads=False):
                yield from batch.to_pylist()
        except (pa.ArrowException, OSError) as error:
            raise UserError(f"{location}: not a readable Parquet file: {error}") from error
