"""A whole run over real archives: the funnel, whether every record is accounted for, and how much memory a worker takes.

    python benchmarks/real_run.py [--data ../shared/data] [--recipe configs/refinedweb.yaml] [--workers 2] [--root FOLDER]

The archives are everything in warc, warc_wrapped_html and multilingual_html, sound or not. The counts of the summary
are held against counts made in another way: rows of the ledgers, documents, quarantines and layers as pyarrow reads
them, and records as warcio reads them. Memory is what the receipts say, held against samples of the worker processes
taken by psutil. Exit code 1 when a count does not add up or a worker needs too much.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import logging
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from frame import default_data, gristmill_command, keep_bytecode

FOLDERS = ("warc", "warc_wrapped_html", "multilingual_html")
MEMORY_LIMIT = 1_500_000_000  # bytes of resident memory of one worker
SAMPLE_EVERY = 0.05  # seconds


@dataclass
class Memory:
    """Highest resident bytes by process, sampled."""

    workers: dict[int, int] = field(default_factory=dict)
    parent: int = 0


@dataclass
class Checks:
    """Claims and whether they held."""

    failed: list[str] = field(default_factory=list)

    def equal(self, what: str, *numbers: int) -> None:
        good = len(set(numbers)) == 1
        print(f"  {'holds' if good else 'FAILS':6} {what}: {' = '.join(f'{number:,}' for number in numbers)}")
        if not good:
            self.failed.append(what)

    def true(self, what: str, good: bool) -> None:
        print(f"  {'holds' if good else 'FAILS':6} {what}")
        if not good:
            self.failed.append(what)


# -- the run -----------------------------------------------------------------------------------------------------------


def run(recipe: Path, inputs: list[Path], root: Path, workers: int, settings: list[str]) -> tuple[str, float, Memory]:
    """The funnel as printed, wall seconds, and the sampled memory."""
    command = [*gristmill_command(), "run", str(recipe), "--root", str(root), "--workers", str(workers)]
    command += ["--set", f"input={json.dumps([str(path) for path in inputs])}"]
    command += [word for setting in settings for word in ("--set", setting)]
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    memory, over = Memory(), threading.Event()
    sampler = threading.Thread(target=_sample, args=(process.pid, memory, over))
    sampler.start()
    shown, _ = process.communicate()
    over.set()
    sampler.join()
    if process.returncode not in (0, 1):
        sys.exit(f"gristmill ended with exit code {process.returncode}")
    return shown, time.monotonic() - started, memory


def _sample(pid: int, memory: Memory, over: threading.Event) -> None:
    try:
        import psutil  # type: ignore[import-untyped]
    except ImportError:
        print("no psutil: memory is taken from the receipts alone (pip install psutil)", file=sys.stderr)
        return
    while not over.wait(SAMPLE_EVERY):
        with contextlib.suppress(psutil.Error):
            parent = psutil.Process(pid)
            memory.parent = max(memory.parent, parent.memory_info().rss)
            for child in parent.children(recursive=True):
                with contextlib.suppress(psutil.Error):  # it ended meanwhile
                    memory.workers[child.pid] = max(memory.workers.get(child.pid, 0), child.memory_info().rss)


# -- the counts --------------------------------------------------------------------------------------------------------


def check_balance(source: Mapping[str, Any], folders: Mapping[str, str], checks: Checks) -> Counter[str]:
    """Hold one source's part of the summary against the files it names; returns ledger rows by input file."""
    early = {key: sum(source[key].values()) for key in ("not_text", "quarantined", "dropped_early")}
    removed = sum(count["documents"] for count in source["removed"].values())
    kept, written = source["kept"]["documents"], source["documents"]["documents"]
    total = kept + removed + early["dropped_early"] + early["not_text"] + early["quarantined"]
    checks.equal(
        "records read = kept + removed + dropped early + not text + quarantined, from the summary",
        source["records"],
        total,
    )
    checks.equal("documents written = kept + removed", written, kept + removed)

    place = Path(source["folder"])
    ledger = _read(place, "*.ledger.parquet")
    checks.equal("records read = ledger rows", source["records"], ledger.num_rows)
    outcomes = Counter(zip(ledger["outcome"].to_pylist(), ledger["reason"].to_pylist(), strict=True))
    by_outcome: Counter[str] = Counter()
    for (outcome, _), rows in outcomes.items():
        by_outcome[outcome] += rows
    for outcome, expected in (
        ("document", written),
        ("dropped", early["dropped_early"]),
        ("not_text", early["not_text"]),
        ("quarantined", early["quarantined"]),
    ):
        checks.equal(f"{outcome}: summary = ledger", expected, by_outcome[outcome])
    for outcome, key in (("dropped", "dropped_early"), ("quarantined", "quarantined")):
        reasons = {reason: rows for (found, reason), rows in outcomes.items() if found == outcome}
        checks.true(f"reasons of {outcome}: summary = ledger", reasons == source[key])

    documents = [path for path in sorted(place.glob("*.parquet")) if path.name.count(".") == 1]
    lengths = {path.stem: pq.read_metadata(path).num_rows for path in documents}
    checks.equal("documents: summary = rows of the documents files", written, sum(lengths.values()))
    checks.equal(
        "quarantined: summary = rows of the quarantine files",
        early["quarantined"],
        _read(place, "*.quarantine.parquet").num_rows,
    )
    checks.true(
        "the ledger's row numbers count through every documents file",
        all(
            pc.drop_null(pq.read_table(place / f"{name}.ledger.parquet")["row"]).to_pylist() == list(range(count))
            for name, count in lengths.items()
        ),
    )
    survivors, reasons = _survivors(lengths, source, folders)
    checks.equal("kept: summary = documents that no layer drops", kept, survivors)
    checks.true(
        "reasons of removals: summary = first drop in the layers",
        reasons == {reason: count["documents"] for reason, count in source["removed"].items()},
    )
    return Counter(ledger["file"].to_pylist())


def _read(folder: Path, pattern: str) -> pa.Table:
    return pa.concat_tables(
        [pq.read_table(path) for path in sorted(folder.glob(pattern))], promote_options="permissive"
    )


def _survivors(
    rows: Mapping[str, int], source: Mapping[str, Any], folders: Mapping[str, str]
) -> tuple[int, Counter[str]]:
    """Documents without a drop in any layer, and the first drops by reason, from the layer files alone."""
    survivors, reasons = 0, Counter[str]()
    layers = [_layer_folder(stage, source, folders) for stage in source["stages"]]
    for shard, count in rows.items():
        drops = [_drops(folder / f"{shard}.parquet") for folder in layers]
        for row in range(count):
            first = next((column[row] for column in drops if column[row] is not None), None)
            if first is None:
                survivors += 1
            else:
                reasons[first] += 1
    return survivors, reasons


def _layer_folder(stage: str, source: Mapping[str, Any], folders: Mapping[str, str]) -> Path:
    """A stage's decisions about this source; a stage over many shards has a folder for each source."""
    name = Path(source["folder"]).parent.name
    found = Path(folders[f"{name}/{stage}"] if f"{name}/{stage}" in folders else folders[f"all/{stage}"])
    across = found / "layers" / name
    return across if across.is_dir() else found


def _drops(path: Path) -> list[str | None]:
    return pq.read_table(path, columns=["drop"])["drop"].to_pylist()


# -- warcio's opinion --------------------------------------------------------------------------------------------------


def check_with_warcio(inputs: list[Path], root: Path, ledger: Counter[str], checks: Checks) -> None:
    """Records by file as warcio counts them, where it reads a file to its end and nothing of it was quarantined."""
    if find_spec("warcio") is None:
        print("  no warcio, so no count of its own (pip install warcio)")
        return
    quarantined = Counter(_read(root, "*.quarantine.parquet")["file"].to_pylist())
    agreed, theirs_total, refused, damaged, wrong = 0, 0, [], [], []
    for path, name in _archives(inputs):
        if name not in ledger:
            continue
        theirs = _count_with_warcio(path)
        if theirs is None:
            refused.append(name)
        elif quarantined[name]:
            damaged.append((name, ledger[name], quarantined[name], theirs))
        elif theirs == ledger[name]:
            agreed, theirs_total = agreed + 1, theirs_total + theirs
        else:
            wrong.append((name, ledger[name], theirs))
    checks.true(f"ledger rows = warcio's records in {agreed} sound files ({theirs_total:,} records)", not wrong)
    for name, ours, theirs in wrong:
        print(f"         {name}: {ours} here, {theirs} with warcio")
    print(f"         not comparable: {len(refused)} files that warcio does not read to their end,")
    print(f"         and {len(damaged)} with quarantined records (records here, of them quarantined, with warcio):")
    for name, ours, bad, theirs in damaged:
        print(f"           {ours:>4} {bad:>4} {theirs:>4}  {name}")


def _archives(inputs: list[Path]) -> Iterator[tuple[Path, str]]:
    """Every file with the name documents carry: its path from the input folder on."""
    for folder in inputs:
        yield from (
            (path, str(path.relative_to(folder.parent))) for path in sorted(folder.rglob("*")) if path.is_file()
        )


def _count_with_warcio(path: Path) -> int | None:
    from warcio.archiveiterator import ArchiveIterator  # type: ignore[import-untyped]

    count = 0
    logging.getLogger("warcio").setLevel(logging.CRITICAL)
    try:
        with path.open("rb") as stream, contextlib.redirect_stderr(io.StringIO()):  # it comments on every oddity
            for record in ArchiveIterator(stream):
                record.content_stream().read()
                count += 1
    except Exception:  # whatever it raises over damaged files, it has not read to their end
        return None
    return count


# -- memory ------------------------------------------------------------------------------------------------------------


def check_memory(summary: Mapping[str, Any], memory: Memory, checks: Checks) -> None:
    by_stage = {name: stage["peak_memory"] for name, stage in summary["stages"].items()}
    highest = max(by_stage, key=lambda name: by_stage[name])
    checks.true(
        f"no worker took more than {MEMORY_LIMIT / 1e9:.1f} GB: by the receipts {by_stage[highest] / 1e9:.2f} GB"
        f" (in {highest})",
        by_stage[highest] < MEMORY_LIMIT,
    )
    if memory.workers:
        sampled = max(memory.workers.values())
        checks.true(
            f"the same sampled every {SAMPLE_EVERY * 1000:.0f} ms: {sampled / 1e9:.2f} GB,"
            f" over {len(memory.workers)} processes",
            sampled < MEMORY_LIMIT,
        )
        # receipts cover tasks alone, samples everything between them too but miss short peaks
        checks.true("receipts and samples agree to a quarter", abs(sampled / by_stage[highest] - 1) < 0.25)
        print(f"         the process that supervises them: {memory.parent / 1e9:.2f} GB")
    print("  by stage, MB: " + ", ".join(f"{name} {peak / 1e6:.0f}" for name, peak in by_stage.items()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=default_data())
    parser.add_argument("--recipe", type=Path, default=Path(__file__).parents[1] / "configs" / "refinedweb.yaml")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--root", type=Path, help="keep the outputs here; must not exist yet")
    parser.add_argument("--folder", action="append", help=f"below --data; default {', '.join(FOLDERS)}")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="as for gristmill run")
    chosen = parser.parse_args()
    inputs = [chosen.data.resolve() / folder for folder in chosen.folder or FOLDERS]
    if missing := [str(path) for path in inputs if not path.is_dir()]:
        sys.exit(f"no folder {', '.join(missing)}: give --data or set GRISTMILL_TEST_DATA")
    if chosen.root and chosen.root.exists():
        sys.exit(f"{chosen.root} exists: a benchmark needs a fresh folder")
    with tempfile.TemporaryDirectory(prefix="gristmill-bench-") as place:
        root = chosen.root or Path(place, "run")
        keep_bytecode(Path(place, "bytecode"))
        shown, seconds, memory = run(chosen.recipe, inputs, root, chosen.workers, chosen.set)
        summary = json.loads((root / "summary.json").read_text())
        print(shown)
        checks = Checks()
        checks.true("every task succeeded", summary["complete"])
        folders = {name: stage["folder"] for name, stage in summary["stages"].items()}
        rows_by_file: dict[str, Counter[str]] = defaultdict(Counter)
        for name, source in summary["sources"].items():
            print(f"\n{name}: the counts")
            rows_by_file[name] = check_balance(source, folders, checks)
            check_with_warcio(inputs, Path(source["folder"]), rows_by_file[name], checks)
        print("\nmemory")
        check_memory(summary, memory, checks)
        records = sum(source["records"] for source in summary["sources"].values())
        documents = sum(source["documents"]["documents"] for source in summary["sources"].values())
        print(
            f"\n{seconds:.0f} s with {chosen.workers} workers: {records / seconds:,.0f} records/s,"
            f" {documents / seconds:,.0f} documents/s"
        )
    if checks.failed:
        sys.exit(f"{len(checks.failed)} claims failed: {'; '.join(checks.failed)}")


if __name__ == "__main__":
    main()
