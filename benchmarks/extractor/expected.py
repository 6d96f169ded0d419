"""Pages of your own with their expected text: how much of it each extractor finds, by language and by folder.

    python benchmarks/extractor/expected.py FOLDER ... [--cache FOLDER] [--by language] [--model FILE] [--worst 20]

Takes every NAME.html below the folders that has its text beside it: NAME.txt, or NAME.json with `cleaned_text` (as the tests of
goose do, at the top or under `expected`). Scored are words as multisets, signs in scripts without spaces: recall, precision, F1,
means over pages. The weights are the shipped ones unless --model names others. --worst names the pages where ours is furthest
below the best other extractor, with the longest blocks it left out and took in wrongly.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from alignment import align
from gold import Page, name_languages
from measures import words
from peers import PEERS, texts_of

from gristmill.extract.block_model import BlockModel, shipped_model
from gristmill.extract.blocks import PageFeatures, probabilities
from gristmill.extract.charset import decode
from gristmill.extract.engine_gristmill import FACTORS, LEAST, MOST
from gristmill.extract.tidy import tidy
from gristmill.kernels.html_adopt import adopt
from gristmill.kernels.html_context import best_threshold
from gristmill.kernels.html_emit import emit
from gristmill.kernels.html_stack import ELEMENT, LINK_UNITS, START, STOP, UNITS

OURS = "gristmill"


def expected_pages(folders: list[Path]) -> Iterator[Page]:
    """Pages that have an expected text, each folder's in order of their names; `set` is the folder a page lies in."""
    for folder in folders:
        for path in sorted(folder.rglob("*.htm*")):
            gold = ""
            if (text := path.with_suffix(".txt")).exists():
                gold = text.read_text("utf-8", "replace")
            elif (described := path.with_suffix(".json")).exists():
                facts = json.loads(described.read_text("utf-8"))
                gold = (facts.get("expected") or facts).get("cleaned_text") or ""
            if gold.strip():
                name = path.parent.name
                yield Page(name, f"{name}/{path.stem}", f"http://{path.stem}.invalid/", path.read_bytes(), gold=gold)


def scores(text: str, gold: str) -> tuple[float, float, float]:
    """Recall, precision and F1 over words as multisets."""
    found, wanted = Counter(words(text)), Counter(words(gold))
    both = (found & wanted).total()
    recall, precision = both / max(1, wanted.total()), both / max(1, found.total())
    return recall, precision, 2 * recall * precision / max(1e-9, recall + precision)


def ours(page: Page, model: BlockModel) -> tuple[str, list[str]]:
    """The engine's text; the longest blocks that it left out or took in wrongly, as lines to read."""
    html = decode(page.payload, "text/html")[0]
    blocks = PageFeatures(html.encode("utf-8", "replace"))
    if not len(blocks.blocks):
        return "", []
    p = probabilities(blocks, model)
    threshold, _ = best_threshold(blocks.blocks, p, FACTORS["precision"], LEAST, MOST)
    chosen = p >= threshold
    adopt(blocks.blocks, p, threshold, chosen)
    texts = [bytes(blocks.page.text[b[START] : b[STOP]]).decode("utf-8") for b in blocks.blocks]
    labels = align(texts, np.zeros(len(texts), bool), page.gold or "")
    wrong = np.flatnonzero(labels != chosen)
    lines = []
    for row in sorted(wrong, key=lambda row: -blocks.blocks[row, UNITS])[:4]:
        block = blocks.blocks[row]
        what = "left out" if labels[row] else "taken in"
        lines.append(
            f"    {what}: p {p[row]:.2f} of {threshold:.2f}, {block[UNITS]} units, {block[LINK_UNITS]} in links, block {row} "
            f"of {len(texts)}, element {block[ELEMENT]}: {texts[row][:70]!r}"
        )
    return tidy(emit(blocks.page, chosen, False), 2), lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--by", choices=["language", "folder"], default="language")
    parser.add_argument("--model", type=Path, help="weights other than the shipped ones")
    parser.add_argument("--worst", type=int, default=0)
    arguments = parser.parse_args()
    pages = list(expected_pages(arguments.folders))
    if not pages:
        parser.error(f"no page with an expected text below {', '.join(map(str, arguments.folders))}")
    name_languages(pages)
    model = BlockModel.from_bytes(arguments.model.read_bytes()) if arguments.model else shipped_model()
    read = [ours(page, model) for page in pages]
    texts = {OURS: [text for text, _ in read]} | {name: texts_of(name, pages, arguments.cache) for name in PEERS}
    found = {
        name: np.array([scores(text, page.gold or "") for page, text in zip(pages, all_texts, strict=True)])
        for name, all_texts in texts.items()
    }

    groups: dict[str, list[int]] = {}
    for k, page in enumerate(pages):
        groups.setdefault(page.language if arguments.by == "language" else page.set, []).append(k)
    print(f"recall, precision, F1{'':13}" + "".join(f"{name:>24}" for name in texts))
    for name, rows in [*sorted(groups.items()), ("all", list(range(len(pages))))]:
        cells = (" ".join(f"{value:.3f}" for value in found[engine][rows].mean(0)) for engine in texts)
        print(f"{name:24}{len(rows):4} pages" + "".join(f"{cell:>24}" for cell in cells))

    behind = found[OURS][:, 2] - np.max([found[name][:, 2] for name in PEERS], 0)
    for k in np.argsort(behind, kind="stable")[: arguments.worst]:
        others = ", ".join(f"{name} {found[name][k, 2]:.3f}" for name in PEERS)
        print(f"\n{pages[k].id} ({pages[k].language}): {found[OURS][k, 2]:.3f}; {others}")
        print("\n".join(read[k][1]))


if __name__ == "__main__":
    main()
