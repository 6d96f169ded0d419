"""index.json of a folder of token shards: what is in them, what made them, and their checksums."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import xxhash

from gristmill.commit import Commit, read_receipt
from gristmill.errors import UserError
from gristmill.mixtures.plan import MixturePlan
from gristmill.stage import Task
from gristmill.tokenize.encoded import Encoding
from gristmill.tokenize.layouts import Packing
from gristmill.tokenize.tokenizer_file import TokenizerFile

INDEX = "index.json"
SHARDS = "shards"
FORMAT = "gristmill tokens 1"


@dataclass(frozen=True)
class WriteIndex(Task):
    """Writes the index and a copy of the tokenizer, so that the folder is all a training run needs."""

    name: str
    folder: str
    shards: tuple[str, ...]
    plan: MixturePlan
    encoding: Encoding
    tokenizer: str
    sequence_length: int
    packing: Packing
    fingerprint: str
    ends: dict[str, int]
    units = "indexes"

    def run(self, commit: Commit) -> None:
        entries: list[dict[str, Any]] = []
        for name in self.shards:
            receipt = read_receipt(self.folder, name)
            if receipt is None:
                raise FileNotFoundError(f"{self.folder}/{name}: not packed yet")
            (file,) = receipt.files
            entries.append(
                {
                    "name": f"{SHARDS}/{file.name}",
                    "sequences": receipt.counts["sequences"],
                    "tokens": receipt.counts["tokens"],
                    "padding": receipt.counts["padding"],
                    "masked": 0,
                    "bytes": file.bytes,
                    "checksum": f"xxh3-128:{file.checksum}",
                }
            )
        sequences, tokens, padding = (sum(e[key] for e in entries) for key in ("sequences", "tokens", "padding"))
        digest = xxhash.xxh3_128_hexdigest("\n".join(entry["checksum"] for entry in entries).encode())
        encoding = self.encoding
        index = {
            "format": FORMAT,
            "id": digest,  # of this order of these documents; stays when documents are retracted
            "fingerprint": self.fingerprint,  # of the recipe's settings and inputs, as in the folder's name
            "sequence_length": self.sequence_length,
            "packing": self.packing,
            "sequences": sequences,
            "tokens": tokens,  # of documents
            "padding": padding,
            "masked": 0,  # of documents that were retracted, their tokens left as context
            "dropped_tokens": self.plan.tokens - tokens,  # the last sequence when it is not full
            "tokenizer": {
                "file": encoding.file,
                "checksum": f"xxh3-128:{encoding.tokenizer}",
                "scheme": encoding.scheme,
                "vocabulary": encoding.vocabulary,
                "bos": encoding.bos,
                "bos_id": encoding.bos_id,
                "eos": encoding.eos,
                "eos_id": encoding.eos_id,
                "pad_id": encoding.pad_id,
            },
            "documents": self.ends,  # encoded ones, and how many have the begin and the end token exactly once
            "dtype": encoding.dtype,
            "sources": list(dict.fromkeys(row.source for row in self.plan.rows)),
            "shards": entries,
            "retractions": [],
        }
        tokenizer = TokenizerFile.read(self.tokenizer, encoding.scheme)
        if tokenizer.checksum != self.encoding.tokenizer:
            raise UserError(
                f"{self.tokenizer} is not the file that the documents were encoded with",
                hint="put the old file back, or run again to encode with the new one",
            )
        with open(commit.path(encoding.file), "wb") as stream:
            stream.write(tokenizer.content)
        with open(commit.path(INDEX), "w", encoding="utf-8") as text:
            json.dump(index, text, indent=1, ensure_ascii=False)
            text.write("\n")
        commit.count(dropped_tokens=self.plan.tokens - tokens)
