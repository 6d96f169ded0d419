"""How small kernels are compiled that other kernels call in their inner loops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit

_OPTIONS: dict[str, Any] = {"cache": True, "nogil": True, "_nrt": False}


def leaf(function: Callable[..., Any]) -> Any:
    """Compile a function that allocates nothing.

    Each call of an ordinary numba function counts references to its array arguments up and down, atomically: in a loop over
    bytes that costs more than the work. Without the runtime there is nothing to count (and an allocation fails to compile).
    """
    return njit(**_OPTIONS)(function)


def inlined(function: Callable[..., Any]) -> Any:
    """A leaf that is put whole into its callers: a call hands over each array as seven words or more, too much for every tag."""
    return njit(**_OPTIONS, forceinline=True)(function)
