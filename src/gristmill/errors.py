"""The two kinds of trouble gristmill tells apart: what the user can fix, and what a task ran into."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class GristmillError(Exception):
    """Base of every error gristmill raises on purpose."""


class UserError(GristmillError):
    """A mistake in a recipe, a path, a model or a credential. The CLI prints it without a traceback and exits with 2.

    `where` is a file and line or a URL; `hint` is what to do about it; `field` is the path of the field of a recipe that is
    wrong, for who raises it without knowing on which line that stands.
    """

    def __init__(
        self, message: str, *, where: str | None = None, hint: str | None = None, field: tuple[str | int, ...] = ()
    ) -> None:
        super().__init__(message, where, hint, field)  # all of them, so that it pickles
        self.message, self.where, self.hint, self.field = message, where, hint, field

    def __str__(self) -> str:
        head = f"{self.where}: {self.message}" if self.where else self.message
        return f"{head}\n  {self.hint}" if self.hint else head

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.message, self.where, self.hint, self.field)


def _rebuild(
    kind: type[UserError], message: str, where: str | None, hint: str | None, field: tuple[str | int, ...]
) -> UserError:
    return kind(message, where=where, hint=hint, field=field)


def nearest(name: str, candidates: Iterable[str]) -> str:
    """` Did you mean 'x'?` or nothing: the end of a sentence about an unknown name."""
    found = difflib.get_close_matches(name, list(candidates), n=1, cutoff=0.5)
    return f" Did you mean {found[0]!r}?" if found else ""
