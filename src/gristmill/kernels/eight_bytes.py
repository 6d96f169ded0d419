"""Eight bytes at a time: long runs without anything of interest are skipped, counted or hashed in one step.

A block is eight bytes as a uint64, the first one lowest. The flags of a block have the top bit of a byte set where something
holds of that byte; they are exact up to the first such byte, so that "none" is always right.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic

from gristmill.kernels.leaf import leaf

_EACH = np.uint64(0x0101010101010101)
_TOP = np.uint64(0x8080808080808080)


_typed: Any = intrinsic  # calls do not pass the typing context that the definition takes


def every(byte: int) -> np.uint64:
    """The block that holds this byte eight times."""
    return np.uint64(0x0101010101010101 * byte)


@_typed
def load_block(typing_context: Any, data: Any, at: Any) -> Any:
    """data[at : at + 8] of a uint8 array as one number. The eight bytes must lie inside."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        address = builder.bitcast(builder.gep(array.data, [arguments[1]]), ir.IntType(64).as_pointer())
        return builder.load(address, align=1)

    return types.uint64(data, types.int64), build


@_typed
def store_block(typing_context: Any, data: Any, at: Any, block: Any) -> Any:
    """data[at : at + 8] = the bytes of the block. They must lie inside."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        address = builder.bitcast(builder.gep(array.data, [arguments[1]]), ir.IntType(64).as_pointer())
        builder.store(arguments[2], address, align=1)
        return context.get_dummy_value()

    return types.void(data, types.int64, types.uint64), build


@_typed
def first_flag(typing_context: Any, flags: Any) -> Any:
    """Which of the eight bytes is the first with a flag; 8 without any."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.lshr(builder.cttz(arguments[0], ir.IntType(1)(0)), ir.IntType(64)(3))

    return types.int64(types.uint64), build


@leaf
def flags_equal(block, pattern):
    """Flags of the bytes that equal those of `pattern`, which `every` made."""
    different = block ^ pattern
    return (different - _EACH) & ~different & _TOP


@leaf
def flags_below(block, pattern):
    """Flags of the bytes below those of `pattern` (at most 0x80 each)."""
    return (block - pattern) & ~block & _TOP


@leaf
def flags_not_ascii(block):
    """Flags of the bytes from 0x80 on."""
    return block & _TOP


@leaf
def code_points_begun(block):
    """Bytes of the block that are no continuation bytes."""
    continued = (block >> np.uint64(7)) & ~(block >> np.uint64(6)) & _EACH
    return np.int64(8) - np.int64((continued * _EACH) >> np.uint64(56))


@leaf
def count_equal(block, pattern):
    """How many bytes equal those of `pattern`."""
    different = block ^ pattern
    equal = ~((different & ~_TOP) + ~_TOP | different) & _TOP
    return np.int64(((equal >> np.uint64(7)) * _EACH) >> np.uint64(56))
