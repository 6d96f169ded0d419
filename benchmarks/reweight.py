"""Another weighting of a corpus that is already encoded: `python benchmarks/reweight.py FILE.jsonl.xz … [--megabytes 1000]`.

Each file becomes a source of documents of some 3,000 characters, repeated until all together have the size asked for. The
same recipe is run twice by the command line, the second time with other weights. Nothing may be tokenised again, and the
second run may take a tenth of the first, by CPU time of all processes.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from token_shards import read_texts

PART_BYTES = 64 << 20  # of an input file


def write_source(folder: Path, file: str, size: int) -> str:
    """Input files of one source, the file's documents again and again; returns a glob of them."""
    name = Path(file).name.split(".")[0].replace("-", "_")
    lines = [json.dumps({"text": text}).encode() + b"\n" for text in read_texts([file], min(size, 1 << 27))]
    written = part = 0
    while written < size:
        with (folder / f"{name}-{part:03d}.jsonl").open("wb") as stream:
            for number in range(size):
                stream.write(lines[number % len(lines)])
                if stream.tell() >= min(PART_BYTES, size - written):
                    break
            written += stream.tell()
        part += 1
    return name


def recipe(sources: list[str], engine: str, folder: Path) -> Path:
    found = {
        "sources": {name: {"read": "jsonl", "input": f"{name}-*.jsonl"} for name in sources},
        "mixture": {"weights": {name: 1 for name in sources}, "normalise": True, "shortfall": "redistribute"},
        "tokenize": {"train": {"vocabulary": 32_000, "sample_bytes": 32 << 20}, "engine": engine},
    }
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(found, sort_keys=False))
    return path


def run(path: Path, *options: str) -> tuple[float, float]:
    """CPU seconds of all processes, and seconds by the clock."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    command = [
        sys.executable,
        "-m",
        "gristmill",
        "run",
        str(path),
        "--root",
        str(path.parent / "run"),
        "--workers",
        "1",
    ]
    print(
        subprocess.run([*command, *options], check=True, capture_output=True, text=True).stdout.split("\n\n")[-2], "\n"
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, time.monotonic() - started


def encoded(root: Path) -> dict[str, int]:
    """Every encoded file and when it was written."""
    return {str(path): path.stat().st_mtime_ns for path in root.glob("run/encode.*/**/*") if path.is_file()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+")
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--engine", default="auto", choices=["auto", "reference"], help="what encodes in the first run")
    parser.add_argument("--folder", help="where the corpus and the run go")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as temporary:
        folder = Path(temporary)
        size = arguments.megabytes * 1_000_000 // len(arguments.files)
        sources = [write_source(folder, file, size) for file in arguments.files]
        path = recipe(sources, arguments.engine, folder)
        first, first_clock = run(path)
        files = encoded(folder)
        weights = {name: len(sources) - number for number, name in enumerate(sources)}
        second, second_clock = run(path, "--set", f"mixture.weights={json.dumps(weights)}")
        assert encoded(folder) == files, "something was tokenised again"
        third, third_clock = run(path, "--set", f"mixture.seed={os.getpid()}")
        print(f"engine {arguments.engine}, {arguments.megabytes} MB of JSON lines")
        rows = [
            ("first run", first, first_clock),
            ("other weights", second, second_clock),
            ("other seed", third, third_clock),
        ]
        for what, cpu, clock in rows:
            share = cpu / first
            print(f"{what:<14} {cpu:8.1f} s of CPU  {clock:8.1f} s by the clock  {share:6.1%} of the first run's CPU")
        if second > first / 10:
            sys.exit("another weighting took more than a tenth of the first run")


if __name__ == "__main__":
    main()
