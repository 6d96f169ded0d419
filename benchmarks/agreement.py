"""How often the dialects of a rule family decide alike on real pages, and which rules make the difference.

    python benchmarks/agreement.py [--data FOLDER]                dialects against one another, all languages
    python benchmarks/agreement.py --datatrove [--spacy]          our datatrove dialects against datatrove itself, English
    python benchmarks/agreement.py --words                        our words against spaCy's, English

With --datatrove both sides get the same words and sentences (ours), so that what is compared is the rules: decisions and reasons
must be equal on every page, else the exit code is 1. --spacy lets datatrove split words by spaCy, against our `words: spacy`.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.measure import add_data_option
from benchmarks.word_agreement import show_word_differences
from tests.filters.datatrove_filters import C4_REASONS, FINEWEB_REASONS, QUALITY_REASONS, REPETITION_REASONS, reasons
from tests.filters.datatrove_filters import given_words_and_sentences as given
from tests.filters.english_pages import page_texts
from tests.stages import run_filter

from gristmill.filters.c4 import C4
from gristmill.filters.fineweb import FineWeb
from gristmill.filters.gopher import GopherQuality, GopherRepetition
from gristmill.filters.language import identify
from gristmill.stage import Filter

COLLECTIONS = ("hplt-cc100", "hplt-wide100", "mozilla-readability", "scrapinghub-aeb", "trafilatura-eval", "wcxb-dev")
LONGEST = 60_000  # characters; datatrove takes seconds for longer ones
GOPHER = ("datatrove", "dclm", "dolma", "redpajama_v2")
FAMILIES: dict[str, dict[str, Filter]] = {
    "gopher_repetition": {dialect: GopherRepetition(dialect=dialect) for dialect in GOPHER},
    "gopher_quality": {dialect: GopherQuality(dialect=dialect, stop_words="by_language") for dialect in GOPHER},
    "c4": {dialect: C4(dialect=dialect) for dialect in ("tfds", "datatrove", "paper", "redpajama_v2")},
    "fineweb": {dialect: FineWeb(dialect=dialect) for dialect in ("datatrove", "paper")},
}


def pages_of(data: Path) -> tuple[list[str], list[str | None]]:
    """The whole text and the main content of every page, each once, and their languages."""
    pages = list(dict.fromkeys(text for text in page_texts(data, COLLECTIONS) if 0 < len(text) < LONGEST))
    return pages, identify(pages).first


def decide(stage: Filter, pages: Sequence[str], languages: Sequence[str | None]) -> list[str | None]:
    """The rule that drops each page, None for those that stay."""
    drops = run_filter(stage, pages, {"language.code": languages}).column("drop").to_pylist()
    return [drop and drop.partition(".")[2] for drop in drops]


def compare_dialects(pages: list[str], languages: list[str | None]) -> None:
    english = [language == "en" for language in languages]
    print(f"{len(pages):,} texts of real pages, {sum(english):,} of them English; shares are of documents\n")
    for family, stages in FAMILIES.items():
        found = {dialect: decide(stage, pages, languages) for dialect, stage in stages.items()}
        print(family)
        for dialect, rules in found.items():
            print(f"  {dialect:13} keeps {rules.count(None) / len(pages):6.1%}")
        for one, other in combinations(found, 2):
            pairs = list(zip(found[one], found[other], strict=True))
            alike = [(a is None) == (b is None) for a, b in pairs]
            share = sum(alike) / len(pages)
            among_english = sum(a for a, e in zip(alike, english, strict=True) if e) / sum(english)
            print(f"  {one} and {other}: alike on {share:.1%}, English {among_english:.1%}")
            for name, dropped in (
                (one, [a for a, b in pairs if b is None]),
                (other, [b for a, b in pairs if a is None]),
            ):
                causes = Counter(rule for rule in dropped if rule is not None)
                if causes:
                    rules = ", ".join(f"{rule} {count}" for rule, count in causes.most_common(5))
                    print(f"      {name} alone drops {causes.total()}: {rules}")
        print()


def compare_with_datatrove(pages: list[str], words: str) -> bool:
    """Print on how many pages decision and reason are datatrove's; whether it is all."""
    from datatrove.pipeline.filters import (
        C4QualityFilter,
        FineWebQualityFilter,
        GopherQualityFilter,
        GopherRepetitionFilter,
    )

    cases: list[tuple[Filter, Callable[[], Any], dict[str, str]]] = [
        (GopherRepetition(words=words), GopherRepetitionFilter, REPETITION_REASONS),
        (GopherQuality(words=words), GopherQualityFilter, QUALITY_REASONS),
        (C4(dialect="datatrove"), C4QualityFilter, C4_REASONS),
        (FineWeb(words=words), FineWebQualityFilter, FINEWEB_REASONS),
    ]
    exact = True
    for stage, theirs, names in cases:
        ours = run_filter(stage, pages).column("drop").to_pylist()
        with given(pages, None if words == "spacy" else words):
            expected = reasons(theirs(), pages, names, stage.kind)
        equal = sum(a == b for a, b in zip(ours, expected, strict=True))
        kept = ours.count(None)
        exact &= equal == len(pages)
        print(
            f"{stage.kind:18} words: {words:10} the same decision and reason on {equal:,} of {len(pages):,} English texts "
            f"({equal / len(pages):.2%}); {kept:,} kept, {len(set(ours)) - 1} reasons"
        )
    return exact


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_option(parser)
    parser.add_argument("--datatrove", action="store_true")
    parser.add_argument("--spacy", action="store_true")
    parser.add_argument("--words", action="store_true")
    parser.add_argument("--pages", type=int, default=None, help="at most so many texts, evenly chosen")
    arguments = parser.parse_args()
    if not arguments.data.is_dir():
        sys.exit(f"no real data at {arguments.data}")
    pages, languages = pages_of(arguments.data)
    if not (arguments.datatrove or arguments.words):
        compare_dialects(pages, languages)
        return
    english = [page for page, language in zip(pages, languages, strict=True) if language == "en"]
    if arguments.pages:
        english = english[:: max(1, len(english) // arguments.pages)]
    if arguments.words:
        show_word_differences(english)
        return
    if not compare_with_datatrove(english, "spacy" if arguments.spacy else "unicode"):
        sys.exit(1)


if __name__ == "__main__":
    main()
