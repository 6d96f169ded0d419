"""datatrove's files: <shard>.ds with raw ids, .ds.index with the documents' ends in tokens, .ds.metadata."""

from __future__ import annotations

import numpy as np

from gristmill.tokenize.exports.documents import documents, joined_lengths
from gristmill.tokenize.exports.files import new_file
from gristmill.tokenize.shards import TokenShards


def write(shards: TokenShards, out: str) -> int:
    width = np.dtype(shards.index["dtype"]).itemsize
    tokens = 0
    for number, entry in enumerate(shards.entries):
        parts = []
        with new_file(out, f"{entry.label}.ds") as stream:
            for found in documents(shards, number):
                found.ids.tofile(stream)
                parts.append((found.lengths, found.goes_on))
        lengths = joined_lengths(parts)
        with new_file(out, f"{entry.label}.ds.index") as stream:
            np.cumsum(lengths).astype("<u8").tofile(stream)
        count = int(lengths.sum())
        with new_file(out, f"{entry.label}.ds.metadata") as stream:
            stream.write(f"{shards.index['tokenizer']['file']}|{width}\n{count}\n{count / 1e6:.1f} M".encode())
        tokens += count
    return tokens
