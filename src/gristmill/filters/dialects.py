"""Filters whose rules several programs read differently."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import model_validator

from gristmill.stage import Filter


class WithDialects(Filter):
    """`dialect` names whose reading is followed: a set of defaults, which settings given beside it override."""

    dialects: ClassVar[Mapping[str, Mapping[str, Any]]] = {}  # what a dialect sets unless the recipe sets it

    @model_validator(mode="before")
    @classmethod
    def _fill_in_dialect(cls, data: Any) -> Any:
        if isinstance(data, Mapping) and isinstance(data.get("dialect"), str):
            return {**cls.dialects.get(data["dialect"], {}), **data}
        return data
