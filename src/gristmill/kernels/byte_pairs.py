"""Byte-pair encoding of words: lowest rank first, the leftmost on a tie, and a memory of the words met before.

`Merges` is what a vocabulary says, `Memory` what an encoder has seen; both are arrays, so kernels share them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numba import njit

from gristmill.kernels.eight_bytes import load_block
from gristmill.kernels.leaf import leaf

REMEMBERED_BYTES = 23  # of a word: with its length they fill three of the four numbers of a slot
PADDING = 32  # bytes that must follow the last word, since words are read eight bytes at a time
SLOTS = 1 << 20  # of the memory: 32 MB, half a million words
POOL = 1 << 22  # ids of remembered words
_MIX = np.uint64(0x9E3779B97F4A7C15)
_MIX_2 = np.uint64(0xC2B2AE3D27D4EB4F)
_NONE = np.uint64(0xFFFFFFFFFFFFFFFF)  # no pair, no merge
_LOW = np.array([(1 << 8 * count) - 1 for count in range(8)] + [(1 << 64) - 1], np.uint64)
_EIGHT, _HALF, _TOP_BYTE = np.uint64(8), np.uint64(32), np.uint64(56)
_POSITION = np.uint64(0xFFFFFFFF)


class Merges(NamedTuple):
    """A vocabulary's bytes and merges. The pairs are a hash table with room, an empty slot all ones."""

    singles: np.ndarray  # uint32 (256,): id of each byte
    pairs: np.ndarray  # uint64 (slots, 2): left id << 32 | right id, then rank << 32 | id of the merged token


class Memory(NamedTuple):
    """Words and their ids; forgotten all at once when it is full."""

    words: np.ndarray  # uint64 (SLOTS, 4): 23 bytes and their number, then first << 8 | count in ids
    ids: np.ndarray  # uint32 (POOL,)
    used: np.ndarray  # int64 (2,): slots, ids


def make_merges(singles: Sequence[int], left: Sequence[int], right: Sequence[int], results: Sequence[int]) -> Merges:
    """From the ids of the 256 bytes and, in the order of their rank, the ids of every merge's parts and result."""
    slots = 1 << max(4, int(2 * len(left)).bit_length())
    merges = Merges(np.array(singles, np.uint32), np.full((slots, 2), _NONE))
    _fill(merges.pairs, *(np.asarray(ids, np.uint64) for ids in (left, right, results)))
    return merges


def make_memory() -> Memory:
    return Memory(np.zeros((SLOTS, 4), np.uint64), np.empty(POOL, np.uint32), np.zeros(2, np.int64))


@leaf
def _slot(pairs, pair):
    """The slot of a pair, or the empty one where it would be."""
    last = np.uint64(len(pairs) - 1)
    place = (pair * _MIX) >> np.uint64(20) & last
    while pairs[place, 0] != pair and pairs[place, 0] != _NONE:
        place = (place + np.uint64(1)) & last
    return place


@njit(cache=True, nogil=True)
def _fill(pairs, left, right, results):
    for rank in range(len(left)):
        pair = left[rank] << _HALF | right[rank]
        slot = _slot(pairs, pair)
        pairs[slot, 0] = pair  # of a pair listed twice the later rank holds, as in tokenizers
        pairs[slot, 1] = np.uint64(rank) << _HALF | results[rank]


@njit(cache=True, nogil=True)
def encode_words(data, ends, words, merges, memory, out, counts):
    """Write the ids of texts to `out`, how many each has to `counts`; returns how many in all.

    data: uint8 (bytes + PADDING,). ends: int64 (all words,), of words that lie end to end in `data`. words: int64 (texts,), how
    many each text has. out: uint32 (bytes,). counts: int64 (texts,).
    """
    singles, pairs = merges
    remembered, ids, used = memory
    symbols, ranked = np.empty(REMEMBERED_BYTES, np.uint64), np.empty(REMEMBERED_BYTES, np.uint64)
    last = np.uint64(len(remembered) - 1)
    at = np.int64(0)
    start = done = 0
    for text in range(len(words)):
        before = at
        for word in range(done, done + words[text]):
            end = ends[word]
            length = end - start
            if length > REMEMBERED_BYTES:
                at += _merge_long(data, start, end, singles, pairs, out, at)
                start = end
                continue
            first = load_block(data, start) & _LOW[min(length, 8)]
            second = load_block(data, start + 8) & _LOW[min(max(length - 8, 0), 8)]
            third = load_block(data, start + 16) & _LOW[min(max(length - 16, 0), 7)] | np.uint64(length) << _TOP_BYTE
            mixed = (first ^ (second * _MIX) ^ (third * _MIX_2)) * _MIX
            slot = (mixed ^ mixed >> _HALF) & last
            while remembered[slot, 2] != np.uint64(0) and (
                remembered[slot, 0] != first or remembered[slot, 2] != third or remembered[slot, 1] != second
            ):
                slot = (slot + np.uint64(1)) & last
            if remembered[slot, 2] != np.uint64(0):
                begin = np.int64(remembered[slot, 3] >> _EIGHT)
                count = np.int64(remembered[slot, 3] & np.uint64(255))
                for number in range(count):
                    out[at + number] = ids[begin + number]
            else:
                count = _merge_short(data, start, end, singles, pairs, symbols, ranked, out, at)
                if used[0] * 2 >= len(remembered) or used[1] + REMEMBERED_BYTES > len(ids):
                    remembered[:, 2] = np.uint64(0)
                    used[:] = 0
                    slot = (mixed ^ mixed >> _HALF) & last
                remembered[slot, 0], remembered[slot, 1], remembered[slot, 2] = first, second, third
                remembered[slot, 3] = np.uint64(used[1]) << _EIGHT | np.uint64(count)
                ids[used[1] : used[1] + count] = out[at : at + count]
                used[0] += 1
                used[1] += count
            at += count
            start = end
        done += words[text]
        counts[text] = at - before
    return at


@leaf
def _merge_of(pairs, left, right):
    """rank << 32 | id of the merged token, or _NONE."""
    return pairs[_slot(pairs, np.uint64(left) << _HALF | np.uint64(right)), 1]


@leaf
def _merge_short(data, start, end, singles, pairs, symbols, merges, out, at):
    """Write the ids of one word; returns how many. The best merge is looked for among all, which is fast for few."""
    count = end - start
    for place in range(count):
        symbols[place] = singles[data[start + place]]
    for place in range(count - 1):
        merges[place] = _merge_of(pairs, symbols[place], symbols[place + 1])
    while count > 1:
        best, least = 0, merges[0]
        for place in range(1, count - 1):
            if merges[place] < least:
                best, least = place, merges[place]
        if least == _NONE:
            break
        count -= 1
        symbols[best] = least & _POSITION
        for place in range(best + 1, count):
            symbols[place] = symbols[place + 1]
            merges[place - 1] = merges[place]
        if best > 0:
            merges[best - 1] = _merge_of(pairs, symbols[best - 1], symbols[best])
        if best + 1 < count:
            merges[best] = _merge_of(pairs, symbols[best], symbols[best + 1])
    for place in range(count):
        out[at + place] = symbols[place]
    return count


@njit(cache=True, nogil=True)
def _merge_long(data, start, end, singles, pairs, out, at):
    """The same with a heap of merges, in which those that another overtook stay until they come up."""
    count = end - start
    symbols, following, before = np.empty(count, np.int64), np.empty(count, np.int64), np.empty(count, np.int64)
    heap = np.empty(3 * count, np.uint64)
    size = 0
    for place in range(count):
        symbols[place] = singles[data[start + place]]
        following[place] = place + 1
        before[place] = place - 1
    for place in range(count - 1):
        size = _push(heap, size, _merge_of(pairs, symbols[place], symbols[place + 1]), place)
    while size:
        top = heap[0]
        size = _pop(heap, size)
        left = np.int64(top & _POSITION)
        right = following[left]
        if symbols[left] < 0 or right >= count:
            continue
        merge = _merge_of(pairs, symbols[left], symbols[right])
        if merge >> _HALF != top >> _HALF:
            continue
        symbols[left] = merge & _POSITION
        symbols[right] = -1
        following[left] = following[right]
        if following[left] < count:
            before[following[left]] = left
            size = _push(heap, size, _merge_of(pairs, symbols[left], symbols[following[left]]), left)
        if before[left] >= 0:
            size = _push(heap, size, _merge_of(pairs, symbols[before[left]], symbols[left]), before[left])
    place = written = 0
    while place < count:
        out[at + written] = symbols[place]
        written += 1
        place = following[place]
    return written


@leaf
def _push(heap, size, merge, left):
    """Add a merge, unless it is none; returns the heap's size."""
    if merge == _NONE:
        return size
    entry = (merge & ~_POSITION) | np.uint64(left)
    place = size
    while place > 0 and heap[(place - 1) >> 1] > entry:
        heap[place] = heap[(place - 1) >> 1]
        place = (place - 1) >> 1
    heap[place] = entry
    return size + 1


@leaf
def _pop(heap, size):
    """Remove the least entry; returns the heap's size."""
    size -= 1
    entry = heap[size]
    place = 0
    while True:
        child = 2 * place + 1
        if child >= size:
            break
        if child + 1 < size and heap[child + 1] < heap[child]:
            child += 1
        if heap[child] >= entry:
            break
        heap[place] = heap[child]
        place = child
    heap[place] = entry
    return size
