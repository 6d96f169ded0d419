"""Training one model of a recipe by itself, and its files in a folder of their own."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from typing import Any

from gristmill import api, storage
from gristmill.commit import RECEIPT, read_receipt
from gristmill.recipe import load

NAME = "from_command_line"


def train_model(
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

    kind: as `train_perplexity`. what: the name of one of the recipe's models, or settings of a new one as `source=wikipedia`.
    options go to `api.run`. Returns the run's result, and bytes of every file copied. Raises UserError for unknown names.
    """
    name, settings = NAME, [f"models.{NAME}.{kind}.{setting}" for setting in what]
    if len(what) == 1 and "=" not in what[0]:
        name, settings = what[0], []
    plan = api.plan(load(path, [*overrides, *settings], root))
    node = api.model_node(plan, name, kind)
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
