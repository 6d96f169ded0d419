"""A recipe as a graph of nodes, each with a fingerprint and a folder.

Every source is a chain: documents, then for each stage its signals and its decision; stages over many shards hang
across the chains, and so do the models a recipe trains, each before the stages that use it. A node depends only on what
it reads: text (documents and all cuts before it), named columns, a model, or the survivors of everything before it. So a
changed threshold makes one decision stale and what counts survivors after it, never the signals beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pyarrow as pa

from gristmill import storage
from gristmill.dataset import LayerRef, ShardRef
from gristmill.documents import DOCUMENT_SCHEMA
from gristmill.errors import UserError, nearest
from gristmill.pipeline.fingerprint import describe, fingerprint
from gristmill.pipeline.inputs import Shard, find_files, make_shards
from gristmill.pipeline.reading import EARLY_COLUMNS
from gristmill.recipe import Recipe, SourceSpec
from gristmill.references import references
from gristmill.report.statistics import Statistics
from gristmill.stage import Filter, GlobalStage, ModelName, PhasedStage, ShardStage, SourceName, Stage

Role = Literal["documents", "signals", "decision", "phased"]


@dataclass(frozen=True)
class Node:
    """One addressable output. `name` is its folder below the root without the fingerprint."""

    name: str
    role: Role
    stage: Stage
    sources: tuple[str, ...]
    needs: tuple[str, ...]  # names of the nodes it reads
    description: dict[str, Any] = field(hash=False)
    fingerprint: str
    folder: str
    inputs: dict[str, str] = field(
        default_factory=dict, hash=False
    )  # folders of stages it needs by name (phased stages)

    @property
    def shard_wise(self) -> bool:
        return self.role != "phased"

    @property
    def drops(self) -> bool:
        return self.role == "decision" or self._global

    @property
    def cuts(self) -> bool:
        return self.drops and bool(getattr(self.stage, "makes_cuts", False))

    @property
    def value_schema(self) -> pa.Schema:
        """Value columns of its layer with the stage's prefix."""
        if self.role == "signals" and isinstance(self.stage, ShardStage):
            own: pa.Schema = self.stage.value_schema()
        elif self._global and isinstance(self.stage, GlobalStage):
            own = self.stage.provides
        else:
            own = pa.schema([])
        return pa.schema([pa.field(f"{self.stage.name}.{f.name}", f.type) for f in own])

    @property
    def is_layer(self) -> bool:
        return self.role in ("signals", "decision") or self._global

    @property
    def _global(self) -> bool:
        return self.role == "phased" and isinstance(self.stage, GlobalStage)

    def layer_folder(self, source: str) -> str:
        """The folder that holds this node's <shard>.parquet of a source."""
        return storage.join(self.folder, "layers", source) if self.role == "phased" else self.folder

    def layer(self, source: str) -> LayerRef:
        names = tuple(self.value_schema.names)
        return LayerRef(self.stage.name, self.layer_folder(source), names, drops=self.drops, cuts=self.cuts)


@dataclass(frozen=True)
class Graph:
    """All nodes in an order in which every node comes after what it needs."""

    recipe: Recipe
    nodes: dict[str, Node]
    shards: dict[str, tuple[Shard, ...]]  # by source
    chains: dict[str, tuple[str, ...]]  # node names of each source's documents and layers, in order

    def dataset_shards(self, source: str, before: str | None = None) -> Iterator[ShardRef]:
        """The shards of a source with the layers of its chain (all, or those that were there before the node named)."""
        names = self.chains[source]
        if before is not None:
            place = {name: number for number, name in enumerate(self.nodes)}
            names = tuple(name for name in names if place[name] < place[before])
        layers = tuple(self.nodes[name].layer(source) for name in names if self.nodes[name].is_layer)
        for shard in self.shards[source]:
            yield ShardRef(source, shard.name, self.nodes[f"{source}/documents"].folder, layers)


class _Builder:
    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.nodes: dict[str, Node] = {}
        self.shards: dict[str, tuple[Shard, ...]] = {}
        self.chains: dict[str, list[str]] = {}

    def add(
        self,
        name: str,
        role: Role,
        stage: Stage,
        sources: Sequence[str],
        needs: Sequence[str],
        fields: tuple[str, ...] | None = None,
        extra: dict[str, Any] | None = None,
        inputs: dict[str, str] | None = None,
    ) -> Node:
        models = [name for path, name in references(stage, ModelName) if fields is None or path[0] in fields]
        if models:
            needs = [*needs, *(f"models/{name}" for name in models)]
            stage = stage.with_models({name: self.nodes[f"models/{name}"].folder for name in models})
        description = describe(stage, fields) | {"name": name, "role": role, **(extra or {})}
        description["inputs"] = {need: self.nodes[need].fingerprint for need in needs}
        if role == "phased":  # depends on which shards there are; shard-wise nodes only on their own shard
            for source in sources:
                shards = {shard.name: shard.identity for shard in self.shards[source]}
                description["inputs"][f"{source} input files"] = fingerprint(shards)
        mark = fingerprint(description)
        folder = storage.join(self.recipe.root, f"{name}-{mark}")
        node = Node(
            name,
            role,
            stage,
            tuple(sources),
            tuple(dict.fromkeys(needs)),
            description,
            mark,
            folder,
            inputs or {},
        )
        self.nodes[name] = node
        return node

    # -- one source ---------------------------------------------------------------------------------------------------

    def source(self, spec: SourceSpec) -> None:
        own = ("sources", spec.name, "input")
        where = self.recipe.where(*(own if own in self.recipe.tree.lines else ("input",)))
        upstream = spec.read.reads_source
        if upstream is not None:
            self.shards[spec.name] = self.shards[upstream]
            needs = [name for name in self.chains[upstream] if self.nodes[name].role != "signals"]
        else:
            files = find_files(spec.read, spec.input, where)
            self.shards[spec.name] = tuple(make_shards(files, spec.group))
            needs = []
        self.check_early(spec)
        extra = {
            "source": spec.name,
            "drop_early": [describe(stage) | {"name": stage.name} for stage in spec.early],
        }
        documents = self.add(f"{spec.name}/documents", "documents", spec.read, [spec.name], needs, extra=extra)
        self.chains[spec.name] = [documents.name]
        for number, stage in enumerate(spec.stages):
            where = self.recipe.where("sources", spec.name, "stages", number)
            if isinstance(stage, PhasedStage):
                self.across(f"{spec.name}/{stage.name}", stage, [spec.name], where)
            elif isinstance(stage, Filter):
                self.filter(spec.name, stage, where)
            else:
                raise UserError(f"{stage.kind!r} cannot stand here", where=where)

    def check_early(self, spec: SourceSpec) -> None:
        """Refuse what cannot be decided before documents are written. Raises UserError at the line of `drop_early`."""
        columns = {"text", *EARLY_COLUMNS}
        where = self.recipe.where("sources", spec.name, "drop_early")
        cut = None
        for stage in spec.stages:
            if isinstance(stage, Filter) and stage.name in spec.drop_early:
                if (of := spec.read.reads_source) is not None:
                    raise UserError(
                        f"{spec.name} reads the dataset of {of} and cannot drop early",
                        where=where,
                        hint=f"let {of} drop it",
                    )
                if cut and "text" in stage.reads:
                    raise UserError(f"{stage.name} reads text that {cut} cuts first and cannot drop early", where=where)
                if missing := sorted(stage.reads - columns):
                    raise UserError(
                        f"{stage.name} reads {missing[0]}, which is not there before documents are written",
                        where=where,
                        hint="let it drop later, or the stage that writes the column drop early too",
                    )
                if any(references(stage, ModelName)):
                    raise UserError(
                        f"{stage.name} uses a model that this recipe trains and cannot drop early",
                        where=where,
                        hint="let it drop later, or give the model by path",
                    )
                columns |= {f"{stage.name}.{name}" for name in stage.value_schema().names}
            if getattr(stage, "makes_cuts", False):
                cut = stage.name

    def filter(self, source: str, stage: Filter, where: str) -> None:
        signals = self.signals(source, stage, where)
        needs = [
            *([signals.name] if signals else []),
            *self.read_nodes(source, stage.decides_on, where, stage),
        ]
        decision_fields = tuple(f for f in type(stage).model_fields if f not in stage.signal_settings)
        name = f"{source}/{stage.name}"
        self.add(name, "decision", stage, [source], needs or [f"{source}/documents"], decision_fields)
        self.chains[source].append(name)

    def signals(self, source: str, stage: ShardStage, where: str) -> Node | None:
        if not len(stage.value_schema()):
            return None
        needs = self.read_nodes(source, stage.needs, where, stage)
        name = f"{source}/{stage.name}.signals"
        node = self.add(name, "signals", stage, [source], needs or [f"{source}/documents"], stage.signal_settings)
        self.chains[source].append(name)
        return node

    def text_nodes(self, source: str) -> list[str]:
        """What the text at this point of the chain depends on: the documents and every cut so far."""
        return [n for n in self.chains[source] if self.nodes[n].role == "documents" or self.nodes[n].cuts]

    def read_nodes(self, source: str, columns: Sequence[str], where: str, stage: Stage) -> list[str]:
        needs: list[str] = []
        for column in columns:
            if column == "text":
                needs += self.text_nodes(source)
            elif column in DOCUMENT_SCHEMA.names:
                needs.append(f"{source}/documents")
            else:
                providers = [n for n in self.chains[source] if column in self.nodes[n].value_schema.names]
                if not providers:
                    known = [name for n in self.chains[source] for name in self.nodes[n].value_schema.names]
                    raise UserError(
                        f"{stage.name} reads the column {column!r}, which no stage before it writes.{nearest(column, known)}",
                        where=where,
                        hint=f"put the stage that writes {column.split('.')[0]} before it",
                    )
                needs.append(providers[-1])
        return list(dict.fromkeys(needs))

    # -- over many shards ---------------------------------------------------------------------------------------------

    def across(self, name: str, stage: PhasedStage, sources: Sequence[str], where: str) -> None:
        """A phased stage over all shards of some sources; it reads their survivors so far."""
        needs: list[str] = []
        for source in sources:
            self.signals(source, stage, where)
            needs += [n for n in self.chains[source] if self.reads(n, stage, source)]
            needs += self.read_nodes(source, stage.also_reads(), where, stage)
        node = self.add(name, "phased", stage, sources, needs)
        if isinstance(stage, GlobalStage):
            for source in sources:
                self.chains[source].append(node.name)

    def reads(self, name: str, stage: PhasedStage, source: str) -> bool:
        node = self.nodes[name]
        return node.role == "documents" or node.drops or name == f"{source}/{stage.name}.signals"

    def survivors(self, source: str) -> list[str]:
        return [n for n in self.chains[source] if self.nodes[n].role == "documents" or self.nodes[n].drops]

    def tokens(self) -> None:
        if self.recipe.tokenize is None:
            return
        from gristmill.tokenize.settings import nodes as token_nodes

        sources = list(self.recipe.sources)
        where = self.recipe.where("mixture")
        for name, stage, needs, of, columns in token_nodes(self.recipe.mixture, self.recipe.tokenize, sources):
            reads = [n for source in of for n in self.survivors(source)]
            reads += [n for source in of for n in self.read_nodes(source, columns, where, stage)]
            folders = {need: self.nodes[need].folder for need in needs}
            self.add(name, "phased", stage, of, [*reads, *needs], inputs=folders)

    def statistics(self) -> None:
        for source in self.recipe.sources:
            stages = [(self.nodes[n].stage.name, n) for n in self.survivors(source)[1:]]
            stage = Statistics(stages=[name for name, _ in stages])
            self.add(f"{source}/statistics", "phased", stage, [source], self.survivors(source))


def build_graph(recipe: Recipe) -> Graph:
    """Find the input files and lay out every node. Raises UserError for inputs that do not exist and columns nobody writes."""
    builder = _Builder(recipe)
    for part, name in recipe.order:
        if part == "sources":
            builder.source(recipe.sources[name])
        else:
            model = recipe.models[name]
            sources = list(dict.fromkeys(source for _, source in references(model, SourceName)))
            builder.across(f"models/{name}", model, sources, recipe.where("models", name))
    for number, stage in enumerate(recipe.stages):
        assert isinstance(stage, PhasedStage)
        builder.across(f"all/{stage.name}", stage, list(recipe.sources), recipe.where("stages", number))
    builder.tokens()
    builder.statistics()
    chains = {source: tuple(names) for source, names in builder.chains.items()}
    return Graph(recipe, builder.nodes, builder.shards, chains)
