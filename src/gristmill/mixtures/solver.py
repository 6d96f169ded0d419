"""Available tokens and a mixture → an exact number of tokens per component.

    available = {"web": Available(10, 9_000), "books": Available(2, 400)}
    plan = solve(Mixture(weights={"web": 0.9, "books": 0.1}), available)
    plan.targets                                     # {'web': 3600, 'books': 400}

All arithmetic is over integers and fractions, so the counts add up to the budget and are the same on every
machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from gristmill.errors import UserError
from gristmill.mixtures.apportion import apportion, raise_to_floors
from gristmill.mixtures.plan import Available, MixturePlan, PhasePlan, SourceRow
from gristmill.mixtures.spec import SHARE_TOLERANCE, Mixture, MixturePhase, all_weights, exact
from gristmill.mixtures.tree import Group, Leaf, resolve

Taken = dict[str, int]


def solve(
    mixture: Mixture | None,
    available: Mapping[str, Available],
    tree: Group | None = None,
    sequence_length: int = 1,
) -> MixturePlan:
    """Tokens to take from each component.

    available: what each component offers, by its name; or each source, when the mixture has no other components.
    tree: the resolved mixture. sequence_length: of phases given in sequences; phases given as shares end at one.

    Raises UserError when a source with a weight is unknown or empty, and when the budget is more than max_epochs
    allow.
    """
    tree = tree or resolve(mixture, list(available))
    everything, offers = tree, {leaf.name: available[leaf.name] for leaf in tree.leaves()}
    if mixture is not None and mixture.empty == "leave_out":
        tree = tree.without([name for name, offer in offers.items() if not offer.tokens])
    _check_offers(mixture, tree, offers)
    solver = _Solver(offers, mixture.unit if mixture else "tokens", (mixture or _ONCE).tokens)
    caps = {leaf.name: int(offers[leaf.name].tokens * leaf.max_epochs) for leaf in everything.leaves()}
    if mixture is None or not mixture.phases:
        targets = solver.targets(tree)
        budget = _budget(mixture, solver, tree, caps)
        taken = solver.divide(tree, budget, caps)
        return _plan(mixture, everything, targets, taken, caps, offers, ())
    taken = dict.fromkeys(offers, 0)
    targets = dict.fromkeys(offers, Fraction(0))
    phases: list[PhasePlan] = []
    assert mixture.tokens is not None
    lengths = _phase_lengths(mixture.phases, mixture.tokens, sequence_length)
    for number, (phase, tokens) in enumerate(zip(mixture.phases, lengths, strict=True), 1):
        stretch = tree.weighted(phase.weights) if phase.weights is not None else _without_unused(tree)
        left = {name: caps[name] - taken[name] for name in caps}
        try:
            found = solver.divide(stretch, tokens, left)
        except UserError as error:
            raise UserError(f"phase {number}: {error.message}", where=error.where, hint=error.hint) from None
        for name, share in solver.targets(stretch).items():
            targets[name] += share * tokens / mixture.tokens
        for name, count in found.items():
            taken[name] += count
        phases.append(PhasePlan(tokens, {name: found.get(name, 0) for name in offers}))
    return _plan(mixture, everything, targets, taken, caps, offers, tuple(phases))


_ONCE = Mixture(rule="proportional")


@dataclass(frozen=True)
class _Solver:
    """Shares, capacities and counts of groups, given what leaves offer."""

    offers: Mapping[str, Available]
    unit: str
    tokens: int | None

    def size(self, node: Group | Leaf) -> Fraction:
        """What it offers in the unit of the weights."""
        if isinstance(node, Group):
            return sum((self.size(member) for member in node.members), Fraction(0))
        offer = self.offers[node.name]
        return Fraction({"documents": offer.documents, "bytes": offer.bytes}.get(self.unit, offer.tokens))

    def density(self, node: Group | Leaf) -> Fraction:
        """Tokens in one unit of the weights: 1 where they are shares of tokens."""
        if self.unit not in ("documents", "bytes"):
            return Fraction(1)
        if isinstance(node, Leaf):
            size = self.size(node)
            return Fraction(self.offers[node.name].tokens) / size if size else Fraction(1)
        parts = zip(self._in_unit(node), node.members, strict=True)
        return sum((share * self.density(member) for share, member in parts), Fraction(0))

    def _in_unit(self, group: Group) -> list[Fraction]:
        """Shares of a group's members in the unit of the weights."""
        sizes = [self.size(member) for member in group.members]
        if group.way == "weights":
            raw = list(group.amounts)
        elif group.way == "epochs":
            raw = [amount * size for amount, size in zip(group.amounts, sizes, strict=True)]
        elif group.way == "proportional":
            raw = sizes
        elif group.way == "temperature":  # rounded, so that no machine's last bit of a power shows
            raw = [Fraction(f"{float(size) ** group.alpha:.9e}") if size else Fraction(0) for size in sizes]
        else:
            raw = [Fraction(bool(size)) for size in sizes]
        total = sum(raw)
        shares = [share / total for share in raw] if total else [Fraction(0)] * len(raw)
        return raise_to_floors(shares, [member.min_share for member in group.members], group.name)

    def shares(self, group: Group) -> list[Fraction]:
        """Shares of a group's members in its tokens."""
        parts = [s * self.density(m) for s, m in zip(self._in_unit(group), group.members, strict=True)]
        total = sum(parts)
        return [part / total for part in parts] if total else parts

    def targets(self, group: Group, whole: Fraction = Fraction(1)) -> dict[str, Fraction]:
        """Share of every leaf in all tokens of the group."""
        found: dict[str, Fraction] = {}
        for share, member in zip(self.shares(group), group.members, strict=True):
            if isinstance(member, Group):
                found |= self.targets(member, whole * share)
            else:
                found[member.name] = whole * share
        return found

    def capacity(self, node: Group | Leaf, caps: Taken, *, exactly: bool | None = None) -> int:
        """Most tokens it can give; exactly: with its members in their shares, else as it says itself."""
        if isinstance(node, Leaf):
            return caps[node.name]
        limits = [self.capacity(member, caps) for member in node.members]
        if node.redistribute if exactly is None else not exactly:
            return sum(limits)
        found = [int(limit / share) for limit, share in zip(limits, self.shares(node), strict=True) if share]
        return min(min(found, default=0), sum(limits))

    def divide(self, group: Group, tokens: int, caps: Taken) -> Taken:
        """Whole tokens for every leaf; they sum to `tokens`. Raises UserError when caps do not allow it."""
        if tokens > self.capacity(group, caps):
            raise self.too_much(group, tokens, caps)
        return self._divide(group, tokens, caps)

    def _divide(self, group: Group, tokens: int, caps: Taken) -> Taken:
        limits = {member.name: self.capacity(member, caps) for member in group.members}
        shares = dict(zip(limits, self.shares(group), strict=True))
        self._check_floors(group, tokens, limits)
        counts = apportion(tokens, shares, limits)
        found: Taken = {}
        for member in group.members:
            if isinstance(member, Group):
                found |= self._divide(member, counts[member.name], caps)
            else:
                found[member.name] = counts[member.name]
        return found

    def _check_floors(self, group: Group, tokens: int, limits: Taken) -> None:
        for member in group.members:
            least = int(member.min_share * tokens)
            if least > limits[member.name]:
                raise UserError(
                    f"min_share of {member.name!r} is {float(member.min_share):g}, {least:,} tokens, "
                    f"and max_epochs allow {limits[member.name]:,}",
                    hint=f"lower it to {limits[member.name] / tokens:.4g}, raise max_epochs, or lower mixture.tokens",
                )

    def too_much(self, group: Group, tokens: int, caps: Taken) -> UserError:
        """Which constraint stops this budget, and what would do."""
        most = _same([leaf.max_epochs for leaf in group.leaves()])
        within = f"with max_epochs {float(most):g}" if most is not None else "within max_epochs"
        if group.redistribute or group.way == "epochs":
            everything = self.capacity(group, caps)
            if group.way == "epochs" and all(isinstance(member, Leaf) for member in group.members):
                return UserError(
                    f"mixture.tokens, {tokens:,}, is more than the epochs come to: {everything:,}",
                    hint="lower mixture.tokens or raise mixture.epochs",
                )
            return UserError(
                f"mixture.tokens, {tokens:,}, is more than all sources together supply {within}: {everything:,}",
                hint="lower mixture.tokens or raise mixture.max_epochs",
            )
        targets = self.targets(group)
        needs = {
            leaf.name: (tokens * targets[leaf.name] / self.offers[leaf.name].tokens, leaf.max_epochs)
            for leaf in group.leaves()
            if targets[leaf.name]
        }
        short = "; ".join(
            f"{name} has {self.offers[name].tokens:,} tokens and would be read {float(need):.4g} times"
            for name, (need, _) in needs.items()
            if need * self.offers[name].tokens > caps[name]
        )
        reachable = self.capacity(group, caps)
        return UserError(
            f"mixture.tokens, {tokens:,}, cannot be met {within}: {short}",
            hint=f"ask for at most {reachable:,} tokens, set max_epochs to "
            f"{_round_up(max(need for need, _ in needs.values()))}, or set `shortfall: redistribute`",
        )


def _budget(mixture: Mixture | None, solver: _Solver, tree: Group, caps: Taken) -> int:
    if mixture is not None and mixture.tokens is not None:
        return mixture.tokens
    everything = tree.way in ("epochs", "unimax")
    budget = solver.capacity(tree, caps, exactly=not everything)
    if not budget:
        if tree.way == "epochs":
            raise UserError("mixture.epochs come to not a single token", hint="raise mixture.epochs")
        raise UserError("max_epochs leaves a source without a single token", hint="raise mixture.max_epochs")
    return budget


def _check_offers(mixture: Mixture | None, tree: Group, offers: Mapping[str, Available]) -> None:
    if not any(offer.tokens for offer in offers.values()):
        raise UserError("no source has a document left: nothing to pack", hint="see what the filters dropped")
    for group in _groups(tree):
        for member in group.members if group.way in ("weights", "epochs") else ():
            if any(offers[leaf.name].tokens for leaf in member.leaves()):
                continue
            if isinstance(member, Leaf) and member.where:
                raise UserError(
                    f"the mixture wants tokens of {member.name!r}, but no document left in {member.source!r} is "
                    f"{_shown(member)}",
                    hint="a document counts for the first component that takes it; `mixture.empty: leave_out` goes on without",
                )
            raise UserError(
                f"the mixture wants tokens of {member.name!r}, but none of its documents is left",
                hint=f"see what the filters dropped, take {member.name!r} out of the mixture, or set `mixture.empty: leave_out`",
            )
    if mixture is not None and mixture.unit == "bytes" and not all(o.bytes for o in offers.values() if o.tokens):
        raise UserError("mixture.unit is bytes, but the bytes of a source are not known", hint="use tokens")


def _shown(leaf: Leaf) -> str:
    return ", ".join(f"{column} {wanted!r}" for column, wanted in leaf.where.items())


def _groups(tree: Group) -> list[Group]:
    found = [tree]
    for member in tree.members:
        found += _groups(member) if isinstance(member, Group) else []
    return found


def _phase_lengths(phases: Sequence[MixturePhase], tokens: int, sequence_length: int) -> list[int]:
    """Tokens of each phase; those given as shares end where a sequence does. Raises UserError when they do not fit."""
    lengths: list[int] = []
    for phase in phases:
        if phase.open_ended or (phase.share is not None and phase is phases[-1]):
            lengths.append(tokens - sum(lengths))
        elif phase.share is not None:
            lengths.append(round(exact(phase.share) * tokens / sequence_length) * sequence_length)
        elif phase.sequences is not None:
            lengths.append(phase.sequences * sequence_length)
        else:
            lengths.append(phase.tokens or 0)
    if sum(lengths) != tokens or min(lengths) <= 0:
        shown = ", ".join(f"{length:,}" for length in lengths)
        raise UserError(
            f"the phases of the mixture are {shown} tokens long and do not fill mixture.tokens, {tokens:,}",
            hint="leave out the length of the last one: it gets the rest",
        )
    return lengths


def _without_unused(tree: Group) -> Group:
    """Only the members with a weight of their own: others stand in the tree for the sake of phases."""
    if tree.way != "weights":
        return tree
    used = [(m, amount) for m, amount in zip(tree.members, tree.amounts, strict=True) if amount]
    return replace(tree, members=tuple(m for m, _ in used), amounts=tuple(amount for _, amount in used))


def _plan(
    mixture: Mixture | None,
    tree: Group,
    targets: Mapping[str, Fraction],
    taken: Taken,
    caps: Taken,
    offers: Mapping[str, Available],
    phases: tuple[PhasePlan, ...],
) -> MixturePlan:
    total = sum(taken.values())
    by_documents = mixture is not None and mixture.unit == "documents"
    rows = []
    for leaf in tree.leaves():
        offer, count, target = offers[leaf.name], taken.get(leaf.name, 0), targets.get(leaf.name, Fraction(0))
        rows.append(
            SourceRow(
                leaf.source,
                offer.documents,
                offer.tokens,
                float(target),
                count,
                count / offer.tokens if offer.tokens else 0.0,
                count / total,
                leaf.name,
                round(Fraction(count * offer.documents, offer.tokens or 1)) if by_documents else None,
                count == caps[leaf.name] and bool(count + 1 < target * total),
            )
        )
    budget, seed = (mixture.tokens, mixture.seed) if mixture is not None else (None, 0)
    return MixturePlan(tuple(rows), budget, seed, phases, tuple(_notes(mixture)))


def _notes(mixture: Mixture | None) -> list[str]:
    found = []
    for name, weights in all_weights(mixture) if mixture is not None else ():
        total = float(sum(exact(weight) for weight in weights.values()))
        if abs(total - 1) > SHARE_TOLERANCE:
            found.append(f"warning: {name} sum to {total:.6g} and were scaled to 1")
    if mixture is not None and mixture.unit in ("documents", "bytes"):
        found.append(f"weights are shares of {mixture.unit}; the table shows what they come to in tokens")
    return found


def _same(values: list[Fraction]) -> Fraction | None:
    return values[0] if len(set(values)) == 1 else None


def _round_up(number: Fraction) -> str:
    """Three decimals, never less than the number."""
    return f"{float(-((-number * 1000) // 1) / 1000):g}"
