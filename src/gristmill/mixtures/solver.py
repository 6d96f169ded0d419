"""Available tokens and a mixture → an exact number of tokens per source.

    available = {"web": Available(10, 9_000), "books": Available(2, 400)}
    plan = solve(Mixture(weights={"web": 0.9, "books": 0.1}), available)
    plan.targets                                     # {'web': 3600, 'books': 400}

All arithmetic is over integers and fractions, so the counts add up to the budget and are the same on every
machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from gristmill.errors import UserError, nearest
from gristmill.mixtures.plan import Available, MixturePlan, SourceRow
from gristmill.mixtures.spec import Mixture, exact


def check_sources(mixture: Mixture, known: list[str]) -> None:
    """Raise UserError when the mixture names a source that the recipe does not have."""
    part = "weights" if mixture.weights is not None else "epochs"
    for source in mixture.weights or mixture.epochs or {}:
        if source not in known:
            raise UserError(
                f"mixture.{part} names {source!r}, which is no source of the recipe.{nearest(source, known)}",
                hint=f"sources: {', '.join(known)}",
            )


def solve(mixture: Mixture | None, available: Mapping[str, Available]) -> MixturePlan:
    """Tokens to take from each source.

    available: every source that can take part, in the recipe's order; None for `mixture` means one epoch of
    each.

    Raises UserError when a source with a weight is unknown or empty, and when the budget is more than
    max_epochs allow.
    """
    if mixture is None:
        if not any(offer.tokens for offer in available.values()):
            raise UserError("no source has a document left: nothing to pack", hint="see what the filters dropped")
        taken = {source: offer.tokens for source, offer in available.items()}
        total = sum(taken.values())
        return _plan({source: Fraction(count, total) for source, count in taken.items()}, taken, available, None, 0)
    check_sources(mixture, list(available))
    present = {source: offer for source, offer in available.items() if source in mixture.sources}
    for source, offer in present.items():
        if not offer.tokens:
            raise UserError(
                f"the mixture wants tokens of {source!r}, but none of its documents is left",
                hint=f"see what the filters dropped, or take {source!r} out of the mixture",
            )
    if mixture.weights is not None:
        shares = {source: mixture.shares()[source] for source in present}
        taken = _by_weights(mixture, shares, present)
    else:
        shares, taken = _by_epochs(mixture, present)
    return _plan(shares, taken, present, mixture.tokens, mixture.seed)


def _by_weights(mixture: Mixture, shares: dict[str, Fraction], available: Mapping[str, Available]) -> dict[str, int]:
    most = exact(mixture.max_epochs if mixture.max_epochs is not None else 1.0)
    caps = {source: int(offer.tokens * most) for source, offer in available.items()}
    reachable = min(int(caps[source] / share) for source, share in shares.items())
    if mixture.tokens is None or mixture.tokens <= reachable:
        if not reachable:
            raise UserError("max_epochs leaves a source without a single token", hint="raise mixture.max_epochs")
        return apportion(mixture.tokens or reachable, shares, caps)
    if mixture.shortfall == "refuse":
        needs = {source: mixture.tokens * share / available[source].tokens for source, share in shares.items()}
        short = "; ".join(
            f"{source} has {available[source].tokens:,} tokens and would be read {float(need):.4g} times"
            for source, need in needs.items()
            if need > most
        )
        raise UserError(
            f"mixture.tokens, {mixture.tokens:,}, cannot be met with max_epochs {float(most):g}: {short}",
            hint=f"ask for at most {reachable:,} tokens, set max_epochs to {_round_up(max(needs.values()))}, "
            "or set `shortfall: redistribute`",
        )
    if mixture.tokens > sum(caps.values()):
        raise UserError(
            f"mixture.tokens, {mixture.tokens:,}, is more than all sources together supply with max_epochs "
            f"{float(most):g}: {sum(caps.values()):,}",
            hint="lower mixture.tokens or raise mixture.max_epochs",
        )
    return apportion(mixture.tokens, shares, caps)


def _by_epochs(mixture: Mixture, available: Mapping[str, Available]) -> tuple[dict[str, Fraction], dict[str, int]]:
    epochs = {source: exact((mixture.epochs or {})[source]) for source in available}
    wanted = {source: epochs[source] * offer.tokens for source, offer in available.items()}
    whole = sum(wanted.values())
    shares = {source: Fraction(amount) / whole for source, amount in wanted.items()}
    caps = {source: int(amount) for source, amount in wanted.items()}
    if mixture.tokens is None:
        if not any(caps.values()):
            raise UserError("mixture.epochs come to not a single token", hint="raise mixture.epochs")
        return shares, caps
    if mixture.tokens > sum(caps.values()):
        raise UserError(
            f"mixture.tokens, {mixture.tokens:,}, is more than the epochs come to: {sum(caps.values()):,}",
            hint="lower mixture.tokens or raise mixture.epochs",
        )
    return shares, apportion(mixture.tokens, shares, caps)


def apportion(tokens: int, shares: Mapping[str, Fraction], caps: Mapping[str, int]) -> dict[str, int]:
    """Whole numbers that sum to `tokens`, by largest remainder (Hamilton), no source above its cap.

    A source whose share is more than its cap gets its cap, and the others fill in by their shares. `tokens`
    must not exceed the sum of the caps. Ties go to the source named first.
    """
    taken: dict[str, int] = {}
    open_sources = dict(shares)
    left = tokens
    while True:  # a source that hits its cap raises what the others must supply, so ask again
        total = sum(open_sources.values())
        quotas = {source: left * share / total for source, share in open_sources.items()}
        full = [source for source, quota in quotas.items() if quota > caps[source]]
        if not full:
            break
        for source in full:
            taken[source] = caps[source]
            left -= caps[source]
            del open_sources[source]
    floors = {source: int(quota) for source, quota in quotas.items()}
    rest = left - sum(floors.values())
    by_remainder = sorted(quotas, key=lambda source: floors[source] - quotas[source])  # stable: first named first
    room = [source for source in by_remainder if floors[source] < caps[source]]
    for source in room[:rest]:
        floors[source] += 1
    taken |= floors
    return {source: taken[source] for source in shares}


def _plan(
    shares: Mapping[str, Fraction],
    taken: Mapping[str, int],
    available: Mapping[str, Available],
    budget: int | None,
    seed: int,
) -> MixturePlan:
    total = sum(taken.values())
    rows = tuple(
        SourceRow(
            source,
            offer.documents,
            offer.tokens,
            float(shares[source]),
            taken[source],
            taken[source] / offer.tokens if offer.tokens else 0.0,
            taken[source] / total,
        )
        for source, offer in available.items()
    )
    return MixturePlan(rows, budget, seed)


def _round_up(number: Fraction) -> str:
    """Three decimals, never less than the number."""
    return f"{float(-((-number * 1000) // 1) / 1000):g}"
