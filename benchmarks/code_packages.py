"""Source packages as the source `code` and the filter `code_rules` read them: MB of text a CPU second.

    python benchmarks/code_packages.py --packages FOLDER     # .tar.gz sources, as `pip download --no-binary :all:` leaves them

The source does more than its peer: licences, vendored and generated files, headers. Its peer is RedPajama v1's step (GitHub part)
written as a plain Python loop over the same archives: decode, cut the header by its published rule, MD5 for exact duplicates. The
filter's peer is a plain Python loop of the published line and letter rules of BigCode's preprocessing over the same texts; their
own repositories are no packages that could be installed. One core, least of several runs, kernels compiled before.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
import tarfile
from collections import Counter
from pathlib import Path

import pyarrow as pa

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.measure import cpu_seconds

from gristmill.dataset import Batch
from gristmill.filters.code import CodeRules
from gristmill.kernels.text import Texts
from gristmill.sources.code import Code
from gristmill.stage import InputFile

ROWS = 512  # of a batch
_LICENCES = (
    *(
        "Apache-2.0",
        "MIT",
        "ISC",
        "PSF-2.0",
        "Python-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "GPL-3.0-or-later",
        "GPL-3.0-only",
    ),
    *("GPL-2.0-or-later", "GPL-2.0-only", "LGPL-2.1-or-later", "LGPL-2.1-only", "LGPL-3.0-or-later"),
)
_BLOCK = re.compile(r"/\*[^*]*\*+(?:[^/*][^*]*\*+)*/")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packages", type=Path, required=True, help="folder of .tar.gz source packages")
    paths = sorted(parser.parse_args().packages.glob("*.tar.gz"))
    if not paths:
        parser.error("no .tar.gz packages in that folder")
    files = [InputFile(str(path), path.name, path.stat().st_size, "") for path in paths]
    # nearly everything, so that both sides come to text for the same files
    source = Code(allow=_LICENCES, unlicensed="keep", unrecognised="keep", several="any")
    counts: Counter[str] = Counter()
    texts: list[str] = []
    names: list[str] = []

    def ours() -> None:
        counts.clear()
        texts.clear()
        names.clear()
        for file in files:
            for record in source.records(file):
                counts[record.reason or "document"] += 1
                if record.open:
                    texts.append(str(record.text))
                    names.append(str(record.title))

    unpacked = sum(_text_bytes(path) for path in paths) / 1e6
    seconds = cpu_seconds(ours, 2)
    loop = cpu_seconds(lambda: sum(redpajama_loop(path) for path in paths), 2)
    print(f"{len(files)} packages, {unpacked:.1f} MB of text files; {dict(counts.most_common())}")
    _show("source code", unpacked, seconds, "plain loop of RedPajama's step", loop)
    size = sum(len(text.encode()) for text in texts) / 1e6
    rules = CodeRules()
    rules.warm()
    batches = [_batch(texts[at : at + ROWS], names[at : at + ROWS]) for at in range(0, len(texts), ROWS)]
    seconds = cpu_seconds(lambda: [rules.signals(batch) for batch in batches])
    loop = cpu_seconds(lambda: [bigcode_rules(text) for text in texts])
    _show("filter code_rules", size, seconds, "plain loop of BigCode's rules", loop)


def _show(name: str, size: float, seconds: float, peer: str, loop: float) -> None:
    print(f"{name:<20}{size / seconds:8.1f} MB/s   {peer:<32}{size / loop:8.1f} MB/s   ratio {loop / seconds:.1f}")


def _batch(texts: list[str], titles: list[str]) -> Batch:
    batch = Batch(0, len(texts), Texts.from_strings(texts))
    batch.add_column("metadata", pa.nulls(len(texts), pa.string()))
    batch.add_column("title", pa.array(titles))
    return batch


def _text_files(path: Path):  # type: ignore[no-untyped-def]
    with tarfile.open(path) as archive:
        for member in archive:
            if member.isfile() and member.size <= 1_000_000:
                opened = archive.extractfile(member)
                data = opened.read() if opened else b""
                if b"\0" not in data[:8000]:
                    yield member.name, data


def _text_bytes(path: Path) -> int:
    return sum(len(data) for _, data in _text_files(path))


def redpajama_loop(path: Path) -> int:
    """Files of an archive that are read, each with its header cut by RedPajama's rule and its MD5 seen for the first time."""
    seen: set[str] = set()
    for _, data in _text_files(path):
        text = data.decode("utf-8", "replace")
        seen.add(hashlib.md5(data, usedforsecurity=False).hexdigest())
        if (found := _BLOCK.search(text)) is not None:
            if "copyright" in found[0].lower():
                text = text[: found.start()] + text[found.end() :]
            continue
        lines = text.split("\n")
        at = 0
        while at < len(lines) and (not lines[at] or lines[at].startswith(("//", "#", "--"))):
            at += 1
        text = "\n".join(lines[at:])
    return len(seen)


def bigcode_rules(text: str) -> tuple[int, float, float, float]:
    """(longest line, mean line, share of alphanumeric characters, share of letters)."""
    lengths = [len(line) for line in text.splitlines()] or [0]
    size = max(1, len(text))
    alphanumeric = sum(map(str.isalnum, text)) / size
    letters = sum(map(str.isalpha, text)) / size
    return max(lengths), sum(lengths) / len(lengths), alphanumeric, letters


if __name__ == "__main__":
    main()
