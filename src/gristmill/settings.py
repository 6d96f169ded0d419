"""Typed settings of stages: what a setting says about itself, and the kinds of text that point to files, sources and models."""

from __future__ import annotations

import os
import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo

from gristmill import storage


def setting(
    default: Any = ...,
    doc: str = "",
    *,
    source: str = "",
    unit: str = "",
    factory: Any = None,
    **constraints: Any,
) -> Any:
    """A setting of a stage: default, what it does in a line, unit, and where the default comes from (paper, code)."""
    extra: dict[str, Any] = {"source": source, "unit": unit}
    if factory is not None:
        return Field(default_factory=factory, description=doc, json_schema_extra=extra, **constraints)
    return Field(default, description=doc, json_schema_extra=extra, **constraints)


class CommandLineText(str):
    """Text that came from `--set`: paths in it are seen from the working directory, not from the recipe's folder."""


def _resolve(value: Any, info: ValidationInfo) -> Any:
    if not isinstance(value, str):
        return value
    base = os.getcwd() if isinstance(value, CommandLineText) else (info.context or {}).get("base", os.getcwd())
    return storage.resolve(value, base)


class LocationText(str):
    """A resolved path or URL in a setting; its content, not its name, goes into fingerprints."""


Location = Annotated[
    str,
    BeforeValidator(_resolve),
    AfterValidator(LocationText),
    Field(json_schema_extra={"format": "location"}),
]
"""A path or URL in a recipe; relative ones are seen from the recipe's folder."""


class SourceName(str):
    """The name of a source of the recipe in a setting."""


SourceRef = Annotated[str, AfterValidator(SourceName)]
"""The name of a source of the recipe; its settings' owner comes after that source."""


class ModelName(str):
    """The name of a model of the recipe in a setting."""


class ModelLocation(str):
    """The resolved path or URL of a model in a setting; the content of its files goes into fingerprints."""


_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")


def _resolve_model(value: Any, info: ValidationInfo) -> Any:
    return value if isinstance(value, str) and _NAME.fullmatch(value) else _resolve(value, info)


def _name_or_location(value: str) -> str:
    return ModelName(value) if _NAME.fullmatch(value) else ModelLocation(value)


ModelRef = Annotated[str, BeforeValidator(_resolve_model), AfterValidator(_name_or_location)]
"""A model: the name of one under `models:` of the recipe, or a path or URL, which has a dot or slash in it."""


class Settings(BaseModel):
    """Typed settings: unknown names are errors, values are never changed after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


def nested_settings(annotation: Any) -> type[BaseModel] | None:
    """The model inside a setting's type, as in `TrainSettings | None`, or None."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for part in getattr(annotation, "__args__", ()):
        if (found := nested_settings(part)) is not None:
            return found
    return None
