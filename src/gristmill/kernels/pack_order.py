"""Seeded permutations without memory, and the merge of several components in proportion to their targets."""

from __future__ import annotations

import numpy as np
from numba import njit

ROUNDS = 6
GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@njit(cache=True, nogil=True, inline="always")
def mix(value):
    """The finaliser of SplitMix64 (Steele, Lea and Flood 2014): a bijection of 64 bits that looks random."""
    value = np.uint64(value)
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


@njit(cache=True, nogil=True)
def epoch_key(key, epoch):
    return mix(np.uint64(key) ^ mix(np.uint64(epoch) + GOLDEN))


@njit(cache=True, nogil=True)
def _half_bits(count):
    half = np.uint64(1)
    while (np.uint64(1) << (np.uint64(2) * half)) < np.uint64(count):
        half += np.uint64(1)
    return half


@njit(cache=True, nogil=True)
def _round_keys(key):
    keys = np.empty(ROUNDS, np.uint64)
    for number in range(ROUNDS):
        keys[number] = mix(np.uint64(key) + np.uint64(number + 1) * GOLDEN)
    return keys


@njit(cache=True, nogil=True, inline="always")
def _forward(value, count, keys, half):
    mask = (np.uint64(1) << half) - np.uint64(1)
    while True:
        left, right = value >> half, value & mask
        for number in range(ROUNDS):
            left, right = right, left ^ (mix(right ^ keys[number]) & mask)
        value = (left << half) | right
        if value < count:
            return value


@njit(cache=True, nogil=True, inline="always")
def _backward(value, count, keys, half):
    mask = (np.uint64(1) << half) - np.uint64(1)
    while True:
        left, right = value >> half, value & mask
        for number in range(ROUNDS - 1, -1, -1):
            left, right = right ^ (mix(left ^ keys[number]) & mask), left
        value = (left << half) | right
        if value < count:
            return value


@njit(cache=True, nogil=True)
def permuted(position, count, key):
    """Where a keyed permutation of 0 … count - 1 sends `position`, from the number alone.

    A balanced Feistel network over the least even number of bits that holds `count`, walked until it lands
    inside (Black and Rogaway 2002). Needs no table, so any part of an order over billions of documents can be
    asked for.
    """
    return np.int64(_forward(np.uint64(position), np.uint64(count), _round_keys(key), _half_bits(count)))


@njit(cache=True, nogil=True)
def permuted_range(start, count, key, out):
    """`permuted` of the positions from `start` on, as many as `out` int64 holds."""
    keys, half = _round_keys(key), _half_bits(count)
    for number in range(len(out)):
        out[number] = np.int64(_forward(np.uint64(start + number), np.uint64(count), keys, half))


@njit(cache=True, nogil=True)
def positions_of(start, count, key, out):
    """The positions that `permuted` sends to the values from `start` on, as many as `out` int64 holds."""
    keys, half = _round_keys(key), _half_bits(count)
    for number in range(len(out)):
        out[number] = np.int64(_backward(np.uint64(start + number), np.uint64(count), keys, half))


@njit(cache=True, nogil=True)
def deal(positions, lengths, first, stop, size, ends, records):
    """Group (position, tokens) by range of positions: a counting sort that keeps the order within a range.

    positions int64, lengths int32 (documents,); only positions in [first, stop) take part, in ranges of `size`.
    ends int64 (ranges,): filled with where each range ends in `records` int32 (documents, 2), which holds
    positions relative to their range, and tokens. Returns nothing.
    """
    ends[:] = 0
    for number in range(len(positions)):
        if first <= positions[number] < stop:
            ends[(positions[number] - first) // size] += 1
    total = 0
    for part in range(len(ends)):
        total, ends[part] = total + ends[part], total
    for number in range(len(positions)):
        if first <= positions[number] < stop:
            part = (positions[number] - first) // size
            records[ends[part], 0] = (positions[number] - first) % size
            records[ends[part], 1] = lengths[number]
            ends[part] += 1


@njit(cache=True, nogil=True, inline="always")
def _place(done, taken, bounds, component):
    """Where in the mixture the middle of `taken` after `done` falls: the phase, and its fraction of the phase.

    bounds float64 (phases + 1, components): how much of each component is given at the start of each phase.
    """
    middle = done + 0.5 * taken
    phases = bounds.shape[0] - 1
    phase = 0
    while phase < phases - 1 and middle >= bounds[phase + 1, component]:
        phase += 1
    low, high = bounds[phase, component], bounds[phase + 1, component]
    return phase + min((middle - low) / (high - low), 1.0)


@njit(cache=True, nogil=True, inline="always")
def _less(places, first, second):
    return places[first] < places[second] or (places[first] == places[second] and first < second)


@njit(cache=True, nogil=True)
def _sink(heap, size, places, root):
    """Move the component at `root` of a binary heap down to where it belongs."""
    while True:
        child = 2 * root + 1
        if child >= size:
            return
        if child + 1 < size and _less(places, heap[child + 1], heap[child]):
            child += 1
        if not _less(places, heap[child], heap[root]):
            return
        heap[root], heap[child] = heap[child], heap[root]
        root = child


@njit(cache=True, nogil=True)
def interleave(
    block_documents,
    block_tokens,
    begins,
    ends,
    counts,
    targets,
    bounds,
    by_documents,
    step,
    done,
    tokens_done,
    components,
    documents,
    epochs,
    tokens,
):
    """Fill the output arrays with the next entries of the order; returns how many there were.

    block_documents int64, block_tokens int32: the next documents of every component in the order of its own,
    component after component; begins, ends int64 (components,): where a component's part not yet given lies.
    counts int64 (components,): documents in an epoch; targets int64 (components,): tokens to take, or
    documents where `by_documents`; bounds float64 (phases + 1, components): targets up to each phase.
    step, done, tokens_done int64 (components,): documents, amount and tokens each has given; updated as `begins`
    is, so that the next call goes on.

    A document stands where its middle falls within its component's target, as a fraction; the smallest
    fraction comes next, the earlier component on a tie. So at every point all components have given the same
    fraction of their targets, each to within half a document. Stops when the output is full or when a component
    that has not met its target has no documents in its block.
    """
    count = len(counts)
    taken = np.zeros(count, np.int64)
    places = np.empty(count, np.float64)
    heap = np.empty(count, np.int64)
    size = 0
    for component in range(count):
        if done[component] < targets[component]:
            if begins[component] == ends[component]:
                return 0
            amount = (
                1
                if by_documents
                else min(np.int64(block_tokens[begins[component]]), targets[component] - done[component])
            )
            taken[component] = amount
            places[component] = _place(np.float64(done[component]), np.float64(amount), bounds, component)
            heap[size] = component
            size += 1
    for root in range(size // 2 - 1, -1, -1):
        _sink(heap, size, places, root)
    for entry in range(len(components)):
        if size == 0:
            return entry
        best = heap[0]
        at = begins[best]
        given = np.int64(block_tokens[at]) if by_documents else taken[best]
        components[entry] = best
        documents[entry] = block_documents[at]
        epochs[entry] = step[best] // counts[best]
        tokens[entry] = given
        step[best] += 1
        done[best] += taken[best]
        tokens_done[best] += given
        begins[best] = at + 1
        if done[best] < targets[best]:
            if begins[best] == ends[best]:
                return entry + 1
            if not by_documents:
                taken[best] = min(np.int64(block_tokens[at + 1]), targets[best] - done[best])
            places[best] = _place(np.float64(done[best]), np.float64(taken[best]), bounds, best)
        else:
            size -= 1
            heap[0] = heap[size]
        _sink(heap, size, places, 0)
    return len(components)
