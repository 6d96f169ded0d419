"""Lists of input files, as Common Crawl publishes them: one key a line, plain or gzipped."""

from __future__ import annotations

from gristmill import storage
from gristmill.errors import UserError
from gristmill.sources.compressed import Damage, pieces

SUFFIXES = (".paths", ".paths.gz")
MAX_BYTES = 256 << 20  # of a list; Common Crawl's longest have about 100,000 lines, 14 MB


def is_list(location: str) -> bool:
    return location.split("?", 1)[0].endswith(SUFFIXES)


def listed(location: str, prefix: str) -> list[str]:
    """The locations a list names, in its order.

    A line that is a URL or an absolute path stands for itself. Others are seen from the list's folder where
    the first of them exists there, else from `prefix`. Blank lines and lines that begin with # are passed
    over. Raises UserError when the list cannot be read.
    """
    lines = [line.strip() for line in _content(location).splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    relative = [line for line in lines if "://" not in line and not line.startswith("/")]
    if not relative:
        return lines
    base = location.rpartition("/")[0] or "."
    beside = not storage.is_remote(location) and storage.exists(storage.resolve(relative[0], base))

    def place(line: str) -> str:
        if "://" in line or line.startswith("/"):
            return line
        return storage.resolve(line, base) if beside else storage.join(prefix, line)

    return [place(line) for line in lines]


def _content(location: str) -> str:
    data = bytearray()
    try:
        with storage.open_input(location) as stream:
            for piece in pieces(stream):
                data += piece
                if len(data) > MAX_BYTES:
                    raise UserError(f"{location}: over {MAX_BYTES >> 20} MB of lines", hint="is this a list of paths?")
        return data.decode("utf-8")
    except Damage as damage:
        raise UserError(f"{location}: {damage}", hint="fetch the list again") from damage
    except UnicodeDecodeError as error:
        raise UserError(f"{location}: not a list of paths, byte {error.start} is not UTF-8") from error
