"""The funnel of a run: what came in, what each stage and rule took, what is left, per source; on the terminal and as JSON.

Every record is counted once: read = documents + dropped before they were written + not text + quarantined, and
documents = kept + removed by the first stage that dropped them. `balanced` says whether that held.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from gristmill import storage
from gristmill.pipeline.graph import Graph
from gristmill.pipeline.plan import MANIFEST, Plan
from gristmill.report.encoding import encoding_summary

SUMMARY = "summary.json"


def summarize(plan: Plan) -> dict[str, Any]:
    """Figures and output paths of everything that is finished, as JSON values."""
    graph = plan.graph
    manifests = {name: state.manifest for name, state in plan.states.items() if state.manifest}
    sources = {source: _source(graph, source, manifests) for source in graph.recipe.sources}
    summary: dict[str, Any] = {
        "recipe": graph.recipe.name,
        "root": graph.recipe.root,
        "complete": plan.done,
        "sources": sources,
        "stages": {
            name: {
                "folder": plan.graph.nodes[name].folder,
                "seconds": m["seconds"],
                "peak_memory": m["peak_memory"],
            }
            for name, m in manifests.items()
        },
    }
    if evaluation := {name: sets for name, m in manifests.items() if (sets := _evaluation_sets(m["counts"]))}:
        summary["evaluation_sets"] = evaluation
    if superseded := {name: found for name, m in manifests.items() if (found := m["counts"].get("superseded"))}:
        summary["superseded"] = superseded
    if "tokens" in manifests:
        summary["tokens"] = _tokens(graph.nodes["tokens"].folder, manifests["tokens"])
        encoded = [manifest for name, manifest in manifests.items() if name.startswith("encode.")]
        index = json.loads(storage.read_bytes(summary["tokens"]["index"]))
        summary["tokens"]["encoding"] = encoding_summary(encoded, index)
    return summary


def _source(graph: Graph, source: str, manifests: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"input_files": sum(len(shard.files) for shard in graph.shards[source])}
    documents = manifests.get(f"{source}/documents")
    if documents is None:
        return found
    counts: dict[str, int] = documents["counts"]
    found |= {
        "folder": graph.nodes[f"{source}/documents"].folder,
        "records": counts.get("records", 0),
        "not_text": _by_reason(counts, "not_text."),
        "quarantined": _by_reason(counts, "quarantined."),
        "dropped_early": _by_reason(counts, "dropped."),
        "documents": {"documents": counts.get("documents", 0), "bytes": counts.get("bytes", 0)},
    }
    ended = sum(sum(found[key].values()) for key in ("not_text", "quarantined", "dropped_early"))
    found["balanced"] = found["records"] == ended + found["documents"]["documents"]
    statistics = manifests.get(f"{source}/statistics")
    if statistics is not None:
        removed: dict[str, dict[str, int]] = {}
        for key, amount in statistics["counts"].items():
            if key.startswith("removed/"):
                _, reason, unit = key.split("/")
                removed.setdefault(reason, {})[unit] = amount
        order = [graph.nodes[n].stage.name for n in graph.chains[source] if graph.nodes[n].drops]
        found["removed"] = dict(sorted(removed.items(), key=lambda item: order.index(item[0].split(".")[0])))
        found["stages"] = order
        found["cut_bytes"] = _cut_bytes(graph, source, manifests)
        found["kept"] = {unit: statistics["counts"].get(f"kept/{unit}", 0) for unit in ("documents", "bytes")}
        total = found["kept"]["documents"] + sum(r["documents"] for r in removed.values())
        found["balanced"] = found["balanced"] and total == found["documents"]["documents"]
    encoded = manifests.get(f"encode.{source}")
    if encoded is not None and "kept" in found:
        found["kept"]["tokens"] = encoded["counts"].get("tokens", 0)
    return found


def _cut_bytes(graph: Graph, source: str, manifests: Mapping[str, Any]) -> dict[str, int]:
    """Bytes each stage cut out of texts, by stage; whether or not the document was dropped by another stage."""
    found = {}
    for name in graph.chains[source]:
        node = graph.nodes[name]
        if node.cuts and name in manifests:
            prefix = (
                "" if node.shard_wise else f"layers/{source}/"
            )  # a phased stage keeps each source's layers in a folder
            shards = manifests[name]["shards"].items()
            found[node.stage.name] = sum(s["counts"].get("cut_bytes", 0) for n, s in shards if n.startswith(prefix))
    return found


def _evaluation_sets(counts: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """What a decontamination says of each evaluation set: its rows, n-grams searched and found, matches, documents."""
    found: dict[str, dict[str, int]] = {}
    for key, amount in counts.items():
        if key.startswith("evaluation/"):
            _, name, what = key.split("/")
            found.setdefault(name, {})[what] = amount
    return found


def _by_reason(counts: Mapping[str, int], prefix: str) -> dict[str, int]:
    found = {key.removeprefix(prefix): amount for key, amount in counts.items() if key.startswith(prefix)}
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def _tokens(folder: str, manifest: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"folder": folder, "index": storage.join(folder, "index.json")}
    found["mixture"] = json.loads(storage.read_bytes(storage.join(folder, "mixture.json")))
    return found | {"counts": manifest["counts"]}


def write_summary(plan: Plan, summary: Mapping[str, Any]) -> str:
    from gristmill.commit import write_json

    location = storage.join(plan.recipe.root, SUMMARY)
    write_json(location, summary)
    return location


def funnel_text(summary: Mapping[str, Any]) -> str:
    """The funnel of every source as aligned text. Shares are of the source's own documents or bytes as written."""
    lines: list[str] = []
    for name, source in summary["sources"].items():
        lines += [*_source_lines(name, source), ""]
    for name, sets in summary.get("evaluation_sets", {}).items():
        lines += [*_evaluation_lines(name, sets), ""]
    for name, documents in summary.get("superseded", {}).items():
        place = storage.join(summary["stages"][name]["folder"], "superseded", "documents.parquet")
        lines += [f"{name}: {documents:,} documents that earlier runs kept would have fallen in one run: {place}", ""]
    return "\n".join(lines).rstrip()


def _source_lines(name: str, source: Mapping[str, Any]) -> list[str]:
    if "records" not in source:
        return [f"{name}: not read yet"]
    files = source["input_files"]
    lines = [f"{name}: {source['records']:,} records in {files:,} input file{'s' if files != 1 else ''}"]
    rows: list[tuple[str, str, str, str]] = [("", "documents", "bytes written", "of documents")]
    for title, key in (
        ("not text", "not_text"),
        ("quarantined", "quarantined"),
        ("dropped early", "dropped_early"),
    ):
        reasons = source[key]
        if reasons:
            rows.append((f"  {title}", f"-{sum(reasons.values()):,}", "", _list_reasons(reasons)))
    written = source["documents"]
    rows.append(("  written", f"{written['documents']:,}", _bytes(written["bytes"]), "100 %"))
    left, size = written["documents"], written["bytes"]
    for stage in source.get("stages", []):
        reasons = {r: c for r, c in source["removed"].items() if r.split(".")[0] == stage}
        documents = sum(c["documents"] for c in reasons.values())
        bytes_ = sum(c["bytes"] for c in reasons.values())
        left, size = left - documents, size - bytes_
        cut = source["cut_bytes"].get(stage)
        cut_out = f", {_bytes(cut)} cut out of texts" if cut else ""
        rows.append(
            (
                f"  {stage}",
                _minus(documents),
                _minus(bytes_, _bytes),
                f"{_share(left, written['documents'])} left{cut_out}",
            )
        )
        for reason, count in sorted(reasons.items(), key=lambda item: (-item[1]["documents"], item[0])):
            rows.append(
                (
                    f"    {reason.split('.', 1)[1]}",
                    _minus(count["documents"]),
                    _minus(count["bytes"], _bytes),
                    _share(count["documents"], written["documents"]),
                )
            )
    if "kept" in source:
        kept = source["kept"]
        tokens = f", {kept['tokens']:,} tokens" if "tokens" in kept else ""
        share = f"{_share(kept['documents'], written['documents'])}, {_share(kept['bytes'], written['bytes'])} of bytes{tokens}"
        rows.append(("  kept", f"{kept['documents']:,}", _bytes(kept["bytes"]), share))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    first, second, third = widths
    lines += [f"{row[0]:<{first}}  {row[1]:>{second}}  {row[2]:>{third}}  {row[3]}".rstrip() for row in rows]
    if not source["balanced"]:
        lines.append("  these counts do not add up: please report this with the manifests of this source")
    return lines


def _evaluation_lines(stage: str, sets: Mapping[str, Mapping[str, int]]) -> list[str]:
    """A line per evaluation set: what was searched for, and what of it stands in documents."""
    lines = [f"{stage}: evaluation text in documents"]
    width = max(map(len, sets))
    for name, counts in sets.items():
        get = counts.get
        if "dirty" in counts:
            share = _share(get("contaminated", 0), get("tokens", 0))
            line = f"  {name:<{width}}  {get('rows', 0):,} rows, {share} of tokens contaminated: {get('clean', 0):,} rows clean, "
            lines.append(line + f"{get('not_clean', 0):,} not clean, {get('dirty', 0):,} dirty")
            continue
        line = f"  {name:<{width}}  {get('rows', 0):,} rows, {get('searched', 0):,} n-grams searched, {get('found', 0):,} found"
        line += f" ({get('ignored', 0):,} too common)" if get("ignored") else ""
        line += f", from {get('rows_found', 0):,} rows, in {get('documents', 0):,} documents"
        line += f"; {get('rows_without', 0):,} rows too short" if get("rows_without") else ""
        lines.append(line)
    return lines


def _minus(amount: int, shown: Callable[[int], str] = "{:,}".format) -> str:
    return "-" + shown(amount) if amount else "0"


def _list_reasons(reasons: Mapping[str, int], most: int = 5) -> str:
    shown = [f"{reason} {amount:,}" for reason, amount in list(reasons.items())[:most]]
    rest = sum(list(reasons.values())[most:])
    return ", ".join(shown) + (f", other {rest:,}" if rest else "")


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "-"


def _bytes(size: int) -> str:
    value = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.2f} TB"


__all__ = ["MANIFEST", "SUMMARY", "funnel_text", "summarize", "write_summary"]
