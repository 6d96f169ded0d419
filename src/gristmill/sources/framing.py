"""Where records begin and end in WARC 0.17-1.1 and ARC 1-2 files, whatever state the files are in.

    for frame in frames(stream, max_record=100 << 20): ...

A record whose length, header or compression is broken comes as a frame with `damage`; reading goes on at the
next gzip member or at the next line that begins a record. fastwarc and warcio stop there, or end quietly.

Offsets. A record that has a member (gzip, zstd frame …) of its own, or lies in a plain file, has the offset
and length it has in the stored file, so that these bytes alone can be read again. Where several records share
a member no such address exists: then offset is the member's plus the record's place in its decompressed
bytes, and length is decompressed. Offsets always ascend.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO

from gristmill.documents import QUARANTINE_BYTES
from gristmill.sources.compressed import Damage, Members, gzip_format
from gristmill.sources.window import Window

MAX_HEADER = 64 << 10  # bytes; fastwarc allows 32 KiB

QUICK_BYTES = 2 << 20  # decompressed bytes of a member that are gathered to see whether it is one record

_FIELD = re.compile(rb"\n([^:\r\n]*[^:\s])[ \t]*:[ \t]*([^\r\n]*)")
_WARC = re.compile(rb"WARC/\d", re.IGNORECASE)
_ARC = re.compile(
    rb"(?:filedesc://|[a-z][a-z0-9+.-]*:)[^\r\n]{0,8000} \S+ (?:\d{8,17}|-) [^\r\n]{0,200}\d\r?\n",
    re.IGNORECASE,
)
_NEXT_WARC = re.compile(rb"(?<=\n)WARC/\d", re.IGNORECASE)
_NEXT_ARC = re.compile(
    rb"(?<=\n)[a-z][a-z0-9+.-]*:[^\r\n]{0,4000} [0-9a-f.:]+ \d{12,17} [^\r\n]{0,4000}?-?\d+\r?\n",
    re.IGNORECASE,
)
_NEXT_EITHER = re.compile(rb"(?<=\n)WARC/\d|" + _NEXT_ARC.pattern, re.IGNORECASE)
_LITTLE_MORE = re.compile(rb"([^\r\n]{1,4})\r?\n\s*(?:\Z|WARC/\d)")
_BLANK_LINE = re.compile(rb"\n\r{0,2}\n")


@dataclass(slots=True)
class Frame:
    """One record as it stands in the file."""

    offset: int
    length: int
    head: bytes = b""  # ARC: the URL record line; WARC: version line and fields without the blank line
    fields: dict[bytes, bytes] = field(default_factory=dict)  # of a WARC header, names in lower case
    block: bytes = b""  # of a damaged record: its first bytes, header included
    arc: bool = False
    damage: Damage | None = None


def parse_fields(head: bytes) -> dict[bytes, bytes]:
    """Lower-case names to values of `Name: value` lines behind a first line; folded lines joined, first of a
    name kept.
    """
    fields: dict[bytes, bytes] = {}
    if b"\n " not in head and b"\n\t" not in head:
        for name, value in _FIELD.findall(head):
            fields.setdefault(name.lower(), value.rstrip())
        return fields
    last = b""
    for line in head.split(b"\n")[1:]:
        name, colon, value = line.partition(b":")
        if line[:1] in b" \t":
            if last and line.strip():
                fields[last] = b" ".join([fields[last], line.strip()]).strip()
            continue
        if not colon:
            last = b""
            continue
        name = name.strip().lower()
        last = name if name not in fields else b""
        if last:
            fields[name] = value.strip()
    return fields


def frames(stream: IO[bytes], *, max_record: int, gzip_expected: bool = False) -> Iterator[Frame]:
    """The records of a web archive in file order; damage comes as frames and is never raised.

    max_record: bytes of block above which a record is skipped as too_large.
    gzip_expected: look for gzip members even where the file begins with other bytes.
    """
    members = Members(stream)
    if gzip_expected and members.form is None and not _begins_record(members.stored.fill(MAX_HEADER)):
        members.form = gzip_format()
    last = -1
    for frame in _Reader(members, max_record).frames():
        frame.offset = last = max(frame.offset, last + 1)
        yield frame


def _begins_record(data: bytes) -> bool:
    data = data.lstrip(b"\r\n \t")
    return bool(_WARC.match(data) or _ARC.match(data))


class _Reader:
    def __init__(self, members: Members, max_record: int) -> None:
        self.members, self.max_record = members, max_record
        self.found = False  # whether any record has been seen: until then the file may be no archive at all
        self._is_arc = False

    def frames(self) -> Iterator[Frame]:
        while True:
            at = self.members.stored.at
            try:
                member = self.members.next()
            except Damage as damage:
                yield self._resume(at, at + 1, damage)
                continue
            if member is None:
                return
            window = Window(member)
            if (frame := self._alone(window)) is not None:
                self.found = True
                yield frame
                continue
            met = False  # whether a record stands for the damage
            for frame in self._records(window):
                met = window.damage is not None and frame.damage is not None
                strange = frame.damage is not None and frame.damage.reason == "not_warc"
                if met or strange:
                    end = self.members.resume(window.last_start + 1, _begins_record)
                    if frame.offset == window.start:
                        frame.length = end - window.start
                    frame.damage = self._amid(frame.damage, end)
                yield frame
                if strange:
                    break
            else:
                if window.damage is not None and not met:
                    yield self._resume(window.last_start, window.last_start + 1, window.damage)

    def _alone(self, window: Window) -> Frame | None:
        """A record that is all of its member and in order, as nearly all are: the quick way around `_records`."""
        if not window.compressed or window.data[:7] != b"WARC/1.":
            return None
        window.ensure(QUICK_BYTES)
        data = window.data
        split = data.find(b"\r\n\r\n", 0, MAX_HEADER)
        if window.end is None or split < 0:
            return None
        fields = parse_fields(data[:split])
        stated = fields.get(b"content-length", b"")
        if not stated.isdigit() or len(stated) > 15:
            return None
        begin, end = split + 4, split + 4 + int(stated)
        if end - begin > self.max_record or len(data) != end + 4 or data[end:] != b"\r\n\r\n":
            return None
        return Frame(window.start, window.end - window.start, data[:split], fields, data[begin:end])

    def _resume(self, start: int, after: int, damage: Damage) -> Frame:
        """A damaged frame from stored byte `start` to the next member that begins a record."""
        self.members.stored.seek(start)
        content = self.members.stored.fill(QUARANTINE_BYTES)[:QUARANTINE_BYTES]
        end = self.members.resume(after, _begins_record)
        if not self.found and end == self.members.stored.end():
            damage = Damage("not_warc", f"neither WARC nor ARC: {damage}")
        return Frame(start, end - start, block=content[: end - start], damage=self._amid(damage, end))

    def _amid(self, damage: Damage | None, resumed: int) -> Damage | None:
        """`truncated` put right where the file goes on behind the damage."""
        form = self.members.form
        if damage is None or damage.reason != "truncated" or form is None:
            return damage
        if resumed == self.members.stored.end():
            return damage
        return Damage(form.corrupt, f"a {form.name} member breaks off before byte {resumed}")

    # -- inside one member -----------------------------------------------------------------------------------

    def _records(self, window: Window) -> Iterator[Frame]:
        first = True
        while window.skip_blank():
            start = window.position
            window.ensure(8)
            if _WARC.match(window.data, window.at):
                frame = self._warc(window)
            elif self._arc_line(window):
                frame = self._arc(window)
            else:
                frame = self._garbage(window)
            self.found = self.found or frame.damage is None or bool(frame.head)
            more = window.skip_blank()
            frame.offset = window.start + start
            if window.compressed and first and not more and window.end is not None:
                frame.offset, frame.length = window.start, window.end - window.start
            else:
                frame.length = frame.length or window.position - start
                if not more and window.damage is not None and frame.damage is None:
                    frame.damage = window.damage  # whole, but its check sum or what follows it is not
            yield frame
            first = False

    def _garbage(self, window: Window) -> Frame:
        """Bytes where a record should begin, up to the next line that begins one."""
        start = window.position
        window.ensure(QUARANTINE_BYTES)
        content = window.data[window.at : window.at + QUARANTINE_BYTES]
        known = self.found
        window.at += 1
        ahead = window.search(_NEXT_WARC if known and not self._is_arc else _NEXT_EITHER)
        length = window.position - start
        content = content[:length]
        if known or ahead or window.damage is not None:
            damage = Damage("bad_header", f"no record begins at {start} of the member: {content[:40]!r}")
        else:
            damage = Damage("not_warc", f"neither WARC nor ARC: it begins {content[:40]!r}")
        return Frame(0, length, block=content, damage=damage)

    def _head(self, window: Window) -> bytes | None:
        """The header up to its blank line, the window moved behind it; None when there is no blank line in
        reach.
        """
        size = 4096
        while True:
            have = window.ensure(size)
            end = min(len(window.data), window.at + MAX_HEADER)
            if found := _BLANK_LINE.search(window.data, window.at, end):
                head = window.data[window.at : found.start()]
                window.at = found.end()
                return head
            if size < MAX_HEADER and have:
                size *= 4
            elif have or not self._join(window):
                return None

    def _warc(self, window: Window) -> Frame:
        start = window.position
        head = self._head(window)
        if head is None:
            ended = not window.ensure(MAX_HEADER)
            if ended and window.damage is not None:
                damage = window.damage
            elif ended and not window.compressed:
                damage = Damage("truncated", "the file ends inside a record's header")
            else:
                damage = Damage("bad_header", f"no blank line ends the header within {MAX_HEADER} bytes")
            return self._broken(window, start, damage, b"", start + 1)
        frame = Frame(0, 0, head, parse_fields(head))
        stated = frame.fields.get(b"content-length")
        if stated is None or not stated.isdigit() or len(stated) > 15:
            what = "no Content-Length" if stated is None else f"Content-Length is {stated[:40]!r}"
            return self._broken(window, start, Damage("bad_header", what), head, window.position)
        return self._block(window, frame, start, int(stated))

    def _arc_line(self, window: Window) -> bool:
        window.ensure(2048)
        return bool(_ARC.match(window.data, window.at))

    def _arc(self, window: Window) -> Frame:
        start = window.position
        window.ensure(MAX_HEADER)
        end = window.data.find(b"\n", window.at, window.at + MAX_HEADER)
        head = window.data[window.at : end].rstrip(b"\r")
        window.at = end + 1
        self._is_arc = True
        stated = head.rsplit(b" ", 1)[-1]
        if not stated.isdigit() or len(stated) > 15:
            return self._broken(
                window, start, Damage("bad_header", f"length is {stated[:40]!r}"), head, window.position
            )
        return self._block(window, Frame(0, 0, head, arc=True), start, int(stated))

    def _block(self, window: Window, frame: Frame, start: int, length: int) -> Frame:
        """The block of `length` bytes when what follows it agrees, else a damaged frame and the window set to
        what does.
        """
        begin = window.position
        if length > self.max_record:
            content = window.take(min(QUARANTINE_BYTES, length))
            passed = len(content) + window.skip(length - len(content))
            while passed < length and self._join(window):
                passed += window.skip(length - passed)
            damage = Damage("too_large", f"{length} bytes, more than max_record_bytes = {self.max_record}")
            if passed < length or not self._boundary(window, frame.arc):
                damage = self._short(window, passed, length) if passed < length else damage
                return self._broken(window, start, damage, frame.head, begin)
            frame.block, frame.damage = content, damage
            frame.length = window.position - start
            return frame
        while not window.ensure(length) and self._join(window):
            pass
        if window.left < length:
            return self._broken(window, start, self._short(window, window.left, length), frame.head, begin)
        frame.block = window.take(length)
        if self._boundary(window, frame.arc):
            if not self._at_record(window) and _swallowed(frame.block, frame.arc):
                damage = Damage("bad_length", f"{length} bytes run into the next record")
                return self._broken(window, start, damage, frame.head, begin)
            return frame
        window.ensure(64)
        if found := _LITTLE_MORE.match(window.data, window.at):
            frame.block += found[1]
            window.at = found.end(1)
            return frame
        damage = Damage("bad_length", f"after {length} bytes neither a line end nor a record follows")
        return self._broken(window, start, damage, frame.head, begin)

    def _join(self, window: Window) -> bool:
        """Let the next member continue this one, where a record does not end with its member; False when it
        cannot.
        """
        if window.end is None or not (following := self.members.first_bytes()) or _begins_record(following):
            return False
        member = self.members.next()
        if member is None:
            return False
        window.join(member)
        return True

    def _boundary(self, window: Window, arc: bool) -> bool:
        """Whether a record may end here: line end, next record, or end of the member."""
        window.ensure(16)
        if window.left == 0 or window.data[window.at] in b"\r\n":
            return True
        return bool(_WARC.match(window.data, window.at)) or (arc and self._arc_line(window))

    def _at_record(self, window: Window) -> bool:
        window.ensure(64)
        rest = window.data[window.at : window.at + 64].lstrip(b"\r\n \t")
        return not rest or bool(_WARC.match(rest)) or self._is_arc

    @staticmethod
    def _short(window: Window, got: int, length: int) -> Damage:
        if window.damage is not None:
            return window.damage
        if window.compressed:
            return Damage("bad_length", f"{length} bytes are stated, the member has {got}")
        return Damage("truncated", f"the file ends after {got} of {length} bytes")

    def _broken(self, window: Window, start: int, damage: Damage, head: bytes, search_from: int) -> Frame:
        """A damaged frame from `start` to the next line that begins a record, where the window is left."""
        window.seek(search_from)
        window.ensure(QUARANTINE_BYTES)
        content = window.data[window.at : window.at + QUARANTINE_BYTES]
        window.search(_NEXT_ARC if self._is_arc else _NEXT_WARC)
        if damage.reason == "truncated" and window.left:
            damage = Damage("bad_length" if head else "bad_header", f"{damage}, but another record begins before that")
        length = window.position - start
        content = content[: window.position - search_from]
        if head:
            content = head + b"\r\n\r\n" + content
        return Frame(0, length, head, parse_fields(head), content, self._is_arc, damage)


def _swallowed(block: bytes, arc: bool) -> bool:
    """Whether a whole record seems to begin inside a block."""
    return not arc and _NEXT_WARC.search(block) is not None
