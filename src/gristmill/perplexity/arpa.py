"""ARPA files: the text form of n-gram models that every toolkit reads and writes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import IO

import numpy as np

from gristmill import storage
from gristmill.errors import UserError
from gristmill.perplexity.ngram_file import SPECIAL, UNKNOWN, ZERO, NgramWriter

_ROWS = 1 << 16  # n-grams put into a model at a time


def convert(arpa: str, path: str) -> list[int]:
    """Write the model of an ARPA file (a path or URL) to `path`; returns its numbers of n-grams by order.

    Raises UserError with the line that is wrong.
    """
    with storage.open_input(arpa) as stream:
        lines = _Lines(arpa, stream)
        counts = _counts(lines)
        if not 2 <= len(counts) <= 9:
            raise lines.fail(f"order {len(counts)}; 2 to 9 can be used")
        words = list(SPECIAL)
        ids = {word: number for number, word in enumerate(SPECIAL) if number}
        unigrams = np.zeros((len(SPECIAL) + counts[0], 2), np.float32)
        unigrams[:, 0] = ZERO
        unigrams[UNKNOWN, 0] = -100  # KenLM's, for a model without <unk>
        for gram, probability, backoff in _section(lines, 1, counts[0]):
            word = gram[0]
            if word not in ids:
                ids[word] = len(words)
                words.append(word)
            unigrams[ids[word]] = probability, backoff
        writer = NgramWriter(path, words, counts[1:])
        writer.unigrams[:] = unigrams[: len(words)]
        for order in range(2, len(counts) + 1):
            last = order == len(counts)
            rows: list[list[int]] = []
            numbers: list[tuple[float, float]] = []
            for gram, probability, backoff in _section(lines, order, counts[order - 1]):
                try:
                    rows.append([ids[word] for word in reversed(gram)])
                except KeyError as error:
                    raise lines.fail(f"the word {error} is not among the 1-grams") from None
                numbers.append((probability, 0.0 if last else backoff))
                if len(rows) == _ROWS:
                    writer.add(np.array(rows, np.int32), np.array(numbers, np.float32))
                    rows, numbers = [], []
            if rows:
                writer.add(np.array(rows, np.int32), np.array(numbers, np.float32))
        writer.close()
        return counts


class _Lines:
    def __init__(self, name: str, stream: IO[bytes]) -> None:
        self.name, self.number, self._stream = name, 0, stream

    def __iter__(self) -> Iterator[str]:
        for line in self._stream:
            self.number += 1
            yield line.decode("utf-8", "replace").strip("\r\n")

    def fail(self, what: str) -> UserError:
        return UserError(what, where=f"{self.name}:{self.number}", hint="is this an ARPA file, and whole?")


def _counts(lines: _Lines) -> list[int]:
    counts: list[int] = []
    begun = False  # what stands before is for people
    for line in lines:
        if line.strip() == "\\data\\":
            begun = True
        elif begun and (found := re.fullmatch(r"ngram (\d+)\s*=\s*(\d+)\s*", line)):
            counts.append(int(found[2]))
        elif begun and not line.strip() and counts:
            return counts
        elif begun and line.strip():
            break
    raise lines.fail("no \\data\\ with counts of n-grams")


def _section(lines: _Lines, order: int, count: int) -> Iterator[tuple[list[str], float, float]]:
    left = -1
    for line in lines:
        if left < 0:
            if line.strip():
                if line.strip() != f"\\{order}-grams:":
                    raise lines.fail(f"expected \\{order}-grams:, found {line[:40]!r}")
                left = count
        else:
            fields = line.split("\t") if "\t" in line else line.split(" ")
            words = fields[1].split(" ") if "\t" in line else fields[1 : order + 1]
            rest = fields[2:] if "\t" in line else fields[order + 1 :]
            try:
                if len(words) != order:
                    raise ValueError
                yield words, float(fields[0]), float(rest[0]) if rest and rest[0] else 0.0
            except (ValueError, IndexError):
                raise lines.fail(f"not a {order}-gram: {line[:60]!r}") from None
            left -= 1
        if left == 0:
            return
    raise lines.fail("the file ends early")


class ArpaWriter:
    """Writes sections in ascending order; ids become words."""

    def __init__(self, path: str, words: list[str], counts: list[int]) -> None:
        self._stream = open(path, "w", encoding="utf-8")  # noqa: SIM115 - closed in close()
        self._words = words
        self._order = len(counts)
        self._stream.write("\\data\\\n" + "".join(f"ngram {n}={count}\n" for n, count in enumerate(counts, 1)))

    def section(self, order: int) -> None:
        self._stream.write(f"\n\\{order}-grams:\n")

    def add(self, words: np.ndarray, numbers: np.ndarray) -> None:
        """words: int32 (rows, n), the last word first; numbers: float32 (rows, 2), log10."""
        known, last = self._words, words.shape[1] == self._order
        for row, (probability, backoff) in zip(words[:, ::-1].tolist(), numbers.tolist(), strict=True):
            text = " ".join([known[word] for word in row])
            self._stream.write(
                f"{probability:.7g}\t{text}\n" if last else f"{probability:.7g}\t{text}\t{backoff:.7g}\n"
            )

    def close(self) -> None:
        self._stream.write("\n\\end\\\n")
        self._stream.close()
