"""From one row of a token shard back to its documents, their URLs, and where the raw records lie."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow.parquet as pq

from gristmill import storage
from gristmill.dataset import ShardRef
from gristmill.errors import UserError
from gristmill.tokenize.encoded import EncodedSource
from gristmill.tokenize.pack import SOURCES
from gristmill.tokenize.shards import TokenShards

SHOWN = 24  # tokens of a piece that are shown as text
COLUMNS = ["url", "file", "offset", "length", "title"]


@dataclass(frozen=True)
class Origin:
    """One piece of a row and the document it is of; padding has neither source nor document."""

    start: int  # first token of the piece in the row
    tokens: int
    trained: bool
    text: str  # its beginning
    source: str | None = None
    document: str | None = None
    document_offset: int = 0  # tokens of the document before the piece
    documents_file: str | None = None
    documents_row: int | None = None
    url: str | None = None
    file: str | None = None  # raw input, as the documents name it
    offset: int | None = None  # bytes (a row number for row formats)
    length: int | None = None

    def __str__(self) -> str:
        span = f"tokens {self.start:,} to {self.start + self.tokens - 1:,}"
        if self.source is None:
            return f"{span}: padding"
        lines = [
            f"{span}: {self.source} {self.document}" + ("" if self.trained else ", not trained on"),
            f"  url       {self.url or '-'}",
            f"  raw       {self.file}, offset {self.offset:,}, length {self.length:,}",
            f"  document  {self.documents_file}, row {self.documents_row:,}, from its token {self.document_offset:,}",
            f"  text      {self.text!r}",
        ]
        return "\n".join(lines)


def where(
    shards: TokenShards, shard: str, row: int, sources: Mapping[str, Sequence[ShardRef]], encoded: Mapping[str, str]
) -> list[Origin]:
    """The pieces of a row in order.

    sources: the documents shards of every source. encoded: folder of the encoded shards of every source.
    Raises UserError when there is no such shard or row.
    """
    number = shards.find(shard)
    entry = shards.entries[number]
    if not 0 <= row < entry.sequences:
        raise UserError(f"{entry.label} has no row {row:,}", hint=f"0 to {entry.sequences - 1:,}")
    at = int(shards.firsts[number]) + row
    ids, pieces = shards.ids(at, at + 1)[0], shards.pieces(at)
    packed = json.loads(storage.read_bytes(storage.join(shards.folder, SOURCES)))
    found: list[Origin] = []
    start = 0
    for place, tokens in enumerate(pieces["document_lengths"]):
        text = shards.tokenizer.reference.decode(ids[start : start + min(tokens, SHOWN)].tolist())
        source = pieces["sources"][place]
        origin = Origin(start, tokens, pieces["trained"][place], text)
        if source is not None:
            document, name = pieces["document_numbers"][place], pieces["document_ids"][place]
            of = EncodedSource.from_dict(source, encoded[source], packed[source])
            origin = _locate(origin, of, sources[source], document, name, pieces["document_offsets"][place])
        found.append(origin)
        start += tokens
    return found


def _locate(
    piece: Origin, encoded: EncodedSource, documents: Sequence[ShardRef], number: int, name: str, offset: int
) -> Origin:
    firsts = np.concatenate([[0], np.cumsum(encoded.documents)])
    shard = int(np.searchsorted(firsts, number, side="right")) - 1
    with encoded.open(shard) as opened:
        line = opened.documents.slice(number - int(firsts[shard]), 1).to_pylist()[0]
    if line["id"] != name:
        raise UserError(f"{encoded.folder}: not what these shards were packed from", hint="run the recipe again")
    ref = next(ref for ref in documents if ref.name == encoded.shards[shard])
    location = storage.join(ref.documents, f"{ref.name}.parquet")
    values = _read_row(location, line["row"])
    return Origin(
        piece.start,
        piece.tokens,
        piece.trained,
        piece.text,
        encoded.source,
        name,
        offset,
        location,
        line["row"],
        values["url"],
        values["file"],
        values["offset"],
        values["length"],
    )


def _read_row(location: str, row: int) -> dict:
    with storage.open_input(location) as stream:
        file = pq.ParquetFile(stream)
        for group in range(file.num_row_groups):
            rows = file.metadata.row_group(group).num_rows
            if row < rows:
                return file.read_row_group(group, columns=COLUMNS).slice(row, 1).to_pylist()[0]
            row -= rows
    raise UserError(f"{location}: it has no such row", hint="run the recipe again")
