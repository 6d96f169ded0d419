"""Whole numbers from shares: largest remainder under caps, and shares raised to their floors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from gristmill.errors import UserError


def apportion(tokens: int, shares: Mapping[str, Fraction], caps: Mapping[str, int]) -> dict[str, int]:
    """Whole numbers that sum to `tokens`, by largest remainder (Hamilton), no member above its cap.

    A member whose share is more than its cap gets its cap, and the others fill in by their shares. `tokens`
    must not exceed the sum of the caps of members with a share. Ties go to the member named first.
    """
    taken: dict[str, int] = {member: 0 for member, share in shares.items() if not share}
    open_members = {member: share for member, share in shares.items() if share}
    left = tokens
    while True:  # a member that hits its cap raises what the others must supply, so ask again
        total = sum(open_members.values())
        quotas = {member: left * share / total for member, share in open_members.items()}
        full = [member for member, quota in quotas.items() if quota > caps[member]]
        if not full:
            break
        for member in full:
            taken[member] = caps[member]
            left -= caps[member]
            del open_members[member]
    floors = {member: int(quota) for member, quota in quotas.items()}
    rest = left - sum(floors.values())
    by_remainder = sorted(quotas, key=lambda member: floors[member] - quotas[member])  # stable: first named first
    room = [member for member in by_remainder if floors[member] < caps[member]]
    for member in room[:rest]:
        floors[member] += 1
    taken |= floors
    return {member: taken[member] for member in shares}


def raise_to_floors(shares: Sequence[Fraction], floors: Sequence[Fraction], group: str) -> list[Fraction]:
    """Shares none of which is below its floor; the others give way in proportion. They sum to what they summed to.

    Raises UserError when the floors alone come to more than the whole.
    """
    if not any(floors):
        return list(shares)
    if sum(floors) > 1:
        where = f"of {group}" if group else "of the mixture"
        raise UserError(
            f"the min_share of the members {where} sum to {float(sum(floors)):g}, more than 1", hint="lower them"
        )
    at_floor = [False] * len(shares)
    while True:  # raising one lowers the others, perhaps below their own floors
        fixed = sum(floor for floor, low in zip(floors, at_floor, strict=True) if low)
        free = sum(share for share, low in zip(shares, at_floor, strict=True) if not low)
        scale = (1 - fixed) / free if free else Fraction(0)
        found = [f if low else s * scale for s, f, low in zip(shares, floors, at_floor, strict=True)]
        below = [n for n, share in enumerate(found) if share < floors[n]]
        if not below:
            return found
        for number in below:
            at_floor[number] = True
