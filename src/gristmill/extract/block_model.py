"""The trees that tell main text from the rest, and the file they come in.

The file: a line that names the format, a line of JSON (names of the features, sizes, how they were made), then the arrays of both
forests one after the other, little-endian. Nothing in it is code.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from gristmill.extract.forest import Forest
from gristmill.kernels.html_context import CONTEXT
from gristmill.kernels.html_features import FEATURES

FORMAT = "gristmill block model 1"
SHIPPED = "blocks.model"
_ARRAYS = (("roots", "<u2"), ("feature", "<u2"), ("value", "<f4"), ("child", "<u2"))


@dataclass(frozen=True)
class BlockModel:
    """Two forests: the second sees what the first thinks of the surroundings."""

    first: Forest
    second: Forest
    card: dict[str, Any]  # how it was made

    def to_bytes(self) -> bytes:
        """The file; the same model gives the same bytes."""
        forests = (self.first, self.second)
        header = {
            "features": list(FEATURES),
            "context": list(CONTEXT),
            "sizes": [[len(f.roots), len(f.feature)] for f in forests],
            "bases": [float(f.base) for f in forests],
            "card": self.card,
        }
        parts = [FORMAT.encode(), b"\n", json.dumps(header, sort_keys=True).encode(), b"\n"]
        for forest in forests:
            parts += [np.asarray(getattr(forest, name)).astype(kind).tobytes() for name, kind in _ARRAYS]
        return b"".join(parts)

    @classmethod
    def from_bytes(cls, data: bytes) -> BlockModel:
        """Raises ValueError when the file is of another format or was trained on other features."""
        magic, _, rest = data.partition(b"\n")
        if magic.decode("utf-8", "replace") != FORMAT:
            raise ValueError(f"not a block model: it begins {magic[:40]!r}")
        head, _, body = rest.partition(b"\n")
        header = json.loads(head)
        if header["features"] != list(FEATURES) or header["context"] != list(CONTEXT):
            raise ValueError("this block model was trained on other features; train it again")
        forests, at = [], 0
        for (trees, nodes), base in zip(header["sizes"], header["bases"], strict=True):
            arrays = {}
            for name, kind in _ARRAYS:
                count = trees if name == "roots" else nodes
                arrays[name] = np.frombuffer(body, kind, count, at)
                at += arrays[name].nbytes
            forests.append(Forest(**arrays, base=base))
        if at != len(body):
            raise ValueError(f"a block model of {len(body)} bytes where {at} belong")
        return cls(forests[0], forests[1], header["card"])


@cache
def shipped_model() -> BlockModel:
    """The model in this package."""
    return BlockModel.from_bytes((files("gristmill.extract") / SHIPPED).read_bytes())
