"""The libraries that turn text into ids, behind one method: the reference of a format, and faster ones checked against it.

    engine = open_engine("fastokens", TokenizerFile.read("tokenizer.json"))
    ids, lengths = engine.encode(["some text", "another"])

`auto` tries the fast ones in turn, our own (`gristmill`) where it knows the tokenizer's kind. One is used as long as it gives
the reference's ids on probes that are hard to get right and on samples of the run's own text, taken from every call; else
the next one, in the end the reference.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal, Protocol

import numpy as np

from gristmill.errors import UserError
from gristmill.tokenize import falcon
from gristmill.tokenize.tokenizer_file import TokenizerFile

Name = Literal["auto", "reference", "gristmill", "gigatoken", "fastokens"]
FAST: tuple[Name, ...] = ("gristmill", "gigatoken", "fastokens")
PIECE_CHARACTERS = 16 << 20
GAP = re.compile(r"(?<=[^\W\d_]) (?=[^\W\d_])")  # a space between letters
SAMPLE_TEXTS, SAMPLE_CHARACTERS = 16, 1024  # of the first call, to see that a fast engine agrees with the reference
LATER_CHARACTERS = 1024  # and of one text of every later call: the reference is so slow that more would cost a tenth
PROBES = [
    "it's I'LL we’ve 'tis",
    "0 12 345 6789 1234567 3.14 ١٢٣ 12½ ²³ Ⅷ x2y",
    "  two   three    spaces\t\ttabs \n\n\r\n line\u00a0nbsp\u3000wide  ",
    "(a) {b} [c] <d> «e» \u201cf\u201d ... --- #!/bin/sh $x += y^2; ~`|",
    "naïve Ünïcode ß ﬁ Å A\u030a 字漢かなカナ한국어 Привет עברית العربية हिन्दी ไทย",
    "😀👩‍👩‍👧 🇩🇪 \u200b\u200d\ufeff \x00\x01\x7f \ufffd \U0010ffff",
    "",
    " ",
    "\n",
    "a" * 300,
    " " * 300,
    "=" * 80 + "\n" + "-" * 80,
]


class Engine(Protocol):
    """Texts → ids, nothing added, special tokens spelt out in a text read as plain text."""

    def encode(self, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
        """Ids of all texts end to end, and int64 (texts,): how many of them each text has."""
        ...


class Unusable(Exception):
    """A fast engine is not installed, cannot read the tokenizer, or gives other ids. `reason` is one word for counts."""

    def __init__(self, reason: Literal["not_installed", "cannot_read", "other_ids", "failed"], detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def raise_if_not_its_own(error: BaseException) -> None:
    """Let Ctrl-C and the like through. A panic of a Rust library is a BaseException, though it is but an error."""
    if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
        raise error


def first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


class Checked:
    """A fast engine beside the reference. Raises Unusable as soon as they differ."""

    def __init__(self, engine: Engine, file: TokenizerFile) -> None:
        self._engine, self._reference = engine, file.reference
        self._check(
            [*PROBES, *(f"a {token}b" for token in list(self._reference.special)[:20])],
            "texts that are hard to get right",
        )
        self._first = True

    def encode(self, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
        if self._first:
            self._check([text[:SAMPLE_CHARACTERS] for text in texts[:SAMPLE_TEXTS]], "samples of the documents")
            self._first = False
        elif texts:
            self._check([texts[len(texts) // 2][-LATER_CHARACTERS:]], "samples of the documents")
        return self._encode(texts)

    def _encode(self, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
        try:
            return self._engine.encode(texts)
        except BaseException as error:
            raise_if_not_its_own(error)
            raise Unusable("failed", f"it failed ({first_line(error)})") from error

    def _check(self, texts: list[str], what: str) -> None:
        ids, lengths = self._encode(texts)
        expected, expected_lengths = self._reference.encode(texts)
        if not (np.array_equal(ids, expected) and np.array_equal(lengths, expected_lengths)):
            raise Unusable("other_ids", f"it gives other ids than {self._reference.package} for {what}")


class InPieces:
    """Another engine, given long texts in pieces, so that the memory of a call is bounded.

    Pieces begin at a space between letters, where every tokenizer of words begins one: same ids.
    """

    def __init__(self, engine: Engine, drop_space: bool) -> None:
        self._engine, self._drop_space = engine, drop_space

    def encode(self, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
        if max(map(len, texts), default=0) <= PIECE_CHARACTERS:
            return self._engine.encode(texts)
        parts: list[np.ndarray] = []
        lengths = np.zeros(len(texts), np.int64)
        for number, text in enumerate(texts):
            for part, piece in enumerate(pieces(text, PIECE_CHARACTERS)):
                dropped = self._drop_space and part > 0 and piece.startswith(" ")
                ids, counts = self._engine.encode([piece[1:] if dropped else piece])
                parts.append(ids)
                lengths[number] += counts[0]
        return np.concatenate(parts), lengths


def candidates(name: Name, file: TokenizerFile) -> tuple[Name, ...]:
    """The engines to try, in order. Ours is tried for no other kind of tokenizer than its own."""
    if name != "auto":
        return (name,)
    fast = [engine for engine in FAST if engine != "gristmill" or falcon.splits_like_it(file)]
    return (*fast, "reference")


def open_engine(name: Name, file: TokenizerFile) -> Engine:
    """One engine by name, fast ones checked. Raises Unusable when a fast one is not to be had."""
    reference = file.reference  # says clearly when the file is no tokenizer
    engine: Engine = reference
    if name != "reference":
        from gristmill.tokenize import falcon_engine, fast_engines

        known = {
            "gristmill": falcon_engine.FalconEngine,
            "gigatoken": fast_engines.Gigatoken,
            "fastokens": fast_engines.Fastokens,
        }
        opened: Any = known[name](file)
        engine = Checked(opened, file)
    if reference.space_begins_piece is None:
        return engine
    return InPieces(engine, reference.space_begins_piece)


def require_engine(name: Name, file: TokenizerFile) -> None:
    """Raise UserError when an engine that a recipe names cannot be used at all."""
    if name in FAST:
        try:
            open_engine(name, file)
        except Unusable as error:
            raise unusable(name, file, error) from error


def unusable(name: Name, file: TokenizerFile, error: Unusable) -> UserError:
    return UserError(
        f"tokenize.engine: {name} cannot be used with {file.location}: {error}",
        hint="set it to auto, or install it" if error.reason == "not_installed" else "set it to auto or reference",
    )


def pieces(text: str, size: int) -> Iterator[str]:
    """The text in pieces of at most `size` characters, cut before a space between letters if there is one."""
    start = 0
    while len(text) - start > size:
        gap = GAP.search(text, start + size // 2, start + size)
        end = gap.start() if gap else start + size
        yield text[start:end]
        start = end
    yield text[start:]
