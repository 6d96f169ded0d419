"""What a recipe says about the mixture: which share of the training tokens each source supplies.

    mixture:
      tokens: 1_000_000_000
      max_epochs: 2
      weights: {english: 0.82, europe: 0.07, books: 0.11}
      components:                                   # whatever is not just a source of that name
        english: {source: web, where: {language.code: en}}
        europe:                                     # a group: its weights are shares of its 7 %
          source: web
          by: language.code
          weights: {de: 0.4, fr: 0.4, es: 0.2}

A *component* is a source, a part of a source, or a group of components. docs/mixtures.md explains all of it.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, field_validator, model_validator

from gristmill.mixtures.where import check_conditions
from gristmill.stage import Location, Settings, setting

SHARE_TOLERANCE = 1e-6
FINEWEB2 = {1: 1, 2: 2, 3: 3, 5: 5, 100: 8, 1000: 1}


def _not_negative(amounts: dict[str, float]) -> dict[str, float]:
    for source, amount in amounts.items():
        if not 0 <= amount < float("inf"):
            raise ValueError(f"{source}: {amount} is not a finite number of 0 or more")
    if not any(amounts.values()):
        raise ValueError("at least one source needs more than 0")
    return amounts


Amounts = Annotated[dict[str, float], AfterValidator(_not_negative)]
Rule = Literal["proportional", "temperature", "unimax"]
Unit = Literal["tokens", "documents", "bytes", "sequences"]


def _named(value: Any) -> Any:
    """`[de, fr]` is `{de: {}, fr: {}}`, and so is `{de: null, fr: null}`."""
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return {str(item): {} for item in value}
    if isinstance(value, dict):
        return {name: {} if item is None else item for name, item in value.items()}
    return value


def _by_name(value: Any) -> Any:
    if value == "fineweb2":
        return {}
    return value


class Rehydrate(Settings):
    """How often a document stands in one epoch, by the size of the cluster of duplicates it was kept from."""

    column: str = setting("minhash.size", "value column that holds the size of the cluster")
    table: dict[int, int] = setting(
        FINEWEB2,
        "from this size on: this many times",
        source="FineWeb2: 1, 2, 3 for 3-4, 5 for 5-99, 8 for 100-999, 1 from 1,000 on [A]",
    )

    @field_validator("table")
    @classmethod
    def _counts(cls, table: dict[int, int]) -> dict[int, int]:
        if not table or any(size < 0 or not 0 <= times <= 1000 for size, times in table.items()):
            raise ValueError("give sizes of 0 or more, and 0 to 1,000 times for each")
        return dict(sorted(table.items()))


class Division(Settings):
    """How tokens are divided among the members of a mixture or of a group."""

    weights: Amounts | None = setting(
        None,
        "share of each member; they sum to 1",
        source="published mixtures state shares of tokens (LLaMA Table 1, GPT-3 Table 2.2)",
    )
    epochs: Amounts | None = setting(
        None,
        "how often each member is read; with a budget their proportions hold and they are upper bounds",
        unit="epochs",
        source="The Pile states size × epochs",
    )
    rule: Rule | None = setting(
        None,
        "instead of weights: shares in proportion to size, to size ** alpha, or equal as far as max_epochs allow",
        source="temperature: XLM-R, mT5 [B]; unimax: 2304.09151 [B]",
    )
    alpha: float = setting(
        0.3, "exponent of `rule: temperature`", source="XLM-R 0.3, mT5 0.3, mBERT 0.7 [B]", ge=0, le=1
    )
    components: Annotated[dict[str, Component], BeforeValidator(_named)] = setting(
        doc="members that are not just a source of that name; with `rule`, all members", factory=dict
    )
    max_epochs: float | None = setting(
        None,
        "most often a token may be read; null: what the group around it says, else once, or as often as `epochs` says",
        unit="epochs",
        gt=0,
        source="ours: repeat only if asked to; about 4 epochs do as well as fresh data [C]: arXiv 2305.16264",
    )
    shortfall: Literal["refuse", "redistribute"] | None = setting(
        None,
        "when a member cannot supply its share within max_epochs: stop, or let its fellows fill in by weight; "
        "null: what the group around it says, else refuse",
    )
    repeat: Annotated[Rehydrate, BeforeValidator(_by_name)] | None = setting(
        None, "repeat documents by the size of their cluster of duplicates; `fineweb2` is its published table"
    )

    @field_validator("components")
    @classmethod
    def _names_are_printable(cls, components: dict[str, Component]) -> dict[str, Component]:
        for name in components:
            if not name or "/" in name or not name.isprintable():
                raise ValueError(f"{name!r} is no name for a component: it must be printable and without slashes")
        return components

    @property
    def ways(self) -> tuple[str, ...]:
        """Which of the three ways to divide are given."""
        return tuple(name for name in ("weights", "epochs", "rule") if getattr(self, name) is not None)

    def _check_division(self) -> None:
        amounts = self.weights if self.weights is not None else self.epochs
        if amounts is not None and (unused := [name for name in self.components if name not in amounts]):
            raise ValueError(f"{self.ways[0]} do not say how much of {unused[0]!r}; give 0 to leave it out")
        if self.epochs is not None and self.max_epochs is not None:
            for source, epochs in self.epochs.items():
                if epochs > self.max_epochs:
                    raise ValueError(f"epochs of {source}, {epochs:g}, are more than max_epochs, {self.max_epochs:g}")


class Component(Division):
    """A source, a part of a source, or a group of components."""

    source: str | None = setting(
        None, "source of the recipe it reads; null: what the group says, else the source of its name"
    )
    where: dict[str, Any] = setting(
        doc="which documents: value columns (or `domain`) and what they must be: a value, a list, {min, max, above, below, not}",
        factory=dict,
    )
    by: str | None = setting(None, "of a group: each member is the documents whose value in this column is its name")
    min_share: float = setting(0, "floor: least share of what its group gets", ge=0, lt=1)

    @field_validator("where")
    @classmethod
    def _conditions(cls, where: dict[str, Any]) -> dict[str, Any]:
        return check_conditions(where)

    @property
    def is_group(self) -> bool:
        return bool(self.ways or self.components)

    @model_validator(mode="after")
    def _either_documents_or_a_group(self) -> Self:
        if not self.is_group:
            if self.by is not None:
                raise ValueError("`by` is for groups: give `weights`, or `rule` and `components`")
            return self
        if len(self.ways) != 1:
            raise ValueError("a group needs exactly one of `weights`, `epochs` and `rule`")
        self._check_division()
        return self


class MixturePhase(Settings):
    """One stretch of the budget with weights of its own."""

    share: float | None = setting(None, "share of the budget", gt=0, le=1)
    tokens: int | None = setting(None, "length", unit="tokens", gt=0)
    sequences: int | None = setting(None, "length", unit="sequences", gt=0)
    weights: Amounts | None = setting(None, "shares in this phase; null: the mixture's own")

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if sum(length is not None for length in (self.share, self.tokens, self.sequences)) > 1:
            raise ValueError("give one of `share`, `tokens` and `sequences`")
        return self

    @property
    def open_ended(self) -> bool:
        return self.share is None and self.tokens is None and self.sequences is None


class Mixture(Division):
    """Shares or epochs of sources, of parts of sources and of groups, a budget, and how often a token may be repeated.

    Sources that are not named take no part. Without a `mixture` section every source is read once.
    """

    file: Location | None = setting(
        None, "a file that holds the mixture; what stands beside this line replaces parts of it"
    )
    tokens: int | None = setting(
        None,
        "tokens to draw; null: with weights what the scarcest component allows, with epochs all they come to",
        unit="tokens",
        gt=0,
    )
    unit: Unit = setting(
        "tokens",
        "what weights are shares of; sequences are equally long, so their shares are those of tokens",
        source="not said by most papers; documents over-represent long ones by the ratio of mean lengths [B]",
    )
    normalise: bool = setting(False, "scale weights that do not sum to 1, with a note, instead of refusing them")
    empty: Literal["refuse", "leave_out"] = setting(
        "refuse",
        "when a component with a weight has no document: stop, or divide its share among its fellows, with a note",
    )
    phases: tuple[MixturePhase, ...] = setting(
        (), "weights that change along the budget (a curriculum, annealing); epochs go on from phase to phase"
    )
    seed: int = setting(0, "another seed gives another order of the same documents")

    @model_validator(mode="after")
    def _one_way_to_say_it(self) -> Self:
        phased = bool(self.phases) and all(phase.weights is not None for phase in self.phases)
        if len(self.ways) != 1 and not (phased and not self.ways):
            raise ValueError("give exactly one of `weights` (shares of tokens), `epochs` and `rule`")
        self._check_division()
        self._check_sums()
        self._check_phases()
        return self

    def _check_sums(self) -> None:
        for name, weights in all_weights(self):
            total = float(sum(exact(weight) for weight in weights.values()))
            if abs(total - 1) > SHARE_TOLERANCE and not self.normalise:
                raise ValueError(
                    f"{name} sum to {total:.6g}, not 1; correct them, or scale them with `normalise: true`"
                )

    def _check_phases(self) -> None:
        if not self.phases:
            return
        if "epochs" in self.ways or self.unit == "documents":
            raise ValueError("phases need weights or a rule over tokens, not epochs or shares of documents")
        if any(phase.open_ended for phase in self.phases[:-1]):
            raise ValueError("every phase but the last needs one of `share`, `tokens` and `sequences`")
        if self.tokens is None:
            raise ValueError("phases divide a budget: give `tokens`")
        shares = sum(exact(phase.share) for phase in self.phases if phase.share is not None)
        if shares > 1 or (shares < 1 and all(phase.share is not None for phase in self.phases)):
            raise ValueError(f"the shares of the phases sum to {float(shares):g}, not 1")


def all_weights(mixture: Mixture) -> list[tuple[str, Amounts]]:
    """Every table of weights in it, with what to call it."""
    found = [("weights", mixture.weights)] if mixture.weights is not None else []
    found += [(f"phases.{n}.weights", p.weights) for n, p in enumerate(mixture.phases) if p.weights is not None]
    waiting = [(name, part) for name, part in mixture.components.items()]
    while waiting:
        name, part = waiting.pop(0)
        if part.weights is not None:
            found.append((f"components.{name}.weights", part.weights))
        waiting += [(f"{name}.components.{inner}", below) for inner, below in part.components.items()]
    return found


def exact(number: float) -> Fraction:
    """The decimal fraction a person wrote: 0.1 is one tenth, not the binary number nearest to it."""
    return Fraction(str(number))


Division.model_rebuild()
Component.model_rebuild()
Mixture.model_rebuild()
