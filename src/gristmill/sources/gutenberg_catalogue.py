"""Project Gutenberg's catalogue: what it knows of a book by its number.

Read from any of the forms it is published in: pg_catalog.csv (plain or gzipped; the quick one), rdf-files.tar.bz2,
or a folder of cache/epub/84/pg84.rdf files.
"""

from __future__ import annotations

import csv
import io
import os
import re
import tarfile
from functools import lru_cache
from typing import Any
from xml.etree import ElementTree

from gristmill import storage
from gristmill.errors import UserError
from gristmill.sources.compressed import Damage, pieces
from gristmill.sources.gutenberg_header import language_codes

_RDF_NAME = re.compile(r"(?:^|/)pg(\d+)\.rdf$")
_MOST_RDF_BYTES = 4 << 20
_LISTS = {"Authors": "authors", "Subjects": "subjects", "Bookshelves": "bookshelves", "LoCC": "locc"}

Entry = dict[str, Any]


def catalogue_entry(location: str, number: int) -> Entry:
    """What the catalogue at a location says of an ebook number: title, authors, languages, subjects, bookshelves,
    locc, issued, rights as far as it has them; {} when it does not know the number. Raises UserError when the
    catalogue cannot be read.
    """
    if storage.is_dir(location):
        return _from_folder(storage.local_path(location), number)
    found = storage.stat(location)
    return _whole(location, found.size, found.version).get(number, {})


def _from_folder(folder: str, number: int) -> Entry:
    for path in (f"cache/epub/{number}/pg{number}.rdf", f"epub/{number}/pg{number}.rdf", f"{number}/pg{number}.rdf"):
        if os.path.exists(full := os.path.join(folder, path)):
            return parse_rdf(storage.read_bytes(full))
    flat = os.path.join(folder, f"pg{number}.rdf")
    return parse_rdf(storage.read_bytes(flat)) if os.path.exists(flat) else {}


@lru_cache(maxsize=2)
def _whole(location: str, _size: int, _version: str) -> dict[int, Entry]:
    """Every entry of a catalogue file; some 70,000 entries, 100 MB. Kept for the books that follow."""
    name = location.rsplit("/", 1)[-1]
    if ".tar" in name or name.endswith((".tgz", ".tbz2")):
        return _from_tar(location)
    try:
        with storage.open_input(location) as stream:
            data = b"".join(pieces(stream))
    except Damage as damage:
        raise UserError(f"{location}: {damage}", hint="fetch the catalogue again") from damage
    if data.lstrip()[:1] == b"<":
        entry = parse_rdf(data)
        return {entry.pop("number"): entry} if "number" in entry else {}
    return _from_csv(location, data)


def _from_csv(location: str, data: bytes) -> dict[int, Entry]:
    reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig", "replace"), newline=""))
    if not {"Text#", "Title"} <= set(reader.fieldnames or ()):
        raise UserError(
            f"{location}: no Gutenberg catalogue, the columns Text# and Title are missing",
            hint="use pg_catalog.csv or rdf-files.tar.bz2 from gutenberg.org/cache/epub/feeds",
        )
    entries: dict[int, Entry] = {}
    for row in reader:
        if not (row["Text#"] or "").isdigit():
            continue
        entry: Entry = {"title": " ".join((row["Title"] or "").split())}
        if row.get("Language"):
            entry["languages"] = language_codes(row["Language"])
        for column, name in _LISTS.items():
            if values := [part.strip() for part in (row.get(column) or "").split(";") if part.strip()]:
                entry[name] = values
        if row.get("Issued"):
            entry["issued"] = row["Issued"]
        entries[int(row["Text#"])] = entry
    return entries


def _from_tar(location: str) -> dict[int, Entry]:
    entries: dict[int, Entry] = {}
    try:
        with storage.open_input(location) as stream, tarfile.open(fileobj=stream, mode="r|*") as archive:
            for member in archive:
                name = _RDF_NAME.search(member.name)
                content = archive.extractfile(member) if name and member.size <= _MOST_RDF_BYTES else None
                if name and content is not None:
                    entry = parse_rdf(content.read())
                    entry.pop("number", None)
                    entries[int(name[1])] = entry
    except (tarfile.TarError, EOFError, OSError) as error:
        raise UserError(f"{location}: not a readable catalogue: {error}", hint="fetch it again") from error
    return entries


def parse_rdf(data: bytes) -> Entry:
    """One book's RDF; {} when it is no RDF."""
    try:
        root = ElementTree.fromstring(data)
    except (ElementTree.ParseError, ValueError, LookupError):
        return {}
    entry: Entry = {}
    book = next((element for element in root.iter() if _local(element) == "ebook"), root)
    about = next((value for name, value in book.attrib.items() if name.endswith("}about")), "")
    if (number := about.rpartition("/")[2]).isdigit():
        entry["number"] = int(number)
    for element in book:
        name, text = _local(element), " ".join("".join(element.itertext()).split())
        if name in ("title", "issued", "rights"):
            entry[name] = text
        elif name == "creator":
            entry.setdefault("authors", []).extend(_texts(element, "name"))
        elif name == "language":
            entry["languages"] = [*entry.get("languages", []), *language_codes(text)]
        elif name == "subject":
            kind = "locc" if any("LCC" in v for e in element.iter() for v in e.attrib.values()) else "subjects"
            entry.setdefault(kind, []).extend(_texts(element, "value"))
        elif name == "bookshelf":
            entry.setdefault("bookshelves", []).extend(_texts(element, "value"))
    return entry


def _texts(element: ElementTree.Element, name: str) -> list[str]:
    return [" ".join((e.text or "").split()) for e in element.iter() if _local(e) == name]


def _local(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""
