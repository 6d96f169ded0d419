"""Training CCNet's two models on a source of the recipe: SentencePiece on normalised lines, then n-grams of its pieces.

Files: lm.sp.model and lm.ngrams, which `perplexity` reads; lm.arpa for other toolkits where asked; lm.json says what was done.
"""

from __future__ import annotations

import glob
import io
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import xxhash
import zstandard

from gristmill import storage
from gristmill.commit import Commit, read_receipt
from gristmill.dataset import Batch, ShardRef
from gristmill.errors import UserError
from gristmill.kernels.ccnet_text import normalize_texts
from gristmill.kernels.text import Texts
from gristmill.perplexity import arpa
from gristmill.perplexity.estimate import NgramCounter, estimate_ngrams, write_model
from gristmill.perplexity.ngram_file import SPECIAL
from gristmill.perplexity.pieces import PieceEncoder, library, load_library, read_pieces
from gristmill.perplexity.scorer import ARPA, NGRAMS, PIECES, STEM, warm
from gristmill.stage import Phase, Scope, SourceRef, Task, TrainedModel, setting

HASHES = 1 << 64
SCRATCH = ".ngrams-"
LINES = 4096  # encoded at a time
PARTITION_TOKENS = 2_000_000  # n-grams of that many tokens are in memory at a time, some 0.6 GB
PIECE_BYTES = (
    2.5  # of text to a piece, at least, for the number of partitions; fixed, so that bytes do not depend on memory
)


class TrainPerplexity(TrainedModel):
    """Train the models of `perplexity` on a source: SentencePiece unigram pieces, and a Kneser-Ney n-gram model over them."""

    kind = "train_perplexity"
    makes = "perplexity"

    source: SourceRef = setting(..., "what is trained on: the documents that this source's own stages leave")
    language: str | None = setting(
        None, "only documents their source says are in this language; those of which it says nothing count too"
    )
    vocabulary: int = setting(
        65_536,
        "pieces, at most; a small corpus gives fewer",
        unit="pieces",
        source="cc_net's Makefile [A]",
        ge=64,
        le=1 << 20,
    )
    coverage: float = setting(
        0.9995, "share of characters that pieces cover", source="cc_net's Makefile [A]", gt=0, le=1
    )
    order: int = setting(5, "words of an n-gram", unit="pieces", source="cc_net's Makefile [A]", ge=2, le=6)
    estimator: Literal["gristmill", "lmplz"] = setting(
        "gristmill", "modified Kneser-Ney by this package, or by KenLM's lmplz, which must be on the PATH; they agree"
    )
    prune: list[int] = setting(
        factory=list,
        doc="n-grams that occur so often or less are left out, by order from 1 on, the last for all that follow; [0, 0, 1]",
        source="CCNet prunes nothing",
    )
    sample_bytes: int = setting(
        256 << 20, "text to train on, about", unit="bytes", source="CCNet: openings of up to a million articles", gt=0
    )
    pieces_bytes: int = setting(
        32 << 20,
        "of it, what the pieces are trained on; SentencePiece holds that in memory",
        unit="bytes",
        source="ours",
        gt=0,
    )
    document_bytes: int = setting(
        1 << 20, "most text taken from one document", unit="bytes", source="CCNet takes an article's opening", gt=0
    )
    arpa: bool = setting(False, "also write the n-grams as ARPA")
    seed: int = setting(0, "another seed samples other documents")

    def check(self) -> None:
        library()
        if self.prune and (sorted(self.prune) != self.prune or self.prune[0] != 0):
            raise UserError(
                f"prune is {self.prune}", hint="give limits that begin with 0 and never fall, as in [0, 0, 1]"
            )
        if self.estimator == "lmplz" and shutil.which("lmplz") is None:
            raise UserError("lmplz is not on the PATH", hint="build KenLM, or take estimator: gristmill")

    def warm(self) -> None:
        text = Texts.from_strings(["a"])
        normalize_texts(text.data, text.offsets[:-1], text.offsets[1:])
        warm()
        with tempfile.TemporaryDirectory() as folder:
            counter = NgramCounter(folder, 5)
            counter.add(np.array([4, 4, 4], np.int32), np.array([0, 3], np.int64))
            words = [*SPECIAL, "a"]
            write_model(estimate_ngrams(counter, len(words)), words, os.path.join(folder, "one"))

    def phases(self, scope: Scope) -> Iterator[Phase]:
        measure = scope.phase("measure", [MeasureShard(_task_name(shard), shard, self) for shard in scope.shards])
        yield measure
        receipts = [read_receipt(measure.folder, task.name) for task in measure.tasks]
        size = sum(receipt.counts["bytes"] for receipt in receipts if receipt)
        if not size:
            raise UserError(
                f"{self.name}: no document of {self.source} is left to train on",
                hint="see what its stages dropped, and `language:`",
            )
        share = min(HASHES, HASHES * self.sample_bytes // size)
        sample = scope.phase("sample", [SampleShard(_task_name(shard), shard, self, share) for shard in scope.shards])
        yield sample
        files = tuple(storage.join(sample.folder, f"{task.name}.txt.zst") for task in sample.tasks)
        yield Phase("train", scope.folder, (TrainOnSample(STEM, files, self, scope.memory),))


def _task_name(shard: ShardRef) -> str:
    return f"{shard.source}@{shard.name}"


def _chosen(batch: Batch, stage: TrainPerplexity, share: int) -> np.ndarray:
    """Rows of surviving documents in the language whose 64-bit hash of seed and id is below `share`."""
    rows = np.flatnonzero(batch.keep)
    ids, languages = batch.column("id").to_pylist(), batch.column("language").to_pylist()
    return np.array(
        [
            row
            for row in rows.tolist()
            if (stage.language is None or languages[row] in (None, stage.language))
            and xxhash.xxh3_64_intdigest(ids[row].encode(), stage.seed) < share
        ],
        np.int64,
    )


@dataclass(frozen=True)
class MeasureShard(Task):
    """Counts a shard's documents that can be trained on, and their bytes up to `document_bytes` each."""

    name: str
    shard: ShardRef
    stage: TrainPerplexity
    units: ClassVar[str] = "shards"

    def run(self, commit: Commit) -> None:
        commit.count(documents=0, bytes=0)
        for batch in self.shard.batches(["id", "language", "bytes"]):
            rows = _chosen(batch, self.stage, HASHES)
            sizes = np.minimum(batch.numbers("bytes")[rows], self.stage.document_bytes)
            commit.count(documents=len(rows), bytes=int(sizes.sum()))


@dataclass(frozen=True)
class SampleShard(Task):
    """Writes the normalised lines of the documents chosen."""

    name: str
    shard: ShardRef
    stage: TrainPerplexity
    share: int
    units: ClassVar[str] = "shards"

    def run(self, commit: Commit) -> None:
        commit.count(documents=0, bytes=0, lines=0)
        packer = zstandard.ZstdCompressor(level=3)
        with open(commit.path(f"{self.name}.txt.zst"), "wb") as stream, packer.stream_writer(stream) as out:
            for batch in self.shard.batches(["id", "language"], texts=True):
                rows = _chosen(batch, self.stage, self.share)
                for row in rows.tolist():
                    first, last = batch.texts.offsets[row : row + 2]
                    last = min(int(last), int(first) + self.stage.document_bytes)
                    breaks = first + np.flatnonzero(batch.texts.data[first:last] == 10)
                    starts, ends = np.concatenate([[first], breaks + 1]), np.concatenate([breaks, [last]])
                    lines = normalize_texts(batch.texts.data, starts, ends)
                    kept = [lines[line] for line in np.flatnonzero(lines.lengths).tolist()]
                    text = "".join(line + "\n" for line in kept).encode()
                    out.write(text)
                    commit.count(documents=1, bytes=len(text), lines=len(kept))


def _lines(files: tuple[str, ...]) -> Iterator[str]:
    """The sample, line by line."""
    for file in files:
        with storage.open_input(file) as stream, zstandard.ZstdDecompressor().stream_reader(stream) as plain:
            for line in io.TextIOWrapper(plain, encoding="utf-8", newline="\n"):
                yield line.rstrip("\n")


@dataclass(frozen=True)
class TrainOnSample(Task):
    """Both models from the sample, the files in their order: same sample, same bytes."""

    name: str
    files: tuple[str, ...]
    stage: TrainPerplexity
    memory: int
    units: ClassVar[str] = "models"

    def run(self, commit: Commit) -> None:
        size = lines = 0
        for line in _lines(self.files):
            size, lines = size + len(line.encode()) + 1, lines + 1
        if not lines:
            raise UserError(f"{self.stage.name}: the sample is empty", hint="a larger sample_bytes, or another seed")
        pieces = commit.path(STEM + PIECES)
        with open(pieces, "wb") as stream:
            stream.write(train_pieces(_share(_lines(self.files), self.stage.pieces_bytes / size), self.stage))
        arpa_path = commit.path(STEM + ARPA) if self.stage.arpa else None
        tokens = int(size / PIECE_BYTES) + lines
        parent = os.path.dirname(pieces)
        for left in glob.glob(os.path.join(glob.escape(parent), SCRATCH + "*")):
            shutil.rmtree(left)  # of an attempt that was killed
        with tempfile.TemporaryDirectory(dir=parent, prefix=SCRATCH) as folder:
            if self.stage.estimator == "lmplz":
                counts, about = self._lmplz(pieces, folder, commit.path(STEM + NGRAMS), arpa_path)
            else:
                counter = NgramCounter(folder, self.stage.order, -(-tokens // PARTITION_TOKENS))
                words = list(SPECIAL)
                for ids, offsets in encode_lines(_lines(self.files), pieces, words):
                    counter.add(ids, offsets)
                estimate = estimate_ngrams(counter, len(words), self.stage.prune)
                counts = write_model(estimate, words, commit.path(STEM + NGRAMS), arpa_path)
                about = {"discounts": estimate.discounts, "fallbacks": estimate.fallbacks, "tokens": counter.tokens}
        with open(commit.path(STEM + ".json"), "w") as stream:
            kept = {
                "language": self.stage.language,
                "estimator": self.stage.estimator,
                "sample_bytes": size,
                "lines": lines,
            }
            json.dump(kept | {"ngrams": counts} | about, stream, indent=1, sort_keys=True)
        commit.count(lines=lines, bytes=size, **{f"ngrams.{n}": count for n, count in enumerate(counts, 1)})

    def _lmplz(self, pieces: str, folder: str, target: str, arpa_path: str | None) -> tuple[list[int], dict[str, Any]]:
        model, text = load_library(pieces), os.path.join(folder, "pieces.txt")
        with open(text, "w", encoding="utf-8") as stream:
            for line in _lines(self.files):
                stream.write(" ".join(model.encode(line, out_type=str)) + "\n")
        found = arpa_path or os.path.join(folder, "model.arpa")
        run_lmplz(text, found, self.stage.order, self.stage.prune, self.memory, folder)
        return arpa.convert(found, target), {}


def run_lmplz(text: str, target: str, order: int, prune: list[int], memory: int, folder: str) -> None:
    """Raises UserError with the last lines of what lmplz says when it fails."""
    command = ["lmplz", "-o", str(order), "-S", f"{memory >> 20}M", "-T", folder, "--discount_fallback"]
    command += ["--text", text, "--arpa", target, *(["--prune", *map(str, prune)] if prune else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"lmplz failed: {' '.join(done.stderr.split())[-300:]}", hint="or take estimator: gristmill")


def _share(lines: Iterator[str], share: float) -> Iterator[str]:
    """About this share of the lines, chosen by their hashes."""
    limit = int(min(1.0, share) * HASHES)
    return (line for line in lines if xxhash.xxh3_64_intdigest(line.encode(), 1) < limit)


def train_pieces(lines: Iterator[str], stage: TrainPerplexity) -> bytes:
    """A SentencePiece unigram model, as spm_train makes it. Raises UserError when there is too little text."""
    out = io.BytesIO()
    try:
        library().SentencePieceTrainer.train(
            sentence_iterator=lines,
            model_writer=out,
            vocab_size=stage.vocabulary,
            character_coverage=stage.coverage,
            model_type="unigram",
            hard_vocab_limit=False,
            num_threads=1,  # sums of several threads would depend on their order
            minloglevel=2,
        )
    except RuntimeError as error:
        why = " ".join(str(error).split())[-200:]
        raise UserError(
            f"{stage.name}: no pieces could be trained ({why})", hint="more text, or another vocabulary"
        ) from None
    return out.getvalue()


def encode_lines(lines: Iterator[str], pieces: str, words: list[str]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Lines as ids of `words`, which takes up every piece and every run of characters outside the pieces, as CCNet's does."""
    model = read_pieces(pieces)
    ids = {}
    for piece, kind in zip(model.pieces, model.types.tolist(), strict=True):
        if kind == 1:
            ids[piece] = len(words)
            words.append(piece)
    encoder = PieceEncoder(model, ids, -1)
    processor = load_library(pieces)
    for chunk in _chunks(lines):
        flat, offsets = encoder.encode(Texts.from_strings(chunk))
        rows = np.unique(np.searchsorted(offsets, np.flatnonzero(flat < 0), side="right") - 1)
        if len(rows):
            parts = np.split(flat, offsets[1:-1])
            for row in rows.tolist():
                found = " ".join(processor.encode(chunk[row], out_type=str)).split()
                for piece in found:
                    if piece not in ids:
                        ids[piece] = len(words)
                        words.append(piece)
                parts[row] = np.array([ids[piece] for piece in found], np.int32)
            offsets = np.concatenate([[0], np.cumsum([len(part) for part in parts])]).astype(np.int64)
            flat = np.concatenate(parts).astype(np.int32)
        filled = np.diff(offsets) > 0
        yield flat, offsets if filled.all() else np.concatenate([[0], offsets[1:][filled]])


def _chunks(lines: Iterator[str]) -> Iterator[list[str]]:
    chunk: list[str] = []
    for line in lines:
        chunk.append(line)
        if len(chunk) == LINES:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
