"""Runs of tokens that texts share with evaluation rows but for a few places, as Llama 2 counts contamination."""

from __future__ import annotations

import numpy as np
from numba import njit

from gristmill.kernels.key_table import even, filter_place, find
from gristmill.kernels.needle_search import power
from gristmill.kernels.word_hash import HASH_BASE, mix


@njit(cache=True, nogil=True)
def mark_matches(
    hashes,
    first,
    keep,
    row,
    seed,
    least,
    skips,
    table,
    bits,
    firsts,
    keys,
    first_place,
    places,
    place_rows,
    tokens,
    row_first,
    marked,
    found,
):
    """Mark in `marked` bool (tokens,) the evaluation tokens that match, and write the matches; returns row and how many.

    hashes: uint64, tokens of texts, of which row r has [first[r], first[r + 1]). A match begins with `seed` equal tokens,
    differs in at most `skips` places, ends with an equal token, and has `least` tokens or more. keys ascending, table,
    bits, firsts: of the seeds (kernels.needle_search). first_place (seeds + 1,): places of each seed; places: where in
    `tokens`; place_rows: in which evaluation row, whose tokens are [row_first[r], row_first[r + 1]). found: int64
    (room, 5), of each match the row, its first token and the one after the last, counted from the row's first, the
    evaluation row, and the place. Stops before a row whose matches do not fit.
    """
    seed_power = power(seed)
    count = 0
    while row < len(first) - 1:
        begin, end = first[row], first[row + 1]
        before = count
        if keep[row]:
            rolling = np.uint64(0)
            for at in range(begin, end):
                rolling = rolling * HASH_BASE + hashes[at]
                if at - begin >= seed:
                    rolling -= hashes[at - seed] * seed_power
                start = at + 1 - seed
                if start < begin:
                    continue
                key = even(mix(rolling))
                word, bit = filter_place(bits, key)
                if bits[word] & bit == 0:
                    continue
                slot = find(table, key)
                if slot < 0:
                    continue
                needle = firsts[slot]
                while needle < len(keys) and keys[needle] == key:
                    for number in range(first_place[needle], first_place[needle + 1]):
                        place = places[number]
                        low, high = row_first[place_rows[number]], row_first[place_rows[number] + 1]
                        if start > begin and place > low and hashes[start - 1] == tokens[place - 1]:
                            continue  # the match that began a token earlier holds this one
                        length = differing = 0
                        step = 0
                        while start + step < end and place + step < high:
                            if hashes[start + step] == tokens[place + step]:
                                length = step + 1
                            elif step < seed:
                                length = 0
                                break
                            else:
                                differing += 1
                                if differing > skips:
                                    break
                            step += 1
                        if length < least:
                            continue
                        if count == len(found):
                            return row, before
                        for step in range(length):
                            if hashes[start + step] == tokens[place + step]:
                                marked[place + step] = True
                        found[count, 0], found[count, 1], found[count, 2] = row, start - begin, start - begin + length
                        found[count, 3], found[count, 4] = place_rows[number], place - low
                        count += 1
                    needle += 1
        row += 1
    return row, count
