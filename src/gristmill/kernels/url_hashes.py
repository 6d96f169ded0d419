"""64-bit hashes of hosts, their parent domains and whole URLs, and look-ups in sorted arrays of them.

A list of n entries is kept as n sorted hashes, 8 bytes each, that all workers map from the same file. A
look-up answers yes for a name that is not listed with odds n / 2^64: for the 4.6 million domains of UT1 and
four look-ups a URL, one wrongly dropped page in 10^12.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from gristmill.kernels.url_parts import END, HOST, HOST_END, TAIL

_FNV_OFFSET = np.uint64(14695981039346656037)
_FNV_PRIME = np.uint64(1099511628211)
_MIX_1, _MIX_2 = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)
_SHIFT = np.uint64(33)
_HALF = np.uint64(32)


@njit(cache=True, nogil=True)
def _mix(state: np.uint64) -> np.uint64:
    """MurmurHash3's finaliser: FNV-1a alone leaves the high bits of short names uneven, and look-ups want
    them uniform.
    """
    state ^= state >> _SHIFT
    state *= _MIX_1
    state ^= state >> _SHIFT
    state *= _MIX_2
    return state ^ (state >> _SHIFT)


@njit(cache=True, nogil=True)
def _step(state: np.uint64, byte: int) -> np.uint64:
    return (state ^ np.uint64(byte)) * _FNV_PRIME


@njit(cache=True, nogil=True)
def _lower(byte: int) -> int:
    return byte + 32 if 65 <= byte <= 90 else byte


@njit(cache=True, nogil=True)
def hash_bytes(data: np.ndarray, start: int, end: int) -> np.uint64:
    """FNV-1a over data[start:end], mixed."""
    state = _FNV_OFFSET
    for at in range(start, end):
        state = _step(state, data[at])
    return _mix(state)


@njit(cache=True, nogil=True)
def hash_rows(data: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """`hash_bytes` of every row, uint64 (rows,)."""
    hashes = np.empty(len(offsets) - 1, np.uint64)
    for row in range(len(hashes)):
        hashes[row] = hash_bytes(data, offsets[row], offsets[row + 1])
    return hashes


@njit(cache=True, nogil=True)
def find(table: np.ndarray, key: np.uint64) -> int:
    """Position of `key` in the ascending uint64 `table`, or -1.

    Hashes are uniform, so that the search begins where the key would stand and touches one or two pages of a
    mapped file.
    """
    size = len(table)
    if size == 0:
        return -1
    low = high = int(np.int64(((key >> _HALF) * np.uint64(size)) >> _HALF))
    stride = 32
    while low > 0 and table[low] >= key:
        low = max(0, low - stride)
        stride *= 2
    stride = 32
    while high < size and table[high] < key:
        high = min(size, high + stride)
        stride *= 2
    while low < high:
        middle = (low + high) // 2
        if table[middle] < key:
            low = middle + 1
        else:
            high = middle
    return low if low < size and table[low] == key else -1


@njit(cache=True, nogil=True)
def _is_address(data: np.ndarray, start: int, end: int) -> bool:
    """An IP address: in brackets, or its last label is a number (as browsers tell)."""
    at = end - 1
    if data[at] == 93:
        return True
    while at > start and 48 <= data[at] <= 57:
        at -= 1
    return (data[at] == 46 and at < end - 1) or (at == start and 48 <= data[at] <= 57)


@njit(cache=True, nogil=True)
def hash_hosts(data: np.ndarray, spans: np.ndarray) -> np.ndarray:
    """Hash of every host from its last byte to its first, uint64 (rows,): the hash of a parent domain is a
    step on the way.
    """
    hashes = np.zeros(len(spans), np.uint64)
    for row in range(len(spans)):
        state = _FNV_OFFSET
        for back in range(spans[row, HOST_END] - spans[row, HOST]):
            state = _step(state, _lower(data[spans[row, HOST_END] - 1 - back]))
        hashes[row] = _mix(state)
    return hashes


@njit(cache=True, nogil=True)
def match_domains(
    data: np.ndarray, spans: np.ndarray, blocked: np.ndarray, curated: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Which ends of each host are in the tables `blocked` and `curated`: two uint64 (rows,).

    Bit k stands for the last k + 1 labels (bit 63 for all longer ones); of an IP address only the whole
    counts, as bit 0.
    """
    rows = len(spans)
    in_blocked, in_curated = np.zeros(rows, np.uint64), np.zeros(rows, np.uint64)
    for row in range(rows):
        start, end = spans[row, HOST], spans[row, HOST_END]
        if start == end:
            continue
        address = _is_address(data, start, end)
        state = _FNV_OFFSET
        label = 0
        for back in range(end - start):
            at = end - 1 - back
            state = _step(state, _lower(data[at]))
            if at == start or (data[at - 1] == 46 and not address):
                key = _mix(state)
                bit = np.uint64(1) << np.uint64(min(label, 63))
                if find(blocked, key) >= 0:
                    in_blocked[row] |= bit
                if find(curated, key) >= 0:
                    in_curated[row] |= bit
                label += 1
    return in_blocked, in_curated


@njit(cache=True, nogil=True)
def hash_urls(data: np.ndarray, spans: np.ndarray) -> np.ndarray:
    """Hash of host, port and path with query, uint64 (rows,).

    Left out: scheme, user name, a leading `www.`, the ports 80 and 443, the fragment, one trailing slash.
    Only the host is compared without regard to case.
    """
    hashes = np.zeros(len(spans), np.uint64)
    for row in range(len(spans)):
        start, end = key_span(data, spans[row])
        state = _FNV_OFFSET
        for at in range(start, spans[row, HOST_END]):
            state = _step(state, _lower(data[at]))
        port = port_start(data, spans[row])
        for at in range(port, spans[row, TAIL]):
            state = _step(state, data[at])
        for at in range(spans[row, TAIL], end):
            state = _step(state, data[at])
        hashes[row] = _mix(state)
    return hashes


@njit(cache=True, nogil=True)
def key_span(data: np.ndarray, span: np.ndarray) -> tuple[int, int]:
    """First byte of the host without `www.`, and the end of path and query without one trailing slash."""
    start = span[HOST]
    if span[HOST_END] - start > 4:
        www = _lower(data[start]) == 119 and _lower(data[start + 1]) == 119 and _lower(data[start + 2]) == 119
        if www and data[start + 3] == 46:
            start += 4
    end = span[TAIL]
    while end < span[END] and data[end] != 35:
        end += 1
    if end > span[TAIL] and data[end - 1] == 47:
        end -= 1
    return start, end


@njit(cache=True, nogil=True)
def port_start(data: np.ndarray, span: np.ndarray) -> int:
    """Where `:port` begins; the path's beginning when there is none or a usual one."""
    at = span[HOST_END]
    while at < span[TAIL] and data[at] != 58:  # trailing dots of the host
        at += 1
    digits = span[TAIL] - at - 1
    if digits <= 0:
        return span[TAIL]
    if digits == 2 and data[at + 1] == 56 and data[at + 2] == 48:
        return span[TAIL]
    if digits == 3 and data[at + 1] == 52 and data[at + 2] == 52 and data[at + 3] == 51:
        return span[TAIL]
    return at


@njit(cache=True, nogil=True)
def contains(table: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Which keys are in the ascending table, bool (keys,)."""
    found = np.zeros(len(keys), np.bool_)
    for row in range(len(keys)):
        found[row] = find(table, keys[row]) >= 0
    return found
