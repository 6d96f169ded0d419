"""arXiv papers from their LaTeX sources: the monthly tars, single papers, or folders of .tex files.

sources:
  arxiv:
    read: {arxiv: {abstract: keep}}
    input: src/arXiv_src_*.tar
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar, Literal

from gristmill import storage
from gristmill.documents import QUARANTINE_BYTES, Outcome, Record
from gristmill.sources.dates import parse_date
from gristmill.sources.fields import well_formed
from gristmill.sources.latex_paper import Choices, Paper, read_paper
from gristmill.sources.members import Member, members, unpacked
from gristmill.stage import InputFile, Source, setting

Keep = Literal["keep", "drop"]

_NEW_ID = re.compile(r"(?:^|/)(\d{4}\.\d{4,5})(v\d+)?(?:\.|$)")
_OLD_ID = re.compile(r"(?:^|/)([a-z-]+(?:\.[A-Z]{2})?)_?(\d{7})(v\d+)?(?:\.|$)")
_MONTHLY = re.compile(r"(?:^|/)[^/]*(?:arXiv_src|_src_)[^/]*\.tar$")
_PAPERS = (".gz", ".tgz", ".pdf", ".tar", ".tex")


class Arxiv(Source):
    """Papers as LaTeX, without comments, with their own macros written out, from the first section to the references."""

    kind = "arxiv"
    version: ClassVar[int] = 2
    suffixes: ClassVar[tuple[str, ...]] = (".tar", ".tar.gz", ".tgz", ".gz", ".tex", ".zip")

    abstract_text: Keep = setting(
        "drop", "the abstract before the first section", source="LLaMA drops what precedes it"
    )
    macros: Literal["expand", "keep"] = setting("expand", "macros that papers define for themselves", source="LLaMA")
    appendix: Keep = setting(
        "keep", "what follows \\appendix, before the references", source="LLaMA is silent; RedPajama v1 cuts"
    )
    after_references: Keep = setting("drop", "what follows the references", source="RedPajama v1 drops it")
    without_sections: Keep = setting("keep", "papers without any section", source="ours; RedPajama v1 loses them")
    monthly: bool | None = setting(
        None,
        "a tar holds a paper in each member; null: by its name (arXiv_src_2301_001.tar)",
        source="arXiv's bulk data",
    )
    max_paper_bytes: int = setting(
        100_000_000, "largest paper that is read, unpacked", unit="bytes", source="ours; figures count", gt=0
    )

    # -- which files -------------------------------------------------------------------------------------------------

    def select(self, files: list[InputFile]) -> list[InputFile]:
        """Loose .tex files that lie in one folder, or below it, are one paper."""
        chosen = [file for file in files if not file.name.endswith(".tex")]
        papers: dict[str, list[InputFile]] = {}
        for file in sorted((f for f in files if f.name.endswith(".tex")), key=lambda f: (f.name.count("/"), f.name)):
            folder = file.location.rpartition("/")[0]
            above = next((one for one in papers if folder == one or folder.startswith(one + "/")), folder)
            papers.setdefault(above, []).append(file)
        chosen += [replace(paper[0], together=tuple(paper[1:])) for paper in papers.values()]
        return sorted(chosen, key=lambda file: file.name)

    # -- records -----------------------------------------------------------------------------------------------------

    def records(self, file: InputFile) -> Iterator[Record]:
        """One record per paper; the offset of one in a monthly tar is its place there."""
        if file.name.endswith(".tex"):
            yield self._folder(file)
            return
        monthly = self.monthly if self.monthly is not None else _MONTHLY.search(file.name) is not None
        with storage.open_input(file.location) as stream:
            found = members(stream, file.name, self.max_paper_bytes)
            if monthly:
                for member in found:
                    yield self._packed(file, member)
            else:
                record = Record(file.name, 0, file.size, metadata={})
                self._identify(record, file.name)
                yield self._paper(record, found)

    def _folder(self, file: InputFile) -> Record:
        top = file.location.rpartition("/")[0] + "/"
        record = Record(file.name, 0, file.size + sum(other.size for other in file.together), metadata={})
        self._identify(record, file.name)
        contents = (
            Member(one.location.removeprefix(top), 0, one.size, storage.read_bytes(one.location))
            for one in (file, *file.together)
            if one.size <= self.max_paper_bytes
        )
        return self._paper(record, contents)

    def _packed(self, file: InputFile, member: Member) -> Record:
        record = Record(file.name, member.offset, member.length, metadata={"member": well_formed(member.name)})
        self._identify(record, member.name)
        if member.problem is not None:
            record.payload = member.data[:QUARANTINE_BYTES]
            return record.end(Outcome.QUARANTINED, member.problem, member.message)
        if member.name.endswith(".pdf"):
            return record.end(Outcome.NOT_TEXT, "pdf")
        if not member.name.endswith(_PAPERS):
            return record.end(Outcome.NOT_TEXT, "other_file")
        return self._paper(record, unpacked(member.data, "main.tex", self.max_paper_bytes))

    def _paper(self, record: Record, found: Iterator[Member]) -> Record:
        files: dict[str, bytes] = {}
        size = 0
        for member in found:
            size += member.length
            if member.problem is not None and not files:
                record.payload = member.data[:QUARANTINE_BYTES]
                return record.end(Outcome.QUARANTINED, member.problem, member.message)
            if size > self.max_paper_bytes:
                message = f"more than {self.max_paper_bytes} bytes, the limit is max_paper_bytes"
                return record.end(Outcome.QUARANTINED, "too_large", message)
            if member.problem is not None:
                record.metadata["damaged"] = member.problem
            else:
                files[member.name] = member.data
        if reason := _not_latex(files):
            return record.end(Outcome.NOT_TEXT, reason)
        self._fill(record, read_paper(files, self._choices))
        return record

    def _fill(self, record: Record, paper: Paper) -> None:
        record.title = well_formed(paper.title) or None
        record.metadata |= {
            name: value
            for name, value in (
                ("main", paper.main),
                ("other_documents", paper.others[:20]),
                ("missing_files", paper.missing[:20]),
                ("encodings", paper.encodings),
                ("unexpanded_macros", paper.recursive[:20]),
            )
            if value
        }
        if paper.reason is None:
            record.text = well_formed(paper.text)
        elif paper.reason in ("withdrawn", "no_tex"):
            record.end(Outcome.NOT_TEXT, paper.reason)
        else:
            record.end(Outcome.DROPPED, f"{self.kind}.{paper.reason}")

    def _identify(self, record: Record, name: str) -> None:
        if number := arxiv_id(name):
            record.url = f"https://arxiv.org/abs/{number}"
            record.date = _month(number)
            record.metadata["arxiv_id"] = number

    @property
    def _choices(self) -> Choices:
        return Choices(
            self.abstract_text == "keep",
            self.appendix == "keep",
            self.after_references == "keep",
            self.without_sections == "keep",
            self.macros == "expand",
        )


def arxiv_id(name: str) -> str | None:
    """The paper's id in a file name: 2301/2301.00001.gz, 0001/astro-ph0001001.gz, hep-th_9901001.tar.gz."""
    if found := _NEW_ID.search(name):
        return found[1]
    if found := _OLD_ID.search(name):
        return f"{found[1]}/{found[2]}"
    return None


def _month(number: str) -> int | None:
    digits = number.rpartition("/")[2][:4]
    year = int(digits[:2])
    return parse_date(f"{(1900 if year > 90 else 2000) + year}-{digits[2:]}-01")


def _not_latex(files: dict[str, bytes]) -> str | None:
    """Why a paper has no LaTeX: it is a PDF, PostScript, HTML, or a Word file."""
    heads: list[Any] = [data.lstrip()[:200] for data in files.values()]
    names = [name.lower() for name in files]
    if len(files) > 1 and any(name.endswith((".tex", ".ltx", ".latex", ".txt")) for name in names):
        return None
    if any(head.startswith(b"%PDF") for head in heads):
        return "pdf"
    if any(head.startswith(b"%!") for head in heads):
        return "postscript"
    if any(b"<html" in head.lower() or b"<!doctype html" in head.lower() for head in heads):
        return "html"
    if any(name.endswith((".docx", ".doc")) for name in names):
        return "word"
    return None
