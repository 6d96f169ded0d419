"""Which licence holds for a file: the nearest evidence up the tree, and whether it is allowed."""

from __future__ import annotations

import posixpath
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Literal

from gristmill.sources.licence_heads import from_head
from gristmill.sources.licence_metadata import from_metadata, is_metadata_file
from gristmill.sources.licence_sets import allowed, licence_set, licences_in, without_version_choice
from gristmill.sources.licence_texts import (
    MOST_BYTES,
    Evidence,
    from_readme,
    from_text,
    is_licence_file,
    is_readme,
    rank,
    speaks_for,
)

Several = Literal["main", "all", "any"]
_DOCUMENTATION = ("doc", "docs")


@dataclass
class LicenceTree:
    """The licence files and package metadata of a repository by the folder they speak for."""

    texts: dict[str, list[tuple[int, Evidence]]] = field(default_factory=dict)  # with their rank
    metadata: dict[str, list[Evidence]] = field(default_factory=dict)
    readmes: dict[str, dict[str, bytes]] = field(default_factory=dict)  # not looked into so far
    from_readmes: dict[str, Evidence] = field(default_factory=dict)

    @staticmethod
    def wants(path: str) -> bool:
        """Whether a file's content is asked for."""
        return is_licence_file(path) or is_metadata_file(path) or is_readme(path)

    def add(self, path: str, data: bytes) -> None:
        if is_licence_file(path):
            if (found := from_text(path, data)) is not None:
                self.texts.setdefault(speaks_for(path), []).append((rank(path), found))
        elif is_readme(path):
            folder = posixpath.dirname(path)
            if posixpath.basename(folder) in _DOCUMENTATION:
                folder = posixpath.dirname(folder)
            self.readmes.setdefault(folder, {})[path] = data[:MOST_BYTES]
        elif (found := from_metadata(path, data)) is not None:
            self.metadata.setdefault(posixpath.dirname(path), []).append(found)

    def evidence(self, path: str, text: str = "") -> list[Evidence]:
        """What holds for a file, the main licence first: what its top says, else the nearest folder's licence texts, or its
        package metadata when it has no text, or a README where there is neither all the way up. Texts named after something
        else (LICENSE-jquery) count beside those of the folders above, and alone where there are none. A text that was not
        recognised ends the search: what is above need not hold below it."""
        if (own := from_head(path, text)) is not None:
            return [own]
        around = self._around(posixpath.dirname(path)) or self._readme(posixpath.dirname(path))
        for one in around:
            for name, spdx in one.of_files:
                if path.endswith("/" + name) or path == name:
                    return [Evidence(one.file, one.how, (spdx,), one.score)]
        return around

    def _around(self, folder: str) -> list[Evidence]:
        beside: list[Evidence] = []
        while True:
            texts = sorted(self.texts.get(folder, []), key=lambda one: (one[0], one[1].file))
            stated = self.metadata.get(folder, [])
            main = [one for place, one in texts if place < 2]
            others = [one for place, one in texts if place == 2 and one.licences]
            if any(one.licences for one in main):
                return _chosen([one for one in main if one.licences] + others, stated) + beside
            if stated or main:
                return (stated or main) + others + beside
            beside += others or [one for place, one in texts if place == 3]
            if not folder:
                return beside
            folder = posixpath.dirname(folder)

    def _readme(self, folder: str) -> list[Evidence]:
        while True:
            for path, data in self.readmes.pop(folder, {}).items():
                if (found := from_readme(path, data)) is not None:
                    self.from_readmes.setdefault(folder, found)
            if folder in self.from_readmes:
                return [self.from_readmes[folder]]
            if not folder:
                return []
            folder = posixpath.dirname(folder)


def _chosen(texts: list[Evidence], stated: list[Evidence]) -> list[Evidence]:
    """Texts, or the metadata beside them where it says how these very licences go together: MIT OR GPL-2.0."""
    there = {without_version_choice(name) for one in texts for name in one.licences}
    for one in stated:
        for expression in one.licences:
            parts = licences_in(expression)
            if len(parts) > 1 and there <= {without_version_choice(part) for part in parts}:
                return [one]
    return texts


def decide(evidence: list[Evidence], among: Collection[str], several: Several) -> str:
    """allowed, not_allowed, unrecognised (there is a licence text that is no known one) or none (no licence at all).

    several: of the licences found, `main` asks for the first one and that the others are permissive, of whatever set; `all` for
    every one, `any` for one. An empty list is never allowed.
    """
    if not evidence:
        return "none"
    stated = [licence for one in evidence for licence in one.licences]
    if not stated:
        return "unrecognised"
    met = [allowed(licence, among) for licence in stated]
    if several == "main":
        fine = met[0] and all(
            one or allowed(licence, licence_set("permissive")) for one, licence in zip(met, stated, strict=True)
        )
    else:
        fine = all(met) if several == "all" else any(met)
    return "allowed" if fine else "not_allowed"


def shown(evidence: list[Evidence]) -> dict[str, Any]:
    """Evidence for a document's metadata."""
    return {
        "licences": list(dict.fromkeys(licence for one in evidence for licence in one.licences)),
        "evidence": [
            {"file": one.file, "how": one.how, "licences": list(one.licences), "score": one.score}
            for one in evidence[:10]
        ],
    }
