"""A few hundred lines of made-up text, and both models trained on them."""

from __future__ import annotations

import random
from pathlib import Path

from gristmill.perplexity.estimate import NgramCounter, estimate_ngrams, write_model
from gristmill.perplexity.ngram_file import SPECIAL
from gristmill.perplexity.train import TrainPerplexity, encode_lines, train_pieces

SYLLABLES = "ka lo mi ren tu sha wer po nid gra ül té ß 0 mühl rad was ser".split()


def made_up_lines(lines: int = 400, seed: int = 0) -> list[str]:
    """Lines of words with the frequencies of a language: few common ones, many rare."""
    chance = random.Random(seed)
    words = ["".join(chance.choices(SYLLABLES, k=1 + n % 4)) for n in range(200)]
    weights = [1 / (1 + n) for n in range(200)]
    return [" ".join(chance.choices(words, weights, k=1 + chance.randrange(15))) for _ in range(lines)]


def settings(**changes: object) -> TrainPerplexity:
    return TrainPerplexity.model_validate({"source": "books", "vocabulary": 200, **changes})


def train_small(folder: Path, lines: list[str], *, arpa: bool = False, partitions: int = 1, order: int = 5) -> Path:
    """Writes lm.sp.model, lm.ngrams and perhaps lm.arpa; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    pieces = folder / "lm.sp.model"
    pieces.write_bytes(train_pieces(iter(lines), settings()))
    (folder / "scratch").mkdir()
    counter = NgramCounter(str(folder / "scratch"), order, partitions)
    words = list(SPECIAL)
    for ids, offsets in encode_lines(iter(lines), str(pieces), words):
        counter.add(ids, offsets)
    found = estimate_ngrams(counter, len(words))
    write_model(found, words, str(folder / "lm.ngrams"), str(folder / "lm.arpa") if arpa else None)
    return folder
