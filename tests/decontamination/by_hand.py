"""The readings of "the same text" written down plainly, and a brute-force search with them."""

from __future__ import annotations

import unicodedata
from collections import defaultdict

import regex

from gristmill.kernels.code_points import SIGNS, expand

SEPARATING = str.maketrans({code: " " for code in expand(SIGNS)})
NUMBER = regex.compile(r"\p{Nd}+([.,،٫⎖⎗⎘]\p{Nd}+)?")


def gpt3_words(text: str) -> list[str]:
    kept = "".join(c for c in text if c.isspace() or unicodedata.category(c)[0] not in "PS")
    kept = "".join(c for c in kept if c.isspace() or unicodedata.category(c) not in ("Cc", "Cf"))
    return kept.lower().split()


def datatrove_words(text: str) -> list[str]:
    text = NUMBER.sub("0", text.lower()).translate(SEPARATING)
    return "".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn").split()


def spaced(text: str) -> str:
    return " ".join(text.lower().split())


WORDS = {"gpt3": gpt3_words, "datatrove": datatrove_words}


def grams(words: list[str], n: int, least: int, context: int = 0) -> dict[int, tuple[str, ...]]:
    """Place and words of every n-gram that reaches beyond the context; of a short text, all of it."""
    if len(words) == context or len(words) < least:
        return {}
    if len(words) < n:
        return {0: tuple(words)}
    return {at: tuple(words[at : at + n]) for at in range(max(0, context - n + 1), len(words) - n + 1)}


def hits_by_hand(documents: list[str], rows: list[tuple[str, str]], reading: str, n: int, least: int):
    """For each document the set of n-grams of (context, text) rows that stand in it."""
    words = WORDS[reading]
    known: dict[tuple[str, ...], set[int]] = defaultdict(set)
    for number, (context, text) in enumerate(rows):
        before = words(context)
        for gram in grams(before + words(text), n, least, len(before)).values():
            known[gram].add(number)
    found = []
    for document in documents:
        tokens = words(document)
        sizes = {len(gram) for gram in known}
        mine = {tuple(tokens[at : at + size]) for size in sizes for at in range(len(tokens) - size + 1)}
        found.append(mine & known.keys())
    return known, found
