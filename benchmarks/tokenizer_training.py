"""Memory of training a tokenizer on a bounded sample of a larger corpus.

    python benchmarks/tokenizer_training.py FILE.jsonl.xz … [--megabytes 1000] [--samples 16,32] [--styles byte_bpe,falcon,llama]

Each file is a source; its documents are repeated, some words of each made new every time, until all together have the size asked
for. The stage runs in a process of its own for each style and size of sample: peak resident memory and CPU seconds of each
phase, and what was sampled of each source. The process before it reads anything is part of the peak.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import tempfile
import time
from collections import Counter
from pathlib import Path

from gristmill.commit import Commit, read_receipt, reset_peak_memory
from gristmill.dataset import ShardRef
from gristmill.stage import Scope
from gristmill.tokenize.settings import TrainSettings
from gristmill.tokenize.train import TrainTokenizer
from token_shards import read_texts, write_documents

SHARD_BYTES = 64_000_000


def write_corpus(folder: str, files: list[str], size: int) -> list[ShardRef]:
    """Shards of about SHARD_BYTES of text, as many of each file as make its part of `size` bytes."""
    shards, source = [], random.Random(0)
    for file in files:
        texts, written = read_texts([file], SHARD_BYTES), 0
        name = Path(file).name.split(".")[0]
        while written < size // len(files):
            changed = [text.replace(" a ", f" {source.randbytes(3).hex()} ") for text in texts]
            shard = write_documents(folder, changed, f"{name}-{len(shards)}")
            shards.append(ShardRef(name, shard.name, folder))
            written += sum(len(text.encode()) for text in changed)
    return shards


def train(settings: TrainSettings, shards: list[ShardRef], out: str) -> None:
    """All phases in this process, as a run with one worker has them."""
    reset_peak_memory()
    scope = Scope(tuple(shards), tuple(shard.rows for shard in shards), out, 1 << 30, {})
    for phase in TrainTokenizer(train=settings).phases(scope):
        started, peaks, sampled = time.process_time(), [], Counter[str]()
        for task in phase.tasks:
            with Commit(phase.folder, task.name) as commit:
                task.run(commit)
            receipt = read_receipt(phase.folder, task.name)
            assert receipt is not None
            peaks.append(receipt.peak_memory)
            sampled[task.name.split("@")[0]] += receipt.counts.get("bytes", 0)
        spent = time.process_time() - started
        print(f"    {phase.name:<8} {max(peaks) / 1e6:8,.0f} MB peak {spent:8.1f} s of CPU", flush=True)
        if phase.name == "sample":
            print("      " + ", ".join(f"{name} {amount / 1e6:.2f} MB" for name, amount in sorted(sampled.items())))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+")
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--samples", default="16,32", metavar="MEBIBYTES")
    parser.add_argument("--styles", default="byte_bpe,falcon,llama")
    parser.add_argument("--folder", help="where the corpus goes")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        shards = write_corpus(f"{folder}/documents", arguments.files, arguments.megabytes * 1_000_000)
        print(f"{arguments.megabytes:,} MB of text in {len(shards)} shards of {len(arguments.files)} sources")
        for style in arguments.styles.split(","):
            for size in map(int, arguments.samples.split(",")):
                settings = TrainSettings(style=style, sample_bytes=size << 20)
                print(f"  {style}, {settings.entries:,} entries, sample of {size} MiB", flush=True)
                process = multiprocessing.get_context("spawn").Process(
                    target=train, args=(settings, shards, f"{folder}/{style}-{size}")
                )
                process.start()
                process.join()


if __name__ == "__main__":
    main()
