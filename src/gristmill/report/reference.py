"""What `gristmill stages` prints and the JSON Schema editors use, both from the stage classes themselves."""

from __future__ import annotations

import inspect
import textwrap
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from gristmill.registry import loadable, locations, stage_class
from gristmill.stage import Filter, GlobalStage, PhasedStage, ShardStage, Source, Stage, TrainedModel, nested_settings

_FAMILIES: tuple[tuple[str, type[Stage]], ...] = (
    ("sources: raw formats to documents", Source),
    ("filters: one shard at a time", Filter),
    ("models: trained on sources of the recipe", TrainedModel),
    ("over all shards: deduplication", PhasedStage),
)


def list_stages() -> str:
    """All kinds by family with the first line of their documentation."""
    kinds = loadable()
    width = max(map(len, kinds))
    lines: list[str] = []
    for title, base in _FAMILIES:
        mine = _of_family(kinds, base)
        lines += [title, *(f"  {kind:<{width}}  {_first_line(cls)}" for kind, cls in mine.items()), ""] if mine else []
    broken = [kind for kind in locations() if kind not in kinds]
    if broken:
        lines += ["cannot be loaded", *(f"  {kind}  ({locations()[kind]})" for kind in broken), ""]
    lines += [
        "sections of a recipe",
        *(f"  {name:<{width}}  {_first_line(cls)}" for name, cls in _sections().items()),
        "",
    ]
    lines.append("gristmill stages NAME documents one of them")
    return "\n".join(lines)


def _of_family(kinds: dict[str, type[Stage]], base: type[Stage]) -> dict[str, type[Stage]]:
    """Kinds of a class; a trained model is none of the stages that stand in a list."""
    models = base is TrainedModel
    return {
        kind: cls for kind, cls in kinds.items() if issubclass(cls, base) and issubclass(cls, TrainedModel) == models
    }


def stage_page(kind: str) -> str:
    """Documentation, settings with defaults and their sources, reasons and columns of one kind."""
    cls = _sections().get(kind) or stage_class(kind)
    lines = [kind, "", inspect.cleandoc(cls.__doc__ or ""), ""]
    lines += ["settings", *_settings(cls, "  ")]
    if issubclass(cls, ShardStage):
        columns = [*cls.values, *(cls.provides if issubclass(cls, GlobalStage) else ())]
        if columns:
            lines += [
                "",
                "columns it writes",
                *(f"  {kind}.{column.name}: {column.type}" for column in columns),
            ]
    rules = getattr(cls, "rules", ())
    if rules:
        lines += ["", "reasons it drops for", *(f"  {kind}.{rule}" for rule in rules)]
    return "\n".join(lines)


def _sections() -> dict[str, type[BaseModel]]:
    from gristmill.mixtures.spec import Mixture
    from gristmill.tokenize.settings import Tokenize

    return {"mixture": Mixture, "tokenize": Tokenize}


def _settings(cls: type[BaseModel], indent: str, around: tuple[type[BaseModel], ...] = ()) -> list[str]:
    lines: list[str] = []
    for name, info in cls.model_fields.items():
        extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
        inner = nested_settings(info.annotation)
        head = f"{indent}{name}: {_type_name(info.annotation)}"
        if info.is_required():
            head += "  (required)"
        elif not isinstance(info.get_default(call_default_factory=True), BaseModel):
            default = (
                info.default if info.default is not PydanticUndefined else info.get_default(call_default_factory=True)
            )
            head += f" = {_shown(default)}"
        unit = extra.get("unit")
        lines.append(head + (f"  [{unit}]" if unit else ""))
        notes = [info.description] if info.description else []
        notes += [f"default from: {extra['source']}"] if extra.get("source") else []
        for note in notes:
            lines += textwrap.wrap(
                note, 100 - len(indent), initial_indent=indent + "    ", subsequent_indent=indent + "    "
            )
        if inner is not None and inner not in around:  # components hold components
            lines += _settings(inner, indent + "    ", (*around, inner))
    return lines or [f"{indent}none"]


def _type_name(annotation: Any) -> str:
    if isinstance(annotation, type) and not getattr(annotation, "__args__", None):
        return annotation.__name__
    if get_origin(annotation) is Annotated:
        return "path or URL" if "LocationText" in str(annotation) else _type_name(get_args(annotation)[0])
    if get_origin(annotation) is Literal:
        return " | ".join(str(choice) for choice in get_args(annotation))
    parts = [
        "null" if part is type(None) else _type_name(part) for part in get_args(annotation) if part is not Ellipsis
    ]
    if get_origin(annotation) in (Union, UnionType):
        return " | ".join(parts)
    return f"{getattr(get_origin(annotation), '__name__', annotation)}[{', '.join(parts)}]"


def _shown(value: Any) -> str:
    if isinstance(value, (list, tuple)) and len(value) > 12:
        return f"{list(value[:3])!r} … {len(value)} items"
    return repr(value) if not isinstance(value, BaseModel) else "see below"


def _first_line(cls: type[BaseModel]) -> str:
    return (inspect.cleandoc(cls.__doc__ or "")).split("\n")[0]


def recipe_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a whole recipe file."""
    definitions: dict[str, Any] = {}
    kinds = loadable()
    for kind, cls in kinds.items():
        definitions[f"stage.{kind}"] = _model_schema(cls, definitions, name_allowed=not issubclass(cls, Source))
    for name, model in _sections().items():
        definitions[name] = _model_schema(model, definitions)
    locations_schema = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
    size = {"anyOf": [{"type": "integer"}, {"type": "string", "pattern": "^[0-9.]+ *([KMG]i?B|B)?$"}]}
    source = {
        "type": "object",
        "additionalProperties": False,
        "required": ["read"],
        "properties": {
            "read": _one_of(kinds, Source),
            "input": locations_schema | {"description": "paths, URLs or globs; the top-level input unless given"},
            "group": size | {"description": "small input files share a shard up to this size"},
            "drop_early": {"type": "array", "items": {"type": "string"}},
            "stages": {"type": "array", "items": _one_of(kinds, ShardStage)},
        },
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "gristmill recipe",
        "type": "object",
        "additionalProperties": False,
        "required": ["sources"],
        "properties": {
            "input": locations_schema,
            "root": {"type": "string", "description": "where outputs go"},
            "memory": size | {"description": "what one task of a global stage may hold"},
            "models": {"type": "object", "additionalProperties": _one_of(kinds, TrainedModel)},
            "sources": {"type": "object", "additionalProperties": source, "minProperties": 1},
            "stages": {"type": "array", "items": _one_of(kinds, PhasedStage)},
            "mixture": {"$ref": "#/$defs/mixture"},
            "tokenize": {"$ref": "#/$defs/tokenize"},
        },
        "$defs": dict(sorted(definitions.items())),
    }


def _model_schema(cls: type[BaseModel], definitions: dict[str, Any], *, name_allowed: bool = False) -> dict[str, Any]:
    found = cls.model_json_schema(ref_template="#/$defs/{model}")
    definitions.update(found.pop("$defs", {}))
    if name_allowed:
        found.setdefault("properties", {})["name"] = {"type": "string", "pattern": "^[a-z][a-z0-9_]*$"}
    return found


def _one_of(kinds: dict[str, type[Stage]], base: type[Stage]) -> dict[str, Any]:
    fitting = list(_of_family(kinds, base))
    bare = [kind for kind in fitting if not any(field.is_required() for field in kinds[kind].model_fields.values())]
    settings = {
        kind: {"anyOf": [{"$ref": f"#/$defs/stage.{kind}"}, *([{"type": "null"}] if kind in bare else [])]}
        for kind in fitting
    }
    one = {
        "type": "object",
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
        "properties": settings,
    }
    return {"anyOf": [{"enum": bare}, one]}
