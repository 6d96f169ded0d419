"""The table of a solved mixture: what each component has, should supply, and supplies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from gristmill import storage

FILE = "mixture.json"


@dataclass(frozen=True)
class Available:
    """What one component offers in one epoch: documents and their tokens, begin and end tokens counted."""

    documents: int
    tokens: int
    bytes: int = 0  # of text; needed where weights are shares of bytes


@dataclass(frozen=True)
class SourceRow:
    """One component of a mixture; its documents all come from one source."""

    source: str
    documents: int  # available
    tokens: int  # available
    target: float  # share of tokens asked for
    taken: int  # tokens in the mixture, repeats counted
    epochs: float  # taken / available
    share: float  # taken / tokens of the whole mixture
    component: str = ""  # as in europe/de; a source's own name when it is taken whole
    documents_taken: int | None = None  # how many to take, where weights are shares of documents
    capped: bool = False  # it gives all that max_epochs allow, and less than its target

    @property
    def name(self) -> str:
        return self.component or self.source


@dataclass(frozen=True)
class PhasePlan:
    """One stretch of the mixture."""

    tokens: int
    taken: dict[str, int]  # by component; a document counts where its middle falls


@dataclass(frozen=True)
class MixturePlan:
    """Exact token counts per component, in the order of the mixture."""

    rows: tuple[SourceRow, ...]
    budget: int | None  # tokens the recipe asks for
    seed: int
    phases: tuple[PhasePlan, ...] = ()  # empty when the weights do not change
    notes: tuple[str, ...] = ()

    @property
    def tokens(self) -> int:
        return sum(row.taken for row in self.rows)

    @property
    def targets(self) -> dict[str, int]:
        """Tokens to take, by component."""
        return {row.name: row.taken for row in self.rows}

    def measured(self, taken: Mapping[str, int]) -> MixturePlan:
        """The same plan with the tokens that the documents turned out to have."""
        total = sum(taken.values())
        rows = tuple(
            replace(
                row,
                taken=taken[row.name],
                epochs=taken[row.name] / row.tokens if row.tokens else 0.0,
                share=taken[row.name] / total if total else 0.0,
            )
            for row in self.rows
        )
        return replace(self, rows=rows)

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "tokens": self.tokens}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> MixturePlan:
        names = [field.name for field in fields(SourceRow)]
        rows = tuple(SourceRow(**{name: row[name] for name in names if name in row}) for row in values["rows"])
        phases = tuple(PhasePlan(**phase) for phase in values.get("phases", ()))
        return cls(rows, values["budget"], values["seed"], phases, tuple(values.get("notes", ())))

    def __str__(self) -> str:
        return render(self)


def read_plan(folder: str) -> MixturePlan:
    """The plan a finished `pack` wrote into its folder."""
    return MixturePlan.from_dict(json.loads(storage.read_bytes(storage.join(folder, FILE))))


def render(plan: MixturePlan) -> str:
    """The plan as a plain-text table; tokens are those of the mixture, shares are shares of its tokens.

    Members of a group stand indented below it.
    """
    head = ("source", "documents", "tokens available", "target", "tokens taken", "epochs", "share")
    lines: list[tuple[str, ...]] = []
    opened: list[str] = []  # groups whose line has been printed
    for row in plan.rows:
        *groups, own = row.name.split("/")
        for depth in range(len(groups)):
            group = "/".join(groups[: depth + 1])
            if group not in opened:
                opened.append(group)
                below = [r for r in plan.rows if r.name.startswith(group + "/")]
                lines.append(_line("  " * depth + groups[depth], below, plan.tokens))
        lines.append(_line("  " * len(groups) + own, [row], plan.tokens))
    total = _line("all", plan.rows, plan.tokens)
    table = [head, *lines, (*total[:3], "", *total[4:6], "")]
    phases = [f"phase {number}: {_phase(phase)}" for number, phase in enumerate(plan.phases, 1)]
    capped = [row.name for row in plan.rows if row.capped]
    empty = [row.name for row in plan.rows if not row.tokens]
    notes = [f"at max_epochs and short of the target: {', '.join(capped)}"] if capped else []
    notes += [f"without a document: {', '.join(empty)}"] if empty else []
    return "\n".join([*aligned(table), *phases, *plan.notes, *notes])


def _line(name: str, rows: tuple[SourceRow, ...] | list[SourceRow], whole: int) -> tuple[str, ...]:
    tokens, taken = sum(row.tokens for row in rows), sum(row.taken for row in rows)
    return (
        name,
        f"{sum(row.documents for row in rows):,}",
        f"{tokens:,}",
        f"{sum(row.target for row in rows):.4%}",
        f"{taken:,}",
        f"{taken / tokens:.4g}" if tokens else "",
        f"{taken / whole:.4%}" if whole else "",
    )


def _phase(phase: PhasePlan) -> str:
    parts = [f"{name} {taken / phase.tokens:.2%}" for name, taken in phase.taken.items() if taken]
    return f"{phase.tokens:,} tokens, {', '.join(parts)}"


def aligned(table: list[tuple[str, ...]]) -> list[str]:
    """Lines of a table: the first column to the left, numbers to the right."""
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    return [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in table
    ]
