"""Megatron-LM's indexed data set: <shard>.bin with the ids of all documents, <shard>.idx with their lengths."""

from __future__ import annotations

import struct

import numpy as np

from gristmill.tokenize.exports.documents import documents, joined_lengths
from gristmill.tokenize.exports.files import new_file
from gristmill.tokenize.shards import TokenShards

MAGIC, VERSION = b"MMIDIDX\x00\x00", 1
SMALL_VOCABULARY = 65_500  # ids of fewer are stored as uint16
CODES = {"<i4": 4, "<u2": 8}


def write(shards: TokenShards, out: str) -> int:
    """A sequence per document, and each a document of its own in the index."""
    small = shards.index["tokenizer"]["vocabulary"] < SMALL_VOCABULARY
    dtype = np.dtype("<u2" if small else "<i4")
    tokens = 0
    for number, entry in enumerate(shards.entries):
        parts = []
        with new_file(out, f"{entry.label}.bin") as stream:
            for found in documents(shards, number):
                found.ids.astype(dtype).tofile(stream)
                parts.append((found.lengths, found.goes_on))
        lengths = joined_lengths(parts)
        ends = np.cumsum(lengths)
        with new_file(out, f"{entry.label}.idx") as stream:
            stream.write(MAGIC + struct.pack("<QBQQ", VERSION, CODES[dtype.str], len(lengths), len(lengths) + 1))
            lengths.astype("<i4").tofile(stream)
            ((ends - lengths) * dtype.itemsize).astype("<i8").tofile(stream)
            np.arange(len(lengths) + 1, dtype="<i8").tofile(stream)
        tokens += int(lengths.sum())
    return tokens
