"""Stack Exchange dumps: a question with its answers is a document.

    sources:
      exchange:
        read: stackexchange
        input: dumps/                         # a folder of sites: *.7z, or folders with Posts.xml
      overflow:
        read: {stackexchange: {minimum_answer_score: 3, comments: true}}
        input: stackoverflow.com-Posts.7z

Comments.xml and Users.xml, or their archives, are found beside Posts.xml. Answers stand by score, highest first. Every
post that is in no document has a ledger row that says why.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar

from pydantic import field_validator

from gristmill import storage
from gristmill.documents import QUARANTINE_BYTES, Outcome, Record
from gristmill.sources.compressed import Damage
from gristmill.sources.dates import parse_date
from gristmill.sources.fields import well_formed
from gristmill.sources.html_text import Links, Markup
from gristmill.sources.posts_xml import Row
from gristmill.sources.question_text import (
    Layout,
    author,
    body_text,
    comment_text,
    joined,
    labelled,
    licence,
    tags,
    whole,
)
from gristmill.sources.question_threads import Post, Thread, ThreadJoin
from gristmill.sources.seven_zip import check_installed
from gristmill.sources.site_tables import (
    POSTS_FILES,
    extracted,
    is_other_table,
    read_tables,
    site_name,
    table_files,
)
from gristmill.stage import InputFile, Source, setting

_POST_KINDS = {
    3: "orphaned_tag_wiki",
    4: "tag_excerpt",
    5: "tag_wiki",
    6: "nomination",
    7: "placeholder",
    8: "privilege",
}


class StackExchange(Source):
    """Questions with their answers from Stack Exchange dumps."""

    kind = "stackexchange"
    version: ClassVar[int] = 2
    suffixes: ClassVar[tuple[str, ...]] = (*POSTS_FILES, ".7z")

    site: str | None = setting(
        None, "host name of the site; null takes it from the folder or archive: beer.stackexchange.com"
    )
    sites: tuple[str, ...] | None = setting(
        None,
        "only these sites of the input; `python -m gristmill.sources.site_sizes` ranks sites by posts",
        source="LLaMA: the 28 largest (which ones is not published)",
    )
    minimum_question_score: int | None = setting(None, "questions under this score are dropped", source="ours; off")
    minimum_answer_score: int | None = setting(
        None, "answers under this score are left out", source="RedPajama v1: none; The Pile: 3"
    )
    keep_accepted: bool = setting(
        True, "an accepted answer stays whatever its score and `maximum_answers`", source="The Pile"
    )
    maximum_answers: int | None = setting(
        None, "answers per question, best first", source="RedPajama v1: all; The Pile: 3", ge=1
    )
    require_answer: bool = setting(
        False, "drop questions of which no answer is left", source="RedPajama v1: no; The Pile: yes"
    )
    drop_closed: bool = setting(False, "drop questions that were closed", source="ours; off")
    accepted_first: bool = setting(
        False, "the accepted answer stands first, not in its place by score", source="LLaMA: by score"
    )
    comments: bool = setting(
        False, "add the comments of each post behind it", source="LLaMA, RedPajama v1: no; Common Pile: yes"
    )
    minimum_comment_score: int = setting(0, "comments under this score are left out", source="ours")
    authors: bool = setting(
        True, "read display names from Users beside Posts, for attribution in the metadata", source="CC BY-SA"
    )
    question_label: str = setting("Q: ", "what stands before a question's title", source="RedPajama v1")
    answer_label: str = setting("A: ", "what stands before an answer", source="RedPajama v1")
    accepted_label: str = setting("A (accepted): ", "what stands before an accepted answer", source="ours")
    comment_label: str = setting("Comment: ", "what stands before a comment", source="ours")
    markup: Markup = setting(
        "markdown",
        "markdown fences code and marks quotes and headings; plain only sets them apart",
        source="ours; RedPajama v1 strips all tags",
    )
    links: Links = setting(
        "text", "keep the words of a link, or add its target in parentheses", source="RedPajama v1: words"
    )
    drop_duplicate_notices: bool = setting(
        True, "drop the `Possible Duplicate` box inside bodies of older dumps", source="ours"
    )
    max_row_bytes: int = setting(
        20_000_000, "longest row that is read", unit="bytes", source="ours; posts have 30,000 characters at most", gt=0
    )
    memory: int = setting(
        256_000_000, "rows held before they are sorted to the temporary folder", unit="bytes", source="ours", gt=0
    )

    part_bytes: int | None = setting(
        2_000_000_000,
        "larger Posts files are read by several workers, each of which takes a share of the questions; null: never",
        unit="stored bytes",
        source="ours; only Stack Overflow is larger",
        ge=1,
    )

    @field_validator("site")
    @classmethod
    def _site_is_a_host(cls, name: str | None) -> str | None:
        return None if name is None else _host(name)

    @field_validator("sites")
    @classmethod
    def _sites_are_hosts(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return None if names is None else tuple(_host(name) for name in names)

    # -- which files -------------------------------------------------------------------------------------------------

    def expand(self, location: str) -> list[str]:
        """One Posts file per site: archives of other tables stand for nothing of their own, and an archive that was
        extracted beside itself is read once. Raises UserError when .7z cannot be read here."""
        if is_other_table(location):
            return []
        if location.endswith(".7z"):
            location = extracted(location) or location
        if self.sites is not None and site_name(location) not in self.sites:
            return []
        if location.endswith(".7z"):
            check_installed()
        return [location]

    def parts(self, file: InputFile) -> list[InputFile]:
        """The site as a whole, or shares of its questions when it is large. An answer may lie anywhere behind its question,
        so every worker reads all of the file; `start` only numbers the shares. The version covers the tables beside Posts
        that will be read.
        """
        beside = [storage.stat(table.location) for table in table_files(file.location, self._tables)[1:]]
        version = "+".join([file.version, *(f"{stat.size}:{stat.version}" for stat in beside)])
        file = replace(file, version=version)
        if self.part_bytes is None or file.size <= self.part_bytes:
            return [file]
        starts = range(0, file.size, self.part_bytes)
        return [replace(file, start=start, end=min(start + self.part_bytes, file.size)) for start in starts]

    def _share(self, file: InputFile) -> tuple[int, int]:
        """Which share of the questions an input file of `parts` stands for: (part, parts)."""
        if self.part_bytes is None or file.end is None:
            return 0, 1
        return file.start // self.part_bytes, -(-file.size // self.part_bytes)

    @property
    def _tables(self) -> list[str]:
        return ["Posts", *(["Comments"] if self.comments else []), *(["Users"] if self.authors else [])]

    # -- records -----------------------------------------------------------------------------------------------------

    def records(self, file: InputFile) -> Iterator[Record]:
        """Broken rows and other kinds of posts as they are met, then a record per question by question id, each followed
        by its answers that are not in the document. Offset and length: the row in the decompressed Posts.xml.
        """
        site = self.site or site_name(file.location)
        share = self._share(file)
        first = share[0] == 0  # tells what concerns the file as a whole
        with tempfile.TemporaryDirectory(prefix="gristmill-") as folder:
            join = ThreadJoin(
                folder, self.memory, self.max_row_bytes, comments=self.comments, names=self.authors, share=share
            )
            for tables in table_files(file.location, self._tables):
                try:
                    for table, pieces in read_tables(tables):
                        for row in join.read(table, pieces):
                            yield _stray(file.name, table, row)
                except Damage as damage:
                    if first:
                        yield Record(file.name, 0, file.size).end(Outcome.QUARANTINED, damage.reason, str(damage))
            if not join.posts and first:
                record = Record(file.name, 0, file.size)
                yield record.end(Outcome.QUARANTINED, "no_posts", f"{file.location}: no Posts.xml with rows in it")
            for thread in join.threads():
                yield from self._thread_records(file.name, site, thread)

    def _thread_records(self, name: str, site: str, thread: Thread) -> Iterator[Record]:
        left_out: list[tuple[Post, str]] = [(post, "repeated_id") for post in thread.repeated]
        if thread.question is None:
            left_out += [(post, "no_question") for post in thread.answers]
        else:
            record = _record(name, site, thread.question)
            if thread.too_large:
                record.payload = thread.question.data[:QUARANTINE_BYTES]
                record.end(Outcome.QUARANTINED, "too_large", "more under one question than can be joined")
            else:
                left_out += self._fill(record, site, thread)
            if not record.open:
                left_out = [(post, "question_not_kept") for post in thread.answers]
                left_out += [(post, "repeated_id") for post in thread.repeated]
            yield record
        for post, rule in sorted(left_out, key=lambda item: item[0].offset):
            yield _record(name, site, post).end(Outcome.DROPPED, f"{self.kind}.{rule}")

    def _fill(self, record: Record, site: str, thread: Thread) -> list[tuple[Post, str]]:
        """Set text and metadata or end the record; the answers left out and by which rule."""
        assert thread.question is not None
        fields = thread.question.fields
        score = whole(fields.get("Score")) or 0
        record.date = parse_date(fields.get("CreationDate"))
        record.title = " ".join(well_formed(fields.get("Title", "")).split()) or None
        if self.minimum_question_score is not None and score < self.minimum_question_score:
            record.end(Outcome.DROPPED, f"{self.kind}.question_score")
            return []
        if self.drop_closed and fields.get("ClosedDate"):
            record.end(Outcome.DROPPED, f"{self.kind}.closed")
            return []
        accepted = whole(fields.get("AcceptedAnswerId"))
        chosen, left_out = self._choose(thread.answers, accepted)
        layout = self._layout
        body = body_text(fields.get("Body", ""), layout)
        if not record.title and not body:
            record.end(Outcome.DROPPED, f"{self.kind}.empty_question")
            return []
        parts = [labelled(self.question_label, record.title or body), body if record.title else ""]
        metadata = self._post_metadata(fields, thread, site) | {
            "site": site,
            "question_id": thread.id,
            "score": score,
            "tags": tags(fields.get("Tags", "")),
        }
        parts += self._comments(thread, thread.question, site, metadata)
        answers: list[dict[str, Any]] = []
        for post, answer, answer_score in chosen:
            text = body_text(answer.get("Body", ""), layout)
            if not text:
                left_out.append((post, "empty_answer"))
                continue
            is_accepted = post.id == accepted
            parts.append(labelled(self.accepted_label if is_accepted else self.answer_label, text))
            known = self._post_metadata(answer, thread, site) | {"id": post.id, "score": answer_score}
            parts += self._comments(thread, post, site, known)
            answers.append(known | ({"accepted": True} if is_accepted else {}))
        if self.require_answer and not answers:
            record.end(Outcome.DROPPED, f"{self.kind}.no_answer")
            return []
        if answers:
            metadata["answers"] = answers
        if fields.get("ClosedDate"):
            metadata["closed"] = True
        record.metadata = metadata
        record.text = well_formed(joined(parts))
        return left_out

    def _choose(
        self, answers: list[Post], accepted: int | None
    ) -> tuple[list[tuple[Post, dict[str, str], int]], list[tuple[Post, str]]]:
        """Answers in the order they will stand, with fields and score; and those left out, with the rule."""
        scored = [(post, fields := post.fields, whole(fields.get("Score")) or 0) for post in answers]
        scored.sort(key=lambda item: (-item[2], item[0].id != accepted, item[0].id))
        if self.accepted_first:
            scored.sort(key=lambda item: item[0].id != accepted)
        kept, left_out = [], []
        room = self.maximum_answers if self.maximum_answers is not None else len(scored)
        if self.keep_accepted and any(post.id == accepted for post, _, _ in scored):
            room -= 1  # kept for the accepted one, wherever it stands
        for item in scored:
            post, _, score = item
            if self.keep_accepted and post.id == accepted:
                kept.append(item)
            elif self.minimum_answer_score is not None and score < self.minimum_answer_score:
                left_out.append((post, "answer_score"))
            elif room <= 0:
                left_out.append((post, "maximum_answers"))
            else:
                room -= 1
                kept.append(item)
        return kept, left_out

    def _comments(self, thread: Thread, post: Post, site: str, metadata: dict[str, Any]) -> list[str]:
        """The comments of a post as parts of the text; whom to credit for them goes into `metadata`."""
        if not self.comments:
            return []
        parts, credits = [], []
        for comment in thread.comments.get(post.id, ()):
            fields = comment.fields
            text = comment_text(fields.get("Text", ""), self._layout)
            if text and (whole(fields.get("Score")) or 0) >= self.minimum_comment_score:
                parts.append(self.comment_label + text)
                credits.append(self._post_metadata(fields, thread, site) | {"id": comment.id})
        if credits:
            metadata["comments"] = credits
        return parts

    def _post_metadata(self, fields: dict[str, str], thread: Thread, site: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        name, stated = licence(fields)
        if name:
            found["licence"] = name
            if not stated:
                found["licence_by_date"] = True
        if credit := author(fields, thread.names, site):
            found["author"] = {
                key: well_formed(value) if isinstance(value, str) else value for key, value in credit.items()
            }
        return found

    @property
    def _layout(self) -> Layout:
        return Layout(
            self.question_label,
            self.answer_label,
            self.accepted_label,
            self.comment_label,
            self.markup,
            self.links,
            self.drop_duplicate_notices,
        )


def _record(name: str, site: str, post: Post) -> Record:
    url = f"https://{site}/questions/{post.id}" if site else None
    return Record(name, post.offset, post.length, url=url)


def _stray(name: str, table: str, row: Row) -> Record:
    """The record of a row that belongs to no thread. Rows of other tables say so in the reason."""
    record = Record(name, row.offset, row.length)
    if row.problem == "other_post":
        number = int(row.message or 0)
        return record.end(Outcome.NOT_TEXT, _POST_KINDS.get(number, f"post_type_{number}"))
    record.payload = row.data[:QUARANTINE_BYTES]
    reason = row.problem if table == "Posts" else f"{table.lower()}.{row.problem}"
    return record.end(Outcome.QUARANTINED, reason or "bad_xml", row.message)


def _host(name: str) -> str:
    if "." not in name or name != name.lower() or "/" in name:
        raise ValueError(f"{name!r} is no site; write its host name, like beer.stackexchange.com")
    return name
