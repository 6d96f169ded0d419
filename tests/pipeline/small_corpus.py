"""Self-written inputs and recipes, a few kilobytes each."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

WRITTEN = 1_700_000_000  # seconds since 1970

SENTENCES = (
    "The miller opens the sluice before sunrise and listens to the wheel.",
    "Flour settles on every beam of the loft; nobody sweeps it in summer.",
    "Größere Mühlen mahlten auch für die Dörfer jenseits des Flusses. 水車が回る。",
    "A cracked stone is dressed again with a steel pick, furrow by furrow.",
    "She weighed the sacks twice, wrote the figure down, and went home.",
)


def text_of(number: int) -> str:
    """A text of one to nine sentences, different for every number."""
    count = 1 + number * 7 % 9
    return f"Note {number}. " + " ".join(SENTENCES[(number + k) % len(SENTENCES)] for k in range(count))


def write_jsonl(path: Path, texts: Sequence[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = ({"text": text, "url": f"http://{path.stem}.example/{n}"} for n, text in enumerate(texts))
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def write_corpus(folder: Path, files: int = 3, documents: int = 20) -> list[Path]:
    """Files part0.jsonl, part1.jsonl …; every fifth text of a file stands in the next file again.

    Their modification times are always the same: together with names and sizes they are what outputs are addressed by.
    """
    paths = []
    for file in range(files):
        numbers = [file * documents + n if n % 5 or not file else (file - 1) * documents + n for n in range(documents)]
        paths.append(write_jsonl(folder / f"part{file}.jsonl", [text_of(number) for number in numbers]))
        os.utime(paths[-1], (WRITTEN, WRITTEN))
    return paths


def write_recipe(path: Path, sources: Mapping[str, Any], **top: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        yaml.safe_dump({"sources": dict(sources), **top}, sort_keys=False, allow_unicode=True), encoding="utf-8"
    )
    return path


def usual_recipe(
    folder: Path,
    filters: Sequence[Any] = ({"planted_length": {"minimum": 150}},),
    across: Sequence[Any] = ("planted_twins",),
    **source: Any,
) -> Path:
    """A source `web` over in/*.jsonl with filters, and stages across its shards."""
    web = {"read": "jsonl", "input": "in/*.jsonl", **source, "stages": list(filters)}
    return write_recipe(folder / "recipe.yaml", {"web": web}, stages=list(across))
