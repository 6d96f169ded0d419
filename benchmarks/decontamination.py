"""Decontamination by n-grams: MB of text a CPU second, ours and datatrove's filter on the same texts, and who finds what.

    python benchmarks/decontamination.py [--data FOLDER] [--megabytes 60]

Texts are real novels in pages of about 3 kB; GSM8K questions with their answers are planted in every twentieth page.
"""

from __future__ import annotations

import argparse
import json
import lzma
import os
import tempfile
import time
from pathlib import Path

import numpy as np

from gristmill.dataset import Batch
from gristmill.decontamination.evaluation_sets import EvaluationSet
from gristmill.decontamination.needles import Needles, make_needles
from gristmill.decontamination.search import find_hits
from gristmill.decontamination.stage import Decontaminate
from gristmill.kernels.text import Texts

PAGE = 3000
DATATROVE_PAGES = 300


def read_pages(data: Path, megabytes: int, rows: list[dict]) -> list[str]:
    pages: list[str] = []
    for path in sorted((data / "lmtext").glob("eltec-*.jsonl.xz")):
        with lzma.open(path, "rt") as stream:
            for line in stream:
                text = json.loads(line)["text"]
                pages += [text[at : at + PAGE] for at in range(0, len(text), PAGE)]
        if sum(map(len, pages)) > megabytes * 1_000_000:
            break
    for number in range(0, len(pages), 20):
        row = rows[number // 20 % len(rows)]
        pages[number] += f"\n{row['question']}\n{row['answer']}"
    return pages


def ours(needles: Needles, pages: list[str]) -> tuple[float, set[int]]:
    """CPU seconds, and the pages with a hit."""
    batches = [
        Batch(at, len(part), Texts.from_strings(part))
        for at in range(0, len(pages), 2048)
        if (part := pages[at : at + 2048])
    ]
    find_hits(Batch(0, 1, Texts.from_strings(["warm"])), needles)
    began = time.process_time()
    found = [find_hits(batch, needles).rows + batch.first_row for batch in batches]
    return time.process_time() - began, set(np.concatenate(found).tolist())


def theirs(rows: list[dict], pages: list[str]) -> tuple[float, set[int]]:
    from datatrove.data import Document
    from datatrove.pipeline.decont.n_grams import NGramsDecontConfig, NGramsDecontFilter, NGramsDecontIndexer

    NGramsDecontIndexer._requires_dependencies = []  # lighteval, for sets that it would download
    config = NGramsDecontConfig(find_query_ngrams=True)
    with tempfile.TemporaryDirectory() as folder:
        indexer = NGramsDecontIndexer(folder, config=config)
        hashes = {value for row in rows for value in indexer.compute_hashes(row["answer"], row["question"])}
        np.array(sorted(hashes), config.hash_config.np_descr).tofile(f"{folder}/gsm8k.index.hashes")
        filter_ = NGramsDecontFilter(folder, config=config)
        filter_.filter(Document(text="warm", id=""))
        began = time.process_time()
        found = {n for n, page in enumerate(pages) if filter_.filter(Document(text=page, id="")) is not True}
        return time.process_time() - began, found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("GRISTMILL_TEST_DATA", "../shared/data")))
    parser.add_argument("--megabytes", type=int, default=60)
    options = parser.parse_args()
    path = options.data / "evalsets/gsm8k/grade_school_math/data/test.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    pages = read_pages(options.data, options.megabytes, rows)
    size = sum(len(page.encode()) for page in pages) / 1e6
    sets = {"gsm8k": EvaluationSet(files=str(path), fields="question, answer")}
    speeds = {}
    for reading in ("gpt3", "datatrove", "substring"):
        stage = Decontaminate(sets=sets, reading=reading, min_distinct_words=1)
        needles = make_needles(sets, stage.needle_reading)
        seconds, found = ours(needles, pages)
        speeds[reading] = size / seconds, found
        print(
            f"ours, {reading:<9} {size:6.1f} MB  {size / seconds:7.1f} MB/s  {len(needles):,} needles, {len(found):,} pages hit"
        )
    some = pages[:: max(1, len(pages) // DATATROVE_PAGES)]
    some += pages[:20]
    part = sum(len(page.encode()) for page in some) / 1e6
    try:
        seconds, found = theirs(rows, some)
    except ImportError as error:
        print(f"datatrove is not here: {error}")
        return
    needles = make_needles(sets, Decontaminate(sets=sets, reading="datatrove", min_distinct_words=1).needle_reading)
    _, mine = ours(needles, some)
    print(
        f"datatrove       {part:6.1f} MB  {part / seconds:7.2f} MB/s  {len(found):,} pages hit, ours on the same {len(mine):,}, "
        f"by one alone {len(found ^ mine):,}"
    )
    print(f"ratio {speeds['datatrove'][0] * seconds / part:,.0f}")


if __name__ == "__main__":
    main()
