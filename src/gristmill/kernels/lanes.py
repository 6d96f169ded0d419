"""64 rows at a time: one bit a row says whether something holds of it, bit k of a uint64 for row k."""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic

LANES = 64

_typed: Any = intrinsic  # calls do not pass the typing context that the definition takes


def _address(context: Any, builder: Any, kind: Any, array: Any, at: Any, vector: Any) -> Any:
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [at]), vector.as_pointer())


@_typed
def at_most(typing_context: Any, values: Any, at: Any, bound: Any) -> Any:
    """Which of the 64 numbers values[at : at + 64] of a float32 array are <= bound. They must lie inside."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vector = ir.VectorType(ir.FloatType(), LANES)
        address = _address(context, builder, signature.args[0], arguments[0], arguments[1], vector)
        nothing = ir.Constant(vector, ir.Undefined)
        first = builder.insert_element(nothing, arguments[2], ir.IntType(32)(0))
        bounds = builder.shuffle_vector(first, nothing, ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES))
        return builder.bitcast(builder.fcmp_ordered("<=", builder.load(address, align=4), bounds), ir.IntType(64))

    return types.uint64(values, types.int64, types.float32), build


@_typed
def store_numbers(typing_context: Any, numbers: Any, a: Any, b: Any, c: Any, d: Any, e: Any) -> Any:
    """numbers[k] of a uint8 array (64,) = bit k of a + 2 x that of b + 4 x that of c + 8 x that of d + 16 x that of e."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vector = ir.VectorType(ir.IntType(8), LANES)
        total = none = ir.Constant(vector, [0] * LANES)
        for power, bits in enumerate(arguments[1:]):
            lanes = builder.bitcast(bits, ir.VectorType(ir.IntType(1), LANES))
            total = builder.or_(total, builder.select(lanes, ir.Constant(vector, [1 << power] * LANES), none))
        address = _address(context, builder, signature.args[0], arguments[0], ir.IntType(64)(0), vector)
        builder.store(total, address, align=1)
        return context.get_dummy_value()

    return types.void(numbers, *[types.uint64] * 5), build
