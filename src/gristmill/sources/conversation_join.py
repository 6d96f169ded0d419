"""Posts and the comments under them, joined out of core.

Comments lie anywhere behind their post, in the same file or in others. Every row goes into an external sort by the post at
the root of its thread; memory does not grow with the dump.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from gristmill.sources.external_sort import ExternalSort

_POST, _COMMENT = range(2)
_PLACE = struct.Struct(">iqq")  # number of the file, offset, length; big-endian, so that it sorts
_TOO_MUCH = 64 << 20  # bytes of rows under one post that are joined


@dataclass(slots=True)
class Item:
    """A row of a thread: where it lies and its JSON."""

    id: int
    file: int
    offset: int
    length: int
    data: bytes


@dataclass(slots=True)
class Thread:
    """All that belongs to one post; `post` is None for comments whose post is not in the dump."""

    id: int
    post: Item | None = None
    comments: list[Item] = field(default_factory=list)  # by id
    repeated: list[Item] = field(default_factory=list)  # rows whose id came before
    too_large: bool = False  # rows beyond _TOO_MUCH bytes were left out


class ConversationJoin:
    """Takes rows in any order, then gives threads by the id of their post. memory: bytes held before they go to `folder`."""

    def __init__(self, folder: str, memory: int) -> None:
        self._rows = ExternalSort(folder, memory)

    def add(self, root: int, item: Item) -> None:
        """A row of the thread whose post has the id `root`; the post itself has it as its own id."""
        place = _PLACE.pack(item.file, item.offset, item.length)
        self._rows.add(root, _POST if item.id == root else _COMMENT, item.id, place + item.data)

    def threads(self) -> Iterator[Thread]:
        """All threads, once."""
        thread: Thread | None = None
        size = 0
        for root, kind, number, content in self._rows.merged():
            if thread is None or thread.id != root:
                if thread is not None:
                    yield thread
                thread, size = Thread(root), 0
            size += len(content)
            thread.too_large |= size > _TOO_MUCH
            file, offset, length = _PLACE.unpack_from(content)
            item = Item(number, file, offset, length, content[_PLACE.size :])
            if thread.too_large:
                item.data = b""  # only its place: the ledger names it
            _place(thread, kind, item)
        if thread is not None:
            yield thread


def _place(thread: Thread, kind: int, item: Item) -> None:
    if kind == _POST and thread.post is None:
        thread.post = item
    elif kind == _POST or (thread.comments and thread.comments[-1].id == item.id):
        thread.repeated.append(item)
    else:
        thread.comments.append(item)
