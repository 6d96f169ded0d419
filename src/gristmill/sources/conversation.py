"""A conversation as a tree of posts, and the texts it can be written as.

- thread: the post, then every reply under what it answers, two spaces deeper a level
- path: the post, then for each top comment one chain: at every level the reply with most direct replies, as The Pile has it
- comments: a text per top comment: the post, the comment and its replies
- tree: every post once, in the order of `thread`, without indentation; where each lies and what it answers stands beside,
  so that a trainer can let a token see its ancestors alone, as Falcon does
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

Layout = Literal["thread", "path", "comments", "tree"]

_RULE = "=" * 6  # what divides the post from the chains, as in EleutherAI's Hacker News set
_CHAIN, _REPLY = "-" * 6, "~~~"
_INDENT = "  "
_DEEPEST = 12  # levels of indentation; deeper replies stand at that one


@dataclass(slots=True)
class Node:
    """A post or comment that is kept. `author` is what the text calls them, None when it names nobody."""

    id: int
    text: str
    author: str | None = None
    replies: list[Node] = field(default_factory=list)

    @property
    def said(self) -> str:
        return f"{self.author}: {self.text}" if self.author else self.text


@dataclass(frozen=True)
class TreeText:
    """A text and the bytes of it that each post takes; parents are numbers of posts, -1 for the first."""

    text: str
    spans: list[tuple[int, int, int]]  # begin, end, parent


def thread_text(root: Node) -> str:
    return "\n\n".join([root.said, *_indented(root.replies)])


def comment_texts(root: Node) -> Iterator[tuple[Node, str]]:
    """Each top comment with its text."""
    for top in root.replies:
        yield top, "\n\n".join(part for part in (root.said, *_indented([top])) if part)


def path_text(root: Node) -> tuple[str, set[int]]:
    """The text, and the ids of the posts in it."""
    chains, ids = [], {root.id}
    for top in root.replies:
        chain, node = [top.said], top
        ids.add(top.id)
        while node.replies:
            node = max(node.replies, key=lambda reply: len(reply.replies))  # the first of those with as many
            chain.append(node.said)
            ids.add(node.id)
        chains.append(f"\n{_REPLY}\n".join(chain))
    text = f"\n{_RULE}\n".join([root.said, f"\n{_CHAIN}\n".join(chains)]) if chains else root.said
    return text, ids


def tree_text(root: Node) -> TreeText:
    parts: list[str] = []
    spans: list[tuple[int, int, int]] = []
    size = 0
    for node, _, parent in walk(root):
        said = node.said + "\n\n"
        length = len(said.encode())
        spans.append((size, size + length, parent))
        parts.append(said)
        size += length
    text = "".join(parts).rstrip("\n")
    begin, _, parent = spans[-1]
    spans[-1] = (begin, len(text.encode()), parent)
    return TreeText(text, spans)


def walk(root: Node) -> Iterator[tuple[Node, int, int]]:
    """Every node before its replies, with its depth and the number of its parent; no recursion, whatever the depth."""
    waiting = [(root, 0, -1)]
    number = 0
    while waiting:
        node, depth, parent = waiting.pop()
        yield node, depth, parent
        waiting += [(reply, depth + 1, number) for reply in reversed(node.replies)]
        number += 1


def _indented(replies: list[Node]) -> Iterator[str]:
    for top in replies:
        for node, depth, _ in walk(top):
            indent = _INDENT * min(depth, _DEEPEST)
            yield "\n".join(indent + line if line else line for line in node.said.split("\n"))
