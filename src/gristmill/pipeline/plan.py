"""What would run and why: the graph held against the receipts on disk.

plan = make_plan(recipe)
print(plan.text())
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from gristmill import storage
from gristmill.commit import RECEIPT, Receipt, read_receipt
from gristmill.pipeline.fingerprint import differences
from gristmill.pipeline.graph import Graph, Node, build_graph
from gristmill.pipeline.inputs import Shard
from gristmill.recipe import Recipe

MANIFEST = "manifest.json"
DESCRIPTION = "stage.json"


@dataclass
class NodeState:
    """What is on disk of one node."""

    node: Node
    missing: dict[str, list[Shard]] = field(default_factory=dict)  # by source: shards without a valid receipt
    stale: int = 0  # of them, shards whose input file changed
    total: int = 0
    outdated: bool = False  # there is a manifest, for other input files
    changed: bool = False  # an output of the same stage is there, made by other settings or inputs
    why: str = ""
    manifest: dict[str, Any] | None = None

    @property
    def done(self) -> bool:
        return not self.missing and self.manifest is not None

    @property
    def pending(self) -> int:
        return sum(len(shards) for shards in self.missing.values())

    @property
    def status(self) -> str:
        if self.done:
            return "up to date"
        if self.stale or self.changed:
            return "stale"
        return "missing" if self.pending == self.total else "incomplete"


@dataclass
class Plan:
    """The state of every node of a recipe, in the order they would run."""

    graph: Graph
    states: dict[str, NodeState]

    @property
    def recipe(self) -> Recipe:
        return self.graph.recipe

    @property
    def done(self) -> bool:
        return all(state.done for state in self.states.values())

    def text(self) -> str:
        """A line per stage: state, shards to do, and why."""
        rows = [("stage", "state", "shards", "why")]
        for name, state in self.states.items():
            count = (
                f"{state.total - state.pending}/{state.total}"
                if state.node.shard_wise
                else "done"
                if state.done
                else "all"
            )
            rows.append((name, state.status, count, state.why))
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, [*widths, 0], strict=True)).rstrip() for row in rows
        ]
        todo = sum(not state.done for state in self.states.values())
        lines.append(f"{todo} of {len(self.states)} stages to run" if todo else "everything is up to date")
        return "\n".join(lines)

    __str__ = text


def make_plan(recipe: Recipe) -> Plan:
    """Compare what the recipe wants with what is there. Reads manifests and receipts, never data."""
    graph = build_graph(recipe)
    states: dict[str, NodeState] = {}
    for node in graph.nodes.values():
        states[node.name] = inspect(graph, node)
    for state in states.values():
        if not state.done:
            state.why = _why(recipe, state, states)
    return Plan(graph, states)


def inspect(graph: Graph, node: Node) -> NodeState:
    """Which shards of a node have a receipt for the present inputs."""
    state = NodeState(node, total=sum(len(graph.shards[source]) for source in node.sources))
    state.manifest = _read_json(storage.join(node.folder, MANIFEST))
    if not node.shard_wise:
        if state.manifest is None:
            state.missing = {source: list(graph.shards[source]) for source in node.sources}
        return state
    (source,) = node.sources
    listed = state.manifest["shards"] if state.manifest else {}
    wanted = {shard.name: shard.identity for shard in graph.shards[source]}
    if {name: entry["identity"] for name, entry in listed.items()} == wanted:
        return state
    state.outdated, state.manifest = state.manifest is not None, None
    present = set(storage.list_names(node.folder))
    for shard in graph.shards[source]:
        receipt = read_receipt(node.folder, shard.name) if shard.name + RECEIPT in present else None
        if receipt is None or receipt.identity != shard.identity:
            state.missing.setdefault(source, []).append(shard)
            state.stale += receipt is not None
    return state


def write_description(node: Node, memory: int) -> None:
    storage.write_bytes(storage.join(node.folder, DESCRIPTION), _json(node.description | {"memory": memory}))


def read_description(folder: str) -> dict[str, Any] | None:
    """What made the output in a folder, and the memory budget it was begun with; None when nothing began."""
    return _read_json(storage.join(folder, DESCRIPTION))


def write_manifest(graph: Graph, node: Node) -> dict[str, Any]:
    """Sum up a finished node from its receipts. Counts are summed over its shards or tasks."""
    receipts = dict(node_receipts(graph, node))
    counts: dict[str, int] = {}
    for receipt in receipts.values():
        for key, amount in receipt.counts.items():
            counts[key] = counts.get(key, 0) + amount
    manifest = {
        "stage": node.description,
        "fingerprint": node.fingerprint,
        "counts": dict(sorted(counts.items())),
        "seconds": round(sum(receipt.seconds for receipt in receipts.values()), 3),
        "peak_memory": max((receipt.peak_memory for receipt in receipts.values()), default=0),
        "shards": {
            name: {
                "identity": receipt.identity,
                "counts": receipt.counts,
                "files": {entry.name: [entry.bytes, entry.checksum] for entry in receipt.files},
            }
            for name, receipt in sorted(receipts.items())
        },
    }
    storage.write_bytes(storage.join(node.folder, MANIFEST), _json(manifest))
    return manifest


def node_receipts(graph: Graph, node: Node) -> Iterator[tuple[str, Receipt]]:
    """Receipts of a node by name; those of phased stages carry their folder before the name."""
    if node.shard_wise:
        for shard in graph.shards[node.sources[0]]:
            receipt = read_receipt(node.folder, shard.name)
            if receipt is not None and receipt.identity == shard.identity:
                yield shard.name, receipt
        return
    yield from _receipts_below(node.folder, "")


def _receipts_below(folder: str, prefix: str) -> Iterator[tuple[str, Receipt]]:
    for name in storage.list_names(folder):
        path = storage.join(folder, name)
        if name.endswith(RECEIPT):
            receipt = read_receipt(folder, name.removesuffix(RECEIPT))
            if receipt is not None:
                yield prefix + name.removesuffix(RECEIPT), receipt
        elif storage.is_dir(path):
            yield from _receipts_below(path, f"{prefix}{name}/")


def _why(recipe: Recipe, state: NodeState, states: dict[str, NodeState]) -> str:
    """What changed since the output that comes nearest to this one."""
    node = state.node
    if state.stale:
        return f"{state.stale} input file{'s' if state.stale > 1 else ''} changed"
    if not state.missing and node.shard_wise:
        return "input files were removed" if state.outdated else "its manifest is missing"
    if state.pending < state.total:
        return f"{state.pending} shard{'s' if state.pending > 1 else ''} not done yet"
    parent, _, stem = node.folder.rpartition("/")
    stem = stem.rsplit("-", 1)[0]
    best: list[str] | None = None
    for name in storage.list_names(parent):
        if name.rsplit("-", 1)[0] != stem or storage.join(parent, name) == node.folder:
            continue
        old = read_description(storage.join(parent, name))
        if old is not None:
            changed = differences(old, node.description)
            if best is None or len(changed) < len(best):
                best = changed
    if best:
        state.changed = True
        return "; ".join(best[:3]) + ("; …" if len(best) > 3 else "")
    waiting = [need for need in node.needs if not states[need].done]
    return "not run yet" if best is None else (f"after {waiting[0]}" if waiting else "not finished")


def _read_json(location: str) -> dict[str, Any] | None:
    try:
        return json.loads(storage.read_bytes(location))
    except Exception:  # absent or unreadable: as if it were not there
        return None


def _json(value: Any) -> bytes:
    return (json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False) + "\n").encode()
