"""Token shards in the formats of other trainers; one file a format, one file (or pair) written per token shard.

All but MDS know no rows: they get the documents in the mixture's order, end to end. What is not trained on (padding, what
was retracted) is left out of them; MDS, which keeps the rows, gets a mask.
"""

from __future__ import annotations

from importlib import import_module
from typing import Protocol

from gristmill import storage
from gristmill.errors import UserError, nearest
from gristmill.tokenize.shards import TokenShards

FORMATS = {"megatron": "megatron", "mds": "mds", "dolma": "dolma", "datatrove": "datatrove_ds"}


class Exporter(Protocol):
    def __call__(self, shards: TokenShards, out: str) -> int:
        """Writes into the folder `out`; returns the tokens written."""
        ...


def export(shards: TokenShards, name: str, out: str) -> int:
    """Write all shards in another format. Returns the tokens written.

    Raises UserError for an unknown format and for a folder that is not empty.
    """
    if name not in FORMATS:
        raise UserError(f"no export format {name!r}.{nearest(name, FORMATS)}", hint=", ".join(FORMATS))
    if storage.list_names(out):
        raise UserError(f"{out}: the folder is not empty", hint="export into a new one")
    write: Exporter = import_module(f"{__name__}.{FORMATS[name]}").write
    return write(shards, out)
