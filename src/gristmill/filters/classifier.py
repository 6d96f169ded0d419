"""Keeps documents that a fastText classifier takes for good ones: LLaMA's, DCLM's, any other, or one that the recipe trains.

LLaMA (2302.13971, section 2.1) dropped pages that a linear classifier told from references of Wikipedia, and published neither
features nor threshold; RedPajama's reproduction has unigrams and 0.25. DCLM (2406.11794) has unigrams and bigrams, OpenHermes
and ELI5 as positives, and 0.018112, its top 10 %. Both models see the text as one line: stripped, its lines joined by blanks.

A score is the probability of the good label; both keep what equals the threshold. `keep: pareto` is GPT-3's rule (2005.14165,
appendix A): a document stays when a draw from the Pareto distribution exceeds 1 less the score, so that some bad ones stay too.
The draw is made from the document's id and the seed, not in the order of reading. For the best share of all documents, set
`keep: all` and put a stage `quantile: {of: classifier.score}` behind.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from pydantic import model_validator

from gristmill import storage
from gristmill.dataset import Batch
from gristmill.errors import UserError
from gristmill.filters.fasttext_model import LABEL_PREFIX, load_model
from gristmill.stage import Filter, ModelLocation, ModelName, ModelRef, setting

MODEL = "model.bin"  # in the folder of a trained model
REPORT = "classifier.json"

THRESHOLDS = {"dclm": 0.018112, "redpajama": 0.25}
LABELS = {"dclm": "hq", "redpajama": "wiki"}


class Classifier(Filter):
    """Drop documents whose score, a fastText model's probability of the good label, is too low.

                  dclm (default)    redpajama
    threshold     0.018112          0.25
    label         hq                wiki
    """

    kind = "classifier"
    uses_models = "classifier"
    rules = ("low_score",)
    values = pa.schema([("score", pa.float32())])  # 0 for a text with nothing but white space
    signal_settings = ("model", "label", "dialect")

    model: ModelRef = setting(..., "a model under `models:` of the recipe, or a fastText model, .bin or .ftz, by path")
    dialect: Literal["dclm", "redpajama"] = setting(
        "dclm", "whose label and threshold are meant where none is set", source="DCLM; RedPajama v1"
    )
    label: str | None = setting(
        None,
        "label of good documents; null: the positive label of a model that the recipe trained, else the dialect's",
        source="DCLM: hq; RedPajama v1: wiki",
    )
    keep: Literal["threshold", "pareto", "all"] = setting(
        "threshold",
        "which documents stay: from a score on; by chance, the more likely the higher the score; all, for a stage behind",
        source="DCLM, RedPajama: threshold; GPT-3: pareto",
    )
    threshold: float | None = setting(
        None,
        "least score; null: the dialect's, 0.018112 or 0.25. A model of your own needs one of its own",
        source="DCLM's released configuration; RedPajama v1",
        unit="probability",
        ge=0,
        le=1,
    )
    alpha: float = setting(9.0, "shape of the Pareto distribution", source="GPT-3, appendix A [B]", gt=0)
    seed: int = setting(1, "another seed, other draws of `keep: pareto`", source="this project's choice")

    @model_validator(mode="after")
    def _threshold_is_used(self) -> Classifier:
        if self.threshold is not None and self.keep != "threshold":
            raise ValueError(f"a threshold is set, but keep: {self.keep} uses none")
        return self

    @property
    def decides_on(self) -> tuple[str, ...]:  # type: ignore[override]
        return ("id",) if self.keep == "pareto" else ()

    def signals(self, batch: Batch) -> Mapping[str, pa.Array | np.ndarray]:
        model, label = self.loaded()
        return {"score": scores(model, label, batch.texts.to_arrow().to_pylist())}

    def loaded(self) -> tuple[Any, str]:
        """The model and the good label with its prefix. Raises UserError when the model has no such label."""
        place = self.model_location(self.model)
        trained = isinstance(self.model, ModelName)
        model = load_model(storage.join(place, MODEL) if trained else place, "classifier")
        label = self.label
        if label is None and trained:
            with storage.open_input(storage.join(place, REPORT)) as stream:
                label = json.load(stream)["labels"]["positive"]
        label = label or LABELS[self.dialect]
        if LABEL_PREFIX + label not in model.labels:
            known = ", ".join(sorted(name.removeprefix(LABEL_PREFIX) for name in model.labels)[:50])
            raise UserError(f"the model has no label {label!r}", hint=f"set `label:` to one of {known}")
        return model, LABEL_PREFIX + label

    def decide(self, batch: Batch) -> np.ndarray:
        found = self.value(batch, "score")
        if self.keep == "all":
            return self.first_rule(np.zeros(batch.rows, bool))
        if self.keep == "pareto":
            draws = pareto_draws(batch.column("id").to_pylist(), self.alpha, self.seed)
            return self.first_rule(~(draws > 1 - found.astype(np.float64)))
        limit = THRESHOLDS[self.dialect] if self.threshold is None else self.threshold
        return self.first_rule(found < np.float32(limit))

    def check(self) -> None:
        if isinstance(self.model, ModelLocation):
            self.loaded()

    def warm(self) -> None:
        self.check()


def prepared(text: str) -> str:
    """The text as one line, as RedPajama and DCLM have it; fastText's own marks taken out."""
    return " ".join(text.replace(LABEL_PREFIX, "").strip().splitlines())


def scores(model: Any, label: str, texts: list[str]) -> np.ndarray:
    """Probability of a label for every text, float32 (texts,), at most 1; 0 for a blank text.

    Of two labels where the other is likelier: 1 less the probability of that one, as RedPajama and DCLM have it. fastText adds
    0.00001 to each, so that this is 0.00002 less than what it says of the label itself.
    """
    found = np.zeros(len(texts), np.float32)
    guesses = 1 if len(model.labels) == 2 else -1
    for row, text in enumerate(texts):
        line = prepared(text)
        if not line:
            continue
        labels, probabilities = model.predict(line, k=guesses)  # one by one: a batch would start threads
        if label in labels:
            found[row] = min(1.0, probabilities[labels.index(label)])
        elif guesses == 1 and len(labels):
            found[row] = max(0.0, 1 - probabilities[0])
    return found


def pareto_draws(ids: list[str], alpha: float, seed: int) -> np.ndarray:
    """A draw for every id, float64 (ids,), from the distribution of numpy.random.pareto: P(x > t) = (1 + t)^-alpha."""
    import xxhash

    hashes = np.fromiter((xxhash.xxh3_64_intdigest(name.encode(), seed) for name in ids), np.uint64, len(ids))
    uniform = ((hashes >> np.uint64(11)).astype(np.float64) + 0.5) / (1 << 53)  # in (0, 1)
    return uniform ** (-1 / alpha) - 1
