"""Training one model of a recipe by itself, and its files in a folder of their own."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from typing import Any

from gristmill import api, storage
from gristmill.commit import RECEIPT, read_receipt
from gristmill.errors import UserError, nearest
from gristmill.recipe import load
from gristmill.registry import loadable
from gristmill.stage import TrainedModel

PREFIX = "train_"
NAME = "from_command_line"


def model_kinds() -> list[str]:
    """What can be trained: kinds of models without their prefix."""
    return [kind.removeprefix(PREFIX) for kind, cls in loadable().items() if issubclass(cls, TrainedModel)]


def train(
    path: str,
    kind: str,
    what: Sequence[str],
    out: str,
    *,
    overrides: Sequence[str] = (),
    root: str | None = None,
    **options: Any,
) -> tuple[api.Result, Mapping[str, int]]:
    """Train a model on datasets of a recipe and copy its files to the folder `out`.

    kind: as `perplexity`. what: the name of one of the recipe's models, or settings of a new one as `source=wikipedia`.
    options go to `api.run`. Returns the run's result, and bytes of every file copied. Raises UserError for unknown names.
    """
    if kind not in model_kinds():
        raise UserError(
            f"no model {kind!r} can be trained.{nearest(kind, model_kinds())}", hint=", ".join(model_kinds())
        )
    if not what:
        raise UserError(
            "which model?", hint="name one of the recipe's models, or give settings: source=NAME language=en"
        )
    if len(what) == 1 and "=" not in what[0]:
        name = what[0]
        recipe = load(path, overrides, root)
        mine = [known for known, model in recipe.models.items() if model.kind == PREFIX + kind]
        if name not in mine:
            raise UserError(
                f"no model {name!r} of kind {PREFIX}{kind}.{nearest(name, mine)}", where=path, hint=", ".join(mine)
            )
    else:
        name = NAME
        settings = [f"models.{name}.{PREFIX}{kind}.{setting}" for setting in what]
        recipe = load(path, [*overrides, *settings], root)
    plan = api.plan(recipe)
    node = plan.graph.nodes[f"models/{name}"]
    result = api.run(plan, stage=node.name, **options)
    return result, _copy(node.folder, out) if result.ok else {}


def _copy(folder: str, out: str) -> dict[str, int]:
    found = {}
    storage.make_dir(out)
    for name in storage.list_names(folder):
        receipt = read_receipt(folder, name.removesuffix(RECEIPT)) if name.endswith(RECEIPT) else None
        for file in receipt.files if receipt else ():
            temporary = storage.temporary_path(storage.join(out, file.name))
            with storage.open_input(storage.join(folder, file.name)) as stream, open(temporary, "wb") as copy:
                shutil.copyfileobj(stream, copy, 8 << 20)
            storage.publish(temporary, storage.join(out, file.name))
            found[file.name] = file.bytes
    return found
