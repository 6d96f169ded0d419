"""Tokens/s of reading packed shards from disk, ours against datatrove's and MosaicML's loaders: CPU time, no workers.

    python benchmarks/token_loaders.py [--megatokens 40] [--length 2048]

MosaicML's `streaming` pins an old NumPy: it is measured where `import streaming` works, else left out.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch

from gristmill.tokenize import TokenDataset, TokenShards
from gristmill.tokenize.encode import Encode
from gristmill.tokenize.exports import export
from gristmill.tokenize.pack import Pack
from gristmill.tokenize.settings import TrainSettings
from gristmill.tokenize.train import train_byte_bpe
from token_shards import made_up_texts, run, write_documents

BATCH = 8


def make_shards(folder: str, megatokens: int, length: int) -> TokenShards:
    """Encodes a few made-up texts and packs them over and over."""
    from gristmill.mixtures.spec import Mixture

    texts = made_up_texts(8_000_000)
    tokenizer = f"{folder}/tokenizer.json"
    train_byte_bpe(iter([texts[:500]]), TrainSettings(vocabulary=8000)).save(tokenizer)
    shard = write_documents(f"{folder}/documents", texts)
    run(Encode(tokenizer=tokenizer), shard, f"{folder}/encode", {})
    mixture = Mixture(weights={"web": 1.0}, tokens=megatokens * 1_000_000, max_epochs=1000)
    pack = Pack(tokenizer=tokenizer, sources=("web",), mixture=mixture, sequence_length=length)
    run(pack, shard, f"{folder}/tokens", {"encode.web": f"{folder}/encode"})
    return TokenShards.open(f"{folder}/tokens")


def measure(name: str, batches: Callable[[], Iterable[dict]]) -> float:
    """Million tokens a CPU second, the better of two passes."""
    best = 0.0
    for _ in range(2):
        tokens, started = 0, time.process_time()
        for batch in batches():
            tokens += batch["input_ids" if "input_ids" in batch else "tokens"].numel()
        best = max(best, tokens / 1e6 / (time.process_time() - started))
    print(f"{name:<58} {best:>10,.1f} million tokens/s", flush=True)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megatokens", type=int, default=40)
    parser.add_argument("--length", type=int, default=2048)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    os.environ["TOKENIZERS_PARALLELISM"], os.environ["RAYON_NUM_THREADS"] = "false", "1"
    with tempfile.TemporaryDirectory() as folder:
        shards = make_shards(folder, arguments.megatokens, arguments.length)
        print(f"{len(shards):,} sequences of {shards.length:,}, batches of {BATCH}")

        def ours(**options):
            return lambda: TokenDataset(shards.folder, **options).loader(BATCH, epochs=1)

        plain = measure("gristmill", ours())
        measure("gristmill, shuffled", ours(shuffle=0))
        measure("gristmill, position ids", ours(documents="positions"))

        from datatrove.utils.dataset import DatatroveFileDataset

        export(shards, "datatrove", f"{folder}/datatrove")
        files = sorted(Path(folder, "datatrove").glob("*.ds"))
        width = np.dtype(shards.index["dtype"]).itemsize

        def datatrove():
            for file in files:
                data = DatatroveFileDataset(str(file), arguments.length - 1, width)
                yield from torch.utils.data.DataLoader(data, batch_size=BATCH)

        print(f"  against datatrove: {plain / measure('datatrove, DatatroveFileDataset', datatrove):.1f} ×")
        try:
            from streaming import StreamingDataset
        except Exception as error:
            print(f"MosaicML streaming left out: {type(error).__name__} at import")
            return
        export(shards, "mds", f"{folder}/mds")

        def mosaic():
            data = StreamingDataset(local=f"{folder}/mds", shuffle=False, batch_size=BATCH)
            return torch.utils.data.DataLoader(data, batch_size=BATCH, collate_fn=stack)

        print(f"  against MosaicML: {plain / measure('MosaicML, StreamingDataset', mosaic):.1f} ×")
        assert json.loads(Path(folder, "mds", "index.json").read_text())["shards"]


def stack(samples: list[dict]) -> dict:
    return {"tokens": torch.from_numpy(np.stack([sample["tokens"] for sample in samples]).astype(np.int64))}


if __name__ == "__main__":
    main()
