"""Taking documents out of finished shards. Nothing is tokenised again, and every other sequence stays where it is.

A shard that holds one of the documents is written anew under another name (`tokens-00000-of-00001.r1.arrow`), then the index
that names it replaces the old one in one step: a reader sees all of a retraction or nothing of it, also when it is killed.
What was removed where is listed in `retractions/0001.jsonl`.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gristmill import storage
from gristmill.commit import RECEIPT, FileEntry, checksum, read_receipt
from gristmill.tokenize.index import INDEX
from gristmill.tokenize.requests import Match
from gristmill.tokenize.shards import ShardEntry, TokenShards

How = Literal["pad", "mask"]
FOLDER = "retractions"


@dataclass(frozen=True)
class Retraction:
    """What one retraction came to."""

    documents: int  # distinct ones found in the shards
    pieces: int
    tokens: int
    shards: int
    file: str | None  # the list of what was removed where; None when nothing was left to remove
    how: How = "pad"


def retract(folder: str, named: Mapping[str, Match], how: How = "pad", request: str | None = None) -> Retraction:
    """Remove documents from the shards in a folder.

    named: by document id. pad: their tokens are overwritten with the padding id and their ids are gone; mask: the tokens
    stay as context and are not trained on. request: what tells the request from others; the index lists it as carried out.
    Doing it again changes nothing.
    """
    settle(folder)
    shards = TokenShards.open(folder)
    carried_out = list(dict.fromkeys([*shards.index.get("requests", []), *([request] if request else [])]))
    number = len(shards.index["retractions"]) + 1
    wanted = pa.array(sorted(named), pa.string())
    entries: list[ShardEntry] = []
    lines: list[dict[str, Any]] = []
    changed = 0
    for shard, entry in enumerate(shards.entries):
        found = _removed(shards, shard, wanted, named, how)
        entries.append(_rewrite(shards, shard, wanted, number, how) if found else entry)
        changed += bool(found)
        lines += found
    if not lines:
        if carried_out != shards.index.get("requests", []):
            _replace_index(folder, {**shards.index, "requests": carried_out})
        return Retraction(0, 0, 0, 0, None, how)
    file = f"{FOLDER}/{number:04d}.jsonl"
    documents, tokens = len({line["document"] for line in lines}), sum(line["tokens"] for line in lines)
    head = {"retraction": number, "how": how, "time": datetime.now(UTC).isoformat(timespec="seconds")}
    head |= {"documents": documents, "pieces": len(lines), "tokens": tokens}
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in (head, *lines))
    storage.write_bytes(storage.join(folder, file), text.encode())
    index = dict(shards.index)
    index["shards"] = [asdict(entry) for entry in entries]
    index |= {key: sum(getattr(entry, key) for entry in entries) for key in ("tokens", "padding", "masked")}
    index["retractions"] = [*index["retractions"], {"file": file, "how": how, "documents": documents, "tokens": tokens}]
    if carried_out:
        index["requests"] = carried_out
    _replace_index(folder, index)
    return Retraction(documents, len(lines), tokens, changed, storage.join(folder, file), how)


def _replace_index(folder: str, index: dict[str, Any]) -> None:
    storage.write_bytes(storage.join(folder, INDEX), (json.dumps(index, indent=1, ensure_ascii=False) + "\n").encode())
    settle(folder)


def _removed(
    shards: TokenShards, shard: int, wanted: pa.Array, named: Mapping[str, Match], how: How
) -> list[dict[str, Any]]:
    """A line for every piece that has to go and has not gone yet."""
    lines = []
    first_row = 0
    for batch in shards.table(shard).select(["document_lengths", "document_ids", "trained"]).to_batches():
        names = batch.column("document_ids")
        hit = pc.is_in(names.flatten(), value_set=wanted).to_numpy(zero_copy_only=False)
        if how == "mask":
            hit &= batch.column("trained").flatten().to_numpy(zero_copy_only=False)
        if hit.any():
            lengths = batch.column("document_lengths").flatten().to_numpy().astype(np.int64)
            rows = np.repeat(np.arange(batch.num_rows), pc.list_value_length(names).to_numpy())
            starts = np.cumsum(lengths) - lengths
            ids = names.flatten()
            for piece in np.flatnonzero(hit).tolist():
                match = named[ids[piece].as_py()]
                lines.append(
                    {
                        "shard": shards.entries[shard].label,
                        "row": first_row + int(rows[piece]),
                        "first_token": int(starts[piece] % shards.length),
                        "tokens": int(lengths[piece]),
                        "source": match.source,
                        "document": match.document,
                        "url": match.url,
                        "asked_for": match.asked_for,
                    }
                )
        first_row += batch.num_rows
    return lines


def _rewrite(shards: TokenShards, shard: int, wanted: pa.Array, number: int, how: How) -> ShardEntry:
    """Writes the shard anew, batch by batch, under its next name."""
    entry, table = shards.entries[shard], shards.table(shard)
    name = f"shards/{entry.label}.r{number}.arrow"
    location = storage.join(shards.folder, name)
    temporary = storage.temporary_path(location)
    pad = int(shards.index["tokenizer"]["pad_id"])
    padding = masked = 0
    try:
        with pa.OSFile(temporary, "wb") as stream, pa.ipc.new_file(stream, table.schema) as writer:
            for batch in table.to_batches():
                batch = _without(batch, wanted, pad, how)
                lengths = batch.column("document_lengths").flatten().to_numpy().astype(np.int64)
                left_out = ~batch.column("trained").flatten().to_numpy(zero_copy_only=False)
                nobody = batch.column("document_ids").flatten().is_null().to_numpy(zero_copy_only=False)
                padding += int(lengths[nobody].sum())
                masked += int(lengths[left_out & ~nobody].sum())
                writer.write_batch(batch)
        size, digest = os.path.getsize(temporary), checksum(temporary)
        storage.publish(temporary, location)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    tokens = entry.sequences * shards.length - padding - masked
    return replace(
        entry, name=name, tokens=tokens, padding=padding, masked=masked, bytes=size, checksum=f"xxh3-128:{digest}"
    )


def _without(batch: pa.RecordBatch, wanted: pa.Array, pad: int, how: How) -> pa.RecordBatch:
    names = batch.column("document_ids")
    hit = pc.is_in(names.flatten(), value_set=wanted).to_numpy(zero_copy_only=False)
    if not hit.any():
        return batch
    ends = np.concatenate([[0], np.cumsum(pc.list_value_length(names).to_numpy())]).astype(np.int32)
    flat = {name: batch.column(name).flatten() for name in batch.schema.names}
    gone = pa.array(hit)
    flat["trained"] = pc.and_(flat["trained"], pc.invert(gone))
    if how == "pad":
        lengths = flat["document_lengths"].to_numpy().astype(np.int64)
        ids = flat["input_ids"].to_numpy().copy()
        ids[np.repeat(hit, lengths)] = pad
        flat["input_ids"] = pa.array(ids)
        for name in ("document_ids", "sources"):
            flat[name] = pc.if_else(gone, pa.scalar(None, pa.string()), flat[name])
        flat["document_numbers"] = pc.if_else(gone, pa.scalar(-1, pa.int64()), flat["document_numbers"])
        flat["document_offsets"] = pc.if_else(gone, pa.scalar(0, pa.int32()), flat["document_offsets"])
    columns = [
        pa.FixedSizeListArray.from_arrays(flat[field.name], type=field.type)
        if field.name == "input_ids"
        else pa.ListArray.from_arrays(pa.array(ends), flat[field.name])
        for field in batch.schema
    ]
    return pa.record_batch(columns, schema=batch.schema)


def settle(folder: str) -> None:
    """Bring receipts in line with the index, and remove files it no longer names: the end of a retraction, also a killed one."""
    index = json.loads(storage.read_bytes(storage.join(folder, INDEX)))
    entries = [ShardEntry(**entry) for entry in index["shards"]]
    shards = storage.join(folder, "shards")
    for entry in entries:
        file = FileEntry(entry.name.rsplit("/", 1)[-1], entry.bytes, entry.checksum.removeprefix("xxh3-128:"))
        receipt = read_receipt(shards, entry.label)
        if receipt is not None and receipt.files != [file]:
            counts = receipt.counts | {"tokens": entry.tokens, "padding": entry.padding, "masked": entry.masked}
            new = replace(receipt, files=[file], counts=counts)
            storage.write_bytes(storage.join(shards, entry.label + RECEIPT), new.to_json().encode())
    with storage.localized(storage.join(folder, INDEX)) as path:
        own = FileEntry(INDEX, os.path.getsize(path), checksum(str(path)))
    receipt = read_receipt(folder, "index")
    if receipt is not None and own not in receipt.files:
        others = [file for file in receipt.files if file.name != INDEX]
        new = replace(receipt, files=sorted([own, *others], key=lambda file: file.name))
        storage.write_bytes(storage.join(folder, "index" + RECEIPT), new.to_json().encode())
    named = {entry.name.rsplit("/", 1)[-1] for entry in entries}
    for name in storage.list_names(shards):
        if (name.endswith(".arrow") and name not in named) or (name.startswith(".") and name.endswith(".tmp")):
            storage.remove(storage.join(shards, name))
