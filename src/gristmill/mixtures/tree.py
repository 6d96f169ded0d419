"""A mixture as a tree: groups that divide tokens, and leaves that are documents of one source.

    tree = resolve(mixture, sources=["web", "books"])
    [leaf.name for leaf in tree.leaves()]           # ['english', 'europe/de', 'europe/fr', 'books']

What a member does not say itself (source, max_epochs, shortfall, repeat) it takes from the group around it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, Literal

from gristmill.errors import UserError, nearest
from gristmill.mixtures.spec import Amounts, Component, Division, Mixture, Rehydrate, exact
from gristmill.mixtures.where import columns_of

Way = Literal["weights", "epochs", "proportional", "temperature", "unimax"]


@dataclass(frozen=True)
class Leaf:
    """Documents of one source: all of them, or those that fulfil `where`."""

    name: str  # from the top, as in europe/de
    source: str
    where: Mapping[str, Any] = field(default_factory=dict, hash=False)
    repeat: Rehydrate | None = None
    max_epochs: Fraction = Fraction(1)
    min_share: Fraction = Fraction(0)

    @property
    def selects(self) -> bool:
        """Whether its documents must be looked up one by one."""
        return bool(self.where) or self.repeat is not None

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that decide about its documents."""
        repeat = (self.repeat.column,) if self.repeat is not None else ()
        return tuple(dict.fromkeys((*columns_of(self.where), *repeat)))

    def leaves(self) -> Iterator[Leaf]:
        yield self


@dataclass(frozen=True)
class Group:
    """Members and how tokens are divided among them."""

    name: str  # from the top; empty there
    way: Way
    members: tuple[Leaf | Group, ...]
    amounts: tuple[Fraction, ...]  # of each member: weights (they sum to 1) or epochs; empty for rules
    alpha: float = 1.0
    redistribute: bool = False
    min_share: Fraction = Fraction(0)

    def leaves(self) -> Iterator[Leaf]:
        for member in self.members:
            yield from member.leaves()

    def without(self, empty: Collection[str]) -> Group:
        """The same group without the leaves named, and without groups that hold no others."""
        left = [member.without(empty) if isinstance(member, Group) else member for member in self.members]
        kept = [n for n, member in enumerate(left) if any(leaf.name not in empty for leaf in member.leaves())]
        amounts = tuple(self.amounts[n] for n in kept) if self.amounts else ()
        if self.way == "weights" and (total := sum(amounts)):
            amounts = tuple(amount / total for amount in amounts)
        return replace(self, members=tuple(left[n] for n in kept), amounts=amounts)

    def weighted(self, weights: Amounts) -> Group:
        """The same group with other weights, as in a phase; who is not named, or left out, gets nothing."""
        found = {member.name.rpartition("/")[2]: member for member in self.members}
        shares = _shares({name: weight for name, weight in weights.items() if name in found})
        return replace(
            self, way="weights", members=tuple(found[name] for name in shares), amounts=tuple(shares.values())
        )


@dataclass(frozen=True)
class _Given:
    """What a group hands down to its members."""

    source: str | None = None
    where: Mapping[str, Any] = field(default_factory=dict)
    max_epochs: float | None = None
    redistribute: bool = False
    repeat: Rehydrate | None = None


def resolve(mixture: Mixture | None, sources: Sequence[str]) -> Group:
    """The tree of a mixture; without one, every source once.

    Raises UserError for a source the recipe does not have, and for two components that are the same.
    """
    if mixture is None:
        return Group("", "proportional", tuple(Leaf(source, source) for source in sources), ())
    phases = [phase.weights for phase in mixture.phases if phase.weights is not None]
    tree = _group("", mixture, _Given(), ("mixture",), sources, phases)
    seen: dict[tuple[str, str], str] = {}
    for leaf in tree.leaves():
        same = (leaf.source, repr(sorted(leaf.where.items(), key=str)))
        if same in seen:
            raise UserError(
                f"mixture: {seen[same]!r} and {leaf.name!r} are the same documents of {leaf.source!r}",
                hint="tell them apart by `source` or `where`",
                field=("mixture",),
            )
        seen[same] = leaf.name
    return tree


def _group(
    name: str,
    part: Division,
    given: _Given,
    path: tuple[str, ...],
    sources: Sequence[str],
    more: Sequence[Amounts] = (),
) -> Group:
    handed = _Given(
        getattr(part, "source", None) or given.source,
        {**given.where, **getattr(part, "where", {})},
        part.max_epochs if part.max_epochs is not None else given.max_epochs,
        given.redistribute if part.shortfall is None else part.shortfall == "redistribute",
        part.repeat or given.repeat,
    )
    amounts = part.weights if part.weights is not None else part.epochs
    names = _taking_part(part, amounts, more, sources)
    members: list[Leaf | Group] = []
    for own in names:
        component = part.components.get(own, Component())
        if (by := getattr(part, "by", None)) is not None and not component.where and not component.is_group:
            component = component.model_copy(update={"where": {by: own}})
        label = f"{name}/{own}" if name else own
        inner = (*path, "components", own)
        if component.is_group:
            most = handed.max_epochs if part.epochs is None or handed.max_epochs is not None else part.epochs[own]
            members.append(_group(label, component, replace(handed, max_epochs=most), inner, sources))
            continue
        where_it_stands = inner if own in part.components else (*path, part.ways[0] if part.ways else "phases")
        once = exact(part.epochs[own]) if part.epochs is not None else Fraction(1)
        members.append(_leaf(label, own, component, handed, once, where_it_stands, sources))
    shares: tuple[Fraction, ...] = ()
    if part.weights is not None:
        weights = _shares(part.weights)
        shares = tuple(weights.get(own, Fraction(0)) for own in names)
    elif part.epochs is not None:
        shares = tuple(exact(part.epochs[own]) for own in names)
    way: Way = part.rule or ("epochs" if part.epochs is not None else "weights")
    floor = exact(getattr(part, "min_share", 0))
    redistribute = handed.redistribute or way in ("unimax", "epochs")  # epochs are caps, and all are met at once
    return Group(name, way, tuple(members), shares, part.alpha, redistribute, floor)


def _taking_part(part: Division, amounts: Amounts | None, more: Sequence[Amounts], sources: Sequence[str]) -> list[str]:
    """Names of the members, in the order they are written."""
    if part.rule is not None and not more:
        return list(part.components) or list(sources)
    found = [name for table in (amounts or {}, *more) for name, amount in table.items() if amount > 0]
    return list(dict.fromkeys([*(part.components if part.rule is not None else ()), *found]))


def _leaf(
    label: str,
    name: str,
    part: Component,
    given: _Given,
    most: Fraction,
    path: tuple[str, ...],
    sources: Sequence[str],
) -> Leaf:
    source = part.source or given.source or name
    if source not in sources:
        names = f"{source!r}, which is no source of the recipe" if source == name else f"the source {source!r}, unknown"
        raise UserError(
            f"{'.'.join(path)} names {names}.{nearest(source, sources)}",
            hint=f"sources: {', '.join(sources)}; say which one a component reads with `components: {{{name}: {{source: …}}}}`"
            if source == name
            else f"sources: {', '.join(sources)}",
            field=path,
        )
    own = part.max_epochs if part.max_epochs is not None else given.max_epochs
    return Leaf(
        label,
        source,
        {**given.where, **part.where},
        part.repeat or given.repeat,
        exact(own) if own is not None else most,
        exact(part.min_share),
    )


def _shares(weights: Amounts) -> dict[str, Fraction]:
    found = {name: exact(weight) for name, weight in weights.items() if weight > 0}
    total = sum(found.values())
    return {name: weight / total for name, weight in found.items()}
