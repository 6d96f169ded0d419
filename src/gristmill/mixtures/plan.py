"""The table of a solved mixture: what each source has, should supply, and supplies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from gristmill import storage

FILE = "mixture.json"


@dataclass(frozen=True)
class Available:
    """What one source offers once: documents and their tokens, beginning and end tokens counted."""

    documents: int
    tokens: int


@dataclass(frozen=True)
class SourceRow:
    """One source of a mixture."""

    source: str
    documents: int  # available
    tokens: int  # available
    target: float  # share of tokens asked for
    taken: int  # tokens in the mixture, repeats counted
    epochs: float  # taken / available
    share: float  # taken / tokens of the whole mixture


@dataclass(frozen=True)
class MixturePlan:
    """Exact token counts per source, in the order of the recipe's sources."""

    rows: tuple[SourceRow, ...]
    budget: int | None  # tokens the recipe asks for
    seed: int

    @property
    def tokens(self) -> int:
        return sum(row.taken for row in self.rows)

    @property
    def targets(self) -> dict[str, int]:
        """Tokens to take, by source."""
        return {row.source: row.taken for row in self.rows}

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "tokens": self.tokens}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> MixturePlan:
        names = [field.name for field in fields(SourceRow)]
        rows = tuple(SourceRow(**{name: row[name] for name in names}) for row in values["rows"])
        return cls(rows, values["budget"], values["seed"])

    def __str__(self) -> str:
        return render(self)


def read_plan(folder: str) -> MixturePlan:
    """The plan a finished `pack` wrote into its folder."""
    return MixturePlan.from_dict(json.loads(storage.read_bytes(storage.join(folder, FILE))))


def render(plan: MixturePlan) -> str:
    """The plan as a plain-text table; tokens are those of the mixture, shares are shares of its tokens."""
    head = ("source", "documents", "tokens available", "target", "tokens taken", "epochs", "share")
    lines = [
        (
            row.source,
            f"{row.documents:,}",
            f"{row.tokens:,}",
            f"{row.target:.4%}",
            f"{row.taken:,}",
            f"{row.epochs:.4g}",
            f"{row.share:.4%}",
        )
        for row in plan.rows
    ]
    documents, tokens = sum(row.documents for row in plan.rows), sum(row.tokens for row in plan.rows)
    total = (
        "all",
        f"{documents:,}",
        f"{tokens:,}",
        "",
        f"{plan.tokens:,}",
        f"{plan.tokens / tokens:.4g}" if tokens else "",
        "",
    )
    table = [head, *lines, total]
    widths = [max(len(row[column]) for row in table) for column in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in table
    )
