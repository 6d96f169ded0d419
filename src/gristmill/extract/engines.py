"""The extraction engines by name, imported only when used.

An engine is a module with one function: `load(settings) -> run`, where `run(html, url)` does one page and returns
its text, or an EngineText where the engine knows how far to trust it. `load` does every import and warm-up, because
the time limit of a page covers `run` alone. `run` must not remember anything between pages.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING

from gristmill.errors import nearest

if TYPE_CHECKING:
    from gristmill.extract.settings import ExtractSettings


@dataclass(frozen=True, slots=True)
class EngineText:
    """A text and the F1 (0–1) that the engine expects of it against the true main text."""

    text: str
    confidence: float


Engine = Callable[[str, str | None], str | EngineText]
"""Decoded HTML and the page's URL → text, empty when the page has none."""


@dataclass(frozen=True, slots=True)
class Utf8Engine:
    """An engine that reads UTF-8. Pages that come as such go to `read` as they are."""

    read: Callable[[bytes, str | None], str | EngineText]

    def __call__(self, html: str, url: str | None) -> str | EngineText:
        return self.read(html.encode("utf-8", "replace"), url)


ENGINES = {
    "gristmill": "gristmill.extract.engine_gristmill:load",
    "trafilatura": "gristmill.extract.engine_trafilatura:load",
    "resiliparse": "gristmill.extract.engine_resiliparse:load",
}


def check_engine(name: str) -> None:
    """Raise ValueError with the nearest known name when `name` is not registered nor `module:function`."""
    if name not in ENGINES and ":" not in name:
        raise ValueError(f"unknown extraction engine {name!r}; known: {', '.join(ENGINES)}.{nearest(name, ENGINES)}")


@lru_cache(maxsize=16)
def load_engine(settings: ExtractSettings) -> Engine:
    """The engine that `settings` names, ready to run under these settings."""
    module, _, function = ENGINES.get(settings.engine, settings.engine).partition(":")
    return getattr(import_module(module), function)(settings)
