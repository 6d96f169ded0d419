"""Questions with their answers, comments and authors' names, joined out of core.

A dump's tables are ordered by their own ids: an answer lies anywhere behind its question, its comments and its
author's name in other files. Every row goes into an external sort by the question it belongs to; comments find that
question through a sort by post, names through a sort by user. Memory does not grow with the site.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from gristmill.sources.external_sort import ExternalSort
from gristmill.sources.posts_xml import Row, attributes, rows

QUESTION_TYPE, ANSWER_TYPE = 1, 2
_QUESTION, _ANSWER, _COMMENT, _NAME = range(4)
_PLACE = struct.Struct(">qq")  # offset and length of a row, before its attributes; big-endian, so that it sorts
_TOO_MUCH = 16 << 20  # bytes of rows under one question that are joined; the largest real ones have a few MB


@dataclass(slots=True)
class Post:
    """A question, answer or comment: where its row lies and what it says."""

    id: int
    offset: int
    length: int
    data: bytes

    @property
    def fields(self) -> dict[str, str]:
        return attributes(self.data)


@dataclass(slots=True)
class Thread:
    """Everything that belongs to one question; `question` is None for answers whose question is not in the dump."""

    id: int
    question: Post | None = None
    answers: list[Post] = field(default_factory=list)  # by id
    comments: dict[int, list[Post]] = field(default_factory=dict)  # post id → its comments by id
    names: dict[int, str] = field(default_factory=dict)  # user id → display name
    repeated: list[Post] = field(default_factory=list)  # posts whose id came before
    too_large: bool = False  # rows beyond _TOO_MUCH bytes were left out

    @property
    def posts(self) -> list[Post]:
        return [*([self.question] if self.question else []), *self.answers]


class ThreadJoin:
    """Takes tables in any order, then gives threads by question id.

    comments, names: whether these tables will be read.
    memory: bytes held before sorted runs go to `folder`.
    share: (part, parts): only the questions whose id leaves `part` when divided by `parts`, with all that is theirs. Other
    posts go by their own id, and rows without one are the first part's.
    """

    def __init__(
        self,
        folder: str,
        memory: int,
        max_row_bytes: int,
        *,
        comments: bool,
        names: bool,
        share: tuple[int, int] = (0, 1),
    ) -> None:
        self._part, self._parts = share
        each = memory // (1 + comments + names)
        self._threads = ExternalSort(_inside(folder, "threads"), each)
        self._by_post = ExternalSort(_inside(folder, "by_post"), each) if comments else None
        self._by_user = ExternalSort(_inside(folder, "by_user"), each) if names else None
        self._max_row_bytes = max_row_bytes
        self.posts = 0

    def read(self, table: str, pieces: Iterable[bytes]) -> Iterator[Row]:
        """Take a table (Posts, Comments, Users); gives the rows that belong to no thread: broken ones, and posts that
        are neither question nor answer (`problem` is then other_post)."""
        take = {"Posts": self._take_post, "Comments": self._take_comment, "Users": self._take_user}[table]
        for row in rows(pieces, self._max_row_bytes):
            number = None
            if row.problem is None:
                take(row)
                number = row.number("Id")
            if row.problem is not None and self._mine(number or 0):
                yield row

    def _mine(self, number: int) -> bool:
        return number % self._parts == self._part

    def _take_post(self, row: Row) -> None:
        self.posts += 1
        post, kind = row.number("Id"), row.number("PostTypeId")
        if post is None or kind is None:
            row.problem, row.message = "no_id", "a post without Id or PostTypeId"
        elif kind not in (QUESTION_TYPE, ANSWER_TYPE):
            row.problem, row.message = "other_post", str(kind)
        elif kind == ANSWER_TYPE and row.number("ParentId") is None:
            row.problem, row.message = "no_parent", "an answer without ParentId"
        else:
            question = post if kind == QUESTION_TYPE else row.number("ParentId") or 0
            if not self._mine(question):
                return
            self._threads.add(question, _QUESTION if kind == QUESTION_TYPE else _ANSWER, post, _packed(row))
            if self._by_post is not None:
                self._by_post.add(post, 0, question, b"")
            self._want_name(row.number("OwnerUserId"), question)

    def _take_comment(self, row: Row) -> None:
        comment, post = row.number("Id"), row.number("PostId")
        if comment is None or post is None:
            row.problem, row.message = "no_id", "a comment without Id or PostId"
        elif self._by_post is not None:
            self._by_post.add(post, 1, comment, _packed(row))

    def _take_user(self, row: Row) -> None:
        user = row.number("Id")
        if user is None:
            row.problem, row.message = "no_id", "a user without Id"
        elif self._by_user is not None:
            name = attributes(row.data).get("DisplayName")
            if name:
                self._by_user.add(user, 0, 0, name.encode("utf-8", "replace"))

    def _want_name(self, user: int | None, question: int) -> None:
        if user is not None and self._by_user is not None:
            self._by_user.add(user, 1, question, b"")

    # -- after the last table --------------------------------------------------------------------------------------

    def threads(self) -> Iterator[Thread]:
        """All threads by question id; to be called once, after the last table."""
        self._join_comments()
        self._join_names()
        thread: Thread | None = None
        size = 0
        for question, kind, number, content in self._threads.merged():
            if thread is None or thread.id != question:
                if thread is not None:
                    yield thread
                thread, size = Thread(question), 0
            size += len(content)
            if size > _TOO_MUCH:
                thread.too_large = True
            if thread.too_large and kind in (_COMMENT, _NAME):
                continue
            if thread.too_large and kind == _ANSWER:
                content = content[: _PLACE.size]  # only its place: the ledger names it
            _place(thread, kind, number, content)
        if thread is not None:
            yield thread

    def _join_comments(self) -> None:
        if self._by_post is None:
            return
        current, question = None, None
        for post, kind, number, content in self._by_post.merged():
            if kind == 0:
                current, question = post, number
            elif post == current and question is not None:
                self._threads.add(question, _COMMENT, number, content)
                row = Row(0, 0, content)
                self._want_name(row.number("UserId"), question)

    def _join_names(self) -> None:
        if self._by_user is None:
            return
        current, name, last = None, b"", None
        for user, kind, question, content in self._by_user.merged():
            if kind == 0:
                current, name, last = user, content, None
            elif user == current and question != last:
                self._threads.add(question, _NAME, user, name)
                last = question


def _place(thread: Thread, kind: int, number: int, content: bytes) -> None:
    if kind == _NAME:
        thread.names[number] = content.decode("utf-8", "replace")
        return
    offset, length = _PLACE.unpack_from(content)
    post = Post(number, offset, length, content[_PLACE.size :])
    if kind == _COMMENT:
        on = Row(offset, length, post.data).number("PostId")
        thread.comments.setdefault(on or 0, []).append(post)
    elif kind == _QUESTION:
        if thread.question is None:
            thread.question = post
        else:
            thread.repeated.append(post)
    elif thread.answers and thread.answers[-1].id == number:
        thread.repeated.append(post)
    else:
        thread.answers.append(post)


def _packed(row: Row) -> bytes:
    return _PLACE.pack(row.offset, row.length) + row.data


def _inside(folder: str, name: str) -> str:
    path = os.path.join(folder, name)
    os.makedirs(path, exist_ok=True)
    return path
