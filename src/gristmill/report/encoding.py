"""How a run's texts became ids: the library that encoded, and how many documents have the begin and end token once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any


def encoding_summary(manifests: Iterable[Mapping[str, Any]], index: Mapping[str, Any]) -> dict[str, Any]:
    """From the manifests of all `encode` nodes and the index of the token shards; engines are counted in shards."""
    counts: Counter[str] = Counter()
    for manifest in manifests:
        counts.update(manifest["counts"])
    about = index["tokenizer"]
    return {
        "engines": _below(counts, "engine."),
        "passed_over": _below(counts, "passed_over."),
        "because": _below(counts, "because."),
        "documents": counts["documents"],
        "empty": counts["empty"],
        **{role: {"token": about[role], "documents_with_one": counts[f"{role}_once"]} for role in ("bos", "eos")},
    }


def _below(counts: Mapping[str, int], prefix: str) -> dict[str, int]:
    return {key.removeprefix(prefix): number for key, number in sorted(counts.items()) if key.startswith(prefix)}


def encoding_text(summary: Mapping[str, Any]) -> str:
    engines = ", ".join(
        f"{name} ({number:,} shard{'s' if number != 1 else ''})" for name, number in summary["engines"].items()
    )
    lines = [f"encoded by {engines}"]
    for key, number in summary["because"].items():
        name, _, reason = key.partition(".")
        lines.append(f"  not by {name} ({number:,} shard{'s' if number != 1 else ''}): {reason}")
    total = summary["documents"]
    for role in ("bos", "eos"):
        token, ones = summary[role]["token"], summary[role]["documents_with_one"]
        share = f"{ones / total:.2%} of {total:,} documents have exactly one" if total else "no documents"
        lines.append(f"{role} {token}: {share}" if token is not None else f"{role}: none")
    return "\n".join(lines)
