"""Requests for removal that a root keeps, so that a retraction holds for every mixture packed under it, also later ones.

    ROOT/retractions/0001.json      what was asked for, and how to remove it

A request is kept by its names, not by the documents they came to: documents that only another recipe has are found too. It is
no part of a fingerprint. That says what was packed from what; the index of the shards says which requests were carried out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import xxhash

from gristmill import storage
from gristmill.dataset import ShardRef
from gristmill.errors import UserError
from gristmill.tokenize.index import INDEX
from gristmill.tokenize.requests import Requests
from gristmill.tokenize.retract import FOLDER, How, Retraction, retract

_NAMES = ("ids", "urls", "domains", "repositories")


@dataclass(frozen=True)
class Remembered:
    """A request for removal."""

    requests: Requests
    how: How

    @property
    def digest(self) -> str:
        """The same for the same request, whenever it was made."""
        return xxhash.xxh3_64_hexdigest(json.dumps(self._values(), sort_keys=True).encode())

    def _values(self) -> dict[str, Any]:
        return {"how": self.how, **{name: sorted(set(getattr(self.requests, name))) for name in _NAMES}}

    def keep(self, root: str) -> None:
        """Write it down below the root, unless it is there already."""
        if self.digest in {one.digest for one in remembered(root)}:
            return
        taken = [int(name.split(".")[0]) for name in _files(root)]
        text = json.dumps(self._values(), indent=1, ensure_ascii=False) + "\n"
        storage.write_bytes(storage.join(root, FOLDER, f"{max(taken, default=0) + 1:04d}.json"), text.encode())


def _files(root: str) -> list[str]:
    names = storage.list_names(storage.join(root, FOLDER))
    return sorted(name for name in names if name.endswith(".json") and name.split(".")[0].isdigit())


def remembered(root: str) -> list[Remembered]:
    """Every request that the root keeps, the oldest first. Raises UserError for a file that is none."""
    found = []
    for name in _files(root):
        location = storage.join(root, FOLDER, name)
        try:
            values = json.loads(storage.read_bytes(location))
            requests = Requests(**{key: tuple(values.get(key, ())) for key in _NAMES})
            found.append(Remembered(requests, {"pad": "pad", "mask": "mask"}[values["how"]]))  # type: ignore[arg-type]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(
                f"{location}: not a request for removal ({error})", hint="restore it, or remove it"
            ) from error
    return found


def pending(root: str, folder: str) -> list[Remembered]:
    """The requests that the token shards in a folder have not met yet."""
    kept = remembered(root)
    if not kept or not storage.exists(storage.join(folder, INDEX)):
        return []
    done = json.loads(storage.read_bytes(storage.join(folder, INDEX))).get("requests", [])
    return [one for one in kept if one.digest not in done]


def carry_out(folder: str, request: Remembered, documents: Iterable[ShardRef]) -> Retraction:
    """Remove what a request names from the token shards in a folder, and say in their index that it is done.

    documents: every documents shard that the tokens may come from.
    """
    named = {match.document: match for match in request.requests.matches(documents)}
    return retract(folder, named, request.how, request.digest)
