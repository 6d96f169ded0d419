"""From the byte ranges of posts in documents to the tokens of each post: what `reply_trees` reads."""

from __future__ import annotations

import contextlib
import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from gristmill import storage
from gristmill.dataset import Batch, ShardRef
from gristmill.errors import UserError
from gristmill.tokenize.encoded import EncodedShard, EncodedSource
from gristmill.tokenize.pack import SOURCES
from gristmill.tokenize.reply_trees import FOLDER, FORMAT, INDEX, SCHEMA
from gristmill.tokenize.shards import TokenShards

_WRITTEN_AT_ONCE = 4096  # documents


def write_trees(
    shards: TokenShards, sources: Mapping[str, Sequence[ShardRef]], encoded: Mapping[str, str]
) -> Counter[str]:
    """Write the trees of all packed documents beside their shards; the arguments are those of `where`.

    Returns counts of documents: `tree`, `other` (no tree of posts), `unmatched` (a tree whose tokens could not be told apart:
    the tokenizer changes the text; it counts as no tree).
    """
    packed = json.loads(storage.read_bytes(storage.join(shards.folder, SOURCES)))
    counts = Counter(tree=0, other=0, unmatched=0)
    for source, about in packed.items():
        refs = {ref.name: ref for ref in sources[source]}
        of = EncodedSource.from_dict(source, encoded[source], about)
        storage.make_dir(storage.join(shards.folder, FOLDER, source))
        for number, name in enumerate(of.shards):
            location = storage.join(shards.folder, FOLDER, source, f"{name}.arrow")
            with of.open(number) as opened:
                counts += _write(location, shards, refs[name], opened)
    head = {"format": FORMAT, "data": shards.id, "documents": dict(counts)}
    storage.write_bytes(storage.join(shards.folder, FOLDER, INDEX), (json.dumps(head, indent=1) + "\n").encode())
    return counts


def _write(location: str, shards: TokenShards, documents: ShardRef, encoded: EncodedShard) -> Counter[str]:
    rows = encoded.documents.column("row").to_numpy()
    starts, lengths = encoded.documents.column("start").to_numpy(), encoded.lengths
    counts: Counter[str] = Counter()
    temporary = storage.temporary_path(location)
    try:
        with pa.OSFile(temporary, "wb") as stream, pa.ipc.new_file(stream, SCHEMA) as writer:
            at = 0
            for batch in documents.batches(["metadata"], texts=True):
                end = int(np.searchsorted(rows, batch.first_row + batch.rows))
                found: list[tuple[list[int], list[int]] | None] = []
                for place in range(at, end):
                    row = int(rows[place]) - batch.first_row
                    posts = _posts(batch, row)
                    tree = None
                    if posts is not None:
                        ids = np.empty(int(lengths[place]), encoded.encoding.dtype)
                        encoded.copy_ids(
                            starts[place : place + 1], lengths[place : place + 1], ids, np.zeros(1, np.int64)
                        )
                        tree = _tokens_of_posts(shards, encoded, batch.texts[row], ids, *posts)
                    counts["other" if posts is None else "unmatched" if tree is None else "tree"] += 1
                    found.append(tree)
                for first in range(0, len(found), _WRITTEN_AT_ONCE):
                    some = found[first : first + _WRITTEN_AT_ONCE]
                    arrays = [pa.array([tree and tree[n] for tree in some], SCHEMA.field(n).type) for n in (0, 1)]
                    writer.write_batch(pa.record_batch(arrays, schema=SCHEMA))
                at = end
        if at != len(rows):
            raise UserError(
                f"{documents.documents}: not what these shards were packed from", hint="run the recipe again"
            )
        storage.publish(temporary, location)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    return counts


def _posts(batch: Batch, row: int) -> tuple[np.ndarray, list[int]] | None:
    """Where posts begin in the text as cuts left it, and what each answers."""
    text = batch.column("metadata")[row].as_py()
    if not text or '"posts"' not in text:
        return None
    posts = json.loads(text).get("posts")
    if not _is_tree(posts):
        return None
    begins = np.array([begin for begin, _, _ in posts], np.int64)
    for cuts in batch.cuts:
        if (made := cuts[row].as_py()) is not None:
            begins = moved(begins, made)
    return begins, [parent for _, _, parent in posts]


def _is_tree(posts: Any) -> bool:
    """[[begin, end, parent] …], each after what it answers; other corpora may call other things `posts`."""
    return (
        isinstance(posts, list)
        and len(posts) > 0
        and all(isinstance(post, list) and len(post) == 3 and all(type(n) is int for n in post) for post in posts)
        and all(-1 <= parent < number for number, (_, _, parent) in enumerate(posts))
        and all(one[0] <= other[0] for one, other in pairwise(posts))
    )


def moved(places: np.ndarray, cuts: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """Bytes of a text, int64, where they lie after these cuts; what lay inside one lies behind what replaced it."""
    if not cuts:
        return places
    starts = np.array([cut["start"] for cut in cuts], np.int64)
    ends = np.array([cut["end"] for cut in cuts], np.int64)
    put = np.array([len((cut["replacement"] or "").encode()) for cut in cuts], np.int64)
    shifts = np.concatenate([[0], np.cumsum(put - (ends - starts))])
    before = np.searchsorted(ends, places, side="right")
    inside = np.minimum(before, len(cuts) - 1)
    within = (before < len(cuts)) & (starts[inside] < places)
    return np.where(within, starts[inside] + put[inside], places) + shifts[before]


def _tokens_of_posts(
    shards: TokenShards, encoded: EncodedShard, text: str, ids: np.ndarray, begins: np.ndarray, parents: list[int]
) -> tuple[list[int], list[int]] | None:
    """Tokens of each post; the begin token belongs to the first, the end token to the last that has any."""
    head = int(encoded.encoding.bos_id is not None)
    tail = int(encoded.encoding.eos_id is not None)
    places = shards.tokenizer.reference.starts(text, ids[head : len(ids) - tail])
    if places is None:
        return None
    of = np.maximum(np.searchsorted(begins, places, side="right") - 1, 0)
    counts = np.bincount(of, minlength=len(begins))
    counts[0] += head
    counts[int(of[-1]) if len(of) else 0] += tail
    return counts.tolist(), parents
