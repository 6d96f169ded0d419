"""How many documents and bytes each stage took away: the numbers behind the funnel.

A document that several stages would drop counts for the first of them in recipe order, so that removals add up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gristmill.commit import Commit
from gristmill.dataset import ShardRef
from gristmill.stage import Phase, PhasedStage, Scope, Task, setting


class Statistics(PhasedStage):
    """Counts documents and bytes per stage and reason; added to every source by itself."""

    kind = "statistics"
    stages: list[str] = setting([], "stages that drop documents, in order")

    def phases(self, scope: Scope) -> Iterator[Phase]:
        yield scope.phase("counts", [CountDrops(shard.name, shard) for shard in scope.shards])


@dataclass(frozen=True)
class CountDrops(Task):
    """Counts of one shard, kept in the receipt: `removed/<reason>/documents`, `…/bytes`, `kept/documents`, `kept/bytes`."""

    name: str
    shard: ShardRef

    def run(self, commit: Commit) -> None:
        commit.count(**{"kept/documents": 0, "kept/bytes": 0})
        for batch in self.shard.batches(["bytes"]):
            sizes = batch.numbers("bytes")
            left = np.ones(batch.rows, bool)
            for _, reasons in batch.drops:
                removed = left & np.asarray(reasons.is_valid())
                for reason, rows in _groups(reasons, removed):
                    commit.count(
                        **{
                            f"removed/{reason}/documents": len(rows),
                            f"removed/{reason}/bytes": int(sizes[rows].sum()),
                        }
                    )
                left &= ~removed
            commit.count(**{"kept/documents": int(left.sum()), "kept/bytes": int(sizes[left].sum())})


def _groups(reasons, removed: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:  # type: ignore[no-untyped-def]
    reasons = reasons.dictionary_encode() if not hasattr(reasons, "dictionary") else reasons
    codes = reasons.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    for code, reason in enumerate(reasons.dictionary.to_pylist()):
        rows = np.flatnonzero(removed & (codes == code))
        if len(rows):
            yield reason, rows
