"""Files of an export: written under a temporary name, then moved."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import IO

from gristmill import storage


@contextlib.contextmanager
def new_file(out: str, name: str) -> Iterator[IO[bytes]]:
    location = storage.join(out, name)
    temporary = storage.temporary_path(location)
    try:
        with open(temporary, "wb") as stream:
            yield stream
        storage.publish(temporary, location)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
