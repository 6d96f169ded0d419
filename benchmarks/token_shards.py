"""Speed of encoding and packing: `python benchmarks/token_shards.py [FILE.jsonl.xz …] [--megabytes 20]`.

Without files it makes text up, which a tokenizer's word cache finds too easy: give real text for figures that
mean something. The tokenizer is trained on the first tenth; the rest, which it has not seen, is measured.
(Not called tokenize.py: beside other scripts, that would shadow the standard library's module.)
"""

from __future__ import annotations

import argparse
import json
import lzma
import os
import random
import tempfile
import time
from importlib.util import find_spec

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gristmill.commit import Commit, read_receipt
from gristmill.dataset import ShardRef
from gristmill.documents import DOCUMENT_SCHEMA
from gristmill.mixtures.order import Population, Targets, write_order
from gristmill.stage import PhasedStage, Scope
from gristmill.tokenize.encode import Encode
from gristmill.tokenize.encoded import FOLDER
from gristmill.tokenize.pack import Pack
from gristmill.tokenize.settings import TrainSettings
from gristmill.tokenize.tokenizer_file import TokenizerFile
from gristmill.tokenize.train import train_byte_bpe

DOCUMENT_CHARACTERS = 3000


def read_texts(files: list[str], size: int) -> list[str]:
    """About `size` bytes of text in documents of some 3,000 characters."""
    texts: list[str] = []
    for file in files:
        left = size // len(files)
        with lzma.open(file, "rt", encoding="utf-8") as lines:
            for line in lines:
                text = json.loads(line)["text"][:left]
                texts += [text[n : n + DOCUMENT_CHARACTERS] for n in range(0, len(text), DOCUMENT_CHARACTERS)]
                left -= len(text)
                if left <= 0:
                    break
    return texts


def made_up_texts(size: int) -> list[str]:
    source = random.Random(0)
    words = ["".join(source.choices("etaoinshrdlucmfw", k=source.randint(1, 12))) for _ in range(50_000)]
    weights = [1 / (rank + 1) for rank in range(len(words))]
    return [" ".join(source.choices(words, weights, k=450)) for _ in range(size // DOCUMENT_CHARACTERS)]


def write_documents(folder: str, texts: list[str]) -> ShardRef:
    count = len(texts)
    columns = {
        "id": [f"{n:032x}" for n in range(count)],
        "text": texts,
        "bytes": [len(text.encode()) for text in texts],
        "source": ["web"] * count,
        "file": ["made"] * count,
        "offset": range(count),
        "length": [1] * count,
    }
    arrays = [
        pa.array(columns[field.name]).cast(field.type) if field.name in columns else pa.nulls(count, field.type)
        for field in DOCUMENT_SCHEMA
    ]
    with Commit(folder, "web-0") as commit:
        table = pa.Table.from_arrays(arrays, schema=DOCUMENT_SCHEMA)
        pq.write_table(table, commit.path("web-0.parquet"), row_group_size=2048)
        commit.count(documents=count)
    return ShardRef("web", "web-0", folder)


def run(stage: PhasedStage, shard: ShardRef, folder: str, inputs: dict[str, str]) -> dict[str, float]:
    """CPU seconds of each phase."""
    scope = Scope((shard,), (shard.rows,), folder, 1 << 30, inputs)
    seconds = {}
    for phase in stage.phases(scope):
        started = time.process_time()
        for task in phase.tasks:
            with Commit(phase.folder, task.name) as commit:
                task.run(commit)
        seconds[phase.name] = time.process_time() - started
    return seconds


def report(what: str, amount: float, unit: str, seconds: float) -> None:
    print(f"{what:<52} {amount / seconds:>14,.1f} {unit}/s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*")
    parser.add_argument("--megabytes", type=int, default=20)
    arguments = parser.parse_args()
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    size = arguments.megabytes * 1_000_000
    texts = read_texts(arguments.files, size) if arguments.files else made_up_texts(size)
    random.Random(0).shuffle(texts)
    known, unseen = texts[: len(texts) // 10], texts[len(texts) // 10 :]
    megabytes = sum(len(text.encode()) for text in unseen) / 1e6

    with tempfile.TemporaryDirectory() as folder:
        started = time.process_time()
        tokenizer = train_byte_bpe(iter([known]), TrainSettings(vocabulary=32_000))
        report(
            "train a 32k vocabulary",
            sum(len(text.encode()) for text in known) / 1e6,
            "MB",
            time.process_time() - started,
        )
        path = f"{folder}/tokenizer.json"
        tokenizer.save(path)

        for method in ("encode_batch", "encode_batch_fast"):
            fresh = TokenizerFile.read(path).tokenizer
            started = time.process_time()
            ids = sum(len(found.ids) for found in getattr(fresh, method)(unseen, add_special_tokens=False))
            report(f"tokenizers {method}, ids to lists", megabytes, "MB", time.process_time() - started)

        shard = write_documents(f"{folder}/documents", unseen)
        for engine in ("fastokens", "tokenizers") if find_spec("fastokens") else ("tokenizers",):
            stage = Encode(tokenizer=path, engine=engine)
            seconds = run(stage, shard, f"{folder}/encode", {})
            report(f"encode stage, {engine}: Parquet to ids on disk", megabytes, "MB", seconds[FOLDER])
        receipt = read_receipt(f"{folder}/encode/{FOLDER}", "web-0")
        assert receipt is not None
        assert receipt.counts["tokens"] == ids + len(unseen)

        pack = Pack(tokenizer=path, sources=("web",), shard_sequences=2048)
        pack.warm()
        seconds = run(pack, shard, f"{folder}/tokens", {"encode.web": f"{folder}/encode"})
        tokens = receipt.counts["tokens"]
        report("pack stage: ids on disk to Arrow shards", tokens * 2 / 1e6, "MB", seconds["shards"])
        report("pack stage", tokens / 1e6, "million tokens", seconds["shards"])

        count = 1_000_000
        lengths = np.random.default_rng(0).integers(1, 2000, 2 * count).astype("<i4")
        populations = []
        for number, name in enumerate(("web", "books")):
            lengths[number * count :][:count].tofile(f"{folder}/{name}.lengths")
            populations.append(Population(name, number, count, f"{folder}/{name}.lengths"))
        targets = Targets([[int(lengths[:count].sum()), int(lengths[count:].sum())]])
        started = time.process_time()
        write_order(f"{folder}/order.arrow", populations, targets, 0)
        report("order of two sources", 2 * count / 1e6, "million documents", time.process_time() - started)


if __name__ == "__main__":
    main()
