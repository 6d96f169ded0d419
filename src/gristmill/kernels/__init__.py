"""numba functions over (bytes, offsets) views: no Python objects inside, no GIL, cached on disk."""

from __future__ import annotations

import hashlib
import os
from functools import cache
from pathlib import Path


@cache
def cache_folder() -> str:
    """Where compiled kernels are kept: a folder of the user's cache per state of this package's sources.

    numba tells versions apart by the file of the outermost function alone; a kernel that calls one in another file would
    otherwise stay as it was when that one changes.
    """
    digest = hashlib.blake2b(digest_size=8)
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(base, "gristmill", "kernels", digest.hexdigest())
