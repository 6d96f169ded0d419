"""What makes two lines the same, and the 64-bit key that stands for it."""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from gristmill.kernels.text_index import Spans

CCNET_DROPPED = (
    *range(0x00, 0x20),
    *range(0x7F, 0xA0),
    *(0xAB, 0xB4, 0xBB, 0x2013, 0x2014, 0x2019, 0x201C, 0x201D, 0x201E, 0x2026, 0x2236, 0x2501, 0x25BA),
    *(0x3001, 0x3002, 0x3008, 0x3009, 0x300A, 0x300B, 0x300C, 0x300D, 0x3010, 0x3011),
    *(0xFF01, 0xFF05, 0xFF08, 0xFF09, 0xFF0C, 0xFF0E, 0xFF11, 0xFF1A, 0xFF1B, 0xFF1F, 0xFF5E),
)
"""Code points that cc_net's text_normalizer.py drops before it hashes a line: control characters and its table of
wide and typographic punctuation (33 entries, the full-width digit one among them, which is a 0 by then).
ASCII punctuation stays.
"""

Reading = Literal["ccnet", "c4_lines"]
Hash = Literal["xxh64", "sha1"]


@dataclass(frozen=True)
class LineKeys:
    """A reading of "the same line" and a hash over what it leaves of a line.

    ccnet: stripped, lower-cased, each digit as 0, CCNET_DROPPED and, if asked, accents dropped. c4_lines: stripped
    and lower-cased. White space inside a line counts. sha1: the first 8 bytes of the digest, little-endian, as in
    cc_net; xxh64: XXH64 with seed 0.
    """

    reading: Reading
    accents: Literal["keep", "remove"]
    hash: Hash
    min_bytes: int  # of a folded line; shorter ones have no key

    def of(self, lines: Spans) -> np.ndarray:
        """Keys uint64 (lines,), 0 for lines that take no part."""
        from gristmill.kernels.code_points import code_point_tables
        from gristmill.kernels.folding import fold_lines, fold_table

        table = fold_table(**self._folding)
        data = lines.texts.data
        folded, ends, contextual = fold_lines(
            data, lines.start, lines.end, *table.arrays, *code_point_tables(), table.growth
        )
        keys = self._hashes(folded, ends)
        lengths = np.diff(ends, prepend=0)
        for line in np.flatnonzero(contextual):
            text = bytes(data[lines.start[line] : lines.end[line]]).decode("utf-8", "surrogateescape")
            keys[line], lengths[line] = self.of_line(text)
        keys[lengths < self.min_bytes] = 0
        return keys

    def of_line(self, line: str) -> tuple[int, int]:
        """Key and folded bytes of a single line, without `min_bytes`."""
        from gristmill.kernels.folding import fold_text

        folded = fold_text(line, **self._folding).encode("utf-8", "surrogateescape")
        pieces = np.array(bytearray(folded), np.uint8)  # writable, as the kernel was compiled for
        return int(self._hashes(pieces, np.array([len(folded)]))[0]), len(folded)

    @property
    def _folding(self) -> dict[str, Any]:
        ccnet = self.reading == "ccnet"
        return {
            "digits_to_zero": ccnet,
            "dropped": CCNET_DROPPED if ccnet else (),
            "accents": ccnet and self.accents == "remove",
        }

    def _hashes(self, folded: np.ndarray, ends: np.ndarray) -> np.ndarray:
        if self.hash == "xxh64":
            from gristmill.kernels.xxh64 import hash_pieces

            return hash_pieces(folded, ends)
        view = folded.data
        bounds = [0, *ends.tolist()]
        joined = bytearray()
        for start, end in itertools.pairwise(bounds):
            joined += hashlib.sha1(view[start:end], usedforsecurity=False).digest()[:8]
        return np.frombuffer(bytes(joined), "<u8").astype(np.uint64)
