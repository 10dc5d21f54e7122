"""Casts between float16 and float32 by integer arithmetic: two to three times as fast as NumPy's own, the
same bits. All other casts are NumPy's.

After "float->half variants" by Fabian Giesen (public domain): both types are sign, exponent and mantissa,
so shifting the mantissa and moving the exponent's zero does all but the extremes of the range. These are
few in practice, and left to NumPy.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from featfuse.model.tensor import Array

__all__ = ["cast", "count_finite"]

_F16, _F32 = np.dtype(np.float16), np.dtype(np.float32)
_EXPONENT = {"float16": np.uint16(0x7C00), "bfloat16": np.uint16(0x7F80)}
_SHARE = 1 << 19
"""Elements at a time: enough that threads, which take turns between two passes, seldom wait for each other.
Shares that a core's own cache holds (1 << 16) took half as long again in two threads."""

_MANTISSA_BITS = 23 - 10
_REBIAS = np.float32(2.0 ** (127 - 15))
_LEAST_NORMAL = np.float32(2.0**-14).view(np.uint32)
_FIRST_INFINITE = np.float32(65520.0).view(np.uint32)
_MOST_EXTREMES = 8
"""One in so many values beyond the normal range, and NumPy casts the whole share."""


def cast(block: Array, dtype: np.dtype[Any]) -> Array:
    """`block` as `dtype`, rounded to nearest, ties to even; `block` itself when it has that type already."""
    if block.dtype == dtype:
        return block
    if block.dtype == _F16 and dtype == _F32:
        return _in_shares(block, dtype, _widen)
    if block.dtype == _F32 and dtype == _F16:
        return _in_shares(block, dtype, _narrow)
    return block.astype(dtype)


def count_finite(block: Array) -> int:
    """How many values are neither infinite nor NaN."""
    exponent = _EXPONENT.get(block.dtype.name)
    if exponent is None:
        return int(np.count_nonzero(np.isfinite(block)))
    return int(np.count_nonzero((block.view(np.uint16) & exponent) != exponent))


def _in_shares(
    block: Array, dtype: np.dtype[Any], convert: Callable[[Array, Array, "_Scratch"], None]
) -> Array:
    result = np.empty(block.shape, dtype=dtype)
    scratch = _Scratch(min(block.size, _SHARE))
    for source, target in _shares(np.ascontiguousarray(block).reshape(-1), result.reshape(-1)):
        convert(source, target, scratch)
    return result


def _shares(source: Array, target: Array) -> Iterator[tuple[Array, Array]]:
    for start in range(0, len(source), _SHARE):
        yield source[start : start + _SHARE], target[start : start + _SHARE]


class _Scratch:
    """Room for the passes over one share, taken once for all shares."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._arrays: dict[tuple[str, str], Array] = {}

    def get(self, name: str, dtype: str, size: int) -> Array:
        """An array of `size` elements, the same one for the same name."""
        key = name, dtype
        if key not in self._arrays:
            self._arrays[key] = np.empty(self._size, dtype)
        return self._arrays[key][:size]


def _widen(half: Array, single: Array, scratch: _Scratch) -> None:
    magnitude = np.bitwise_and(
        half.view(np.uint16), np.uint16(0x7FFF), out=scratch.get("magnitude", "uint16", len(half))
    )
    if magnitude.max(initial=0) >= 0x7C00:  # inf or NaN
        single[...] = half
        return
    bits = single.view(np.int32)
    bits[...] = half.view(np.int16)  # the sign fills the upper half
    bits <<= _MANTISSA_BITS
    bits &= np.int32(0x8FFFE000 - (1 << 32))
    single *= _REBIAS  # exact, and makes subnormals normal


def _narrow(single: Array, half: Array, scratch: _Scratch) -> None:
    size = len(single)
    whole = single.view(np.uint32)
    magnitude = np.bitwise_and(whole, np.uint32(0x7FFFFFFF), out=scratch.get("magnitude", "uint32", size))
    distance = np.subtract(magnitude, _LEAST_NORMAL, out=scratch.get("work", "uint32", size))
    extreme = np.greater_equal(  # what is less than the least normal wraps around
        distance, _FIRST_INFINITE - _LEAST_NORMAL, out=scratch.get("extreme", "bool", size)
    )
    extremes = np.count_nonzero(extreme)
    if extremes:
        extreme &= magnitude != 0
        extremes = np.count_nonzero(extreme)
    if extremes * _MOST_EXTREMES > size:
        half[...] = single
        return
    scaled = np.multiply(single, 1 / _REBIAS, out=distance.view(np.float32))
    bits, odd = scaled.view(np.uint32), magnitude
    np.right_shift(bits, _MANTISSA_BITS, out=odd)
    odd &= 1
    bits += odd  # ties go to the even mantissa
    bits += np.uint32(0xFFF)
    bits >>= _MANTISSA_BITS
    target = half.view(np.uint16)
    target[...] = bits
    target &= np.uint16(0x7FFF)
    bits >>= 3
    sign = scratch.get("sign", "uint16", size)
    sign[...] = bits
    sign &= np.uint16(0x8000)
    target |= sign
    if extremes:
        half[extreme] = single[extreme]
