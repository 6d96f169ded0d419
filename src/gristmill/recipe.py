"""YAML → typed recipe.

    input: crawl/*.warc.gz                 # what sources read unless they say otherwise
    models:
      english: {train_perplexity: {source: wikipedia, language: en}}
    sources:
      web:
        read: {warc: {extract: {engine: resiliparse}}}
        drop_early: [url]                  # not written as documents at all
        stages:
          - url: {domains: [lists/adult.txt]}
          - language: {keep: [en]}
          - gopher_quality
    stages: [exact, minhash]               # over all sources
    mixture: {weights: {web: 1}}
    tokenize: {train: {vocabulary: 32000}}

Every name and value is checked against the class of its stage; what is wrong is reported with file, line, field and
the nearest valid name.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, cast

from pydantic import BaseModel, ValidationError

from gristmill import storage, yamltree
from gristmill.errors import UserError, nearest
from gristmill.references import Item, needs, ordered
from gristmill.registry import loadable, stage_class
from gristmill.stage import (
    CommandLineText,
    Filter,
    PhasedStage,
    Settings,
    Source,
    Stage,
    TrainedModel,
    nested_settings,
)

if TYPE_CHECKING:
    from gristmill.mixtures.spec import Mixture
    from gristmill.tokenize.settings import Tokenize

TOP = ("input", "root", "memory", "models", "sources", "stages", "mixture", "tokenize")
SOURCE = ("read", "input", "group", "drop_early", "stages")
RESERVED = ("all", "documents", "models", "statistics", "text", "tokenizer", "tokens")
DEFAULT_MEMORY = "1 GiB"
_UNITS = {
    "": 1,
    "b": 1,
    "kib": 1 << 10,
    "mib": 1 << 20,
    "gib": 1 << 30,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
}

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class SourceSpec:
    """One named source of a recipe: what is read, what is dropped before anything is written, and its stages in order."""

    name: str
    read: Source
    input: tuple[str, ...]  # locations, globs and list files, resolved
    group: int  # consecutive input files share a shard up to this many bytes together; 0: a shard per file
    drop_early: tuple[str, ...]
    stages: tuple[Stage, ...]

    @property
    def early(self) -> tuple[Filter, ...]:
        return tuple(s for s in self.stages if s.name in self.drop_early and isinstance(s, Filter))


@dataclass(frozen=True)
class Recipe:
    """A checked recipe. `name` is the file's name without its suffix; `where` says on which line each part stands."""

    name: str
    path: str
    root: str
    memory: int  # bytes one task of a global stage may hold
    models: Mapping[str, TrainedModel]
    sources: Mapping[str, SourceSpec]
    order: tuple[Item, ...]  # ("sources" or "models", name), each after what it reads
    stages: tuple[Stage, ...]
    mixture: Mixture | None
    tokenize: Tokenize | None
    tree: yamltree.Tree
    notes: tuple[str, ...] = ()  # what was done to it on loading that the user should know

    def where(self, *path: str | int) -> str:
        return self.tree.where(path)


def load(path: str, overrides: Sequence[str] = (), root: str | None = None) -> Recipe:
    """Read and check a recipe. `overrides` are `a.b=value` texts as after `--set`; `root` replaces the recipe's.

    Raises UserError for everything that is wrong with it.
    """
    from gristmill.mixtures.files import override

    tree = yamltree.load(path)
    notes = override(tree, overrides)
    return build(tree, root, notes)


def build(tree: yamltree.Tree, root: str | None = None, notes: Sequence[str] = ()) -> Recipe:
    check = _Checker(tree)
    top = check.mapping((), TOP)
    name = re.sub(r"\.ya?ml$", "", os.path.basename(tree.name)) or "recipe"
    if root is not None:
        place = storage.resolve(root, os.getcwd())
    elif "root" in top:
        place = check.location(("root",), top["root"])
    else:
        place = storage.resolve(os.path.join("runs", name), os.getcwd())
    if not check.mapping(("sources",)):
        raise UserError(
            "`sources:` is missing or empty", where=tree.where(("sources",)), hint="name at least one source"
        )
    models = {model: check.trained_model(model) for model in check.mapping(("models",))}
    sources = {source: check.source(source) for source in top["sources"]}
    stages = tuple(check.stages(("stages",)))
    for number, stage in enumerate(stages):
        if not isinstance(stage, PhasedStage):
            raise UserError(
                f"{stage.kind!r} works on one shard at a time and cannot stand among the cross-source stages",
                where=tree.where(("stages", number)),
                hint="move it into the `stages:` of the sources that need it",
            )
        for source, spec in sources.items():
            if stage.name in (own.name for own in spec.stages):
                raise check.fail(
                    ("stages", number),
                    f"a second stage named {stage.name!r}, beside the one in sources.{source}",
                    f"give one of them a name: {stage.kind}: {{name: …}}",
                )
    order = ordered(needs(check.settings, sources, models, tree))
    memory = check.size(("memory",), DEFAULT_MEMORY)
    if not memory:
        raise check.fail(("memory",), "a task needs some memory, found 0")
    mixture, tokenize = check.tokens(sources)
    return Recipe(
        name,
        tree.name,
        place,
        memory,
        models,
        sources,
        order,
        stages,
        mixture,
        tokenize,
        tree,
        tuple(notes),
    )


class _Checker:
    """Turns parts of the tree into typed settings; every complaint carries its line."""

    def __init__(self, tree: yamltree.Tree) -> None:
        self.tree = tree
        self.settings: dict[yamltree.Path, Stage] = {}  # every stage by where its settings stand
        self.base = (
            os.path.dirname(os.path.abspath(tree.name))
            if not storage.is_remote(tree.name)
            else os.path.dirname(tree.name)
        )

    def at(self, path: yamltree.Path) -> Any:
        here: Any = self.tree.value
        for step in path:
            found = isinstance(here, list) or (isinstance(here, dict) and step in here)
            here = here[step] if found else None
            if here is None:
                return None
        return here

    def fail(self, path: yamltree.Path, message: str, hint: str | None = None) -> UserError:
        return UserError(f"{_dotted(path)}: {message}" if path else message, where=self.tree.where(path), hint=hint)

    def mapping(self, path: yamltree.Path, known: Sequence[str] | None = None) -> dict[str, Any]:
        value = self.at(path)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise self.fail(path, f"expected a mapping, found {value!r}")
        for key in value if known is not None else ():
            if key not in known:  # type: ignore[operator]
                raise self.fail(
                    (*path, key),
                    f"unknown field.{nearest(key, known or ())}",
                    f"known: {', '.join(known or ())}",
                )
        return value

    def location(self, path: yamltree.Path, value: Any) -> str:
        if not isinstance(value, str) or not value:
            raise self.fail(path, f"expected a path or URL, found {value!r}")
        return storage.resolve(value, os.getcwd() if isinstance(value, CommandLineText) else self.base)

    def inputs(self, path: yamltree.Path) -> tuple[str, ...]:
        value = self.at(path)
        if value is None:
            return ()
        items = value if isinstance(value, list) else [value]
        found: list[str] = []
        for number, item in enumerate(items):
            if not isinstance(item, str):
                raise self.fail((*path, number), f"expected a path, URL or glob, found {item!r}")
            parts = [part.strip() for part in item.split(",")]
            kind = type(item)
            found += [self.location(path, kind(part)) for part in parts if part]
        return tuple(found)

    def size(self, path: yamltree.Path, default: str) -> int:
        """Bytes from a number with a unit."""
        value = self.at(path)
        value = default if value is None else value
        found = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]*)?(?:e\+?[0-9]+)?)\s*([a-z]*)\s*", str(value).lower())
        if not found or found[2] not in _UNITS:
            raise self.fail(path, f"expected bytes such as '512 MiB' or '4 GiB', found {value!r}")
        return int(float(found[1]) * _UNITS[found[2]])

    def trained_model(self, name: str) -> TrainedModel:
        path: yamltree.Path = ("models", name)
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]*", name):
            raise self.fail(path, f"{name!r} is no name for a model", "letters, digits, - and _ only")
        kinds = ", ".join(_kinds(TrainedModel))
        if (item := self.at(path)) is None:
            raise self.fail(
                path, "nothing says how it is trained", f"for example {{KIND: {{settings}}}}; kinds: {kinds}"
            )
        model = self.stage(path, item)
        if not isinstance(model, TrainedModel):
            raise self.fail(path, f"{model.kind!r} trains no model", f"kinds that do: {kinds}")
        return cast(TrainedModel, model.named(name))

    def source(self, name: str) -> SourceSpec:
        path: yamltree.Path = ("sources", name)
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]*", name):
            raise self.fail(
                path,
                f"{name!r} is no name for a source",
                "letters, digits, - and _ only: it becomes a folder",
            )
        if name in RESERVED:
            raise self.fail(path, f"{name!r} is a name the pipeline itself uses")
        fields = self.mapping(path, SOURCE)
        if fields.get("read") is None:
            sources = ", ".join(_kinds(Source))
            raise self.fail(path, "`read:` is missing", f"say which format to read: {sources}")
        read = self.stage((*path, "read"), fields["read"])
        if not isinstance(read, Source):
            raise self.fail((*path, "read"), f"{read.kind!r} is not a source", f"sources: {', '.join(_kinds(Source))}")
        inputs = self.inputs((*path, "input")) or self.inputs(("input",))
        if not inputs and read.reads_files:
            raise self.fail(path, "no input", "give `input:` here or at the top, or --set input=PATH")
        stages = tuple(self.stages((*path, "stages")))
        names = [stage.name for stage in stages]
        early = fields.get("drop_early") or []
        if not isinstance(early, list):
            raise self.fail((*path, "drop_early"), f"expected a list of stage names, found {early!r}")
        for number, item in enumerate(early):
            if item not in names:
                raise self.fail(
                    (*path, "drop_early", number),
                    f"no stage {item!r} in this source.{nearest(str(item), names)}",
                )
            if not isinstance(stages[names.index(item)], Filter):
                raise self.fail(
                    (*path, "drop_early", number),
                    f"{item!r} needs all shards; only shard-wise stages can drop early",
                )
        group = self.size((*path, "group"), "0")
        return SourceSpec(name, read, inputs if read.reads_files else (), group, tuple(early), stages)

    def stages(self, path: yamltree.Path) -> Iterator[Stage]:
        items = self.at(path)
        if items is None:
            return
        if not isinstance(items, list):
            raise self.fail(path, "expected a list of stages", "- language: {keep: [en]}")
        seen: dict[str, int] = {}
        for number, item in enumerate(items):
            stage = self.stage((*path, number), item)
            if isinstance(stage, Source):
                raise self.fail((*path, number), f"{stage.kind!r} reads raw input", "give it as `read:` of a source")
            if isinstance(stage, TrainedModel):
                raise self.fail((*path, number), f"{stage.kind!r} trains a model", "give it a name under `models:`")
            if stage.name in seen:
                raise self.fail(
                    (*path, number),
                    f"a second stage named {stage.name!r}",
                    f"give one of them a name: {stage.kind}: {{name: …}}",
                )
            seen[stage.name] = number
            yield stage

    def stage(self, path: yamltree.Path, item: Any) -> Stage:
        """A stage from `kind` or `{kind: settings}`."""
        if isinstance(item, str):
            kind, inner = str(item), path
            settings: Any = {}
        elif isinstance(item, dict) and len(item) == 1:
            kind, settings = next(iter(item.items()))
            inner = (*path, kind)
        else:
            raise self.fail(path, f"expected one stage as `kind` or `kind: {{settings}}`, found {item!r}")
        try:
            cls = stage_class(kind)
        except UserError as error:
            raise UserError(error.message, where=self.tree.where(inner), hint=error.hint) from None
        if settings is None:
            settings = {}
        if not isinstance(settings, dict):
            raise self.fail(inner, f"expected settings of {kind!r} as a mapping, found {settings!r}")
        name = settings.get("name")
        if name is not None and not re.fullmatch(r"[a-z][a-z0-9_]*", str(name)):
            raise self.fail((*inner, "name"), f"{name!r} is no name for a stage", "small letters, digits and _ only")
        if name in RESERVED:
            raise self.fail((*inner, "name"), f"{name!r} is a name the pipeline itself uses")
        stage = self.model(cls, {key: value for key, value in settings.items() if key != "name"}, inner)
        self.settings[inner] = stage
        return stage.named(str(name)) if name else stage

    def model(self, cls: type[Model], settings: Any, path: yamltree.Path) -> Model:
        try:
            return cls.model_validate(settings, context={"base": self.base})
        except ValidationError as error:
            first = error.errors()[0]
            loc = tuple(step for step in first["loc"] if not str(step).startswith(("function-", "tagged-")))
            raise self.fail((*path, *loc), _explain(cls, loc, first), _more(error)) from None

    def tokens(self, sources: Mapping[str, SourceSpec]) -> tuple[Mixture | None, Tokenize | None]:
        mixture = tokenize = None
        if self.at(("mixture",)) is not None:
            from gristmill.mixtures.spec import Mixture
            from gristmill.mixtures.tree import resolve

            mixture = self.model(Mixture, self.mapping(("mixture",)), ("mixture",))
            try:
                resolve(mixture, list(sources))
            except UserError as error:
                raise UserError(error.message, where=self.tree.where(error.field), hint=error.hint) from None
            if self.at(("tokenize",)) is None:
                raise self.fail(("mixture",), "a mixture is over tokens; `tokenize:` is missing")
        if self.at(("tokenize",)) is not None:
            from gristmill.tokenize.settings import Tokenize

            tokenize = self.model(Tokenize, self.mapping(("tokenize",)), ("tokenize",))
        return mixture, tokenize


def _dotted(path: yamltree.Path) -> str:
    return ".".join(str(step) for step in path)


def _explain(cls: type[BaseModel], loc: tuple[Any, ...], error: Any) -> str:
    """What pydantic found, for the reader of a recipe."""
    if error["type"] == "extra_forbidden":
        known = _fields_at(cls, loc[:-1])
        return f"unknown field.{nearest(str(loc[-1]), known)} Known: {', '.join(known) or 'none'}"
    if error["type"] == "missing":
        return "this field is required"
    message = error["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    shown = repr(error.get("input"))
    if error["type"] == "value_error":
        return message
    return f"expected {message}, found {shown[:80]}"


def _fields_at(cls: type[BaseModel], loc: tuple[Any, ...]) -> list[str]:
    here: Any = cls
    for step in loc:
        fields = getattr(here, "model_fields", {})
        if step not in fields:
            continue  # a list index or the tag of a union
        here = nested_settings(fields[step].annotation)
    return list(getattr(here, "model_fields", {}))


def _more(error: ValidationError) -> str | None:
    rest = error.error_count() - 1
    return f"and {rest} more problem{'s' if rest > 1 else ''} in these settings" if rest else None


@cache
def _kinds(base: type[Stage]) -> tuple[str, ...]:
    return tuple(kind for kind, cls in loadable().items() if issubclass(cls, base))


__all__ = ["Recipe", "Settings", "SourceSpec", "build", "load"]
