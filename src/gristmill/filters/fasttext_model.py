"""fastText models with labels, loaded once a process: what language identification and quality classifiers share."""

from __future__ import annotations

from functools import cache
from typing import Any

from gristmill import storage
from gristmill.errors import UserError

LABEL_PREFIX = "__label__"


@cache
def load_model(location: str, what: str = "fastText model") -> Any:
    """The model at a location. Raises UserError, which calls it `what`, when it is missing or has no labels."""
    import fasttext_new

    with storage.localized(location) as path:
        if not path.exists():
            raise UserError(f"{location}: no such {what}", hint="check `model:`")
        try:
            model = fasttext_new.load_model(str(path))
        except (ValueError, OSError) as error:
            raise UserError(f"{location}: not a fastText model ({error})", hint="give a .bin or .ftz file") from error
    if not model.f.is_supervised():
        raise UserError(f"{location}: a fastText model of word vectors, without labels", hint="give a supervised model")
    return model


def one_line(text: str) -> str:
    """The text as fastText wants it: a newline ends an example."""
    return text.replace("\n", " ")
