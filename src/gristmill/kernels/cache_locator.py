"""When a compiled kernel is out of date: when its file, or a kernel file that it imports from, has changed.

numba looks at the file of the outermost function alone; a kernel that calls one in another file would stay as it was
when that one changes.
"""

from __future__ import annotations

import ast
import hashlib
from functools import cache
from pathlib import Path

from numba.core.caching import UserProvidedCacheLocator

FOLDER = Path(__file__).parent
PACKAGE = __package__


class KernelLocator(UserProvidedCacheLocator):
    """Named in NUMBA_CACHE_LOCATOR_CLASSES; functions of other packages are kept beside ours, by numba's own rule."""

    def get_source_stamp(self) -> object:
        path = Path(self._py_file)
        return source_stamp(path.stem) if path.parent == FOLDER else super().get_source_stamp()


@cache
def source_stamp(module: str) -> str:
    """A hash of a kernel module's source and of every kernel module it imports, directly or through others."""
    digest, seen, waiting = hashlib.blake2b(digest_size=16), {module}, [module]
    while waiting:
        name = waiting.pop()
        source = (FOLDER / f"{name}.py").read_bytes()
        digest.update(name.encode() + b"\0" + source)
        found = sorted(_imported(source) - seen)
        seen.update(found)
        waiting += found
    return digest.hexdigest()


def _imported(source: bytes) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module == PACKAGE:
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{PACKAGE}."):
            names.add((node.module or "").removeprefix(f"{PACKAGE}."))
        elif isinstance(node, ast.Import):
            names.update(a.name.removeprefix(f"{PACKAGE}.") for a in node.names if a.name.startswith(f"{PACKAGE}."))
    return {name for name in names if (FOLDER / f"{name}.py").is_file()}
