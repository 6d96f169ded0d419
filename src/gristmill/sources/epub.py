"""EPUB files: their chapters in reading order, and what they say about themselves.

package = EpubPackage(zipfile.ZipFile(stream), most_bytes=50_000_000)
package.metadata, [page for page in package.pages()]
"""

from __future__ import annotations

import posixpath
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

from gristmill.extract.charset import decode
from gristmill.sources.compressed import Damage

CONTAINER = "META-INF/container.xml"
_PAGES = ("application/xhtml+xml", "text/html", "text/x-oeb1-document")
_MOST_PACKAGE_BYTES = 8 << 20  # of the container and package documents


def is_epub(archive: zipfile.ZipFile) -> bool:
    return CONTAINER in archive.namelist()


class EpubPackage:
    """An EPUB's package document. Raises Damage when it cannot be found or read."""

    def __init__(self, archive: zipfile.ZipFile, most_bytes: int) -> None:
        self._archive, self._room = archive, most_bytes
        container = _xml(read_member(archive, CONTAINER, _MOST_PACKAGE_BYTES))
        roots = [e.get("full-path", "") for e in container.iter() if _local(e.tag) == "rootfile"]
        if not roots:
            raise Damage("bad_epub", f"{CONTAINER} names no package document")
        self._folder = posixpath.dirname(roots[0])
        self._package = _xml(read_member(archive, roots[0], _MOST_PACKAGE_BYTES))
        self.metadata = self._read_metadata()

    def _read_metadata(self) -> dict[str, list[str]]:
        """Dublin Core names (title, creator, language, date, rights, subject, identifier, source) to their values."""
        found: dict[str, list[str]] = {}
        for element in self._package.iter():
            if isinstance(element.tag, str) and element.tag.startswith("{http://purl.org/dc/elements/1.1/}"):
                text = " ".join("".join(element.itertext()).split())
                if text:
                    found.setdefault(_local(element.tag), []).append(text)
        return found

    def pages(self) -> Iterator[str]:
        """The XHTML pages of the spine in reading order, without the navigation document and what is not linear.

        Raises Damage for pages over the limit of bytes; a page that is missing is passed over.
        """
        manifest: dict[str, Any] = {e.get("id", ""): e for e in self._package.iter() if _local(e.tag) == "item"}
        names = set(self._archive.namelist())
        for reference in (e for e in self._package.iter() if _local(e.tag) == "itemref"):
            item = manifest.get(reference.get("idref", ""))
            if item is None or reference.get("linear") == "no" or "nav" in item.get("properties", "").split():
                continue
            if item.get("media-type", "") not in _PAGES:
                continue
            name = posixpath.normpath(posixpath.join(self._folder, unquote(item.get("href", "").split("#")[0])))
            if name in names:
                data = read_member(self._archive, name, self._room)
                self._room -= len(data)
                yield decode(data)[0]


def read_member(archive: zipfile.ZipFile, name: str, most_bytes: int) -> bytes:
    """A member's bytes. Raises Damage when it is broken, encrypted, absent, or larger than `most_bytes`."""
    try:
        with archive.open(name) as stream:
            data = stream.read(max(0, most_bytes) + 1)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, KeyError, OSError) as error:
        raise Damage("corrupt_zip", f"{name}: {error}") from error
    if len(data) > most_bytes:
        raise Damage("too_large", f"{name}: more than {most_bytes} bytes unpacked")
    return data


def _xml(data: bytes) -> ElementTree.Element:
    try:
        return ElementTree.fromstring(data)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise Damage("bad_epub", f"not readable XML: {error}") from error


def _local(tag: Any) -> str:
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""
