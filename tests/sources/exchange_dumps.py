"""Builds small Stack Exchange dumps: tables, folders and archives."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import quoteattr

from gristmill.documents import Record
from gristmill.sources.stackexchange import StackExchange
from gristmill.stage import InputFile


def row(**fields: object) -> str:
    return "  <row " + " ".join(f"{name}={_quoted(str(value))}" for name, value in fields.items()) + " />"


def _quoted(value: str) -> str:
    return '"' + quoteattr(value, {"\n": "&#xA;", '"': "&quot;"})[1:-1] + '"'


def table(name: str, rows: Sequence[str]) -> bytes:
    text = "\n".join([f'\ufeff<?xml version="1.0" encoding="utf-8"?>\n<{name}>', *rows, f"</{name}>"])
    return text.encode()


def question(number: int, body: str = "<p>Why?</p>", title: str = "A title", score: object = 5, **more: object) -> str:
    fields = {"CreationDate": "2019-03-04T05:06:07.890", "Score": score, "Body": body, "OwnerUserId": 7, "Title": title}
    return row(Id=number, PostTypeId=1, **fields | {"Tags": "<bread><yeast>"} | more)


def answer(number: int, parent: int, score: object, body: str | None = None, **more: object) -> str:
    fields = {"CreationDate": "2019-03-05T00:00:00.000", "Score": score, "Body": body or f"<p>Answer {number}.</p>"}
    return row(Id=number, PostTypeId=2, ParentId=parent, **fields | {"OwnerUserId": 8} | more)


def comment(number: int, post: int, text: str, score: int = 0, **more: object) -> str:
    fields = {"Score": score, "Text": text, "CreationDate": "2019-03-06T00:00:00.000", "UserId": 9}
    return row(Id=number, PostId=post, **fields | more)


def write_site(folder: Path, site: str = "bread.example.com", **tables: Sequence[str]) -> Path:
    """A folder of tables (posts, comments, users); the path of its Posts.xml."""
    place = folder / site
    place.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        (place / f"{name.capitalize()}.xml").write_bytes(table(name, rows))
    return place / "Posts.xml"


def read_site(path: Path, **settings: object) -> list[Record]:
    name = "/".join(path.parts[-2:])
    return list(StackExchange(**settings).records(InputFile(str(path), name, path.stat().st_size, "")))


def documents(records: Sequence[Record]) -> list[Record]:
    return [one for one in records if one.open]
