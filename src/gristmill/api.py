"""Load, plan, run, open: what the command line does, as four functions.

recipe = load("configs/demo.yaml", {"mixture.seed": 1}, root="runs/demo")
print(plan(recipe))
result = run(plan(recipe), workers=2)
result.ok, result.summary["sources"]["web"]["kept"]
table = open_dataset(recipe, "web").to_table(columns=["url", "text", "language.code"])
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from gristmill import storage
from gristmill.dataset import Dataset
from gristmill.errors import UserError, nearest
from gristmill.pipeline.graph import Node
from gristmill.pipeline.jobs import Failure
from gristmill.pipeline.plan import Plan, make_plan
from gristmill.pipeline.progress import Display, Quiet
from gristmill.recipe import Recipe
from gristmill.recipe import load as load_recipe

if TYPE_CHECKING:
    from collections import Counter

    from gristmill.dataset import ShardRef
    from gristmill.mixtures.plan import MixturePlan
    from gristmill.report.mixture_preview import Preview
    from gristmill.tokenize.remembered import Remembered
    from gristmill.tokenize.retract import Retraction
    from gristmill.tokenize.shards import TokenShards
    from gristmill.tokenize.where import Origin


@dataclass(frozen=True)
class Result:
    """What a run came to: figures per source in `summary`, failed tasks, and stages that could not run because of them."""

    summary: dict[str, Any]
    summary_path: str
    ran: tuple[str, ...]
    failures: tuple[Failure, ...]
    blocked: tuple[str, ...]
    retractions: tuple[Retraction, ...] = ()  # earlier ones, carried out in what was packed now

    @property
    def ok(self) -> bool:
        return not self.failures


def load(
    path: str | os.PathLike[str],
    overrides: Mapping[str, Any] | Sequence[str] = (),
    *,
    root: str | None = None,
) -> Recipe:
    """Read and check a recipe.

    overrides: {"mixture.seed": 1} or ["mixture.seed=1"], as after `--set`. root: where outputs go, a path or URL.
    Raises UserError for anything wrong, with file, line and field.
    """
    if isinstance(overrides, Mapping):
        overrides = [
            f"{key}={value if isinstance(value, str) else json.dumps(value)}" for key, value in overrides.items()
        ]
    return load_recipe(os.fspath(path), list(overrides), root)


def plan(recipe: Recipe) -> Plan:
    """What would run and why; prints as a table. Raises UserError when an input does not exist."""
    return make_plan(recipe)


def run(
    plan: Plan,
    *,
    workers: int | None = None,
    stage: str | None = None,
    retries: int = 2,
    time_limit: float | None = None,
    display: Display | None = None,
) -> Result:
    """Run what is missing and write ROOT/summary.json.

    workers: processes, default one per core. stage: only this stage and what it needs. retries: further attempts for a task whose
    worker died. time_limit: seconds one task may take.
    Failed tasks do not raise: they are in the result, and everything that does not need them is finished.
    """
    from gristmill.pipeline.local import LocalExecutor
    from gristmill.pipeline.run import run_plan
    from gristmill.report.funnel import summarize, write_summary

    display = display or Quiet()
    retractions: list[Retraction] = []
    try:
        with LocalExecutor(workers or os.cpu_count() or 1, retries, time_limit) as executor:
            outcome = run_plan(plan, executor, display, stage)
        if outcome.ok:
            retractions = carry_out_retractions(plan)
    finally:
        display.close()
    summary = summarize(plan)
    path = ""
    try:
        path = write_summary(plan, summary)
    except OSError:
        if not outcome.failures:
            raise  # else what failed first, a full disk say, is what to show
    return Result(
        summary, path, tuple(outcome.ran), tuple(outcome.failures), tuple(outcome.blocked), tuple(retractions)
    )


def model_node(plan: Plan, name: str, kind: str) -> Node:
    """The node of a model that the recipe trains; its `folder` is where the model lies.

    Raises UserError when the recipe has no model of that name and kind.
    """
    known = {model: trained for model, trained in plan.graph.recipe.models.items() if trained.kind == kind}
    if name not in known:
        raise UserError(
            f"no model {name!r} of kind {kind} in {plan.graph.recipe.path}.{nearest(name, known)}",
            hint=f"it has {', '.join(known) or 'none'}",
        )
    return plan.graph.nodes[f"models/{name}"]


def try_mixture(recipe: Recipe) -> Preview:
    """The table of shares, tokens and epochs that a run would come to; nothing is run.

    Exact where documents are encoded, else estimated from their bytes, as `basis` says.
    Raises UserError when the mixture cannot be met, with the nearest that can, and when a source has not been read.
    """
    from gristmill.report.mixture_preview import preview

    return preview(make_plan(recipe))


def check_mixture(plan: Plan) -> MixturePlan | None:
    """The solved mixture when all its counts are on disk, else None. Raises UserError when it cannot be met."""
    from gristmill.report.mixture_preview import known_outcome

    return known_outcome(plan)


def refresh_summary(plan: Plan) -> str:
    """Path of ROOT/summary.json for a finished plan; written anew when another recipe with this root came between."""
    from gristmill.report.funnel import SUMMARY, summarize, write_summary

    summary = summarize(plan)
    path = storage.join(plan.recipe.root, SUMMARY)
    if not storage.exists(path) or json.loads(storage.read_bytes(path)) != summary:
        write_summary(plan, summary)
    return path


def open_dataset(recipe: Recipe, source: str) -> Dataset:
    """A source's documents with every layer that is finished; survivors only unless asked otherwise.

    Raises UserError for an unknown source, and when its documents are not finished.
    """
    found = make_plan(recipe)
    if source not in recipe.sources:
        raise UserError(f"no source {source!r} in {recipe.path}.{nearest(source, recipe.sources)}")
    state = found.states[f"{source}/documents"]
    if not state.done:
        raise UserError(
            f"the documents of {source!r} are not finished: {state.status}",
            hint=f"gristmill run {recipe.path}",
        )
    ready = {name for name, node_state in found.states.items() if node_state.done}
    shards = [
        type(shard)(shard.source, shard.name, shard.documents, layers)
        for shard in found.graph.dataset_shards(source)
        if (
            layers := tuple(
                found.graph.nodes[name].layer(source)
                for name in found.graph.chains[source]
                if name in ready and found.graph.nodes[name].is_layer
            )
        )
        is not None
    ]
    return Dataset(source, tuple(shards))


def open_tokens(recipe: Recipe | str) -> TokenShards:
    """The finished token shards of a recipe, or those in a folder.

    Raises UserError when they are not finished or a retraction waits to be carried out in them, DamagedShards when one is
    missing or cut.
    """
    from gristmill.tokenize.shards import TokenShards

    if isinstance(recipe, str):
        return TokenShards.open(recipe)
    plan = _token_plan(recipe)
    folder = plan.graph.nodes["tokens"].folder
    if pending_retractions(plan):
        raise UserError(
            f"{folder}: documents that were retracted under {recipe.root} are still in these shards",
            hint=f"gristmill run {recipe.path} takes them out",
        )
    return TokenShards.open(folder)


def verify_encoded(recipe: Recipe) -> Iterator[str]:
    """The files of encoded documents that the token shards of a recipe were packed from, each once found to be sound.

    Raises DamagedShards at the first that is missing or not what its receipt says.
    """
    from gristmill.pipeline.plan import node_receipts
    from gristmill.tokenize.encoded import check_checksum
    from gristmill.tokenize.shards import DamagedShards

    graph = _token_plan(recipe).graph
    for node in graph.nodes.values():
        if node.name.startswith("encode."):
            for _, receipt in node_receipts(graph, node):
                for file in receipt.files:
                    try:
                        check_checksum(node.folder, file)
                    except UserError as error:
                        raise DamagedShards(str(error)) from error
                    yield file.name


def where(recipe: Recipe, shard: str, row: int) -> list[Origin]:
    """The documents behind one row of a token shard, first to last, with URL and place in the raw input.

    shard: its number, name or file. Raises UserError when there is no such shard or row.
    """
    from gristmill.tokenize.shards import TokenShards
    from gristmill.tokenize.where import where as find

    folder, documents, encoded = _packed(recipe)
    return find(TokenShards.open(folder), shard, row, documents, encoded)


def write_trees(recipe: Recipe) -> Counter[str]:
    """Write beside the token shards which tokens are which post and what it answers, for conversations in the layout `tree`.

    `gristmill.tokenize.ReplyTrees` reads them. Returns documents: `tree`, `other`, and `unmatched`, trees that were not found
    again in the tokens. Raises UserError when the shards are not finished.
    """
    from gristmill.pipeline.run import lock_root
    from gristmill.tokenize.find_trees import write_trees as write
    from gristmill.tokenize.shards import TokenShards

    folder, documents, encoded = _packed(recipe)
    with lock_root(recipe.root):
        return write(TokenShards.open(folder), documents, encoded)


def _packed(recipe: Recipe) -> tuple[str, dict[str, list[ShardRef]], dict[str, str]]:
    """The folder of the token shards, and of every source its documents and the folder of its encoded shards."""
    from gristmill.tokenize.encoded import FOLDER

    graph = _token_plan(recipe).graph
    tokens = graph.nodes["tokens"]
    documents = {source: list(graph.dataset_shards(source)) for source in tokens.sources}
    encoded = {source: storage.join(graph.nodes[f"encode.{source}"].folder, FOLDER) for source in tokens.sources}
    return tokens.folder, documents, encoded


def retract(
    recipe: Recipe,
    *,
    ids: Sequence[str] = (),
    urls: Sequence[str] = (),
    domains: Sequence[str] = (),
    repositories: Sequence[str] = (),
    how: Literal["pad", "mask"] = "pad",
) -> Retraction:
    """Remove documents from the finished token shards of a recipe; nothing is tokenised again.

    pad: overwrite their tokens with padding. mask: leave them as context, not to be trained on.
    The root remembers the request: every later run under it carries it out in what it has packed.
    Raises UserError when nothing is named or the shards are not finished.
    """
    from gristmill.pipeline.run import lock_root
    from gristmill.tokenize.remembered import Remembered
    from gristmill.tokenize.requests import Requests

    request = Remembered(Requests(ids, urls, domains, repositories), how)
    plan = _token_plan(recipe)
    with lock_root(recipe.root):
        request.keep(recipe.root)
        return _carry_out(plan, request)


def carry_out_retractions(plan: Plan) -> list[Retraction]:
    """Remove what earlier retractions under this root named from the token shards of a plan, where that is not done yet."""
    from gristmill.pipeline.run import lock_root

    waiting = pending_retractions(plan)
    if not waiting:
        return []
    with lock_root(plan.recipe.root):
        return [_carry_out(plan, request) for request in waiting]


def pending_retractions(plan: Plan) -> list[Remembered]:
    """The retractions that this root remembers and the plan's token shards, if they are there, have not met."""
    from gristmill.tokenize.remembered import pending

    tokens = plan.graph.nodes.get("tokens")
    return pending(plan.recipe.root, tokens.folder) if tokens else []


def _carry_out(plan: Plan, request: Remembered) -> Retraction:
    from gristmill.pipeline.plan import write_manifest
    from gristmill.tokenize.remembered import carry_out

    tokens = plan.graph.nodes["tokens"]
    shards = [shard for source in tokens.sources for shard in plan.graph.dataset_shards(source)]
    found = carry_out(tokens.folder, request, shards)
    write_manifest(plan.graph, tokens)
    return found


def _token_plan(recipe: Recipe) -> Plan:
    """The plan of a recipe whose token shards are finished. Raises UserError when they are not."""
    found = make_plan(recipe)
    state = found.states.get("tokens")
    if state is None:
        raise UserError(f"{recipe.path} makes no tokens", hint="add a `tokenize:` section")
    if not state.done:
        raise UserError(f"the token shards are not finished: {state.status}", hint=f"gristmill run {recipe.path}")
    return found
