"""Speed of dedup: signatures against other libraries (where installed), and clustering of generated keys.

    python benchmarks/dedup.py signatures [--documents 2000]
    python benchmarks/dedup.py clusters   [--documents 2000000] [--duplicates 0.2] [--memory 1073741824]

One process; figures are CPU seconds of this process, best of three.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import random
import shutil
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gristmill.commit import Commit, peak_memory, reset_peak_memory
from gristmill.dataset import LayerRef, LayerWriter, ShardRef
from gristmill.dedup.minhash import MinHash
from gristmill.documents import DOCUMENT_SCHEMA
from gristmill.kernels.text import Texts
from gristmill.stage import Scope

DOCUMENT_BYTES = 3200  # about a web page after extraction
SHARD_ROWS = 20_000


def texts_like_pages(documents: int, seed: int = 1) -> list[str]:
    """Sentences over a vocabulary of 20,000 words whose frequencies fall as 1 / rank."""
    chooser = random.Random(seed)
    letters = "etaoinshrdlucmfwypvbgkjqxz"
    words = ["".join(chooser.choices(letters, range(26, 0, -1), k=chooser.randint(1, 10))) for _ in range(20_000)]
    weights = [1 / rank for rank in range(1, len(words) + 1)]
    pages = []
    for _ in range(documents):
        page: list[str] = []
        length = 0
        while length < DOCUMENT_BYTES:
            sentence = " ".join(chooser.choices(words, weights, k=chooser.randint(5, 25))).capitalize() + "."
            page.append(sentence)
            length += len(sentence) + 1
        pages.append(" ".join(page))
    return pages


def best_rate(count: int, work: Callable[[], object]) -> float:
    """Documents a CPU second, best of three."""
    best = math.inf
    for _ in range(3):
        started = time.process_time()
        work()
        best = min(best, time.process_time() - started)
    return count / best


def grams_of(page: str) -> list[str]:
    words = page.split()
    return [" ".join(words[k : k + 5]) for k in range(len(words) - 4)]


def other_libraries(pages: list[str], hashes: int) -> Iterator[tuple[str, float]]:
    """Name and documents a second of each other implementation that is installed; words split at spaces."""
    some = pages[: max(1, len(pages) // 20)]
    with contextlib.suppress(ImportError):
        import rensa

        def with_rensa(grams: list[list[str]]) -> None:
            for page in grams:
                signature = rensa.RMinHash(num_perm=hashes, seed=1)
                signature.update(page)
                signature.digest()

        yield "rensa", best_rate(len(pages), lambda: with_rensa([grams_of(page) for page in pages]))
        given = [grams_of(page) for page in pages]
        yield "rensa, shingles given", best_rate(len(pages), lambda: with_rensa(given))
    with contextlib.suppress(ImportError):
        import datasketch

        def with_datasketch() -> None:
            for page in some:
                signature = datasketch.MinHash(num_perm=hashes, seed=1)
                signature.update_batch([gram.encode() for gram in grams_of(page)])

        yield "datasketch", best_rate(len(some), with_datasketch)
    with contextlib.suppress(ImportError):
        from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupSignature

        bands, rows = (14, 8) if hashes == 112 else (450, 20)
        config = MinhashConfig(num_buckets=bands, hashes_per_bucket=rows, n_grams=5)
        step = MinhashDedupSignature(tempfile.mkdtemp(), config)

        def with_datatrove() -> None:
            for page in some:
                step.get_signature(step.get_shingles(page))

        yield "datatrove", best_rate(len(some), with_datatrove)


def time_signatures(documents: int) -> None:
    pages = texts_like_pages(documents)
    print(f"signatures of {documents} documents of {DOCUMENT_BYTES} bytes, one core, shingles included")
    for bands, rows in ((14, 8), (450, 20)):
        some = pages if bands == 14 else pages[: max(1, documents // 10)]
        texts = Texts.from_strings(some)
        stage = MinHash(bands=bands, rows=rows)
        stage.keys_of(texts)  # compiles
        rate = best_rate(len(some), lambda stage=stage, texts=texts: stage.keys_of(texts))
        print(f"  {bands} x {rows}: gristmill {rate:,.0f} documents/s")
        for name, other in other_libraries(some, bands * rows):
            print(f"  {bands} x {rows}: {name} {other:,.1f} documents/s; ours {rate / other:,.1f} times that")


def write_generated(stage: MinHash, folder: str, documents: int, duplicates: float) -> list[ShardRef]:
    """Shards of empty documents with random band keys, a share with half their bands from an earlier one."""
    chooser = np.random.default_rng(1)
    keys = chooser.integers(0, 1 << 64, (documents, stage.bands), np.uint64)
    copies = np.flatnonzero(chooser.random(documents) < duplicates)[1:]
    originals = (chooser.random(len(copies)) * copies).astype(np.int64)
    shared = chooser.random((len(copies), stage.bands)) < 0.5
    for copy, original, same in zip(copies, originals, shared, strict=True):
        keys[copy, same] = keys[original, same]
    schema = pa.schema([field.with_name(f"{stage.name}.{field.name}") for field in stage.value_schema()])
    shards = []
    for number, start in enumerate(range(0, documents, SHARD_ROWS)):
        rows, name = min(SHARD_ROWS, documents - start), f"{number:05d}"
        table = pa.table({field.name: _blank(field, rows) for field in DOCUMENT_SCHEMA}, DOCUMENT_SCHEMA)
        with Commit(f"{folder}/documents", name) as commit:
            pq.write_table(table, commit.path(f"{name}.parquet"), row_group_size=2048)
            commit.count(documents=rows)
        with Commit(f"{folder}/signals", name) as commit:
            writer = LayerWriter(commit.path(f"{name}.parquet"), schema)
            for first in range(start, start + rows, 2048):
                part = keys[first : min(start + rows, first + 2048)]
                writer.write(dict(zip(schema.names, (part, np.ones(len(part), np.int32)), strict=True)))
            writer.close()
        layer = LayerRef(stage.name, f"{folder}/signals", tuple(schema.names))
        shards.append(ShardRef("generated", name, f"{folder}/documents", (layer,)))
    return shards


def _blank(field: pa.Field, rows: int) -> pa.Array:
    if field.nullable:
        return pa.nulls(rows, field.type)
    value = pa.array([""] if pa.types.is_dictionary(field.type) or "string" in str(field.type) else [0])
    return value.cast(field.type).take(pa.array(np.zeros(rows, np.int64)))


def warm_up(stage: MinHash, folder: str, memory: int) -> None:
    """Run all phases on a few documents, so that imports and compilation are not timed."""
    shards = write_generated(stage, f"{folder}/few", 100, 0.2)
    for phase in stage.phases(Scope(tuple(shards), (100,), f"{folder}/few/out", memory)):
        for task in phase.tasks:
            with Commit(phase.folder, task.name) as commit:
                task.run(commit)


def time_clusters(documents: int, duplicates: float, memory: int) -> None:
    folder = tempfile.mkdtemp(prefix="gristmill-")
    try:
        stage = MinHash()
        shards = write_generated(stage, folder, documents, duplicates)
        scope = Scope(tuple(shards), tuple(shard.rows for shard in shards), f"{folder}/out", memory)
        warm_up(stage, folder, memory)
        reset_peak_memory()
        idle = peak_memory()
        seconds: dict[str, float] = defaultdict(float)
        peaks: dict[str, int] = defaultdict(int)
        counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        tasks: dict[str, int] = {}
        for phase in stage.phases(scope):
            tasks[phase.name] = len(phase.tasks)
            for task in phase.tasks:
                started = time.process_time()
                with Commit(phase.folder, task.name) as commit:
                    task.run(commit)
                seconds[phase.name] += time.process_time() - started
                if commit.receipt is not None:
                    peaks[phase.name] = max(peaks[phase.name], commit.receipt.peak_memory)
                for key, amount in commit.counts.items():
                    counts[phase.name][key] += amount
        print(f"clusters of {documents:,} documents, {stage.bands} bands, memory {memory >> 20} MiB a task")
        print(f"  before: {idle >> 20} MiB resident")
        for name, spent in seconds.items():
            figures = ", ".join(f"{key} {amount:,}" for key, amount in counts[name].items())
            print(f"  {name}: {tasks[name]} tasks, {spent:.2f} CPU s, peak {peaks[name] >> 20} MiB; {figures}")
        print(f"  all: {sum(seconds.values()):.2f} CPU s")
    finally:
        shutil.rmtree(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("signatures", "clusters"))
    parser.add_argument("--documents", type=int)
    parser.add_argument("--duplicates", type=float, default=0.2)
    parser.add_argument("--memory", type=int, default=1 << 30)
    chosen = parser.parse_args()
    if chosen.part == "signatures":
        time_signatures(chosen.documents or 2000)
    else:
        time_clusters(chosen.documents or 2_000_000, chosen.duplicates, chosen.memory)


if __name__ == "__main__":
    main()
