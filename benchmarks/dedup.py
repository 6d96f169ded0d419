"""Speed of dedup: signatures against other libraries (where installed), and clustering of generated keys.

    python benchmarks/dedup.py signatures [--documents 2000]
    python benchmarks/dedup.py clusters   [--documents 2000000] [--memory 1073741824] [--workers 2]
    python benchmarks/dedup.py datatrove  [--documents 2000000]

Figures are CPU seconds, of signatures the best of three; `clusters` also prints the clock, which other work on the machine slows.

`datatrove` begins for either side with what its signature stage leaves: ours are Parquet layers of 20,000 documents each, band
keys in document order; datatrove's are one file a band, sorted by hash (its first stage sorts them; more files make its merge
slower, see --files). It ends with the documents that fall: clusters over all rows, and datatrove's .remove files. Imports,
compilation and process starts are in neither. Ours runs five times in one worker, as the tasks of a run do, and the median
counts, since a virtual machine may charge the first use of memory; then as often with an eighth of the memory, so that records
may no longer fit one task and are shuffled through files.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import math
import random
import shutil
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gristmill.commit import Commit, peak_memory
from gristmill.dataset import LayerRef, LayerWriter, ShardRef
from gristmill.dedup.likeness import fixed_binary
from gristmill.dedup.minhash import MinHash
from gristmill.documents import DOCUMENT_SCHEMA
from gristmill.kernels.text import Texts
from gristmill.stage import Scope, Task

DOCUMENT_BYTES = 3200  # about a web page after extraction
SHARD_ROWS = 20_000
RUNS = 5  # of ours beside one of datatrove


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
        import daft

        with contextlib.suppress(Exception):  # it can be set once a process
            daft.set_runner_native(num_threads=1)
        table = daft.from_pydict({"text": pages}).collect()

        def with_daft() -> None:
            shingled = daft.functions.minhash(daft.col("text"), num_hashes=hashes, ngram_size=5, hash_function="xxhash")
            table.select(shingled).collect()

        yield "daft", best_rate(len(pages), with_daft)
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


def generated_keys(first: int, rows: int, bands: int, every: int) -> np.ndarray:
    """Random band keys of the documents from `first` on, uint64 (rows, bands), by number alone: every `every`-th document shares
    half of its bands with an earlier one that is no copy itself."""
    documents = np.arange(first, first + rows, dtype=np.uint64)
    numbers = documents[:, None] * np.uint64(bands) + np.arange(bands, dtype=np.uint64)
    keys = scramble(numbers)
    copies = np.flatnonzero((documents % np.uint64(every) == every - 1) & (documents >= every))
    chance = scramble(documents[copies] + np.uint64(1 << 60))
    originals = chance % documents[copies]
    originals -= (originals % np.uint64(every) == every - 1).astype(np.uint64)
    same = (scramble(numbers[copies] + np.uint64(1 << 61)) & np.uint64(1)).astype(bool)
    theirs = scramble(originals[:, None] * np.uint64(bands) + np.arange(bands, dtype=np.uint64))
    keys[copies] = np.where(same, theirs, keys[copies])
    return keys


def scramble(numbers: np.ndarray) -> np.ndarray:
    """SplitMix64's finaliser."""
    numbers = numbers + np.uint64(0x9E3779B97F4A7C15)
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return numbers ^ (numbers >> np.uint64(31))


def write_generated(stage: MinHash, folder: str, documents: int, every: int) -> list[ShardRef]:
    """Shards of empty documents with generated band keys and sketches."""
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
                some = min(start + rows, first + 2048) - first
                keys = generated_keys(first, some, stage.bands, every)
                width = -(-stage.sketch_bytes // 8)
                sketch = np.resize(keys, (some, width)).view(np.uint8)[:, : stage.sketch_bytes]
                columns = (fixed_binary(keys), np.ones(some, np.int32), fixed_binary(sketch))
                writer.write(dict(zip(schema.names, columns, strict=True)))
            writer.close()
        layer = LayerRef(stage.name, f"{folder}/signals", tuple(schema.names))
        shards.append(ShardRef("generated", name, f"{folder}/documents", (layer,)))
    return shards


def _blank(field: pa.Field, rows: int) -> pa.Array:
    if field.nullable:
        return pa.nulls(rows, field.type)
    value = pa.array([""] if pa.types.is_dictionary(field.type) or "string" in str(field.type) else [0])
    return value.cast(field.type).take(pa.array(np.zeros(rows, np.int64)))


def run_task(folder: str, task: Task) -> tuple[float, int, dict[str, int]]:
    """CPU seconds, peak memory and counts of one task."""
    started = time.process_time()
    with Commit(folder, task.name) as commit:
        task.run(commit)
    assert commit.receipt is not None
    return time.process_time() - started, commit.receipt.peak_memory, commit.counts


def warm_up(stage: MinHash, folder: str, memory: int) -> None:
    """Run all phases on a few documents, so that imports and compilation are not timed."""
    shards = write_generated(stage, f"{folder}/few", 100, 5)
    for phase in stage.phases(Scope(tuple(shards), (100,), f"{folder}/few/out", memory)):
        for task in phase.tasks:
            run_task(phase.folder, task)


PARTS = {"partition": "LSH and clustering", "match": "LSH and clustering", "cluster": "LSH and clustering"}


def cluster_generated(
    stage: MinHash, shards: list[ShardRef], out: str, memory: int, pool: ProcessPoolExecutor, only: str | None = None
) -> dict[str, float]:
    """Cluster and print; CPU seconds by part, and documents that fell. only: leave out parts other than this."""
    scope = Scope(tuple(shards), tuple(shard.rows for shard in shards), out, memory)
    documents = sum(scope.rows)
    cpu: dict[str, float] = defaultdict(float)
    wall: dict[str, float] = defaultdict(float)
    highest = 0
    for phase in stage.phases(scope):
        part = PARTS.get(phase.name, "evidence" if phase.name.startswith("similarity") else "layers")
        if only not in (None, part):
            break
        started = time.monotonic()
        done = list(pool.map(run_task, [phase.folder] * len(phase.tasks), phase.tasks))
        cpu[part] += sum(seconds for seconds, _, _ in done)
        wall[part] += time.monotonic() - started
        peak = max(peak for _, peak, _ in done)
        highest = max(highest, peak)
        counts: dict[str, int] = defaultdict(int)
        for _, _, found in done:
            for key, amount in found.items():
                counts[key] += amount
        figures = ", ".join(f"{key} {amount:,}" for key, amount in counts.items())
        print(
            f"  {phase.name}: {len(done)} tasks, {sum(d[0] for d in done):.2f} CPU s, peak {peak >> 20} MiB; {figures}"
        )
        cpu["fell"] += sum(amount for key, amount in counts.items() if key.startswith("lost."))
    for part, seconds in wall.items():
        print(f"  {part}: {cpu[part]:.2f} CPU s, {documents / cpu[part] / 1e6:.2f} M documents a CPU second; ", end="")
        print(f"{seconds:.1f} s by the clock, {documents / seconds / 1e6:.2f} M documents/s")
    print(f"  highest memory of a task: {highest / 1e9:.2f} GB")
    return cpu


def describe(stage: MinHash, documents: int, every: int, memory: int, workers: int) -> None:
    print(
        f"clusters of {documents:,} documents, {stage.bands} bands, {1 / every:.0%} copies, memory {memory >> 20} MiB a task, ",
        end="",
    )
    print(f"{workers} workers; {peak_memory() >> 20} MiB resident before")


def time_clusters(documents: int, every: int, memory: int, workers: int) -> None:
    folder = tempfile.mkdtemp(prefix="gristmill-")
    try:
        stage = MinHash()
        shards = write_generated(stage, folder, documents, every)
        warm_up(stage, folder, memory)
        describe(stage, documents, every, memory, workers)
        with ProcessPoolExecutor(workers) as pool:
            cluster_generated(stage, shards, f"{folder}/out", memory, pool)
    finally:
        shutil.rmtree(folder)


def compare_with_datatrove(documents: int, every: int, memory: int, files: int) -> None:
    """The same buckets for both: a generated key stands for the hashes of its band."""
    folder = tempfile.mkdtemp(prefix="gristmill-")
    try:
        stage = MinHash()
        shards = write_generated(stage, folder, documents, every)
        theirs, removed = run_datatrove(stage, f"{folder}/datatrove", documents, every, files)
        print(f"datatrove, stages 2 and 3, {files} signature files a band: {theirs:.1f} CPU s, {removed:,} removed")
        warm_up(stage, folder, memory)
        with ProcessPoolExecutor(1) as pool:
            for some in (memory, memory // 8):
                describe(stage, documents, every, some, 1)
                found = []
                for _ in range(RUNS):
                    found.append(cluster_generated(stage, shards, f"{folder}/out", some, pool, "LSH and clustering"))
                    shutil.rmtree(f"{folder}/out")
                assert {int(cpu["fell"]) for cpu in found} == {removed}, "not the same documents fell"
                mine = sorted(cpu["LSH and clustering"] for cpu in found)
                print(
                    f"  ours {', '.join(f'{seconds:.2f}' for seconds in mine)} CPU s, the same {removed:,} removed: ",
                    end="",
                )
                ratios = [theirs / seconds for seconds in mine]
                print(f"{ratios[RUNS // 2]:.0f} times as fast (median), {ratios[-1]:.0f} to {ratios[0]:.0f}")
            describe(stage, documents, every, memory, 1)
            cpu = cluster_generated(stage, shards, f"{folder}/out", memory, pool)
        every_part = sum(seconds for part, seconds in cpu.items() if part != "fell")
        print(f"  with evidence and layers, which datatrove does not write: {theirs / every_part:.0f} times as fast")
    finally:
        shutil.rmtree(folder)


def run_datatrove(stage: MinHash, folder: str, documents: int, every: int, files: int) -> tuple[float, int]:
    """CPU seconds of stages 2 and 3, and how many documents they remove."""
    from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupBuckets, MinhashDedupCluster

    record = np.dtype([(f"hash{row}", "<u8") for row in range(stage.rows)] + [("document", "<u4")])
    bounds = np.linspace(0, documents, files + 1).astype(int).tolist()
    for file, (start, stop) in enumerate(itertools.pairwise(bounds)):
        keys = generated_keys(start, stop - start, stage.bands, every)
        for band in range(stage.bands):
            records = np.empty(stop - start, record)
            for row in range(stage.rows):
                records[f"hash{row}"] = scramble(keys[:, band] + np.uint64(row)) >> np.uint64(3)
            records["document"] = np.arange(stop - start)
            path = Path(folder, "signatures", f"bucket_{band:03d}")
            path.mkdir(parents=True, exist_ok=True)
            records[np.argsort(records["hash0"], kind="stable")].tofile(path / f"{file:05d}.minhash.sig")
    config = MinhashConfig(num_buckets=stage.bands, hashes_per_bucket=stage.rows)
    started = time.process_time()
    buckets = MinhashDedupBuckets(f"{folder}/signatures", f"{folder}/buckets", config=config)
    for band in range(stage.bands):
        buckets.run(None, band, stage.bands)
    MinhashDedupCluster(f"{folder}/buckets", f"{folder}/removed", config=config).run(None, 0, 1)
    seconds = time.process_time() - started
    return seconds, sum(file.stat().st_size for file in Path(folder, "removed").glob("*.remove")) // 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("signatures", "clusters", "datatrove"))
    parser.add_argument("--documents", type=int)
    parser.add_argument("--every", type=int, default=5, help="one document of so many is a copy")
    parser.add_argument("--memory", type=int, default=1 << 30)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--files", type=int, default=1, help="signature files a band that datatrove merges")
    chosen = parser.parse_args()
    if chosen.part == "signatures":
        time_signatures(chosen.documents or 2000)
    elif chosen.part == "clusters":
        time_clusters(chosen.documents or 2_000_000, chosen.every, chosen.memory, chosen.workers)
    else:
        compare_with_datatrove(chosen.documents or 2_000_000, chosen.every, chosen.memory, chosen.files)


if __name__ == "__main__":
    main()
