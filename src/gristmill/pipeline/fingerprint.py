"""What made an output, as a hash and as something a person can compare.

A fingerprint covers a stage's kind, its code version, its settings (files by content, not by name) and the
fingerprints of what it reads. The same description is written beside the output as `stage.json`, so that a plan can
say what changed since.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import xxhash
from pydantic import BaseModel

from gristmill import storage
from gristmill.stage import LocationText, ModelLocation, Stage

_HASH_BY_CONTENT = 1 << 30  # larger files are told apart by size and modification time


def describe(stage: Stage, fields: tuple[str, ...] | None = None) -> dict[str, Any]:
    """Kind, version and the settings (all, or only `fields`) as JSON values; a file becomes {"file": …, "content": …}."""
    names = fields if fields is not None else tuple(f for f in type(stage).model_fields if f not in stage.guards)
    settings = {name: _plain(getattr(stage, name), stage) for name in names}
    bundled = {os.path.basename(path): content_version(path) for path in stage.bundled_files()}
    return {"kind": stage.kind, "version": stage.version, "settings": settings, "bundled_files": bundled}


def _plain(value: Any, stage: Stage) -> Any:
    if isinstance(value, LocationText):
        return {"file": str(value), "content": content_version(str(value))}
    if isinstance(value, ModelLocation):
        versions = [content_version(file) for file in stage.model_files(str(value))]
        return {"file": str(value), "content": "+".join(versions)}
    if isinstance(value, BaseModel):
        return {name: _plain(getattr(value, name), stage) for name in type(value).model_fields}
    if isinstance(value, Mapping):
        return {str(key): _plain(item, stage) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item, stage) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted(_plain(item, stage) for item in value)
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def fingerprint(description: Mapping[str, Any]) -> str:
    """16 hexadecimal digits of a description."""
    text = json.dumps(_without_file_names(description), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hash_text(text)


def hash_text(text: str) -> str:
    """16 hexadecimal digits."""
    return xxhash.xxh3_64_hexdigest(text.encode("utf-8", "surrogateescape"))


def _without_file_names(value: Any) -> Any:
    if isinstance(value, Mapping):
        if set(value) == {"file", "content"}:
            return value["content"]
        return {key: _without_file_names(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_file_names(item) for item in value]
    return value


def content_version(location: str) -> str:
    """What tells one content of a file or folder from another; 'absent' when there is none."""
    if storage.is_remote(location):
        found = storage.stat(location)
        return f"{found.size}:{found.version}"
    if os.path.isdir(location):
        parts = [
            f"{os.path.relpath(os.path.join(parent, name), location)}:{content_version(os.path.join(parent, name))}"
            for parent, _, names in sorted(os.walk(location))
            for name in sorted(names)
        ]
        return hash_text("\n".join(parts))
    try:
        found = storage.Stat(os.path.getsize(location), str(os.stat(location).st_mtime_ns))
    except OSError:
        return "absent"  # the stage's own check says so in its words
    return _content_hash(location, found.size, found.version)


@cache
def _content_hash(path: str, size: int, version: str) -> str:
    if size > _HASH_BY_CONTENT:
        return f"{size}:{version}"
    digest = xxhash.xxh3_64()
    with open(path, "rb") as stream:
        while block := stream.read(4 << 20):
            digest.update(block)
    return digest.hexdigest()


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What changed between two descriptions, one phrase each."""
    found = []
    if old.get("version") != new.get("version"):
        found.append(f"code version {old.get('version')} → {new.get('version')}")
    found += list(_changes(old.get("settings", {}), new.get("settings", {}), ""))
    found += list(_changes(old.get("bundled_files", {}), new.get("bundled_files", {}), "bundled"))
    before, after = old.get("inputs", {}), new.get("inputs", {})
    found += [f"{name} changed" for name in after if name in before and before[name] != after[name]]
    found += [f"{name} added" for name in after if name not in before]
    found += [f"{name} removed" for name in before if name not in after]
    return found


def _changes(old: Any, new: Any, path: str) -> Iterator[str]:
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for number, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from _changes(before, after, f"{path}.{number}")
    elif isinstance(old, Mapping) and isinstance(new, Mapping):
        if set(old) == set(new) == {"file", "content"}:
            if old["content"] != new["content"]:
                yield f"{path}: content of {new['file']} changed"
            return
        for key in [*new, *(key for key in old if key not in new)]:
            yield from _changes(old.get(key), new.get(key), f"{path}.{key}" if path else str(key))
    elif old != new:
        yield f"{path} {_short(old)} → {_short(new)}"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else text[:37] + "…"
