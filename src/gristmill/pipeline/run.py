"""Carries out a plan: ready shard-wise stages fused per shard, then ready phased stages phase by phase, until nothing is left.

What fails is reported and blocks only what needs it; everything else finishes.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from gristmill import storage
from gristmill.commit import read_receipt
from gristmill.dataset import ShardRef
from gristmill.documents import DOCUMENT_SCHEMA
from gristmill.errors import UserError
from gristmill.pipeline.graph import Graph, Node
from gristmill.pipeline.inputs import Shard
from gristmill.pipeline.jobs import Failure, Job, TaskJob, WarmJob
from gristmill.pipeline.local import Done, Event, LocalExecutor, Progress
from gristmill.pipeline.plan import Plan, inspect, read_description, write_description, write_manifest
from gristmill.pipeline.progress import Display, Quiet
from gristmill.pipeline.shardjob import Computed, Loaded, ShardJob, Step
from gristmill.stage import Filter, Phase, PhasedStage, Scope, Source, Stage


@dataclass
class RunResult:
    """What a run came to."""

    plan: Plan
    ran: list[str] = field(default_factory=list)  # nodes finished now
    failures: list[Failure] = field(default_factory=list)
    blocked: list[str] = field(default_factory=list)  # nodes not run because something they need failed

    @property
    def ok(self) -> bool:
        return not self.failures


def run_plan(plan: Plan, executor: LocalExecutor, display: Display | None = None, only: str | None = None) -> RunResult:
    """Run what is missing. `only` restricts to one stage (by node name or stage name) and what it needs."""
    result = RunResult(plan)
    with lock_root(plan.recipe.root):
        run = _Run(plan, executor, display or Quiet(), result)
        try:
            run.everything(_selection(plan, only))
        except BaseException:  # interrupted, most likely: workers that did not end in time were killed at their files
            executor.close()
            run.clear_temporary()
            raise
    return result


class _Run:
    def __init__(self, plan: Plan, executor: LocalExecutor, display: Display, result: RunResult) -> None:
        self.graph: Graph = plan.graph
        self.states = plan.states
        self.executor, self.display, self.result = executor, display, result
        self.done = {name for name, state in self.states.items() if state.done}
        self.failed: set[str] = set()
        self.fatal = False

    def everything(self, selection: set[str]) -> None:
        todo = [node for name, node in self.graph.nodes.items() if name in selection and name not in self.done]
        if not todo:
            return
        self._prepare(todo)
        while not self.fatal:
            open_nodes = [node for node in todo if node.name not in self.done and node.name not in self.failed]
            if shard_wise := self._ready_shard_wise(open_nodes):
                self._run_shards(shard_wise)
            elif phased := [n for n in open_nodes if not n.shard_wise and all(need in self.done for need in n.needs)]:
                self._run_phases(phased)
            else:
                break
        self.result.blocked = [n.name for n in todo if n.name not in self.done and n.name not in self.failed]

    def clear_temporary(self) -> None:
        for node in self.graph.nodes.values():
            _clear_temporary(node.folder)

    def _prepare(self, todo: Sequence[Node]) -> None:
        _clear_temporary(self.graph.recipe.root, below=False)
        stages: dict[int, Stage] = {}
        for node in todo:
            if id(node.stage) not in stages:
                stages[id(node.stage)] = node.stage
                try:
                    node.stage.check()
                except UserError as error:
                    where = error.where or self.graph.recipe.tree.name
                    raise UserError(f"{node.stage.name}: {error.message}", where=where, hint=error.hint) from error
            if not node.shard_wise:
                _forget_other_split(node.folder, self.graph.recipe.memory)
            _clear_temporary(node.folder)
            write_description(node, self.graph.recipe.memory)
        warmed = [
            stage for stage in (*stages.values(), *self._rough_sources(todo)) if type(stage).warm is not Stage.warm
        ]
        by_marker = {job.marker: job for job in map(WarmJob, warmed)}
        cold = [job for marker, job in by_marker.items() if not os.path.exists(marker)]
        if cold and self.executor.workers > 1:  # a single worker compiles as it goes
            self._execute(cold)

    def _rough_sources(self, todo: Sequence[Node]) -> list[Source]:
        """The engines that rough texts of pages come from, where a stage that drops early judges such."""
        read = [self.graph.recipe.sources[node.sources[0]] for node in todo if node.role == "documents"]
        judged = [spec.read for spec in read if any(stage.judges_rough_text for stage in spec.early)]
        return [rough for source in judged if (rough := source.rough()) is not None]

    def _execute(self, jobs: Sequence[Job]) -> set[str]:
        """Run the jobs; returns the names of those that failed."""
        groups: dict[str, list[Job]] = {}
        for job in jobs:
            groups.setdefault(job.group, []).append(job)
        for group, members in groups.items():
            self.display.start(group, sum(job.weight for job in members), len(members))
        left = {group: len(members) for group, members in groups.items()}
        by_name = {job.name: job for job in jobs}
        failed: set[str] = set()

        def end(job: Job) -> None:
            self.display.advance(job.group, job.weight, 0, 0)
            left[job.group] -= 1
            if not left[job.group]:
                self.display.finish(job.group)

        def on_event(event: Event) -> None:
            if isinstance(event, Progress):
                self.display.advance(event.job.group, 0.0, event.documents, event.bytes)
            elif isinstance(event, Done):
                end(event.job)
            else:
                failed.add(event.job)
                self.result.failures.append(event)
                self.display.fail(event)
                self.fatal |= event.fatal
                end(by_name[event.job])

        self.executor.run(jobs, on_event)
        return failed

    # -- shard by shard -----------------------------------------------------------------------------------------------

    def _ready_shard_wise(self, nodes: Sequence[Node]) -> list[Node]:
        """Nodes whose needs are done or are computed by the same job."""
        ready: dict[str, Node] = {}
        for node in nodes:
            if node.shard_wise and all(
                n in self.done or (n in ready and ready[n].sources == node.sources) for n in node.needs
            ):
                ready[node.name] = node
        return list(ready.values())

    def _run_shards(self, nodes: Sequence[Node]) -> None:
        jobs: list[ShardJob] = []
        for source in dict.fromkeys(node.sources[0] for node in nodes):
            mine = [node for node in nodes if node.sources[0] == source]
            missing = {
                node.name: {shard.name for shard in self.states[node.name].missing.get(source, [])} for node in mine
            }
            for shard in self.graph.shards[source]:
                compute = [node for node in mine if shard.name in missing[node.name]]
                if compute:
                    jobs.append(make_shard_job(self.graph, source, shard, compute))
        self._execute(jobs)
        for node in nodes:
            self._settle(node)

    def _settle(self, node: Node) -> None:
        """Note whether a node is complete now; if so, write its manifest."""
        state = inspect(self.graph, node)
        if state.pending and node.shard_wise:
            self.failed.add(node.name)
            return
        state.manifest = write_manifest(self.graph, node)
        state.missing = {}
        self.states[node.name] = state
        self.done.add(node.name)
        self.result.ran.append(node.name)

    # -- over many shards ---------------------------------------------------------------------------------------------

    def _run_phases(self, nodes: Sequence[Node]) -> None:
        steps = {node.name: (node, self._phases(node)) for node in nodes}
        while steps and not self.fatal:
            jobs: list[TaskJob] = []
            for name, (node, phases) in list(steps.items()):
                try:
                    phase = next(phases, None)
                except UserError as error:
                    self.result.failures.append(Failure(name, str(error)))
                    self.display.fail(self.result.failures[-1])
                    self.failed.add(name)
                    del steps[name]
                    continue
                if phase is None:
                    self._settle(node)
                    del steps[name]
                    continue
                jobs += _phase_jobs(node, phase)
            if not jobs:
                continue
            failed = self._execute(jobs)
            for name in {job.node for job in jobs if job.name in failed}:
                self.failed.add(name)
                del steps[name]
        if self.fatal:
            self.failed.update(steps)

    def _phases(self, node: Node) -> Iterator[Phase]:
        assert isinstance(node.stage, PhasedStage)
        shards: list[ShardRef] = []
        for source in node.sources:
            shards += self.graph.dataset_shards(source, before=node.name)
        rows = tuple(shard.rows for shard in shards)
        scope = Scope(tuple(shards), rows, node.folder, self.graph.recipe.memory, node.inputs)
        yield from node.stage.phases(scope)


def _phase_jobs(node: Node, phase: Phase) -> list[TaskJob]:
    """Jobs for the tasks of a phase that have no receipt yet."""
    return [
        TaskJob(node.name, phase.name, phase.folder, task)
        for task in phase.tasks
        if read_receipt(phase.folder, task.name) is None
    ]


def make_shard_job(graph: Graph, source: str, shard: Shard, compute: Sequence[Node]) -> ShardJob:
    """One job that makes the outputs of the nodes `compute` for a shard, in chain order."""
    names = {node.name for node in compute}
    chain = graph.chains[source]
    last = max(chain.index(name) for name in names)
    wanted: set[str] = set()
    last_text = -1  # cuts behind the last node that reads text may not be there yet
    for node in compute:
        needed: set[str] = set()
        if node.role == "signals":
            needed.update(getattr(node.stage, "needs", ()))
        elif isinstance(node.stage, Filter):
            needed.update(node.stage.decides_on)
            needed.update(f"{node.stage.name}.{name}" for name in node.stage.value_schema().names)
        if "text" in needed:
            last_text = max(last_text, chain.index(node.name))
        wanted |= needed
    texts = "text" in wanted
    steps: list[Step] = []
    for name in chain[: last + 1]:
        node = graph.nodes[name]
        if name in names and node.role != "documents":
            steps.append(Computed(node.stage, node.role, node.folder, shard.identity))  # type: ignore[arg-type]
        elif name not in names and node.is_layer:
            layer = node.layer(source)
            if wanted & set(layer.columns) or (layer.cuts and chain.index(name) < last_text):
                steps.append(Loaded(layer))
    documents = graph.nodes[f"{source}/documents"]
    spec = graph.recipe.sources[source]
    reads = documents.name in names
    upstream = None
    if reads and spec.read.reads_source is not None:
        refs = graph.dataset_shards(spec.read.reads_source)
        upstream = next(ref for ref in refs if ref.name == shard.name)
    return ShardJob(
        source=source,
        shard=shard,
        documents=documents.folder,
        steps=tuple(steps),
        reader=spec.read if reads and isinstance(spec.read, Source) else None,
        early=spec.early if reads else (),
        upstream=upstream,
        columns=tuple(name for name in DOCUMENT_SCHEMA.names if name in wanted and name != "text"),
        texts=texts or reads,
    )


def _selection(plan: Plan, only: str | None) -> set[str]:
    if only is None:
        return set(plan.states)
    nodes = plan.graph.nodes
    chosen = {
        name for name, node in nodes.items() if only in (name, node.stage.name, node.name.removesuffix(".signals"))
    }
    if not chosen:
        from gristmill.errors import nearest

        names = sorted({node.stage.name for node in nodes.values()} | set(nodes))
        raise UserError(f"--stage {only}: no such stage in this recipe.{nearest(only, names)}", hint=", ".join(nodes))
    frontier = list(chosen)
    while frontier:
        for need in nodes[frontier.pop()].needs:
            if need not in chosen:
                chosen.add(need)
                frontier.append(need)
    return chosen


def _forget_other_split(folder: str, memory: int) -> None:
    """Start an unfinished phased node afresh when it was begun with another memory budget.

    How phases divide their work may depend on the budget, what comes of it may not: so the budget is no part of the
    fingerprint, and phases of two divisions must not meet.
    """
    begun = read_description(folder)
    if begun is not None and begun.get("memory") != memory:
        storage.remove_tree(folder)


def _clear_temporary(folder: str, *, below: bool = True) -> None:
    """Remove what killed tasks left half-written; nothing else writes here while the lock is held."""
    if storage.is_remote(folder):
        return
    for parent, inner, names in os.walk(storage.local_path(folder)):
        if not below:
            inner.clear()
        for name in names:
            if name.startswith(".") and name.endswith(".tmp"):
                with contextlib.suppress(OSError):
                    os.unlink(os.path.join(parent, name))


@contextlib.contextmanager
def lock_root(root: str) -> Iterator[None]:
    """One run at a time per local root."""
    if storage.is_remote(root):
        yield
        return
    storage.make_dir(root)
    with storage.explain(root, "write"):
        stream = open(os.path.join(storage.local_path(root), ".lock"), "w")  # noqa: SIM115 - closed below
    with stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(f"another run is writing to {root}", hint="wait for it, or use another --root") from error
        yield


__all__ = ["RunResult", "lock_root", "make_shard_job", "run_plan"]
