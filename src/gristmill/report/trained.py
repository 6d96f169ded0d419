"""What a trained classifier is worth, in words."""

from __future__ import annotations

import json
from typing import Any

from gristmill import storage


def trained_text(folder: str) -> str:
    """The figures of a model that `train_classifier` left in a folder."""
    with storage.open_input(storage.join(folder, "classifier.json")) as stream:
        report: dict[str, Any] = json.load(stream)
    examples, held, labels = report["examples_per_class"], report["held_out"], report["labels"]
    rows = [
        ("precision", f"{held['precision']:.3f}", f"of examples scored over 0.5, {labels['positive']} in truth"),
        ("recall", f"{held['recall']:.3f}", f"of examples that are {labels['positive']}, scored over 0.5"),
        (
            "AUC",
            f"{held['auc']:.3f}",
            f"how likely one that is {labels['positive']} scores higher than one that is not",
        ),
        (
            "threshold",
            f"{held['threshold_keeping_a_tenth_of_negatives']:.6f}",
            f"keeps a tenth of {labels['negative']} and {held['recall_at_that_threshold']:.1%} of {labels['positive']}",
        ),
    ]
    lines = [
        f"trained on {examples['trained']:,} examples of each class; on {examples['held_out']:,} of each held out:"
    ]
    lines += [f"  {name:10} {value:>9}  {meaning}" for name, value, meaning in rows]
    return "\n".join([*lines, f"model: {storage.join(folder, 'model.bin')}"])
