"""Speed of encoding and packing against tokenizers, sentencepiece and datatrove, and the memory it takes.

    python benchmarks/token_shards.py [FILE.jsonl.xz …] [--megabytes 20] [--styles byte_bpe,falcon,llama]
    python benchmarks/token_shards.py [FILE.jsonl.xz …] --memory 5000       # megabytes of text; peak memory of the worker

Without files it makes text up, which a tokenizer's word cache finds too easy: give real text for figures that
mean something. The tokenizer is trained on the first tenth; the rest, which it has not seen, is measured.
(Not called tokenize.py: beside other scripts, that would shadow the standard library's module.)
"""

from __future__ import annotations

import argparse
import json
import lzma
import multiprocessing
import os
import random
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from statistics import median

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gristmill.commit import Commit, read_receipt
from gristmill.dataset import ShardRef
from gristmill.documents import DOCUMENT_SCHEMA
from gristmill.mixtures.order import Population, Targets, write_order
from gristmill.stage import PhasedStage, Scope
from gristmill.tokenize import falcon_engine, fast_engines
from gristmill.tokenize.encode import Encode
from gristmill.tokenize.encoded import FOLDER
from gristmill.tokenize.pack import Pack
from gristmill.tokenize.sentencepiece_model import train_sentencepiece
from gristmill.tokenize.settings import TrainSettings
from gristmill.tokenize.tokenizer_file import END, FILES
from gristmill.tokenize.train import train_byte_bpe

DOCUMENT_CHARACTERS = 3000
PARTS, ROUNDS = 12, 3  # turns of the slow sides; rounds of the fast one among them


def read_texts(files: list[str], size: int) -> list[str]:
    """About `size` bytes of text in documents of 100 to 6,000 characters."""
    texts: list[str] = []
    source = random.Random(1)
    for file in files:
        left = size // len(files)
        with lzma.open(file, "rt", encoding="utf-8") as lines:
            for line in lines:
                text, start = json.loads(line)["text"][:left], 0
                left -= len(text)
                while start < len(text):
                    length = source.randint(100, 2 * DOCUMENT_CHARACTERS)
                    texts.append(text[start : start + length])
                    start += length
                if left <= 0:
                    break
    return texts


def made_up_texts(size: int) -> list[str]:
    source = random.Random(0)
    words = ["".join(source.choices("etaoinshrdlucmfw", k=source.randint(1, 12))) for _ in range(50_000)]
    weights = [1 / (rank + 1) for rank in range(len(words))]
    return [" ".join(source.choices(words, weights, k=450)) for _ in range(size // DOCUMENT_CHARACTERS)]


def write_documents(folder: str, texts: list[str], name: str = "web-0") -> ShardRef:
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
    with Commit(folder, name) as commit:
        table = pa.Table.from_arrays(arrays, schema=DOCUMENT_SCHEMA)
        pq.write_table(table, commit.path(f"{name}.parquet"), row_group_size=2048)
        commit.count(documents=count)
    return ShardRef("web", name, folder)


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
    print(f"{what:<62} {amount / seconds:>14,.1f} {unit}/s", flush=True)


def ratio(what: str, times: float, target: str) -> None:
    print(f"  {what:<60} {times:>14,.2f} × (target {target})", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*")
    parser.add_argument("--megabytes", type=int, default=20)
    parser.add_argument("--styles", default="byte_bpe,falcon,llama")
    parser.add_argument("--memory", type=int, default=0, metavar="MEGABYTES")
    arguments = parser.parse_args()
    os.environ["TOKENIZERS_PARALLELISM"], os.environ["RAYON_NUM_THREADS"] = "false", "1"
    size = arguments.megabytes * 1_000_000
    texts = read_texts(arguments.files, size) if arguments.files else made_up_texts(size)
    random.Random(0).shuffle(texts)
    known, unseen = texts[: len(texts) // 10], texts[len(texts) // 10 :]
    with tempfile.TemporaryDirectory() as folder:
        if arguments.memory:
            measure_memory(folder, known, texts, arguments.memory * 1_000_000)
            return
        for style in arguments.styles.split(","):
            measure_encoding(f"{folder}/{style}", style, known, unseen)
        measure_order(folder)


def train(folder: str, style: str, texts: list[str]) -> str:
    """Trains a 32k vocabulary on these texts; returns the path of the tokenizer."""
    settings = TrainSettings(style=style, vocabulary=32_000)
    os.makedirs(folder)
    path = f"{folder}/{FILES['sentencepiece' if style == 'llama' else 'json']}"
    if style == "llama":
        with open(path, "wb") as stream:
            stream.write(train_sentencepiece(iter([texts]), settings.entries, settings.tokens))
    else:
        train_byte_bpe(iter([texts]), settings).save(path)
    return path


def measure_encoding(folder: str, style: str, known: list[str], unseen: list[str]) -> None:
    megabytes = sum(len(text.encode()) for text in unseen) / 1e6
    started = time.process_time()
    path = train(folder, style, known)
    size = sum(len(text.encode()) for text in known) / 1e6
    report(f"{style}: train a 32k vocabulary", size, "MB", time.process_time() - started)

    library, call = bare_library(style, path)
    ends = 2 if style == "llama" else 1
    parts = [write_documents(f"{folder}/documents", part, f"web-{n}") for n, part in enumerate(cut(unseen, PARTS))]
    shard = write_documents(f"{folder}/documents", unseen, "web")
    first = write_documents(f"{folder}/documents", unseen[:20], "first")
    peer: list[float] = []  # seconds of each part
    reference: list[float] = []
    fast: list[float] = []  # seconds of all parts at once: one of them is done in no time
    datatrove: list[float] = []
    slow = Encode(tokenizer=path, engine="reference")
    run(slow, first, f"{folder}/first", {})  # a process imports and opens tokenizers once, not per shard
    for number, (part, texts) in enumerate(zip(parts, cut(unseen, PARTS), strict=True)):  # the sides take turns
        for side in ("peer", "ours", "datatrove")[:: 1 if number % 2 else -1]:
            if side == "peer":
                started = time.process_time()
                ids = call(texts)
                peer.append(time.process_time() - started)
            elif side == "ours":
                reference.append(run(slow, part, f"{folder}/encode-reference", {})[FOLDER])
            elif style != "llama" and find_spec("datatrove"):
                datatrove.append(run_datatrove(f"{folder}/documents", part.name, path, f"{folder}/datatrove-{number}"))
        if number % (PARTS // ROUNDS) == 0:
            forget_words()
            run(Encode(tokenizer=path), first, f"{folder}/first", {})
            fast.append(run(Encode(tokenizer=path), shard, f"{folder}/encode", {})[FOLDER])
        receipt = read_receipt(f"{folder}/encode-reference/{FOLDER}", part.name)
        assert receipt is not None
        assert receipt.counts["tokens"] == ids + ends * len(texts)
    receipt = read_receipt(f"{folder}/encode/{FOLDER}", "web")
    assert receipt is not None
    used = next(key for key in receipt.counts if key.startswith("engine.")).removeprefix("engine.")
    tokens, seconds = receipt.counts["tokens"], median(fast)
    report(f"{style}: {library}, ids to lists", megabytes, "MB", sum(peer))
    report(f"{style}: encode stage, reference, Parquet to ids", megabytes, "MB", sum(reference))
    turns = [theirs / ours for theirs, ours in zip(peer, reference, strict=True)]
    ratio(f"against {library}, median of {PARTS} turns", median(turns), "0.95")
    report(f"{style}: encode stage, auto ({used}), Parquet to ids", megabytes, "MB", seconds)
    report(f"{style}: encode stage, auto ({used})", tokens / 1e6, "million tokens", seconds)
    ratio(f"against {library}", sum(peer) / seconds, "10")
    if datatrove:
        report(f"{style}: datatrove, Parquet to .ds", megabytes, "MB", sum(datatrove))
        ratio("against datatrove", sum(datatrove) / seconds, "20")

    for packing in ("concat", "best_fit"):
        pack = Pack(tokenizer=path, sources=("web",), packing=packing)
        pack.warm()
        inputs = {"encode.web": f"{folder}/encode"}
        run(pack, shard, f"{folder}/warm-{packing}", inputs)
        spent = run(pack, shard, f"{folder}/{packing}", inputs)["shards"]
        report(f"{style}: pack stage, {packing}, ids to Arrow", tokens * 2 / 1e6, "MB", spent)
    index = json.loads(Path(f"{folder}/best_fit/index.json").read_text())
    print(f"{'  padding of best_fit':<62} {index['padding'] / index['tokens']:>14.3%}")


def bare_library(style: str, path: str) -> tuple[str, Callable[[list[str]], int]]:
    """The name of a format's own library and a call that turns texts into lists of ids and counts them."""
    if style == "llama":
        from sentencepiece import SentencePieceProcessor

        model = SentencePieceProcessor(model_file=path)
        return "sentencepiece encode", lambda texts: sum(map(len, model.encode(texts, num_threads=1)))
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(path)
    return "tokenizers encode_batch", lambda texts: sum(
        len(found.ids) for found in tokenizer.encode_batch(texts, add_special_tokens=False)
    )


def cut(texts: list[str], parts: int) -> list[list[str]]:
    """The texts in parts of nearly as many."""
    bounds = [len(texts) * number // parts for number in range(parts + 1)]
    return [texts[start:end] for start, end in pairwise(bounds)]


def forget_words() -> None:
    """Fast engines keep the words they met for as long as the process lives; each round is to meet them anew."""
    fast_engines._opened.cache_clear()
    falcon_engine._state.cache_clear()


def run_datatrove(documents: str, name: str, tokenizer: str, out: str) -> float:
    """CPU seconds of datatrove's reader and tokenizer over the same Parquet file."""
    from datatrove.pipeline.readers import ParquetReader
    from datatrove.pipeline.tokens import DocumentTokenizer
    from loguru import logger

    logger.remove()
    reader = ParquetReader(documents, glob_pattern=f"{name}.parquet", text_key="text", id_key="id")
    step = DocumentTokenizer(out, tokenizer_name_or_path=tokenizer, eos_token=END, shuffle_documents=False)
    started = time.process_time()
    step.run(reader.run(None, 0, 1), 0, 1)
    return time.process_time() - started


def measure_memory(folder: str, known: list[str], texts: list[str], size: int) -> None:
    """Tokenises about `size` bytes: the same texts over and over, some words of each made new every time."""
    path = train(f"{folder}/byte_bpe", "byte_bpe", known)
    shards, source, written = [], random.Random(0), 0
    while written < size:
        number = len(shards)
        changed = [text.replace(" the ", f" {source.randbytes(4).hex()} ") for text in texts]
        written += sum(map(len, changed))
        shards.append(write_documents(f"{folder}/documents", changed, f"web-{number}"))
    for engine in ("auto", "reference") if size <= 1_000_000_000 else ("auto",):
        out = f"{folder}/encode-{engine}"
        stage = Encode(tokenizer=path, engine=engine)
        child = multiprocessing.get_context("spawn").Process(target=encode_all, args=(stage, shards, out))
        child.start()
        child.join()
        receipts = [read_receipt(f"{out}/{FOLDER}", shard.name) for shard in shards]
        peak = max(receipt.peak_memory for receipt in receipts if receipt)
        engines = {key for receipt in receipts if receipt for key in receipt.counts if key.startswith("engine.")}
        print(f"peak memory of one worker, {written / 1e6:,.0f} MB, {engines}: {peak / 1e6:,.0f} MB (limit 1,000)")


def encode_all(stage: Encode, shards: list[ShardRef], out: str) -> None:
    """All shards one after another in one process, as a worker of a long run has them."""
    scope = Scope(tuple(shards), tuple(1 for _ in shards), out, 1 << 30, {})
    for phase in stage.phases(scope):
        for task in phase.tasks:
            with Commit(phase.folder, task.name) as commit:
                task.run(commit)


def measure_order(folder: str) -> None:
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
