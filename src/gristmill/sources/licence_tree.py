"""Which licence holds for a file: the nearest evidence up the tree, and whether it is allowed."""

from __future__ import annotations

import posixpath
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Literal

from gristmill.sources.licence_metadata import from_metadata, is_metadata_file
from gristmill.sources.licence_sets import allowed
from gristmill.sources.licence_texts import Evidence, from_head, from_text, is_licence_file

Several = Literal["all", "any"]

_SUBFOLDERS = ("LICENSES", "licenses", "licences", "legal")  # what lies in them speaks for the folder above


@dataclass
class LicenceTree:
    """The licence files and package metadata of a repository by the folder they speak for."""

    texts: dict[str, list[Evidence]] = field(default_factory=dict)
    metadata: dict[str, list[Evidence]] = field(default_factory=dict)

    @staticmethod
    def wants(path: str) -> bool:
        """Whether a file's content is asked for."""
        return is_licence_file(path) or is_metadata_file(path)

    def add(self, path: str, data: bytes) -> None:
        folder = posixpath.dirname(path)
        if posixpath.basename(folder) in _SUBFOLDERS:
            folder = posixpath.dirname(folder)
        if is_licence_file(path):
            if (found := from_text(path, data)) is not None:
                self.texts.setdefault(folder, []).append(found)
        elif (found := from_metadata(path, data)) is not None:
            self.metadata.setdefault(folder, []).append(found)

    def evidence(self, path: str, head: str = "") -> list[Evidence]:
        """What holds for a file: its own SPDX line, else the nearest folder's licence texts, or its package metadata when it has
        no text. A text that was not recognised ends the search: what is above need not hold below it."""
        if (own := from_head(path, head)) is not None:
            return [own]
        folder = posixpath.dirname(path)
        while True:
            texts = self.texts.get(folder, [])
            if any(one.licences for one in texts):
                return [one for one in texts if one.licences]
            if texts or folder in self.metadata:
                return self.metadata.get(folder, texts)
            if not folder:
                return []
            folder = posixpath.dirname(folder)


def decide(evidence: list[Evidence], among: Collection[str], several: Several) -> str:
    """allowed, not_allowed, unrecognised (there is a licence text that is no known one) or none (no licence at all).

    several: whether all licences found must be allowed or one is enough. An empty list is never allowed.
    """
    if not evidence:
        return "none"
    stated = [licence for one in evidence for licence in one.licences]
    if not stated:
        return "unrecognised"
    enough = all if several == "all" else any
    return "allowed" if enough(allowed(licence, among) for licence in stated) else "not_allowed"


def shown(evidence: list[Evidence]) -> dict[str, Any]:
    """Evidence for a document's metadata."""
    return {
        "licences": list(dict.fromkeys(licence for one in evidence for licence in one.licences)),
        "evidence": [
            {"file": one.file, "how": one.how, "licences": list(one.licences), "score": one.score}
            for one in evidence[:10]
        ],
    }
