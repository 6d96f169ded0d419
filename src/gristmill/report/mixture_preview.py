"""What a mixture comes to, without running anything: `gristmill try` and the check before a run.

Exact where documents are encoded; before that, tokens are estimated from the bytes of the documents left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gristmill.errors import UserError
from gristmill.mixtures.plan import Available, MixturePlan
from gristmill.mixtures.select import Part, Selection, as_part, assign, counted, offers, parts_of, select
from gristmill.mixtures.solver import solve
from gristmill.mixtures.tree import Group, Leaf, resolve
from gristmill.pipeline.plan import Plan

BYTES_PER_TOKEN = 4.0  # English under vocabularies of 32k to 64k; used until a source is encoded


@dataclass(frozen=True)
class Preview:
    """A solved mixture and what its numbers rest on."""

    plan: MixturePlan
    basis: tuple[str, ...]
    exact: bool  # no count is estimated

    def __str__(self) -> str:
        return "\n".join([str(self.plan), *self.basis])


@dataclass
class _Counts:
    offers: dict[str, Available] = field(default_factory=dict)
    estimated: list[str] = field(default_factory=list)
    looked_up: list[str] = field(default_factory=list)


def preview(plan: Plan) -> Preview:
    """The table a run would come to. Raises UserError when the mixture cannot be met, or a source has not been read."""
    recipe = plan.recipe
    if recipe.tokenize is None:
        raise UserError("the recipe has no `tokenize:`, so there is no mixture to try", where=recipe.path)
    tree = resolve(recipe.mixture, list(recipe.sources))
    counts = _Counts()
    rate = _bytes_per_token(plan)
    for source, leaves in _by_source(tree):
        _count(plan, source, leaves, rate or BYTES_PER_TOKEN, counts)
    solved = _solve(plan, tree, counts.offers)
    basis = []
    if counts.estimated:
        measured = "as in the sources already encoded" if rate else "assumed"
        basis.append(
            f"tokens of {', '.join(counts.estimated)} are estimated: not encoded yet; "
            f"{rate or BYTES_PER_TOKEN:.3g} bytes a token, {measured}"
        )
    else:
        basis.append("tokens are those of the encoded documents")
    if counts.looked_up:
        basis.append(f"parts of {', '.join(counts.looked_up)} were counted for this table and are not on disk yet")
    return Preview(solved, tuple(basis), not counts.estimated)


def known_outcome(plan: Plan) -> MixturePlan | None:
    """The mixture from counts on disk; None while some are missing. Raises UserError when it cannot be met."""
    recipe = plan.recipe
    if recipe.tokenize is None:
        return None
    tree = resolve(recipe.mixture, list(recipe.sources))
    found: dict[str, Available] = {}
    for source, leaves in _by_source(tree):
        needed = [f"encode.{source}", *([f"select.{source}"] if any(leaf.selects for leaf in leaves) else [])]
        if not all(plan.states[name].done for name in needed):
            return None
        found |= _finished(plan, source, leaves)
    return _solve(plan, tree, found)


def _solve(plan: Plan, tree: Group, found: dict[str, Available]) -> MixturePlan:
    recipe = plan.recipe
    assert recipe.tokenize is not None
    try:
        return solve(recipe.mixture, found, tree, recipe.tokenize.sequence_length)
    except UserError as error:
        raise UserError(error.message, where=error.where or recipe.where("mixture"), hint=error.hint) from None


def _by_source(tree: Group) -> list[tuple[str, list[Leaf]]]:
    leaves = list(tree.leaves())
    return [(s, [leaf for leaf in leaves if leaf.source == s]) for s in dict.fromkeys(leaf.source for leaf in leaves)]


def _finished(plan: Plan, source: str, leaves: Sequence[Leaf]) -> dict[str, Available]:
    if any(leaf.selects for leaf in leaves):
        names = [shard.name for shard in plan.graph.shards[source]]
        return counted(plan.graph.nodes[f"select.{source}"].folder, names, leaves)
    counts = _manifest(plan, f"encode.{source}")
    offer = Available(*(counts.get(unit, 0) for unit in ("documents", "tokens", "bytes")))
    return {leaf.name: offer for leaf in leaves}


def _count(plan: Plan, source: str, leaves: Sequence[Leaf], rate: float, into: _Counts) -> None:
    encoded = plan.states[f"encode.{source}"]
    selects = any(leaf.selects for leaf in leaves)
    if encoded.done and (not selects or plan.states[f"select.{source}"].done):
        into.offers |= _finished(plan, source, leaves)
        return
    waiting = [name for name in plan.graph.nodes[f"encode.{source}"].needs if not name.startswith("tokenizer")]
    if selects:
        waiting += plan.graph.nodes[f"select.{source}"].needs
    unread = [name for name in waiting if not name.startswith("encode.") and not plan.states[name].done]
    if unread:
        raise UserError(
            f"the documents of {source!r} are not there yet: {unread[0]} is {plan.states[unread[0]].status}",
            hint=f"gristmill run {plan.recipe.path} --stage {source}/statistics",
        )
    if encoded.done:
        into.looked_up.append(source)
        into.offers |= _looked_up(plan, source, leaves)
        return
    into.estimated.append(source)
    statistics = plan.states[f"{source}/statistics"]
    if not selects and statistics.done:
        counts = _manifest(plan, f"{source}/statistics")
        documents, size = counts.get("kept/documents", 0), counts.get("kept/bytes", 0)
        offer = Available(documents, int(size / rate) + documents, size)  # an end token each
        into.offers |= {leaf.name: offer for leaf in leaves}
        return
    into.offers |= _looked_up(plan, source, leaves, rate)


def _looked_up(plan: Plan, source: str, leaves: Sequence[Leaf], rate: float | None = None) -> dict[str, Available]:
    """What parts of a source offer, from its value columns; rate: bytes a token, where nothing is encoded."""
    parts = [as_part(leaf) for leaf in parts_of(leaves)]
    totals: dict[str, int] = {}
    folder = plan.graph.nodes[f"encode.{source}"].folder
    for shard in plan.graph.dataset_shards(source):
        found = select(shard, folder, parts) if rate is None else _estimated(shard, parts, rate)
        for selection in found:
            for key, amount in selection.counts(len(parts)).items():
                totals[key] = totals.get(key, 0) + amount
    return offers(totals, leaves)


def _estimated(shard: Any, parts: Sequence[Part], rate: float) -> Any:
    columns = list(dict.fromkeys(["bytes", *(column for part in parts for column in part.columns)]))
    for batch in shard.batches(columns):
        keep = batch.keep
        component, repeats = assign(batch, parts)
        sizes = batch.numbers("bytes").astype(np.int64)[keep]
        yield Selection(component[keep], repeats[keep], (sizes / rate).astype(np.int64) + 1, sizes)


def _bytes_per_token(plan: Plan) -> float | None:
    """As measured over the sources of the recipe that are encoded."""
    done = [name for name, state in plan.states.items() if name.startswith("encode.") and state.done]
    tokens, size = (sum(_manifest(plan, name).get(unit, 0) for name in done) for unit in ("tokens", "bytes"))
    return size / tokens if tokens else None


def _manifest(plan: Plan, name: str) -> dict[str, int]:
    manifest = plan.states[name].manifest
    counts: dict[str, int] = manifest["counts"] if manifest is not None else {}
    return counts
