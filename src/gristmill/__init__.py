"""gristmill: raw crawls and dumps in, training tokens out, every decision recorded.

import gristmill

recipe = gristmill.load("configs/demo.yaml", {"mixture.tokens": 100_000})
plan = gristmill.plan(recipe)
print(plan)
gristmill.run(plan, workers=2)
for batch in gristmill.open_dataset(recipe, "web").to_batches(columns=["url", "text"]):
    ...
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gristmill.api import load, open_dataset, open_tokens, plan, retract, run, where
    from gristmill.errors import UserError

__version__ = "0.1.0"
__all__ = [
    "UserError",
    "__version__",
    "load",
    "open_dataset",
    "open_tokens",
    "plan",
    "retract",
    "run",
    "where",
    "write_trees",
]

_HOME = {name: "api" for name in __all__ if name.islower() and not name.startswith("_")} | {"UserError": "errors"}


def __getattr__(name: str) -> Any:  # lazily, so that `import gristmill` and the CLI stay fast
    if name in _HOME:
        return getattr(import_module(f"gristmill.{_HOME[name]}"), name)
    raise AttributeError(f"module 'gristmill' has no attribute {name!r}")
