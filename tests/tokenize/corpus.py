"""A small corpus of two sources on disk, and the token nodes of a recipe run over it."""

from __future__ import annotations

import base64
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from tokenizers import Tokenizer, pre_tokenizers

from gristmill.dataset import ShardRef
from gristmill.mixtures.spec import Mixture
from gristmill.tokenize.encoded import FOLDER, EncodedShard
from gristmill.tokenize.sentencepiece_model import train_sentencepiece
from gristmill.tokenize.settings import Tokenize, TrainSettings, nodes
from gristmill.tokenize.train import train_byte_bpe
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


def write_all(folder: Path) -> list[tuple[str, str]]:
    """(name, path) of a small tokenizer of every format and kind."""
    texts = made_up_texts(11, 200)
    paths = [(style, str(folder / f"{style}.json")) for style in ("byte_bpe", "falcon")]
    for style, path in paths:
        train_byte_bpe(iter([texts]), TrainSettings(style=style, vocabulary=500)).save(path)
    gpt2 = train_byte_bpe(iter([texts]), TrainSettings(vocabulary=500, digits="none"))
    gpt2.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    gpt2.save(str(folder / "gpt2.json"))
    (folder / "llama.model").write_bytes(train_sentencepiece(iter([texts]), 500, ()))
    ranks = sorted(gpt2_bytes(gpt2), key=lambda token: len(token) > 1)  # bytes first, the order is kept
    lines = (base64.b64encode(token) + b" %d\n" % rank for rank, token in enumerate(ranks))
    (folder / "made.tiktoken").write_bytes(b"".join(lines))
    return [
        *paths,
        ("gpt2", str(folder / "gpt2.json")),
        ("llama", str(folder / "llama.model")),
        ("tiktoken", str(folder / "made.tiktoken")),
    ]


def gpt2_bytes(tokenizer: Tokenizer) -> list[bytes]:
    """The entries of a byte-level vocabulary as bytes, in the order of their ids, without the special one."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    signs = dict(zip(map(chr, plain), plain, strict=True))
    others = [value for value in range(256) if value not in plain]
    signs |= {chr(256 + number): value for number, value in enumerate(others)}
    entries = sorted((number, token) for token, number in tokenizer.get_vocab(with_added_tokens=False).items())
    return [bytes(signs[sign] for sign in token) for number, token in entries if number]
