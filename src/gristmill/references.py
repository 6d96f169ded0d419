"""What parts of a recipe say of one another by name: a model is trained on sources, a source's stages use models.

The names stand in settings of type SourceRef and ModelRef; they decide what comes after what.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from gristmill.errors import UserError, nearest
from gristmill.stage import ModelName, SourceName, Stage, TrainedModel
from gristmill.yamltree import Path, Tree

Item = tuple[str, str]
"""("sources", name) or ("models", name)."""


@dataclass(frozen=True)
class Need:
    """One part of a recipe that another one names: which, how it is put in words, and the file and line."""

    of: Item
    verb: str
    where: str


def references(settings: Any, kind: type[str], path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple, str]]:
    """Every value of type `kind` (SourceName, ModelName) in some settings, with the path of fields that leads to it."""
    if isinstance(settings, kind):
        yield path, str(settings)
    elif isinstance(settings, BaseModel):
        for name in type(settings).model_fields:
            yield from references(getattr(settings, name), kind, (*path, name))
    elif isinstance(settings, Mapping):
        for key, value in settings.items():
            yield from references(value, kind, (*path, key))
    elif isinstance(settings, list | tuple):
        for number, value in enumerate(settings):
            yield from references(value, kind, (*path, number))


def needs(
    settings: Mapping[Path, Stage], sources: Iterable[str], models: Mapping[str, TrainedModel], tree: Tree
) -> dict[Item, list[Need]]:
    """What every source and model reads, by the names in all settings, which are keyed by where they stand.

    Raises UserError for a name that nothing has, and for a model that the stage cannot use.
    """
    known = list(sources)
    found: dict[Item, list[Need]] = {("sources", name): [] for name in known}
    found |= {("models", name): [] for name in models}

    def fail(path: Path, message: str, hint: str | None = None) -> UserError:
        return UserError(f"{'.'.join(map(str, path))}: {message}", where=tree.where(path), hint=hint)

    for path, stage in settings.items():
        mine = found.get((str(path[0]), str(path[1])), [])  # stages over all sources come after everything anyway
        for inner, name in references(stage, ModelName):
            at = (*path, *inner)
            if name not in models:
                hint = "a path or URL has a dot or slash in it: ./name"
                raise fail(at, f"no model {name!r} in this recipe.{nearest(name, models)}", hint)
            if models[name].makes != stage.uses_models:
                raise fail(at, f"{name!r} is made by {models[name].kind}; {stage.kind} cannot use such a model")
            mine.append(Need(("models", name), "uses", tree.where(at)))
        for inner, name in references(stage, SourceName):
            at = (*path, *inner)
            if name not in known:
                raise fail(at, f"no source {name!r}.{nearest(name, known)}")
            verb = "is trained on" if isinstance(stage, TrainedModel) else "reads"
            mine.append(Need(("sources", name), verb, tree.where(at)))
    return found


def ordered(needs: Mapping[Item, Sequence[Need]]) -> tuple[Item, ...]:
    """All items, each after what it needs, otherwise as they stand. Raises UserError for a ring, at the line that closes it."""
    done: dict[Item, None] = {}

    def visit(item: Item, way: tuple[tuple[Item, str], ...]) -> None:
        """`way`: the items that led here, each with what it does with the next."""
        if item in done:
            return
        for need in needs[item]:
            further = (*way, (item, need.verb))
            above = [other for other, _ in further]
            if need.of in above:
                ring = "".join(f"{_shown(other)} {verb} " for other, verb in further[above.index(need.of) :])
                hint = "one of them must do without the next"
                raise UserError(f"a cycle: {ring}{_shown(need.of)}", where=need.where, hint=hint)
            visit(need.of, further)
        done[item] = None

    for item in needs:
        visit(item, ())
    return tuple(done)


def _shown(item: Item) -> str:
    part, name = item
    return name if part == "sources" else f"models.{name}"
