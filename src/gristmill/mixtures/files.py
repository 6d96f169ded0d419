"""A mixture in a file of its own, and single weights set from the command line.

    mixture: {file: mixtures/llama1.yaml, tokens: 1_000_000, weights: {github: 0}}

What stands beside `file` replaces what the file says, name by name. A weight given by `--set` holds; the others keep
their proportions and share what is left, so that one weight can be tried without working out the rest.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

from gristmill import storage, yamltree
from gristmill.errors import UserError
from gristmill.stage import CommandLineText
from gristmill.yamltree import Path, Tree

WAYS = ("weights", "epochs", "rule")
_WHOLE = ("where", "table", "repeat", "phases")  # replaced as they are, not merged


def include_mixture(tree: Tree) -> None:
    """Put the content of `mixture.file` into the tree, below what the recipe itself says.

    Raises UserError when there is no such file, or when it is no mapping.
    """
    mixture = tree.value.get("mixture")
    if not isinstance(mixture, dict) or mixture.get("file") is None:
        return
    name = mixture.pop("file")
    if not isinstance(name, str) or not name:
        raise UserError(f"mixture.file: expected a path or URL, found {name!r}", where=tree.where(("mixture", "file")))
    base = os.getcwd() if isinstance(name, CommandLineText) else _folder(tree.name)
    location = storage.resolve(name, base)
    if not storage.exists(location):
        raise UserError(
            f"mixture.file: no file {location}",
            where=tree.where(("mixture", "file")),
            hint="paths in a recipe are seen from the recipe's folder",
        )
    found = yamltree.load(location)
    for path, line in found.lines.items():
        tree.lines.setdefault(("mixture", *path), line)
    tree.value["mixture"] = _merged(found.value, mixture)


def _folder(recipe: str) -> str:
    return os.path.dirname(recipe if storage.is_remote(recipe) else os.path.abspath(recipe))


def _merged(below: Any, above: Any, name: str = "") -> Any:
    if not isinstance(below, dict) or not isinstance(above, dict) or name in _WHOLE:
        return above
    given = [way for way in WAYS if above.get(way) is not None]
    kept = {key: value for key, value in below.items() if not given or key not in WAYS or key in given}
    return kept | {key: _merged(kept[key], value, key) if key in kept else value for key, value in above.items()}


def hold_weights(tree: Tree) -> list[str]:
    """Scale the weights beside those that `--set` gave, where they do not sum to 1; returns what was done, a line each."""
    mixture = tree.value.get("mixture")
    if not isinstance(mixture, dict) or mixture.get("normalise"):
        return []
    notes = []
    for path, weights in list(_tables(mixture, ("mixture",))):
        held = [name for name in weights if tree.lines.get((*path, name), "").startswith("--set ")]
        if not held or not all(isinstance(weight, (int, float)) for weight in weights.values()):
            continue
        fixed = sum(weights[name] for name in held)
        rest = sum(weight for name, weight in weights.items() if name not in held)
        if abs(fixed + rest - 1) < 1e-6 or fixed > 1 or rest <= 0:
            continue
        scale = (1 - fixed) / rest
        weights.update({name: weight * scale for name, weight in weights.items() if name not in held})
        names = ", ".join(f"{name} {weights[name]:g}" for name in held)
        notes.append(f"{'.'.join(map(str, path))}: {names} as set; the others were scaled by {scale:.6g}")
    return notes


def _tables(part: Any, path: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Every table of weights in a mixture and its place in the tree."""
    if not isinstance(part, dict):
        return
    if isinstance(part.get("weights"), dict):
        yield (*path, "weights"), part["weights"]
    components = part.get("components")
    for name, component in components.items() if isinstance(components, dict) else ():
        yield from _tables(component, (*path, "components", name))
    phases = part.get("phases")
    for number, phase in enumerate(phases if isinstance(phases, list) else ()):
        yield from _tables(phase, (*path, "phases", number))


def override(tree: Tree, assignments: Sequence[str]) -> list[str]:
    """Carry out all `--set` of the command line and bring in the mixture's file; returns notes for the user."""
    early = [assignment for assignment in assignments if assignment.partition("=")[0].strip() == "mixture.file"]
    for assignment in early:
        tree.override(assignment)
    include_mixture(tree)
    for assignment in assignments:
        if assignment not in early:
            tree.override(assignment)
    include_mixture(tree)  # `--set mixture='{file: …}'`
    return hold_weights(tree)
