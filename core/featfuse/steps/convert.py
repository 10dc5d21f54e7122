"""Convert: the result in the output's element type, with what does not fit counted."""

from collections.abc import Sequence

import numpy as np

from featfuse.engine.casts import cast, count_finite
from featfuse.model.dtypes import DType, is_float, is_integer
from featfuse.model.tensor import Array, Window
from featfuse.steps.base import Run, Step

__all__ = ["OUT_OF_RANGE", "OVERFLOW_TO_INF", "Convert", "convert"]

OUT_OF_RANGE = "values do not fit the output's integers"
OVERFLOW_TO_INF = "finite values became inf"


class Convert(Step):
    """The child's blocks as `dtype`."""

    def __init__(self, child: Step, dtype: DType) -> None:
        self.children = (child,)
        self.shape, self.dtype = child.shape, dtype

    def need(self, window: Window) -> tuple[Window, ...]:
        return (window,)

    def apply(self, window: Window, blocks: Sequence[Array], run: Run) -> Array:
        return convert(blocks[0], self.dtype, run)


def convert(block: Array, dtype: DType, run: Run) -> Array:
    """`block` as `dtype`. To integers: rounded half to even, clipped, what was clipped is counted."""
    if block.dtype == dtype:
        return block
    if is_integer(dtype):
        return _to_integer(block, dtype, run)
    result = cast(block, dtype)
    narrow = dtype.itemsize <= 2 or (dtype.itemsize == 4 and block.dtype == np.float64)
    if is_float(dtype) and narrow:
        run.count(OVERFLOW_TO_INF, _lost(block, result))
    return result


def _lost(block: Array, result: Array) -> int:
    """How many finite values became infinite (or NaN, in a type that has no infinity)."""
    finite_after = count_finite(result)
    return 0 if finite_after == result.size else count_finite(block) - finite_after


def _to_integer(block: Array, dtype: DType, run: Run) -> Array:
    info = np.iinfo(dtype)
    if block.dtype.kind == "b":
        return block.astype(dtype)
    if is_integer(block.dtype):
        have = np.iinfo(block.dtype)
        if have.min >= info.min and have.max <= info.max:
            return block.astype(dtype)
        low, high = max(info.min, have.min), min(info.max, have.max)
        run.count(OUT_OF_RANGE, int(np.count_nonzero((block < low) | (block > high))))
        return np.clip(block, low, high).astype(dtype)
    rounded = np.rint(block.astype(np.float64))
    # float(info.max) of 64-bit types rounds up to 2**63 or 2**64, which itself does not fit.
    top = float(info.max)
    fits = (rounded >= info.min) & ((rounded < top) if int(top) > info.max else (rounded <= top))
    run.count(OUT_OF_RANGE, int(rounded.size - np.count_nonzero(fits)))
    result = np.zeros(block.shape, dtype=dtype)
    np.copyto(result, np.where(fits, rounded, 0).astype(dtype))
    result[rounded < info.min] = info.min
    result[(rounded > 0) & ~fits] = info.max
    return result
