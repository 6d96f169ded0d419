"""SentencePiece's unigram segmentation: normalise by its character map, then the best path of pieces (Viterbi).

Follows sentencepiece's `Normalizer::Normalize` and `unigram::Model::EncodeOptimized`, rounding and ties included: scores are
summed in single precision, and the first of two equal paths stays.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit

from gristmill.kernels.code_points import SPACE, decode, trait
from gristmill.kernels.leaf import leaf

_U = np.uint32
_RESET = np.float32(100_000)  # sums beyond it start again from 0, as in sentencepiece 0.2.3


@leaf
def _offset(unit):
    """Where a node's children begin in a Darts double array, relative to the node."""
    return (unit >> _U(10)) << ((unit & _U(1 << 9)) >> _U(6))


@leaf
def _longest(units, data, at, end):
    """The longest entry of a Darts double array that begins at `at`: its value and length, or -1 and 0."""
    value, length = np.int64(-1), np.int64(0)
    node = _offset(units[0])
    for place in range(at, end):
        label = _U(data[place])
        node ^= label
        if node >= len(units):
            break
        unit = units[node]
        if unit & _U(0x800000FF) != label:
            break
        node ^= _offset(unit)
        if (unit >> _U(8)) & _U(1):
            value, length = np.int64(units[node] & _U(0x7FFFFFFF)), place + 1 - at
    return value, length


@leaf
def _character(data, at, end):
    """Bytes of the character at `at`."""
    byte = data[at]
    length = 1 if byte < 0xC0 else 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
    return min(length, end - at)


@njit(cache=True, nogil=True)
def normalize(data, start, end, units, strings, prefix, squeeze, target):
    """One text by the character map, spaces as ▁; returns the bytes written to `target`.

    units: uint32, the map's double array, empty when there is none; strings: uint8, what its values point to, each ended by 0.
    """
    used = 0
    before_space = squeeze
    begun = False
    at = start
    while at < end:
        value, length = np.int64(-1), np.int64(0)
        if len(units):
            value, length = _longest(units, data, at, end)
        place, source = at, data
        if length == 0:
            length = _character(data, at, end)
            stop = at + length
        else:
            place, source = value, strings
            stop = place
            while strings[stop]:
                stop += 1
        if squeeze and not begun and stop - place == 1 and source[place] == 32:
            at += length
            continue
        if not begun:
            begun = True
            if prefix:
                target[used], target[used + 1], target[used + 2] = 0xE2, 0x96, 0x81
                used += 3
        while before_space and place < stop and source[place] == 32:
            place += 1
        if place < stop:
            for n in range(place, stop):
                if source[n] == 32:
                    target[used], target[used + 1], target[used + 2] = 0xE2, 0x96, 0x81
                    used += 3
                else:
                    target[used] = source[n]
                    used += 1
            before_space = source[stop - 1] == 32
        if not squeeze:
            before_space = False
        at += length
    while squeeze and used >= 3 and target[used - 3] == 0xE2 and target[used - 2] == 0x96 and target[used - 1] == 0x81:
        used -= 3
    return used


@leaf
def _hash(data, start, end):
    """FNV-1a, 64 bits."""
    value = np.uint64(0xCBF29CE484222325)
    for place in range(start, end):
        value = (value ^ np.uint64(data[place])) * np.uint64(0x100000001B3)
    return value


@njit(cache=True, nogil=True)
def hash_all(data, offsets, found):
    """FNV-1a of every text."""
    for row in range(len(found)):
        found[row] = _hash(data, offsets[row], offsets[row + 1])


@njit(cache=True, nogil=True)
def encode(
    data, offsets, units, strings, prefix, squeeze, base, check, value, scores, unknown_score, words, unknown,
    surface_hashes, surface_words, blocks, traits, out, out_offsets, odd,
):  # fmt: skip
    """Texts as word ids of a language model, end to end in `out`; returns how many. `odd`: texts to be encoded another way.

    base, check, value: the double array of pieces, see `make_trie`. words: int32 by piece; runs of characters that are in no
    piece are one word, found by hash of their bytes in ascending `surface_hashes`, else `unknown`. Odd are texts where such a
    run holds white space, since what splits words there is the library's business.
    """
    room = 0
    for row in range(len(offsets) - 1):
        room = max(room, offsets[row + 1] - offsets[row])
    room = 18 * room + 16  # the longest string of a map, for one byte
    text = np.empty(room, np.uint8)
    best = np.empty(room + 1, np.float32)
    starts = np.empty(room + 1, np.int32)
    pieces = np.empty(room + 1, np.int32)
    used = 0
    for row in range(len(offsets) - 1):
        size = normalize(data, offsets[row], offsets[row + 1], units, strings, prefix, squeeze, text)
        starts[: size + 1] = -1
        best[0] = 0
        at = frontier = 0
        while at < size:
            so_far = best[at]
            if abs(so_far) > _RESET:
                for ahead in range(at, frontier + 1):
                    if ahead == at or starts[ahead] != -1:
                        best[ahead] -= so_far
                so_far = np.float32(0)
            width = _character(text, at, size)
            single = False
            node = 0
            place = at
            while place < size:
                following = base[node] + np.int64(text[place])
                if check[following] != node:
                    break
                node = following
                place += 1
                piece = value[node]
                if piece >= 0:
                    frontier = max(frontier, place)
                    candidate = scores[piece] + so_far
                    if starts[place] == -1 or candidate > best[place]:
                        best[place], starts[place], pieces[place] = candidate, at, piece
                    if place - at == width:
                        single = True
            if not single:
                place = at + width
                frontier = max(frontier, place)
                candidate = unknown_score + so_far
                if starts[place] == -1 or candidate > best[place]:
                    best[place], starts[place], pieces[place] = candidate, at, -1
            at += width
        first = used
        place = size
        run_end = -1  # of the run of unknown characters that is being walked back through
        while place > 0 or run_end >= 0:
            piece = pieces[place] if place > 0 else 0
            if place > 0 and piece < 0:
                if run_end < 0:
                    run_end = place
                code, _ = decode(text, starts[place], place)
                if trait(blocks, traits, code) & SPACE:
                    odd[row] = True
                place = int(starts[place])
                continue
            if run_end >= 0:
                key = _hash(text, place, run_end)
                found = np.searchsorted(surface_hashes, key)
                hit = found < len(surface_hashes) and surface_hashes[found] == key
                out[used] = surface_words[found] if hit else unknown
                used += 1
                run_end = -1
            if place > 0:
                out[used] = words[piece]
                used += 1
                place = int(starts[place])
        low, high = first, used - 1
        while low < high:
            out[low], out[high] = out[high], out[low]
            low += 1
            high -= 1
        out_offsets[row + 1] = used
    return used


def make_trie(pieces: Sequence[tuple[bytes, int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A double array of byte strings: int32 `base`, `check`, `value`.

    From node s, byte c leads to t = base[s] + c if check[t] == s; value[t] is what was given with the string, or -1.
    """
    children: list[dict[int, int]] = [{}]
    values = [-1]
    for text, number in pieces:
        node = 0
        for byte in text:
            following = children[node].get(byte)
            if following is None:
                following = children[node][byte] = len(children)
                children.append({})
                values.append(-1)
            node = following
        values[node] = number
    first = np.zeros(len(children) + 1, np.int64)
    first[1:] = np.cumsum([len(found) for found in children])
    labels = np.array([byte for found in children for byte in found], np.int64)
    targets = np.array([node for found in children for node in found.values()], np.int64)
    base, check, value = (np.full(2 * len(children) + 1024, fill, np.int32) for fill in (0, -1, -1))
    used = _place(first, labels, targets, np.array(values, np.int32), base, check, value)
    return base[: used + 256].copy(), check[: used + 256].copy(), value[: used + 256].copy()


@njit(cache=True, nogil=True)
def _place(first, labels, targets, values, base, check, value):
    """Lay out the nodes breadth first, each group of children in the first gap that takes it; returns slots in use."""
    slot = np.zeros(len(values), np.int64)
    queue = np.zeros(len(values), np.int64)
    check[0] = 0
    head, tail, low, top = 0, 1, 1, 1
    while head < tail:
        node = queue[head]
        head += 1
        start, stop = first[node], first[node + 1]
        if start == stop:
            continue
        while check[low] != -1:
            low += 1
        least = labels[start]
        for n in range(start, stop):
            least = min(least, labels[n])
        at = max(np.int64(1), low - least)
        tries = 0
        while True:
            fits = True
            for n in range(start, stop):
                if check[at + labels[n]] != -1:
                    fits = False
                    break
            if fits:
                break
            at += 1
            tries += 1
            if tries == 4096 and low + 256 < top:
                low = top - 256  # the gaps before are too small: give them up
        base[slot[node]] = at
        for n in range(start, stop):
            place = at + labels[n]
            check[place] = slot[node]
            slot[targets[n]] = place
            value[place] = values[targets[n]]
            queue[tail] = targets[n]
            tail += 1
            top = max(top, place + 1)
    return top
