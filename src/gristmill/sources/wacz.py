"""WACZ packages: zip files that hold web archives under archive/, as browsertrix and archiveweb.page write
them.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from typing import IO

from gristmill.sources.compressed import Damage

_LOCAL_HEADER = 30  # bytes before the name in a zip entry's local header
_NAMES = (".warc.gz", ".warc", ".arc.gz", ".arc")


def archives(stream: IO[bytes]) -> Iterator[tuple[str, int, IO[bytes]]]:
    """Name, first byte in the package, and a stream of each web archive inside.

    Entries are stored uncompressed by the format's rule, so that package bytes can be addressed. Raises
    Damage for a file that is no zip, or whose entries cannot be read.
    """
    try:
        with zipfile.ZipFile(stream) as package:
            entries = [entry for entry in package.infolist() if entry.filename.lower().endswith(_NAMES)]
            if not entries:
                raise Damage("not_warc", "a zip file without web archives in it")
            for entry in entries:
                stream.seek(entry.header_offset + _LOCAL_HEADER - 4)
                sizes = stream.read(4)
                start = entry.header_offset + _LOCAL_HEADER
                start += int.from_bytes(sizes[:2], "little") + int.from_bytes(sizes[2:], "little")
                with package.open(entry) as inner:
                    yield entry.filename, start, inner
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        raise Damage("corrupt_zip", f"not a readable WACZ package: {error}") from error
