"""Limits that differ by the language of a document, chosen row by row over numbers that are there: no text is read for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import field_validator

from gristmill.dataset import Batch
from gristmill.errors import nearest
from gristmill.stage import Filter, setting

Limit = float | np.ndarray | None
"""The same for all rows, or one for each, float32 (rows,) with NaN where the rule is off; None: off for all."""

_TWO_LETTERS = dict(
    pair.split(":")
    for pair in (
        "ara:ar arb:ar bul:bg cat:ca ces:cs dan:da deu:de ell:el eng:en est:et fas:fa pes:fa fin:fi fra:fr heb:he hin:hi "
        "hrv:hr hun:hu ind:id ita:it jpn:ja lav:lv lvs:lv lit:lt nld:nl nob:no nor:no pol:pl por:pt ron:ro rus:ru slk:sk "
        "slv:sl spa:es srp:sr swe:sv tha:th tur:tr ukr:uk vie:vi cmn:zh zho:zh"
    ).split()
)


def base_language(code: str | None) -> str:
    """The language of a code without script or region, in two letters where it has them: `de` of deu_Latn and of de-AT."""
    language = (code or "").replace("-", "_").partition("_")[0].lower()
    return _TWO_LETTERS.get(language, language)


def languages_of(batch: Batch, column: str) -> list[str]:
    """The language of every row; empty where it is unknown."""
    codes = batch.column(column).to_pylist()
    known = {code: base_language(code) for code in set(codes)}
    return [known[code] for code in codes]


def above(values: np.ndarray, limit: Limit) -> np.ndarray:
    """Where a value is greater than its limit, bool (rows,)."""
    return np.zeros(len(values), bool) if limit is None else values > np.asarray(limit, np.float32)


def below(values: np.ndarray, limit: Limit) -> np.ndarray:
    """Where a value is less than its limit, bool (rows,)."""
    return np.zeros(len(values), bool) if limit is None else values < np.asarray(limit, np.float32)


class LanguageLimits(Filter):
    """A filter whose limits, the settings `min_…` and `max_…`, may differ by language."""

    presets: ClassVar[Mapping[str, Mapping[str, Mapping[str, float | None]]]] = {}  # by name: language → limits

    thresholds: Literal["fineweb2"] | dict[str, dict[str, float | None]] = setting(
        factory=dict,
        doc="other limits for some languages, as `{de: {max_…: 0.2}}`, null for no rule; or `fineweb2`: its limits for 19 "
        "languages. Languages not named there, and limits not named of a language, are as set here",
        source="FineWeb2's configuration files, filters/fineweb2.py",
    )
    language: str = setting(
        "language.code",
        "the column that names each document's language, read where something differs by language; `language` for sources "
        "that know theirs",
        source="the stage `language`",
    )

    @field_validator("thresholds")
    @classmethod
    def _known_limits(cls, thresholds: Any) -> Any:
        known = [name for name in cls.model_fields if name.startswith(("min_", "max_"))]
        for language, limits in thresholds.items() if isinstance(thresholds, dict) else ():
            for name in limits:
                if name not in known:
                    raise ValueError(f"{language}: no limit {name!r}.{nearest(name, known)}")
        return thresholds

    @property
    def decides_on(self) -> tuple[str, ...]:  # type: ignore[override]
        return (self.language,) if self.thresholds else ()

    def limits(self, batch: Batch) -> dict[str, Limit]:
        """Every limit by its name, for the rows of a batch."""
        names = [name for name in type(self).model_fields if name.startswith(("min_", "max_"))]
        limits: dict[str, Limit] = {name: getattr(self, name) for name in names}
        table = self.presets[self.thresholds] if isinstance(self.thresholds, str) else self.thresholds
        if table:
            languages = languages_of(batch, self.language)
            rows = {base_language(language): own for language, own in table.items()}
            for name in {name for own in rows.values() for name in own}:
                default = limits[name]
                values = [rows.get(language, {}).get(name, default) for language in languages]
                limits[name] = np.array([np.nan if value is None else value for value in values], np.float32)
        return limits


def choose_lists(lists: Sequence[str], languages: Sequence[str], otherwise: int) -> np.ndarray:
    """The number of each row's list, uint8 (rows,): the place of its language among `lists`, or `otherwise`."""
    places = {language: place for place, language in enumerate(lists)}
    return np.array([places.get(language, otherwise) for language in languages], np.uint8)
