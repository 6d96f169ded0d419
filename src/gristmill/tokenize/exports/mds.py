"""MosaicML's MDS shards: a sample per row, with `tokens`, `document_lengths`, and `loss_mask` where some are not trained on.

A shard is: uint32 samples, uint32 offsets (samples + 1, from the start of the file), JSON of the columns, samples. A sample is
a uint32 size for every column without a fixed one, then the columns in the order of their names.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from gristmill.tokenize.exports.files import new_file
from gristmill.tokenize.shards import TokenShards

SIZE_LIMIT = 1 << 27  # bytes of samples in a shard; offsets are uint32


def write(shards: TokenShards, out: str) -> int:
    dtype, length = shards.index["dtype"], shards.length
    columns: list[tuple[str, str, int | None]] = [("document_lengths", "ndarray:int32", None)]
    if shards.masked:
        columns.append(("loss_mask", f"ndarray:uint8:{length}", length))
    columns.append(("tokens", f"ndarray:{dtype}:{length}", length * np.dtype(dtype).itemsize))
    names, encodings, sizes = ([column[k] for column in columns] for k in range(3))
    about: dict[str, Any] = {
        "version": 2,
        "format": "mds",
        "compression": None,
        "hashes": [],
        "size_limit": SIZE_LIMIT,
        "column_names": names,
        "column_encodings": encodings,
        "column_sizes": sizes,
    }
    config = json.dumps(about, sort_keys=True).encode()
    listed: list[dict[str, Any]] = []
    pending: list[bytes] = []
    held = 0

    def flush() -> None:
        nonlocal held
        head = 4 + 4 * (len(pending) + 1) + len(config)
        offsets = head + np.concatenate([[0], np.cumsum([len(sample) for sample in pending])])
        name = f"shard.{len(listed):05d}.mds"
        with new_file(out, name) as stream:
            stream.write(np.uint32(len(pending)).tobytes() + offsets.astype("<u4").tobytes() + config)
            stream.writelines(pending)
        raw = {"basename": name, "bytes": int(offsets[-1]), "hashes": {}}
        listed.append(about | {"samples": len(pending), "raw_data": raw, "zip_data": None})
        pending.clear()
        held = 0

    for number in range(len(shards.entries)):
        for batch in shards.table(number).to_batches():
            ids = batch.column("input_ids").flatten().to_numpy().reshape(-1, length)
            lengths, trained = batch.column("document_lengths"), batch.column("trained")
            for row in range(len(ids)):
                own = np.asarray(lengths[row].values, np.int32)
                sample = _dynamic(own)
                if shards.masked:
                    mask = np.asarray(trained[row].values.to_numpy(zero_copy_only=False), np.uint8)
                    sample += np.repeat(mask, own).tobytes()
                sample += ids[row].tobytes()
                if pending and held + len(sample) > SIZE_LIMIT:
                    flush()
                pending.append(sample)
                held += len(sample)
    if pending:
        flush()
    with new_file(out, "index.json") as stream:
        stream.write(json.dumps({"version": 2, "shards": listed}, sort_keys=True).encode())
    return len(shards) * length


def _dynamic(values: np.ndarray) -> bytes:
    """One-dimensional array of any length: size, then a byte of (dimensions << 2 | width of the shape), shape, values."""
    width = 0 if len(values) < 1 << 8 else 1 if len(values) < 1 << 16 else 2
    body = bytes([1 << 2 | width]) + np.array([len(values)], f"<u{1 << width}").tobytes() + values.tobytes()
    return np.uint32(len(body)).tobytes() + body
