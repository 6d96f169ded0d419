"""Text → tokens → packed shards, and what reads them: `TokenShards` (NumPy), `TokenDataset` (PyTorch)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gristmill.tokenize.loader import TokenDataset, TokenLoader, TokenStream
    from gristmill.tokenize.reply_trees import ReplyTrees, ancestor_positions, ancestors_mask
    from gristmill.tokenize.shards import TokenShards

__all__ = [
    "ReplyTrees",
    "TokenDataset",
    "TokenLoader",
    "TokenShards",
    "TokenStream",
    "ancestor_positions",
    "ancestors_mask",
]


def __getattr__(name: str) -> Any:  # imported where used: PyTorch is an extra
    if name in ("TokenDataset", "TokenLoader", "TokenStream"):
        from gristmill.tokenize import loader

        return getattr(loader, name)
    if name in ("ReplyTrees", "ancestor_positions", "ancestors_mask"):
        from gristmill.tokenize import reply_trees

        return getattr(reply_trees, name)
    if name == "TokenShards":
        from gristmill.tokenize.shards import TokenShards

        return TokenShards
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
