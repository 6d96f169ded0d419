"""Input patterns → input files → shards.

A file's *name* is what documents and ledgers carry: its path from the last fixed folder of the pattern on, the same
on every machine. A shard's name comes from the names of its files alone; which version of them it was made from is
its *identity*.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gristmill import storage
from gristmill.errors import UserError
from gristmill.pipeline.fingerprint import hash_text
from gristmill.stage import InputFile, Source


@dataclass(frozen=True)
class Shard:
    """Some input files that become one documents file."""

    name: str
    files: tuple[InputFile, ...]

    @property
    def identity(self) -> str:
        """Hash of names, sizes and versions (etag or modification time) of the files."""
        files = [part for file in self.files for part in (file, *file.together)]
        return hash_text("\n".join(f"{f.name}\t{f.size}\t{f.version}\t{f.start}\t{f.end}" for f in files))

    @property
    def bytes(self) -> int:
        return sum((file.size if file.end is None else file.end) - file.start for file in self.files)


def find_files(source: Source, patterns: Sequence[str], where: str) -> list[InputFile]:
    """All files of the patterns, sorted by name. Raises UserError for a pattern that leads to no file."""
    found: dict[str, str] = {}  # location → name
    for pattern in patterns:
        try:
            locations = list(_locations(source, pattern))
        except UserError as error:
            raise UserError(f"input {error.message}", where=where, hint=error.hint) from error
        if not locations:
            raise UserError(f"input {pattern}: no file matches", where=where, hint="check the path or the glob")
        for location, name in locations:
            found.setdefault(location, name)
    files, taken = [], set()
    for location, name in sorted(found.items(), key=lambda item: (item[1], item[0])):
        unique, number = name, 1
        while unique in taken:
            number += 1
            unique = f"{name}~{number}"
        taken.add(unique)
        try:
            stat = storage.stat(location)
        except UserError as error:
            raise UserError(f"input {error.message}", where=where, hint=error.hint) from error
        files += source.parts(InputFile(location, unique, stat.size, stat.version))
    return source.select(files)


def _locations(source: Source, pattern: str) -> Iterator[tuple[str, str]]:
    if any(sign in pattern for sign in "*?["):
        fixed = re.split(r"[*?\[]", pattern, maxsplit=1)[0].rpartition("/")[0]
        matches, base = storage.glob(pattern), fixed.rpartition("/")[0]
    elif storage.is_dir(pattern):
        matches, base = sorted(_walk(source, pattern.rstrip("/"))), pattern.rstrip("/").rpartition("/")[0]
    else:
        matches, base = [pattern], pattern.rpartition("/")[0].rpartition("/")[0]
    for match in matches:
        for location in source.expand(match):
            inside = location.startswith(base + "/")
            name = location[len(base) + 1 :] if inside else location.split("://", 1)[-1].partition("/")[2]
            yield location, name or location


def _walk(source: Source, folder: str) -> Iterator[str]:
    """Files with the source's suffixes below a folder."""
    if storage.is_remote(folder):
        matches = storage.glob(storage.join(folder, "**"))
        yield from (match for match in matches if match.endswith(source.suffixes))
        return

    def refuse(error: OSError) -> None:
        raise error

    with storage.explain(folder, "list"):
        for parent, _, names in os.walk(folder, onerror=refuse):
            yield from (os.path.join(parent, name) for name in names if name.endswith(source.suffixes))


def make_shards(files: Sequence[InputFile], group_bytes: int = 0) -> list[Shard]:
    """One shard per file, or per run of consecutive files of at most `group_bytes` together."""
    groups: list[list[InputFile]] = []
    for file in files:
        fits = groups and sum(f.size for f in groups[-1]) + file.size <= group_bytes
        if fits:
            groups[-1].append(file)
        else:
            groups.append([file])
    return [Shard(_shard_name(group), tuple(group)) for group in groups]


def _shard_name(files: Sequence[InputFile]) -> str:
    stem = files[0].name.rsplit("/", 1)[-1].split(".")[0]
    names = "\n".join(file.name if file.end is None else f"{file.name}@{file.start}" for file in files)
    readable = re.sub(r"[^A-Za-z0-9_-]+", "_", stem)[:48] or "input"
    return f"{readable}-{hash_text(names)[:10]}"
