"""A small corpus of two sources on disk, and the token nodes of a recipe run over it."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from gristmill.dataset import ShardRef
from gristmill.mixtures.spec import Mixture
from gristmill.tokenize.encoded import FOLDER, EncodedShard
from gristmill.tokenize.settings import Tokenize, TrainSettings, nodes
from tests.stages import run_phases, write_shard

Corpus = Mapping[str, Sequence[ShardRef]]

SYLLABLES = ("ba", "co", "du", "fe", "gi", "ha", "jo", "ku", "le", "mi", "na", "tu", "vé", "wö", "字", "🙂")


def made_up_texts(seed: int, count: int, longest: int = 200) -> list[str]:
    """Texts of made-up words, numbers and line breaks, of 1 to `longest` words."""
    source = random.Random(seed)
    words = ["".join(source.choices(SYLLABLES, k=source.randint(1, 4))) for _ in range(400)]
    words += ["12", "2024", "1234567", "\n\n", "(x)", "it's"]
    return [" ".join(source.choices(words, k=source.randint(1, longest))) for _ in range(count)]


def write_corpus(folder: Path, sizes: Mapping[str, Sequence[int]] | None = None) -> dict[str, list[ShardRef]]:
    """Shards of `sizes` documents each, the fourth document of each dropped, all of a very small one."""
    sizes = sizes or {"web": (120, 80), "books": (30, 2, 20)}
    return {
        source: [
            write_shard(
                folder,
                source,
                f"{source}-{n}",
                made_up_texts(n, count),
                dropped=[3] if count > 3 else range(count),
                batch_rows=50,
            )
            for n, count in enumerate(counts)
        ]
        for source, counts in sizes.items()
    }


def run_nodes(
    folder: Path, corpus: Corpus, tokenize: Tokenize | None = None, mixture: Mixture | None = None
) -> dict[str, Path]:
    """Runs the nodes that a recipe's `tokenize` and `mixture` come to; returns their folders by name."""
    tokenize = tokenize or Tokenize(train=TrainSettings(vocabulary=500), sequence_length=32, shard_sequences=100)
    folders: dict[str, Path] = {}
    for node in nodes(mixture, tokenize, list(corpus)):
        shards = [shard for source in node.sources for shard in corpus[source]]
        folders[node.name] = folder / node.name
        run_phases(node.stage, shards, folders[node.name], inputs={name: str(folders[name]) for name in node.needs})
    return folders


def surviving(shard: ShardRef) -> list[tuple[str, int, str]]:
    """(id, row, text) of the documents that no stage dropped."""
    return [
        (batch.column("id")[row].as_py(), batch.first_row + row, batch.texts[row])
        for batch in shard.batches(["id"], texts=True)
        for row in np.flatnonzero(batch.keep).tolist()
    ]


def encoded_documents(node: Path, shard: str) -> list[tuple[str, int, list[int]]]:
    """(id, row, token ids) of every document in an encoded shard."""
    with EncodedShard.open(str(node / FOLDER), shard) as found:
        ids = np.fromfile(node / FOLDER / f"{shard}.ids", found.encoding.dtype).tolist()
        return [
            (row["id"], row["row"], ids[row["start"] : row["start"] + row["tokens"]])
            for row in found.documents.to_pylist()
        ]


def shard_paths(tokens: Path) -> list[str]:
    return sorted(str(path) for path in (tokens / "shards").glob("tokens-*.arrow"))


def packed(tokens: Path) -> pa.Table:
    """All token shards as one table, memory-mapped."""
    return pa.concat_tables(
        pa.ipc.open_file(pa.memory_map(path)).read_all().replace_schema_metadata() for path in shard_paths(tokens)
    )
