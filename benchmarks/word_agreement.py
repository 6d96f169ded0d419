"""Where our words of English differ from spaCy's, which datatrove counts: each difference in a class, and what it changes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from tests.stages import run_filter

from gristmill.filters.fineweb import FineWeb
from gristmill.filters.gopher import GopherQuality, GopherRepetition
from gristmill.kernels.text import Texts
from gristmill.kernels.text_index import TextIndex, Words
from gristmill.stage import Filter

SPACY_SHARE = 20_000  # characters; longer pages are left out, since spaCy takes its time

CLASSES: dict[str, tuple[str, str]] = {
    "invisible signs": (
        "a byte order mark, zero-width space or control is a word to spaCy",
        r"[\ufeff\u200b-\u200f\u00ad\u2060-\u2064\x00-\x1f\x7f-\x9f]",
    ),
    "addresses": (
        "spaCy keeps URLs, mail addresses and file names whole; Unicode's rules part them at signs",
        r"://|www\.|@|\w\.(com|org|net|co|io|gov|edu|uk|info|html?|php|js|py|de|fr)\b|\w/\w+/",
    ),
    "contractions": (
        "spaCy parts don't, it's, I'm, we'll, cannot",
        r"(?i)n['’]t\b|['’](s|re|ve|ll|d|m)\b|s['’]|\bcannot\b|\bgonna\b",
    ),
    "abbreviations": (
        "spaCy keeps the stop of U.S., Mr. and a.m.; Unicode's rules part the last one",
        r"(?i)\b\w\.\w|\b(mr|mrs|ms|dr|st|jr|sr|inc|co|ltd|corp|vs|no|prof|gen|rev|sen|gov|jan|feb|aug|sept?|oct|nov|dec|\w)\.",
    ),
    "numbers and units": ("spaCy parts 5km, 10am, $5 and 3-4 but keeps 1:30 and 1/2", r"\d"),
    "hyphens and dashes": ("between letters or in a run: parted by one, kept by the other", r"[-–—‑−]"),
    "slashes": ("and/or is three words, or one", r"[/\\|]"),
    "quotation marks and apostrophes": ("at a word's edge, or glued to it", r"['’‘\"“”`´]"),
    "runs of signs": ("??? and *** are parted, or kept as smileys", r"^[\W_]{2,}$|[.]{2,}|…"),
    "underscores": ("Unicode joins letters by underscores", r"_"),
    "marks without a space": ("end.Next and a,b: parted by one alone", r"\w[.,:;!?)(\]\[]\w|[.,:;]"),
    "signs at a word": ("a symbol beside letters: parted by one, kept by the other", r"[^\w\s]"),
    "scripts without spaces": (
        "Unicode's rules take Han and kana one by one; spaCy keeps runs",
        r"[\u3040-\u30ff\u3400-\u9fff\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]",
    ),
}
"""By name: what the class is, and the pattern that puts a differing stretch of text into it; the first that fits counts."""
_PATTERNS = {name: re.compile(pattern) for name, (_, pattern) in CLASSES.items()}


def differences(ours: Words, theirs: Words, row: int) -> list[tuple[str, list[str], list[str]]]:
    """The shortest stretches of text in which the two sets of words differ: text, our words, theirs."""

    def spans(words: Words) -> list[tuple[int, int]]:
        own = slice(words.first[row], words.first[row + 1])
        return list(zip(words.start[own].tolist(), words.end[own].tolist(), strict=True))

    data, mine, other = ours.texts.data, spans(ours), spans(theirs)
    found = []
    i = j = 0
    while i < len(mine) or j < len(other):
        if i < len(mine) and j < len(other) and mine[i] == other[j]:
            i, j = i + 1, j + 1
            continue
        left, right = i, j
        end = min(mine[i][1] if i < len(mine) else 1 << 62, other[j][1] if j < len(other) else 1 << 62)
        grown = True
        while grown:
            grown = False
            while i < len(mine) and mine[i][0] < end:
                end, i, grown = max(end, mine[i][1]), i + 1, True
            while j < len(other) and other[j][0] < end:
                end, j, grown = max(end, other[j][1]), j + 1, True
        start = min(first for first, _ in mine[left:i] + other[right:j])
        texts = [[bytes(data[a:b]).decode() for a, b in part] for part in (mine[left:i], other[right:j])]
        found.append((bytes(data[start:end]).decode(), *texts))
    return found


def class_of(text: str) -> str:
    return next((name for name, pattern in _PATTERNS.items() if pattern.search(text)), "others")


def show_word_differences(pages: Sequence[str]) -> None:
    pages = [page for page in pages if len(page) < SPACY_SHARE]
    index = TextIndex.build(Texts.from_strings(list(pages)))
    theirs = index.words("spacy")
    print(f"{len(pages):,} English texts, {len(theirs):,} words of spaCy's")
    decisions: dict[str, list[np.ndarray]] = {}
    stages: list[Callable[[str], Filter]] = [
        lambda words: GopherRepetition(words=words),
        lambda words: GopherQuality(words=words),
        lambda words: FineWeb(words=words),
    ]
    for reading in ("spacy", "english", "unicode", "icu", "whitespace"):
        drops = [run_filter(stage(reading), pages).column("drop") for stage in stages]
        decisions[reading] = [np.asarray(drop.is_null()) for drop in drops]
        if reading == "spacy":
            continue
        alike = [np.mean(a == b) for a, b in zip(decisions[reading], decisions["spacy"], strict=True)]
        words = index.words(reading)  # type: ignore[arg-type]
        classes: Counter[str] = Counter()
        examples: dict[str, tuple[str, list[str], list[str]]] = {}
        same = 0
        for row in range(len(pages)):
            found = differences(words, theirs, row)
            same += int(theirs.counts[row]) - sum(len(other) for *_, other in found)
            for text, mine, other in found:
                name = class_of(text)
                classes[name] += 1
                if len(text) < len(examples.get(name, ("x" * 40,))[0]):
                    examples[name] = (text, mine, other)
        print(
            f"\n{reading}: {same / len(theirs):.2%} of spaCy's words are words here too; decided as with spaCy's words: "
            f"gopher_repetition {alike[0]:.1%}, gopher_quality {alike[1]:.1%}, fineweb {alike[2]:.1%}"
        )
        for name, count in classes.most_common():
            _, mine, other = examples.get(name, ("", [], []))
            print(f"  {name} {count:,}: {CLASSES.get(name, ('none of these',))[0]}. Here {mine}, spaCy {other}")
