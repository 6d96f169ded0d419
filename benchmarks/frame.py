"""What the frame costs: `gristmill run` from WARC to Parquet against a bare loop over the same files.

    python benchmarks/frame.py [--data ../shared/data] [--copies 4] [--rounds 3] [--part all]

Parts. `bare`: one worker of gristmill against a loop that reads with fastwarc, extracts with resiliparse and keeps
the texts in a list; the frame adds record addresses, a ledger, metadata, titles, Parquet, check sums and receipts.
`workers`: two workers against one, beside two bare loops against one, which is what the machine itself has to give.

Both sides run as processes of their own and take turns; medians of the rounds are compared. Wall time is what a
user waits for; processor time hardly depends on what else the machine does. `inside` leaves out the start of
processes, imports and planning: for gristmill the seconds in its receipts, for the loop those it counts itself.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

PAGES = ("warc_wrapped_html/*.warc.gz", "multilingual_html/*.warc.gz")
"""Archives in which every response is a page."""

CRAWLS = (
    "warc/aut/src/test/resources/warc/example.warc.gz",
    "warc/dolma/tests/data/warc/*.warc.gz",
    "warc/resiliparse/tests/data/warcfile.warc.gz",
    "warc/storm-crawler/external/warc/src/test/resources/test.warc.gz",
)
"""Sound archives from crawlers: requests, redirects, images and chunked bodies among the pages."""

DECHUNKED = ("warc/aql/*.warc.gz", "warc/pywb/sample_archive/warcs/iana.warc.gz")
"""Archives whose headers speak of chunks that the stored bodies no longer have; fastwarc stops at the first unless
it is told to leave bodies alone, as the loop does for names ending in MARK.
"""

MARK = ".dechunked.warc.gz"

TARGET_BARE, TARGET_WORKERS = 0.85, 1.8

RECIPE = """\
sources:
  web:
    input: {pattern}
    read:
      warc:
        extract: {{engine: resiliparse}}
"""


@dataclass(frozen=True)
class Timing:
    """Seconds of one run: `wall` and processor time with all its child processes, and wall time `inside`."""

    wall: float
    cpu: float
    inside: float
    documents: int


def default_data() -> Path:
    return Path(os.environ.get("GRISTMILL_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))


def timed_process(command: Sequence[str], cwd: str) -> tuple[str, float, float]:
    """Standard output, wall seconds and processor seconds of a command. Ends this program when the command fails."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.monotonic()
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    wall = time.monotonic() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: exit code {done.returncode}\n{done.stderr[-3000:]}")
    return done.stdout, wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def keep_bytecode(folder: Path) -> None:
    """Let the processes started from here keep compiled modules, as an installation does whatever this shell says."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = str(folder)


def gristmill_command() -> list[str]:
    """The console script of the environment this program runs in."""
    script = Path(sys.executable).with_name("gristmill")
    if not script.exists():
        sys.exit("gristmill is not installed in this environment: pip install -e .")
    return [str(script)]


def run_gristmill(recipe: Path, workers: int, read: Callable[[str], object] = lambda root: None) -> tuple[Timing, dict]:
    """A run of a recipe with the source `web` into a fresh folder; returns its timing and its summary.

    read: called with the folder before it is removed.
    """
    with tempfile.TemporaryDirectory(prefix="gristmill-bench-") as root:
        command = [*gristmill_command(), "run", str(recipe), "--root", root, "--workers", str(workers), "--quiet"]
        _, wall, cpu = timed_process(command, root)
        summary = json.loads(Path(root, "summary.json").read_text())
        read(root)
    seconds = {name: stage["seconds"] for name, stage in summary["stages"].items()}
    inside = (seconds["web/documents"] + seconds["web/statistics"]) / workers  # the other stages run with the first
    documents = summary["sources"]["web"]["documents"]["documents"]
    return Timing(wall, cpu, inside, documents), summary


def take_turns(runs: Mapping[str, Callable[[], Timing]], rounds: int) -> dict[str, list[Timing]]:
    """A B A B …, the order reversed every other round."""
    found: dict[str, list[Timing]] = {name: [] for name in runs}
    for number in range(rounds):
        for name in list(runs) if number % 2 == 0 else reversed(list(runs)):
            found[name].append(runs[name]())
    return found


def median(timings: Sequence[Timing], of: str) -> float:
    return statistics.median(getattr(timing, of) for timing in timings)


def print_rates(found: Mapping[str, Sequence[Timing]], documents: Mapping[str, int] | None = None) -> None:
    """Documents a second of each side. documents: what to divide by, where a side's own count is not meant."""
    print(f"  {'':28}{'documents':>10}{'per wall s':>12}{'inside':>12}{'per CPU s':>12}")
    for name, timings in found.items():
        count = (documents or {}).get(name, timings[0].documents)
        rates = "".join(f"{count / median(timings, of):>12,.1f}" for of in ("wall", "inside", "cpu"))
        print(f"  {name:28}{count:>10,}{rates}")


# -- the input ---------------------------------------------------------------------------------------------------------


def copy_input(data: Path, folder: Path, copies: int) -> int:
    """Links to the archives, each under `copies` names; how many archives there are."""
    sound = [path for pattern in (*PAGES, *CRAWLS) for path in sorted(data.glob(pattern))]
    marked = [path for pattern in DECHUNKED for path in sorted(data.glob(pattern))]
    if not sound:
        sys.exit(f"no archives in {data}: give --data or set GRISTMILL_TEST_DATA")
    for copy in range(copies):
        for number, path in enumerate(sound + marked):
            name = path.name.replace(".warc.gz", MARK if path in marked else ".warc.gz")
            (folder / f"{copy:02d}-{number:03d}-{name}").symlink_to(path)
    return len(sound + marked)


# -- the bare loop -----------------------------------------------------------------------------------------------------


def bare_loop(paths: Sequence[str], decode: str) -> tuple[int, int, float]:
    """Pages, characters of text and seconds of the loop that a careful user would write by hand."""
    from fastwarc.warc import ArchiveIterator, WarcRecordType
    from resiliparse.extract.html2text import extract_plain_text
    from resiliparse.parse.encoding import bytes_to_str, detect_encoding

    started, texts = time.monotonic(), []
    for path in paths:
        undo: Literal["none", "all"] = "none" if path.endswith(MARK) else "all"
        with open(path, "rb") as stream:
            for record in ArchiveIterator(stream, record_types=WarcRecordType.response, auto_decode=undo):
                if record.http_headers is None or record.http_headers.status_code not in (200, None):
                    continue
                if record.http_content_type not in ("text/html", "application/xhtml+xml"):
                    continue
                payload = record.reader.read()
                encoding = "utf-8" if decode == "utf-8" else detect_encoding(payload) or "utf-8"
                text = extract_plain_text(
                    bytes_to_str(payload, encoding),
                    preserve_formatting=True,
                    main_content=True,
                    post_meta=False,
                    comments=False,
                    alt_texts=False,
                )
                texts.append(text)
    return len(texts), sum(map(len, texts)), time.monotonic() - started


def bare_processes(folder: Path, decode: str, processes: int) -> Timing:
    """The loop in `processes` processes, each with every so-many-th file."""
    program = [sys.executable, __file__, "--as-bare-loop", decode]
    paths = sorted((str(path) for path in folder.iterdir()), key=lambda path: -os.stat(path).st_size)
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    running = [
        subprocess.Popen([*program, *paths[number::processes]], stdout=subprocess.PIPE, text=True)
        for number in range(processes)
    ]
    answers = [json.loads(process.communicate()[0]) for process in running]
    wall = time.monotonic() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Timing(wall, cpu, max(answer[2] for answer in answers), sum(answer[0] for answer in answers))


# -- the parts ---------------------------------------------------------------------------------------------------------


def compare_with_bare(recipe: Path, folder: Path, decode: str, rounds: int) -> None:
    found = take_turns(
        {"bare loop": lambda: bare_processes(folder, decode, 1), "gristmill": lambda: run_gristmill(recipe, 1)[0]},
        rounds,
    )
    print("\nthe frame: gristmill, one worker, against a bare fastwarc + resiliparse loop")
    pages = found["bare loop"][0].documents  # what both extract; gristmill's documents are those that gave text
    print_rates(found, dict.fromkeys(found, pages))
    print(f"  gristmill keeps {found['gristmill'][0].documents:,} of them: the others have no main text")
    ratios = {of: median(found["bare loop"], of) / median(found["gristmill"], of) for of in ("wall", "inside", "cpu")}
    verdict = "reached" if ratios["wall"] >= TARGET_BARE else "missed"
    print(
        f"  ratio: {ratios['wall']:.2f} by wall time, {ratios['inside']:.2f} inside, {ratios['cpu']:.2f} by CPU time;"
        f" target {TARGET_BARE} {verdict}"
    )
    fastest = min(t.cpu for t in found["bare loop"]) / min(t.cpu for t in found["gristmill"])
    print(f"  the fastest rounds by CPU time: {fastest:.2f}, the figure that other load on the machine disturbs least")


def compare_workers(recipe: Path, folder: Path, decode: str, rounds: int) -> None:
    found = take_turns(
        {
            "gristmill, 1 worker": lambda: run_gristmill(recipe, 1)[0],
            "bare loop, 1 process": lambda: bare_processes(folder, decode, 1),
            "gristmill, 2 workers": lambda: run_gristmill(recipe, 2)[0],
            "bare loop, 2 processes": lambda: bare_processes(folder, decode, 2),
        },
        rounds,
    )
    print("\nworkers: two against one")
    print_rates(found)
    gain = median(found["gristmill, 1 worker"], "wall") / median(found["gristmill, 2 workers"], "wall")
    possible = median(found["bare loop, 1 process"], "wall") / median(found["bare loop, 2 processes"], "wall")
    verdict = "reached" if gain >= TARGET_WORKERS else "missed"
    print(
        f"  ratio: {gain:.2f}, target {TARGET_WORKERS} {verdict};"
        f" two bare loops against one on this machine now: {possible:.2f}"
    )


def main() -> None:
    if sys.argv[1:2] == ["--as-bare-loop"]:
        print(json.dumps(bare_loop(sys.argv[3:], sys.argv[2])))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=default_data())
    parser.add_argument("--copies", type=int, default=4, help="names each archive gets; 4 make a run of some 40 s")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--part", choices=("all", "bare", "workers"), default="all")
    parser.add_argument(
        "--decode",
        choices=("detect", "utf-8"),
        default="detect",
        help="how the bare loop decodes pages: resiliparse's detection, or UTF-8 whatever they are",
    )
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gristmill-bench-") as place:
        folder, recipe = Path(place, "input"), Path(place, "frame.yaml")
        folder.mkdir()
        archives = copy_input(chosen.data.resolve(), folder, chosen.copies)
        recipe.write_text(RECIPE.format(pattern=json.dumps(f"{folder}/*.warc.gz")))
        size = sum(path.stat().st_size for path in folder.iterdir())
        print(f"{archives} archives, {chosen.copies} times each: {size / 1e6:.0f} MB stored; {chosen.rounds} rounds")
        keep_bytecode(Path(place, "bytecode"))
        run_gristmill(recipe, 2)  # files into the page cache, compiled modules and kernels onto the disk
        bare_processes(folder, chosen.decode, 2)
        if chosen.part in ("all", "bare"):
            compare_with_bare(recipe, folder, chosen.decode, chosen.rounds)
        if chosen.part in ("all", "workers"):
            compare_workers(recipe, folder, chosen.decode, chosen.rounds)


if __name__ == "__main__":
    main()
