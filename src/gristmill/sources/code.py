"""Source code from folders, archives or tables, with the licence that holds for every file.

sources:
  code:
    read: {code: {allow: llama}}
    input: repositories/*.tar.gz             # an archive a repository; folders and GitHub-style Parquet or JSON Lines too
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar, Literal

from gristmill import storage
from gristmill.documents import QUARANTINE_BYTES, Outcome, Record
from gristmill.errors import UserError
from gristmill.sources.code_headers import without_header
from gristmill.sources.code_languages import extension, is_built, is_generated, is_minified, is_vendored, language
from gristmill.sources.fields import find, well_formed
from gristmill.sources.licence_heads import from_head
from gristmill.sources.licence_names import known
from gristmill.sources.licence_sets import SetName, licence_set
from gristmill.sources.licence_texts import Evidence, is_licence_file
from gristmill.sources.licence_tree import LicenceTree, Several, decide, shown
from gristmill.sources.members import Member, members
from gristmill.sources.rows import rows
from gristmill.stage import InputFile, Settings, Source, setting

_ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst", ".zip", ".whl", ".crate", ".gem")
_TABLES = (".parquet", ".jsonl", ".jsonl.gz", ".jsonl.zst", ".ndjson", ".ndjson.gz")
_LICENCE_BYTES = 2_000_000


class Columns(Settings):
    """Names of a table's columns; a dotted name goes into nested objects."""

    content: str = setting("content", "the file's text", source="The Stack; BigQuery's GitHub tables")
    path: str = setting("path", "path in the repository", source="BigQuery; The Stack: max_stars_repo_path")
    repository: str | None = setting(
        "repo_name", "name of the repository", source="BigQuery; The Stack: max_stars_repo_name"
    )
    licences: tuple[str, ...] = setting(
        ("license", "licenses", "max_stars_repo_licenses"),
        "columns with a licence or a list of them; the first that is there",
    )


class Code(Source):
    """Files of repositories whose licence is allowed."""

    kind = "code"
    version: ClassVar[int] = 3
    suffixes: ClassVar[tuple[str, ...]] = ("",)

    allow: SetName | tuple[str, ...] = setting(
        "llama", "a set of licences, or SPDX identifiers", source="LLaMA: Apache, BSD, MIT; The Stack v2: permissive"
    )
    several: Several = setting(
        "main",
        "of several licences in one place the main one must be allowed and the others permissive, or all allowed, or any",
        source="LLaMA: one a repository [U]; Common Pile, The Stack v2: all; v1: any [A]",
    )
    unlicensed: Literal["drop", "keep"] = setting(
        "drop", "files for which no licence is found", source="The Stack v1: dropped; v2: kept [C]"
    )
    unrecognised: Literal["drop", "keep"] = setting(
        "drop", "files under a licence text that is no known one", source="ours"
    )
    repository_depth: int = setting(
        1,
        "folders of an input folder that name a repository: 1 for repos/NAME, 2 for repos/OWNER/NAME, 0 for one repository",
        ge=0,
    )
    columns: Columns = setting(doc="columns of Parquet and JSON Lines tables", factory=Columns)
    languages: tuple[str, ...] | None = setting(
        None, "only these languages, as in `Python`", source="ours; all that are known"
    )
    unknown_languages: bool = setting(False, "files of no known language are read too", source="StarCoder drops them")
    vendored: bool = setting(False, "read vendored files: vendor/, node_modules/, third_party/ …", source="ours")
    built: bool = setting(False, "read what builds leave: dist/, _build/, htmlcov/ …", source="ours")
    generated: bool = setting(False, "read files that a program wrote", source="CodeParrot, StarCoder drop them [C]")
    minified: bool = setting(False, "read minified scripts and styles", source="ours")
    licence_files: bool = setting(False, "licence files become documents", source="RedPajama v1 skips LICENSE")
    licence_headers: Literal["drop", "keep"] = setting(
        "drop", "comments at the top about copyright or licence", source="LLaMA"
    )
    max_file_bytes: int = setting(1_000_000, "larger files are dropped", unit="bytes", source="The Stack: 1 MB", gt=0)
    max_archive_file_bytes: int = setting(
        100_000_000, "largest member of an archive that is opened", unit="bytes", gt=0
    )

    def check(self) -> None:
        """Raises UserError for identifiers that are no licences."""
        if not isinstance(self.allow, str):
            for name in self.allow:
                if known(name) != name:
                    raise UserError(f"code.allow: {name!r} is no SPDX identifier", hint="see spdx.org/licenses")

    @cached_property
    def _allowed(self) -> frozenset[str]:
        return licence_set(self.allow) if isinstance(self.allow, str) else frozenset(self.allow)

    # -- which files -------------------------------------------------------------------------------------------------

    def expand(self, location: str) -> list[str]:
        """All files of a folder; a glob may name folders."""
        if storage.is_remote(location) or not storage.is_dir(location):
            return [] if "/.git/" in location else [location]
        found = []
        for parent, folders, names in os.walk(storage.local_path(location)):
            folders[:] = sorted(name for name in folders if name not in (".git", ".hg", ".svn"))
            found += [os.path.join(parent, name) for name in sorted(names)]
        return [name for name in found if os.path.isfile(name) and not os.path.islink(name)]

    def select(self, files: list[InputFile]) -> list[InputFile]:
        """Archives and tables as they are; loose files together by repository."""
        chosen = [file for file in files if file.name.endswith((*_ARCHIVES, *_TABLES))]
        loose: dict[str, list[InputFile]] = {}
        for file in files:
            if not file.name.endswith((*_ARCHIVES, *_TABLES)):
                loose.setdefault(self._repository(file.name), []).append(file)
        chosen += [replace(group[0], together=tuple(group[1:])) for group in loose.values()]
        return sorted(chosen, key=lambda file: file.name)

    def _repository(self, name: str) -> str:
        """The folders of a loose file's name that are its repository's."""
        return "/".join(name.split("/")[:-1][: 1 + self.repository_depth])

    # -- records -----------------------------------------------------------------------------------------------------

    def records(self, file: InputFile) -> Iterator[Record]:
        """One record per file of a repository. Archives are read twice: a licence may lie behind what it covers."""
        if file.name.endswith(_TABLES):
            yield from self._table(file)
        elif file.name.endswith(_ARCHIVES):
            yield from self._archive(file)
        else:
            yield from self._folder(file)

    def _archive(self, file: InputFile) -> Iterator[Record]:
        tree = LicenceTree()
        with storage.open_input(file.location) as stream:
            for member in members(stream, file.name, _LICENCE_BYTES, wanted=LicenceTree.wants):
                if member.problem is None:
                    tree.add(member.name, member.data)
        repository = posixpath.basename(file.name)
        for ending in _ARCHIVES:
            repository = repository.removesuffix(ending)
        with storage.open_input(file.location) as stream:
            for member in members(stream, file.name, self.max_archive_file_bytes):
                record = Record(file.name, member.offset, member.length)
                yield self._file(record, repository, member, tree)

    def _folder(self, file: InputFile) -> Iterator[Record]:
        files = [file, *file.together]
        prefix = self._repository(file.name) + "/"
        tree = LicenceTree()
        for one in files:
            path = one.name.removeprefix(prefix)
            if LicenceTree.wants(path) and one.size <= _LICENCE_BYTES:
                tree.add(path, storage.read_bytes(one.location))
        for one in files:
            member = Member(one.name.removeprefix(prefix), 0, one.size)
            if one.size <= self.max_file_bytes:
                member.data = storage.read_bytes(one.location)
            record = Record(one.name, 0, one.size)
            yield self._file(record, posixpath.basename(prefix.rstrip("/")), member, tree)

    def _file(self, record: Record, repository: str, member: Member, tree: LicenceTree) -> Record:
        path = well_formed(member.name)
        record.title, record.metadata = path, {"repository": repository, "path": path}
        if member.problem is not None:
            record.payload = member.data[:QUARANTINE_BYTES]
            return record.end(Outcome.QUARANTINED, member.problem, member.message)
        if member.length > self.max_file_bytes:
            return record.end(Outcome.DROPPED, f"{self.kind}.too_large")
        if b"\0" in member.data[:8000]:
            return record.end(Outcome.NOT_TEXT, "binary")
        try:
            text = member.data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = member.data.decode("cp1252", "replace")
            record.metadata["encoding"] = "cp1252"
        return self._text(record, path, text, tree.evidence(member.name, text))

    def _text(self, record: Record, path: str, text: str, evidence: list[Evidence]) -> Record:
        name = language(path, text)
        record.metadata |= {"language": name, "extension": extension(path)} | shown(evidence)
        if rule := self._dropped(path, text, name, evidence):
            return record.end(Outcome.DROPPED, f"{self.kind}.{rule}")
        text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
        if self.licence_headers == "drop":
            text = without_header(path, text)
        if not text.strip():
            return record.end(Outcome.DROPPED, f"{self.kind}.empty")
        record.text = well_formed(text)
        return record

    def _dropped(self, path: str, text: str, name: str | None, evidence: list[Evidence]) -> str | None:
        """The rule by which a file goes. What a licence forbids goes first, whatever else could be said of it."""
        decision = decide(evidence, self._allowed, self.several)
        rules = (
            ("licence", decision == "not_allowed"),
            ("no_licence", decision == "none" and self.unlicensed == "drop"),
            ("unrecognised_licence", decision == "unrecognised" and self.unrecognised == "drop"),
            ("licence_file", not self.licence_files and is_licence_file(path)),
            ("vendored", not self.vendored and is_vendored(path)),
            ("built", not self.built and is_built(path)),
            ("language", name is None and not self.unknown_languages),
            ("language", self.languages is not None and name not in self.languages),
        )
        if (rule := next((rule for rule, holds in rules if holds), None)) is not None:
            return rule
        if not self.generated and is_generated(path, text):
            return "generated"
        return "minified" if not self.minified and is_minified(path, text) else None

    # -- tables ------------------------------------------------------------------------------------------------------

    def _table(self, file: InputFile) -> Iterator[Record]:
        for row in rows(file.location, self.max_archive_file_bytes):
            record = Record(file.name, row.offset, row.length)
            if row.problem is not None:
                record.payload = row.data
                yield record.end(Outcome.QUARANTINED, row.problem, row.message)
                continue
            yield self._row(record, row.values)

    def _row(self, record: Record, values: dict[str, Any]) -> Record:
        text, path = find(values, self.columns.content), find(values, self.columns.path)
        if not isinstance(text, str):
            return record.end(Outcome.QUARANTINED, "no_text", f"the row has no text in {self.columns.content!r}")
        path = well_formed(path) if isinstance(path, str) else ""
        repository = find(values, self.columns.repository)
        record.title = path or None
        record.metadata = {"repository": repository if isinstance(repository, str) else None, "path": path}
        if len(text.encode("utf-8", "replace")) > self.max_file_bytes:
            return record.end(Outcome.DROPPED, f"{self.kind}.too_large")
        own = from_head(path, text)
        return self._text(record, path, text, [own] if own else _stated(values, self.columns.licences))


def _stated(values: dict[str, Any], columns: Iterable[str]) -> list[Evidence]:
    """The licences that a row's column states; `NOASSERTION`, `unknown` and empty lists are none."""
    for column in columns:
        value = find(values, column)
        names = value if isinstance(value, list) else [value]
        stated = [name for name in names if isinstance(name, str) and name.strip() and name.upper() not in _NO_LICENCE]
        if stated:
            return [Evidence(column, "column", tuple(known(name) or name for name in stated))]
    return []


_NO_LICENCE = ("NOASSERTION", "NONE", "UNKNOWN", "OTHER", "NO_LICENSE")
