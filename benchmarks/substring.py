"""Speed and memory of exact substring dedup on pages with planted boilerplate, and a suffix array of the part that fits.

    python benchmarks/substring.py [--size 200] [--memory 16] [--compare 50] [--data ../shared/data]

--size: MB of text. --memory: MiB a task may hold. --compare: MB of it that pydivsufsort also does (0: none). Texts are
snippets of eight words from novels in seven languages where --data has them, else of made-up words; a fifth of the pages
takes in boilerplate, a tenth a passage of an earlier page. One process; seconds are those of its processor time.
"""

from __future__ import annotations

import argparse
import json
import lzma
import os
import random
import shutil
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numba import njit

from gristmill.commit import Commit, peak_memory, reset_peak_memory
from gristmill.dataset import ShardRef
from gristmill.dedup.substring import ExactSubstring
from gristmill.documents import DOCUMENT_SCHEMA
from gristmill.kernels.text_index import TextIndex
from gristmill.stage import Scope

PAGE_WORDS = 500
SHARD_BYTES = 32_000_000
SNIPPET = 8


def vocabulary_text(data: Path) -> list[str]:
    """Words of real novels in their order, or made-up ones."""
    found: list[str] = []
    for path in sorted((data / "lmtext").glob("*.jsonl.xz")):
        with lzma.open(path, "rt", encoding="utf-8") as stream:
            for _, line in zip(range(5), stream, strict=False):
                found += json.loads(line)["text"].split()
    chooser = random.Random(1)
    return found or ["".join(chooser.choices("etaoinshrdlu", k=chooser.randint(1, 10))) for _ in range(1 << 20)]


def pages(size: int, data: Path) -> Iterator[str]:
    source = vocabulary_text(data)
    chooser = random.Random(2)

    def snippets(words: int) -> list[str]:
        text: list[str] = []
        while len(text) < words:
            at = int(chooser.random() * (len(source) - SNIPPET))
            text += source[at : at + SNIPPET]
        return text

    boilerplate = [snippets(chooser.randint(55, 200)) for _ in range(50)]
    earlier = [snippets(PAGE_WORDS)]
    done = 0
    while done < size:
        page = snippets(chooser.randint(20, 2 * PAGE_WORDS))
        if chooser.random() < 0.2:
            page += boilerplate[int(len(boilerplate) * chooser.random() ** 3)]
        if chooser.random() < 0.1:
            other = chooser.choice(earlier)
            at = chooser.randint(0, max(0, len(other) - 80))
            page[len(page) // 2 : len(page) // 2] = other[at : at + chooser.randint(40, 300)]
        if len(earlier) < 2000:
            earlier.append(page)
        else:
            earlier[chooser.randrange(2000)] = page
        text = " ".join(page)
        done += len(text.encode())
        yield text


def write_shards(folder: str, size: int, data: Path) -> tuple[list[ShardRef], int]:
    """Shards of about SHARD_BYTES, and bytes of text in all."""
    shards: list[ShardRef] = []
    texts: list[str] = []
    held = total = 0

    def finish() -> None:
        nonlocal held, total
        name, rows = f"{len(shards):05d}", len(texts)
        columns = {field.name: _blank(field, rows) for field in DOCUMENT_SCHEMA}
        columns["text"] = pa.array(texts, pa.large_string())
        with Commit(f"{folder}/documents", name) as commit:
            path = commit.path(f"{name}.parquet")
            pq.write_table(pa.table(columns, DOCUMENT_SCHEMA), path, row_group_size=512, compression="zstd")
            commit.count(documents=rows, bytes=held)
        shards.append(ShardRef("generated", name, f"{folder}/documents"))
        total += held
        held = 0
        texts.clear()

    for page in pages(size, data):
        texts.append(page)
        held += len(page.encode())
        if held >= SHARD_BYTES:
            finish()
    if texts:
        finish()
    return shards, total


def _blank(field: pa.Field, rows: int) -> pa.Array:
    if field.nullable:
        return pa.nulls(rows, field.type)
    value = pa.array([""] if pa.types.is_dictionary(field.type) or "string" in str(field.type) else [0])
    return value.cast(field.type).take(pa.array(np.zeros(rows, np.int64)))


def run_stage(stage: ExactSubstring, shards: list[ShardRef], folder: str, memory: int, *, show: bool) -> float:
    """Processor seconds of all phases; a line for each is printed where asked."""
    scope = Scope(tuple(shards), tuple(shard.rows for shard in shards), folder, memory)
    seconds: dict[str, float] = defaultdict(float)
    text_bytes = shuffled = highest = 0
    for phase in stage.phases(scope):
        counts: dict[str, int] = defaultdict(int)
        peak = 0
        for task in phase.tasks:
            started = time.process_time()
            with Commit(phase.folder, task.name) as commit:
                task.run(commit)
            seconds[phase.name] += time.process_time() - started
            assert commit.receipt is not None
            peak = max(peak, commit.receipt.peak_memory)
            for key, amount in commit.counts.items():
                counts[key] += amount
            if not phase.name.startswith("layers"):
                shuffled += sum(entry.bytes for entry in commit.receipt.files)
        highest = max(highest, peak)
        text_bytes = text_bytes or counts["text_bytes"]
        if show:
            figures = ", ".join(f"{key} {amount:,}" for key, amount in counts.items())
            print(
                f"  {phase.name}: {len(phase.tasks)} tasks, {seconds[phase.name]:.2f} s, peak {peak >> 20} MiB; {figures}"
            )
    total = sum(seconds.values())
    if show:
        print(f"  all: {total:.1f} s, {text_bytes / 1e6 / total:.1f} MB/s per core, peak {highest >> 20} MiB resident")
        print(f"  shuffled: {shuffled / 1e6:.1f} MB, {shuffled / text_bytes:.3f} bytes per byte of text")
    return total


# -- the suffix array --------------------------------------------------------------------------------------------------


@njit(cache=True)
def shared_lengths(tokens, order):
    """Tokens that the suffix at each place shares with the one before it in order (Kasai et al., CPM 2001), by place."""
    count = len(tokens)
    before = np.full(count, -1, np.int64)
    for number in range(1, count):
        before[order[number]] = order[number - 1]
    shared = np.zeros(count, np.int64)
    length = 0
    for at in range(count):
        other = before[at]
        if other < 0:
            length = 0
            continue
        while at + length < count and other + length < count and tokens[at + length] == tokens[other + length]:
            length += 1
        shared[at] = length
        length = max(0, length - 1)
    return shared


@njit(cache=True)
def mask_of(tokens, order, shared, length):
    """True for tokens in a gram that stands twice and crosses no 0, which separates documents."""
    count = len(tokens)
    room = np.zeros(count, np.int64)  # tokens up to the next separator
    for at in range(count - 2, -1, -1):
        room[at] = 0 if tokens[at] == 0 else room[at + 1] + 1
    mask = np.zeros(count, np.bool_)
    until = np.zeros(count, np.bool_)
    for number in range(1, count):
        at = order[number]
        if shared[at] >= length and room[at] >= length:
            until[at] = True
            until[order[number - 1]] = True
    end = 0
    for at in range(count):
        if until[at]:
            end = at + length
        mask[at] = at < end
    return mask


def token_ids(shards: list[ShardRef]) -> np.ndarray:
    """Numbers of the words of all documents, a 0 behind each document, uint32."""
    parts = []
    for shard in shards:
        for batch in shard.batches(texts=True):
            found = TextIndex.build(batch.texts).words("whitespace")
            parts.append(np.insert(found.hashes, found.first[1:], 0))
    _, numbers = np.unique(np.concatenate(parts), return_inverse=True)
    return numbers.astype(np.uint32)


def our_mask(shards: list[ShardRef], folder: str) -> np.ndarray:
    """The same mask from the spans that mode `mark` writes."""
    parts = []
    for shard in shards:
        ranges = (
            pq.read_table(f"{folder}/layers/generated/{shard.name}.parquet").column("substring.ranges").combine_chunks()
        )
        for batch in shard.batches(texts=True):
            found = TextIndex.build(batch.texts).words("whitespace")
            mask = np.zeros(len(found), bool)
            for row, of_row in enumerate(ranges.slice(batch.first_row, batch.rows).to_pylist()):
                first, stop = found.first[row], found.first[row + 1]
                begins = found.start[first:stop] - batch.texts.offsets[row]
                for span in of_row or ():
                    mask[first:stop] |= (begins >= span["start"]) & (begins < span["end"])
            parts.append(np.insert(mask, found.first[1:], False))
    return np.concatenate(parts)


def compare(shards: list[ShardRef], folder: str, memory: int) -> None:
    from pydivsufsort import divsufsort

    stage = ExactSubstring(mode="mark", first_copies=False)  # a suffix array's mask says no more
    text_bytes = sum(int(batch.texts.lengths.sum()) for shard in shards for batch in shard.batches(texts=True))
    print(f"suffix array over word numbers (pydivsufsort) against mode mark, {text_bytes / 1e6:.0f} MB")
    ours = run_stage(stage, shards, folder, memory, show=False)
    few = np.array([1, 2, 0], np.uint32)
    mask_of(few, divsufsort(few).astype(np.int64), shared_lengths(few, divsufsort(few).astype(np.int64)), 2)
    reset_peak_memory()
    idle = peak_memory()
    started = time.process_time()
    tokens = token_ids(shards)
    order = divsufsort(tokens).astype(np.int64)
    theirs_mask = mask_of(tokens, order, shared_lengths(tokens, order), stage.length)
    theirs = time.process_time() - started
    peak = peak_memory() - idle
    differing = int((our_mask(shards, folder) != theirs_mask).sum())
    print(f"  suffix array: {theirs:.1f} s, {text_bytes / 1e6 / theirs:.1f} MB/s, {peak / text_bytes:.1f} bytes a byte")
    print(f"  ours: {ours:.1f} s, {text_bytes / 1e6 / ours:.1f} MB/s; {theirs / ours:.1f} times as fast")
    print(f"  tokens masked: {theirs_mask.mean():.1%}; differing tokens: {differing}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=200, help="MB of text")
    parser.add_argument("--memory", type=int, default=16, help="MiB a task may hold")
    parser.add_argument("--compare", type=int, default=50, help="MB that a suffix array also does")
    parser.add_argument("--mode", default="cut")
    default = os.environ.get("GRISTMILL_TEST_DATA", Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--data", type=Path, default=Path(default))
    chosen = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="gristmill-")
    try:
        with get_context("spawn").Pool(1) as apart:  # what it holds shall not count as the memory of the stage
            shards, total = apart.apply(write_shards, (folder, chosen.size * 1_000_000, chosen.data))
        stage = ExactSubstring(mode=chosen.mode)
        stage.warm()
        run_stage(stage, shards[-1:], f"{folder}/warm", 1 << 20, show=False)
        reset_peak_memory()
        print(f"{total / 1e6:.0f} MB of text in {len(shards)} shards, {chosen.memory} MiB a task, mode {chosen.mode}")
        print(f"  before: {peak_memory() >> 20} MiB resident")
        evident = run_stage(stage, shards, f"{folder}/out", chosen.memory << 20, show=True)
        plain = ExactSubstring(mode=chosen.mode, first_copies=False)
        seconds = run_stage(plain, shards, f"{folder}/plain", chosen.memory << 20, show=False)
        print(
            f"  without first copies: {seconds:.1f} s, {total / 1e6 / seconds:.1f} MB/s; with: {evident / seconds:.2f} times"
        )
        if chosen.compare:
            part = shards[: max(1, round(chosen.compare * 1e6 / SHARD_BYTES))]
            print()
            compare(part, f"{folder}/part", chosen.memory << 20)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
