"""numba functions over (bytes, offsets) views: no Python objects inside, no GIL, cached on disk."""

from __future__ import annotations

import hashlib
import os
from functools import cache
from pathlib import Path


@cache
def cache_folder() -> str:
    """Where compiled kernels are kept: a folder of the user's cache."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(base, "gristmill", "kernels")


def cache_environment() -> dict[str, str]:
    """What tells numba, when a process starts, where compiled kernels lie and when one of them is out of date."""
    return {
        "NUMBA_CACHE_DIR": cache_folder(),
        "NUMBA_CACHE_LOCATOR_CLASSES": "gristmill.kernels.cache_locator.KernelLocator",
    }


@cache
def sources_digest() -> str:
    """16 hexadecimal digits that stand for the present sources of all kernels."""
    digest = hashlib.blake2b(digest_size=8)
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
