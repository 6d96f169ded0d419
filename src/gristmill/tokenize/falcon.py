"""Falcon's tokenizer: its special tokens, how it splits text into words, and the same split as one pattern.

The parts in order, no normaliser: runs of punctuation, GPT-2's words as bytes, runs of digits, and of those threes
from the left. (A tokenizer-conformance repository's copy of tokenizer.json.)
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from gristmill.tokenize.tokenizer_file import END, TokenizerFile

NAMES = (
    "TITLE ABSTRACT INTRODUCTION SUMMARY COMMENT ANSWER QUESTION DOMAIN PREFIX SUFFIX MIDDLE".split()
)  # ids 0 to 10; 1 to 3 are known, the order of the others is as remembered [C]
SPECIAL_TOKENS = (*(f">>{name}<<" for name in NAMES), END)
THREES = "[0-9][0-9][0-9]"
_SIGNS = r"\p{P}$+<=>^`|~"  # what the library calls punctuation: Unicode's, and all of ASCII's signs

# The parts as one alternation, which fast encoders take a short way with. Boundaries that no merge of a tokenizer
# trained with the parts can cross (after a space before digits, inside characters whose bytes look like digits) are
# left out: the ids are the same.
PATTERN = "|".join(
    [
        r" ?\p{L}+",
        r" ?[0-9]{1,3}",
        r" ?[^\P{N}0-9]+",
        rf"[{_SIGNS}]+",
        rf" ?[^\s\p{{L}}\p{{N}}{_SIGNS}]+",
        rf"\s+(?![^\s{_SIGNS}])",
        r"\s+",
    ]
)


def pre_tokenizer() -> Any:
    """The parts, for Hugging Face tokenizers."""
    from tokenizers import Regex, pre_tokenizers

    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Punctuation("contiguous"),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
            pre_tokenizers.Digits(individual_digits=False),
            pre_tokenizers.Split(Regex(THREES), "isolated"),
        ]
    )


@lru_cache(maxsize=2)
def splits_like_it(file: TokenizerFile) -> bool:
    """Is this a tokenizer.json that splits text as Falcon's does?"""
    return file.format == "json" and has_its_parts(json.loads(file.content))


def has_its_parts(tokenizer: dict[str, Any]) -> bool:
    """Does a parsed tokenizer.json split text with exactly these parts?"""
    parts = (tokenizer.get("pre_tokenizer") or {}).get("pretokenizers", [])
    shape = [(part["type"], part.get("behavior"), part.get("individual_digits")) for part in parts]
    if shape != [
        ("Punctuation", "Contiguous", None),
        ("ByteLevel", None, None),
        ("Digits", None, False),
        ("Split", "Isolated", None),
    ]:
        return False
    words, threes = parts[1], parts[3]
    inverted = threes.get("invert", False)
    return (
        threes.get("pattern") == {"Regex": THREES}
        and not inverted
        and words["use_regex"]
        and not words["add_prefix_space"]
    )


def one_pattern(tokenizer: dict[str, Any]) -> dict[str, Any]:
    """A parsed tokenizer.json, Falcon's parts in it replaced by PATTERN; any other is returned as it is."""
    if not has_its_parts(tokenizer):
        return tokenizer
    words = tokenizer["pre_tokenizer"]["pretokenizers"][1]
    split = {"type": "Split", "pattern": {"Regex": PATTERN}, "behavior": "Isolated", "invert": False}
    return {
        **tokenizer,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, {**words, "use_regex": False}]},
    }
