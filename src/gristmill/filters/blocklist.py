"""Block lists: files of domains, URLs or words, the big ones compiled once to sorted hashes that all workers
map.

A list has one entry a line; `#` begins a comment. It is a text file, also compressed (.gz, .zst), or a folder
or tar archive in the layout of the Université Toulouse Capitole (UT1), of which the files called `domains` or
`urls` are read.

Compiled lists lie in the user's cache folder ($XDG_CACHE_HOME/gristmill, else ~/.cache/gristmill) under the
checksum of what they were made from, as .npy files: 8 bytes an entry, read in place.
"""

from __future__ import annotations

import contextlib
import fcntl
import gzip
import os
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Literal

import numpy as np
import xxhash
import zstandard

from gristmill import storage
from gristmill.errors import UserError

Kind = Literal["domains", "urls"]

FORMAT = 1  # of compiled lists: raised when the same list comes to other hashes
_BLOCK = 8 << 20
_LONGEST_LINE = 1 << 16
_MOST_WORD_BYTES = 1 << 20
_TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz")
_DATATROVE_FILES = {
    "domains": "url_filterblacklists*.tar.gz",
    "urls": "url_filterblacklists*.tar.gz",
    "strict_words": "banned_subwords.txt",
    "hard_words": "banned_words.txt",
    "soft_words": "soft_banned_words.txt",
}


@cache
def datatrove_lists() -> dict[str, str]:
    """The lists inside the installed datatrove package by what they are for; the package itself is not
    imported.
    """
    hint = "pip install datatrove"
    spec = find_spec("datatrove")
    if spec is None or not spec.submodule_search_locations:
        raise UserError("lists: datatrove needs the datatrove package, which carries the lists", hint=hint)
    assets = Path(spec.submodule_search_locations[0], "assets")
    found = {}
    for name, pattern in _DATATROVE_FILES.items():
        paths = sorted(assets.glob(pattern))
        if not paths:
            raise UserError(f"the installed datatrove has no {pattern}", where=str(assets), hint=hint)
        found[name] = str(paths[-1])
    return found


# -- reading -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Lines:
    """Whole lines of a list: where they are from, number of the first, bytes."""

    where: str
    first: int
    data: bytes

    def at(self, line: int) -> str:
        return f"{self.where}:{self.first + line}"


def _blocks(location: str, member: str) -> Iterator[_Lines]:
    """A list in blocks of whole lines. Raises UserError where it cannot be read."""
    try:
        for where, stream in _streams(location, member):
            first, rest = 1, b""
            while block := stream.read(_BLOCK):
                if first == 1 and not rest:
                    block = block.removeprefix(b"\xef\xbb\xbf")
                end = block.rfind(b"\n") + 1
                if end:
                    lines = _Lines(where, first, rest + block[:end])
                    yield lines
                    first, rest = first + lines.data.count(b"\n"), block[end:]
                else:
                    rest += block
                if len(rest) > _LONGEST_LINE:
                    raise UserError(
                        "a line of more than 64 KB: this is not a list", where=f"{where}:{first}", hint=_PLAIN
                    )
            yield _Lines(where, first, rest)
    except (OSError, EOFError, zlib.error, tarfile.TarError, zstandard.ZstdError) as error:
        raise UserError(f"damaged or unreadable: {error}", where=location, hint="fetch the list again") from error


_PLAIN = "a list is a text file with one entry a line, plain or compressed as .gz or .zst"


def _list_path(location: str, member: str) -> str:
    """The location itself, or the UT1 file called `member` when it is a folder."""
    if not storage.is_dir(location):
        return location
    path = storage.join(location, member)
    if not member or not storage.exists(path):
        wanted = f"has no file {member!r}" if member else "is a folder, not a file"
        inside = ", ".join(storage.list_names(location)[:8])
        raise UserError(wanted, where=location, hint=f"name a list; this folder holds: {inside}")
    return path


def _streams(location: str, member: str) -> Iterator[tuple[str, IO[bytes] | gzip.GzipFile]]:
    """Every list at a location with its name for messages: the file itself, or the UT1 files called `member`
    in it.
    """
    location = _list_path(location, member)
    with storage.open_input(location) as raw:
        if location.endswith(_TAR_SUFFIXES):
            found = False
            with tarfile.open(fileobj=raw, mode="r|gz" if location.endswith("gz") else "r|") as archive:
                for entry in archive:
                    if entry.isfile() and entry.name.rsplit("/", 1)[-1] == member:
                        found = True
                        stream = archive.extractfile(entry)
                        assert stream is not None
                        yield f"{location}:{entry.name}", stream
            if not found:
                raise UserError(f"no file called {member!r} in the archive", where=location)
        elif location.endswith(".gz"):
            with gzip.open(raw) as text:
                yield location, text
        elif location.endswith(".zst"):
            yield location, zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True)
        else:
            yield location, raw


def read_words(location: str) -> list[str]:
    """The entries of a word list in order, as written. Raises UserError for unreadable, binary and empty
    lists.
    """
    words, size = [], 0
    for lines in _blocks(location, ""):
        for number, line in enumerate(lines.data.split(b"\n")):
            if b"\0" in line:
                raise UserError("binary data, not a list of words", where=lines.at(number), hint=_PLAIN)
            try:
                entry = line.decode("utf-8").split(" #")[0].strip()
            except UnicodeDecodeError as error:
                raise UserError(f"not UTF-8: {error.reason}", where=lines.at(number), hint=_PLAIN) from error
            if entry and not entry.startswith("#"):
                words.append(entry)
                size += len(entry)
        if size > _MOST_WORD_BYTES:
            raise UserError("more than 1 MB of words", where=location, hint="long lists of sites belong in `domains`")
    if not words:
        raise UserError("an empty list", where=location, hint=_PLAIN)
    return words


def list_hashes(location: str, kind: Kind) -> np.ndarray:
    """Ascending different hashes of a list's entries, uint64 (entries,). Raises UserError with the line of
    what is no entry.
    """
    from gristmill.kernels.text import Texts
    from gristmill.kernels.url_hashes import hash_hosts, hash_urls
    from gristmill.kernels.url_lists import CONTROL_BYTE, INNER_BLANK, split_entries
    from gristmill.kernels.url_parts import END, TAIL, Urls

    parts = []
    for lines in _blocks(location, kind):
        data, offsets, numbers, trouble = split_entries(np.frombuffer(lines.data, np.uint8), kind == "domains")
        if trouble:
            what = {CONTROL_BYTE: "binary data", INNER_BLANK: "a blank inside an entry"}[trouble]
            raise UserError(f"{what}, not a list of {kind}", where=lines.at(int(numbers[-1])), hint=_PLAIN)
        urls = Urls.parse(Texts(data, offsets))
        wrong = urls.bad
        if kind == "domains":  # `example.com/` is meant as a domain, `example.com/page` is not one
            wrong = wrong | (urls.spans[:, END] - urls.spans[:, TAIL] > 1)
        if wrong.any():
            row = int(np.argmax(wrong))
            start, end = urls.texts.offsets[row : row + 2]
            entry = urls.texts.data[start : min(end, start + 60)].tobytes().decode("utf-8", "replace")
            like = "example.com; pages belong in `urls`" if kind == "domains" else "example.com/page"
            raise UserError(
                f"{entry!r} is not one of {kind}",
                where=lines.at(int(numbers[row])),
                hint=f"entries are like {like}",
            )
        hashed = hash_hosts if kind == "domains" else hash_urls
        parts.append(hashed(urls.texts.data, urls.spans))
    if not any(len(part) for part in parts):
        raise UserError("an empty list", where=location, hint=_PLAIN)
    return _ascending(parts)


def _ascending(parts: list[np.ndarray]) -> np.ndarray:
    """All different values in order. (`np.unique` takes many times longer: it hashes before it sorts.)"""
    values = np.concatenate(parts)
    values.sort()
    return values[np.concatenate([[True], values[1:] != values[:-1]])]


# -- compiling -----------------------------------------------------------------------------------------------


def compiled(locations: Sequence[str], kind: Kind) -> np.ndarray:
    """Ascending hashes of all lists together, uint64 (entries,), mapped from the cache and made first where
    they are not there.

    Processes that ask for the same lists at the same time wait for the first one to finish.
    """
    if not locations:
        return np.empty(0, np.uint64)
    path = os.path.join(_cache_folder(), f"{_key(locations, kind)}.{kind}.npy")
    with contextlib.suppress(OSError, ValueError):  # absent, or not what this program wrote
        return np.load(path, mmap_mode="r")
    with _lock(path + ".lock"):
        with contextlib.suppress(OSError, ValueError):
            return np.load(path, mmap_mode="r")
        hashes = _ascending([list_hashes(location, kind) for location in locations])
        temporary = storage.temporary_path(path)
        with open(temporary, "wb") as stream:
            np.save(stream, hashes)
        storage.publish(temporary, path)
    return np.load(path, mmap_mode="r")


def _cache_folder() -> str:
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    folder = os.path.join(base, "gristmill", "blocklists")
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"compiled block lists cannot be kept: {error.strerror}",
            where=folder,
            hint="set XDG_CACHE_HOME to a folder of yours",
        ) from error
    return folder


def _key(locations: Sequence[str], kind: Kind) -> str:
    """Checksum of what the compiled list depends on: every file's bytes, or the version that a remote store
    tells.
    """
    digest = xxhash.xxh3_128(f"{FORMAT} {kind}".encode())
    for location in locations:
        path = _list_path(location, kind)
        found = storage.stat(path)
        if storage.is_remote(path):
            digest.update(f"\n{path} {found.size} {found.version}".encode())
            continue
        # what a file is read as depends on its suffix
        digest.update(f"\n{os.path.splitext(path)[1]} ".encode())
        digest.update(_checksum(path, found))
    return digest.hexdigest()


@cache
def _checksum(path: str, _version: storage.Stat) -> bytes:
    digest = xxhash.xxh3_128()
    with storage.open_input(path) as stream:
        while block := stream.read(4 << 20):
            digest.update(block)
    return digest.digest()


@contextlib.contextmanager
def _lock(path: str) -> Iterator[None]:
    with open(path, "w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
