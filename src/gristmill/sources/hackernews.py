"""Hacker News: items as the API gives them (JSON Lines) or as BigQuery's `full` table exports them (Parquet, JSON, CSV).

sources:
  hackernews:
    read: {hackernews: {layout: path}}
    input: hackernews/*.parquet             # all files are one dump: a comment may lie in any of them
"""

from __future__ import annotations

import html
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from gristmill.sources.conversations import (
    Comment,
    Conversations,
    LeftOut,
    Post,
    clean,
    shares,
    stable_share,
    truth,
    whole,
)
from gristmill.sources.dates import parse_date
from gristmill.sources.html_text import html_to_text
from gristmill.sources.rows import Row, rows
from gristmill.stage import InputFile, setting

_KEPT = ("id", "parent", "type", "title", "url", "text", "by", "score", "time", "timestamp", "dead", "deleted")
_OTHER_NAMES = {"author": "by", "num_points": "score", "created_at": "time", "points": "score", "story_text": "text"}
_POSTS = ("story", "poll")
_CUT_SHORT = re.compile(r"<a href=\"([^\"<>]+)\"[^<>]*>[^<>\s]+\.\.\.</a>")
_LARGEST_ID = (1 << 31) - 1
_MOST_ROUNDS = 32  # only items that answer each other in a circle need more than the logarithm of the longest chain
_CHUNK = 1 << 22  # ids whose parents are followed at a time


class HackerNews(Conversations):
    """Stories with their comments."""

    kind = "hackernews"
    version: ClassVar[int] = 2

    minimum_score: int | None = setting(1, "stories under this score are dropped", source="The Pile")
    links: bool = setting(True, "the address a story links to stands under its title", source="The Pile")

    def select(self, files: list[InputFile]) -> list[InputFile]:
        """All files as one dump."""
        return shares(replace(files[0], together=tuple(files[1:])), self.part_bytes) if files else []

    def rows(self, file: InputFile, share: tuple[int, int]) -> Iterator[tuple[int, int, Row, int]]:
        """Files are read twice: a comment names what it answers, and the story only by way of that."""
        part, parts = share
        files = [file, *file.together]
        with tempfile.TemporaryDirectory(prefix="gristmill-") as folder:
            roots = _roots(files, os.path.join(folder, "roots"), self.max_row_bytes)
            for of, each in enumerate(files):
                for row in rows(each.location, self.max_row_bytes):
                    number = _checked(row)
                    if row.problem is not None:
                        if stable_share(row.offset, parts) == part:
                            yield -1, 0, row, of
                        continue
                    root = int(roots[number])
                    if stable_share(root, parts) == part:
                        yield root, number, row, of
            del roots

    def post(self, values: Mapping[str, Any]) -> Post:
        if values.get("type") not in _POSTS:
            raise LeftOut("no_post")  # a comment whose parents are not in the dump
        _refuse_gone(values)
        score = whole(values.get("score")) or 0
        if self.minimum_score is not None and score < self.minimum_score:
            raise LeftOut("score")
        title, text = " ".join(html.unescape(clean(values.get("title"))).split()), _text(values.get("text"))
        if not title and not text:
            raise LeftOut("empty_post")
        address = clean(values.get("url"))
        number = whole(values.get("id"))
        found = {"item": number, "score": score} | ({"link": address} if address else {})
        return Post(
            title,
            text,
            clean(values.get("by")) or None,
            f"https://news.ycombinator.com/item?id={number}",
            parse_date(values.get("time") or values.get("timestamp")),
            found,
            address if self.links else "",
        )

    def comment(self, values: Mapping[str, Any]) -> Comment:
        _refuse_gone(values)
        if values.get("type") != "comment":
            raise LeftOut("no_comment")
        text = _text(values.get("text"))
        if text in ("[deleted]", "[dead]", "[flagged]"):
            raise LeftOut("deleted")
        return Comment(whole(values.get("parent")) or 0, text, clean(values.get("by")) or None, ())


def _text(value: Any) -> str:
    """The site shows long addresses cut short; here they are whole."""
    return html_to_text(_CUT_SHORT.sub(r"\1", clean(value)))


def _refuse_gone(values: Mapping[str, Any]) -> None:
    for flag in ("deleted", "dead"):
        if truth(values.get(flag)):
            raise LeftOut(flag)


def _checked(row: Row) -> int:
    """The item's id. The row's values become those that are kept; `problem` is set when it is no story or comment."""
    if row.problem is not None:
        return 0
    values = {_OTHER_NAMES.get(name, name): value for name, value in row.values.items() if value is not None}
    row.values = {name: values[name] for name in _KEPT if name in values}
    number = whole(row.values.get("id"))
    kind = clean(row.values.get("type")) or ("story" if row.values.get("title") else "unknown")
    row.values["type"] = kind
    if number is None or not 0 < number <= _LARGEST_ID:
        row.problem, row.message = "bad_id", f"an item without an id from 1 to {_LARGEST_ID}"
        row.data = str(row.values).encode("utf-8", "replace")[:4096]
        return 0
    if kind == "unknown" and truth(row.values.get("deleted")):
        row.problem = "kind:deleted"
    elif kind not in (*_POSTS, "comment"):
        row.problem = f"kind:{kind[:32]}"
    return number


def _roots(files: list[InputFile], path: str, max_row_bytes: int) -> np.ndarray:
    """For every id the story or, where its parents are not in the dump, the comment at the top of its thread.

    int32 (largest id + 1,) in a file with holes: a few bytes an id, on disk.
    """
    above: np.ndarray = np.memmap(path, "<i4", "w+", shape=(_LARGEST_ID + 1,))
    largest = 0
    for file in files:
        for row in rows(file.location, max_row_bytes):
            number = _checked(row)
            if row.problem is None:
                largest = max(largest, number)
                parent = whole(row.values.get("parent")) if row.values["type"] == "comment" else None
                above[number] = parent if parent is not None and 0 < parent <= _LARGEST_ID else number
    for _ in range(_MOST_ROUNDS):  # each round doubles how far up everybody looks
        changed = False
        for start in range(0, largest + 1, _CHUNK):
            part = above[start : min(start + _CHUNK, largest + 1)]
            there = np.flatnonzero(part)
            higher = above[part[there]]
            moves = (higher != 0) & (higher != part[there])
            if moves.any():
                part[there[moves]] = higher[moves]
                changed = True
        if not changed:
            break
    return above
