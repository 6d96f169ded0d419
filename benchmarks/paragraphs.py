"""Speed of paragraph dedup on real text: this project's stage against cc_net's steps as a plain Python loop.

    python benchmarks/paragraphs.py [--data ../shared/data] [--megabytes 40]

Text: all lines of real web pages (the archives under warc_wrapped_html), menus and footers included. The
loop strips, lower-cases, puts 0 for digits, drops listed characters, hashes with SHA-1 and asks a set, all in one
process with the text in memory, where the stage reads it from Parquet. The stage is timed twice: `keys`, the signals
alone; `all`, with every phase, its files on disk, and its layers, once with the evidence of first copies and once
without. Figures are megabytes of text a CPU second.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.measure import add_data_option, cpu_seconds

from gristmill.commit import Commit
from gristmill.dataset import LayerRef, LayerWriter, ShardRef
from gristmill.dedup.line_keys import CCNET_DROPPED
from gristmill.dedup.paragraphs import ParagraphDedup
from gristmill.documents import DOCUMENT_SCHEMA
from gristmill.stage import Scope

BATCH_BYTES = 8 << 20
SHARDS = 4


def pages(data: Path, most: int) -> list[str]:
    """Texts of real pages until `most` bytes are reached; the pages repeat when there are too few."""
    from fastwarc.warc import ArchiveIterator, WarcRecordType
    from resiliparse.extract.html2text import extract_plain_text
    from resiliparse.parse.encoding import bytes_to_str, detect_encoding

    texts: list[str] = []
    size = 0
    for path in sorted(data.glob("warc_wrapped_html/**/*.warc.gz")):
        with path.open("rb") as stream:
            for record in ArchiveIterator(stream, record_types=WarcRecordType.response):
                raw = record.reader.read()
                text = extract_plain_text(bytes_to_str(raw, detect_encoding(raw)), main_content=False)
                text = text.encode("utf-8", "replace").decode()
                texts.append(text)
                size += len(text)
                if size >= most:
                    return texts
    return texts


def shards_of(texts: list[str], folder: Path) -> Iterator[ShardRef]:
    """Documents files without anything but texts in them."""
    for number in range(SHARDS):
        part = texts[number * len(texts) // SHARDS : (number + 1) * len(texts) // SHARDS]
        with Commit(str(folder / "documents"), f"s{number}") as commit:
            schema = pa.schema([DOCUMENT_SCHEMA.field("text")])
            with pq.ParquetWriter(commit.path(f"s{number}.parquet"), schema, compression="zstd") as writer:
                batch: list[str] = []
                for text in [*part, None]:
                    if text is None or sum(map(len, batch)) > BATCH_BYTES:
                        writer.write_table(pa.table({"text": pa.array(batch, pa.large_string())}, schema), 1 << 20)
                        batch = []
                    if text is not None:
                        batch.append(text)
            commit.count(documents=len(part))
        yield ShardRef("s", f"s{number}", str(folder / "documents"))


def keys_alone(stage: ParagraphDedup, shards: list[ShardRef]) -> None:
    for shard in shards:
        for batch in shard.batches(texts=True):
            stage.signals(batch)


def whole_stage(stage: ParagraphDedup, shards: list[ShardRef]) -> int:
    """Signals, phases and layers; bytes removed."""
    with tempfile.TemporaryDirectory(prefix="gristmill-bench-") as folder:
        schema = pa.schema([field.with_name(f"paragraphs.{field.name}") for field in stage.values])
        refs = []
        for shard in shards:
            with Commit(f"{folder}/signals", shard.name) as commit:
                writer = LayerWriter(commit.path(f"{shard.name}.parquet"), schema)
                for batch in shard.batches(texts=True):
                    writer.write({f"paragraphs.{name}": v for name, v in stage.signals(batch).items()})
                writer.close()
            layer = LayerRef("paragraphs", f"{folder}/signals", tuple(schema.names))
            refs.append(ShardRef(shard.source, shard.name, shard.documents, (layer,)))
        scope = Scope(tuple(refs), tuple(ref.rows for ref in refs), f"{folder}/out", 1 << 30)
        removed = 0
        for phase in stage.phases(scope):
            for task in phase.tasks:
                with Commit(phase.folder, task.name) as commit:
                    task.run(commit)
                removed += commit.counts.get("cut_bytes", 0)
    return removed


def python_loop(texts: list[str]) -> int:
    """Bytes that lines of seen hashes have, and their newlines."""
    digits = re.compile(r"\d")
    dropped = re.compile("[" + "".join(map(re.escape, map(chr, CCNET_DROPPED))) + "]")
    seen: set[bytes] = set()
    removed = 0
    for text in texts:
        kept = []
        for line in text.split("\n"):
            folded = line.strip()
            if folded:
                folded = dropped.sub("", digits.sub("0", folded.lower()))
            key = hashlib.sha1(folded.encode()).digest()[:8]
            if key not in seen:
                kept.append(line)
                seen.add(key)
        removed += len(text.encode()) - len("\n".join(kept).encode())
    return removed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add_data_option(parser)
    parser.add_argument("--megabytes", type=int, default=40)
    options = parser.parse_args()
    texts = pages(options.data, options.megabytes * 1_000_000)
    size = sum(len(text.encode()) for text in texts) / 1e6
    lines = sum(text.count("\n") + 1 for text in texts)
    print(f"{len(texts):,} pages, {size:.1f} MB, {lines:,} lines of {size * 1e6 / lines:.0f} bytes")
    with tempfile.TemporaryDirectory(prefix="gristmill-bench-") as folder:
        shards = list(shards_of(texts, Path(folder)))
        loop = cpu_seconds(lambda: python_loop(texts))
        expected = python_loop(texts)
        print(f"  Python loop, SHA-1: {size / loop:,.1f} MB/s, {expected / size / 1e6:.1%} of the bytes removed")
        for name, first_copies in (("xxh64", True), ("xxh64", False), ("sha1", True)):
            stage = ParagraphDedup(hash=name, first_copies=first_copies)
            if whole_stage(stage, shards) != expected:
                raise SystemExit(f"{name}: removes other bytes than the loop")
            keys = cpu_seconds(lambda stage=stage: keys_alone(stage, shards))
            whole = cpu_seconds(lambda stage=stage: whole_stage(stage, shards))
            print(f"  {name} keys: {size / keys:,.1f} MB/s, {loop / keys:.1f} times the loop")
            so = "" if first_copies else " without first copies"
            print(f"  {name} all{so}: {size / whole:,.1f} MB/s, {loop / whole:.1f} times the loop")


if __name__ == "__main__":
    main()
