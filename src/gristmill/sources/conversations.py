"""What Hacker News and Reddit dumps have in common: posts with trees of comments, spread over the files of a dump."""

from __future__ import annotations

import hashlib
import json
import tempfile
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

from gristmill.documents import Outcome, Record
from gristmill.sources.conversation import Layout, Node, comment_texts, path_text, thread_text, tree_text, walk
from gristmill.sources.conversation_join import ConversationJoin, Item, Thread
from gristmill.sources.fields import well_formed
from gristmill.sources.rows import Row
from gristmill.stage import InputFile, Source, setting

PACKED = ("", ".gz", ".zst", ".xz", ".bz2", ".lz4")
ROW_FILES = (*(stem + packed for stem in (".json", ".jsonl", ".ndjson", ".csv") for packed in PACKED), ".parquet")


class LeftOut(Exception):
    """A post or comment that takes no part; its argument is the rule's name."""


@dataclass(frozen=True)
class Post:
    """A post's text in two parts, and what is known of it."""

    title: str
    text: str
    author: str | None
    url: str
    date: int | None
    metadata: dict[str, Any]
    link: str = ""  # stands under the title


@dataclass(frozen=True)
class Comment:
    parent: int  # id of the post or comment it answers
    text: str
    author: str | None
    rank: tuple[Any, ...]  # comments under one parent stand in ascending order


class Conversations(Source):
    """Posts with the comments under them."""

    suffixes: ClassVar[tuple[str, ...]] = ROW_FILES

    layout: Layout = setting(
        "thread",
        "thread: replies indented under what they answer; path: one chain a top comment; comments: a document a top "
        "comment; tree: not indented, `metadata.posts` has [first byte, end, parent] of every post",
        source="thread, comments: Dolma; path: The Pile; tree: Falcon's attention to ancestors alone [C]",
    )
    authors: Literal["number", "name", "none"] = setting(
        "number",
        "how speakers are called: User 1, User 2 …, by their names, or not at all",
        source="ours; The Pile: names",
    )
    minimum_score: int | None = setting(None, "posts under this score are dropped")
    minimum_comments: int = setting(1, "posts with fewer comments left are dropped", source="The Pile: 1", ge=0)
    minimum_post_characters: int = setting(
        0, "posts with less text under their title are dropped", unit="characters", source="Dolma, for posts alone: 400"
    )
    minimum_comment_characters: int = setting(
        0,
        "shorter comments are left out with their replies",
        unit="characters",
        source="Dolma, for comments alone: 500",
    )
    max_row_bytes: int = setting(20_000_000, "longest row that is read", unit="bytes", source="ours", gt=0)
    memory: int = setting(
        256_000_000, "rows held before they are sorted to the temporary folder", unit="bytes", source="ours", gt=0
    )
    part_bytes: int = setting(
        2_000_000_000,
        "larger dumps are read by several workers, each of which takes a share of the posts",
        unit="stored bytes",
        source="ours",
        ge=1,
    )

    # -- what a format says ------------------------------------------------------------------------------------------

    @abstractmethod
    def rows(self, file: InputFile, share: tuple[int, int]) -> Iterator[tuple[int, int, Row, int]]:
        """(root, id, row, number of its file: 0 or 1 + its place in `together`) of every row whose root is of the share.
        root -1: the row is a stray, which ended with its `problem`."""

    def answers_for(self, file: InputFile, number: int) -> bool:
        """Whether what comes of the rows of a file is told with this input file, or with another that reads it too."""
        return True

    @abstractmethod
    def post(self, values: Mapping[str, Any]) -> Post:
        """Raises LeftOut."""

    @abstractmethod
    def comment(self, values: Mapping[str, Any]) -> Comment:
        """Raises LeftOut."""

    # -- records -----------------------------------------------------------------------------------------------------

    def records(self, file: InputFile) -> Iterator[Record]:
        """Strays as they are met, then a record per post by id, each followed by its comments that are in no document.
        Places are those of rows in their files."""
        names = [file.name, *(other.name for other in file.together)]
        told = frozenset(number for number in range(len(names)) if self.answers_for(file, number))
        with tempfile.TemporaryDirectory(prefix="gristmill-") as folder:
            join = ConversationJoin(folder, self.memory)
            for root, number, row, of in self.rows(file, share(file, self.part_bytes)):
                if root < 0:
                    yield _stray(names[of], row)
                    continue
                kept = json.dumps(row.values, default=str, separators=(",", ":")).encode()
                join.add(root, Item(number, of, row.offset, row.length, kept))
            for thread in join.threads():
                yield from self._thread_records(names, told, thread)

    def _thread_records(self, names: list[str], told: frozenset[int], thread: Thread) -> Iterator[Record]:
        left_out: list[tuple[Item, str]] = [(item, "repeated_id") for item in thread.repeated]
        if thread.post is None:
            left_out += [(item, "no_post") for item in thread.comments]
        else:
            record = _record(names, thread.post)
            documents: list[Record] = []
            if thread.too_large:
                record.end(Outcome.QUARANTINED, "too_large", "more under one post than can be joined")
            else:
                documents = self._fill(names, record, thread, left_out)
            if not record.open and not documents:
                named = {id(item) for item, _ in left_out}
                left_out += [(item, "post_not_kept") for item in thread.comments if id(item) not in named]
            yield record
            yield from documents
        for item, rule in sorted(left_out, key=lambda pair: (pair[0].file, pair[0].offset)):
            if item.file in told:
                yield _record(names, item).end(Outcome.DROPPED, f"{self.kind}.{rule}")

    def _fill(self, names: list[str], record: Record, thread: Thread, left_out: list[tuple[Item, str]]) -> list[Record]:
        """Set the record's text or end it; further records, when comments become documents of their own."""
        assert thread.post is not None
        try:
            post = self.post(json.loads(thread.post.data))
            if len(post.text) < self.minimum_post_characters:
                raise LeftOut("short_post")
        except LeftOut as rule:
            record.end(Outcome.DROPPED, f"{self.kind}.{rule}")
            return []
        record.url, record.date, record.title = post.url, post.date, post.title or None
        root = Node(thread.id, _post_text(post), None)
        items = {item.id: item for item in thread.comments}
        speakers = {} if self.authors == "none" else {thread.id: post.author}
        count = self._grow(root, items, speakers, left_out)
        if count < self.minimum_comments:
            record.end(Outcome.DROPPED, f"{self.kind}.few_comments")
            return []
        self._say_who(root, post, speakers)
        record.metadata = post.metadata | {"comments": count}
        if self.layout == "thread":
            record.text = thread_text(root)
        elif self.layout == "tree":
            tree = tree_text(root)
            record.text, record.metadata["posts"] = tree.text, [list(span) for span in tree.spans]
        elif self.layout == "path" or not root.replies:
            record.text, on_path = path_text(root)
            left_out += [(items[n.id], "not_on_path") for n, _, _ in walk(root) if n.id not in on_path]
        else:
            documents = []
            for top, text in comment_texts(root):
                document = _record(names, items[top.id])
                document.url, document.date, document.title = post.url, post.date, post.title or None
                document.metadata = post.metadata | {"comment": top.id}
                document.text = text
                documents.append(document)
            record.text = None
            record.end(Outcome.NOT_TEXT, "post_of_comments")
            return documents
        return []

    def _grow(
        self,
        root: Node,
        items: Mapping[int, Item],
        speakers: dict[int, str | None],
        left_out: list[tuple[Item, str]],
    ) -> int:
        """Hang the comments that are kept under what they answer; how many there are."""
        children: dict[int, list[tuple[tuple[Any, ...], int, Comment]]] = {}
        for number, item in items.items():
            try:
                comment = self.comment(json.loads(item.data))
                if len(comment.text) < max(1, self.minimum_comment_characters):
                    raise LeftOut("short_comment" if comment.text else "empty_comment")
            except LeftOut as rule:
                left_out.append((item, str(rule)))
                continue
            children.setdefault(comment.parent, []).append((comment.rank, number, comment))
        waiting, count = [root], 0
        while waiting:
            node = waiting.pop()
            for _, number, comment in sorted(children.pop(node.id, ()), key=lambda child: child[:2]):
                reply = Node(number, comment.text)
                if self.authors != "none":
                    speakers[number] = comment.author
                node.replies.append(reply)
                waiting.append(reply)
                count += 1
        left_out += [(items[number], "reply_to_left_out") for under in children.values() for _, number, _ in under]
        return count

    def _say_who(self, root: Node, post: Post, speakers: Mapping[int, str | None]) -> None:
        """Say who speaks, in the order in which they do."""
        numbers: dict[str, int] = {}
        for node, _, _ in walk(root):
            author = speakers.get(node.id)
            if not author:
                continue
            if self.authors == "number":
                author = f"User {numbers.setdefault(author, len(numbers) + 1)}"
            if node is root:
                node.text = _post_text(replace(post, text=f"{author}: {post.text}") if post.text else post)
            else:
                node.author = author


def share(file: InputFile, part_bytes: int) -> tuple[int, int]:
    """Which share of the posts an input file of `shares` stands for: (part, parts)."""
    if file.end is None:
        return 0, 1
    total = sum(f.size for f in (file, *file.together))
    return file.start // part_bytes, -(-total // part_bytes)


def shares(file: InputFile, part_bytes: int) -> list[InputFile]:
    """An input file with those that are read together, once or, when they are large, once per share of the posts. A comment
    may lie anywhere, so every worker reads all of them; `start` only numbers the shares."""
    total = sum(f.size for f in (file, *file.together))
    if total <= part_bytes:
        return [file]
    return [replace(file, start=at, end=min(at + part_bytes, total)) for at in range(0, total, part_bytes)]


def stable_share(number: int, parts: int) -> int:
    """The share an id belongs to. Ids are hashed: of consecutive ones the even may all be posts."""
    if parts == 1:
        return 0
    return int.from_bytes(hashlib.blake2b(str(number).encode(), digest_size=4).digest(), "big") % parts


def clean(text: Any) -> str:
    """A field that should be text, as text that UTF-8 can hold."""
    return well_formed(text).strip() if isinstance(text, str) else ""


def whole(value: Any) -> int | None:
    """An integer that may be written as a float or as text."""
    try:
        return None if value is None or isinstance(value, bool) or value == "" else int(float(value))
    except (TypeError, ValueError, OverflowError):
        return None


def truth(value: Any) -> bool:
    """A flag that CSV files write as text."""
    return value.strip().lower() in ("true", "1", "yes", "t") if isinstance(value, str) else bool(value)


def _post_text(post: Post) -> str:
    head = "\n".join(part for part in (post.title, post.link) if part)
    return "\n\n".join(part for part in (head, post.text) if part)


def _record(names: list[str], item: Item) -> Record:
    return Record(names[item.file], item.offset, item.length)


def _stray(name: str, row: Row) -> Record:
    """A row that is of no thread: broken (it has data), or of a kind that is no text."""
    record = Record(name, row.offset, row.length)
    if row.problem and row.problem.startswith("kind:"):
        return record.end(Outcome.NOT_TEXT, row.problem.removeprefix("kind:"))
    record.payload = row.data
    return record.end(Outcome.QUARANTINED, row.problem or "bad_row", row.message)
