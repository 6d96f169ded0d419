"""Estimating an n-gram model: interpolated modified Kneser–Ney (Chen and Goodman), as KenLM's lmplz does it, in bounded memory.

    counter = NgramCounter(folder, order=5, ids=70_000, partitions=4)
    counter.add(ids, offsets)                       # sentences, as often as wanted
    estimate = estimate_ngrams(counter, prune=())
    write_model(estimate, words, "lm.ngrams")

n-grams lie in partitions by their last two words, on disk; one is in memory at a time. Three passes: counts adjusted in suffix
order; sums per context, which lies in the partition of *its* last two words; probabilities from the lowest order up.

As in lmplz: n-grams that begin with `<s>` keep raw counts; `<s>` is no word of the unigram distribution, and the uniform one
below it is over all words, `</s>` and `<unk>`; what is pruned gives its whole count to the back-off, and discounts are those
of the counts before pruning.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from gristmill.errors import UserError
from gristmill.kernels import kneser_ney as kernels
from gristmill.perplexity.arpa import ArpaWriter
from gristmill.perplexity.ngram_file import BEGIN, END, SPECIAL, UNKNOWN, ZERO, NgramWriter

FALLBACK = (0.5, 1.0, 1.5)  # lmplz's --discount_fallback
BUFFER = 1 << 20  # records held before they are sorted and written
BYTES_PER_RECORD = 420  # memory that one distinct record of a partition costs at the highest
_RECORD = np.dtype([("high", "<u8"), ("low", "<u8"), ("count", "<i8")])
_CONTEXT = np.dtype([("high", "<u8"), ("low", "<u8"), ("count", "<i8"), ("row", "<i4"), ("pruned", "?")])
_ANSWER = np.dtype([("row", "<i4"), ("own", "<f8"), ("weight", "<f8")])
_WEIGHT = np.dtype([("high", "<u8"), ("low", "<u8"), ("weight", "<f8")])


class NgramCounter:
    """Collects the n-grams of sentences into sorted runs per partition."""

    def __init__(self, folder: str, order: int, partitions: int = 1) -> None:
        self.folder, self.order, self.partitions = folder, order, partitions
        self.tokens = self.sentences = 0
        self._held: list[tuple[np.ndarray, np.ndarray]] = []
        self._rows = 0

    def add(self, ids: np.ndarray, offsets: np.ndarray) -> None:
        """Sentences as int32 ids end to end, from len(SPECIAL) on or UNKNOWN; offsets int64 (sentences + 1,)."""
        if len(ids) and int(ids.max()) >= kernels.MOST_IDS:
            raise UserError(f"over {kernels.MOST_IDS:,} different words", hint="a smaller vocabulary")
        rows = len(ids) + len(offsets) - 1
        high, low = np.empty(rows, np.uint64), np.empty(rows, np.uint64)
        kernels.emit(ids, offsets, self.order, BEGIN, END, high, low)
        self.tokens += len(ids)
        self.sentences += len(offsets) - 1
        self._held.append((high, low))
        self._rows += rows
        if self._rows >= BUFFER:
            self.flush()

    def flush(self) -> None:
        if not self._held:
            return
        high, low = (np.concatenate(parts) for parts in zip(*self._held, strict=True))
        self._held, self._rows = [], 0
        records = _distinct(high, low, np.ones(len(high), np.int64))
        parts = self.partition(records["high"])
        for number in range(self.partitions):
            _append(self.file("records", number), records[parts == number])

    def partition(self, high: np.ndarray) -> np.ndarray:
        """The partition of n-grams by their last two words."""
        mixed = (high >> np.uint64(kernels.BITS)) * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(40)
        return (mixed % np.uint64(self.partitions)).astype(np.int64)

    def file(self, *name: object) -> str:
        return os.path.join(self.folder, "-".join(map(str, name)))


def _distinct(high: np.ndarray, low: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Records in suffix order, each once, with the sum of its counts."""
    order = np.lexsort((low, high))
    high, low = high[order], low[order]
    first = _firsts(high, low)
    found = np.empty(len(first), _RECORD)
    found["high"], found["low"] = high[first], low[first]
    found["count"] = np.add.reduceat(counts[order], first) if len(first) else 0
    return found


def _firsts(high: np.ndarray, low: np.ndarray) -> np.ndarray:
    """Where a new key begins among sorted ones."""
    return np.flatnonzero(np.concatenate([[True], (high[1:] != high[:-1]) | (low[1:] != low[:-1])])[: len(high)])


def _append(path: str, rows: np.ndarray) -> None:
    with open(path, "ab") as stream:
        rows.tofile(stream)


def _load(path: str, dtype: np.dtype) -> np.ndarray:
    return np.fromfile(path, dtype) if os.path.exists(path) else np.empty(0, dtype)


@dataclass
class Estimate:
    """What was estimated. Probabilities lie in files of the counter's folder, by partition and order."""

    counter: NgramCounter
    unigrams: np.ndarray  # float64 (ids, 2): probability and back-off weight; probability 0 for ids that never occur
    counts: list[int]  # n-grams of every order, pruned ones left out
    discounts: list[tuple[float, float, float]]  # by order
    fallbacks: list[int] = field(default_factory=list)  # orders whose counts gave no discounts

    def ngrams(self, order: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """By partition: int32 (rows, order), the last word first; log10 probability and back-off, float32 (rows, 2)."""
        for number in range(self.counter.partitions):
            with np.load(self.counter.file("done", order, f"{number}.npz")) as found:
                yield found["words"], found["numbers"]


def estimate_ngrams(counter: NgramCounter, ids: int, prune: Sequence[int] = ()) -> Estimate:
    """Estimate from everything counted. ids: one more than the greatest. prune: per order the greatest count left out.

    Raises UserError when there was no sentence.
    """
    counter.flush()
    order = counter.order
    if not counter.tokens:
        raise UserError("no text is left to estimate a language model on", hint="see what the filters dropped")
    limits = [*prune, *([prune[-1] if prune else 0] * (order - len(prune)))]
    adjusted = np.zeros(ids, np.int64)
    spread = np.zeros((order + 1, 5), np.int64)  # n-grams by order and adjusted count up to 4
    counts = np.zeros(order + 1, np.int64)
    for number in range(counter.partitions):
        _adjust(counter, number, limits, adjusted, spread, counts)
    spread[1] = np.bincount(np.minimum(adjusted[adjusted > 0], 5), minlength=6)[:5]
    fallbacks: list[int] = []
    discounts = [(0.0, 0.0, 0.0)] * (order + 1)
    for n in range(1, order + 1):
        found = _discounts(spread[n])
        discounts[n] = found or FALLBACK
        fallbacks += [n] if found is None else []
    unigrams = _unigrams(adjusted, discounts[1])
    sums = _contexts(counter, ids, discounts)
    unigrams[:, 1] = sums[:, 1]
    unigrams[END, 1] = unigrams[UNKNOWN, 1] = 1.0
    for number in range(counter.partitions):
        _probabilities(counter, number, discounts, unigrams[:, 0], sums)
    words = int((unigrams[:, 0] > 0).sum()) + 1  # with <s>
    return Estimate(counter, unigrams, [words, *counts[2:].tolist()], discounts[1:], fallbacks)


def _adjust(
    counter: NgramCounter,
    number: int,
    limits: Sequence[int],
    unigrams: np.ndarray,
    spread: np.ndarray,
    counts: np.ndarray,
) -> None:
    """First pass over a partition: its n-grams with adjusted counts, and for each the sums its context takes part in."""
    path = counter.file("records", number)
    records = _load(path, _RECORD)
    records = _distinct(records["high"], records["low"], records["count"])
    words = kernels.unpack(records["high"], records["low"], counter.order)
    sizes = np.zeros(counter.order + 2, np.int64)
    kernels.count_ngrams(words, sizes)
    base = np.zeros(counter.order + 2, np.int64)
    base[3:] = np.cumsum(sizes[2:-1])
    total = int(base[-1])
    at, suffix = np.zeros(total, np.int32), np.zeros(total, np.int32)
    adjusted, raw = np.zeros(total, np.int64), np.zeros(total, np.int64)
    kernels.adjust_counts(words, records["count"].copy(), BEGIN, base, at, adjusted, raw, suffix, unigrams)
    if os.path.exists(path):
        os.unlink(path)
    for n in range(2, counter.order + 1):
        mine = slice(base[n], base[n + 1])
        grams = words[at[mine], :n]
        pruned = raw[mine] <= limits[n - 1]
        counts[n] += int((~pruned).sum())
        spread[n] += np.bincount(np.minimum(adjusted[mine], 5), minlength=6)[:5]
        np.savez(
            counter.file("grams", n, f"{number}.npz"),
            words=grams,
            counts=adjusted[mine],
            pruned=pruned,
            suffix=suffix[mine],
        )
        if n > 2:
            asked = np.empty(len(grams), _CONTEXT)
            asked["high"], asked["low"] = kernels.pack(grams[:, 1:])
            asked["count"], asked["pruned"], asked["row"] = adjusted[mine], pruned, np.arange(len(grams))
            parts = counter.partition(asked["high"])
            for other in range(counter.partitions):
                _append(counter.file("asked", n, number, other), asked[parts == other])


def _discounts(spread: np.ndarray) -> tuple[float, float, float] | None:
    """Chen and Goodman's three discounts from the numbers of n-grams that count 1 to 4; None when they give none."""
    ones, twos, threes, fours = (int(amount) for amount in spread[1:])
    if not (ones and twos and threes):
        return None
    y = ones / (ones + 2 * twos)
    found = (1 - 2 * y * twos / ones, 2 - 3 * y * threes / twos, 3 - 4 * y * fours / threes)
    return found if all(0 <= discount <= k for k, discount in enumerate(found, 1)) else None


def _discount(counts: np.ndarray, discounts: tuple[float, float, float]) -> np.ndarray:
    return np.array([0.0, *discounts])[np.minimum(counts, 3)]


def _unigrams(adjusted: np.ndarray, discounts: tuple[float, float, float]) -> np.ndarray:
    total = float(adjusted.sum())
    taken = _discount(adjusted, discounts)
    words = int((adjusted > 0).sum()) + int(adjusted[UNKNOWN] == 0)
    found = np.zeros((len(adjusted), 2))
    uniform = taken.sum() / total / words
    found[:, 0] = np.where(adjusted > 0, (adjusted - taken) / total + uniform, 0.0)
    found[UNKNOWN, 0] = max(found[UNKNOWN, 0], uniform)
    return found


def _contexts(counter: NgramCounter, ids: int, discounts: Sequence[tuple[float, float, float]]) -> np.ndarray:
    """Second pass: what every n-gram is of its context, and the weight of what lies below. For words, float64 (ids, 2)."""
    sums = np.zeros((ids, 2))  # of contexts of one word: sum, and weight
    for number in range(counter.partitions):
        with np.load(counter.file("grams", 2, f"{number}.npz")) as grams:
            context, counts = grams["words"][:, 1], grams["counts"]
            given = np.where(grams["pruned"], counts, _discount(counts, discounts[2]))
            sums[:, 0] += np.bincount(context, counts, ids)
            sums[:, 1] += np.bincount(context, given, ids)
    sums[:, 1] = np.divide(sums[:, 1], sums[:, 0], out=np.ones(ids), where=sums[:, 0] > 0)
    for n in range(3, counter.order + 1):
        for other in range(counter.partitions):
            parts = [_load(counter.file("asked", n, number, other), _CONTEXT) for number in range(counter.partitions)]
            asked = np.concatenate(parts)
            order = np.lexsort((asked["low"], asked["high"]))
            high, low = asked["high"][order], asked["low"][order]
            first = _firsts(high, low)
            if not len(first):
                continue
            taken = _discount(asked["count"], discounts[n])
            given = np.where(asked["pruned"], asked["count"], taken)
            total = np.add.reduceat(asked["count"][order].astype(np.float64), first)
            weight = np.add.reduceat(given[order], first) / total
            group = np.empty(len(order), np.int64)
            group[order] = np.repeat(np.arange(len(first)), np.diff(np.append(first, len(order))))
            answers = np.empty(len(asked), _ANSWER)
            answers["row"], answers["weight"] = asked["row"], weight[group]
            answers["own"] = np.where(asked["pruned"], 0.0, asked["count"] - taken) / total[group]
            ends = np.cumsum([len(part) for part in parts])
            for number, part in enumerate(np.split(answers, ends[:-1])):
                _append(counter.file("answers", n, number), part)
                os.unlink(counter.file("asked", n, number, other))
            weights = np.empty(len(first), _WEIGHT)
            weights["high"], weights["low"], weights["weight"] = high[first], low[first], weight
            _append(counter.file("weights", n - 1, other), weights)
    return sums


def _probabilities(
    counter: NgramCounter,
    number: int,
    discounts: Sequence[tuple[float, float, float]],
    lower: np.ndarray,
    sums: np.ndarray,
) -> None:
    """Third pass over a partition: interpolated from the words up, written by order."""
    for n in range(2, counter.order + 1):
        path = counter.file("grams", n, f"{number}.npz")
        with np.load(path) as grams:
            words, counts, pruned, suffix = (grams[name] for name in ("words", "counts", "pruned", "suffix"))
        os.unlink(path)
        own, weight = np.empty(len(words)), np.empty(len(words))
        if n == 2:
            total, below = sums[words[:, 1]].T
            own[:] = np.where(pruned, 0.0, counts - _discount(counts, discounts[2])) / total
            weight[:] = below
        else:
            answers = _load(counter.file("answers", n, number), _ANSWER)
            own[answers["row"]], weight[answers["row"]] = answers["own"], answers["weight"]
        lower = own + weight * lower[suffix]
        backoff = np.ones(len(words))
        if n < counter.order:
            weights = _load(counter.file("weights", n, number), _WEIGHT)
            places = np.empty(len(words), np.int64)
            kernels.join(*kernels.pack(words), weights["high"].copy(), weights["low"].copy(), places)
            backoff[places >= 0] = weights["weight"][places[places >= 0]]
        kept = ~pruned
        numbers = np.log10(np.stack([lower[kept], backoff[kept]], axis=1)).astype(np.float32)
        np.savez(counter.file("done", n, f"{number}.npz"), words=words[kept], numbers=numbers)


def write_model(estimate: Estimate, words: Sequence[str], path: str, arpa: str | None = None) -> list[int]:
    """The model as a .ngrams file and, if asked, as ARPA. words: by id. Words that never occur are left out.

    Returns the numbers of n-grams by order.
    """
    probabilities = estimate.unigrams[:, 0]
    occurs = probabilities > 0
    occurs[: len(SPECIAL)] = True
    numbers = np.cumsum(occurs) - 1
    kept = [word for word, stays in zip(words, occurs, strict=True) if stays]
    unigrams = np.full((len(kept), 2), ZERO, np.float32)
    unigrams[:, 1] = 0
    with np.errstate(divide="ignore"):
        unigrams[numbers[occurs]] = np.log10(estimate.unigrams[occurs])
    unigrams[0] = unigrams[BEGIN, 0] = 0  # no word is ever scored as these
    unigrams[~np.isfinite(unigrams)] = ZERO
    writer = NgramWriter(path, kept, estimate.counts[1:])
    writer.unigrams[:] = unigrams
    text = ArpaWriter(arpa, kept, [len(kept) - 1, *estimate.counts[1:]]) if arpa else None
    if text:
        text.section(1)
        text.add(np.arange(1, len(kept), dtype=np.int32)[:, None], unigrams[1:])
    for order in range(2, estimate.counter.order + 1):
        if text:
            text.section(order)
        for grams, found in estimate.ngrams(order):
            grams = numbers[grams].astype(np.int32)
            writer.add(grams, found)
            if text:
                text.add(grams, found)
    writer.close()
    if text:
        text.close()
    return [len(kept) - 1, *estimate.counts[1:]]
