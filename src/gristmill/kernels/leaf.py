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
