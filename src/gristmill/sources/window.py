"""A view of a member's decompressed bytes that moves forward, grows on demand, and can be set back."""

from __future__ import annotations

import re

from gristmill.sources.compressed import Damage, Member


class Window:
    """`data[at:]` are the bytes not yet parsed; `position` is where `at` lies in the decompressed bytes.

    A window begins as one member and can be joined by the following ones, for writers that break records over
    members.
    """

    def __init__(self, member: Member) -> None:
        self.start = member.start
        self.compressed = member.compressed
        self._run = [member]
        self._reading = 0
        self.data = member.read()
        self.at = 0
        self._base = 0  # position of data[0]

    def join(self, member: Member) -> None:
        """Go on with the next member as if both were one."""
        self._run.append(member)

    @property
    def last_start(self) -> int:
        """Where the last joined member begins in the stored file."""
        return self._run[-1].start

    @property
    def damage(self) -> Damage | None:
        return self._run[-1].damage

    @property
    def end(self) -> int | None:
        """The end in the stored file, once everything has been read."""
        return self._run[-1].end

    def _read(self) -> bytes:
        while True:
            piece = self._run[self._reading].read()
            if piece or self._reading == len(self._run) - 1:
                return piece
            self._reading += 1

    @property
    def position(self) -> int:
        return self._base + self.at

    @property
    def left(self) -> int:
        """Bytes at hand."""
        return len(self.data) - self.at

    def ensure(self, count: int) -> bool:
        """Have `count` bytes at hand; False when the member has fewer."""
        if self.left >= count:
            return True
        have = self.left
        parts = []
        while have < count and (piece := self._read()):
            parts.append(piece)
            have += len(piece)
        if parts:
            start = max(0, self.at - 1)  # the byte before is kept: a record is told by the line end before it
            self.data = b"".join([self.data[start:], *parts])
            self._base += start
            self.at -= start
        return have >= count

    def take(self, count: int) -> bytes:
        """The next `count` bytes, fewer at the end of the member."""
        self.ensure(count)
        taken = self.data[self.at : self.at + count]
        self.at += len(taken)
        return taken

    def skip(self, count: int) -> int:
        """Pass over `count` bytes without holding them; how many there were."""
        passed = min(count, self.left)
        self.at += passed
        while passed < count and self._next_piece():
            step = min(count - passed, len(self.data))
            self.at = step
            passed += step
        return passed

    def _next_piece(self) -> bool:
        self._base += len(self.data)
        self.data, self.at = self._read(), 0
        return bool(self.data)

    def skip_blank(self) -> bool:
        """Pass over line ends and blanks between records; False at the end of the member."""
        while True:
            rest = self.data[self.at : self.at + 16].lstrip(b"\r\n \t")
            if rest:
                self.at += min(16, self.left) - len(rest)
                return True
            if self.left > 16:
                self.at += 16
                continue
            self.at = len(self.data)
            if not self._next_piece():
                return False

    def search(self, pattern: re.Pattern[bytes], overlap: int = 4096) -> bool:
        """Move to the start of the first match ahead, or to the end of the member: then False.

        `overlap`: bytes kept between pieces, at least as long as a match.
        """
        while True:
            if found := pattern.search(self.data, self.at):
                self.at = found.start()
                return True
            keep = min(overlap, self.left)
            piece = self._read()
            if not piece:
                self.at = len(self.data)
                return False
            self._base += len(self.data) - keep
            self.data = self.data[len(self.data) - keep :] + piece
            self.at = 0

    def seek(self, position: int) -> None:
        """Set the view to a position, reading the members again where that lies behind what is at hand."""
        if self._base <= position <= self._base + len(self.data):
            self.at = position - self._base
            return
        if position < self._base:
            for member in reversed(self._run):
                member.restart()
            self._reading = 0
            self._base, self.data, self.at = 0, b"", 0
        self.skip(position - self.position)
