"""A column of texts as two NumPy arrays, and the cuts that change it.

texts = Texts.from_arrow(batch.column("text"))
texts.data[texts.offsets[3] : texts.offsets[4]]      # the UTF-8 bytes of row 3
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


@dataclass(frozen=True, slots=True)
class Texts:
    """Rows of UTF-8 text: `data` uint8 (n_bytes,), `offsets` int64 (rows + 1,) into it, ascending."""

    data: np.ndarray
    offsets: np.ndarray

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> str:
        return bytes(self.data[self.offsets[row] : self.offsets[row + 1]]).decode("utf-8")

    @property
    def lengths(self) -> np.ndarray:
        """Bytes of each row, int64 (rows,)."""
        return np.diff(self.offsets)

    @classmethod
    def from_arrow(cls, column: pa.Array) -> Texts:
        """A read-only view of a string or large_string array without copying its bytes; nulls count as empty."""
        if pa.types.is_null(column.type):
            column = column.cast(pa.large_string())
        if column.null_count:
            column = column.fill_null("")
        wide = pa.types.is_large_string(column.type) or pa.types.is_large_binary(column.type)
        _, ends, data = column.buffers()
        dtype = np.int64 if wide else np.int32
        raw = np.frombuffer(data, np.uint8) if data is not None else np.empty(0, np.uint8)
        if len(column) == 0 or ends is None:
            raw, offsets = raw[:0], np.zeros(1, np.int64)
        else:
            offsets = np.frombuffer(ends, dtype)[column.offset : column.offset + len(column) + 1].astype(np.int64)
        raw.flags.writeable = False  # numba compiles a kernel once more for writable arrays
        return cls(raw[offsets[0] : offsets[-1]], offsets - offsets[0])

    @classmethod
    def from_strings(cls, rows: list[str]) -> Texts:
        return cls.from_arrow(pa.array(rows, pa.large_string()))

    def to_arrow(self) -> pa.Array:
        """A large_string array over the same bytes."""
        buffers = [None, pa.py_buffer(self.offsets), pa.py_buffer(np.ascontiguousarray(self.data))]
        return pa.Array.from_buffers(pa.large_string(), len(self), buffers)


CUTS = pa.list_(pa.struct([("start", pa.int64()), ("end", pa.int64()), ("replacement", pa.string())]))
"""Per row: byte ranges [start, end) of the text a stage saw, ascending and disjoint, and what stands there instead
(null: nothing). A null row has no cuts."""


def cut_bytes(cuts: pa.Array) -> int:
    """Bytes by which these cuts shorten their texts, replacements counted against them."""
    flat = pc.list_flatten(cuts)
    taken = pc.sum(pc.subtract(flat.field("end"), flat.field("start"))).as_py() or 0
    return taken - (pc.sum(pc.binary_length(flat.field("replacement"))).as_py() or 0)


def apply_cuts(texts: Texts, cuts: pa.Array) -> Texts:
    """The texts with every cut of every row carried out."""
    counts = np.asarray(pc.fill_null(pc.list_value_length(cuts), 0))
    if not counts.any():
        return texts
    from gristmill.kernels.cuts import place

    flat = pc.list_flatten(cuts)
    starts, ends = (np.asarray(flat.field(name)) for name in ("start", "end"))
    replacements = Texts.from_arrow(flat.field("replacement"))
    first = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    out = np.empty(len(texts.data) + len(replacements.data), np.uint8)
    offsets = np.zeros(len(texts) + 1, np.int64)
    used = place(texts.data, texts.offsets, first, starts, ends, replacements.data, replacements.offsets, out, offsets)
    out.flags.writeable = False
    return Texts(out[:used], offsets)
