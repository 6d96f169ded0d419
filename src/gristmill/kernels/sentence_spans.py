"""Where the sentences of texts begin and end (by the rules of kernels.sentences, line by line), and keys of some in a row."""

from __future__ import annotations

import numpy as np
from numba import njit

from gristmill.kernels.lines import strip_span
from gristmill.kernels.sentences import sentence_end
from gristmill.kernels.word_hash import HASH_BASE, mix


@njit(cache=True, nogil=True)
def split_sentences(data, first_line, line_starts, line_ends, phrases, case, blocks, traits):
    """Sentences of the lines of every row, without white space at their ends; blank ones are none.

    first_line: int64 (rows + 1,), lines before each row. Returns first int64 (rows + 1,), sentences before each row; starts and
    ends int64 (sentences,).
    """
    first = np.zeros(len(first_line), np.int64)
    room = 0
    for line in range(len(line_starts)):
        room += line_ends[line] - line_starts[line]  # memory that is never written is never taken
    starts, ends = np.empty(room, np.int64), np.empty(room, np.int64)
    count = 0
    for row in range(len(first_line) - 1):
        for line in range(first_line[row], first_line[row + 1]):
            at, end = line_starts[line], line_ends[line]
            while at < end:
                stop, _ = sentence_end(data, at, line_starts[line], end, phrases, case, blocks, traits)
                start, last = strip_span(data, at, stop, blocks, traits)
                if start < last:
                    starts[count], ends[count] = start, last
                    count += 1
                at = stop
        first[row + 1] = count
    return first, starts[:count].copy(), ends[:count].copy()


@njit(cache=True, nogil=True)
def span_keys(first, keys, length):
    """At each sentence the key of the `length` sentences from it on in its row, uint64; 0 where the row has not so many."""
    found = np.zeros(len(keys), np.uint64)
    for row in range(len(first) - 1):
        for sentence in range(first[row], first[row + 1] - length + 1):
            total = np.uint64(0)
            for step in range(length):
                total = mix(total * HASH_BASE + keys[sentence + step])
            found[sentence] = total if total != np.uint64(0) else np.uint64(1)
    return found


@njit(cache=True, nogil=True)
def covered_runs(keep, first, starts, ends, marked, length):
    """Runs of sentences that marked spans cover: row, start of the first and end of the last, int64; sentences left (rows,).

    marked: bool (sentences,), spans of `length` sentences that begin there. starts, ends: of sentences, from the row's start.
    """
    rows = len(first) - 1
    out_rows = np.empty(len(starts), np.int64)
    out_starts, out_ends = np.empty(len(starts), np.int64), np.empty(len(starts), np.int64)
    left = np.zeros(rows, np.int64)
    count = 0
    for row in range(rows):
        if not keep[row]:
            continue
        until = np.int64(-1)  # sentences before this one are covered
        for sentence in range(first[row], first[row + 1]):
            if marked[sentence]:
                if until < sentence:  # a gap lies between
                    out_rows[count], out_starts[count] = row, starts[sentence]
                    count += 1
                until = sentence + length
            if sentence < until:
                out_ends[count - 1] = ends[sentence]
            else:
                left[row] += 1
                until = np.int64(-1)
    return out_rows[:count], out_starts[:count], out_ends[:count], left
