"""The loss alarm: a stage stops before it commits a layer when it would take nearly all of a source.

class Mine(LossLimit, GlobalStage):
    def phases(self, scope):
        yield cluster                                                    # tasks count documents.<source>, lost.<source>
        self.stop_on_loss(counts_by_source(cluster, "documents."), counts_by_source(cluster, "lost."))
        yield layers
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from gristmill.commit import read_receipt
from gristmill.errors import UserError
from gristmill.stage import Phase, Stage, setting


class LossLimit(Stage):
    """A stage with the setting `max_loss`. The limit decides whether a run goes on, never what is written."""

    guards: ClassVar[tuple[str, ...]] = ("max_loss",)
    max_loss: float = setting(
        0.95,
        "stop before anything is committed when a source would lose a larger share of the documents that reach this stage; "
        "1 never stops",
        source="this project's choice: FineWeb's global deduplication took up to 90 % of old dumps [A]",
        unit="share of documents",
        gt=0,
        le=1,
    )

    def stop_on_lost_layers(self, layers: Mapping[str, Phase]) -> None:
        """The same once layers are written, by source: for stages that know what they drop no sooner.

        The stage stays incomplete, so that nothing reads them; with a higher limit they are taken up as they are.
        Their tasks count `documents`, those that reach the stage, and `drop.<reason>`.
        """
        documents = {source: counts_by_source(phase, "documents").get("", 0) for source, phase in layers.items()}
        lost = {source: sum(counts_by_source(phase, "drop.").values()) for source, phase in layers.items()}
        self.stop_on_loss(documents, lost, "Its layers are not used.")

    def stop_on_loss(
        self, documents: Mapping[str, int], lost: Mapping[str, int], so: str = "No layer was written."
    ) -> None:
        """Raise UserError when a source loses too large a share.

        documents: those that reach the stage, by source; lost: those that it would drop.
        """
        alarms = [
            f"{gone:,} of {documents[source]:,} documents of source {source!r} ({gone / documents[source]:.1%})"
            for source, gone in lost.items()
            if gone > self.max_loss * documents.get(source, 0) and documents.get(source, 0)
        ]
        if alarms:
            raise UserError(
                f"{self.name} would drop {' and '.join(alarms)}; max_loss allows {self.max_loss:.1%}. {so}",
                hint=f"look at what it found; if that is meant, set max_loss of {self.name} higher (1 never stops)",
            )


def counts_by_source(phase: Phase, prefix: str) -> dict[str, int]:
    """Sums of the counts `prefix` + source in the receipts of a phase."""
    found: dict[str, int] = {}
    for task in phase.tasks:
        receipt = read_receipt(phase.folder, task.name)
        for key, amount in receipt.counts.items() if receipt else ():
            if key.startswith(prefix):
                source = key.removeprefix(prefix)
                found[source] = found.get(source, 0) + amount
    return found
