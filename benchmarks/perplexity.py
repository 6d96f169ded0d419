"""Perplexity: scoring against a plain SentencePiece and KenLM loop, and our Kneser-Ney estimator against KenLM's lmplz.

    python benchmarks/perplexity.py [--data FOLDER] [--language de] [--megabytes 12] [--lmplz PROGRAM | --build FOLDER]

Text: the novels of the language in FOLDER/lmtext, nine tenths to train on, the rest, cut into documents of 3,000 characters, to
score. The loop is cc_net's: its normalisation, pieces joined by blanks, KenLM, per document. CPU time; memory is the highest
resident memory of a process of its own. lmplz comes from --lmplz, the PATH, or with --build from the kenlm sdist, compiled in
FOLDER (about a minute; needs cmake, a compiler and boost); without, its side is left out.
"""

from __future__ import annotations

import argparse
import json
import lzma
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from gristmill.dataset import Batch
from gristmill.kernels.ccnet_text import normalize
from gristmill.kernels.text import Texts
from gristmill.perplexity import arpa
from gristmill.perplexity.estimate import NgramCounter, estimate_ngrams, write_model
from gristmill.perplexity.ngram_file import SPECIAL, UNKNOWN, NgramModel
from gristmill.perplexity.pieces import load_library
from gristmill.perplexity.score import Perplexity
from gristmill.perplexity.train import PARTITION_TOKENS, TrainPerplexity, encode_lines, train_pieces

DOCUMENT = 3000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data", default=os.environ.get("GRISTMILL_TEST_DATA"), required="GRISTMILL_TEST_DATA" not in os.environ
    )
    parser.add_argument("--language", default="de")
    parser.add_argument("--megabytes", type=float, default=12)
    parser.add_argument("--vocabulary", type=int, default=16_000)
    parser.add_argument("--lmplz", default=shutil.which("lmplz"))
    parser.add_argument("--build", metavar="FOLDER")
    parser.add_argument("--estimate", metavar="FOLDER", help=argparse.SUPPRESS)  # one side in a process of its own
    options = parser.parse_args()
    if options.estimate:
        estimate(Path(options.estimate))
        return
    program = build_lmplz(Path(options.build)) if options.build else options.lmplz
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        held_out = prepare(folder, Path(options.data), options)
        run_estimators(folder, program, options)
        scoring(folder, held_out, program)


def prepare(folder: Path, data: Path, options: argparse.Namespace) -> list[str]:
    """Writes lines.txt, lm.sp.model and pieces.txt; returns the documents that are not trained on."""
    with lzma.open(data / "lmtext" / f"eltec-{options.language}.jsonl.xz", "rt", encoding="utf-8") as stream:
        text = "\n".join(json.loads(line)["text"] for line in stream)
    text = text[: int(options.megabytes * 1e6)]
    cut = len(text) * 9 // 10
    lines = [line for line in map(normalize, text[:cut].split("\n")) if line]
    (folder / "lines.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    settings = TrainPerplexity.model_validate({"source": "x", "vocabulary": options.vocabulary})
    started = time.process_time()
    (folder / "lm.sp.model").write_bytes(train_pieces(iter(lines[: len(lines) // 4]), settings))
    print(f"pieces trained on a quarter of the lines: {time.process_time() - started:.1f} s")
    processor = load_library(str(folder / "lm.sp.model"))
    with open(folder / "pieces.txt", "w", encoding="utf-8") as stream:
        for start in range(0, len(lines), 1000):
            stream.writelines(
                " ".join(pieces) + "\n" for pieces in processor.encode(lines[start : start + 1000], out_type=str)
            )
    return [text[start : start + DOCUMENT] for start in range(cut, len(text), DOCUMENT)]


def estimate(folder: Path) -> None:
    """Our side: lines to pieces to .ngrams, the first time also to ARPA."""
    text = folder / "own.arpa"
    words = list(SPECIAL)
    (folder / "scratch").mkdir()
    with open(folder / "lines.txt", encoding="utf-8") as stream:
        tokens = (folder / "pieces.txt").read_bytes().count(b" ")
        counter = NgramCounter(str(folder / "scratch"), 5, -(-tokens // PARTITION_TOKENS))
        for ids, offsets in encode_lines((line.rstrip("\n") for line in stream), str(folder / "lm.sp.model"), words):
            counter.add(ids, offsets)
    model = estimate_ngrams(counter, len(words))
    write_model(model, words, str(folder / "lm.ngrams"), None if text.exists() else str(text))
    shutil.rmtree(folder / "scratch")


def run_estimators(folder: Path, program: str | None, options: argparse.Namespace) -> None:
    command = [sys.executable, __file__, "--estimate", str(folder), "--data", str(options.data)]
    measured(command)  # compiles the kernels, and writes ARPA to compare
    ours = measured(command)
    size = (folder / "lines.txt").stat().st_size / 1e6
    tokens = (folder / "pieces.txt").read_text(encoding="utf-8").count(" ")
    print(f"\nestimating a 5-gram model of {size:.1f} MB, {tokens:,} pieces")
    print(f"  gristmill, text to .ngrams  {ours[0]:6.1f} s CPU  {ours[1]:6,.0f} MB resident")
    if program is None:
        print("  lmplz: not found; --lmplz PROGRAM or --build FOLDER")
        return
    arguments = ["-o", "5", "-S", "512M", "-T", str(folder), "--discount_fallback"]
    files = ["--text", str(folder / "pieces.txt"), "--arpa", str(folder / "lmplz.arpa")]
    theirs = measured([program, *arguments, *files])
    print(f"  lmplz, pieces to ARPA       {theirs[0]:6.1f} s CPU  {theirs[1]:6,.0f} MB resident (-S 512M)")


def measured(command: list[str]) -> tuple[float, float]:
    """CPU seconds and highest resident megabytes of a command."""
    script = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stderr=subprocess.DEVNULL); "
        "u = resource.getrusage(resource.RUSAGE_CHILDREN); print(u.ru_utime + u.ru_stime, u.ru_maxrss / 1024)"
    )
    done = subprocess.run([sys.executable, "-c", script, *command], check=True, capture_output=True, text=True)
    seconds, memory = done.stdout.split()[-2:]
    return float(seconds), float(memory)


def scoring(folder: Path, documents: list[str], program: str | None) -> None:
    batch = Batch(0, len(documents), Texts.from_strings(documents))
    batch.add_column("language.code", pa.array(["x"] * len(documents)))
    stage = Perplexity.model_validate({"models": {"x": str(folder)}})
    stage.signals(batch)
    started = time.process_time()
    ours = np.asarray(stage.signals(batch)["perplexity"])
    own_seconds = time.process_time() - started
    size = len(batch.texts.data) / 1e6
    print(f"\nscoring {len(documents):,} documents of {DOCUMENT:,} characters, {size:.2f} MB, with the model made here")
    print(f"  gristmill             {len(documents) / own_seconds:8,.0f} documents/s  {size / own_seconds:5.1f} MB/s")
    try:
        import kenlm
    except ImportError:
        print("  loop: needs the kenlm package")
        return
    processor, model = load_library(str(folder / "lm.sp.model")), kenlm.Model(str(folder / "own.arpa"))
    started = time.process_time()
    theirs = np.array([loop(text, processor, model) for text in documents])
    seconds = time.process_time() - started
    print(f"  sentencepiece + kenlm {len(documents) / seconds:8,.0f} documents/s  {size / seconds:5.1f} MB/s")
    print(f"  ratio {seconds / own_seconds:.1f}")
    apart = np.abs(ours - theirs)
    print(f"  perplexities to 0.1: {(apart < 0.05).mean():.1%} equal, greatest difference {apart.max():.1f}")
    if program is not None and (folder / "lmplz.arpa").exists():
        unseen(folder, documents)


def loop(text: str, processor: object, model: object) -> float:
    pieces = " ".join(processor.encode_as_pieces(normalize(text)))  # type: ignore[attr-defined]
    return round(10 ** (-model.score(pieces) / (len(pieces.split()) + 1)), 1)  # type: ignore[attr-defined]


def unseen(folder: Path, documents: list[str]) -> None:
    """Perplexity of all held-out lines under both estimates, each read from its ARPA file."""
    lines = [line for document in documents for line in map(normalize, document.split("\n")) if line]
    pieces = load_library(str(folder / "lm.sp.model")).encode(lines, out_type=str)
    offsets = np.concatenate([[0], np.cumsum([len(words) for words in pieces])]).astype(np.int64)
    found = []
    for name in ("own", "lmplz"):
        arpa.convert(str(folder / f"{name}.arpa"), str(folder / f"{name}.ngrams"))
        model = NgramModel.open(str(folder / f"{name}.ngrams"))
        ids = model.ids
        flat = np.array([ids.get(word, UNKNOWN) for words in pieces for word in words], np.int32)
        logs, _ = model.score(flat, offsets)
        found.append(10 ** (-float(logs.astype(np.float64).sum()) / (len(flat) + len(lines))))
    print(f"\nperplexity of {len(lines):,} unseen lines: gristmill {found[0]:.4f}, lmplz {found[1]:.4f}, ", end="")
    print(f"apart by {abs(found[0] / found[1] - 1):.5%} (limit 0.1 %)")


def build_lmplz(folder: Path) -> str:
    """Compile lmplz from the kenlm sdist."""
    program = folder / "build" / "bin" / "lmplz"
    if not program.exists():
        folder.mkdir(parents=True, exist_ok=True)
        download = ["download", "--no-deps", "--no-binary", ":all:", "--no-build-isolation", "-d", str(folder), "kenlm"]
        subprocess.run([sys.executable, "-m", "pip", *download], check=True, stdout=subprocess.DEVNULL)
        (sdist,) = folder.glob("kenlm-*.tar.gz")
        shutil.unpack_archive(sdist, folder / "source", filter="data")
        (source,) = (folder / "source").iterdir()
        configure = ["cmake", "-S", str(source), "-B", str(folder / "build"), "-DCMAKE_BUILD_TYPE=Release"]
        subprocess.run([*configure, "-DCMAKE_POLICY_VERSION_MINIMUM=3.5"], check=True, stdout=subprocess.DEVNULL)
        subprocess.run(
            ["cmake", "--build", str(folder / "build"), "--target", "lmplz"], check=True, stdout=subprocess.DEVNULL
        )
    return str(program)


if __name__ == "__main__":
    main()
