"""What a recipe says about the mixture: which share of the training tokens each source supplies.

mixture:
  weights: {web: 0.82, books: 0.06, code: 0.12}
  tokens: 1_000_000_000
  max_epochs: 2
"""

from __future__ import annotations

from fractions import Fraction
from typing import Literal, Self

from pydantic import field_validator, model_validator

from gristmill.stage import Settings, setting

SHARE_TOLERANCE = 1e-6


class Mixture(Settings):
    """Shares of tokens or epochs per source, a budget, and how often a token may be repeated.

    Sources that are not named take no part. Without a `mixture` section every source is read once.
    """

    weights: dict[str, float] | None = setting(
        None,
        "share of the tokens each source supplies; they sum to 1",
        unit="share of tokens",
        source="published mixtures state shares of tokens (LLaMA Table 1, GPT-3 Table 2.2)",
    )
    epochs: dict[str, float] | None = setting(
        None,
        "how often each source is read; with `tokens` their proportions hold and they are upper bounds",
        unit="epochs",
        source="The Pile states size × epochs",
    )
    normalise: bool = setting(False, "scale weights that do not sum to 1 instead of refusing them")
    tokens: int | None = setting(
        None,
        "tokens to draw; null: with weights what the scarcest source allows, with epochs all they come to",
        unit="tokens",
        gt=0,
    )
    max_epochs: float | None = setting(
        None,
        "most often a source may be read; null: once with weights, as often as `epochs` says with epochs",
        unit="epochs",
        gt=0,
        source="ours: repeat only if asked to; about 4 epochs do as well as fresh data [C]: arXiv 2305.16264",
    )
    shortfall: Literal["refuse", "redistribute"] = setting(
        "refuse",
        "when a source cannot supply its share within max_epochs: stop, or let the others fill in by weight",
    )
    seed: int = setting(0, "another seed gives another order of the same documents")

    @field_validator("weights", "epochs")
    @classmethod
    def _amounts_are_not_negative(cls, amounts: dict[str, float] | None) -> dict[str, float] | None:
        if amounts is None:
            return None
        for source, amount in amounts.items():
            if not 0 <= amount < float("inf"):
                raise ValueError(f"{source}: {amount} is not a finite number of 0 or more")
        if not any(amounts.values()):
            raise ValueError("at least one source needs more than 0")
        return amounts

    @model_validator(mode="after")
    def _one_way_to_say_it(self) -> Self:
        if (self.weights is None) == (self.epochs is None):
            raise ValueError("give exactly one of `weights` (shares of tokens) and `epochs`")
        if self.weights is not None and not self.normalise:
            total = float(sum(exact(weight) for weight in self.weights.values()))
            if abs(total - 1) > SHARE_TOLERANCE:
                raise ValueError(
                    f"weights sum to {total:.6g}, not 1; correct them, or scale them with `normalise: true`"
                )
        if self.epochs is not None and self.max_epochs is not None:
            for source, epochs in self.epochs.items():
                if epochs > self.max_epochs:
                    raise ValueError(f"epochs of {source}, {epochs:g}, are more than max_epochs, {self.max_epochs:g}")
        return self

    @property
    def sources(self) -> tuple[str, ...]:
        """The sources that take part."""
        return tuple(source for source, amount in (self.weights or self.epochs or {}).items() if amount > 0)

    def shares(self) -> dict[str, Fraction]:
        """Exact share of each source that takes part; they sum to 1. Only with `weights`."""
        weights = {source: exact(weight) for source, weight in (self.weights or {}).items() if weight > 0}
        total = sum(weights.values())
        return {source: weight / total for source, weight in weights.items()}


def exact(number: float) -> Fraction:
    """The decimal fraction a person wrote: 0.1 is one tenth, not the binary number nearest to it."""
    return Fraction(str(number))
