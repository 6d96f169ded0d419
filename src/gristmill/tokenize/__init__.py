"""Text → tokens → packed shards, and what reads them: `TokenShards` (NumPy), `TokenDataset` (PyTorch)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gristmill.tokenize.loader import TokenDataset, TokenLoader, TokenStream
    from gristmill.tokenize.shards import TokenShards

__all__ = ["TokenDataset", "TokenLoader", "TokenShards", "TokenStream"]


def __getattr__(name: str) -> Any:  # imported where used: PyTorch is an extra
    if name in ("TokenDataset", "TokenLoader", "TokenStream"):
        from gristmill.tokenize import loader

        return getattr(loader, name)
    if name == "TokenShards":
        from gristmill.tokenize.shards import TokenShards

        return TokenShards
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
