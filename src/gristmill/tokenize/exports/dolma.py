"""OLMo's and Dolma's files: <shard>.npy, a raw map of ids despite its name, and <shard>.csv.gz with a line per document.

The lines are start, end (tokens in the map), id, source, and the number of the document in the source.
"""

from __future__ import annotations

import csv
import gzip
import io

import numpy as np

from gristmill.tokenize.exports.documents import documents
from gristmill.tokenize.exports.files import new_file
from gristmill.tokenize.shards import TokenShards


def write(shards: TokenShards, out: str) -> int:
    tokens = 0
    for number, entry in enumerate(shards.entries):
        place = 0
        last: list[object] | None = None  # may go on in the next rows
        with (
            new_file(out, f"{entry.label}.npy") as stream,
            new_file(out, f"{entry.label}.csv.gz") as packed,
            gzip.GzipFile(fileobj=packed, mode="wb", filename="", mtime=0) as lines,
            io.TextIOWrapper(lines, encoding="utf-8", newline="") as text,
        ):
            table = csv.writer(text, lineterminator="\n")
            for found in documents(shards, number):
                found.ids.tofile(stream)
                ends = place + np.cumsum(found.lengths)
                for k, (end, name, source) in enumerate(
                    zip(ends.tolist(), found.names.to_pylist(), found.sources.to_pylist(), strict=True)
                ):
                    if k == 0 and found.goes_on and last:
                        last[1] = end
                    else:
                        if last:
                            table.writerow(last)
                        last = [place, end, name, source, int(found.numbers[k])]
                    place = end
            if last:
                table.writerow(last)
        tokens += place
    return tokens
