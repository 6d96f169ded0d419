"""What other extractors make of the same pages, kept on disk because they are slow."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from gold import Page

from gristmill.extract import ExtractionError, ExtractSettings, extract

PEERS = {
    "trafilatura fast": ExtractSettings(engine="trafilatura", fast=True, favour="balanced", time_limit=30),
    "trafilatura precision": ExtractSettings(engine="trafilatura", favour="precision", time_limit=30),
    "resiliparse": ExtractSettings(engine="resiliparse", favour="balanced", time_limit=30),
}


def texts_of(name: str, pages: list[Page], cache: Path | None) -> list[str]:
    """Texts by one of PEERS; a page it fails on gives an empty one."""
    known: dict[str, str] = {}
    path = cache / f"{name.replace(' ', '-')}.jsonl" if cache else None
    if path and path.exists():
        known = dict(map(json.loads, path.read_text("utf-8").splitlines()))
    keys = [hashlib.blake2b(page.payload, digest_size=12).hexdigest() for page in pages]
    missing = {key: page for key, page in zip(keys, pages, strict=True) if key not in known}
    if path and missing:
        os.makedirs(cache or ".", exist_ok=True)
    stream = path.open("a", encoding="utf-8") if path and missing else None
    for key, page in missing.items():
        try:
            known[key] = extract(page.payload, PEERS[name], content_type="text/html", url=page.url).text
        except ExtractionError:
            known[key] = ""
        if stream:
            stream.write(json.dumps([key, known[key]]) + "\n")
    if stream:
        stream.close()
    return [known[key] for key in keys]
