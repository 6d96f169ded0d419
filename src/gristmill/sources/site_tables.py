"""Where the tables of one Stack Exchange site lie, in each of the ways dumps are laid out.

- a folder a site, extracted: beer.stackexchange.com/Posts.xml, Comments.xml, Users.xml (each may be compressed)
- an archive a site: beer.stackexchange.com.7z with the tables in it
- an archive a table, as Stack Overflow has them: stackoverflow.com-Posts.7z, stackoverflow.com-Comments.7z …
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gristmill import storage
from gristmill.sources.compressed import Damage, pieces
from gristmill.sources.seven_zip import member_pieces

PACKED = ("", ".gz", ".zst", ".xz", ".bz2", ".lz4")
POSTS_FILES = tuple("Posts.xml" + packed for packed in PACKED)
_OTHER_TABLES = ("Badges", "Comments", "PostHistory", "PostLinks", "Tags", "Users", "Votes", "PostTags", "PostNotices")


@dataclass(frozen=True)
class TableFile:
    """A stored file and the tables to read from it."""

    location: str
    tables: tuple[str, ...]  # Posts, Comments, Users


def is_posts_xml(location: str) -> bool:
    return location.rsplit("/", 1)[-1] in POSTS_FILES


def is_other_table(location: str) -> bool:
    """True for an archive of a table that is not Posts: it is read with its site's, never by itself."""
    return location.endswith(tuple(f"-{table}.7z" for table in _OTHER_TABLES))


def extracted(archive: str) -> str | None:
    """The Posts.xml beside a local archive that has been extracted into a folder of its name."""
    beside = storage.join(archive.removesuffix(".7z"), "Posts.xml")
    return beside if not storage.is_remote(archive) and storage.exists(beside) else None


def site_name(location: str) -> str:
    """The site a file belongs to, by the name of its folder or archive: beer.stackexchange.com."""
    folder, _, name = location.rpartition("/")
    if is_posts_xml(location):
        name = folder.rpartition("/")[2]
    return name.removesuffix(".7z").removesuffix("-Posts")


def table_files(location: str, tables: Sequence[str]) -> list[TableFile]:
    """Where the tables of the site with this Posts file lie; those of `tables` that are absent are left out."""
    if location.endswith("-Posts.7z"):
        others = [(table, location.removesuffix("-Posts.7z") + f"-{table}.7z") for table in tables if table != "Posts"]
        found = [TableFile(path, (table,)) for table, path in others if storage.exists(path)]
        return [TableFile(location, ("Posts",)), *found]
    if location.endswith(".7z"):
        return [TableFile(location, tuple(tables))]
    folder = location.rpartition("/")[0]
    found = [TableFile(location, ("Posts",))]
    for table in tables:
        if table != "Posts":
            paths = (storage.join(folder, f"{table}.xml{packed}") for packed in PACKED)
            found += [TableFile(path, (table,)) for path in paths if storage.exists(path)][:1]
    return found


def read_tables(file: TableFile) -> Iterator[tuple[str, Iterator[bytes]]]:
    """(table, its bytes in pieces) in the order of the file; the pieces raise Damage where the file is broken.

    An archive without the tables raises Damage at once.
    """
    with storage.open_input(file.location) as stream:
        if not file.location.endswith(".7z"):
            yield file.tables[0], pieces(stream)
            return
        yield from _members(member_pieces(stream, [f"{table}.xml" for table in file.tables]))


def _members(parts: Iterator[tuple[str, bytes]]) -> Iterator[tuple[str, Iterator[bytes]]]:
    """The pieces of an archive grouped by member. Damage is raised by the member it breaks."""
    ahead = next(parts, None)
    while ahead is not None:
        name = ahead[0]
        follower: list[tuple[str, bytes]] = []

        def member(first: bytes, name: str = name, follower: list = follower) -> Iterator[bytes]:
            yield first
            for part in parts:
                if part[0] != name:
                    follower.append(part)
                    return
                yield part[1]

        yield name.removesuffix(".xml"), member(ahead[1])
        ahead = follower[0] if follower else None


__all__ = [
    "POSTS_FILES",
    "Damage",
    "TableFile",
    "extracted",
    "is_other_table",
    "is_posts_xml",
    "read_tables",
    "site_name",
    "table_files",
]
